//! [`UnixListener`].

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::path::Path;

use futures_core::Stream;

use super::{SocketAddr, UnixStream, address};
use crate::hooks::BorrowedSource;
use crate::io;
use crate::io::source::{borrow, current};
use crate::io::waiters::{Key, Who};
use crate::net::accept::Accepting;
use crate::net::connect::check_sockets;
use crate::net::sys;

/// Accepts connections at a path, or at an abstract name.
///
/// Dropping it leaves the file where it is, as std's does: whoever connects is refused then, and
/// whoever binds again removes it first.
///
/// ```
/// use runtime_traits::{io, net::unix::UnixListener, spawn};
///
/// async fn serve_echo() -> io::Result<()> {
///     let listener = UnixListener::bind("/run/echo.sock")?;
///     loop {
///         let (stream, _from) = listener.accept().await?;
///         drop(spawn(async move { io::copy(&stream, &stream).await }));
///     }
/// }
/// ```
///
/// # Contract
///
/// - **UNIX-2** (must) Paths, abstract names and no name at all come back as they were given, and
///   `connect` tells the real error: no such path, refused. A full queue is waited for, or told as
///   `ResourceBusy`, never as `WouldBlock`.
pub struct UnixListener(Accepting);

impl UnixListener {
    /// Makes the socket file and listens there, on the current runtime.
    ///
    /// # Errors
    ///
    /// The system's: `AddrInUse` if there is a file of that name, whatever it is. `InvalidInput` for a
    /// path of more than about 100 bytes; `Unsupported` if there is no runtime or it has no net.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        UnixListener::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// As [`bind`](UnixListener::bind), at any kind of address.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")]
    /// # mod linux {
    /// # use runtime_traits::{io, net::unix::{SocketAddr, UnixListener}};
    /// use std::os::linux::net::SocketAddrExt;
    ///
    /// fn without_a_file() -> io::Result<UnixListener> {
    ///     UnixListener::bind_addr(&SocketAddr::from_abstract_name("my-service")?)
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`bind`](UnixListener::bind).
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixListener> {
        // Asked first, so that no file is made where nothing can be done with it.
        check_sockets(&current()?)?;
        address::bound(addr, std::os::unix::net::UnixListener::bind_addr)
    }

    /// The next connection, and where it comes from: mostly an unnamed address.
    ///
    /// An error concerns one connection, or a limit (too many open files): the listener goes on. A
    /// loop that meets a limit should wait a little before it tries again.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::{UnixListener, UnixStream}};
    /// async fn next(listener: &UnixListener) -> io::Result<UnixStream> {
    ///     let (stream, _from) = listener.accept().await?;
    ///     println!("from {:?}", stream.peer_cred()?);
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
    /// The system's; the runtime has ended. With no descriptor left (`EMFILE`), as for TCP's.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        self.0.side().wait(|who, cx| self.poll(who, cx)).await
    }

    /// As [`accept`](UnixListener::accept), for code that polls. Its waker is kept until the next
    /// event.
    ///
    /// # Errors
    ///
    /// As [`accept`](UnixListener::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
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
        Ok(address::from_system(&sys::socket(self.0.source()).local_addr()?))
    }

    /// The error that is pending on the socket; it is no longer pending then.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        sys::socket(self.0.source()).take_error()
    }

    /// The socket beneath, if there is one: today there is.
    pub fn as_source(&self) -> Option<BorrowedSource<'_>> {
        Some(borrow(self.0.source()))
    }

    fn poll(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let (link, from) = ready!(self.0.poll(who, cx))?;
        Poll::Ready(Ok((UnixStream::new(link), address::from_system(&from))))
    }
}

/// Puts a listener of std's on the current runtime, in non-blocking mode.
///
/// Fails with `Unsupported` if there is no current runtime, or it has neither a reactor nor
/// completion.
impl TryFrom<std::os::unix::net::UnixListener> for UnixListener {
    type Error = io::Error;

    fn try_from(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        listener.set_nonblocking(true)?;
        Ok(UnixListener(Accepting::new(current()?, sys::source(listener))?))
    }
}

/// Takes the listener off its runtime, in blocking mode.
impl TryFrom<UnixListener> for std::os::unix::net::UnixListener {
    type Error = io::Error;

    fn try_from(listener: UnixListener) -> io::Result<std::os::unix::net::UnixListener> {
        let source = listener.0.source().clone();
        drop(listener);
        let listener = std::os::unix::net::UnixListener::from(sys::unshare(source)?);
        listener.set_nonblocking(false)?;
        Ok(listener)
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixListener").field("at", &self.local_addr().ok()).finish_non_exhaustive()
    }
}

/// The connections of a [`UnixListener`]. Never ends.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a> {
    listener: &'a UnixListener,
    key: Key,
}

impl Stream for Incoming<'_> {
    type Item = io::Result<UnixStream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let accepted = ready!(this.listener.poll(Who::Keyed(&mut this.key), cx));
        Poll::Ready(Some(accepted.map(|(stream, _)| stream)))
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        self.listener.0.side().release(&mut self.key);
    }
}
