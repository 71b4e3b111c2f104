//! Mutants of the group PANIC.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_traits::hooks::{Key, Timer};
use runtime_traits::time::Instant;
use runtime_traits::{Gone, Handle};

use super::Impossible;
use crate::decorate::Decorated;
use crate::erased::{OnPoll, poll, wrapped};
use crate::mutant::{Detection, Mutant};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist(
        "M-PANIC-1",
        "A panic of a task ends its worker's thread; the others go on until none is left.",
        || Arc::new(LosesThreads),
    )
    .breaks(&["PANIC-1"])
    .tolerates(&["JOIN-6", "CTX-4"]) // who panic, and the next are looked at
    .detected(Detection::Hangs),
    Mutant::twist("M-PANIC-1b", "The handle of a task that panicked has another payload.", || {
        Arc::new(OwnPayload)
    })
    .breaks(&["PANIC-1"])
    .tolerates(&["PANIC-4"]),
    Mutant::twist("M-PANIC-3", "A panic of a future's destructor aborts.", || {
        Arc::new(AbortsOnUnwind)
    })
    .breaks(&["PANIC-2"])
    .detected(Detection::Crashes),
    Mutant::twist(
        "M-PANIC-5",
        "Timers are woken together, and a waker that panics ends that.",
        || Arc::new(WakesInOneGo),
    )
    .breaks(&["PANIC-3"])
    .detected(Detection::Hangs),
    Mutant::twist("M-PANIC-6", "Starting the runtime installs a panic hook.", || {
        Arc::new(InstallsAHook)
    })
    .breaks(&["PANIC-4"]),
    Mutant::twist("M-PANIC-7", "That a task panicked is printed by the runtime itself.", || {
        Arc::new(Prints)
    })
    .breaks(&["PANIC-4"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

// ── M-PANIC-1 ───────────────────────────────────────────────────────────────────────────────────

thread_local! {
    /// Whether this thread has ended, as seen from outside.
    static ENDED: Cell<bool> = const { Cell::new(false) };
}

struct LosesThreads;

/// Lets a panic end the thread: a worker of runtime-default leaves. Nobody may take another runtime's
/// thread from it, so that stands still, with the next task that it takes.
struct Fragile {
    can_leave: bool,
}

impl OnPoll for Fragile {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        while ENDED.get() {
            thread::park();
        }
        let polled = catch_unwind(AssertUnwindSafe(|| poll(future, cx)));
        polled.unwrap_or_else(|payload| {
            fired();
            match self.can_leave {
                #[cfg(runtime_mutants)]
                true => runtime_default::mutants::end_worker(),
                _ => ENDED.set(true),
            }
            resume_unwind(payload)
        })
    }
}

impl Twist for LosesThreads {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let can_leave = rt.info().name == "default";
        Box::new(rt.spawn(wrapped(future, Fragile { can_leave })))
    }
}

// ── M-PANIC-1b ──────────────────────────────────────────────────────────────────────────────────

struct OwnPayload;

struct Replaces;

impl OnPoll for Replaces {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let polled = catch_unwind(AssertUnwindSafe(|| poll(future, cx)));
        polled.unwrap_or_else(|payload| {
            fired();
            let _ = catch_unwind(AssertUnwindSafe(|| drop(payload))); // its destructor may panic
            resume_unwind(Box::new("a task panicked"))
        })
    }
}

impl Twist for OwnPayload {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Replaces)))
    }
}

// ── M-PANIC-3 ───────────────────────────────────────────────────────────────────────────────────

struct AbortsOnUnwind;

struct Guarded;

impl OnPoll for Guarded {
    fn on_drop(&mut self, future: &mut Option<AnyFuture>) {
        if catch_unwind(AssertUnwindSafe(|| drop(future.take()))).is_err() {
            fired();
            std::process::abort();
        }
    }
}

impl Twist for AbortsOnUnwind {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Guarded)))
    }
}

// ── M-PANIC-5 ───────────────────────────────────────────────────────────────────────────────────

struct WakesInOneGo;

impl Twist for WakesInOneGo {
    fn runtime(&self, inner: Handle) -> Handle {
        let relay = Arc::<Relay>::default();
        Decorated::over(inner.clone()).timer(Box::new(Batches { inner, relay })).handle()
    }
}

/// Whom to wake when any timer is due, by key: a wake too many is allowed.
#[derive(Default)]
struct Relay(Mutex<BTreeMap<u64, Waker>>);

impl Relay {
    /// Not held while a waker is cloned, woken or dropped.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> BTreeMap<u64, Waker> {
        std::mem::take(&mut *self.lock())
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        let mut batch = self.take().into_values();
        let woken = catch_unwind(AssertUnwindSafe(|| batch.by_ref().for_each(Waker::wake)));
        woken.unwrap_or_else(|payload| {
            fired(); // what is left of the batch goes with it
            resume_unwind(payload)
        });
    }
}

struct Batches {
    inner: Handle,
    relay: Arc<Relay>,
}

impl Batches {
    fn timer(&self) -> &dyn Timer {
        self.inner.runtime().timer().expect("the case was asked because `time` is declared")
    }
}

impl Timer for Batches {
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
        let relay = Waker::from(self.relay.clone());
        let poll = |key: &mut Key| {
            self.timer().poll_until(key, at, slack, &mut Context::from_waker(&relay))
        };
        let mut known = key.raw();
        let mut polled = poll(key);
        if polled.is_pending() {
            let waker = cx.waker().clone();
            known = key.raw();
            let old = self.relay.lock().insert(known, waker);
            drop(old);
            polled = poll(key); // it may have come before the relay knew whom to wake
        }
        if polled.is_ready() {
            let done = self.relay.lock().remove(&known);
            drop(done);
        }
        polled
    }

    fn forget(&self, key: &mut Key) {
        let given_up = self.relay.lock().remove(&key.raw());
        drop(given_up);
        self.timer().forget(key);
    }
}

// ── M-PANIC-6 ───────────────────────────────────────────────────────────────────────────────────

struct InstallsAHook;

impl Twist for InstallsAHook {
    fn runtime(&self, inner: Handle) -> Handle {
        fired();
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| others(info)));
        inner
    }
}

// ── M-PANIC-7 ───────────────────────────────────────────────────────────────────────────────────

struct Prints;

struct Loud;

impl OnPoll for Loud {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let polled = catch_unwind(AssertUnwindSafe(|| poll(future, cx)));
        polled.unwrap_or_else(|payload| {
            fired();
            eprintln!("a task panicked");
            resume_unwind(payload)
        })
    }
}

impl Twist for Prints {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Loud)))
    }
}
