//! Variants that are right, if unusual, about sockets and blocking closures.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use runtime_conformance::twist::{Twist, fired};
use runtime_traits::Handle;
use runtime_traits::hooks::{
    After, BorrowedSource, Boxed, ByteStream, Dir, Listen, Net, Reactor, ReadCursor, Source, Token,
};
use runtime_traits::io::AsyncWrite;
use runtime_traits::net::{TcpListener, TcpStream};
use socket2::SockRef;

use crate::decorate::Decorated;
use crate::mutant::Mutant;

pub(crate) const VARIANTS: &[Mutant] = &[
    Mutant::twist("E-7", "Sources are reported ready now and then when they are not.", || {
        Arc::new(SpuriousReadiness)
    }),
    Mutant::twist("E-8", "Connections read and write one to seven bytes at a time.", || {
        Arc::new(SmallSteps)
    }),
    Mutant::switch("E-11", "Blocking threads end as soon as nothing is queued.", "E-11"),
];

// ── E-7 ─────────────────────────────────────────────────────────────────────────────────────────

struct SpuriousReadiness;

impl Twist for SpuriousReadiness {
    fn runtime(&self, inner: Handle) -> Handle {
        if inner.runtime().reactor().is_none() {
            return inner;
        }
        let reactor = Eager { inner: inner.clone(), waits: Mutex::default() };
        Decorated::over(inner).reactor(Box::new(reactor)).handle()
    }
}

struct Eager {
    inner: Handle,
    /// How often each direction of a source had to wait.
    waits: Mutex<HashMap<(u64, Dir), usize>>,
}

impl Eager {
    fn inner(&self) -> &dyn Reactor {
        self.inner.runtime().reactor().expect("looked at when this was made")
    }

    /// Every third wait is ended at once.
    fn is_wrong(&self, token: Token, dir: Dir) -> bool {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = waits.entry((token.0, dir)).or_default();
        *waits += 1;
        *waits % 3 == 1
    }
}

impl Reactor for Eager {
    fn register(&self, source: Source) -> io::Result<Token> {
        self.inner().register(source)
    }

    fn poll_io(
        &self,
        token: Token,
        dir: Dir,
        cx: &mut Context<'_>,
        op: &mut dyn FnMut() -> io::Result<After>,
    ) -> Poll<io::Result<()>> {
        let polled = self.inner().poll_io(token, dir, cx, op);
        if polled.is_pending() && self.is_wrong(token, dir) {
            fired();
            cx.waker().wake_by_ref();
        }
        polled
    }

    fn deregister(&self, token: Token) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.retain(|(known, _), _| *known != token.0);
        drop(waits);
        self.inner().deregister(token);
    }
}

// ── E-8 ─────────────────────────────────────────────────────────────────────────────────────────

struct SmallSteps;

impl Twist for SmallSteps {
    fn runtime(&self, inner: Handle) -> Handle {
        if inner.runtime().reactor().is_none() {
            return inner;
        }
        Decorated::over(inner.clone()).net(Box::new(Small(inner))).handle()
    }
}

/// Connections of the runtime beneath, in small steps.
struct Small(Handle);

impl Net for Small {
    fn connect(&self, to: SocketAddr) -> Option<Boxed<'_, io::Result<Box<dyn ByteStream>>>> {
        let connect = self.0.wrap(async move { TcpStream::connect(to).await });
        Some(Box::pin(async { Ok(step_by_step(connect.await?)) }))
    }

    fn listen(&self, at: SocketAddr) -> Option<Boxed<'_, io::Result<Box<dyn Listen>>>> {
        let bind = self.0.wrap(async move { TcpListener::bind(at).await });
        Some(Box::pin(async { Ok(Box::new(Listener(bind.await?)) as Box<dyn Listen>) }))
    }
}

fn step_by_step(stream: TcpStream) -> Box<dyn ByteStream> {
    Box::new(Steps(stream, AtomicUsize::new(0)))
}

struct Listener(TcpListener);

impl Listen for Listener {
    fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn ByteStream>, SocketAddr)>> {
        self.0.poll_accept(cx).map_ok(|(stream, from)| (step_by_step(stream), from))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn source(&self) -> Option<BorrowedSource<'_>> {
        self.0.as_source()
    }
}

/// A connection, and how many steps it took.
struct Steps(TcpStream, AtomicUsize);

impl Steps {
    /// One to seven.
    fn step(&self) -> usize {
        fired();
        1 + self.1.fetch_add(1, Ordering::Relaxed) * 3 % 7
    }
}

impl ByteStream for Steps {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadCursor<'_>) -> Poll<io::Result<()>> {
        let (mut few, room) = ([0; 7], self.step().min(buf.remaining()));
        let mut cursor = ReadCursor::new(&mut few[..room]);
        self.0.poll_read_cursor(cx, &mut cursor).map_ok(|()| _ = buf.put(cursor.filled()))
    }

    fn poll_write(
        &self,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty());
        let first: &[u8] = first.map_or(&[], |first| first);
        Pin::new(&mut &self.0).poll_write(cx, &first[..self.step().min(first.len())])
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &self.0).poll_flush(cx)
    }

    fn poll_shutdown(&self, how: Shutdown, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if how == Shutdown::Write {
            return Pin::new(&mut &self.0).poll_close(cx);
        }
        let Some(source) = self.0.as_source() else { return Poll::Ready(Ok(())) };
        match SockRef::from(&source).shutdown(how) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            done => Poll::Ready(done),
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    fn source(&self) -> Option<BorrowedSource<'_>> {
        self.0.as_source()
    }
}
