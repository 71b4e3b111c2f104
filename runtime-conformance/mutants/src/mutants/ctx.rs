//! Mutants of the group CTX.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtime_conformance::clauses::ctx::REQUEST;
use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, AnyUnit, Twist, fired};
use runtime_traits::hooks::{Key, Timer};
use runtime_traits::time::Instant;
use runtime_traits::{BlockOnError, Gone, Handle};

use super::Impossible;
use crate::decorate::Decorated;
use crate::erased::{OnPoll, wrapped};
use crate::mutant::{Detection, Mutant};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist(
        "M-CTX-2",
        "Leaving a nested scope leaves none current instead of the previous runtime.",
        || Arc::new(LeavesToNone),
    )
    .breaks(&["CTX-3"]),
    Mutant::twist(
        "M-CTX-2b",
        "`block_on` inside another runtime's scope leaves that one current.",
        || Arc::new(KeepsOuterScope),
    )
    .breaks(&["CTX-3"]),
    Mutant::twist("M-CTX-0", "Asking for the current runtime starts one.", || Arc::new(StartsOne))
        .breaks(&["CTX-1"]),
    Mutant::twist("M-CTX-1", "None is current while a task is dropped.", || Arc::new(DropsOutside))
        .breaks(&["CTX-2"])
        .tolerates(&["SHUTDOWN-1", "TASK-7"]),
    Mutant::twist("M-CTX-3", "A scope that a panic leaves stays.", || Arc::new(UnwindsPast))
        .breaks(&["CTX-4"]),
    Mutant::twist("M-CTX-4", "What a plain thread enters is current on all plain threads.", || {
        Arc::new(OfTheProcess)
    })
    .breaks(&["CTX-5", "CTX-1"])
    // What was entered last is kept, with its poller.
    .tolerates(&["LEAK-3"]),
    Mutant::twist(
        "M-CTX-5",
        "A task that is spawned where another runtime is current is polled by that one.",
        || Arc::new(SpawnsHere),
    )
    .breaks(&["CTX-6"]),
    Mutant::twist(
        "M-CTX-6",
        "A timer that is reset goes to the runtime that is current then.",
        || Arc::new(ResetsAbroad),
    )
    .breaks(&["CTX-10"])
    .tolerates(&["TIME-6"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-CTX-7",
        "A wrapped future that waits leaves its scope open for whoever is polled next.",
        || Arc::new(WaitsInside),
    )
    .breaks(&["CTX-7"])
    .tolerates(&["CTX-3"]),
    Mutant::twist("M-CTX-9", "Asking needs a thread-local with a destructor.", || {
        Arc::new(NeedsItsCache)
    })
    .breaks(&["CTX-9"])
    .detected(Detection::Crashes),
    Mutant::twist("M-CTX-11", "A task has the locals of whoever woke it last.", || {
        Arc::new(WakersLocals)
    })
    .breaks(&["CTX-11"]),
    Mutant::twist("M-CTX-11b", "A task inherits no locals.", || Arc::new(InheritsNothing))
        .breaks(&["CTX-11"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

// ── M-CTX-0 ─────────────────────────────────────────────────────────────────────────────────────

/// Asking where none is current starts one: a thread is all that is seen of it.
struct StartsOne;

impl Twist for StartsOne {
    fn current(&self) -> Option<Handle> {
        let current = Handle::try_current().ok();
        if current.is_none() {
            fired();
            // For a while: it is not about what is left behind.
            thread::spawn(|| thread::sleep(Duration::from_millis(200)));
        }
        current
    }
}

// ── M-CTX-1 ─────────────────────────────────────────────────────────────────────────────────────

thread_local! {
    /// Inside the destructor of a task.
    static DROPPING: Cell<bool> = const { Cell::new(false) };
    /// The scope that a panic, or a poll that was pending, left open.
    static STUCK: RefCell<Option<Handle>> = const { RefCell::new(None) };
}

struct DropsOutside;

/// Drops its future where none is current.
struct Outside;

impl OnPoll for Outside {
    fn on_drop(&mut self, future: &mut Option<AnyFuture>) {
        if future.is_some() {
            fired();
        }
        DROPPING.set(true);
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(future.take())));
        DROPPING.set(false);
        dropped.unwrap_or_else(|payload| resume_unwind(payload));
    }
}

impl Twist for DropsOutside {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Outside)))
    }

    fn current(&self) -> Option<Handle> {
        if DROPPING.get() { None } else { Handle::try_current().ok() }
    }
}

