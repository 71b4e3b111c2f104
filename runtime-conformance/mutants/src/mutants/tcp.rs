//! Mutants of the group TCP: wrappers around the calls that the group makes, and one reactor.
//!
//! `conn` has the wrapper that passes everything on.

use std::any::{Any, TypeId};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use runtime_conformance::clauses::tcp::transport::{Boxed, Conn, Tcp, TcpCalls};
use runtime_conformance::twist::{Twist, fired};
use runtime_traits::hooks::BorrowedSource;
use runtime_traits::io::Async;
use runtime_traits::net::TcpStream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Impossible;
use crate::mutant::{Detection, Mutant};

pub(super) mod conn;
mod edges;

use conn::{OnConn, Wrapped};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist("M-TCP-1", "`connect` resolves when the socket is writable.", || {
        Calls::twist(ConnectsBlindly)
    })
    .breaks(&["TCP-1"]),
    Mutant::twist("M-TCP-2", "A short read after the peer hung up is the last.", || {
        Calls::twist(Wrapped(|| HangUpIsTheEnd(AtomicBool::new(false))))
    })
    .breaks(&["TCP-2"]),
    Mutant::twist("M-TCP-3", "Ending writing does nothing.", || {
        Calls::twist(Wrapped(|| NeverEndsWriting))
    })
    .breaks(&["TCP-3"])
    .detected(Detection::Hangs),
    Mutant::twist("M-TCP-4", "Writes raise the signal of a broken pipe.", || {
        Calls::twist(Wrapped(|| RaisesSignals))
    })
    .breaks(&["TCP-4"])
    .detected(Detection::Crashes),
    Mutant::twist("M-TCP-5", "Accepting takes one connection for each event.", || {
        Arc::new(edges::OneForEachEvent)
    })
    .breaks(&["TCP-6"])
    // An accept that is given up leaves a connection behind, and with it no event.
    .tolerates(&["LEAK-2", "LEAK-3"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-TCP-6",
        "A read takes bytes before it is ready, and loses them if dropped.",
        || Calls::twist(Wrapped(|| ReadsAhead)),
    )
    .breaks(&["TCP-7"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-TCP-7",
        "A write that waits is woken when there is something to read.",
        || Calls::twist(Wrapped(|| WakesTheWrongSide)),
    )
    .breaks(&["TCP-5"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-TCP-8",
        "Sockets made by connecting are left open to child processes.",
        || Calls::twist(Inherited),
    )
    .breaks(&["TCP-8"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

/// A twist that replaces the calls of the group.
struct Calls(TcpCalls);

impl Calls {
    fn twist(calls: impl Tcp + 'static) -> Arc<dyn Twist> {
        Arc::new(Calls(TcpCalls(Arc::new(calls))))
    }
}

impl Twist for Calls {
    fn calls(&self, group: TypeId) -> Option<&dyn Any> {
        (group == TypeId::of::<TcpCalls>()).then_some(&self.0)
    }
}

/// What the kernel says about `source` now.
pub(super) fn asked(source: Option<BorrowedSource<'_>>, what: PollFlags) -> PollFlags {
    let Some(source) = source else { return PollFlags::empty() };
    let mut asked = [PollFd::new(&source, what)];
    let _ = poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    asked[0].revents()
}

// ── M-TCP-1 ─────────────────────────────────────────────────────────────────────────────────────

struct ConnectsBlindly;

impl Tcp for ConnectsBlindly {
    fn connect(&self, to: SocketAddr) -> Boxed<'static, Box<dyn Conn>> {
        Box::pin(async move {
            let socket = socket2::Socket::new(
                socket2::Domain::for_address(to),
                socket2::Type::STREAM,
                None,
            )?;
            socket.set_nonblocking(true)?;
            let _ = socket.connect(&to.into()); // in progress, as a rule
            let socket = Async::new(std::net::TcpStream::from(socket))?;
            socket.writable().await?;
            fired();
            Ok(Box::new(TcpStream::try_from(socket.into_inner())?) as Box<dyn Conn>)
        })
    }
}

// ── M-TCP-2 ─────────────────────────────────────────────────────────────────────────────────────

/// Whether the end was met.
struct HangUpIsTheEnd(AtomicBool);

impl OnConn for HangUpIsTheEnd {
    fn read<'a>(&'a self, conn: &'a dyn Conn, buf: &'a mut [u8]) -> Boxed<'a, usize> {
        Box::pin(async move {
            if self.0.load(Ordering::SeqCst) {
                return Ok(0);
            }
            let n = conn.read(buf).await?;
            let said = asked(conn.source(), PollFlags::IN | PollFlags::RDHUP);
            let left = said.contains(PollFlags::IN | PollFlags::RDHUP);
            if left
                && conn.source().is_some_and(|s| rustix::io::ioctl_fionread(s).is_ok_and(|n| n > 0))
            {
                fired();
                self.0.store(true, Ordering::SeqCst);
            }
            Ok(n)
        })
    }
}

// ── M-TCP-3 ─────────────────────────────────────────────────────────────────────────────────────

struct NeverEndsWriting;

impl OnConn for NeverEndsWriting {
    fn end_writing<'a>(&'a self, _: &'a dyn Conn) -> Boxed<'a, ()> {
        fired();
        Box::pin(async { Ok(()) })
    }
}

// ── M-TCP-4 ─────────────────────────────────────────────────────────────────────────────────────

struct RaisesSignals;

impl OnConn for RaisesSignals {
    fn write<'a>(&'a self, conn: &'a dyn Conn, bytes: &'a [u8]) -> Boxed<'a, usize> {
        Box::pin(async move {
            if let Some(source) = conn.source() {
                fired();
                match rustix::io::write(source, bytes) {
                    Err(rustix::io::Errno::AGAIN) => {}
                    done => return Ok(done?),
                }
            }
            conn.write(bytes).await
        })
    }
}

