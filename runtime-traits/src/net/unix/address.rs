//! Between std's addresses and those of the system calls.
//!
//! An address is a path, a name in Linux's abstract space, or nothing (*unnamed*): that of a socket
//! which was not bound.
//!
//! An address never fails a transfer: one that std's type cannot express (Linux takes a path of 108
//! bytes, std's type one of 107) is unnamed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use socket2::SockAddr;

use super::SocketAddr;
use crate::io;

use names::{from_name, name};

/// For a system call.
pub(super) fn to_system(addr: &SocketAddr) -> io::Result<SockAddr> {
    if let Some(path) = addr.as_pathname() {
        return SockAddr::unix(path);
    }
    match name(addr) {
        // A path that begins with a NUL is such a name.
        Some(name) => SockAddr::unix(OsStr::from_bytes(&[&[0], name].concat())),
        None => SockAddr::unix(""),
    }
}

/// From a system call. What is not a Unix address is none: so the system says *unnamed*.
pub(super) fn from_system(addr: &SockAddr) -> SocketAddr {
    let named = match (addr.as_pathname(), addr.as_abstract_namespace()) {
        (Some(path), _) => SocketAddr::from_pathname(path).ok(),
        (_, Some(name)) => from_name(name),
        _ => None,
    };
    named.unwrap_or_else(unnamed)
}

/// A socket bound to `addr`, on the current runtime; if that does not take it, no file is left behind.
pub(super) fn bound<S, T: TryFrom<S, Error = io::Error>>(
    addr: &SocketAddr,
    bind: impl FnOnce(&SocketAddr) -> io::Result<S>,
) -> io::Result<T> {
    let placed = T::try_from(bind(addr)?);
    if let (Err(_), Some(path)) = (&placed, addr.as_pathname()) {
        // Somebody else may have removed it already.
        let _ = std::fs::remove_file(path);
    }
    placed
}

pub(super) fn unnamed() -> SocketAddr {
    SocketAddr::from_pathname("").expect("std's own form of no name")
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod names {
    #[cfg(target_os = "android")]
    use std::os::android::net::SocketAddrExt as _;
    #[cfg(target_os = "linux")]
    use std::os::linux::net::SocketAddrExt as _;

    use super::SocketAddr;

    pub(super) fn name(addr: &SocketAddr) -> Option<&[u8]> {
        addr.as_abstract_name()
    }

    pub(super) fn from_name(name: &[u8]) -> Option<SocketAddr> {
        SocketAddr::from_abstract_name(name).ok()
    }
}

/// There is no abstract space here.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod names {
    use super::SocketAddr;

    pub(super) fn name(_: &SocketAddr) -> Option<&[u8]> {
        None
    }

    pub(super) fn from_name(_: &[u8]) -> Option<SocketAddr> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::vec;

    #[track_caller]
    fn round_trip(addr: &SocketAddr) -> SocketAddr {
        from_system(&to_system(addr).unwrap())
    }

    #[test]
    fn paths_come_back_up_to_the_longest() {
        for len in [1, 2, 50, 103] {
            let path = "p".repeat(len);
            let addr = SocketAddr::from_pathname(&path).unwrap();
            assert_eq!(round_trip(&addr).as_pathname(), Some(Path::new(&path)));
        }
    }

    #[test]
    fn no_name_comes_back_as_none() {
        assert!(round_trip(&unnamed()).is_unnamed());
    }

    /// What Linux fills in for the sender of a datagram that has no name.
    #[test]
    fn no_address_at_all_is_unnamed() {
        let nothing = SockAddr::from(core::net::SocketAddr::from(([0, 0, 0, 0], 0)));
        assert!(from_system(&nothing).is_unnamed());
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn abstract_names_come_back_with_any_byte() {
        for bytes in [vec![], vec![0], vec![b'a', 0, 0xff], vec![7; 107]] {
            let addr = from_name(&bytes).unwrap();
            assert_eq!(name(&round_trip(&addr)), Some(&*bytes));
        }
    }
}
