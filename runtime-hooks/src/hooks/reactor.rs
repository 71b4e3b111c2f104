//! Waiting until a source is ready.

use core::task::{Context, Poll};
use std::io;
use std::sync::Arc;

/// An owned descriptor or socket.
#[cfg(unix)]
pub type OwnedSource = std::os::fd::OwnedFd;
/// An owned descriptor or socket.
#[cfg(windows)]
pub type OwnedSource = std::os::windows::io::OwnedSocket;
/// This platform has no sources: the type has no value.
#[cfg(not(any(unix, windows)))]
#[derive(Debug)]
pub enum OwnedSource {}

/// A descriptor or socket, borrowed.
#[cfg(unix)]
pub type BorrowedSource<'a> = std::os::fd::BorrowedFd<'a>;
/// A descriptor or socket, borrowed.
#[cfg(windows)]
pub type BorrowedSource<'a> = std::os::windows::io::BorrowedSocket<'a>;
/// This platform has no sources.
#[cfg(not(any(unix, windows)))]
pub type BorrowedSource<'a> = &'a OwnedSource;

/// What is registered: shared, so that nobody can close it while somebody else waits on it.
pub type Source = Arc<OwnedSource>;

/// Names a registered source inside its runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub u64);

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dir {
    /// Towards us: reading, accepting.
    Read,
    /// Away from us: writing, connecting.
    Write,
}

impl Dir {
    /// `0` for reading, `1` for writing: for tables with two rows.
    pub const fn index(self) -> usize {
        match self {
            Dir::Read => 0,
            Dir::Write => 1,
        }
    }
}

/// What an operation that succeeded says about the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum After {
    /// It is worth a try.
    More,
    /// It would block: a stream gave fewer bytes than there was room for, or took fewer than were
    /// offered. A hook whose poller reports edges may forget the readiness of this direction, and
    /// spares the call that would find out; unless the source hung up, which is reported once. Any
    /// hook may take it for `More`.
    Drained,
}

/// Runs system calls when they can make progress.
///
/// # How `poll_io` works
///
/// The system call is the closure `op`, and it runs **inside** the hook, which tries, waits and
/// clears what it knows about readiness as its poller demands:
///
/// | `op` answers | `poll_io` |
/// |---|---|
/// | `Ok(More)` | `Ready(Ok)` |
/// | `Ok(Drained)` | `Ready(Ok)`; the next poll may wait before it tries, see [`After`] |
/// | `WouldBlock` | not ready: register the waker, `Pending`; or try again if an event came meanwhile |
/// | `Interrupted` | try again |
/// | another error | `Ready(Err)` |
///
/// `op` is also tried without any event, at least at the first poll of a source.
///
/// # Contract
///
/// - **REACTOR-1** (must) A source that is ready before it is awaited is reported.
/// - **REACTOR-2** (must) Readiness that comes between `WouldBlock` and the wait is not lost.
/// - **REACTOR-3** (must) The two directions are independent.
/// - **REACTOR-4** (must) Hang-up and errors wake both directions; `op` finds the real result.
/// - **REACTOR-5** (must) A stale event, of a number that was reused, never completes anything.
/// - **REACTOR-6** (must) `register` fails cleanly for what the poller cannot watch; `deregister`
///   releases wakers and the source.
/// - **REACTOR-10** (must) However many wakes arrive, the last is not lost.
/// - One waker per direction is kept, the latest. A waker that a `Pending` poll registered stays until
///   the next event of that direction or the next `Pending` poll, even if another poll of the same
///   direction was `Ready` in between. (Several waiters are the socket's business: it gives every
///   poll the same fan-out waker.)
/// - After the runtime ended: waiters are woken, polls answer an error made from
///   [`Gone`](crate::Gone).
/// - `poll_io` allocates nothing.
pub trait Reactor: Send + Sync {
    /// Starts to watch `source` and keeps a reference until `deregister`.
    ///
    /// # Errors
    ///
    /// Those of the poller: not watchable (a regular file), out of memory or descriptors.
    fn register(&self, source: Source) -> io::Result<Token>;

    /// Tries `op`, now or when `dir` is ready.
    fn poll_io(
        &self,
        token: Token,
        dir: Dir,
        cx: &mut Context<'_>,
        op: &mut dyn FnMut() -> io::Result<After>,
    ) -> Poll<io::Result<()>>;

    /// Stops watching and releases the source. Unknown tokens are ignored.
    fn deregister(&self, token: Token);
}