// ── M-TCP-6 ─────────────────────────────────────────────────────────────────────────────────────

struct ReadsAhead;

impl OnConn for ReadsAhead {
    fn read<'a>(&'a self, conn: &'a dyn Conn, buf: &'a mut [u8]) -> Boxed<'a, usize> {
        Box::pin(async move {
            let mut ahead = vec![0; buf.len()];
            let n = conn.read(&mut ahead).await?;
            fired();
            give_way().await;
            buf[..n].copy_from_slice(&ahead[..n]);
            Ok(n)
        })
    }
}

/// Pending once, having woken.
async fn give_way() {
    let mut given = false;
    poll_fn(|cx| {
        if given {
            return Poll::Ready(());
        }
        given = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

// ── M-TCP-7 ─────────────────────────────────────────────────────────────────────────────────────

/// A write that is pending has left no waker: in a task that also reads, that reader's wake brings it
/// on; nothing else does.
struct WakesTheWrongSide;

impl OnConn for WakesTheWrongSide {
    fn write<'a>(&'a self, conn: &'a dyn Conn, bytes: &'a [u8]) -> Boxed<'a, usize> {
        Box::pin(async move {
            let mut write = pin!(conn.write(bytes));
            poll_fn(|cx| {
                // Pending with room left: it gives way, and has woken itself.
                let full = asked(conn.source(), PollFlags::OUT).is_empty();
                let waker = if full { Waker::noop() } else { cx.waker() };
                let polled = write.as_mut().poll(&mut Context::from_waker(waker));
                if polled.is_pending() && full {
                    fired();
                }
                polled
            })
            .await
        })
    }
}

// ── M-TCP-8 ─────────────────────────────────────────────────────────────────────────────────────

struct Inherited;

impl Tcp for Inherited {
    fn connect(&self, to: SocketAddr) -> Boxed<'static, Box<dyn Conn>> {
        Box::pin(async move {
            let stream = TcpStream::connect(to).await?;
            if let Some(source) = stream.as_source() {
                fired();
                rustix::io::fcntl_setfd(source, rustix::io::FdFlags::empty())?;
            }
            Ok(Box::new(stream) as Box<dyn Conn>)
        })
    }
}
