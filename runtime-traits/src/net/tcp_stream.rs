//! [`TcpStream`].
//!
//! `reading` and `writing` have the methods for that; `options` has what else std's stream offers.

use core::fmt;

use super::halves::{self, Inside, OwnedReadHalf, OwnedWriteHalf, ReadHalf, Whole, WriteHalf};
use super::link::Link;
use super::{Shutdown, SocketAddr, ToSocketAddrs, connect};
use crate::hooks::Dir;
use crate::io;

mod options;
mod reading;
mod writing;

/// A TCP connection.
///
/// Every method takes `&self`: tasks may read and write at the same time, and several may wait for
/// the same direction. Dropping it closes the connection; what was written is still sent.
///
/// ```
/// use runtime_traits::{io, net::TcpStream};
///
/// async fn shout(server: &str) -> io::Result<Vec<u8>> {
///     let stream = TcpStream::connect(server).await?;
///     stream.write_all(b"hello\n").await?;
///     let mut answer = Vec::new();
///     stream.read_to_end(&mut answer).await?;
///     Ok(answer)
/// }
/// ```
///
/// # Contract
///
/// - **TCP-1** (must) `connect` succeeds only when the connection stands; else its error is the real one.
/// - **TCP-2** (must) All that was sent before the end can be read; then reads answer 0, every time.
/// - **TCP-4** (must) Writing to a peer that has gone is an error, and never a signal.
/// - **TCP-5** (must) A write waits while the peer takes nothing, and goes on when it does; both
///   directions may be full at once.
/// - **TCP-7** (must) A pending read or accept can be dropped: no byte and no connection is lost.
/// - **TCP-8** (must) Sockets are close-on-exec and non-blocking, whether made here or by std.
/// - **IO-2** (must) An empty buffer moves nothing, at once, and ends nothing.
/// - **IO-4** (must) A read reports what lies in the buffer, also if what is beneath lies about it.
/// - **IO-7** (must) Reading into several buffers, or writing them, is as if they were one; empty ones
///   are passed over.
/// - **IO-8** (must) `WouldBlock` and `Interrupted` are answers of the `try_` methods alone.
pub struct TcpStream {
    pub(super) link: Link,
}

impl TcpStream {
    /// Connects to the first of the addresses that answers.
    ///
    /// They are tried in turn. If a *name* has addresses of both families they race (RFC 8305, "happy
    /// eyeballs"): the families alternate, and one that has not answered within 250 ms is not waited
    /// for, but the next is tried as well. Without a timer there is no race.
    ///
    /// The runtime is the one that is current at the first poll.
    ///
    /// ```
    /// # use runtime_traits::{io, net::TcpStream};
    /// async fn connect(host: &str) -> io::Result<TcpStream> {
    ///     TcpStream::connect((host, 443)).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: the attempt is given up. (A look-up by the system is left running.)
    ///
    /// # Errors
    ///
    /// That of the last address, or, after a race, all of them, with the kind of the last (where all
    /// have one number of the system's, the last itself, with that); those of
    /// [`lookup_host`](super::lookup_host); `Unsupported` if there is no runtime or it has no net.
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        Ok(TcpStream { link: connect::connect_to(addr.target()).await? })
    }

    /// Ends reading, writing or both. The peer sees the end of what we write, after all of it.
    ///
    /// A direction that has ended already is no error.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{Shutdown, TcpStream}};
    /// async fn last_words(stream: &TcpStream) -> io::Result<()> {
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
    /// # use runtime_traits::{io, net::TcpStream};
    /// async fn wait_and_try(stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    ///     loop {
    ///         stream.readable().await?;
    ///         match stream.try_read(buf) {
    ///             Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
    ///             done => return done,
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// The runtime has ended; `Unsupported` on a stream of the runtime's own making.
    pub async fn readable(&self) -> io::Result<()> {
        self.link.ready(Dir::Read).await
    }

    /// Waits until something can be written.
    ///
    /// ```
    /// # use runtime_traits::{io, net::TcpStream};
    /// async fn wait_and_try(stream: &TcpStream, buf: &[u8]) -> io::Result<usize> {
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
    /// The runtime has ended; `Unsupported` on a stream of the runtime's own making.
    pub async fn writable(&self) -> io::Result<()> {
        self.link.ready(Dir::Write).await
    }

    /// Two halves that borrow the stream.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        halves::split(self)
    }

    /// Two halves for two tasks.
    ///
    /// Dropping the half that writes ends writing, as [`shutdown`](TcpStream::shutdown) does, unless
    /// it is [forgotten](OwnedWriteHalf::forget).
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        halves::into_split(self)
    }
}

impl Whole for TcpStream {
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

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.link.fmt_as("TcpStream", &self.local_addr().ok(), &self.peer_addr().ok(), f)
    }
}
