//! Who is at the other end.

use crate::hooks::BorrowedSource;
use crate::io;

/// The process at the other end of a connection, as it was when the connection was made.
///
/// Its answer to "may it?" is `uid`: a `pid` may have been given to another process since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UCred {
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
    /// Its process; `None` if that has no number here (it lives in another container).
    pub pid: Option<i32>,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn peer(socket: BorrowedSource<'_>) -> io::Result<UCred> {
    use core::mem;
    use std::os::fd::AsRawFd as _;

    let mut cred = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = mem::size_of::<libc::ucred>() as libc::socklen_t;
    // Not `rustix`'s: it takes the number of the process for one that is not zero (1.1.6), and it is
    // zero for a process of another container.
    //
    // SAFETY: `cred` is `len` bytes that may be written, and every bit pattern is a `ucred`; `len` is
    // ours too. The descriptor is open, being borrowed.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut cred).cast(),
            &raw mut len,
        )
    };
    match failed {
        0 if cred.uid == u32::MAX => Err(io::ErrorKind::NotConnected.into()),
        0 => Ok(UCred { uid: cred.uid, gid: cred.gid, pid: (cred.pid != 0).then_some(cred.pid) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A gap: other systems tell it by other calls.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn peer(_: BorrowedSource<'_>) -> io::Result<UCred> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "who is at the other end of a Unix socket is told on Linux and Android only",
    ))
}
