//! [`UnixDatagram`].
//!
//! `options` has what std's socket offers besides sending and receiving; `room` waits for a queue
//! that another socket sends to.

use core::sync::atomic::AtomicBool;
use core::task::{Context, Poll};
use std::path::Path;

use socket2::SockAddr;

use super::{SocketAddr, address};
use crate::hooks::{Dir, ReadCursor};
use crate::io;
use crate::io::source::{Registered, current};
use crate::io::waiters::Who;
use crate::net::sys;
use crate::net::udp::Take;

mod options;
mod room;

/// A socket that sends and receives datagrams within this machine.
///
/// Every method takes `&self`; several tasks may send and receive at the same time. Datagrams neither
/// get lost nor overtake each other: who sends to a queue that is full waits (Linux), or is told so
/// (`ENOBUFS`, on Apple's systems and the BSDs).
///
/// A datagram that does not fit into the buffer is cut off. One of no bytes is received as `0`: that
/// is not the end, for there is none. Nobody tells a receiver that its last sender has gone.
///
/// ```
/// use runtime_traits::{io, net::unix::UnixDatagram};
///
/// async fn log(line: &str) -> io::Result<()> {
///     let socket = UnixDatagram::unbound()?;
///     socket.send_to(line.as_bytes(), "/dev/log").await?;
///     Ok(())
/// }
/// ```
///
/// # Contract
///
/// - **UNIX-3** (must) One call receives one datagram, whole, and an empty one too. Who sends to a full
///   queue goes on when there is room in it, whether connected or not; it is an error if the receiver
///   has gone.
pub struct UnixDatagram {
    source: Registered,
    /// Whether receiving was ended. Linux tells that only to those who block.
    ended: AtomicBool,
}

impl UnixDatagram {
    /// Makes the socket file and receives there, on the current runtime.
    ///
    /// Dropping it leaves the file where it is, as std's does.
    ///
    /// # Errors
    ///
    /// The system's: `AddrInUse` if there is a file of that name, whatever it is. `InvalidInput` for a
    /// path of more than about 100 bytes; `Unsupported` if there is no runtime or it has no reactor.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        UnixDatagram::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// As [`bind`](UnixDatagram::bind), at any kind of address.
    ///
    /// # Errors
    ///
    /// As [`bind`](UnixDatagram::bind).
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixDatagram> {
        // Asked first, so that no file is made where nothing can be done with it.
        options::check(&current()?)?;
        address::bound(addr, std::os::unix::net::UnixDatagram::bind_addr)
    }

    /// A socket without a name: nobody can answer it.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` if there is no runtime or it has no reactor.
    pub fn unbound() -> io::Result<UnixDatagram> {
        std::os::unix::net::UnixDatagram::unbound()?.try_into()
    }

