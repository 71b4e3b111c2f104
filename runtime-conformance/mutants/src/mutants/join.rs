//! Mutants of the group JOIN.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_traits::{Handle, JoinError};

use super::Impossible;
use crate::erased::{Join, OnJoin, OnPoll, poll, wrapped};
use crate::mutant::{Detection, Mutant};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist("M-JOIN-1", "The first waker wins: a second poll does not replace it.", || {
        Arc::new(FirstWakerWins)
    })
    .breaks(&["JOIN-3"])
    .tolerates(&["PANIC-3"]) // which polls a handle with one waker after the other
    .detected(Detection::Hangs),
    Mutant::twist("M-JOIN-2", "Dropping the handle of a parked task aborts it.", || {
        Arc::new(AbortsOnDrop)
    })
    .breaks(&["JOIN-2"])
    .tolerates(&["CANCEL-8"]) // an abort wakes whoever joined
    .detected(Detection::Hangs),
    Mutant::twist("M-JOIN-3", "`is_finished` is true 50 µs before the output is there.", || {
        Arc::new(FinishedTooSoon)
    })
    .breaks(&["JOIN-4"])
    .detected(Detection::Prob),
    Mutant::twist(
        "M-JOIN-5",
        "The output of a task that was detached before its end is leaked.",
        || Arc::new(LeaksOutputs),
    )
    .breaks(&["JOIN-1", "JOIN-6"])
    .tolerates(&["LEAK-1", "WAKE-7"]), // WAKE-7: its destructor has no chance to call back
    Mutant::twist(
        "M-JOIN-5b",
        "Awaited inside another runtime, the handle is never woken.",
        || Arc::new(NotAbroad),
    )
    .breaks(&["JOIN-5"])
    .tolerates(&["CTX-6"]) // a task of one runtime that is awaited inside another
    .detected(Detection::Hangs),
    Mutant::twist("M-JOIN-6", "A panicking output unwinds into who drops the handle.", || {
        Arc::new(DropsOutputsOpenly)
    })
    .breaks(&["JOIN-6"])
    .tolerates(&["PANIC-2"]), // an output whose destructor panics is one of its cases
    Mutant::twist("M-JOIN-7", "Polling a handle again after its output ends the process.", || {
        Arc::new(AbortsOnSecondPoll)
    })
    .breaks(&["JOIN-7"])
    .detected(Detection::Crashes),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

// ── M-JOIN-1 ────────────────────────────────────────────────────────────────────────────────────

struct FirstWakerWins;

impl Twist for FirstWakerWins {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Join::boxed(Box::new(rt.spawn(future)), First(None))
    }
}

struct First(Option<Waker>);

impl OnJoin for First {
    fn poll_join(
        &mut self,
        inner: &mut dyn AnyJoin,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AnyOutput, JoinError>> {
        let first = self.0.get_or_insert_with(|| cx.waker().clone());
        if !first.will_wake(cx.waker()) {
            fired();
        }
        let polled = inner.poll_join(&mut Context::from_waker(first));
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

// ── M-JOIN-2 ────────────────────────────────────────────────────────────────────────────────────

struct AbortsOnDrop;

impl Twist for AbortsOnDrop {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let state = Parking(Arc::default());
        let task = rt.spawn(wrapped(future, state.clone()));
        Join::boxed(Box::new(task), state)
    }
}

const PARKED: u8 = 1;
const ELSE: u8 = 0;

/// Whether the task has begun and waits.
#[derive(Clone)]
struct Parking(Arc<AtomicU8>);

impl OnPoll for Parking {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        self.0.store(ELSE, Ordering::SeqCst);
        let polled = poll(future, cx);
        self.0.store(if polled.is_pending() { PARKED } else { ELSE }, Ordering::SeqCst);
        polled
    }
}

impl OnJoin for Parking {
    fn on_drop(&mut self, inner: &mut dyn AnyJoin) {
        if self.0.load(Ordering::SeqCst) == PARKED {
            fired();
            inner.abort();
        }
    }
}

// ── M-JOIN-3 ────────────────────────────────────────────────────────────────────────────────────

struct FinishedTooSoon;

impl Twist for FinishedTooSoon {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let soon = Soon(Arc::default());
        let task = rt.spawn(wrapped(future, soon.clone()));
        Join::boxed(Box::new(task), soon)
    }
}

