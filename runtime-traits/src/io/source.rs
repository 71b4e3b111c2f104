//! A source that is registered with a reactor: the hook's half (token) and ours (two fans).
//!
//! # Invariants
//!
//! - **S1** The token stays registered as long as the [`Registered`] lives, on the runtime it was
//!   registered with, whichever is current where it is polled.

use core::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::waiters::{Side, Who};
use crate::hooks::{After, BorrowedSource, Dir, Reactor, Source, Token};
use crate::{Capability, Handle, io};

/// The current runtime, or the error that says that there is none.
pub(crate) fn current() -> io::Result<Handle> {
    Ok(Handle::try_current()?)
}

/// Asks the runtime's budget, if it has one, whether the task may go on. A reactor whose runtime has none
/// counts by itself (tokio's does), so nothing is counted here then.
pub(crate) fn poll_proceed(handle: &Handle, cx: &mut Context<'_>) -> Poll<()> {
    match handle.runtime().budget() {
        Some(budget) => budget.poll_proceed(cx),
        None => Poll::Ready(()),
    }
}

/// A registered source. Dropping it deregisters.
#[derive(Debug)]
pub(crate) struct Registered {
    handle: Handle,
    source: Source,
    token: Token,
    sides: [Side; 2],
}

impl Registered {
    /// Registers `source`, which is in non-blocking mode.
    pub(crate) fn new(handle: Handle, source: Source) -> io::Result<Registered> {
        let reactor = handle.require(Capability::Reactor, |rt| rt.reactor())?;
        let token = reactor.register(source.clone())?;
        Ok(Registered { handle, source, token, sides: Side::pair() })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn side(&self, dir: Dir) -> &Side {
        &self.sides[dir.index()]
    }

    fn reactor(&self) -> io::Result<&dyn Reactor> {
        Ok(self.handle.require(Capability::Reactor, |rt| rt.reactor())?)
    }

    /// Runs `op` when it can make progress.
    pub(crate) fn poll<R>(
        &self,
        dir: Dir,
        who: Who<'_>,
        cx: &mut Context<'_>,
        mut op: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_stream(dir, who, cx, || Ok((op()?, After::More)))
    }

    /// As [`poll`](Registered::poll), for operations that know whether the next one would block.
    pub(crate) fn poll_stream<R>(
        &self,
        dir: Dir,
        who: Who<'_>,
        cx: &mut Context<'_>,
        mut op: impl FnMut() -> io::Result<(R, After)>,
    ) -> Poll<io::Result<R>> {
        ready!(poll_proceed(&self.handle, cx));
        let reactor = self.reactor()?;
        self.side(dir).poll(who, cx, |cx| {
            let mut result = None;
            let mut op = || {
                let (value, after) = op()?;
                result = Some(value);
                Ok(after)
            };
            let done = ready!(reactor.poll_io(self.token, dir, cx, &mut op));
            Poll::Ready(done.and_then(|()| result.ok_or_else(not_run)))
        })
    }

    /// Runs `op` when it can make progress, for a caller who awaits.
    pub(crate) async fn run<R>(
        &self,
        dir: Dir,
        mut op: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        self.side(dir).wait(|who, cx| self.poll(dir, who, cx, &mut op)).await
    }

    /// Waits until the kernel says that `dir` is ready.
    pub(crate) fn poll_ready(
        &self,
        dir: Dir,
        who: Who<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll(dir, who, cx, || check_ready(borrow(&self.source), dir))
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        if let Ok(reactor) = self.reactor() {
            reactor.deregister(self.token);
        }
        // Whoever polls it through others that own it finds out that it is gone.
        self.sides.iter().for_each(Side::wake_all);
    }
}

/// The descriptor or socket of a shared source.
pub(crate) fn borrow(source: &Source) -> BorrowedSource<'_> {
    #[cfg(unix)]
    return std::os::fd::AsFd::as_fd(&**source);
    #[cfg(windows)]
    return std::os::windows::io::AsSocket::as_socket(&**source);
}

/// Asks the kernel, without waiting; `WouldBlock` if `dir` is not ready.
///
/// Errors and hang-up count as ready: the next operation tells which.
fn check_ready(source: BorrowedSource<'_>, dir: Dir) -> io::Result<()> {
    let flags = match dir {
        Dir::Read => PollFlags::IN,
        Dir::Write => PollFlags::OUT,
    };
    let mut asked = [PollFd::new(&source, flags)];
    match poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}

/// A hook that reports the success of an operation it did not run is broken.
fn not_run() -> io::Error {
    io::Error::other("the runtime's reactor reports the success of an operation it has not run")
}
