//! No descriptors stand for processes here.

use std::os::fd::OwnedFd;

use crate::io;

/// There is none to be had.
pub(super) fn open(_: u32) -> io::Result<Option<OwnedFd>> {
    Ok(None)
}
