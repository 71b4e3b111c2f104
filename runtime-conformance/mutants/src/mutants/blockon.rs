//! Mutants of the group BLOCKON.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use runtime_conformance::twist::{AnyFuture, AnyJoin, Twist, fired};
use runtime_traits::{BlockOnError, Handle, Refused};

use super::Impossible;
use crate::erased::{OnPoll, wrapped};
use crate::mutant::{Detection, Mutant};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist(
        "M-BLOCKON-1",
        "A thread inside `block_on` that has nothing to do spins.",
        || Arc::new(Spins),
    )
    .breaks(&["BLOCKON-2"])
    .tolerates(&["TIME-11", "REACTOR-9"]) // a thread that spins uses its time
    .detected(Detection::Burns),
    Mutant::twist(
        "M-BLOCKON-1b",
        "A thread inside `block_on` that has nothing to do asks again every millisecond.",
        || Arc::new(Asks),
    )
    .breaks(&["BLOCKON-2"])
    .detected(Detection::Burns),
    Mutant::twist(
        "M-BLOCKON-2",
        "`block_on` parks the thread with std's token and no flag of its own.",
        || Arc::new(RelyOnTheToken),
    )
    .breaks(&["BLOCKON-3"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-BLOCKON-3",
        "The root is polled again whenever any task of the runtime ends.",
        || Arc::new(WakesRoots::default()),
    )
    .breaks(&["BLOCKON-7"]),
    Mutant::twist(
        "M-BLOCKON-4",
        "A call inside a call waits for a lock that the outer one holds.",
        || Arc::new(LocksTwice),
    )
    .breaks(&["BLOCKON-4"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-BLOCKON-4b",
        "Refusing a call inside a call leaves no runtime current.",
        || Arc::new(HalfRefused),
    )
    .breaks(&["BLOCKON-4"]),
    Mutant::twist(
        "M-BLOCKON-5",
        "When the thread that was inside first panics, those beside it are never polled again.",
        || Arc::new(NoSuccessor::default()),
    )
    .breaks(&["BLOCKON-5"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-BLOCKON-6",
        "After a panic the thread counts as inside: the next call is refused.",
        || Arc::new(StaysInside),
    )
    .breaks(&["BLOCKON-6"])
    .tolerates(&["CTX-4"]), // which drives again after a root that panicked,
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[(
    "BLOCKON-1",
    "the hook is given a pinned borrow of a future that is not `Send`: safe code can poll it on the \
     calling thread only, and what it answers goes to the caller past the runtime; a mutant would \
     need unsafe code and be undefined behaviour itself",
)];

/// What `Twist::block_on` is given.
type Main<'a> = Pin<&'a mut dyn Future<Output = ()>>;

/// A flag and who hears of it.
struct Flag {
    woken: AtomicBool,
    to: Waker,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.to.wake_by_ref();
    }
}

// ── M-BLOCKON-1 ─────────────────────────────────────────────────────────────────────────────────

struct Spins;

impl Twist for Spins {
    fn block_on(&self, rt: &Handle, main: Main<'_>) -> Result<(), BlockOnError> {
        never_rests(rt, main, thread::yield_now)
    }
}

// ── M-BLOCKON-1b ────────────────────────────────────────────────────────────────────────────────

struct Asks;

impl Twist for Asks {
    fn block_on(&self, rt: &Handle, main: Main<'_>) -> Result<(), BlockOnError> {
        never_rests(rt, main, || thread::sleep(Duration::from_millis(1)))
    }
}

/// Looks again whenever `pause` returns.
fn never_rests(rt: &Handle, mut main: Main<'_>, pause: fn()) -> Result<(), BlockOnError> {
    let mut flag: Option<Arc<Flag>> = None;
    rt.block_on(poll_fn(move |cx| {
        let new = || Arc::new(Flag { woken: AtomicBool::new(true), to: cx.waker().clone() });
        let flag = flag.get_or_insert_with(new);
        // The user's root is polled when it was woken, as always; we never rest in between.
        if flag.woken.swap(false, Ordering::SeqCst)
            && main.as_mut().poll(&mut Context::from_waker(&flag.clone().into())).is_ready()
        {
            return Poll::Ready(());
        }
        fired();
        pause();
        cx.waker().wake_by_ref();
        Poll::Pending
    }))
}

// ── M-BLOCKON-2 ─────────────────────────────────────────────────────────────────────────────────

/// For runtimes with threads of their own, which run what the root waits for.
struct RelyOnTheToken;

struct Token(Thread);

impl Wake for Token {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Twist for RelyOnTheToken {
    fn block_on(&self, rt: &Handle, mut main: Main<'_>) -> Result<(), BlockOnError> {
        if Handle::try_current().is_ok_and(|current| current == *rt) {
            return rt.block_on(main); // nested: as the runtime has it
        }
        let waker = Waker::from(Arc::new(Token(thread::current())));
        rt.enter(|| {
            while main.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                fired();
                thread::park();
            }
        });
        Ok(())
    }
}

// ── M-BLOCKON-3 ─────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct WakesRoots(Arc<Mutex<Vec<Waker>>>);

impl Twist for WakesRoots {
    fn block_on(&self, rt: &Handle, mut main: Main<'_>) -> Result<(), BlockOnError> {
        let roots = self.0.clone();
        rt.block_on(poll_fn(move |cx| {
            let mut roots = roots.lock().unwrap_or_else(PoisonError::into_inner);
            if !roots.iter().any(|root| root.will_wake(cx.waker())) {
                roots.push(cx.waker().clone());
            }
            drop(roots);
            main.as_mut().poll(cx)
        }))
    }

    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Broadcasts(self.0.clone()))))
    }
}