/// What is current as far as these mutants go: a scope that was left open, or what is.
fn stuck_or_current() -> Option<Handle> {
    let stuck = STUCK.try_with(|stuck| stuck.borrow().clone()).ok().flatten();
    stuck.or_else(|| Handle::try_current().ok())
}

// ── M-CTX-3 ─────────────────────────────────────────────────────────────────────────────────────

struct UnwindsPast;

impl Twist for UnwindsPast {
    fn enter(&self, rt: &Handle, body: &mut dyn FnMut()) {
        let left = catch_unwind(AssertUnwindSafe(|| rt.enter(body)));
        left.unwrap_or_else(|payload| {
            fired();
            STUCK.set(Some(rt.clone()));
            resume_unwind(payload)
        });
    }

    fn current(&self) -> Option<Handle> {
        stuck_or_current()
    }
}

// ── M-CTX-4 ─────────────────────────────────────────────────────────────────────────────────────

/// The scope of the process, set by threads that are no workers.
static OF_ALL: Mutex<Option<Handle>> = Mutex::new(None);

struct OfTheProcess;

impl Twist for OfTheProcess {
    fn enter(&self, rt: &Handle, body: &mut dyn FnMut()) {
        let set = |new| std::mem::replace(&mut *OF_ALL.lock().unwrap(), new);
        if Handle::try_current().is_ok() {
            return rt.enter(body); // a worker, or an inner scope
        }
        let before = set(Some(rt.clone()));
        let left = catch_unwind(AssertUnwindSafe(|| rt.enter(body)));
        set(before);
        left.unwrap_or_else(|payload| resume_unwind(payload));
    }

    fn current(&self) -> Option<Handle> {
        Handle::try_current().ok().or_else(|| {
            let of_all = OF_ALL.lock().unwrap().clone();
            if of_all.is_some() {
                fired();
            }
            of_all
        })
    }
}

// ── M-CTX-5 ─────────────────────────────────────────────────────────────────────────────────────

/// "This thread is a worker": of which runtime it does not ask.
struct SpawnsHere;

impl Twist for SpawnsHere {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        match Handle::try_current() {
            Ok(here) if here != *rt => {
                fired();
                Box::new(here.spawn(rt.wrap(future)))
            }
            _ => Box::new(rt.spawn(future)),
        }
    }
}

// ── M-CTX-6 ─────────────────────────────────────────────────────────────────────────────────────

struct ResetsAbroad;

impl Twist for ResetsAbroad {
    fn runtime(&self, inner: Handle) -> Handle {
        let deadlines = Mutex::default();
        Decorated::over(inner.clone()).timer(Box::new(MovesTimers { inner, deadlines })).handle()
    }
}

/// Arms a timer anew with the runtime that is current when it is reset: which is not asked to wake
/// anybody after its end.
struct MovesTimers {
    inner: Handle,
    /// By key.
    deadlines: Mutex<HashMap<u64, Instant>>,
}

/// The key of what has left.
const ABROAD: u64 = u64::MAX;

impl MovesTimers {
    fn timer(&self) -> &dyn Timer {
        self.inner.runtime().timer().expect("the case was asked because `time` is declared")
    }

    fn is_reset(&self, key: &Key, at: Instant) -> bool {
        self.deadlines.lock().unwrap().get(&key.raw()).is_some_and(|known| *known != at)
    }
}

impl Timer for MovesTimers {
    fn now(&self) -> Instant {
        self.timer().now()
    }

    fn poll_until(
        &self,
        key: &mut Key,
        at: Instant,
        slack: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        let abroad = || Handle::try_current().is_ok_and(|here| here != self.inner);
        if key.raw() == ABROAD || (self.is_reset(key, at) && abroad()) {
            fired();
            self.forget(key);
            *key = Key::from_raw(ABROAD);
            return Poll::Pending;
        }
        let polled = self.timer().poll_until(key, at, slack, cx);
        self.deadlines.lock().unwrap().insert(key.raw(), at);
        polled
    }

