//! Mutants of the group SIGNAL: a hook whose listeners are those of the runtime beneath, as a rule.

use std::io;
use std::os::fd::AsRawFd;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use runtime_conformance::twist::{Twist, fired};
use runtime_traits::Handle;
use runtime_traits::hooks::{Dir, Reactor, Signal, SignalStream, Source, Token};
use runtime_traits::signal::{self, SignalKind};

use super::Impossible;
use super::reactor::watch::{Fault, Faulty, Op, Watched};
use crate::decorate::Decorated;
use crate::mutant::{Detection, Mutant};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist("M-SIGNAL-1", "Dropping a listener takes the handler from all of them.", || {
        Arc::new(Listens(|listener| Box::new(TakesHandler::new(listener))))
    })
    .breaks(&["SIGNAL-2"])
    .detected(Detection::Hangs),
    Mutant::twist("M-SIGNAL-2", "Of all listeners the first hears, while it is there.", || {
        Arc::new(Listens(|listener| Box::new(FirstHears::new(listener))))
    })
    .breaks(&["SIGNAL-1"])
    // Which have several listeners too.
    .tolerates(&["SIGNAL-2", "SIGNAL-3", "SIGNAL-4"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-SIGNAL-3",
        "A thousand signals that nobody looked at are too many: the listener hears no more.",
        || Faulty::twist(|| Overflows),
    )
    .breaks(&["SIGNAL-3"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-SIGNAL-4",
        "A process that was forked off believes that its parent has set up all.",
        || Arc::new(Listens(|listener| Box::new(BelievesItsParent::new(listener)))),
    )
    .breaks(&["SIGNAL-4"])
    .tolerates(&["CAP-fork"])
    .detected(Detection::Hangs),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A listener of the runtime beneath.
type Right = Mutex<signal::Signal>;

fn poll_right(right: &Right, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    lock(right).poll_recv(cx)
}

/// A twist that makes something else of each listener.
struct Listens(fn(Right) -> Box<dyn SignalStream>);

impl Twist for Listens {
    fn runtime(&self, inner: Handle) -> Handle {
        if inner.runtime().reactor().is_none() {
            return inner;
        }
        let hook = Hook { inner: inner.clone(), make: self.0 };
        Decorated::over(inner).signal(Box::new(hook)).handle()
    }
}

struct Hook {
    inner: Handle,
    make: fn(Right) -> Box<dyn SignalStream>,
}

impl Signal for Hook {
    fn listen(&self, number: i32) -> Option<io::Result<Box<dyn SignalStream>>> {
        let right = self.inner.enter(|| signal::signal(SignalKind::from_raw(number)));
        Some(right.map(|right| (self.make)(Mutex::new(right))))
    }
}

// ── M-SIGNAL-1 ──────────────────────────────────────────────────────────────────────────────────

/// How often the handler was taken away.
static TAKEN: AtomicU64 = AtomicU64::new(0);

struct TakesHandler {
    right: Right,
    since: u64,
}

impl TakesHandler {
    fn new(right: Right) -> TakesHandler {
        TakesHandler { right, since: TAKEN.load(Ordering::SeqCst) }
    }
}

impl SignalStream for TakesHandler {
    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.since != TAKEN.load(Ordering::SeqCst) {
            fired();
            return Poll::Pending;
        }
        poll_right(&self.right, cx)
    }
}

impl Drop for TakesHandler {
    fn drop(&mut self) {
        TAKEN.fetch_add(1, Ordering::SeqCst);
    }
}

// ── M-SIGNAL-2 ──────────────────────────────────────────────────────────────────────────────────

/// The numbers of those that are there, in the order in which they came, and the next.
static THERE: Mutex<(Vec<u64>, u64)> = Mutex::new((Vec::new(), 0));

struct FirstHears {
    right: Right,
    number: u64,
}

impl FirstHears {
    fn new(right: Right) -> FirstHears {
        let (all, next) = &mut *lock(&THERE);
        let number = *next;
        *next += 1;
        all.push(number);
        FirstHears { right, number }
    }
}

impl SignalStream for FirstHears {
    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if lock(&THERE).0.first() != Some(&self.number) {
            fired();
            return Poll::Pending;
        }
        poll_right(&self.right, cx)
    }
}

impl Drop for FirstHears {
    fn drop(&mut self) {
        lock(&THERE).0.retain(|number| *number != self.number);
    }
}

// ── M-SIGNAL-3 ──────────────────────────────────────────────────────────────────────────────────

/// How many signals a listener's descriptor has room for.
const ROOM: u64 = 1000;

/// Counts the signals that nobody looked at, where the runtime counts them too: in an eventfd.
struct Overflows;

impl Fault for Overflows {
    /// Whether there were too many.
    type State = AtomicBool;

    fn is_about(&self, source: &Source) -> bool {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", source.as_raw_fd()));
        link.is_ok_and(|link| link.to_string_lossy().contains("eventfd"))
    }

    fn poll_io(
        &self,
        inner: &dyn Reactor,
        watched: &Arc<Watched<AtomicBool>>,
        (token, dir): (Token, Dir),
        cx: &mut Context<'_>,
        op: Op<'_>,
    ) -> Poll<io::Result<()>> {
        if watched.signals() > ROOM {
            watched.state.store(true, Ordering::SeqCst);
        }
        if watched.state.load(Ordering::SeqCst) {
            fired();
            return Poll::Pending;
        }
        inner.poll_io(token, dir, cx, op)
    }
}

impl Watched<AtomicBool> {
    /// How many there are. They are taken out to be counted, and put back.
    fn signals(&self) -> u64 {
        let mut count = [0; 8];
        let Some(eventfd) = self.source() else { return 0 };
        match rustix::io::read(&eventfd, &mut count) {
            Ok(8) => {
                let _ = rustix::io::write(&eventfd, &count);
                u64::from_ne_bytes(count)
            }
            _ => 0,
        }
    }
}

// ── M-SIGNAL-4 ──────────────────────────────────────────────────────────────────────────────────

/// The process in which the first listener was made.
static FIRST: Mutex<Option<u32>> = Mutex::new(None);

struct BelievesItsParent {
    right: Right,
    hears: bool,
}

impl BelievesItsParent {
    fn new(right: Right) -> BelievesItsParent {
        fired(); // in the child nobody counts
        let first = *lock(&FIRST).get_or_insert_with(process::id);
        BelievesItsParent { right, hears: first == process::id() }
    }
}

impl SignalStream for BelievesItsParent {
    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.hears { poll_right(&self.right, cx) } else { Poll::Pending }
    }
}
