//! An end of a pipe, on the runtime's reactor.

use core::fmt;
use core::task::{Context, Poll};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::{ChildStderr, ChildStdin, ChildStdout, Link};
use crate::hooks::Dir;
use crate::io::source::{Registered, borrow};
use crate::io::waiters::{Side, Who};
use crate::{Handle, io};

/// What std's pipes are made of.
pub(super) type Owned = OwnedFd;

/// A descriptor on a reactor.
pub(in crate::process) struct End(Registered);

impl End {
    pub(super) fn new(handle: &Handle, pipe: Owned, _: Dir) -> io::Result<End> {
        rustix::io::ioctl_fionbio(&pipe, true)?;
        Ok(End(Registered::new(handle.clone(), Arc::new(pipe))?))
    }

    pub(super) fn side(&self, dir: Dir) -> &Side {
        self.0.side(dir)
    }

    /// The descriptor alone, in blocking mode.
    pub(super) fn into_owned(self) -> io::Result<Owned> {
        let pipe = self.0.source().clone();
        drop(self);
        // The reactor may hold it a little longer.
        let pipe = Arc::try_unwrap(pipe).or_else(|shared| shared.try_clone())?;
        rustix::io::ioctl_fionbio(&pipe, false)?;
        Ok(pipe)
    }

    /// A short read does not say that there is no more: a child may have made it a pipe of packets.
    pub(super) fn poll_read(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll(Dir::Read, who, cx, || Ok(rustix::io::read(self.0.source(), &mut *buf)?))
    }

    pub(super) fn poll_write(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll(Dir::Write, who, cx, || Ok(rustix::io::write(self.0.source(), bytes)?))
    }

    /// What was written is with the system.
    pub(super) fn poll_flush(&self, _: Who<'_>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source().fmt(f)
    }
}

fn fd(link: Option<&Link>) -> BorrowedFd<'_> {
    let fd = match link {
        Some(Link::System(end)) => Some(borrow(end.0.source())),
        Some(Link::Object { stream, .. }) => stream.source(),
        None => None,
    };
    fd.expect("a pipe that was closed, or that the runtime made by other means, has no descriptor")
}

/// The descriptor.
///
/// # Panics
///
/// If it was closed, or the runtime made it by other means.
impl AsFd for ChildStdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        fd(self.link.as_ref())
    }
}

/// The descriptor.
///
/// # Panics
///
/// If the runtime made the pipe by other means.
impl AsFd for ChildStdout {
    fn as_fd(&self) -> BorrowedFd<'_> {
        fd(Some(&self.link))
    }
}

/// The descriptor.
///
/// # Panics
///
/// If the runtime made the pipe by other means.
impl AsFd for ChildStderr {
    fn as_fd(&self) -> BorrowedFd<'_> {
        fd(Some(&self.link))
    }
}