    /// Two sockets that are connected to each other, and to nobody else.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixDatagram};
    /// async fn to_ourselves() -> io::Result<usize> {
    ///     let (one, other) = UnixDatagram::pair()?;
    ///     one.send(b"hello").await?;
    ///     other.recv(&mut [0; 8]).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`unbound`](UnixDatagram::unbound).
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = std::os::unix::net::UnixDatagram::pair()?;
        Ok((one.try_into()?, other.try_into()?))
    }

    /// Fixes the peer: whom [`send`](UnixDatagram::send) sends to, and who alone may send here.
    ///
    /// # Errors
    ///
    /// The system's: `NotFound`, `ConnectionRefused` if nobody receives there, `PermissionDenied`.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// As [`connect`](UnixDatagram::connect), to any kind of address.
    ///
    /// # Errors
    ///
    /// As [`connect`](UnixDatagram::connect).
    pub fn connect_addr(&self, addr: &SocketAddr) -> io::Result<()> {
        sys::socket(self.source.source()).connect(&address::to_system(addr)?)
    }

    /// Sends one datagram to the peer that [`connect`](UnixDatagram::connect) fixed.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixDatagram};
    /// async fn ping(socket: &UnixDatagram) -> io::Result<()> {
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
    /// The system's: `NotConnected`, `ConnectionRefused` if the peer has gone; the runtime has ended.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.source.side(Dir::Write).wait(|who, cx| self.poll_out(who, cx, bytes, None)).await
    }

    /// Sends one datagram to the socket at a path.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixDatagram};
    /// async fn ping(socket: &UnixDatagram) -> io::Result<()> {
    ///     socket.send_to(b"ping", "/run/pong.sock").await.map(drop)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: a dropped send has sent nothing.
    ///
    /// # Errors
    ///
    /// The system's: `NotFound`, `ConnectionRefused` if nobody receives there, `PermissionDenied` if
    /// it is connected to somebody else; too many open files, if it has to wait (a second socket does
    /// that); the runtime has ended.
    pub async fn send_to<P: AsRef<Path>>(&self, bytes: &[u8], path: P) -> io::Result<usize> {
        self.send_to_addr(bytes, &SocketAddr::from_pathname(path)?).await
    }

    /// As [`send_to`](UnixDatagram::send_to), to any kind of address.
    ///
    /// There is no such method for code that polls: while it waits it holds a second socket, which a
    /// call cannot keep for the next.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::{SocketAddr, UnixDatagram}};
    /// async fn pong(socket: &UnixDatagram, from: &SocketAddr) -> io::Result<()> {
    ///     socket.send_to_addr(b"pong", from).await.map(drop)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: a dropped send has sent nothing.
    ///
    /// # Errors
    ///
    /// As [`send_to`](UnixDatagram::send_to).
    pub async fn send_to_addr(&self, bytes: &[u8], addr: &SocketAddr) -> io::Result<usize> {
        let to = address::to_system(addr)?;
        loop {
            match self.send_or_full(bytes, &to).await? {
                Some(n) => return Ok(n),
                None => room::at(self, &to).await?,
            }
        }
    }

    /// Receives one datagram.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixDatagram};
    /// async fn pong(socket: &UnixDatagram) -> io::Result<bool> {
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
    /// The system's; the runtime has ended.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.recv_from(buf).await.map(|(n, _)| n)
    }

    /// Receives one datagram, and tells where it came from.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::{SocketAddr, UnixDatagram}};
    /// async fn who(socket: &UnixDatagram) -> io::Result<SocketAddr> {
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
    /// As [`recv`](UnixDatagram::recv).
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.source.side(Dir::Read).wait(|who, cx| self.poll_in(who, cx, buf, Take::Yes)).await
    }

    /// Receives one datagram and leaves it there: the next receive finds it again.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixDatagram};
    /// async fn kind(socket: &UnixDatagram) -> io::Result<u8> {
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
    /// As [`recv`](UnixDatagram::recv).
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.peek_from(buf).await.map(|(n, _)| n)
    }

    /// As [`peek`](UnixDatagram::peek), and tells where it came from.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::{SocketAddr, UnixDatagram}};
    /// async fn who(socket: &UnixDatagram) -> io::Result<SocketAddr> {
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
    /// As [`recv`](UnixDatagram::recv).
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.source.side(Dir::Read).wait(|who, cx| self.poll_in(who, cx, buf, Take::No)).await
    }

    /// Waits until there is a datagram.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixDatagram};
    /// async fn wait_and_try(socket: &UnixDatagram, buf: &mut [u8]) -> io::Result<usize> {
    ///     socket.readable().await?;
    ///     socket.try_recv(buf) // `WouldBlock` if somebody was faster
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// The runtime has ended.
    pub async fn readable(&self) -> io::Result<()> {
        self.source.side(Dir::Read).wait(|who, cx| self.source.poll_ready(Dir::Read, who, cx)).await
    }

    /// Waits until a datagram can be sent to the peer that [`connect`](UnixDatagram::connect) fixed.
    ///
    /// Whether there is room at other addresses this does not know.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixDatagram};
    /// async fn wait_and_try(socket: &UnixDatagram, bytes: &[u8]) -> io::Result<usize> {
    ///     socket.writable().await?;
    ///     socket.try_send(bytes) // `WouldBlock` if somebody was faster
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// The runtime has ended.
    pub async fn writable(&self) -> io::Result<()> {
        self.source
            .side(Dir::Write)
            .wait(|who, cx| self.source.poll_ready(Dir::Write, who, cx))
            .await
    }

    /// As [`send`](UnixDatagram::send), for code that polls. Its waker is kept until the next event.
    ///
    /// # Errors
    ///
    /// As [`send`](UnixDatagram::send).
    pub fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_out(Who::Anyone, cx, bytes, None)
    }

    /// As [`recv_from`](UnixDatagram::recv_from), for code that polls. Its waker is kept until the
    /// next event.
    ///
    /// # Errors
    ///
    /// As [`recv`](UnixDatagram::recv).
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
    /// `WouldBlock` if not; as [`send`](UnixDatagram::send).
    pub fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.send_now(bytes, None)
    }

    /// Sends one datagram to the socket at a path if that can be done at once.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; as [`send_to`](UnixDatagram::send_to).
    pub fn try_send_to<P: AsRef<Path>>(&self, bytes: &[u8], path: P) -> io::Result<usize> {
        self.try_send_to_addr(bytes, &SocketAddr::from_pathname(path)?)
    }

    /// As [`try_send_to`](UnixDatagram::try_send_to), to any kind of address.
    ///
    /// # Errors
    ///
    /// As [`try_send_to`](UnixDatagram::try_send_to).
    pub fn try_send_to_addr(&self, bytes: &[u8], addr: &SocketAddr) -> io::Result<usize> {
        self.send_now(bytes, Some(&address::to_system(addr)?))
    }

    /// Receives a datagram that is there already.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none; as [`recv`](UnixDatagram::recv).
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_recv_from(buf).map(|(n, _)| n)
    }

    /// Receives a datagram that is there already, and tells where it came from.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none; as [`recv`](UnixDatagram::recv).
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let mut cursor = ReadCursor::new(buf);
        let from = self.receive_now(&mut cursor, Take::Yes)?;
        Ok((cursor.filled().len(), from))
    }

    fn poll_out(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        bytes: &[u8],
        to: Option<&SockAddr>,
    ) -> Poll<io::Result<usize>> {
        self.source.poll(Dir::Write, who, cx, || self.send_now(bytes, to))
    }

    fn poll_in(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
        take: Take,
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut cursor = ReadCursor::new(buf);
        let from = self.source.poll(Dir::Read, who, cx, || self.receive_now(&mut cursor, take));
        from.map_ok(|from| (cursor.filled().len(), from))
    }

    fn send_now(&self, bytes: &[u8], to: Option<&SockAddr>) -> io::Result<usize> {
        sys::send_to(&sys::socket(self.source.source()), bytes, to)
    }

    fn receive_now(&self, cursor: &mut ReadCursor<'_>, take: Take) -> io::Result<SocketAddr> {
        let socket = sys::socket(self.source.source());
        let from = match take {
            Take::Yes => sys::recv_from(&socket, cursor),
            Take::No => sys::peek_from(&socket, cursor),
        };
        match from {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.has_ended() => {
                Ok(address::unnamed())
            }
            from => Ok(address::from_system(&from?)),
        }
    }

    /// Sends, or answers `None` if that would block: the reactor cannot tell when it would not.
    async fn send_or_full(&self, bytes: &[u8], to: &SockAddr) -> io::Result<Option<usize>> {
        let mut send = || match self.send_now(bytes, Some(to)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            sent => sent.map(Some),
        };
        let side = self.source.side(Dir::Write);
        side.wait(|who, cx| self.source.poll(Dir::Write, who, cx, &mut send)).await
    }
}
