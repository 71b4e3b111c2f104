//! hyper's traits over ours: all that a library with a runtime interface of its own needs.
//!
//! | hyper's | is our |
//! |---|---|
//! | `Read`, `Write` | `TcpStream` |
//! | `Timer`, `Sleep` | `time::Sleep` |
//! | `Executor` | `spawn` |
//!
//! # Invariants
//!
//! - **S1** A `ReadCursor` only ever has initialised bytes written into it, and its `filled` ones are
//!   initialised: its contract.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use hyper::rt::{Executor, Read, ReadBufCursor, Sleep, Timer, Write};
use runtime_traits::hooks::ReadCursor;
use runtime_traits::io::{self, AsyncWrite, IoSlice};
use runtime_traits::net::TcpStream;
use runtime_traits::time::{self, Duration};

/// A connection.
pub(crate) struct Socket(pub(crate) TcpStream);

impl Socket {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.get_mut().0)
    }
}

impl Read for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // SAFETY: the cursor writes no uninitialised byte into it (S1).
        let mut cursor = ReadCursor::uninit(unsafe { buf.as_mut() });
        let polled = self.0.poll_read_cursor(cx, &mut cursor);
        let n = cursor.filled().len();
        // SAFETY: these bytes, the first of `buf.as_mut()`, are initialised (S1).
        unsafe { buf.advance(n) };
        polled
    }
}

impl Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_close(cx)
    }
}

/// The clock and timers of the current runtime.
#[derive(Clone)]
pub(crate) struct Clock;

impl Timer for Clock {
    fn sleep(&self, delay: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Nap(time::sleep(delay)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(Instant::now()))
    }

    /// In place: hyper sets a new deadline for each request.
    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        let delay = deadline.saturating_duration_since(Instant::now());
        match sleep.as_mut().downcast_mut_pin::<Nap>() {
            Some(mut nap) => nap.0.reset(time::Instant::now() + delay),
            None => *sleep = self.sleep(delay),
        }
    }
}

/// Our sleep under a name of this crate's, which may have hyper's trait.
struct Nap(time::Sleep);

impl Future for Nap {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl Sleep for Nap {}

/// Tasks of the current runtime, which nobody joins.
#[derive(Clone)]
pub(crate) struct Tasks;

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        drop(runtime_traits::spawn(future)); // dropping the handle detaches
    }
}
