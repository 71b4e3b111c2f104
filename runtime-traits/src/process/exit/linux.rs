//! Descriptors that stand for processes.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::io;

/// A descriptor for the process of number `id`; `None` if there is none to be had: an old kernel, a
/// filter, or no such process.
pub(super) fn open(id: u32) -> io::Result<Option<OwnedFd>> {
    let Some(pid) = id.try_into().ok().and_then(Pid::from_raw) else { return Ok(None) };
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => Ok(Some(pidfd)),
        Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => Err(error.into()),
        Err(_) => Ok(None),
    }
}
