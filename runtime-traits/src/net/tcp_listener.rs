//! [`TcpListener`].

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::boxed::Box;

use futures_core::Stream;
use socket2::SockRef;

use super::accept::Accepting;
use super::link::{Link, no_socket};
use super::{SocketAddr, TcpStream, ToSocketAddrs, connect, sys};
use crate::hooks::{BorrowedSource, Listen};
use crate::io::source::{borrow, current, poll_proceed};
use crate::io::waiters::{Key, Side, Who};
use crate::{Handle, io};

/// Accepts TCP connections.
///
/// ```
/// use runtime_traits::{io, net::TcpListener, spawn};
///
/// async fn serve_echo() -> io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     loop {
///         let (stream, _from) = listener.accept().await?;
///         drop(spawn(async move { io::copy(&stream, &stream).await }));
///     }
/// }
/// ```
///
/// # Contract
///
/// - **TCP-6** (must) A burst of connections is accepted whole. An error is that of one connection, or
///   a limit; accepting goes on when the limit allows it.
pub struct TcpListener(Kind);

enum Kind {
    Socket(Accepting),
    Object { handle: Handle, listener: Box<dyn Listen>, side: Side },
}

impl TcpListener {
    /// Listens at the first of the addresses that can be had. Port 0 lets the system choose.
    ///
    /// The runtime is the one that is current at the first poll.
    ///
    /// ```
    /// # use runtime_traits::{io, net::TcpListener};
    /// async fn anywhere() -> io::Result<TcpListener> {
    ///     TcpListener::bind("[::1]:0").await
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
    /// `Unsupported` if there is no runtime or it has no net.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        connect::first_that_works(addr.target(), bind).await
    }

    /// The next connection, and where it comes from.
    ///
    /// An error concerns one connection, or a limit (too many open files): the listener goes on. A
    /// loop that meets a limit should wait a little before it tries again.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{TcpListener, TcpStream}};
    /// async fn next(listener: &TcpListener) -> io::Result<TcpStream> {
    ///     let (stream, from) = listener.accept().await?;
    ///     println!("from {from}");
    ///     Ok(stream)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: no connection is lost.
    ///
    /// # Errors
    ///
    /// The system's; the runtime has ended. With no descriptor left (`EMFILE`) the connection stays where
    /// it is, and each call says so until there is one: pause before you try again.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.side().wait(|who, cx| self.poll(who, cx)).await
    }

    /// As [`accept`](TcpListener::accept), for code that polls. Its waker is kept until the next
    /// event.
    ///
    /// # Errors
    ///
    /// As [`accept`](TcpListener::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.poll(Who::Anyone, cx)
    }

    /// All connections, as a stream that never ends.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self, key: Key::default() }
    }

    /// The address listened at.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Kind::Object { listener, .. } => listener.local_addr(),
            _ => self.with_socket(|socket| socket.local_addr().and_then(sys::ip)),
        }
    }

    /// How many hops a packet may take.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn ttl(&self) -> io::Result<u32> {
        self.with_socket(|socket| socket.ttl_v4())
    }

    /// Sets how many hops a packet may take.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.with_socket(|socket| socket.set_ttl_v4(ttl))
    }

    /// The error that is pending on the socket; it is no longer pending then.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` without a socket.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.with_socket(|socket| socket.take_error())
    }

    /// The socket beneath, if there is one.
    pub fn as_source(&self) -> Option<BorrowedSource<'_>> {
        match &self.0 {
            Kind::Socket(accepting) => Some(borrow(accepting.source())),
            Kind::Object { listener, .. } => listener.source(),
        }
    }

    fn with_socket<R>(&self, f: impl FnOnce(&SockRef<'_>) -> io::Result<R>) -> io::Result<R> {
        match self.as_source() {
            Some(source) => f(&SockRef::from(&source)),
            None => Err(no_socket()),
        }
    }

    fn side(&self) -> &Side {
        match &self.0 {
            Kind::Socket(accepting) => accepting.side(),
            Kind::Object { side, .. } => side,
        }
    }

    fn poll(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let (link, from) = match &self.0 {
            Kind::Socket(accepting) => {
                let (link, from) = ready!(accepting.poll(who, cx))?;
                (link, sys::ip(from)?)
            }
            Kind::Object { handle, listener, side } => {
                ready!(poll_proceed(handle, cx));
                let accept = side.poll_shared(who, cx, |cx| listener.poll_accept(cx));
                let (stream, from) = ready!(accept)?;
                (Link::from_object(handle.clone(), stream), from)
            }
        };
        Poll::Ready(Ok((TcpStream { link }, from)))
    }
}

/// Listens at one address.
async fn bind(handle: Handle, at: SocketAddr) -> io::Result<TcpListener> {
    if let Some(made) = handle.runtime().net().and_then(|net| net.listen(at)) {
        let (listener, handle) = (made.await?, handle.clone());
        return Ok(TcpListener(Kind::Object { handle, listener, side: Side::new() }));
    }
    connect::check_sockets(&handle)?;
    on_runtime(handle, std::net::TcpListener::bind(at)?)
}

fn on_runtime(handle: Handle, listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    Ok(TcpListener(Kind::Socket(Accepting::new(handle, sys::source(listener))?)))
}

/// Puts a listener of std's on the current runtime, in non-blocking mode.
///
/// Fails with `Unsupported` if there is no current runtime, or it has neither a reactor nor
/// completion.
impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = io::Error;

    fn try_from(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        on_runtime(current()?, listener)
    }
}

/// Takes the listener off its runtime, in blocking mode. Fails with `Unsupported` if there is no
/// socket beneath.
impl TryFrom<TcpListener> for std::net::TcpListener {
    type Error = io::Error;

    fn try_from(listener: TcpListener) -> io::Result<std::net::TcpListener> {
        let source = match &listener.0 {
            Kind::Socket(accepting) => accepting.source().clone(),
            Kind::Object { .. } => return Err(no_socket()),
        };
        drop(listener);
        let listener = std::net::TcpListener::from(sys::unshare(source)?);
        listener.set_nonblocking(false)?;
        Ok(listener)
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener").field("at", &self.local_addr().ok()).finish_non_exhaustive()
    }
}

/// The connections of a [`TcpListener`]. Never ends.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
    key: Key,
}

impl Stream for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let accepted = ready!(this.listener.poll(Who::Keyed(&mut this.key), cx));
        Poll::Ready(Some(accepted.map(|(stream, _)| stream)))
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        self.listener.side().release(&mut self.key);
    }
}
