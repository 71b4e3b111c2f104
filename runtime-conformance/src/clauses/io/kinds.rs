//! Streams of every kind that has the I/O traits, and the calls over them.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use runtime_traits::io::{
    Async, AsyncRead, AsyncWrite, Read, Unblock, Write, copy, copy_bidirectional, duplex, split,
};
use runtime_traits::net::{TcpStream, unix};
use socket2::SockRef;

use crate::Cap;
use crate::clauses::tcp::steps::in_task;
use crate::clauses::tcp::transport::{Boxed, Peer, std_pair};
use crate::rig::Rig;
use crate::rt::Rt;

/// Something that is read.
pub type AnyRead = Box<dyn AsyncRead + Send + Sync + Unpin>;
/// Something that is written.
pub type AnyWrite = Box<dyn AsyncWrite + Send + Sync + Unpin>;

/// Both.
pub trait Both: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Both for T {}

/// An object that blocks.
pub trait Blocks: Read + Write + Send + Sync {}

impl<T: Read + Write + Send + Sync> Blocks for T {}

/// A stream.
pub type AnyStream = Box<dyn Both>;

/// The calls of the group IO.
#[derive(Clone)]
pub struct IoCalls {
    /// Every stream that a case uses goes through this.
    pub dress: fn(AnyStream) -> AnyStream,
    /// `TcpStream::into_split` and `io::split`: the halves go through this, together.
    pub halves: fn(AnyRead, AnyWrite) -> (AnyRead, AnyWrite),
    /// `io::copy`.
    pub copy: fn(AnyRead, AnyWrite) -> Boxed<'static, u64>,
    /// `io::duplex`.
    pub duplex: fn(usize) -> (AnyStream, AnyStream),
    /// `io::copy_bidirectional`.
    pub both_ways: fn(AnyStream, AnyStream) -> Boxed<'static, (u64, u64)>,
    /// `io::Unblock::new`.
    pub unblock: fn(Box<dyn Blocks>) -> AnyStream,
    /// `TcpStream::read_owned`: polled once, then cancelled when the second future is ready.
    pub cancelled: fn(Arc<TcpStream>, Vec<u8>, Boxed<'static, ()>) -> Cancelled,
}

/// What a cancelled operation gives.
pub type Cancelled =
    Pin<Box<dyn std::future::Future<Output = (io::Result<usize>, Vec<u8>)> + Send>>;

impl Default for IoCalls {
    fn default() -> IoCalls {
        IoCalls {
            dress: |stream| stream,
            halves: |reader, writer| (reader, writer),
            copy: |reader, writer| Box::pin(copy(reader, writer)),
            duplex: |capacity| {
                let (one, other) = duplex(capacity);
                (Box::new(one), Box::new(other))
            },
            both_ways: |one, other| Box::pin(copy_bidirectional(one, other)),
            unblock: |object| Box::new(Unblock::new(object)),
            cancelled: |stream, buf, when| Box::pin(super::owned::cancelled(stream, buf, when)),
        }
    }
}

/// A kind of stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `TcpStream`, by `&mut`.
    Tcp,
    /// `&TcpStream`.
    TcpShared,
    /// The halves of `TcpStream::into_split`.
    TcpHalves,
    /// Those of `io::split`.
    Halves,
    /// `Async<UnixStream>`, by `&mut`.
    Async,
    /// `&Async<UnixStream>`.
    AsyncShared,
    /// `net::unix::UnixStream`.
    Unix,
}

impl Kind {
    const ALL: [Kind; 7] = [
        Kind::Tcp,
        Kind::TcpShared,
        Kind::TcpHalves,
        Kind::Halves,
        Kind::Async,
        Kind::AsyncShared,
        Kind::Unix,
    ];

    /// What a runtime needs for it, beside TCP.
    fn needs(self) -> Option<Cap> {
        match self {
            Kind::Async | Kind::AsyncShared => Some(Cap::Fd),
            Kind::Unix => Some(Cap::Uds),
            _ => None,
        }
    }

