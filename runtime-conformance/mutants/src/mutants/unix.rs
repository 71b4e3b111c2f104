//! Mutants of the group UNIX: wrappers around the calls that the group makes.

use std::any::{Any, TypeId};
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use runtime_conformance::clauses::tcp::transport::{Boxed, Conn};
use runtime_conformance::clauses::unix::transport::{Listens, Posts, Unix, UnixCalls};
use runtime_conformance::twist::{Twist, fired};
use rustix::event::PollFlags;

use super::Impossible;
use super::tcp::asked;
use super::tcp::conn::{OnConn, Wrapped};
use crate::mutant::{Detection, Mutant};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist("M-UNIX-1", "A writer that waits is not woken when its peer goes.", || {
        Calls::twist(Deaf)
    })
    .breaks(&["UNIX-1"])
    .detected(Detection::Hangs),
    Mutant::twist("M-UNIX-2", "Connecting through a full queue would block, and says so.", || {
        Calls::twist(LetsOut)
    })
    .breaks(&["UNIX-2"]),
    Mutant::twist("M-UNIX-3", "Who waits to send a datagram is not woken.", || {
        Calls::twist(Unwoken)
    })
    .breaks(&["UNIX-3"])
    .detected(Detection::Hangs),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

/// A twist that replaces the calls of the group.
struct Calls(UnixCalls);

impl Calls {
    fn twist(calls: impl Unix + 'static) -> Arc<dyn Twist> {
        Arc::new(Calls(UnixCalls(Arc::new(calls))))
    }
}

impl Twist for Calls {
    fn calls(&self, group: TypeId) -> Option<&dyn Any> {
        (group == TypeId::of::<UnixCalls>()).then_some(&self.0)
    }
}

// ── M-UNIX-1 ────────────────────────────────────────────────────────────────────────────────────

struct Deaf;

impl Deaf {
    fn around(conn: Box<dyn Conn>) -> Box<dyn Conn> {
        Wrapped::around(|| DeafWrites, conn)
    }
}

impl Unix for Deaf {
    fn connect(&self, to: SocketAddr) -> Boxed<'static, Box<dyn Conn>> {
        let plain = UnixCalls::default().0.connect(to);
        Box::pin(async move { Ok(Deaf::around(plain.await?)) })
    }

    fn bind(&self, at: &SocketAddr) -> io::Result<Box<dyn Listens>> {
        Ok(Box::new(DeafListener(UnixCalls::default().0.bind(at)?)))
    }

    fn adopt(&self, stream: UnixStream) -> io::Result<Box<dyn Conn>> {
        Ok(Deaf::around(UnixCalls::default().0.adopt(stream)?))
    }
}

struct DeafListener(Box<dyn Listens>);

impl Listens for DeafListener {
    fn accept(&self) -> Boxed<'_, Box<dyn Conn>> {
        Box::pin(async { Ok(Deaf::around(self.0.accept().await?)) })
    }
}

struct DeafWrites;

impl OnConn for DeafWrites {
    fn write<'a>(&'a self, conn: &'a dyn Conn, bytes: &'a [u8]) -> Boxed<'a, usize> {
        let mut writing = conn.write(bytes);
        let source = conn.source().and_then(|source| source.try_clone_to_owned().ok());
        let source = Arc::new(source);
        Box::pin(poll_fn(move |cx| {
            let deaf = DeafWaker { to: cx.waker().clone(), source: source.clone() };
            writing.as_mut().poll(&mut Context::from_waker(&Arc::new(deaf).into()))
        }))
    }
}

/// Wakes, unless its source has hung up.
struct DeafWaker {
    to: Waker,
    source: Arc<Option<OwnedFd>>,
}

impl Wake for DeafWaker {
    fn wake(self: Arc<Self>) {
        use std::os::fd::AsFd;
        let source = Option::as_ref(&self.source).map(AsFd::as_fd);
        if asked(source, PollFlags::OUT).intersects(PollFlags::HUP | PollFlags::ERR) {
            return fired();
        }
        self.to.wake_by_ref();
    }
}

// ── M-UNIX-2 ────────────────────────────────────────────────────────────────────────────────────

struct LetsOut;

impl Unix for LetsOut {
    fn connect(&self, to: SocketAddr) -> Boxed<'static, Box<dyn Conn>> {
        Box::pin(async move {
            let Some(path) = to.as_pathname() else {
                return UnixCalls::default().0.connect(to).await;
            };
            let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            let connected = socket.connect(&socket2::SockAddr::unix(path)?);
            if connected.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                fired();
            }
            connected?;
            UnixCalls::default().0.adopt(UnixStream::from(OwnedFd::from(socket)))
        })
    }
}

// ── M-UNIX-3 ────────────────────────────────────────────────────────────────────────────────────

struct Unwoken;

impl Unix for Unwoken {
    fn datagram(&self, socket: UnixDatagram) -> io::Result<Arc<dyn Posts>> {
        Ok(Arc::new(UnwokenSocket(UnixCalls::default().0.datagram(socket)?)))
    }
}

struct UnwokenSocket(Arc<dyn Posts>);

/// The same, but that whoever is pending gives no waker.
fn unwoken(mut sending: Boxed<'_, usize>) -> Boxed<'_, usize> {
    Box::pin(poll_fn(move |_| {
        let polled = sending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if polled.is_pending() {
            fired();
        }
        polled
    }))
}

impl Posts for UnwokenSocket {
    fn send<'a>(&'a self, bytes: &'a [u8]) -> Boxed<'a, usize> {
        unwoken(self.0.send(bytes))
    }

    fn send_to<'a>(&'a self, bytes: &'a [u8], to: &'a SocketAddr) -> Boxed<'a, usize> {
        unwoken(self.0.send_to(bytes, to))
    }

    fn recv_from<'a>(&'a self, buf: &'a mut [u8]) -> Boxed<'a, (usize, SocketAddr)> {
        self.0.recv_from(buf)
    }
}
