//! Two halves of any stream, for two tasks.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{AsyncRead, AsyncWrite};
use crate::io;

/// Splits a stream into a half that reads and a half that writes.
///
/// The halves share the stream behind a lock that is held during a poll. Streams that can be read
/// and written at the same time, as [`TcpStream`](crate::net::TcpStream), have an `into_split` of
/// their own without it.
///
/// Dropping a half does nothing to the stream; it ends when both are gone.
///
/// # Contract
///
/// - **IO-9** (must) Halves, of this kind or a stream's own, get on independently of each other; only
///   two of one stream are reunited.
///
/// ```
/// use runtime_traits::io::{self, AsyncRead, AsyncWrite};
///
/// async fn loopback<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> io::Result<S> {
///     let (mut reader, mut writer) = io::split(stream);
///     io::copy(&mut reader, &mut writer).await?;
///     Ok(reader.reunite(writer).expect("halves of one stream"))
/// }
/// ```
pub fn split<T: AsyncRead + AsyncWrite + Unpin>(stream: T) -> (ReadHalf<T>, WriteHalf<T>) {
    let shared = Arc::new(Mutex::new(stream));
    (ReadHalf(shared.clone()), WriteHalf(shared))
}

/// The half that reads. See [`split`].
pub struct ReadHalf<T>(Arc<Mutex<T>>);

/// The half that writes. See [`split`].
pub struct WriteHalf<T>(Arc<Mutex<T>>);

impl<T> ReadHalf<T> {
    /// Whether `writer` is the other half of the same stream.
    pub fn is_pair_of(&self, writer: &WriteHalf<T>) -> bool {
        Arc::ptr_eq(&self.0, &writer.0)
    }

    /// The stream again.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] gives both back if they are halves of different streams.
    pub fn reunite(
        self,
        writer: WriteHalf<T>,
    ) -> Result<T, ReuniteError<ReadHalf<T>, WriteHalf<T>>> {
        if !self.is_pair_of(&writer) {
            return Err(ReuniteError(self, writer));
        }
        drop(writer);
        let stream = Arc::into_inner(self.0).expect("there are two halves, both here");
        Ok(stream.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The stream, for one poll. A poll that panicked is the stream's own affair.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: AsyncRead + Unpin> AsyncRead for ReadHalf<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *lock(&self.0)).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [io::IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *lock(&self.0)).poll_read_vectored(cx, bufs)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WriteHalf<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *lock(&self.0)).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *lock(&self.0)).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *lock(&self.0)).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *lock(&self.0)).poll_close(cx)
    }
}

impl<T> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}

/// Two halves that do not belong together, unharmed.
pub struct ReuniteError<R, W>(
    /// The half that reads.
    pub R,
    /// The half that writes.
    pub W,
);

impl<R, W> fmt::Debug for ReuniteError<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReuniteError").finish_non_exhaustive()
    }
}

impl<R, W> fmt::Display for ReuniteError<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these halves belong to different streams; reunite each with its own")
    }
}

impl<R, W> core::error::Error for ReuniteError<R, W> {}
