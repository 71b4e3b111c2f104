//! [`UnixStream`].
//!
//! `transfer` has the methods that read and write.

use core::fmt;
use std::path::Path;

use super::{
    OwnedReadHalf, OwnedWriteHalf, ReadHalf, SocketAddr, UCred, WriteHalf, address, connect, cred,
};
use crate::hooks::{BorrowedSource, Dir};
use crate::io;
use crate::io::source::current;
use crate::net::halves::{self, Inside, Whole};
use crate::net::link::{Link, no_socket};
use crate::net::{Shutdown, sys};

mod transfer;

/// A connection within this machine, by a Unix socket.
///
/// It is a [`TcpStream`](crate::net::TcpStream) with other addresses: every method takes `&self`, tasks
/// may read and write at the same time, and dropping it closes the connection.
///
/// ```
/// use runtime_traits::{io, net::unix::UnixStream};
///
/// async fn ask(question: &str) -> io::Result<Vec<u8>> {
///     let stream = UnixStream::connect("/run/oracle.sock").await?;
///     stream.write_all(question.as_bytes()).await?;
///     let mut answer = Vec::new();
///     stream.read_to_end(&mut answer).await?;
///     Ok(answer)
/// }
/// ```
///
/// # Contract
///
/// - **UNIX-1** (must) What TCP-2 to TCP-5, TCP-7 and TCP-8 say of [`TcpStream`](crate::net::TcpStream)
///   holds here too, also if both ends are in one process.
pub struct UnixStream {
    pub(in crate::net) link: Link,
}

impl UnixStream {
    /// A connection over a Unix socket.
    pub(super) fn new(link: Link) -> UnixStream {
        UnixStream { link: link.of_unix() }
    }

    /// Connects to the listener at a path.
    ///
    /// The runtime is the one that is current at the first poll. If too many connections wait to be
    /// accepted there, this waits too, on a thread of the runtime's that may block.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream};
    /// async fn connect() -> io::Result<UnixStream> {
    ///     UnixStream::connect("/run/oracle.sock").await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe. (A thread that waits is left running, for a tenth of a second at most.)
    ///
    /// # Errors
    ///
    /// The system's: `NotFound`, `ConnectionRefused` if nobody listens there, `PermissionDenied`.
    /// `InvalidInput` for a path of more than about 100 bytes; `ResourceBusy` if too many wait to be
    /// accepted and the runtime has no thread to wait on (Linux; elsewhere the system refuses);
    /// `Unsupported` if there is no runtime or it has no net.
    pub async fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        UnixStream::connect_addr(&SocketAddr::from_pathname(path)?).await
    }

    /// As [`connect`](UnixStream::connect), to any kind of address.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::{UnixListener, UnixStream}};
    /// async fn to_ourselves(listener: &UnixListener) -> io::Result<UnixStream> {
    ///     UnixStream::connect_addr(&listener.local_addr()?).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// As [`connect`](UnixStream::connect).
    ///
    /// # Errors
    ///
    /// As [`connect`](UnixStream::connect).
    pub async fn connect_addr(addr: &SocketAddr) -> io::Result<UnixStream> {
        connect::connect(current()?, address::to_system(addr)?).await.map(UnixStream::new)
    }

    /// Two ends of a connection without a name, on the current runtime.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream, spawn};
    /// async fn hello() -> io::Result<()> {
    ///     let (ours, theirs) = UnixStream::pair()?;
    ///     drop(spawn(async move { theirs.write_all(b"hello").await }));
    ///     ours.read_exact(&mut [0; 5]).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` if there is no runtime or it has no net.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = std::os::unix::net::UnixStream::pair()?;
        Ok((one.try_into()?, other.try_into()?))
    }

    /// Ends reading, writing or both. The peer sees the end of what we write, after all of it.
    ///
    /// A direction that has ended already is no error.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{Shutdown, unix::UnixStream}};
    /// async fn last_words(stream: &UnixStream) -> io::Result<()> {
    ///     stream.write_all(b"bye\n").await?;
    ///     stream.shutdown(Shutdown::Write).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: it can be called again.
    ///
    /// # Errors
    ///
    /// Those of earlier writes, and of the connection.
    pub async fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.link.shutdown(how).await
    }

    /// Waits until there is something to read, or the end.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream};
    /// async fn wait_and_try(stream: &UnixStream, buf: &mut [u8]) -> io::Result<usize> {
    ///     stream.readable().await?;
    ///     stream.try_read(buf) // `WouldBlock` if somebody was faster
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
        self.link.ready(Dir::Read).await
    }

    /// Waits until something can be written.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream};
    /// async fn wait_and_try(stream: &UnixStream, buf: &[u8]) -> io::Result<usize> {
    ///     stream.writable().await?;
    ///     stream.try_write(buf) // `WouldBlock` if somebody was faster
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
        self.link.ready(Dir::Write).await
    }

    /// Two halves that borrow the stream.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        halves::split(self)
    }

    /// Two halves for two tasks.
    ///
    /// Dropping the half that writes ends writing, as [`shutdown`](UnixStream::shutdown) does, unless
    /// it is [forgotten](crate::net::OwnedWriteHalf::forget).
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        halves::into_split(self)
    }

    /// The address of this end: unnamed, where it connected.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.link.with_socket(|socket| Ok(address::from_system(&socket.local_addr()?)))
    }

    /// The address of the other end: unnamed, where that connected.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.link.with_socket(|socket| Ok(address::from_system(&socket.peer_addr()?)))
    }

    /// The process at the other end, as it was when the connection was made. Both ends of a
    /// [`pair`](UnixStream::pair) belong to the process that made it.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream};
    /// fn is_root(stream: &UnixStream) -> io::Result<bool> {
    ///     Ok(stream.peer_cred()?.uid == 0)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` on systems other than Linux and Android.
    pub fn peer_cred(&self) -> io::Result<UCred> {
        cred::peer(self.as_source().ok_or_else(no_socket)?)
    }

    /// The error that is pending on the socket; it is no longer pending then.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.link.with_socket(|socket| socket.take_error())
    }

    /// The socket beneath, if there is one: today there is.
    pub fn as_source(&self) -> Option<BorrowedSource<'_>> {
        self.link.source()
    }
}

impl Whole for UnixStream {
    type Addr = SocketAddr;

    fn inside(&self) -> Inside<'_> {
        Inside(&self.link)
    }

    fn local(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    fn peer(&self) -> io::Result<SocketAddr> {
        self.peer_addr()
    }
}

/// Puts a connection of std's on the current runtime, in non-blocking mode.
///
/// Fails with `Unsupported` if there is no current runtime, or it has neither a reactor nor
/// completion.
impl TryFrom<std::os::unix::net::UnixStream> for UnixStream {
    type Error = io::Error;

    fn try_from(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
        stream.set_nonblocking(true)?;
        Link::from_source(current()?, sys::source(stream)).map(UnixStream::new)
    }
}

/// Takes the connection off its runtime, in blocking mode.
///
/// Fails with `ResourceBusy` if bytes are still in staging buffers (on a runtime that only completes
/// operations); the stream is closed then.
impl TryFrom<UnixStream> for std::os::unix::net::UnixStream {
    type Error = io::Error;

    fn try_from(stream: UnixStream) -> io::Result<std::os::unix::net::UnixStream> {
        let source = sys::unshare(stream.link.into_source()?)?;
        let stream = std::os::unix::net::UnixStream::from(source);
        stream.set_nonblocking(false)?;
        Ok(stream)
    }
}

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.link.fmt_as("UnixStream", &self.local_addr().ok(), &self.peer_addr().ok(), f)
    }
}
