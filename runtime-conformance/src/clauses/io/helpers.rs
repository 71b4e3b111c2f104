//! IO-4 and IO-5: functions over streams that are not honest, or not generous.
//!
//! These streams are the test's own, so what is tested are `io::copy` and the methods of `TcpStream` over
//! an object; a runtime reaches the latter through the hook `Net`, which a decorator here answers.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use runtime_traits::Handle;
use runtime_traits::hooks::{Boxed, ByteStream, Info, Net, ReadCursor, Runtime, Spawn, Tag};
use runtime_traits::io::{AsyncRead, AsyncWrite};
use runtime_traits::net::TcpStream;

use super::kinds::IoCalls;
use crate::rig::Rig;
use crate::rt::Rt;

/// How a stream behaves that is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    /// Reports more than there is room for.
    Boasts,
    /// Puts another cursor into the place of the caller's.
    Exchanges,
    /// Reads, or takes, one byte at a time; the right ones.
    Stingy,
    /// Takes nothing, and says so.
    TakesNothing,
    /// Panics.
    Panics,
}

/// A stream of this manner: what was written to it, and how much is left to read.
struct Odd {
    manner: Manner,
    left: usize,
    taken: Arc<Mutex<Vec<u8>>>,
}

/// How much there is to read.
const LEFT: usize = 20_000;

impl Odd {
    fn new(manner: Manner) -> (Odd, Arc<Mutex<Vec<u8>>>) {
        let taken = Arc::<Mutex<Vec<u8>>>::default();
        (Odd { manner, left: LEFT, taken: taken.clone() }, taken)
    }

    fn take(&self, bytes: &[u8]) -> usize {
        let n = match self.manner {
            Manner::TakesNothing => 0,
            Manner::Boasts => return bytes.len() + 1000,
            Manner::Panics => panic!("a stream of the test's panics"),
            Manner::Stingy | Manner::Exchanges => bytes.len().min(1),
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.extend_from_slice(&bytes[..n]);
        n
    }
}

impl AsyncRead for Odd {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let n = self.left.min(buf.len());
        buf[..n].fill(b'o');
        self.left -= n;
        let boast = if self.manner == Manner::Boasts { 1000 } else { 0 };
        Poll::Ready(Ok(n + boast))
    }
}

impl AsyncWrite for Odd {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.take(buf)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl ByteStream for Odd {
    fn poll_read(&self, _: &mut Context<'_>, buf: &mut ReadCursor<'_>) -> Poll<io::Result<()>> {
        match self.manner {
            Manner::Exchanges => {
                let other: &'static mut [u8] = Box::leak(Box::new([b'o'; 100]));
                *buf = ReadCursor::new(other);
                buf.put(&[b'o'; 100]);
            }
            _ => _ = buf.put(b"o"),
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&self, _: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.take(bufs.first().map_or(&[], |first| first))))
    }

    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&self, _: Shutdown, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The runtime, but that its connections are odd.
struct Around {
    inner: Handle,
    manner: Manner,
    taken: Arc<Mutex<Vec<u8>>>,
}

impl Runtime for Around {
    fn tag(&self) -> &Tag {
        self.inner.runtime().tag()
    }

    fn info(&self) -> Info {
        self.inner.info()
    }

    fn spawner(&self) -> &dyn Spawn {
        self.inner.runtime().spawner()
    }

    fn net(&self) -> Option<&dyn Net> {
        Some(self)
    }

    fn inner(&self) -> Option<&dyn Runtime> {
        Some(self.inner.runtime())
    }
}

impl Net for Around {
    fn connect(&self, _: SocketAddr) -> Option<Boxed<'_, io::Result<Box<dyn ByteStream>>>> {
        let odd = Odd { manner: self.manner, left: LEFT, taken: self.taken.clone() };
        Some(Box::pin(async { Ok(Box::new(odd) as Box<dyn ByteStream>) }))
    }
}

/// A connection of this manner, as everybody gets one; and what is written to it.
fn connection(rig: &Rig<'_>, rt: &Rt, manner: Manner) -> (TcpStream, Arc<Mutex<Vec<u8>>>) {
    let taken = Arc::<Mutex<Vec<u8>>>::default();
    let around = Around { inner: rt.handle().clone(), manner, taken: taken.clone() };
    let around = Handle::from_arc(Arc::new(around));
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let connect = around.wrap(async move { TcpStream::connect(nowhere).await });
    let stream = rig.drive(rt, "IO-5: a connection that is an object", connect);
    (stream.unwrap_or_else(|error| panic!("IO-5: a connection by `Net`: {error}")), taken)
}

