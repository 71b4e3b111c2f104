//! A connection inside the process: what is written to one end is read from the other.
//!
//! ```text
//!   Duplex a  ── write ─▶  Pipe  ── read ─▶  Duplex b
//!             ◀── read ──  Pipe  ◀─ write ──
//! ```
//!
//! # Invariants
//!
//! - **X1** A pipe never holds more than its capacity.
//! - **X2** Whoever changes a pipe wakes, after its lock is released, the side that may now go on:
//!   `readable` when bytes come or the writer goes, `writable` when room comes or the reader goes.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::waiters::{Side, Who};
use super::{AsyncRead, AsyncReadUninit, AsyncWrite};
use crate::hooks::ReadCursor;
use crate::io;
use crate::task::poll_proceed;

/// Makes a connection inside the process, of two ends; each way holds `capacity` bytes that are
/// written and not yet read.
///
/// For tests, and between parts of a program that want a stream. Needs no runtime.
///
/// ```
/// use runtime_traits::io::{self, AsyncReadExt, AsyncWriteExt};
///
/// async fn greet() -> io::Result<()> {
///     let (mut client, mut server) = io::duplex(64);
///     client.write_all(b"hello").await?;
///     drop(client);
///     let mut text = String::new();
///     server.read_to_string(&mut text).await?;
///     assert_eq!(text, "hello");
///     Ok(())
/// }
/// ```
///
/// # Panics
///
/// If `capacity` is zero: nothing would ever get through.
pub fn duplex(capacity: usize) -> (Duplex, Duplex) {
    assert!(capacity > 0, "a connection that holds no bytes passes none on; give it a capacity");
    let (up, down) = (Arc::new(Pipe::new(capacity)), Arc::new(Pipe::new(capacity)));
    (
        Duplex { outgoing: up.clone(), incoming: down.clone() },
        Duplex { outgoing: down, incoming: up },
    )
}

/// One end of a [`duplex`] connection.
///
/// It can be read and written through `&` as well, by any number of tasks; and through
/// [`split`](crate::io::split).
///
/// # Contract
///
/// - **IO-11** (must) What is written arrives once and in order, also when both ends are busy; an end
///   that is dropped or closed is seen by the other as the end of the stream, after all that was
///   written before; writing to an end that is gone, or from one that is closed, fails with
///   `BrokenPipe`.
///
/// A flush has nothing to do.
///
/// # Cancellation
///
/// Safe: an operation that is dropped while pending has moved no byte.
pub struct Duplex {
    outgoing: Arc<Pipe>,
    incoming: Arc<Pipe>,
}

/// One way.
struct Pipe {
    state: Mutex<State>,
    readable: Side,
    writable: Side,
}

struct State {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// Whether nothing more will be written.
    ended: bool,
    /// Whether nothing more will be read.
    unread: bool,
}

