//! Byte streams, whatever carries them: what the clauses about streams are written against, and what
//! mutants replace.
//!
//! ```text
//!  TCP-2 … TCP-5   UNIX-1        TCP-1, 6, 7, 8
//!        └── table ──┘                 │
//!         Transport ◀── over ──────── Tcp  (`TcpCalls`: the calls as they are, or a mutant's)
//! ```
//!
//! A test talks to a [`Peer`]: a blocking socket of std's on a thread of the test's own, so that the
//! other end of every connection is nobody's mutant.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use runtime_traits::hooks::BorrowedSource;
use runtime_traits::io::AsyncWrite;
use runtime_traits::net::{OwnedReadHalf, OwnedWriteHalf, TcpListener, TcpStream};
use socket2::SockRef;

/// What a call that waits answers.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// Something that is read.
pub trait Reads: Send + Sync {
    /// `read`.
    fn read<'a>(&'a self, buf: &'a mut [u8]) -> Boxed<'a, usize>;
}

/// Something that is written.
pub trait Writes: Send + Sync {
    /// `write`.
    fn write<'a>(&'a self, bytes: &'a [u8]) -> Boxed<'a, usize>;

    /// `poll_write_vectored`, awaited.
    fn write_vectored<'a>(&'a self, bytes: &'a [IoSlice<'a>]) -> Boxed<'a, usize>;
}

/// A connection of the runtime's.
pub trait Conn: Reads + Writes {
    /// `shutdown(Write)`.
    fn end_writing(&self) -> Boxed<'_, ()>;

    /// `into_split`.
    fn into_split(self: Box<Self>) -> (Box<dyn Reads>, Box<dyn Writes>);

    /// `as_source`.
    fn source(&self) -> Option<BorrowedSource<'_>>;
}

/// The other end of a connection: blocking.
pub trait Peer: Read + Write + Send {
    /// Ends writing.
    fn end_writing(&self) -> io::Result<()>;

    /// The same end again, for a second thread.
    fn another(&self) -> io::Result<Box<dyn Peer>>;

    /// Makes the buffers of this end small, and what is written leave at once.
    fn tighten(&self) -> io::Result<()>;

    /// Whether closing resets the connection instead of ending it. Not for all transports.
    fn set_resets(&self) -> io::Result<()>;
}

/// Both ends of a connection.
pub type Ends = (Box<dyn Conn>, Box<dyn Peer>);

/// A way to make connections. Called with the runtime current; nothing here waits for a thread of the
/// test's.
pub trait Transport: Send + Sync {
    /// The runtime connects, the peer accepts.
    fn connected(&self) -> Boxed<'_, Ends>;

    /// The peer connects, the runtime accepts.
    fn accepted(&self) -> Boxed<'_, Ends>;

    /// The runtime is given a socket of std's that is connected.
    fn adopted(&self) -> Boxed<'_, Ends>;
}

/// How a connection came about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    Connected,
    Accepted,
    Adopted,
}

impl Role {
    pub(crate) const ALL: [Role; 3] = [Role::Connected, Role::Accepted, Role::Adopted];

    /// A connection that came about like this, with small buffers.
    pub(crate) async fn ends(self, id: &str, transport: &dyn Transport) -> Ends {
        let made = match self {
            Role::Connected => transport.connected(),
            Role::Accepted => transport.accepted(),
            Role::Adopted => transport.adopted(),
        };
        let (conn, peer) = made.await.unwrap_or_else(|error| panic!("{id}: no {self:?}: {error}"));
        if let Some(source) = conn.source() {
            let _ = tighten(&SockRef::from(&source)); // where it cannot be done it is not needed
        }
        let _ = peer.tighten();
        (conn, peer)
    }
}

/// The buffers that tests want: small, but not so small that the kernel waits for its timers.
const BUFFER: usize = 32 * 1024;

fn tighten(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_recv_buffer_size(BUFFER)?;
    socket.set_send_buffer_size(BUFFER)
}

// ── TCP ─────────────────────────────────────────────────────────────────────────────────────────

/// The calls of the group TCP.
#[derive(Clone)]
pub struct TcpCalls(pub Arc<dyn Tcp>);

impl Default for TcpCalls {
    fn default() -> TcpCalls {
        TcpCalls(Arc::new(Plain))
    }
}

/// See [`TcpCalls`]. Each is called with the runtime current.
pub trait Tcp: Send + Sync {
    /// `TcpStream::connect`.
    fn connect(&self, to: SocketAddr) -> Boxed<'static, Box<dyn Conn>> {
        Plain.connect(to)
    }

    /// `TcpListener::bind`, on a port of the system's choice.
    fn bind(&self) -> Boxed<'static, Box<dyn Accepts>> {
        Plain.bind()
    }

    /// `TcpStream::try_from`.
    fn adopt(&self, stream: std::net::TcpStream) -> io::Result<Box<dyn Conn>> {
        Plain.adopt(stream)
    }
}

/// A listener of the runtime's.
pub trait Accepts: Send + Sync {
    /// `accept`.
    fn accept(&self) -> Boxed<'_, (Box<dyn Conn>, SocketAddr)>;

    /// `local_addr`.
    fn address(&self) -> io::Result<SocketAddr>;

    /// `as_source`.
    fn source(&self) -> Option<BorrowedSource<'_>>;
}

