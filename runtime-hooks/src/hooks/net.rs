//! Sockets of a runtime's own making.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
use std::net::SocketAddr;

use super::{BorrowedSource, ByteStream, ReadCursor};

/// A boxed future: what cold operations return.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes connections where the ready-made sockets (over a `Reactor` or `Completion`) are not wanted:
/// a browser, a simulated network, a transport of the runtime's own.
///
/// Every method answers `None` for "not mine", and the ready-made part is used: a runtime with an
/// address form of its own takes that one and leaves the others alone.
pub trait Net: Send + Sync {
    /// Connects a byte stream.
    fn connect(&self, to: SocketAddr) -> Option<Boxed<'_, io::Result<Box<dyn ByteStream>>>> {
        let _ = to;
        None
    }

    /// Listens for byte streams.
    fn listen(&self, at: SocketAddr) -> Option<Boxed<'_, io::Result<Box<dyn Listen>>>> {
        let _ = at;
        None
    }

    /// Binds a datagram socket.
    fn bind(&self, at: SocketAddr) -> Option<Boxed<'_, io::Result<Box<dyn Datagram>>>> {
        let _ = at;
        None
    }

    /// Resolves a name.
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> Option<Boxed<'a, io::Result<Vec<SocketAddr>>>> {
        let _ = (host, port);
        None
    }
}

/// What lies beneath `TcpListener` when the runtime makes it.
pub trait Listen: Send + Sync {
    /// The next connection and where it came from.
    fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn ByteStream>, SocketAddr)>>;

    /// The address listened at.
    ///
    /// # Errors
    ///
    /// Those of the transport.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// The socket beneath, if there is one.
    fn source(&self) -> Option<BorrowedSource<'_>> {
        None
    }
}

/// What lies beneath `UdpSocket` when the runtime makes it.
pub trait Datagram: Send + Sync {
    /// Sends one datagram; `None` sends to the connected peer.
    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        to: Option<SocketAddr>,
    ) -> Poll<io::Result<usize>>;

    /// Receives one datagram and tells where it came from; what does not fit is cut off.
    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<SocketAddr>>;

    /// Fixes the peer.
    ///
    /// # Errors
    ///
    /// Those of the transport.
    fn connect(&self, to: SocketAddr) -> io::Result<()>;

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// Those of the transport.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// The socket beneath, if there is one.
    fn source(&self) -> Option<BorrowedSource<'_>> {
        None
    }
}
