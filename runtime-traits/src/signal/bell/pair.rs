//! A line that is two connected sockets, where there is no eventfd.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::io::Errno;

use crate::hooks::Source;
use crate::io;

/// The end that is rung, and the end that hears it.
pub(super) struct Line {
    far: OwnedFd,
    near: Source,
}

impl Line {
    pub(super) fn new() -> io::Result<Line> {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        Ok(Line { far: far.into(), near: Arc::new(near.into()) })
    }

    pub(super) fn source(&self) -> &Source {
        &self.near
    }

    /// Called in a signal handler. A full one is readable already.
    pub(super) fn ring(&self) {
        let _ = rustix::io::write(&self.far, &[1]);
    }

    /// Empties it; `WouldBlock` if it was empty.
    pub(super) fn hush(&self) -> io::Result<()> {
        let mut bytes = [0; 256];
        let mut rung = false;
        loop {
            match rustix::io::read(&self.near, &mut bytes) {
                Ok(n) if n > 0 => rung = true,
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) if rung => return Ok(()),
                Err(error) => return Err(error.into()),
                // The far end is ours, so it does not end.
                Ok(_) => return Ok(()),
            }
        }
    }
}