/// Any port of this machine.
pub(crate) const ANYWHERE: &str = "127.0.0.1:0";

/// The calls as they are.
struct Plain;

impl Tcp for Plain {
    fn connect(&self, to: SocketAddr) -> Boxed<'static, Box<dyn Conn>> {
        Box::pin(async move { Ok(Box::new(TcpStream::connect(to).await?) as Box<dyn Conn>) })
    }

    fn bind(&self) -> Boxed<'static, Box<dyn Accepts>> {
        Box::pin(async { Ok(Box::new(TcpListener::bind(ANYWHERE).await?) as Box<dyn Accepts>) })
    }

    fn adopt(&self, stream: std::net::TcpStream) -> io::Result<Box<dyn Conn>> {
        Ok(Box::new(TcpStream::try_from(stream)?))
    }
}

impl Accepts for TcpListener {
    fn accept(&self) -> Boxed<'_, (Box<dyn Conn>, SocketAddr)> {
        Box::pin(async {
            let (stream, from) = TcpListener::accept(self).await?;
            Ok((Box::new(stream) as Box<dyn Conn>, from))
        })
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    fn source(&self) -> Option<BorrowedSource<'_>> {
        self.as_source()
    }
}

impl Reads for TcpStream {
    fn read<'a>(&'a self, buf: &'a mut [u8]) -> Boxed<'a, usize> {
        Box::pin(TcpStream::read(self, buf))
    }
}

impl Writes for TcpStream {
    fn write<'a>(&'a self, bytes: &'a [u8]) -> Boxed<'a, usize> {
        Box::pin(TcpStream::write(self, bytes))
    }

    fn write_vectored<'a>(&'a self, bytes: &'a [IoSlice<'a>]) -> Boxed<'a, usize> {
        let poll = move |cx: &mut Context<'_>| Pin::new(&mut &*self).poll_write_vectored(cx, bytes);
        Box::pin(poll_fn(poll))
    }
}

impl Conn for TcpStream {
    fn end_writing(&self) -> Boxed<'_, ()> {
        Box::pin(self.shutdown(Shutdown::Write))
    }

    fn into_split(self: Box<Self>) -> (Box<dyn Reads>, Box<dyn Writes>) {
        let (reader, writer) = TcpStream::into_split(*self);
        (Box::new(reader), Box::new(writer))
    }

    fn source(&self) -> Option<BorrowedSource<'_>> {
        self.as_source()
    }
}

impl Reads for OwnedReadHalf {
    fn read<'a>(&'a self, buf: &'a mut [u8]) -> Boxed<'a, usize> {
        Box::pin(OwnedReadHalf::read(self, buf))
    }
}

impl Writes for OwnedWriteHalf {
    fn write<'a>(&'a self, bytes: &'a [u8]) -> Boxed<'a, usize> {
        Box::pin(OwnedWriteHalf::write(self, bytes))
    }

    fn write_vectored<'a>(&'a self, bytes: &'a [IoSlice<'a>]) -> Boxed<'a, usize> {
        let stream: &TcpStream = self.as_ref();
        stream.write_vectored(bytes)
    }
}

impl Peer for std::net::TcpStream {
    fn end_writing(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn another(&self) -> io::Result<Box<dyn Peer>> {
        Ok(Box::new(self.try_clone()?))
    }

    fn tighten(&self) -> io::Result<()> {
        self.set_nodelay(true)?;
        tighten(&SockRef::from(self))
    }

    fn set_resets(&self) -> io::Result<()> {
        SockRef::from(self).set_linger(Some(Duration::ZERO))
    }
}

#[cfg(unix)]
impl Peer for std::os::unix::net::UnixStream {
    fn end_writing(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn another(&self) -> io::Result<Box<dyn Peer>> {
        Ok(Box::new(self.try_clone()?))
    }

    fn tighten(&self) -> io::Result<()> {
        tighten(&SockRef::from(self))
    }

    fn set_resets(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Transport for TcpCalls {
    fn connected(&self) -> Boxed<'_, Ends> {
        Box::pin(async {
            let listener = std::net::TcpListener::bind(ANYWHERE)?;
            let conn = self.0.connect(listener.local_addr()?).await?;
            let (peer, _) = listener.accept()?; // it is there, since `connect` said so
            Ok((conn, Box::new(peer) as Box<dyn Peer>))
        })
    }

    fn accepted(&self) -> Boxed<'_, Ends> {
        Box::pin(async {
            let listener = self.0.bind().await?;
            let peer = std::net::TcpStream::connect(listener.address()?)?;
            let (conn, _) = listener.accept().await?;
            Ok((conn, Box::new(peer) as Box<dyn Peer>))
        })
    }

    fn adopted(&self) -> Boxed<'_, Ends> {
        Box::pin(async {
            let (ours, theirs) = std_pair()?;
            Ok((self.0.adopt(ours)?, Box::new(theirs) as Box<dyn Peer>))
        })
    }
}

/// Two ends of a connection of std's.
pub(crate) fn std_pair() -> io::Result<(std::net::TcpStream, std::net::TcpStream)> {
    let listener = std::net::TcpListener::bind(ANYWHERE)?;
    let one = std::net::TcpStream::connect(listener.local_addr()?)?;
    Ok((one, listener.accept()?.0))
}
