//! Two halves of any stream, for two tasks.
//!
//! Each poll borrows the stream. A half that finds it in use gives way and is woken when it is back:
//!
//! ```text
//!   one half    lend ─▶ polls the stream ─▶ back ─▶ wakes the other, if that waits
//!   the other       ✗ ─▶ leaves its waker, looks once more ─▶ Pending
//! ```
//!
//! # Invariants
//!
//! - **H1** Nobody blocks for the stream: it is foreign code, and may wake a waker that polls the other
//!   half on the spot, beneath the poll that has the stream.
//! - **H2** A waker is left *before* the second look, and looked for *after* the stream is back; so
//!   either that look finds the stream, or the waker is found. Both go through the lock of the place.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::{fmt, mem};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::{AsyncRead, AsyncReadUninit, AsyncWrite};
use crate::contain::contain_quietly;
use crate::hooks::{Dir, ReadCursor};
use crate::io;

/// Splits a stream into a half that reads and a half that writes.
///
/// The halves take turns: while one is polled the other gives way, and is woken afterwards. Streams
/// that can be read and written at the same time, as [`TcpStream`](crate::net::TcpStream), have an
/// `into_split` of their own without that.
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
    let shared = Arc::new(Shared { stream: Mutex::new(stream), waiting: Default::default() });
    (ReadHalf(shared.clone()), WriteHalf(shared))
}

/// The half that reads. See [`split`].
pub struct ReadHalf<T>(Arc<Shared<T>>);

/// The half that writes. See [`split`].
pub struct WriteHalf<T>(Arc<Shared<T>>);

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
        let shared = Arc::into_inner(self.0).expect("there are two halves, both here");
        Ok(shared.stream.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What both halves have.
struct Shared<T> {
    stream: Mutex<T>,
    /// Of each half: its waker, if it found the stream in use.
    waiting: [Mutex<Option<Waker>>; 2],
}

/// The stream, for one poll of a half. The other is woken when it is dropped.
struct Lent<'a, T> {
    stream: Option<MutexGuard<'a, T>>,
    other: &'a Mutex<Option<Waker>>,
}

impl<T> Shared<T> {
    /// Calls `poll` with the stream, unless it is in use.
    fn poll<R>(
        &self,
        half: Dir,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R>
    where
        T: Unpin,
    {
        match self.lend(half).or_else(|| self.lend_or_wait(half, cx)) {
            Some(mut lent) => poll(Pin::new(lent.stream()), cx),
            None => Poll::Pending,
        }
    }

    fn lend(&self, half: Dir) -> Option<Lent<'_, T>> {
        let stream = match self.stream.try_lock() {
            Ok(stream) => stream,
            // A poll that panicked is the stream's own affair.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Lent { stream: Some(stream), other: &self.waiting[1 - half.index()] })
    }

    /// Leaves the waker, and looks once more (H2).
    fn lend_or_wait(&self, half: Dir, cx: &mut Context<'_>) -> Option<Lent<'_, T>> {
        let place = &self.waiting[half.index()];
        drop(put(place, Some(cx.waker().clone())));
        let lent = self.lend(half)?;
        drop(put(place, None));
        Some(lent)
    }
}

impl<T> Lent<'_, T> {
    fn stream(&mut self) -> &mut T {
        self.stream.as_mut().expect("emptied by the destructor only")
    }
}

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        self.stream = None;
        if let Some(waker) = put(self.other, None) {
            contain_quietly(|| waker.wake()); // the stream's poll may have panicked
        }
    }
}

/// Exchanges a waker; what was there is foreign, and not touched under the lock.
fn put(place: &Mutex<Option<Waker>>, waker: Option<Waker>) -> Option<Waker> {
    mem::replace(&mut *place.lock().unwrap_or_else(PoisonError::into_inner), waker)
}

impl<T: AsyncRead + Unpin> AsyncRead for ReadHalf<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll(Dir::Read, cx, |io, cx| io.poll_read(cx, buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [io::IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll(Dir::Read, cx, |io, cx| io.poll_read_vectored(cx, bufs))
    }
}

impl<T: AsyncReadUninit + Unpin> AsyncReadUninit for ReadHalf<T> {
    fn poll_read_cursor(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        cursor: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll(Dir::Read, cx, |io, cx| io.poll_read_cursor(cx, cursor))
    }

    fn is_read_vectored(&self) -> bool {
        // While it is in use nobody can be asked; "no" is never wrong.
        self.0.lend(Dir::Read).is_some_and(|mut lent| lent.stream().is_read_vectored())
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WriteHalf<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll(Dir::Write, cx, |io, cx| io.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll(Dir::Write, cx, |io, cx| io.poll_write_vectored(cx, bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll(Dir::Write, cx, |io, cx| io.poll_flush(cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll(Dir::Write, cx, |io, cx| io.poll_close(cx))
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
