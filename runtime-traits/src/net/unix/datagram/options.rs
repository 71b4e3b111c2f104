//! What std's socket offers besides sending and receiving: addresses, ending, conversions.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use super::UnixDatagram;
use crate::hooks::BorrowedSource;
use crate::io::source::{Registered, borrow, current};
use crate::net::unix::{SocketAddr, address};
use crate::net::{Shutdown, sys};
use crate::{Capability, Handle, io};

/// Addresses and options.
impl UnixDatagram {
    /// The address of this end.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(address::from_system(&sys::socket(self.source.source()).local_addr()?))
    }

    /// The address of the peer that `connect` fixed.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is none.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(address::from_system(&sys::socket(self.source.source()).peer_addr()?))
    }

    /// Ends sending, receiving or both: receives answer 0 then, sends an error. A direction that has
    /// ended already is no error.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        // Said before it is done: who is woken by what the system does next must see it.
        let before = self.ended.load(Ordering::Acquire);
        self.ended.store(before || how != Shutdown::Write, Ordering::Release);
        let done = sys::shutdown(&sys::socket(self.source.source()), how);
        if done.is_err() {
            self.ended.store(before, Ordering::Release);
        }
        done
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The error that is pending on the socket; it is no longer pending then.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        sys::socket(self.source.source()).take_error()
    }

    /// The socket beneath, if there is one: today there is.
    pub fn as_source(&self) -> Option<BorrowedSource<'_>> {
        Some(borrow(self.source.source()))
    }
}

/// Whether the runtime can do with datagram sockets.
pub(super) fn check(handle: &Handle) -> io::Result<()> {
    Ok(handle.require(Capability::Net, |rt| rt.reactor()).map(drop)?)
}

/// Puts a socket of std's on the current runtime, in non-blocking mode.
///
/// Fails with `Unsupported` if there is no current runtime, or it has no reactor.
impl TryFrom<std::os::unix::net::UnixDatagram> for UnixDatagram {
    type Error = io::Error;

    fn try_from(socket: std::os::unix::net::UnixDatagram) -> io::Result<UnixDatagram> {
        let handle = current()?;
        check(&handle)?;
        socket.set_nonblocking(true)?;
        let source = Registered::new(handle, sys::source(socket))?;
        Ok(UnixDatagram { source, ended: AtomicBool::new(false) })
    }
}

/// Takes the socket off its runtime, in blocking mode.
impl TryFrom<UnixDatagram> for std::os::unix::net::UnixDatagram {
    type Error = io::Error;

    fn try_from(socket: UnixDatagram) -> io::Result<std::os::unix::net::UnixDatagram> {
        let source = socket.source.source().clone();
        drop(socket);
        let socket = std::os::unix::net::UnixDatagram::from(sys::unshare(source)?);
        socket.set_nonblocking(false)?;
        Ok(socket)
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixDatagram")
            .field("local", &self.local_addr().ok())
            .field("peer", &self.peer_addr().ok())
            .finish_non_exhaustive()
    }
}
