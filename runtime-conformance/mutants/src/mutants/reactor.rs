//! Mutants of the group REACTOR: a reactor around the runtime's, wrong about some kinds of sources, so
//! that the groups that use others see nothing of it.
//!
//! `watch` has the reactor that passes everything on.

use std::any::{Any, TypeId};
use std::collections::VecDeque;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use runtime_conformance::clauses::reactor::sharing::{Readable, Ready, Waits};
use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_traits::Handle;
use runtime_traits::hooks::{Dir, Reactor, Source, Token};
use runtime_traits::io::Async;
use rustix::event::PollFlags;
use rustix::net::SocketType;

use super::Impossible;
use crate::erased::{OnPoll, poll, wrapped};
use crate::mutant::{Detection, Mutant};

mod watch;

use watch::{Ask, Fault, Faulty, Op, Watched, is_pipe, is_unix};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist("M-REACTOR-1", "What can be read at registration is reported with more.", || {
        Faulty::new(|| MissesWhatWasThere)
    })
    .breaks(&["REACTOR-1"])
    .detected(Detection::Hangs),
    Mutant::twist("M-REACTOR-2", "Bytes that come while a read is tried are not noticed.", || {
        Faulty::new(|| MissesWhatComes)
    })
    .breaks(&["REACTOR-2"])
    .detected(Detection::Hangs),
    Mutant::twist("M-REACTOR-3", "A write that has to wait takes the reader's place.", || {
        Faulty::new(|| OnePlace)
    })
    .breaks(&["REACTOR-3"])
    .detected(Detection::Hangs),
    Mutant::twist("M-REACTOR-4", "A pipe's writer is not told of an error alone.", || {
        Faulty::new(|| NeedsReadiness(Dir::Write))
    })
    .breaks(&["REACTOR-4"])
    .detected(Detection::Hangs),
    Mutant::twist("M-REACTOR-4b", "A pipe's reader is not told of a hang-up alone.", || {
        Faulty::new(|| NeedsReadiness(Dir::Read))
    })
    .breaks(&["REACTOR-4"])
    .detected(Detection::Hangs),
    Mutant::twist("M-REACTOR-5", "The fifth read in a row that would block says so.", || {
        Faulty::new(|| LetsOut)
    })
    .breaks(&["REACTOR-5"]),
    Mutant::twist("M-REACTOR-6", "A source is released when the next one is deregistered.", || {
        Faulty::new(KeepsOne::default)
    })
    .breaks(&["REACTOR-6"])
    .detected(Detection::Hangs),
    Mutant::twist("M-REACTOR-7", "Of several waiters only the latest is woken.", || {
        Arc::new(OneWaiter(Waits(Arc::<Slot>::default())))
    })
    .breaks(&["REACTOR-7"])
    .detected(Detection::Hangs),
    Mutant::switch("M-REACTOR-8", "A wait that a signal ended begins anew.", "REACTOR-8")
        .breaks(&["REACTOR-8"])
        .detected(Detection::Hangs),
    Mutant::twist("M-REACTOR-9", "A source that hung up is asked over and over.", || {
        Faulty::new(|| Spins)
    })
    .breaks(&["REACTOR-9"])
    .detected(Detection::Burns),
    Mutant::twist(
        "M-REACTOR-10",
        "After 60 000 wakes without a poll the next one is lost.",
        || Arc::new(Overflows),
    )
    .breaks(&["REACTOR-10"])
    .detected(Detection::Hangs),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

/// A number of bytes at which reading is not tried.
type Deaf = Mutex<Option<u64>>;

