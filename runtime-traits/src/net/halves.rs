//! The two directions of a [`TcpStream`], for two tasks.
//!
//! No lock stands between them: a stream is read and written through `&`.

use core::fmt;
use std::sync::Arc;
use std::vec::Vec;

use super::{SocketAddr, TcpStream};
use crate::io;
use crate::io::ReuniteError;

/// The half that reads, borrowed from [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'a>(pub(super) &'a TcpStream);

/// The half that writes, borrowed from [`TcpStream::split`].
#[derive(Debug)]
pub struct WriteHalf<'a>(pub(super) &'a TcpStream);

/// The half that reads, from [`TcpStream::into_split`]. Dropping it does nothing to the connection.
#[derive(Debug)]
pub struct OwnedReadHalf(pub(super) Arc<TcpStream>);

/// The half that writes, from [`TcpStream::into_split`].
///
/// Dropping it ends writing: the peer sees the end of the stream after all that was written. See
/// [`forget`](OwnedWriteHalf::forget).
pub struct OwnedWriteHalf(pub(super) Arc<TcpStream>, EndOnDrop);

/// Whether dropping the half ends writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EndOnDrop(bool);

pub(super) fn split(stream: &mut TcpStream) -> (ReadHalf<'_>, WriteHalf<'_>) {
    (ReadHalf(stream), WriteHalf(stream))
}

pub(super) fn into_split(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    let shared = Arc::new(stream);
    (OwnedReadHalf(shared.clone()), OwnedWriteHalf(shared, EndOnDrop(true)))
}

impl OwnedReadHalf {
    /// The stream again.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] gives both back if they are halves of different streams.
    pub fn reunite(
        self,
        writer: OwnedWriteHalf,
    ) -> Result<TcpStream, ReuniteError<OwnedReadHalf, OwnedWriteHalf>> {
        if !Arc::ptr_eq(&self.0, &writer.0) {
            return Err(ReuniteError(self, writer));
        }
        writer.forget();
        Ok(Arc::into_inner(self.0).expect("there are two halves, both here"))
    }
}

impl OwnedWriteHalf {
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
        reader: OwnedReadHalf,
    ) -> Result<TcpStream, ReuniteError<OwnedReadHalf, OwnedWriteHalf>> {
        reader.reunite(self)
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.1 == EndOnDrop(true) {
            self.0.link.end_writing();
        }
    }
}

impl fmt::Debug for OwnedWriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedWriteHalf").field(&self.0).finish()
    }
}

/// What both kinds of a half offer, by the stream's methods of the same names.
macro_rules! half {
    (read $ty:ty) => {
        impl $ty {
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
                self.0.read(buf).await
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
                self.0.read_exact(buf).await
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
                self.0.read_to_end(bytes).await
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
                self.0.peek(buf).await
            }
        }

        half!(both $ty);
    };
    (write $ty:ty) => {
        impl $ty {
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
                self.0.write(buf).await
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
                self.0.write_all(buf).await
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
                self.0.flush().await
            }
        }

        half!(both $ty);
    };
    (both $ty:ty) => {
        impl $ty {
            /// The address of this end.
            ///
            /// # Errors
            ///
            /// Those of [`TcpStream::local_addr`].
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                self.0.local_addr()
            }

            /// The address of the other end.
            ///
            /// # Errors
            ///
            /// Those of [`TcpStream::peer_addr`].
            pub fn peer_addr(&self) -> io::Result<SocketAddr> {
                self.0.peer_addr()
            }
        }

        /// The whole stream.
        impl AsRef<TcpStream> for $ty {
            fn as_ref(&self) -> &TcpStream {
                &self.0
            }
        }
    };
}

half!(read ReadHalf<'_>);
half!(write WriteHalf<'_>);
half!(read OwnedReadHalf);
half!(write OwnedWriteHalf);