/// IO-4: functions over streams stay sound with streams that lie: they fail or panic, and report
/// nothing that was not there.
///
/// Method: `io::copy` reads from a stream that reports more than there was room for, and writes to one
/// that reports more than it was given. The methods of `TcpStream` read from a stream that puts another
/// cursor into the place of theirs. Each runs as a task, whose panic is as good as an error.
///
/// If this fails, look for a length that is believed.
pub(super) fn io_4_liars_are_found_out(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<IoCalls>();
    let (boasts, _) = Odd::new(Manner::Boasts);
    let (takes, _) = Odd::new(Manner::Stingy);
    let copied = rt.spawn((calls.copy)(Box::new(boasts), Box::new(takes)));
    let copied = rig.drive(&rt, "IO-4: a copy from a reader that lies", copied);
    assert!(!matches!(copied, Ok(Ok(_))), "IO-4: copying from a reader that lies: {copied:?}");
    let (reads, _) = Odd::new(Manner::Stingy);
    let (boasts, _) = Odd::new(Manner::Boasts);
    let copied = rt.spawn((calls.copy)(Box::new(reads), Box::new(boasts)));
    let copied = rig.drive(&rt, "IO-4: a copy to a writer that lies", copied);
    assert!(!matches!(copied, Ok(Ok(_))), "IO-4: copying to a writer that lies: {copied:?}");

    let (liar, _) = connection(rig, &rt, Manner::Exchanges);
    let read = rt.spawn(async move {
        let mut buf = [b'i'; 8];
        let n = liar.read(&mut buf).await;
        (n, buf)
    });
    match rig.drive(&rt, "IO-4: a read from a stream that lies", read) {
        Err(_) | Ok((Err(_), _)) => {}
        Ok((Ok(n), buf)) => {
            let fine = n <= 8 && buf[..n].iter().all(|byte| *byte == b'o');
            assert!(fine, "IO-4: a read from a stream that lies gave {n}: {buf:?}");
        }
    }
    let (liar, _) = connection(rig, &rt, Manner::Exchanges);
    let read = rt.spawn(async move {
        let mut all = b"kept".to_vec();
        let n = liar.read_to_end(&mut all).await;
        (n, all)
    });
    match rig.drive(&rt, "IO-4: a read to the end of a stream that lies", read) {
        Err(_) => {}
        Ok((n, all)) => {
            let fine = n.is_err() && all == b"kept";
            assert!(fine, "IO-4: reading to the end of a stream that lies gave {n:?}: {all:?}");
        }
    }
    rig.shutdown(rt);
}

/// IO-5: functions over streams go on after short writes, fail with `WriteZero` if nothing is taken, and
/// let a panic through once.
///
/// Method: `io::copy`, and `write_all` of a connection that is an object, write to streams that take a
/// byte at a time, nothing at all, or panic.
///
/// If this fails with a hang, look for a loop that tries again after 0.
pub(super) fn io_5_helpers_loop_and_notice_zero(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<IoCalls>();
    for manner in [Manner::Stingy, Manner::TakesNothing, Manner::Panics] {
        let ((reads, _), (writes, taken)) = (Odd::new(Manner::Stingy), Odd::new(manner));
        let copied = rt.spawn((calls.copy)(Box::new(reads), Box::new(writes)));
        let copied = rig.drive(&rt, &format!("IO-5: a copy to a writer: {manner:?}"), copied);
        let copied = copied.map(|done| done.map(drop).map_err(|error| error.kind()));
        let len = taken.lock().unwrap_or_else(PoisonError::into_inner).len();
        judge(manner, "io::copy", copied.ok(), len == LEFT);

        let (stream, taken) = connection(rig, &rt, manner);
        let wrote = rt.spawn(async move { stream.write_all(&[b'o'; LEFT]).await });
        let wrote = rig.drive(&rt, &format!("IO-5: write_all to a stream: {manner:?}"), wrote);
        let wrote = wrote.map(|done| done.map_err(|error| error.kind()));
        let len = taken.lock().unwrap_or_else(PoisonError::into_inner).len();
        judge(manner, "write_all", wrote.ok(), len == LEFT);
    }
    rig.shutdown(rt);
}

/// `done` is `None` after a panic.
fn judge(manner: Manner, what: &str, done: Option<Result<(), ErrorKind>>, all: bool) {
    let fine = match manner {
        Manner::Stingy => done == Some(Ok(())) && all,
        Manner::TakesNothing => done == Some(Err(ErrorKind::WriteZero)),
        _ => done.is_none(),
    };
    assert!(fine, "IO-5: {what} to a writer ({manner:?}) gave {done:?}, all of it: {all}");
}
