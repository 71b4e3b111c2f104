//! Mutants of the group TASK.

mod twins;

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Movable, Twist, fired};
use runtime_traits::Handle;
use runtime_traits::hooks::State;

use super::Impossible;
use crate::erased::{Join, Never, OnJoin, OnPoll, poll, wrapped};
use crate::mutant::{Detection, Mutant};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist("M-TASK-1", "Tasks beyond the 64th that has not started are forgotten.", || {
        Arc::new(ForgetsTasks::default())
    })
    .breaks(&["TASK-1"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-TASK-2",
        "`spawn` inside a task's poll polls the new future once, inline.",
        || Arc::new(PollsInline),
    )
    .breaks(&["TASK-2"])
    .tolerates(&["CTX-6"]), // the poll is where another runtime is current
    // Two polls at the same time, or one after the end, need unsafe code in the cell, or a finished
    // future that is kept, which TASK-5 forbids. So these two poll a twin of the case's future.
    Mutant::twist("M-TASK-3", "A task is polled on two threads at the same time.", || {
        Arc::new(twins::PollsTwice)
    })
    .breaks(&["TASK-3"]),
    Mutant::twist(
        "M-TASK-4",
        "A wake by a clone that survived the end polls the finished future once more.",
        || Arc::new(twins::PollsLate),
    )
    .breaks(&["TASK-4"]),
    Mutant::twist(
        "M-TASK-5",
        "The finished future is kept until the handle is dropped; the handle is ready before.",
        || Arc::new(KeepsFutures),
    )
    .breaks(&["TASK-5"])
    // They wait for the end of a task whose handle they hold, or drop that handle.
    .tolerates(&["CANCEL-4", "CANCEL-5", "CTX-2", "CTX-11", "PANIC-2", "SHUTDOWN-1"]),
    Mutant::twist("M-TASK-6", "The future is moved between two polls.", || Arc::new(MovesFutures))
        .breaks(&["TASK-6"]),
    Mutant::twist(
        "M-TASK-7",
        "What a task's destructor spawns is lost, while the runtime runs.",
        || Arc::new(LosesSpawnsOfDestructors),
    )
    .breaks(&["TASK-7"])
    .detected(Detection::Hangs),
    Mutant::twist("M-TASK-8", "Tasks that wait are polled all the time.", || Arc::new(PollsIdle))
        .breaks(&["TASK-8"])
        .tolerates(&["LEAK-4"]), // which has 25 000 tasks, and may not get through them in time
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

// ── M-TASK-1 ────────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct ForgetsTasks(Arc<AtomicUsize>);

impl Twist for ForgetsTasks {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        if self.0.fetch_add(1, Ordering::SeqCst) >= 64 {
            fired();
            self.0.fetch_sub(1, Ordering::SeqCst);
            std::mem::forget(future);
            return Box::new(Never);
        }
        Box::new(rt.spawn(wrapped(future, Starting(Some(self.0.clone())))))
    }
}

/// Counts itself out at its first poll, or when it is dropped without one.
struct Starting(Option<Arc<AtomicUsize>>);

impl Starting {
    fn started(&mut self) {
        if let Some(waiting) = self.0.take() {
            waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl OnPoll for Starting {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        self.started();
        poll(future, cx)
    }

    fn on_drop(&mut self, _: &mut Option<AnyFuture>) {
        self.started();
    }
}

// ── M-TASK-2 ────────────────────────────────────────────────────────────────────────────────────

struct PollsInline;

thread_local! {
    static IN_POLL: Cell<bool> = const { Cell::new(false) };
    static IN_DROP: Cell<bool> = const { Cell::new(false) };
}

impl Twist for PollsInline {
    fn spawn(&self, rt: &Handle, mut future: AnyFuture) -> Box<dyn AnyJoin> {
        if IN_POLL.get() {
            fired();
            let mut cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return Box::new(rt.spawn(async { output }));
            }
        }
        Box::new(rt.spawn(wrapped(future, SaysWhenPolled)))
    }
}

struct SaysWhenPolled;

impl OnPoll for SaysWhenPolled {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        IN_POLL.set(true);
        let polled = poll(future, cx);
        IN_POLL.set(false);
        polled
    }
}

// ── M-TASK-5 ────────────────────────────────────────────────────────────────────────────────────

struct KeepsFutures;

impl Twist for KeepsFutures {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let kept = Kept::default();
        let task = rt.spawn(wrapped(future, kept.clone()));
        Join::boxed(Box::new(task), kept)
    }
}

/// Where the finished future is, with the task and with its handle.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Option<AnyFuture>>>);

impl OnPoll for Kept {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let polled = poll(future, cx);
        if polled.is_ready() {
            fired();
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = future.take();
        }
        polled
    }
}

impl OnJoin for Kept {}

// ── M-TASK-6 ────────────────────────────────────────────────────────────────────────────────────

struct MovesFutures;

impl Twist for MovesFutures {
    fn spawn_movable(&self, rt: &Handle, future: Box<dyn Movable>) -> Box<dyn AnyJoin> {
        let mut place = Some(future);
        self.spawn(
            rt,
            Box::pin(poll_fn(move |cx| {
                fired();
                let moved = place.take().expect("put back below").moved();
                let future = place.insert(moved);
                Pin::new(future).poll(cx).map(|()| Box::new(()) as AnyOutput)
            })),
        )
    }
}

// ── M-TASK-7 ────────────────────────────────────────────────────────────────────────────────────

struct LosesSpawnsOfDestructors;

impl Twist for LosesSpawnsOfDestructors {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        if IN_DROP.get() && rt.info().state == State::Running {
            fired();
            std::mem::forget(future);
            return Box::new(Never);
        }
        Box::new(rt.spawn(wrapped(future, SaysWhenDropped)))
    }
}

struct SaysWhenDropped;

impl OnPoll for SaysWhenDropped {
    fn on_drop(&mut self, future: &mut Option<AnyFuture>) {
        IN_DROP.set(true);
        drop(future.take());
        IN_DROP.set(false);
    }
}

// ── M-TASK-8 ────────────────────────────────────────────────────────────────────────────────────

struct PollsIdle;

impl Twist for PollsIdle {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Restless)))
    }
}

struct Restless;

impl OnPoll for Restless {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        fired();
        cx.waker().wake_by_ref();
        poll(future, cx)
    }
}
