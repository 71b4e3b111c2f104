//! An end of a pipe, read or written by threads of the runtime's.
//!
//! A write answers when its bytes are copied, and a thread writes them; a flush waits for that. A
//! pipe that is dropped is closed when its thread is done.

use core::fmt;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker, ready};
use std::os::windows::io::OwnedHandle;
use std::process;
use std::sync::{Mutex, PoisonError, TryLockError};

use crate::hooks::Dir;
use crate::io::source::poll_proceed;
use crate::io::waiters::{Side, Who};
use crate::io::{AsyncRead, AsyncWrite, Unblock};
use crate::{Capability, Handle, io};

/// What std's pipes are made of.
pub(super) type Owned = OwnedHandle;

/// An object of std's, which knows how to read or write such a handle.
pub(in crate::process) struct End {
    handle: Handle,
    sides: [Side; 2],
    io: Mutex<Io>,
}

enum Io {
    Reads(Unblock<process::ChildStdout>),
    Writes(Unblock<process::ChildStdin>),
}

impl End {
    pub(super) fn new(handle: &Handle, pipe: Owned, dir: Dir) -> io::Result<End> {
        handle.require(Capability::Process, |rt| rt.blocking())?;
        let io = match dir {
            Dir::Read => Io::Reads(Unblock::new(pipe.into())),
            Dir::Write => Io::Writes(Unblock::new(pipe.into())),
        };
        Ok(End { handle: handle.clone(), sides: Side::pair(), io: Mutex::new(io) })
    }

    pub(super) fn side(&self, dir: Dir) -> &Side {
        &self.sides[dir.index()]
    }

    /// The handle alone, if no thread is using it.
    pub(super) fn into_owned(self) -> io::Result<Owned> {
        match self.io.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Io::Reads(io) => now(io.into_inner()).map(OwnedHandle::from),
            Io::Writes(io) => now(io.into_inner()).map(OwnedHandle::from),
        }
    }

    pub(super) fn poll_read(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(Dir::Read, who, cx, |io, cx| match io {
            Io::Reads(io) => Pin::new(io).poll_read(cx, buf),
            Io::Writes(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        })
    }

    pub(super) fn poll_write(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(Dir::Write, who, cx, |io, cx| match io {
            Io::Reads(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
            Io::Writes(io) => Pin::new(io).poll_write(cx, bytes),
        })
    }

    /// Waits until what was written is with the system.
    pub(super) fn poll_flush(&self, who: Who<'_>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(Dir::Write, who, cx, |io, cx| match io {
            Io::Reads(_) => Poll::Ready(Ok(())),
            Io::Writes(io) => Pin::new(io).poll_flush(cx),
        })
    }

    fn poll<R>(
        &self,
        dir: Dir,
        who: Who<'_>,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut Io, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        ready!(poll_proceed(&self.handle, cx));
        self.side(dir).poll_shared(who, cx, |cx| {
            let mut io = match self.io.try_lock() {
                Ok(io) => io,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                // Somebody is at it, another thread or a waker that polls: come again.
                Err(TryLockError::WouldBlock) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            };
            // Its jobs are this runtime's, whichever is current.
            self.handle.enter(|| attempt(&mut io, cx))
        })
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End").finish_non_exhaustive()
    }
}

/// What is ready at once.
fn now<F: Future>(future: F) -> io::Result<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "a thread is reading or writing this pipe; await what was begun first",
        )),
    }
}
