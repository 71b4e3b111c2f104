//! The calls of the group UNIX, and the table's transport over them.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::{
    SocketAddr, UnixDatagram as StdDatagram, UnixListener as StdListener, UnixStream as StdStream,
};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;

use runtime_traits::hooks::BorrowedSource;
use runtime_traits::io::AsyncWrite;
use runtime_traits::net::unix::{
    OwnedReadHalf, OwnedWriteHalf, UnixDatagram, UnixListener, UnixStream,
};

use crate::clauses::fs::place::Place;
use crate::clauses::tcp::table::Table;
use crate::clauses::tcp::transport::{Boxed, Conn, Ends, Peer, Reads, Transport, Writes};
use crate::rig::Rig;

/// See [`Unix`].
#[derive(Clone)]
pub struct UnixCalls(pub Arc<dyn Unix>);

impl Default for UnixCalls {
    fn default() -> UnixCalls {
        UnixCalls(Arc::new(Plain))
    }
}

/// Makes sockets. Each is called with the runtime current.
pub trait Unix: Send + Sync {
    /// `UnixStream::connect_addr`.
    fn connect(&self, to: SocketAddr) -> Boxed<'static, Box<dyn Conn>> {
        Plain.connect(to)
    }

    /// `UnixListener::bind_addr`.
    ///
    /// # Errors
    ///
    /// The call's.
    fn bind(&self, at: &SocketAddr) -> io::Result<Box<dyn Listens>> {
        Plain.bind(at)
    }

    /// `UnixStream::try_from`.
    ///
    /// # Errors
    ///
    /// The call's.
    fn adopt(&self, stream: StdStream) -> io::Result<Box<dyn Conn>> {
        Plain.adopt(stream)
    }

    /// `UnixDatagram::try_from`.
    ///
    /// # Errors
    ///
    /// The call's.
    fn datagram(&self, socket: StdDatagram) -> io::Result<Arc<dyn Posts>> {
        Plain.datagram(socket)
    }
}

/// A listener of the runtime's.
pub trait Listens: Send + Sync {
    /// `accept`.
    fn accept(&self) -> Boxed<'_, Box<dyn Conn>>;
}

/// A datagram socket of the runtime's.
pub trait Posts: Send + Sync {
    /// `send`.
    fn send<'a>(&'a self, bytes: &'a [u8]) -> Boxed<'a, usize>;
    /// `send_to_addr`.
    fn send_to<'a>(&'a self, bytes: &'a [u8], to: &'a SocketAddr) -> Boxed<'a, usize>;
    /// `recv_from`.
    fn recv_from<'a>(&'a self, buf: &'a mut [u8]) -> Boxed<'a, (usize, SocketAddr)>;
}

/// The calls as they are.
struct Plain;

impl Unix for Plain {
    fn connect(&self, to: SocketAddr) -> Boxed<'static, Box<dyn Conn>> {
        Box::pin(async move { Ok(Box::new(UnixStream::connect_addr(&to).await?) as Box<dyn Conn>) })
    }

    fn bind(&self, at: &SocketAddr) -> io::Result<Box<dyn Listens>> {
        Ok(Box::new(UnixListener::bind_addr(at)?))
    }

    fn adopt(&self, stream: StdStream) -> io::Result<Box<dyn Conn>> {
        Ok(Box::new(UnixStream::try_from(stream)?))
    }

    fn datagram(&self, socket: StdDatagram) -> io::Result<Arc<dyn Posts>> {
        Ok(Arc::new(UnixDatagram::try_from(socket)?))
    }
}

impl Listens for UnixListener {
    fn accept(&self) -> Boxed<'_, Box<dyn Conn>> {
        Box::pin(async { Ok(Box::new(UnixListener::accept(self).await?.0) as Box<dyn Conn>) })
    }
}

impl Posts for UnixDatagram {
    fn send<'a>(&'a self, bytes: &'a [u8]) -> Boxed<'a, usize> {
        Box::pin(UnixDatagram::send(self, bytes))
    }

    fn send_to<'a>(&'a self, bytes: &'a [u8], to: &'a SocketAddr) -> Boxed<'a, usize> {
        Box::pin(self.send_to_addr(bytes, to))
    }

    fn recv_from<'a>(&'a self, buf: &'a mut [u8]) -> Boxed<'a, (usize, SocketAddr)> {
        Box::pin(UnixDatagram::recv_from(self, buf))
    }
}

impl Reads for UnixStream {
    fn read<'a>(&'a self, buf: &'a mut [u8]) -> Boxed<'a, usize> {
        Box::pin(UnixStream::read(self, buf))
    }
}

impl Writes for UnixStream {
    fn write<'a>(&'a self, bytes: &'a [u8]) -> Boxed<'a, usize> {
        Box::pin(UnixStream::write(self, bytes))
    }

    fn write_vectored<'a>(&'a self, bytes: &'a [io::IoSlice<'a>]) -> Boxed<'a, usize> {
        let poll = move |cx: &mut Context<'_>| Pin::new(&mut &*self).poll_write_vectored(cx, bytes);
        Box::pin(std::future::poll_fn(poll))
    }
}

impl Conn for UnixStream {
    fn end_writing(&self) -> Boxed<'_, ()> {
        Box::pin(self.shutdown(Shutdown::Write))
    }

    fn into_split(self: Box<Self>) -> (Box<dyn Reads>, Box<dyn Writes>) {
        let (reader, writer) = UnixStream::into_split(*self);
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

    fn write_vectored<'a>(&'a self, bytes: &'a [io::IoSlice<'a>]) -> Boxed<'a, usize> {
        let stream: &UnixStream = self.as_ref();
        stream.write_vectored(bytes)
    }
}

/// The calls, with paths to listen at.
struct OverUnix {
    calls: UnixCalls,
    place: Place,
    next: AtomicUsize,
}

impl OverUnix {
    fn address(&self) -> io::Result<SocketAddr> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        SocketAddr::from_pathname(self.place.at(number.to_string()))
    }
}

impl Transport for OverUnix {
    fn connected(&self) -> Boxed<'_, Ends> {
        Box::pin(async {
            let at = self.address()?;
            let listener = StdListener::bind_addr(&at)?;
            let conn = self.calls.0.connect(at).await?;
            let (peer, _) = listener.accept()?; // it is there, since `connect` said so
            Ok((conn, Box::new(peer) as Box<dyn Peer>))
        })
    }

    fn accepted(&self) -> Boxed<'_, Ends> {
        Box::pin(async {
            let at = self.address()?;
            let listener = self.calls.0.bind(&at)?;
            let peer = StdStream::connect_addr(&at)?;
            Ok((listener.accept().await?, Box::new(peer) as Box<dyn Peer>))
        })
    }

    fn adopted(&self) -> Boxed<'_, Ends> {
        Box::pin(async {
            let (ours, theirs) = StdStream::pair()?;
            Ok((self.calls.0.adopt(ours)?, Box::new(theirs) as Box<dyn Peer>))
        })
    }
}

/// The table over Unix sockets.
pub(crate) fn of_unix<'r, 'a>(rig: &'r Rig<'a>) -> Table<'r, 'a> {
    let rt = rig.rt();
    let calls = rt.calls::<UnixCalls>();
    let transport = Arc::new(OverUnix { calls, place: Place::new(rig), next: AtomicUsize::new(0) });
    Table { id: "UNIX-1", rig, rt, transport }
}
