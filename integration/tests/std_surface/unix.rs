//! Twins of `std::os::unix::net`.

use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use runtime_traits::net::unix::{UnixDatagram, UnixListener, UnixStream};

use crate::twin;

pub(crate) fn twins() -> Vec<&'static str> {
    [listener(), stream(), binding(), datagrams()].concat()
}

fn listener() -> Vec<&'static str> {
    vec![
        twin("os::unix::net::UnixListener::bind", |at: &Path| UnixListener::bind(at)),
        twin("os::unix::net::UnixListener::bind_addr", |at: &SocketAddr| {
            UnixListener::bind_addr(at)
        }),
        twin("os::unix::net::UnixListener::accept", async |on: &UnixListener| on.accept().await),
        twin("os::unix::net::UnixListener::incoming", UnixListener::incoming),
        twin("os::unix::net::UnixListener::local_addr", |on: &UnixListener| on.local_addr()),
        twin("os::unix::net::UnixListener::take_error", |on: &UnixListener| on.take_error()),
    ]
}

fn stream() -> Vec<&'static str> {
    vec![
        twin("os::unix::net::UnixStream::connect", async |to: &Path| UnixStream::connect(to).await),
        twin("os::unix::net::UnixStream::connect_addr", async |to: &SocketAddr| {
            UnixStream::connect_addr(to).await
        }),
        twin("os::unix::net::UnixStream::pair", UnixStream::pair),
        twin("os::unix::net::UnixStream::local_addr", |stream: &UnixStream| stream.local_addr()),
        twin("os::unix::net::UnixStream::peer_addr", |stream: &UnixStream| stream.peer_addr()),
        twin("os::unix::net::UnixStream::take_error", |stream: &UnixStream| stream.take_error()),
        twin("os::unix::net::UnixStream::shutdown", async |stream: &UnixStream, how: Shutdown| {
            stream.shutdown(how).await
        }),
    ]
}

fn binding() -> Vec<&'static str> {
    vec![
        twin("os::unix::net::UnixDatagram::bind", |at: &Path| UnixDatagram::bind(at)),
        twin("os::unix::net::UnixDatagram::bind_addr", |at: &SocketAddr| {
            UnixDatagram::bind_addr(at)
        }),
        twin("os::unix::net::UnixDatagram::unbound", UnixDatagram::unbound),
        twin("os::unix::net::UnixDatagram::pair", UnixDatagram::pair),
        twin("os::unix::net::UnixDatagram::local_addr", |s: &UnixDatagram| s.local_addr()),
        twin("os::unix::net::UnixDatagram::peer_addr", |s: &UnixDatagram| s.peer_addr()),
        twin("os::unix::net::UnixDatagram::take_error", |s: &UnixDatagram| s.take_error()),
        twin("os::unix::net::UnixDatagram::shutdown", |s: &UnixDatagram, how: Shutdown| {
            s.shutdown(how)
        }),
    ]
}

fn datagrams() -> Vec<&'static str> {
    vec![
        twin("os::unix::net::UnixDatagram::connect", |s: &UnixDatagram, to: &Path| s.connect(to)),
        twin("os::unix::net::UnixDatagram::connect_addr", |s: &UnixDatagram, to: &SocketAddr| {
            s.connect_addr(to)
        }),
        twin("os::unix::net::UnixDatagram::recv", async |s: &UnixDatagram, buf: &mut [u8]| {
            s.recv(buf).await
        }),
        twin("os::unix::net::UnixDatagram::recv_from", async |s: &UnixDatagram, buf: &mut [u8]| {
            s.recv_from(buf).await
        }),
        twin("os::unix::net::UnixDatagram::send", async |s: &UnixDatagram, bytes: &[u8]| {
            s.send(bytes).await
        }),
        twin(
            "os::unix::net::UnixDatagram::send_to",
            async |s: &UnixDatagram, bytes: &[u8], to: &Path| s.send_to(bytes, to).await,
        ),
        twin(
            "os::unix::net::UnixDatagram::send_to_addr",
            async |s: &UnixDatagram, bytes: &[u8], to: &SocketAddr| s.send_to_addr(bytes, to).await,
        ),
    ]
}