#[derive(Clone)]
struct Soon(Arc<AtomicBool>);

impl OnPoll for Soon {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let polled = poll(future, cx);
        if polled.is_ready() {
            fired();
            self.0.store(true, Ordering::SeqCst);
            thread::sleep(Duration::from_micros(50));
        }
        polled
    }
}

impl OnJoin for Soon {
    fn is_finished(&self, inner: &dyn AnyJoin) -> bool {
        self.0.load(Ordering::SeqCst) || inner.is_finished()
    }
}

// ── M-JOIN-5 ────────────────────────────────────────────────────────────────────────────────────

struct LeaksOutputs;

impl Twist for LeaksOutputs {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let detached = Detached(Arc::default());
        let task = rt.spawn(wrapped(future, detached.clone()));
        Join::boxed(Box::new(task), detached)
    }
}

#[derive(Clone)]
struct Detached(Arc<AtomicBool>);

impl OnPoll for Detached {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        poll(future, cx).map(|output| {
            if !self.0.load(Ordering::SeqCst) {
                return output;
            }
            fired();
            std::mem::forget(output);
            Box::new(())
        })
    }
}

impl OnJoin for Detached {
    fn on_drop(&mut self, _: &mut dyn AnyJoin) {
        self.0.store(true, Ordering::SeqCst);
    }
}

// ── M-JOIN-5b ───────────────────────────────────────────────────────────────────────────────────

struct NotAbroad;

impl Twist for NotAbroad {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Join::boxed(Box::new(rt.spawn(future)), Home(rt.clone()))
    }
}

struct Home(Handle);

impl OnJoin for Home {
    fn poll_join(
        &mut self,
        inner: &mut dyn AnyJoin,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AnyOutput, JoinError>> {
        if Handle::try_current().is_ok_and(|current| current != self.0) {
            fired();
            return inner.poll_join(&mut Context::from_waker(Waker::noop()));
        }
        inner.poll_join(cx)
    }
}

// ── M-JOIN-6 ────────────────────────────────────────────────────────────────────────────────────

struct DropsOutputsOpenly;

impl Twist for DropsOutputsOpenly {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Join::boxed(Box::new(rt.spawn(future)), Openly(false))
    }
}

/// Whether the output was taken.
struct Openly(bool);

impl OnJoin for Openly {
    fn poll_join(
        &mut self,
        inner: &mut dyn AnyJoin,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AnyOutput, JoinError>> {
        let polled = inner.poll_join(cx);
        self.0 |= polled.is_ready();
        polled
    }

    fn on_drop(&mut self, inner: &mut dyn AnyJoin) {
        if !self.0 && inner.is_finished() {
            fired();
            let output = inner.poll_join(&mut Context::from_waker(Waker::noop()));
            drop(output); // nothing contains what this throws
        }
    }
}

// ── M-JOIN-7 ────────────────────────────────────────────────────────────────────────────────────

struct AbortsOnSecondPoll;

impl Twist for AbortsOnSecondPoll {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Join::boxed(Box::new(rt.spawn(future)), Taken(false))
    }
}

struct Taken(bool);

impl OnJoin for Taken {
    fn poll_join(
        &mut self,
        inner: &mut dyn AnyJoin,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AnyOutput, JoinError>> {
        if self.0 {
            fired();
            process::abort();
        }
        let polled = inner.poll_join(cx);
        self.0 |= polled.is_ready();
        polled
    }
}