/// Tries to read unless there is exactly as much as at the moment that was missed.
fn unless_deaf(
    inner: &dyn Reactor,
    watched: &Watched<Deaf>,
    (token, dir): (Token, Dir),
    cx: &mut Context<'_>,
    op: Op<'_>,
) -> Poll<io::Result<()>> {
    inner.poll_io(token, dir, cx, &mut || {
        let mut deaf_at = watched.state.lock().unwrap_or_else(PoisonError::into_inner);
        if dir == Dir::Read && deaf_at.is_some_and(|bytes| bytes == watched.readable()) {
            fired();
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if dir == Dir::Read {
            *deaf_at = None;
        }
        drop(deaf_at);
        op()
    })
}

// ── M-REACTOR-1 ─────────────────────────────────────────────────────────────────────────────────

struct MissesWhatWasThere;

impl Fault for MissesWhatWasThere {
    type State = Deaf;

    fn is_about(&self, source: &Source) -> bool {
        is_unix(source, SocketType::STREAM)
    }

    fn registered(&self, watched: &Watched<Deaf>) {
        let bytes = watched.readable();
        let mut deaf_at = watched.state.lock().unwrap_or_else(PoisonError::into_inner);
        *deaf_at = (bytes > 0).then_some(bytes);
    }

    fn poll_io(
        &self,
        inner: &dyn Reactor,
        watched: &Arc<Watched<Deaf>>,
        at: (Token, Dir),
        cx: &mut Context<'_>,
        op: Op<'_>,
    ) -> Poll<io::Result<()>> {
        unless_deaf(inner, watched, at, cx, op)
    }
}

// ── M-REACTOR-2 ─────────────────────────────────────────────────────────────────────────────────

/// Only if the try took a while, so that it is the test that made it.
struct MissesWhatComes;

const A_WHILE: Duration = Duration::from_millis(1);

impl Fault for MissesWhatComes {
    type State = Deaf;

    fn is_about(&self, source: &Source) -> bool {
        is_unix(source, SocketType::STREAM)
    }

    fn poll_io(
        &self,
        inner: &dyn Reactor,
        watched: &Arc<Watched<Deaf>>,
        at: (Token, Dir),
        cx: &mut Context<'_>,
        op: Op<'_>,
    ) -> Poll<io::Result<()>> {
        let mut missed = false;
        let polled = unless_deaf(inner, watched, at, cx, &mut || {
            if missed {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let begun = Instant::now();
            let tried = op();
            let would_block = tried.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock);
            missed = at.1 == Dir::Read
                && would_block
                && begun.elapsed() >= A_WHILE
                && watched.readable() > 0;
            tried
        });
        if missed {
            let mut deaf_at = watched.state.lock().unwrap_or_else(PoisonError::into_inner);
            *deaf_at = Some(watched.readable());
        }
        polled
    }
}

// ── M-REACTOR-3 ─────────────────────────────────────────────────────────────────────────────────

struct OnePlace;

/// Where the reader waits.
type Place = Arc<Mutex<Option<Waker>>>;

impl Fault for OnePlace {
    type State = Place;

    fn is_about(&self, source: &Source) -> bool {
        is_unix(source, SocketType::STREAM)
    }

    fn poll_io(
        &self,
        inner: &dyn Reactor,
        watched: &Arc<Watched<Place>>,
        (token, dir): (Token, Dir),
        cx: &mut Context<'_>,
        op: Op<'_>,
    ) -> Poll<io::Result<()>> {
        let place = watched.state.clone();
        let put = |waker| *place.lock().unwrap_or_else(PoisonError::into_inner) = waker;
        if dir == Dir::Read {
            put(Some(cx.waker().clone()));
            let reader = Waker::from(Arc::new(Reader(watched.state.clone())));
            return inner.poll_io(token, dir, &mut Context::from_waker(&reader), op);
        }
        let polled = inner.poll_io(token, dir, cx, op);
        if polled.is_pending() && watched.asked(PollFlags::OUT).is_empty() {
            fired();
            put(None);
        }
        polled
    }
}

/// Wakes whoever is in the place.
struct Reader(Place);

impl Wake for Reader {
    fn wake(self: Arc<Self>) {
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.into_iter().for_each(Waker::wake);
    }
}

// ── M-REACTOR-4 and 4b ──────────────────────────────────────────────────────────────────────────

struct NeedsReadiness(Dir);

impl Fault for NeedsReadiness {
    type State = ();

    fn is_about(&self, source: &Source) -> bool {
        is_pipe(source)
    }

    fn poll_io(
        &self,
        inner: &dyn Reactor,
        watched: &Arc<Watched<()>>,
        (token, dir): (Token, Dir),
        cx: &mut Context<'_>,
        op: Op<'_>,
    ) -> Poll<io::Result<()>> {
        if dir != self.0 {
            return inner.poll_io(token, dir, cx, op);
        }
        let flags = if dir == Dir::Read { PollFlags::IN } else { PollFlags::OUT };
        let asked = watched.clone();
        let waker = Ask::waker(cx.waker(), move || {
            let said = asked.asked(flags);
            let ready = said.contains(flags) || said.is_empty();
            if !ready {
                fired();
            }
            ready
        });
        inner.poll_io(token, dir, &mut Context::from_waker(&waker), op)
    }
}

// ── M-REACTOR-5 ─────────────────────────────────────────────────────────────────────────────────

struct LetsOut;

const IN_A_ROW: usize = 5;

impl Fault for LetsOut {
    type State = AtomicUsize;

    fn is_about(&self, source: &Source) -> bool {
        is_unix(source, SocketType::STREAM)
    }

    fn poll_io(
        &self,
        inner: &dyn Reactor,
        watched: &Arc<Watched<AtomicUsize>>,
        (token, dir): (Token, Dir),
        cx: &mut Context<'_>,
        op: Op<'_>,
    ) -> Poll<io::Result<()>> {
        if dir == Dir::Write {
            return inner.poll_io(token, dir, cx, op);
        }
        let mut out = false;
        let polled = inner.poll_io(token, dir, cx, &mut || {
            let tried = op();
            let would_block = tried.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock);
            match would_block {
                true => out |= watched.state.fetch_add(1, Ordering::SeqCst) + 1 >= IN_A_ROW,
                false => watched.state.store(0, Ordering::SeqCst),
            }
            tried
        });
        if polled.is_pending() && out {
            fired();
            return Poll::Ready(Err(io::ErrorKind::WouldBlock.into()));
        }
        polled
    }
}