    /// A stream of this kind, as it is, and its peer. The runtime is current.
    fn plain(self) -> io::Result<(AnyStream, Box<dyn Peer>)> {
        if self.needs().is_some() {
            let (ours, theirs) = UnixStream::pair()?;
            let stream: AnyStream = match self {
                Kind::Async => Box::new(Async::new(ours)?),
                Kind::AsyncShared => Box::new(Shared(Arc::new(Async::new(ours)?))),
                _ => Box::new(unix::UnixStream::try_from(ours)?),
            };
            return Ok((stream, Box::new(theirs)));
        }
        let (ours, theirs) = std_pair()?;
        SockRef::from(&ours).set_send_buffer_size(BUFFER)?;
        theirs.tighten()?;
        let ours = TcpStream::try_from(ours)?;
        let stream: AnyStream = match self {
            Kind::Tcp => Box::new(ours),
            Kind::TcpShared => Box::new(Shared(Arc::new(ours))),
            Kind::TcpHalves => {
                let (reader, writer) = ours.into_split();
                Box::new(Joined(reader, writer))
            }
            _ => {
                let (reader, writer) = split(ours);
                Box::new(Joined(reader, writer))
            }
        };
        Ok((stream, Box::new(theirs)))
    }
}

/// What the kernel may hold for a writer: not much, so that it fills up.
const BUFFER: usize = 32 * 1024;

/// Calls `body`, as a task, with a stream of each kind that the runtime has.
pub(crate) fn each_kind<R>(
    rig: &Rig<'_>,
    rt: &Rt,
    waiting_for: &str,
    body: impl Fn(Kind, AnyStream, Box<dyn Peer>) -> R,
) where
    R: std::future::Future<Output = ()> + Send + 'static,
{
    let calls = rt.calls::<IoCalls>();
    for kind in Kind::ALL {
        if kind.needs().is_some_and(|cap| !rig.has(cap)) {
            continue;
        }
        let waiting_for = format!("{waiting_for} ({kind:?})");
        let (stream, peer) = rig.setup("a stream", rt.enter(|| kind.plain()));
        in_task(rig, rt, &waiting_for, body(kind, (calls.dress)(stream), peer));
    }
}

/// A stream that is used by `&`.
struct Shared<T>(Arc<T>);

impl<T> AsyncRead for Shared<T>
where
    for<'a> &'a T: AsyncRead,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_read_vectored(cx, bufs)
    }
}

impl<T> AsyncWrite for Shared<T>
where
    for<'a> &'a T: AsyncWrite,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_close(cx)
    }
}

/// Two halves, used as one.
struct Joined<R, W>(R, W);

impl<R: AsyncRead + Unpin, W: Unpin> AsyncRead for Joined<R, W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read_vectored(cx, bufs)
    }
}

impl<R: Unpin, W: AsyncWrite + Unpin> AsyncWrite for Joined<R, W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.1).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.1).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.1).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.1).poll_close(cx)
    }
}

// ── awaited ─────────────────────────────────────────────────────────────────────────────────────

pub(crate) async fn read<S>(stream: &mut S, buf: &mut [u8]) -> io::Result<usize>
where
    S: AsyncRead + Unpin + ?Sized,
{
    poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, buf)).await
}

pub(crate) async fn read_vectored(
    stream: &mut AnyStream,
    bufs: &mut [IoSliceMut<'_>],
) -> io::Result<usize> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_read_vectored(cx, bufs)).await
}

pub(crate) async fn write<S>(stream: &mut S, buf: &[u8]) -> io::Result<usize>
where
    S: AsyncWrite + Unpin + ?Sized,
{
    poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, buf)).await
}

pub(crate) async fn write_vectored(
    stream: &mut AnyStream,
    bufs: &[IoSlice<'_>],
) -> io::Result<usize> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_write_vectored(cx, bufs)).await
}

pub(crate) async fn flush(stream: &mut AnyStream) -> io::Result<()> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_flush(cx)).await
}

pub(crate) async fn close(stream: &mut AnyStream) -> io::Result<()> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_close(cx)).await
}