    fn forget(&self, key: &mut Key) {
        match key.raw() {
            ABROAD => drop(key.take()),
            raw => {
                self.deadlines.lock().unwrap().remove(&raw);
                self.timer().forget(key);
            }
        }
    }
}

// ── M-CTX-7 ─────────────────────────────────────────────────────────────────────────────────────

struct WaitsInside;

impl Twist for WaitsInside {
    fn wrap(&self, rt: &Handle, mut future: AnyUnit) -> AnyUnit {
        let rt = rt.clone();
        Box::pin(poll_fn(move |cx| {
            let polled = rt.enter(|| future.as_mut().poll(cx));
            if polled.is_pending() {
                fired();
                STUCK.set(Some(rt.clone())); // until it is ready
            } else {
                STUCK.set(None);
            }
            polled
        }))
    }

    fn current(&self) -> Option<Handle> {
        stuck_or_current()
    }
}

// ── M-CTX-9 ─────────────────────────────────────────────────────────────────────────────────────

thread_local! {
    /// Has a destructor, hence an end.
    static CACHE: RefCell<Vec<Handle>> = RefCell::new(Vec::with_capacity(1));
}

struct NeedsItsCache;

impl Twist for NeedsItsCache {
    fn current(&self) -> Option<Handle> {
        fired();
        CACHE.with_borrow_mut(|cache| {
            cache.clear();
            cache.extend(Handle::try_current().ok());
            cache.pop()
        })
    }
}

// ── M-CTX-2 ─────────────────────────────────────────────────────────────────────────────────────

thread_local! {
    /// How many scopes are open, and whether one within them was left.
    static SCOPES: Cell<(usize, bool)> = const { Cell::new((0, false)) };
}

struct LeavesToNone;

impl Twist for LeavesToNone {
    fn enter(&self, rt: &Handle, body: &mut dyn FnMut()) {
        let (open, _) = SCOPES.get();
        SCOPES.set((open + 1, false));
        rt.enter(body);
        SCOPES.set((open, open > 0));
    }

    fn current(&self) -> Option<Handle> {
        let (_, lost) = SCOPES.get();
        if lost {
            fired();
            return None;
        }
        Handle::try_current().ok()
    }
}

// ── M-CTX-2b ────────────────────────────────────────────────────────────────────────────────────

struct KeepsOuterScope;

impl Twist for KeepsOuterScope {
    fn block_on(
        &self,
        rt: &Handle,
        main: Pin<&mut dyn Future<Output = ()>>,
    ) -> Result<(), BlockOnError> {
        match Handle::try_current() {
            Ok(outer) => {
                fired();
                rt.block_on(outer.wrap(main))
            }
            Err(_) => rt.block_on(main),
        }
    }
}

// ── M-CTX-11 ────────────────────────────────────────────────────────────────────────────────────

struct WakersLocals;

/// What was in scope at the last wake: a value, or that there was none.
type AtWake = Arc<Mutex<Option<Option<u32>>>>;

struct Remembers {
    to: Waker,
    seen: AtWake,
}

impl Wake for Remembers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(REQUEST.get());
        self.to.wake_by_ref();
    }
}

#[derive(Default)]
struct Adopts(AtWake);

impl OnPoll for Adopts {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let waker = Arc::new(Remembers { to: cx.waker().clone(), seen: self.0.clone() }).into();
        let cx = &mut Context::from_waker(&waker);
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match seen.flatten() {
            Some(value) => {
                fired();
                REQUEST.sync_scope(value, || crate::erased::poll(future, cx))
            }
            None => crate::erased::poll(future, cx),
        }
    }
}

impl Twist for WakersLocals {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Adopts::default())))
    }
}

// ── M-CTX-11b ───────────────────────────────────────────────────────────────────────────────────

struct InheritsNothing;

impl Twist for InheritsNothing {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        if REQUEST.get().is_none() {
            return Box::new(rt.spawn(future));
        }
        fired();
        // A thread has none.
        let spawned = thread::scope(|scope| scope.spawn(|| rt.spawn(future)).join());
        Box::new(spawned.unwrap_or_else(|payload| resume_unwind(payload)))
    }
}