// ── M-REACTOR-6 ─────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct KeepsOne(Mutex<VecDeque<Token>>);

impl Fault for KeepsOne {
    type State = ();

    fn is_about(&self, source: &Source) -> bool {
        is_unix(source, SocketType::STREAM)
    }

    fn deregister(&self, inner: &dyn Reactor, _: &Watched<()>, token: Token) {
        fired();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(token);
        let next = if kept.len() > 1 { kept.pop_front() } else { None };
        drop(kept);
        next.into_iter().for_each(|token| inner.deregister(token));
    }
}

// ── M-REACTOR-7 ─────────────────────────────────────────────────────────────────────────────────

struct OneWaiter(Waits);

impl Twist for OneWaiter {
    fn calls(&self, group: TypeId) -> Option<&dyn Any> {
        (group == TypeId::of::<Waits>()).then_some(&self.0)
    }
}

/// Where whoever waits leaves a waker: the next one's takes its place.
#[derive(Default)]
struct Slot(Arc<Latest>);

#[derive(Default)]
struct Latest(Mutex<Option<Waker>>);

impl Wake for Latest {
    fn wake(self: Arc<Self>) {
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Readable for Slot {
    fn readable<'a>(&'a self, socket: &'a Async<UnixDatagram>) -> Ready<'a> {
        Box::pin(async move {
            let mut ready = Box::pin(socket.readable());
            let shared = Waker::from(self.0.clone());
            std::future::poll_fn(|cx| {
                let polled = ready.as_mut().poll(&mut Context::from_waker(&shared));
                if polled.is_pending() {
                    let mut latest = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
                    if latest.replace(cx.waker().clone()).is_some() {
                        fired();
                    }
                }
                polled
            })
            .await
        })
    }
}

// ── M-REACTOR-9 ─────────────────────────────────────────────────────────────────────────────────

struct Spins;

impl Fault for Spins {
    type State = ();

    fn is_about(&self, source: &Source) -> bool {
        is_unix(source, SocketType::STREAM)
    }

    fn registered(&self, watched: &Watched<()>) {
        let asked = watched.again();
        thread::spawn(move || {
            while !asked.is_gone() {
                match asked.asked(PollFlags::IN).contains(PollFlags::HUP) {
                    true => fired(),
                    false => thread::sleep(Duration::from_millis(2)),
                }
            }
        });
    }
}

// ── M-REACTOR-10 ────────────────────────────────────────────────────────────────────────────────

struct Overflows;

const WAKES_MAX: usize = 60_000;

impl Twist for Overflows {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Counted(None))))
    }
}

/// Polls with a waker that counts.
struct Counted(Option<Arc<Counter>>);

struct Counter {
    to: Waker,
    since_poll: AtomicUsize,
    overflowed: AtomicBool,
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.overflowed.load(Ordering::SeqCst) {
            return fired();
        }
        if self.since_poll.fetch_add(1, Ordering::SeqCst) >= WAKES_MAX {
            self.overflowed.store(true, Ordering::SeqCst);
        }
        self.to.wake_by_ref();
    }
}

impl OnPoll for Counted {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let new = || {
            let (since_poll, overflowed) = (AtomicUsize::new(0), AtomicBool::new(false));
            Arc::new(Counter { to: cx.waker().clone(), since_poll, overflowed })
        };
        let counter = self.0.get_or_insert_with(new).clone();
        counter.since_poll.store(0, Ordering::SeqCst);
        poll(future, &mut Context::from_waker(&counter.into()))
    }
}
