//! Mutants of the group UDP: wrappers around the calls that the group makes, and one reactor.

use std::any::{Any, TypeId};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use runtime_conformance::clauses::tcp::transport::Boxed;
use runtime_conformance::clauses::udp::calls::{Datagrams, Udp, UdpCalls};
use runtime_conformance::twist::{Twist, fired};
use runtime_traits::Handle;
use runtime_traits::hooks::{After, Dir, Reactor, Source, Token};
use runtime_traits::net::{Arrival, Outgoing};
use rustix::net::SocketType;

use super::Impossible;
use crate::decorate::Decorated;
use crate::mutant::{Detection, Mutant};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist("M-UDP-1", "An empty datagram is taken for nothing there.", || {
        Calls::twist(|| Box::new(SwallowsEmpty))
    })
    .breaks(&["UDP-1"])
    .detected(Detection::Hangs),
    Mutant::twist("M-UDP-2", "An error that was told once is told for ever.", || {
        Calls::twist(|| Box::<KeepsErrors>::default())
    })
    .breaks(&["UDP-2"]),
    Mutant::twist(
        "M-UDP-3",
        "A receive takes a datagram before it is ready, and may lose it.",
        || Calls::twist(|| Box::new(TakesEarly)),
    )
    .breaks(&["UDP-3"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-UDP-4",
        "A sender that meets a full queue waits, with nothing to wake it.",
        || Arc::new(ParksSenders),
    )
    .breaks(&["UDP-4"])
    .tolerates(&["UNIX-3"])
    .detected(Detection::Hangs),
    Mutant::twist("M-UDP-5", "Half of a batch that was received is lost.", || {
        Calls::twist(|| Box::new(LosesHalf))
    })
    .breaks(&["UDP-5"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

/// What is different about a socket. Each default body passes on.
trait OnReceive: Send + Sync {
    fn recv_from<'a>(
        &'a self,
        socket: &'a dyn Datagrams,
        buf: &'a mut [u8],
    ) -> Boxed<'a, (usize, SocketAddr)> {
        socket.recv_from(buf)
    }

    fn recv_batch<'a, 'b: 'a>(
        &'a self,
        socket: &'a dyn Datagrams,
        batch: &'a mut [Arrival<'b>],
    ) -> Boxed<'a, usize> {
        socket.recv_batch(batch)
    }
}

/// A twist that replaces the calls of the group.
struct Calls(UdpCalls);

impl Calls {
    fn twist(make: fn() -> Box<dyn OnReceive>) -> Arc<dyn Twist> {
        Arc::new(Calls(UdpCalls(Arc::new(Different(make)))))
    }
}

impl Twist for Calls {
    fn calls(&self, group: TypeId) -> Option<&dyn Any> {
        (group == TypeId::of::<UdpCalls>()).then_some(&self.0)
    }
}

struct Different(fn() -> Box<dyn OnReceive>);

impl Udp for Different {
    fn bind(&self) -> Boxed<'static, Arc<dyn Datagrams>> {
        let (plain, make) = (UdpCalls::default().0.bind(), self.0);
        Box::pin(async move { Ok(Arc::new(Socket { inner: plain.await?, with: make() }) as _) })
    }
}

struct Socket {
    inner: Arc<dyn Datagrams>,
    with: Box<dyn OnReceive>,
}

impl Datagrams for Socket {
    fn send_to<'a>(&'a self, bytes: &'a [u8], to: SocketAddr) -> Boxed<'a, usize> {
        self.inner.send_to(bytes, to)
    }

    fn recv_from<'a>(&'a self, buf: &'a mut [u8]) -> Boxed<'a, (usize, SocketAddr)> {
        self.with.recv_from(&*self.inner, buf)
    }

    fn connect(&self, to: SocketAddr) -> Boxed<'_, ()> {
        self.inner.connect(to)
    }

    fn send<'a>(&'a self, bytes: &'a [u8]) -> Boxed<'a, usize> {
        self.inner.send(bytes)
    }

    fn send_batch<'a>(&'a self, batch: &'a [Outgoing<'a>]) -> Boxed<'a, usize> {
        self.inner.send_batch(batch)
    }

    fn recv_batch<'a, 'b: 'a>(&'a self, batch: &'a mut [Arrival<'b>]) -> Boxed<'a, usize> {
        self.with.recv_batch(&*self.inner, batch)
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.inner.address()
    }
}

// ── M-UDP-1 ─────────────────────────────────────────────────────────────────────────────────────

