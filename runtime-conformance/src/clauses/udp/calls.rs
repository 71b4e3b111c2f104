//! The calls of the group UDP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use runtime_traits::net::{Arrival, Outgoing, UdpSocket};

use crate::clauses::tcp::transport::{ANYWHERE, Boxed};

/// See [`Udp`].
#[derive(Clone)]
pub struct UdpCalls(pub Arc<dyn Udp>);

impl Default for UdpCalls {
    fn default() -> UdpCalls {
        UdpCalls(Arc::new(Plain))
    }
}

/// Makes sockets. Called with the runtime current.
pub trait Udp: Send + Sync {
    /// `UdpSocket::bind`, on a port of the system's choice.
    fn bind(&self) -> Boxed<'static, Arc<dyn Datagrams>>;
}

/// A socket of the runtime's.
pub trait Datagrams: Send + Sync {
    /// `send_to`.
    fn send_to<'a>(&'a self, bytes: &'a [u8], to: SocketAddr) -> Boxed<'a, usize>;
    /// `recv_from`.
    fn recv_from<'a>(&'a self, buf: &'a mut [u8]) -> Boxed<'a, (usize, SocketAddr)>;
    /// `connect`.
    fn connect(&self, to: SocketAddr) -> Boxed<'_, ()>;
    /// `send`.
    fn send<'a>(&'a self, bytes: &'a [u8]) -> Boxed<'a, usize>;
    /// `send_batch`.
    fn send_batch<'a>(&'a self, batch: &'a [Outgoing<'a>]) -> Boxed<'a, usize>;
    /// `recv_batch`.
    fn recv_batch<'a, 'b: 'a>(&'a self, batch: &'a mut [Arrival<'b>]) -> Boxed<'a, usize>;
    /// `local_addr`.
    fn address(&self) -> io::Result<SocketAddr>;
}

/// The calls as they are.
struct Plain;

impl Udp for Plain {
    fn bind(&self) -> Boxed<'static, Arc<dyn Datagrams>> {
        Box::pin(async { Ok(Arc::new(UdpSocket::bind(ANYWHERE).await?) as Arc<dyn Datagrams>) })
    }
}

impl Datagrams for UdpSocket {
    fn send_to<'a>(&'a self, bytes: &'a [u8], to: SocketAddr) -> Boxed<'a, usize> {
        Box::pin(UdpSocket::send_to(self, bytes, to))
    }

    fn recv_from<'a>(&'a self, buf: &'a mut [u8]) -> Boxed<'a, (usize, SocketAddr)> {
        Box::pin(UdpSocket::recv_from(self, buf))
    }

    fn connect(&self, to: SocketAddr) -> Boxed<'_, ()> {
        Box::pin(UdpSocket::connect(self, to))
    }

    fn send<'a>(&'a self, bytes: &'a [u8]) -> Boxed<'a, usize> {
        Box::pin(UdpSocket::send(self, bytes))
    }

    fn send_batch<'a>(&'a self, batch: &'a [Outgoing<'a>]) -> Boxed<'a, usize> {
        Box::pin(UdpSocket::send_batch(self, batch))
    }

    fn recv_batch<'a, 'b: 'a>(&'a self, batch: &'a mut [Arrival<'b>]) -> Boxed<'a, usize> {
        Box::pin(UdpSocket::recv_batch(self, batch))
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}
