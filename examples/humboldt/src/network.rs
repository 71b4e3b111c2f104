//! Turbo: humboldt's own transport, for streams inside one process. No TCP, no ports of the system's.
//!
//! Its addresses are names below `.turbo` with at most ten letters. A name *is* an address, in a prefix
//! that no network routes, so that it fits wherever a `SocketAddr` does:
//!
//! ```text
//!   engine.turbo:7  ──resolve──▶  [fd74:7572:626f:656e:6769:6e65::]:7
//!                                  fd t u r b o    e n  g i  n e
//! ```
//!
//! Beneath is a Unix socket at a name that the kernel keeps for us, registered with humboldt's reactor:
//! bounded, with back-pressure, half-close and all, and humboldt's threads wake whoever waits for it,
//! on whatever runtime that is.
//!
//! There are two ways to it. Code that knows humboldt calls [`TurboListener::bind`] and
//! [`TurboStream::connect`], wherever it runs. Code that knows only `runtime-traits` calls
//! `TcpStream::connect("engine.turbo:7")`, and gets the same when a humboldt is current, because
//! humboldt's `Net` takes these addresses. To others it answers `None`, and they are TCP.
//!
//! ```
//! use humboldt::network::{TurboListener, TurboStream};
//! use runtime_traits::{io, net::TcpStream, spawn};
//!
//! #[humboldt::main]
//! async fn main() -> io::Result<()> {
//!     let listener = TurboListener::bind("echo.turbo:7").await?;
//!     let echo = spawn(async move {
//!         for _ in 0..2 {
//!             let (stream, _) = listener.accept().await?;
//!             io::copy(&*stream, &*stream).await?;
//!         }
//!         io::Result::Ok(())
//!     });
//!     let turbo = TurboStream::connect("echo.turbo:7").await?; // knows humboldt
//!     let plain = TcpStream::connect("echo.turbo:7").await?; // knows nothing
//!     for stream in [&*turbo, &plain] {
//!         stream.write_all(b"hello").await?;
//!         stream.shutdown(std::net::Shutdown::Write).await?;
//!         let mut answer = Vec::new();
//!         stream.read_to_end(&mut answer).await?;
//!         assert_eq!(answer, b"hello");
//!     }
//!     echo.await?
//! }
//! ```
//!
//! Not here: streams between processes, datagrams, addresses of clients.

use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as Place, UnixListener, UnixStream};
use std::task::{Context, Poll, ready};

use runtime_traits::hooks::{Boxed, ByteStream, Listen, Net};
use runtime_traits::io::Async;
use runtime_traits::net::{TcpListener, TcpStream, ToSocketAddrs, lookup_host};
use runtime_traits::task::spawn_blocking;

use crate::{Handle, Shared, handle};

/// A connection by Turbo. Everything that a [`TcpStream`] can do with bytes it can do, as that.
///
/// What needs a socket of TCP's, or addresses, is `Unsupported`. It is driven by the humboldt that made
/// it, whichever runtime polls it.
#[derive(Debug)]
pub struct TurboStream(TcpStream);

impl TurboStream {
    /// Connects to a listener in this process, by [`handle`]'s humboldt.
    ///
    /// ```
    /// # use humboldt::network::TurboStream;
    /// # use runtime_traits::io;
    /// async fn ask() -> io::Result<usize> {
    ///     let engine = TurboStream::connect("engine.turbo:7").await?;
    ///     engine.write_all(b"question").await?;
    ///     engine.read(&mut [0; 32]).await
    /// }
    /// # #[humboldt::main]
    /// # async fn main() {
    /// #     assert_eq!(ask().await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    /// # }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe, except that the listener may see a connection that ends at once.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if this is no address of Turbo's; `ConnectionRefused` if nobody listens there; the
    /// system's; the humboldt has ended.
    pub async fn connect(to: impl ToSocketAddrs) -> Result<TurboStream> {
        let connecting = async { TcpStream::connect(turbo(to).await?).await };
        Ok(TurboStream(handle().wrap(connecting).await?))
    }
}

impl std::ops::Deref for TurboStream {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.0
    }
}

/// Accepts connections by Turbo.
#[derive(Debug)]
pub struct TurboListener(TcpListener);

impl TurboListener {
    /// Listens at a name, by [`handle`]'s humboldt. Port 0 is any that is free.
    ///
    /// ```
    /// # use humboldt::network::TurboListener;
    /// #[humboldt::main]
    /// async fn main() -> std::io::Result<()> {
    ///     let listener = TurboListener::bind("engine.turbo:0").await?;
    ///     assert!(listener.local_addr()?.port() > 0);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if this is no address of Turbo's; `AddrInUse` if somebody in this process listens
    /// there; the system's; the humboldt has ended.
    pub async fn bind(at: impl ToSocketAddrs) -> Result<TurboListener> {
        let binding = async { TcpListener::bind(turbo(at).await?).await };
        Ok(TurboListener(handle().wrap(binding).await?))
    }

