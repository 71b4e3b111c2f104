//! What std's stream offers besides reading and writing: addresses, options, conversions.

use std::time::Duration;

use super::TcpStream;
use crate::hooks::BorrowedSource;
use crate::io;
use crate::io::source::current;
use crate::net::SocketAddr;
use crate::net::link::Link;
use crate::net::sys;

/// Addresses and options. Options are those of the socket beneath: a stream that the runtime made
/// by other means answers `Unsupported`.
impl TcpStream {
    /// The address of this end.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` if the stream has none.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.link.local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` if the stream has none.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.link.peer_addr()
    }

    /// The socket beneath, if there is one.
    pub fn as_source(&self) -> Option<BorrowedSource<'_>> {
        self.link.source()
    }

    /// Whether small writes are sent at once.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.link.with_socket(|socket| socket.tcp_nodelay())
    }

    /// Whether small writes are to be sent at once, rather than gathered.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.link.with_socket(|socket| socket.set_tcp_nodelay(nodelay))
    }

    /// How many hops a packet may take.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn ttl(&self) -> io::Result<u32> {
        self.link.with_socket(|socket| socket.ttl_v4())
    }

    /// Sets how many hops a packet may take.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.link.with_socket(|socket| socket.set_ttl_v4(ttl))
    }

    /// For how long closing tries to deliver what was written.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.link.with_socket(|socket| socket.linger())
    }

    /// Sets for how long closing tries to deliver what was written. `Some(ZERO)` resets the
    /// connection.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.link.with_socket(|socket| socket.set_linger(linger))
    }

    /// The error that is pending on the socket; it is no longer pending then.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.link.with_socket(|socket| socket.take_error())
    }
}

/// Puts a connection of std's on the current runtime, in non-blocking mode.
///
/// Fails with `Unsupported` if there is no current runtime, or it has neither a reactor nor
/// completion.
impl TryFrom<std::net::TcpStream> for TcpStream {
    type Error = io::Error;

    fn try_from(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        Ok(TcpStream { link: Link::from_source(current()?, sys::source(stream))? })
    }
}

/// Takes the connection off its runtime, in blocking mode.
///
/// Fails with `Unsupported` if there is no socket beneath, and with `ResourceBusy` if bytes are
/// still in staging buffers (on a runtime that only completes operations); the stream is closed
/// then.
impl TryFrom<TcpStream> for std::net::TcpStream {
    type Error = io::Error;

    fn try_from(stream: TcpStream) -> io::Result<std::net::TcpStream> {
        let stream = std::net::TcpStream::from(sys::unshare(stream.link.into_source()?)?);
        stream.set_nonblocking(false)?;
        Ok(stream)
    }
}
