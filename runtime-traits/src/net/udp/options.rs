//! What std's socket offers besides sending and receiving: addresses, options, conversions.

use core::fmt;

use socket2::SockRef;

use super::{Kind, UdpSocket, on_runtime};
use crate::hooks::BorrowedSource;
use crate::io;
use crate::io::source::{borrow, current};
use crate::net::link::no_socket;
use crate::net::{Ipv4Addr, Ipv6Addr, SocketAddr, sys};

/// Addresses and options. Options are those of the socket beneath: one that the runtime made by
/// other means answers `Unsupported`.
impl UdpSocket {
    /// The address of this end.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.kind {
            Kind::Object { socket, .. } => socket.local_addr(),
            Kind::Ready(_) => self.with_socket(|socket| socket.local_addr().and_then(sys::ip)),
        }
    }

    /// The address of the peer that `connect` fixed.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is none; `Unsupported` without a socket.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.with_socket(|socket| socket.peer_addr().and_then(sys::ip))
    }

    /// The socket beneath, if there is one.
    pub fn as_source(&self) -> Option<BorrowedSource<'_>> {
        match &self.kind {
            Kind::Ready(source) => Some(borrow(source.source())),
            Kind::Object { socket, .. } => socket.source(),
        }
    }

    /// Whether datagrams may go to broadcast addresses.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.with_socket(|socket| socket.broadcast())
    }

    /// Sets whether datagrams may go to broadcast addresses.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.with_socket(|socket| socket.set_broadcast(broadcast))
    }

    /// How many hops a datagram may take.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn ttl(&self) -> io::Result<u32> {
        self.with_socket(|socket| socket.ttl_v4())
    }

    /// Sets how many hops a datagram may take.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.with_socket(|socket| socket.set_ttl_v4(ttl))
    }

    /// Whether datagrams to an IPv4 group come back to this host.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.with_socket(|socket| socket.multicast_loop_v4())
    }

    /// Sets whether datagrams to an IPv4 group come back to this host.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn set_multicast_loop_v4(&self, back: bool) -> io::Result<()> {
        self.with_socket(|socket| socket.set_multicast_loop_v4(back))
    }

    /// How many hops a datagram to an IPv4 group may take.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.with_socket(|socket| socket.multicast_ttl_v4())
    }

    /// Sets how many hops a datagram to an IPv4 group may take.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.with_socket(|socket| socket.set_multicast_ttl_v4(ttl))
    }

    /// Whether datagrams to an IPv6 group come back to this host.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.with_socket(|socket| socket.multicast_loop_v6())
    }

    /// Sets whether datagrams to an IPv6 group come back to this host.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn set_multicast_loop_v6(&self, back: bool) -> io::Result<()> {
        self.with_socket(|socket| socket.set_multicast_loop_v6(back))
    }

    /// Joins an IPv4 group, on the interface of that address.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.with_socket(|socket| socket.join_multicast_v4(&group, &interface))
    }

    /// Leaves an IPv4 group.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.with_socket(|socket| socket.leave_multicast_v4(&group, &interface))
    }

    /// Joins an IPv6 group, on the interface of that index (`0`: any).
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.with_socket(|socket| socket.join_multicast_v6(group, interface))
    }

    /// Leaves an IPv6 group.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.with_socket(|socket| socket.leave_multicast_v6(group, interface))
    }

    /// The error that is pending on the socket, or that stopped a batch; it is no longer pending
    /// then.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self.late.take() {
            Some(error) => Ok(Some(error)),
            None => self.with_socket(|socket| socket.take_error()),
        }
    }

    fn with_socket<R>(&self, f: impl FnOnce(&SockRef<'_>) -> io::Result<R>) -> io::Result<R> {
        match self.as_source() {
            Some(source) => f(&SockRef::from(&source)),
            None => Err(no_socket()),
        }
    }
}

/// Puts a socket of std's on the current runtime, in non-blocking mode.
///
/// Fails with `Unsupported` if there is no current runtime, or it has no reactor.
impl TryFrom<std::net::UdpSocket> for UdpSocket {
    type Error = io::Error;

    fn try_from(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        on_runtime(current()?, || Ok(socket))
    }
}

/// Takes the socket off its runtime, in blocking mode. Fails with `Unsupported` if there is no
/// socket beneath.
impl TryFrom<UdpSocket> for std::net::UdpSocket {
    type Error = io::Error;

    fn try_from(socket: UdpSocket) -> io::Result<std::net::UdpSocket> {
        let source = match &socket.kind {
            Kind::Ready(source) => source.source().clone(),
            Kind::Object { .. } => return Err(no_socket()),
        };
        drop(socket);
        let socket = std::net::UdpSocket::from(sys::unshare(source)?);
        socket.set_nonblocking(false)?;
        Ok(socket)
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket").field("local", &self.local_addr().ok()).finish_non_exhaustive()
    }
}
