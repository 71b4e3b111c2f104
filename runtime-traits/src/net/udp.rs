//! [`UdpSocket`].
//!
//! `batch` sends and receives many with one wait, `batched` with one system call (`late` keeps what stopped
//! either); `options` has what std's socket offers besides.

use core::task::{Context, Poll, ready};
use std::boxed::Box;

use super::link::{no_socket, now};
use super::lookup::look_up;
use super::{SocketAddr, ToSocketAddrs, connect, sys};
use crate::hooks::{Datagram, Dir, ReadCursor};
use crate::io::source::{Registered, poll_proceed};
use crate::io::waiters::{Side, Who};
use crate::{Capability, Handle, io};

mod batch;
#[cfg(feature = "udp-batch")]
mod batched;
mod late;
mod options;

pub use batch::{Arrival, Outgoing};
#[cfg(feature = "udp-batch")]
pub use batched::{BatchedUdpSocket, Datagrams, EcnCodepoint, RecvMeta, Transmit};

/// A UDP socket.
///
/// Every method takes `&self`; several tasks may send and receive at the same time.
///
/// A datagram that does not fit into the buffer is cut off (Windows answers an error, too). One of no bytes is received as `0`: that
/// is not the end.
///
/// ```
/// use runtime_traits::{io, net::UdpSocket};
///
/// async fn echo_once() -> io::Result<()> {
///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
///     let mut buf = [0; 1500];
///     let (n, from) = socket.recv_from(&mut buf).await?;
///     socket.send_to(&buf[..n], from).await?;
///     Ok(())
/// }
/// ```
///
/// # Contract
///
/// - **UDP-1** (must) One call receives one datagram, whole, and an empty one too.
/// - **UDP-2** (must) News of an unreachable peer is told once, and the socket goes on.
/// - **UDP-3** (must) A pending receive can be dropped: no datagram is lost.
/// - **UDP-4** (must) Who waits for room, or for a datagram, is woken, however many share the socket.
/// - **UDP-5** (must) A batch counts what was moved, in order; no datagram of it and no error is lost: what
///   stops it after its first datagram is told by the next `send_batch` or `recv_batch` that is polled, or
///   by `take_error`.
pub struct UdpSocket {
    kind: Kind,
    late: late::Late,
}

enum Kind {
    Ready(Registered),
    Object { handle: Handle, socket: Box<dyn Datagram>, sides: [Side; 2] },
}