    /// The next connection. It comes from port 0 of this listener's name: clients have no address.
    ///
    /// # Cancellation
    ///
    /// Safe: no connection is lost.
    ///
    /// # Errors
    ///
    /// The system's; the humboldt has ended.
    pub async fn accept(&self) -> Result<(TurboStream, SocketAddr)> {
        let (stream, from) = self.0.accept().await?;
        Ok((TurboStream(stream), from))
    }

    /// The address listened at.
    ///
    /// # Errors
    ///
    /// None today.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.0.local_addr()
    }
}

// ── addresses ───────────────────────────────────────────────────────────────────────────────────

/// How every address of Turbo's begins: a local prefix (RFC 4193) that says so.
const PREFIX: [u8; 6] = *b"\xfdturbo";

/// `None` if the name is too long.
fn address(name: &str, port: u16) -> Option<SocketAddr> {
    let mut octets = [0; 16];
    octets[..6].copy_from_slice(&PREFIX);
    octets[6..].get_mut(..name.len())?.copy_from_slice(name.as_bytes());
    Some((octets, port).into())
}

fn is_turbo(at: SocketAddr) -> bool {
    matches!(at.ip(), IpAddr::V6(ip) if ip.octets().starts_with(&PREFIX))
}

/// The first address of Turbo's that this stands for.
async fn turbo(at: impl ToSocketAddrs) -> Result<SocketAddr> {
    let none = || Error::new(ErrorKind::InvalidInput, "Turbo connects `name.turbo:port`");
    lookup_host(at).await?.find(|at| is_turbo(*at)).ok_or_else(none)
}

/// Where the kernel keeps it: one process does not meet another.
fn place(at: SocketAddr) -> Result<Place> {
    Place::from_abstract_name(format!("turbo {at} of process {}", std::process::id()))
}

// ── the hook ────────────────────────────────────────────────────────────────────────────────────

impl Net for Shared {
    fn connect(&self, to: SocketAddr) -> Option<Boxed<'_, Result<Box<dyn ByteStream>>>> {
        is_turbo(to).then(|| Box::pin(connect(self.handle(), to)) as Boxed<'_, _>)
    }

    fn listen(&self, at: SocketAddr) -> Option<Boxed<'_, Result<Box<dyn Listen>>>> {
        is_turbo(at).then(|| Box::pin(listen(self.handle(), at)) as Boxed<'_, _>)
    }

    fn resolve<'a>(&self, host: &'a str, port: u16) -> Option<Boxed<'a, Result<Vec<SocketAddr>>>> {
        let long =
            || Error::new(ErrorKind::InvalidInput, "a name of Turbo's has at most ten letters");
        let addr = address(host.strip_suffix(".turbo")?, port).ok_or_else(long);
        Some(Box::pin(async { Ok(vec![addr?]) }))
    }
}

async fn connect(handle: Handle, to: SocketAddr) -> Result<Box<dyn ByteStream>> {
    // It blocks while the listener has as many waiting as the system lets it have.
    let connecting = handle.enter(|| spawn_blocking(move || UnixStream::connect_addr(&place(to)?)));
    Ok(Box::new(Async::new_on(&handle, connecting.await??)?))
}

async fn listen(handle: Handle, at: SocketAddr) -> Result<Box<dyn Listen>> {
    let ports = if at.port() > 0 { at.port()..=at.port() } else { 1024..=u16::MAX };
    for at in ports.map(|port| SocketAddr::new(at.ip(), port)) {
        match UnixListener::bind_addr(&place(at)?) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            bound => {
                let io = Async::new_on(&handle, bound?)?;
                return Ok(Box::new(Door { io, handle, at }));
            }
        }
    }
    Err(ErrorKind::AddrInUse.into())
}

/// What lies beneath a listener.
struct Door {
    io: Async<UnixListener>,
    handle: Handle,
    at: SocketAddr,
}

impl Listen for Door {
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<(Box<dyn ByteStream>, SocketAddr)>> {
        loop {
            match self.io.get_ref().accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready!(self.io.poll_readable(cx))?;
                }
                accepted => {
                    let stream = Async::new_on(&self.handle, accepted?.0)?;
                    return Poll::Ready(Ok((Box::new(stream), (self.at.ip(), 0).into())));
                }
            }
        }
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        Ok(self.at)
    }
}
