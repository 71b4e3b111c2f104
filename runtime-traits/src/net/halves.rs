//! The two directions of a [`TcpStream`] or a Unix stream, for two tasks.
//!
//! No lock stands between them: a stream is read and written through `&`.

use core::fmt;
use std::sync::Arc;
use std::vec::Vec;

use super::TcpStream;
use super::link::Link;
use crate::io;
use crate::io::ReuniteError;

/// What halves need of their stream. Only the streams of this module are such.
pub trait Whole {
    /// The addresses of its ends.
    type Addr;

    #[doc(hidden)]
    fn inside(&self) -> Inside<'_>;

    #[doc(hidden)]
    fn local(&self) -> io::Result<Self::Addr>;

    #[doc(hidden)]
    fn peer(&self) -> io::Result<Self::Addr>;
}

/// What is inside a stream. Nobody else can look into it.
pub struct Inside<'a>(pub(super) &'a Link);

/// The half that reads, borrowed from [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'a, S = TcpStream>(pub(super) &'a S);

/// The half that writes, borrowed from [`TcpStream::split`].
#[derive(Debug)]
pub struct WriteHalf<'a, S = TcpStream>(pub(super) &'a S);

/// The half that reads, from [`TcpStream::into_split`]. Dropping it does nothing to the connection.
#[derive(Debug)]
pub struct OwnedReadHalf<S = TcpStream>(pub(super) Arc<S>);

/// The half that writes, from [`TcpStream::into_split`].
///
/// Dropping it ends writing: the peer sees the end of the stream after all that was written. See
/// [`forget`](OwnedWriteHalf::forget).
pub struct OwnedWriteHalf<S: Whole = TcpStream>(pub(super) Arc<S>, EndOnDrop);

/// Whether dropping the half ends writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EndOnDrop(bool);

pub(super) fn split<S>(stream: &mut S) -> (ReadHalf<'_, S>, WriteHalf<'_, S>) {
    (ReadHalf(stream), WriteHalf(stream))
}

pub(super) fn into_split<S: Whole>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let shared = Arc::new(stream);
    (OwnedReadHalf(shared.clone()), OwnedWriteHalf(shared, EndOnDrop(true)))
}

impl<S: Whole> OwnedReadHalf<S> {
    /// The stream again.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] gives both back if they are halves of different streams.
    pub fn reunite(
        self,
        writer: OwnedWriteHalf<S>,
    ) -> Result<S, ReuniteError<OwnedReadHalf<S>, OwnedWriteHalf<S>>> {
        if !Arc::ptr_eq(&self.0, &writer.0) {
            return Err(ReuniteError(self, writer));
        }
        writer.forget();
        Ok(Arc::into_inner(self.0).expect("there are two halves, both here"))
    }
}

impl<S: Whole> OwnedWriteHalf<S> {
    /// Drops the half without ending writing. The connection ends with the other half.
    pub fn forget(mut self) {
        self.1 = EndOnDrop(false);
    }

    /// The stream again. See [`OwnedReadHalf::reunite`].
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] gives both back if they are halves of different streams.
    pub fn reunite(
        self,
        reader: OwnedReadHalf<S>,
    ) -> Result<S, ReuniteError<OwnedReadHalf<S>, OwnedWriteHalf<S>>> {
        reader.reunite(self)
    }
}

impl<S: Whole> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if self.1 == EndOnDrop(true) {
            self.0.inside().0.end_writing();
        }
    }
}

impl<S: Whole + fmt::Debug> fmt::Debug for OwnedWriteHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedWriteHalf").field(&self.0).finish()
    }
}

/// What both kinds of a half offer, by the stream's methods of the same names.
macro_rules! half {
    (read $ty:ty) => {
        impl<S: Whole> $ty {
            /// As [`TcpStream::read`].
            ///
            /// # Cancellation
            ///
            /// Safe: a dropped read has read nothing.
            ///
            /// # Errors
            ///
            /// Those of [`TcpStream::read`].
            pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.link().read(buf).await
            }

            /// As [`TcpStream::read_exact`].
            ///
            /// # Cancellation
            ///
            /// Lossy: how much was read is lost with the future.
            ///
            /// # Errors
            ///
            /// Those of [`TcpStream::read_exact`].
            pub async fn read_exact(&self, buf: &mut [u8]) -> io::Result<()> {
                self.link().read_exact(buf).await
            }

            /// As [`TcpStream::read_to_end`].
            ///
            /// # Cancellation
            ///
            /// Safe: what was read is in `bytes`.
            ///
            /// # Errors
            ///
            /// Those of [`TcpStream::read_to_end`].
            pub async fn read_to_end(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
                self.link().read_to_end(bytes).await
            }

            /// As [`TcpStream::peek`].
            ///
            /// # Cancellation
            ///
            /// Safe.
            ///
            /// # Errors
            ///
            /// Those of [`TcpStream::peek`].
            pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.link().peek(buf).await
            }
        }

        half!(both $ty);
    };
    (write $ty:ty) => {
        impl<S: Whole> $ty {
            /// As [`TcpStream::write`].
            ///
            /// # Cancellation
            ///
            /// Safe: a dropped write has written nothing.
            ///
            /// # Errors
            ///
            /// Those of [`TcpStream::write`].
            pub async fn write(&self, buf: &[u8]) -> io::Result<usize> {
                self.link().write(buf).await
            }

            /// As [`TcpStream::write_all`].
            ///
            /// # Cancellation
            ///
            /// Lossy: how much was written is lost with the future.
            ///
            /// # Errors
            ///
            /// Those of [`TcpStream::write_all`].
            pub async fn write_all(&self, buf: &[u8]) -> io::Result<()> {
                self.link().write_all(buf).await
            }

            /// As [`TcpStream::flush`].
            ///
            /// # Cancellation
            ///
            /// Safe.
            ///
            /// # Errors
            ///
            /// Those of [`TcpStream::flush`].
            pub async fn flush(&self) -> io::Result<()> {
                self.link().flush().await
            }
        }

        half!(both $ty);
    };
    (both $ty:ty) => {
        impl<S: Whole> $ty {
            pub(super) fn link(&self) -> &Link {
                self.0.inside().0
            }

            /// The address of this end.
            ///
            /// # Errors
            ///
            /// Those of [`TcpStream::local_addr`].
            pub fn local_addr(&self) -> io::Result<S::Addr> {
                self.0.local()
            }

            /// The address of the other end.
            ///
            /// # Errors
            ///
            /// Those of [`TcpStream::peer_addr`].
            pub fn peer_addr(&self) -> io::Result<S::Addr> {
                self.0.peer()
            }
        }

        /// The whole stream.
        impl<S: Whole> AsRef<S> for $ty {
            fn as_ref(&self) -> &S {
                &self.0
            }
        }
    };
}

half!(read ReadHalf<'_, S>);
half!(write WriteHalf<'_, S>);
half!(read OwnedReadHalf<S>);
half!(write OwnedWriteHalf<S>);