impl Pipe {
    fn new(capacity: usize) -> Pipe {
        let bytes = VecDeque::new();
        let state = Mutex::new(State { bytes, capacity, ended: false, unread: false });
        Pipe { state, readable: Side::new(), writable: Side::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_read(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        cursor: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if cursor.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        ready!(poll_proceed(cx)); // two busy ends would not stop by themselves
        ready!(self.readable.poll(who, cx, |_| self.lock().read(cursor)));
        if !cursor.filled().is_empty() {
            self.writable.wake_all();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        ready!(poll_proceed(cx));
        let n = ready!(self.writable.poll(who, cx, |_| self.lock().write(bufs)))?;
        self.readable.wake_all();
        Poll::Ready(Ok(n))
    }

    /// Nothing more is written.
    fn end(&self) {
        self.lock().ended = true;
        self.readable.wake_all();
        self.writable.wake_all();
    }

    /// Nothing more is read.
    fn abandon(&self) {
        let mut state = self.lock();
        state.unread = true;
        state.bytes = VecDeque::new();
        drop(state);
        self.writable.wake_all();
    }
}

impl State {
    fn read(&mut self, cursor: &mut ReadCursor<'_>) -> Poll<()> {
        if self.bytes.is_empty() && !self.ended {
            return Poll::Pending;
        }
        let (first, second) = self.bytes.as_slices();
        let n = cursor.put(first) + cursor.put(second);
        self.bytes.drain(..n);
        Poll::Ready(())
    }

    fn write(&mut self, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.unread || self.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let before = self.bytes.len();
        for buf in bufs {
            let room = self.capacity - self.bytes.len();
            self.bytes.extend(&buf[..buf.len().min(room)]);
        }
        match self.bytes.len() - before {
            0 => Poll::Pending,
            n => Poll::Ready(Ok(n)),
        }
    }
}

impl Drop for Duplex {
    fn drop(&mut self) {
        self.outgoing.end();
        self.incoming.abandon();
    }
}

/// `&mut Duplex` has one caller per direction, `&Duplex` many.
macro_rules! stream {
    ($ty:ty, $who:ident) => {
        impl AsyncRead for $ty {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let mut cursor = ReadCursor::new(buf);
                self.poll_read_cursor(cx, &mut cursor).map_ok(|()| cursor.filled().len())
            }
        }

        impl AsyncReadUninit for $ty {
            fn poll_read_cursor(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                cursor: &mut ReadCursor<'_>,
            ) -> Poll<io::Result<()>> {
                self.incoming.poll_read(Who::$who, cx, cursor)
            }
        }

        impl AsyncWrite for $ty {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.outgoing.poll_write(Who::$who, cx, &[io::IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.outgoing.poll_write(Who::$who, cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.outgoing.end();
                Poll::Ready(Ok(()))
            }
        }
    };
}

stream!(Duplex, Owner);
stream!(&Duplex, Anyone);

impl fmt::Debug for Duplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duplex").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::task::Waker;
    use std::vec::Vec;

    /// One poll, with nobody to wait.
    fn now<R>(poll: impl FnOnce(&mut Context<'_>) -> Poll<R>) -> Poll<R> {
        poll(&mut Context::from_waker(Waker::noop()))
    }

    fn write(end: &Duplex, bytes: &[u8]) -> Poll<io::Result<usize>> {
        now(|cx| Pin::new(&mut &*end).poll_write(cx, bytes))
    }

    fn read(end: &Duplex, most: usize) -> Poll<Vec<u8>> {
        let mut buf = std::vec![0; most];
        let n = now(|cx| Pin::new(&mut &*end).poll_read(cx, &mut buf));
        n.map(|n| buf[..n.unwrap()].to_vec())
    }

    fn ready<R>(polled: Poll<io::Result<R>>) -> io::Result<R> {
        match polled {
            Poll::Ready(result) => result,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn it_holds_as_much_as_it_was_told_and_keeps_order() {
        let (a, b) = duplex(5);
        assert_eq!(ready(write(&a, b"abc")).unwrap(), 3);
        let slices = [b"".as_slice(), b"d", b"efg"].map(io::IoSlice::new);
        let wrote = now(|cx| Pin::new(&mut &a).poll_write_vectored(cx, &slices));
        assert_eq!(ready(wrote).unwrap(), 2);
        assert!(write(&a, b"f").is_pending());
        assert_eq!(read(&b, 2), Poll::Ready(b"ab".to_vec()));
        assert_eq!(ready(write(&a, b"fgh")).unwrap(), 2, "it wraps around");
        assert_eq!(read(&b, 9), Poll::Ready(b"cdefg".to_vec()));
        assert!(read(&b, 1).is_pending());
        assert!(read(&a, 1).is_pending(), "the other way is another pipe");
    }

    #[test]
    fn nothing_is_moved_by_empty_buffers() {
        let (a, b) = duplex(1);
        assert_eq!(ready(write(&a, b"")).unwrap(), 0);
        assert_eq!(read(&b, 0), Poll::Ready(Vec::new()));
        assert_eq!(ready(write(&a, b"x")).unwrap(), 1);
        assert_eq!(ready(write(&a, b"")).unwrap(), 0, "also when it is full");
        assert_eq!(read(&b, 0), Poll::Ready(Vec::new()));
        assert_eq!(read(&b, 2), Poll::Ready(b"x".to_vec()));
    }

    #[test]
    fn a_closed_end_is_read_to_its_end_and_takes_nothing_more() {
        let (mut a, b) = duplex(8);
        assert_eq!(ready(write(&a, b"bye")).unwrap(), 3);
        for _ in 0..2 {
            ready(now(|cx| Pin::new(&mut a).poll_close(cx))).unwrap();
        }
        assert_eq!(ready(write(&a, b"!")).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(read(&b, 8), Poll::Ready(b"bye".to_vec()));
        for _ in 0..3 {
            assert_eq!(read(&b, 8), Poll::Ready(Vec::new()));
        }
        assert_eq!(ready(write(&b, b"to you")).unwrap(), 6, "the other way goes on");
        assert_eq!(read(&a, 8), Poll::Ready(b"to you".to_vec()));
    }

    #[test]
    fn an_end_that_is_gone_breaks_the_pipe() {
        let (a, b) = duplex(4);
        assert_eq!(ready(write(&a, b"full")).unwrap(), 4);
        assert!(write(&a, b"x").is_pending());
        drop(b);
        assert_eq!(ready(write(&a, b"x")).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(read(&a, 1), Poll::Ready(Vec::new()));
    }

    #[test]
    #[should_panic(expected = "give it a capacity")]
    fn no_capacity_is_refused() {
        duplex(0);
    }
}
