//! Twins of `std::net`.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use runtime_traits::net::{Shutdown, TcpListener, TcpStream, UdpSocket, lookup_host};
use runtime_traits::time::timeout;

use crate::twin;

pub(crate) fn twins() -> Vec<&'static str> {
    [listener(), stream(), datagrams(), options(), multicast()].concat()
}

fn listener() -> Vec<&'static str> {
    vec![
        twin("net::ToSocketAddrs::to_socket_addrs", async |host: &str| lookup_host(host).await),
        twin("net::TcpListener::bind", async |at: &str| TcpListener::bind(at).await),
        twin("net::TcpListener::accept", async |on: &TcpListener| on.accept().await),
        twin("net::TcpListener::incoming", TcpListener::incoming),
        twin("net::TcpListener::local_addr", |on: &TcpListener| on.local_addr()),
        twin("net::TcpListener::set_ttl", |on: &TcpListener, hops: u32| on.set_ttl(hops)),
        twin("net::TcpListener::ttl", |on: &TcpListener| on.ttl()),
        twin("net::TcpListener::take_error", |on: &TcpListener| on.take_error()),
    ]
}

fn stream() -> Vec<&'static str> {
    vec![
        twin("net::TcpStream::connect", async |to: &str| TcpStream::connect(to).await),
        twin("net::TcpStream::connect_timeout", async |to: &SocketAddr, limit: Duration| {
            timeout(limit, TcpStream::connect(to)).await
        }),
        twin("net::TcpStream::peer_addr", |stream: &TcpStream| stream.peer_addr()),
        twin("net::TcpStream::local_addr", |stream: &TcpStream| stream.local_addr()),
        twin("net::TcpStream::shutdown", async |stream: &TcpStream, how: Shutdown| {
            stream.shutdown(how).await
        }),
        twin("net::TcpStream::peek", async |stream: &TcpStream, buf: &mut [u8]| {
            stream.peek(buf).await
        }),
        twin("net::TcpStream::set_nodelay", |stream: &TcpStream, is: bool| stream.set_nodelay(is)),
        twin("net::TcpStream::nodelay", |stream: &TcpStream| stream.nodelay()),
        twin("net::TcpStream::set_ttl", |stream: &TcpStream, hops: u32| stream.set_ttl(hops)),
        twin("net::TcpStream::ttl", |stream: &TcpStream| stream.ttl()),
        twin("net::TcpStream::take_error", |stream: &TcpStream| stream.take_error()),
    ]
}

fn datagrams() -> Vec<&'static str> {
    vec![
        twin("net::UdpSocket::bind", async |at: &str| UdpSocket::bind(at).await),
        twin("net::UdpSocket::connect", async |socket: &UdpSocket, to: &str| {
            socket.connect(to).await
        }),
        twin("net::UdpSocket::send", async |socket: &UdpSocket, buf: &[u8]| socket.send(buf).await),
        twin("net::UdpSocket::send_to", async |socket: &UdpSocket, buf: &[u8], to: &str| {
            socket.send_to(buf, to).await
        }),
        twin("net::UdpSocket::recv", async |socket: &UdpSocket, buf: &mut [u8]| {
            socket.recv(buf).await
        }),
        twin("net::UdpSocket::recv_from", async |socket: &UdpSocket, buf: &mut [u8]| {
            socket.recv_from(buf).await
        }),
        twin("net::UdpSocket::peek", async |socket: &UdpSocket, buf: &mut [u8]| {
            socket.peek(buf).await
        }),
        twin("net::UdpSocket::peek_from", async |socket: &UdpSocket, buf: &mut [u8]| {
            socket.peek_from(buf).await
        }),
        twin("net::UdpSocket::peer_addr", |socket: &UdpSocket| socket.peer_addr()),
        twin("net::UdpSocket::local_addr", |socket: &UdpSocket| socket.local_addr()),
    ]
}

fn options() -> Vec<&'static str> {
    vec![
        twin("net::UdpSocket::set_broadcast", |s: &UdpSocket, is: bool| s.set_broadcast(is)),
        twin("net::UdpSocket::broadcast", |s: &UdpSocket| s.broadcast()),
        twin("net::UdpSocket::set_ttl", |s: &UdpSocket, hops: u32| s.set_ttl(hops)),
        twin("net::UdpSocket::ttl", |s: &UdpSocket| s.ttl()),
        twin("net::UdpSocket::take_error", |s: &UdpSocket| s.take_error()),
    ]
}

fn multicast() -> Vec<&'static str> {
    vec![
        twin("net::UdpSocket::set_multicast_loop_v4", |s: &UdpSocket, is: bool| {
            s.set_multicast_loop_v4(is)
        }),
        twin("net::UdpSocket::multicast_loop_v4", |s: &UdpSocket| s.multicast_loop_v4()),
        twin("net::UdpSocket::set_multicast_ttl_v4", |s: &UdpSocket, hops: u32| {
            s.set_multicast_ttl_v4(hops)
        }),
        twin("net::UdpSocket::multicast_ttl_v4", |s: &UdpSocket| s.multicast_ttl_v4()),
        twin("net::UdpSocket::set_multicast_loop_v6", |s: &UdpSocket, is: bool| {
            s.set_multicast_loop_v6(is)
        }),
        twin("net::UdpSocket::multicast_loop_v6", |s: &UdpSocket| s.multicast_loop_v6()),
        twin("net::UdpSocket::join_multicast_v4", |s: &UdpSocket, g: &Ipv4Addr, i: &Ipv4Addr| {
            s.join_multicast_v4(*g, *i)
        }),
        twin("net::UdpSocket::leave_multicast_v4", |s: &UdpSocket, g: &Ipv4Addr, i: &Ipv4Addr| {
            s.leave_multicast_v4(*g, *i)
        }),
        twin("net::UdpSocket::join_multicast_v6", |s: &UdpSocket, group: &Ipv6Addr, index: u32| {
            s.join_multicast_v6(group, index)
        }),
        twin(
            "net::UdpSocket::leave_multicast_v6",
            |s: &UdpSocket, group: &Ipv6Addr, index: u32| s.leave_multicast_v6(group, index),
        ),
    ]
}