/// Wakes all roots at its end.
struct Broadcasts(Arc<Mutex<Vec<Waker>>>);

impl OnPoll for Broadcasts {
    fn on_drop(&mut self, _: &mut Option<AnyFuture>) {
        let roots = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for root in roots {
            fired();
            root.wake();
        }
    }
}

// ── M-BLOCKON-4 ─────────────────────────────────────────────────────────────────────────────────

thread_local! {
    /// How many calls of `block_on` this thread is inside.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

struct LocksTwice;

impl Twist for LocksTwice {
    fn block_on(&self, rt: &Handle, main: Main<'_>) -> Result<(), BlockOnError> {
        if DEPTH.get() > 0 {
            fired();
            loop {
                thread::park(); // as a lock that this thread holds
            }
        }
        let _left = Deeper::new();
        rt.block_on(main)
    }
}

/// One call deeper, until it is dropped.
struct Deeper;

impl Deeper {
    fn new() -> Deeper {
        DEPTH.set(DEPTH.get() + 1);
        Deeper
    }
}

impl Drop for Deeper {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

// ── M-BLOCKON-4b ────────────────────────────────────────────────────────────────────────────────

thread_local! {
    static LOST: Cell<bool> = const { Cell::new(false) };
}

struct HalfRefused;

impl Twist for HalfRefused {
    fn block_on(&self, rt: &Handle, main: Main<'_>) -> Result<(), BlockOnError> {
        if DEPTH.get() > 0 {
            fired();
            LOST.set(true);
            return Err(BlockOnError::Refused(Refused::NOT_HERE));
        }
        let _left = Deeper::new();
        let outcome = rt.block_on(main);
        LOST.set(false);
        outcome
    }

    fn current(&self) -> Option<Handle> {
        if LOST.get() { None } else { Handle::try_current().ok() }
    }
}

// ── M-BLOCKON-5 ─────────────────────────────────────────────────────────────────────────────────

/// The calls that are inside, the first first.
#[derive(Default)]
struct NoSuccessor(Mutex<Vec<Arc<AtomicBool>>>);

impl NoSuccessor {
    /// If `me` was the first, the others are stranded.
    fn panicked(&self, me: &Arc<AtomicBool>) {
        let inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.len() > 1 && Arc::ptr_eq(&inside[0], me) {
            inside[1..].iter().for_each(|other| other.store(true, Ordering::SeqCst));
        }
    }

    fn left(&self, me: &Arc<AtomicBool>) {
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inside.retain(|other| !Arc::ptr_eq(other, me));
    }
}

impl Twist for NoSuccessor {
    fn block_on(&self, rt: &Handle, mut main: Main<'_>) -> Result<(), BlockOnError> {
        let stranded = Arc::new(AtomicBool::new(false));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(stranded.clone());
        let root = poll_fn(|cx| {
            if stranded.load(Ordering::SeqCst) {
                fired();
                return Poll::Pending; // nobody drives, so nobody would wake it
            }
            main.as_mut().poll(cx)
        });
        let outcome = catch_unwind(AssertUnwindSafe(|| rt.block_on(root)));
        if outcome.is_err() {
            self.panicked(&stranded);
        }
        self.left(&stranded);
        outcome.unwrap_or_else(|payload| resume_unwind(payload))
    }
}

// ── M-BLOCKON-6 ─────────────────────────────────────────────────────────────────────────────────

struct StaysInside;

impl Twist for StaysInside {
    fn block_on(&self, rt: &Handle, main: Main<'_>) -> Result<(), BlockOnError> {
        if LOST.get() {
            fired();
            return Err(BlockOnError::Refused(Refused::NOT_HERE));
        }
        LOST.set(true);
        let outcome = rt.block_on(main); // a panic passes by what comes next
        LOST.set(false);
        outcome
    }
}