struct SwallowsEmpty;

impl OnReceive for SwallowsEmpty {
    fn recv_from<'a>(
        &'a self,
        socket: &'a dyn Datagrams,
        buf: &'a mut [u8],
    ) -> Boxed<'a, (usize, SocketAddr)> {
        Box::pin(async move {
            loop {
                let (n, from) = socket.recv_from(buf).await?;
                if n > 0 {
                    return Ok((n, from));
                }
                fired();
            }
        })
    }
}

// ── M-UDP-2 ─────────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct KeepsErrors(Mutex<Option<io::ErrorKind>>);

impl OnReceive for KeepsErrors {
    fn recv_from<'a>(
        &'a self,
        socket: &'a dyn Datagrams,
        buf: &'a mut [u8],
    ) -> Boxed<'a, (usize, SocketAddr)> {
        Box::pin(async move {
            let kept = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(kind) = kept {
                fired();
                return Err(kind.into());
            }
            let received = socket.recv_from(buf).await;
            let kind = received.as_ref().err().map(io::Error::kind);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = kind;
            received
        })
    }
}

// ── M-UDP-3 ─────────────────────────────────────────────────────────────────────────────────────

struct TakesEarly;

impl OnReceive for TakesEarly {
    fn recv_from<'a>(
        &'a self,
        socket: &'a dyn Datagrams,
        buf: &'a mut [u8],
    ) -> Boxed<'a, (usize, SocketAddr)> {
        Box::pin(async move {
            let mut early = vec![0; buf.len()];
            let (n, from) = socket.recv_from(&mut early).await?;
            fired();
            give_way().await;
            buf[..n].copy_from_slice(&early[..n]);
            Ok((n, from))
        })
    }
}

/// Pending once, having woken.
async fn give_way() {
    let mut given = false;
    poll_fn(|cx| match std::mem::replace(&mut given, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

// ── M-UDP-4 ─────────────────────────────────────────────────────────────────────────────────────

/// Of Unix datagram sockets, because UDP on one machine never makes a sender wait.
struct ParksSenders;

impl Twist for ParksSenders {
    fn runtime(&self, inner: Handle) -> Handle {
        if inner.runtime().reactor().is_none() {
            return inner;
        }
        let reactor = Parks { inner: inner.clone(), datagrams: Mutex::default() };
        Decorated::over(inner).reactor(Box::new(reactor)).handle()
    }
}

struct Parks {
    inner: Handle,
    /// The tokens of datagram sockets.
    datagrams: Mutex<Vec<u64>>,
}

impl Parks {
    fn inner(&self) -> &dyn Reactor {
        self.inner.runtime().reactor().expect("looked at when this was made")
    }

    fn datagrams(&self) -> std::sync::MutexGuard<'_, Vec<u64>> {
        self.datagrams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reactor for Parks {
    fn register(&self, source: Source) -> io::Result<Token> {
        let is_unix = rustix::net::getsockname(&*source)
            .is_ok_and(|name| name.address_family() == rustix::net::AddressFamily::UNIX);
        let kind = rustix::net::sockopt::socket_type(&*source);
        let token = self.inner().register(source)?;
        if is_unix && kind == Ok(SocketType::DGRAM) {
            self.datagrams().push(token.0);
        }
        Ok(token)
    }

    fn poll_io(
        &self,
        token: Token,
        dir: Dir,
        cx: &mut Context<'_>,
        op: &mut dyn FnMut() -> io::Result<After>,
    ) -> Poll<io::Result<()>> {
        if dir == Dir::Write && self.datagrams().contains(&token.0) {
            match op() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    fired();
                    return Poll::Pending;
                }
                done => return Poll::Ready(done.map(drop)),
            }
        }
        self.inner().poll_io(token, dir, cx, op)
    }

    fn deregister(&self, token: Token) {
        self.datagrams().retain(|known| *known != token.0);
        self.inner().deregister(token);
    }
}

// ── M-UDP-5 ─────────────────────────────────────────────────────────────────────────────────────

struct LosesHalf;

impl OnReceive for LosesHalf {
    fn recv_batch<'a, 'b: 'a>(
        &'a self,
        socket: &'a dyn Datagrams,
        batch: &'a mut [Arrival<'b>],
    ) -> Boxed<'a, usize> {
        Box::pin(async move {
            let n = socket.recv_batch(batch).await?;
            if n > 1 {
                fired();
            }
            Ok(n.div_ceil(2))
        })
    }
}
