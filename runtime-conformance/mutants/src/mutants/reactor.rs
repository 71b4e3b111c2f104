//! Mutants of the group REACTOR: a reactor around the runtime's, wrong about some kinds of sources, so
//! that the groups that use others see nothing of it.
//!
//! `watch` has the reactor that passes everything on; `deaf` and `wakes` some of the mutants.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtime_conformance::clauses::reactor::sharing::Waits;
use runtime_conformance::twist::fired;
use runtime_traits::hooks::{Dir, Reactor, Source, Token};
use rustix::event::PollFlags;
use rustix::net::SocketType;

use super::Impossible;
use crate::mutant::{Detection, Mutant};

mod deaf;
mod wakes;
pub(super) mod watch;

use deaf::{MissesWhatComes, MissesWhatWasThere};
use wakes::{OneWaiter, Overflows, Slot};
use watch::{Ask, Fault, Faulty, Op, Watched, is_pipe, is_unix};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist("M-REACTOR-1", "What can be read at registration is reported with more.", || {
        Faulty::twist(|| MissesWhatWasThere)
    })
    .breaks(&["REACTOR-1"])
    .detected(Detection::Hangs),
    Mutant::twist("M-REACTOR-2", "Bytes that come while a read is tried are not noticed.", || {
        Faulty::twist(|| MissesWhatComes)
    })
    .breaks(&["REACTOR-2"])
    // Its operations find nothing at first, too.
    .tolerates(&["REACTOR-5"])
    .detected(Detection::Hangs),
    Mutant::twist("M-REACTOR-3", "A write that has to wait takes the reader's place.", || {
        Faulty::twist(|| OnePlace)
    })
    .breaks(&["REACTOR-3"])
    .detected(Detection::Hangs),
    Mutant::twist("M-REACTOR-4", "A pipe's writer is not told of an error alone.", || {
        Faulty::twist(|| NeedsReadiness(Dir::Write))
    })
    .breaks(&["REACTOR-4"])
    .detected(Detection::Hangs),
    Mutant::twist("M-REACTOR-4b", "A pipe's reader is not told of a hang-up alone.", || {
        Faulty::twist(|| NeedsReadiness(Dir::Read))
    })
    .breaks(&["REACTOR-4"])
    // Which read what children write, to the end.
    .tolerates(&["PROC-3", "PROC-4", "PROC-5"])
    .detected(Detection::Hangs),
    Mutant::twist("M-REACTOR-5", "The fifth read in a row that would block says so.", || {
        Faulty::twist(|| LetsOut)
    })
    .breaks(&["REACTOR-5"]),
    Mutant::twist(
        "M-REACTOR-6",
        "A waker at a source is released when the next source goes.",
        || Faulty::twist(KeepsOne::default),
    )
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
        Faulty::twist(|| Spins)
    })
    .breaks(&["REACTOR-9"])
    // Who turns without end does not sleep.
    .tolerates(&["BLOCKON-2"])
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

/// The waker of the source that was deregistered last.
#[derive(Default)]
struct KeepsOne(Mutex<Option<Waker>>);

impl Fault for KeepsOne {
    type State = Mutex<Option<Waker>>;

    fn is_about(&self, source: &Source) -> bool {
        is_unix(source, SocketType::STREAM)
    }

    fn poll_io(
        &self,
        inner: &dyn Reactor,
        watched: &Arc<Watched<Self::State>>,
        (token, dir): (Token, Dir),
        cx: &mut Context<'_>,
        op: Op<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = inner.poll_io(token, dir, cx, op);
        let mut waker = watched.state.lock().unwrap_or_else(PoisonError::into_inner);
        *waker = polled.is_pending().then(|| cx.waker().clone());
        polled
    }

    fn deregister(&self, inner: &dyn Reactor, watched: &Watched<Self::State>, token: Token) {
        let waker = watched.state.lock().unwrap_or_else(PoisonError::into_inner).take();
        if waker.is_some() {
            fired();
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let before = std::mem::replace(&mut *kept, waker);
            drop(kept);
            drop(before);
        }
        inner.deregister(token);
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