impl UdpSocket {
    /// Binds to the first of the addresses that can be had. Port 0 lets the system choose.
    ///
    /// The runtime is the one that is current at the first poll.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{SocketAddr, UdpSocket}};
    /// async fn anywhere() -> io::Result<UdpSocket> {
    ///     UdpSocket::bind("0.0.0.0:0").await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// That of the last address (`AddrInUse`, …); those of [`lookup_host`](super::lookup_host);
    /// `Unsupported` if there is no runtime, or it has neither a reactor nor sockets of its own.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<UdpSocket> {
        connect::first_that_works(addr.target(), bind).await
    }

    /// Fixes the peer: the first of the addresses that can be used.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{SocketAddr, UdpSocket}};
    /// async fn talk_to(peer: SocketAddr) -> io::Result<UdpSocket> {
    ///     let socket = UdpSocket::bind("0.0.0.0:0").await?;
    ///     socket.connect(peer).await?;
    ///     Ok(socket)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// That of the last address; those of [`lookup_host`](super::lookup_host).
    pub async fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        let mut last = None;
        for to in look_up(self.handle(), addr.target()).await? {
            let done = match &self.kind {
                Kind::Ready(source) => sys::socket(source.source()).connect(&to.into()),
                Kind::Object { socket, .. } => socket.connect(to),
            };
            match done {
                Ok(()) => return Ok(()),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(connect::no_address))
    }

    /// Sends one datagram to the peer that [`connect`](UdpSocket::connect) fixed.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{SocketAddr, UdpSocket}};
    /// async fn ping(socket: &UdpSocket) -> io::Result<()> {
    ///     socket.send(b"ping").await.map(drop)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: a dropped send has sent nothing.
    ///
    /// # Errors
    ///
    /// The system's; what the network reports on earlier datagrams (`ConnectionRefused`); the runtime
    /// has ended.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.side(Dir::Write).wait(|who, cx| self.poll_out(who, cx, bytes, None)).await
    }

    /// Sends one datagram to the first of the addresses.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{SocketAddr, UdpSocket}};
    /// async fn ping(socket: &UdpSocket, to: SocketAddr) -> io::Result<()> {
    ///     socket.send_to(b"ping", to).await.map(drop)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: a dropped send has sent nothing.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send); those of [`lookup_host`](super::lookup_host).
    pub async fn send_to<A: ToSocketAddrs>(&self, bytes: &[u8], to: A) -> io::Result<usize> {
        let to = look_up(self.handle(), to.target()).await?.next();
        let to = to.ok_or_else(connect::no_address)?;
        self.side(Dir::Write).wait(|who, cx| self.poll_out(who, cx, bytes, Some(to))).await
    }

    /// Receives one datagram.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{SocketAddr, UdpSocket}};
    /// async fn pong(socket: &UdpSocket) -> io::Result<bool> {
    ///     let mut buf = [0; 1500];
    ///     let n = socket.recv(&mut buf).await?;
    ///     Ok(&buf[..n] == b"pong")
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: no datagram is lost.
    ///
    /// # Errors
    ///
    /// The system's; what the network reports on earlier datagrams (`ConnectionRefused`); the runtime
    /// has ended.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.recv_from(buf).await.map(|(n, _)| n)
    }

    /// Receives one datagram, and tells where it came from.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{SocketAddr, UdpSocket}};
    /// async fn who(socket: &UdpSocket) -> io::Result<SocketAddr> {
    ///     let (_, from) = socket.recv_from(&mut [0; 1500]).await?;
    ///     Ok(from)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: no datagram is lost.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.side(Dir::Read).wait(|who, cx| self.poll_in(who, cx, buf, Take::Yes)).await
    }

    /// Receives one datagram and leaves it there: the next receive finds it again.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{SocketAddr, UdpSocket}};
    /// async fn kind(socket: &UdpSocket) -> io::Result<u8> {
    ///     let mut first = [0];
    ///     socket.peek(&mut first).await?;
    ///     Ok(first[0])
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv); `Unsupported` on a socket of the runtime's own making.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.peek_from(buf).await.map(|(n, _)| n)
    }

    /// As [`peek`](UdpSocket::peek), and tells where it came from.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{SocketAddr, UdpSocket}};
    /// async fn who(socket: &UdpSocket) -> io::Result<SocketAddr> {
    ///     let (_, from) = socket.peek_from(&mut [0]).await?;
    ///     Ok(from)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// As [`peek`](UdpSocket::peek).
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.side(Dir::Read).wait(|who, cx| self.poll_in(who, cx, buf, Take::No)).await
    }

    /// As [`send`](UdpSocket::send), for code that polls. Its waker is kept until the next event.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send).
    pub fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_out(Who::Anyone, cx, bytes, None)
    }

    /// As [`send_to`](UdpSocket::send_to), for code that polls. Its waker is kept until the next
    /// event.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send).
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.poll_out(Who::Anyone, cx, bytes, Some(to))
    }

    /// As [`recv_from`](UdpSocket::recv_from), for code that polls. Its waker is kept until the next
    /// event.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.poll_in(Who::Anyone, cx, buf, Take::Yes)
    }

    /// Sends one datagram if that can be done at once.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; as [`send`](UdpSocket::send).
    pub fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_out(bytes, None)
    }

    /// Sends one datagram to `to` if that can be done at once.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; as [`send`](UdpSocket::send).
    pub fn try_send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.try_out(bytes, Some(to))
    }

    /// Receives a datagram that is there already.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none; as [`recv`](UdpSocket::recv).
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_recv_from(buf).map(|(n, _)| n)
    }

    /// Receives a datagram that is there already, and tells where it came from.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none; as [`recv`](UdpSocket::recv).
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        now(self.side(Dir::Read).now(|who, cx| self.poll_in(who, cx, buf, Take::Yes)))
    }

    fn try_out(&self, bytes: &[u8], to: Option<SocketAddr>) -> io::Result<usize> {
        now(self.side(Dir::Write).now(|who, cx| self.poll_out(who, cx, bytes, to)))
    }

    fn poll_out(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        bytes: &[u8],
        to: Option<SocketAddr>,
    ) -> Poll<io::Result<usize>> {
        match &self.kind {
            Kind::Ready(source) => source.poll(Dir::Write, who, cx, || {
                sys::send_to(&sys::socket(source.source()), bytes, to.map(Into::into).as_ref())
            }),
            Kind::Object { handle, socket, sides } => {
                ready!(poll_proceed(handle, cx));
                let side = &sides[Dir::Write.index()];
                side.poll_shared(who, cx, |cx| socket.poll_send(cx, bytes, to))
            }
        }
    }

    fn poll_in(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
        take: Take,
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut cursor = ReadCursor::new(buf);
        let from = match (&self.kind, take) {
            (Kind::Ready(source), _) => source.poll(Dir::Read, who, cx, || {
                let socket = sys::socket(source.source());
                let from = match take {
                    Take::Yes => sys::recv_from(&socket, &mut cursor),
                    Take::No => sys::peek_from(&socket, &mut cursor),
                };
                from.and_then(sys::ip)
            }),
            (Kind::Object { handle, socket, sides }, Take::Yes) => {
                ready!(poll_proceed(handle, cx));
                let side = &sides[Dir::Read.index()];
                side.poll_shared(who, cx, |cx| socket.poll_recv(cx, &mut cursor))
            }
            (Kind::Object { .. }, Take::No) => Poll::Ready(Err(no_socket())),
        };
        from.map_ok(|from| (cursor.filled().len(), from))
    }

    fn handle(&self) -> &Handle {
        match &self.kind {
            Kind::Ready(source) => source.handle(),
            Kind::Object { handle, .. } => handle,
        }
    }

    fn side(&self, dir: Dir) -> &Side {
        match &self.kind {
            Kind::Ready(source) => source.side(dir),
            Kind::Object { sides, .. } => &sides[dir.index()],
        }
    }
}

/// Whether a datagram is taken away.
#[derive(Clone, Copy)]
pub(super) enum Take {
    Yes,
    No,
}

/// Binds to one address.
async fn bind(handle: Handle, at: SocketAddr) -> io::Result<UdpSocket> {
    if let Some(made) = handle.runtime().net().and_then(|net| net.bind(at)) {
        let (socket, handle) = (made.await?, handle.clone());
        let kind = Kind::Object { handle, socket, sides: Side::pair() };
        return Ok(UdpSocket { kind, late: late::Late::default() });
    }
    on_runtime(handle, || std::net::UdpSocket::bind(at))
}

fn on_runtime(
    handle: Handle,
    socket: impl FnOnce() -> io::Result<std::net::UdpSocket>,
) -> io::Result<UdpSocket> {
    if handle.runtime().reactor().is_none() {
        return Err(handle.unsupported(Capability::Net).into());
    }
    let socket = socket()?;
    socket.set_nonblocking(true)?;
    let kind = Kind::Ready(Registered::new(handle, sys::source(socket))?);
    Ok(UdpSocket { kind, late: late::Late::default() })
}
