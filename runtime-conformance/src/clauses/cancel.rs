//! Cancellation.
//!
//! Where a test aborts a task and waits for the end, it wakes the task as well, which changes nothing
//! for a runtime that is right: only CANCEL-1 asks for an abort that is noticed though nobody wakes.

mod call;
mod race;
mod release;
mod standstill;
mod token;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use runtime_traits::JoinError;

use crate::Cap;
use crate::case::{Case, Untested};
use crate::rig::{Rig, await_outside};
use crate::rt::Join;
use crate::toolbox::{Gate, Probe, Record, WakeCount, hand_poll, hand_poll_on};
use standstill::Standstill;

pub use token::TokenCalls;

pub(crate) const CASES: &[Case] = &[
    Case::new("CANCEL-1", cancel_1_a_parked_task_is_dropped_unpolled),
    Case::new("CANCEL-2", cancel_2_a_poll_in_progress_ends_first).needs(&[Cap::Core]),
    Case::new("CANCEL-3", race::cancel_3_a_finished_task_keeps_its_output)
        .part("after-the-end", "does a task that finished before the abort give its output?")
        .needs(&[Cap::Core]),
    Case::new("CANCEL-3", race::cancel_3_abort_and_completion_agree)
        .part("race", "do an abort and the end, at the same time, leave exactly one outcome?")
        .needs(&[Cap::Core])
        .stochastic(),
    Case::new("CANCEL-4", call::cancel_4_abort_may_be_called_anywhere)
        .part("sites", "may `abort` be called twice, from anywhere, in every state of the task?"),
    Case::new("CANCEL-4", call::cancel_4_a_task_may_abort_itself)
        .part("itself", "may a task abort itself?"),
    Case::new("CANCEL-4", call::cancel_4_abort_never_waits)
        .part("never-waits", "does `abort` return while the task is in a poll that does not?"),
    Case::new("CANCEL-4", call::cancel_4_abort_after_shutdown)
        .part("after-shutdown", "may `abort` be called after the runtime has ended?"),
    Case::new("CANCEL-5", cancel_5_cancelled_means_that_the_destructor_returned).stochastic(),
    Case::new("CANCEL-6", call::cancel_6_no_destructor_on_the_aborters_stack),
    Case::new("CANCEL-6", call::cancel_6_no_local_destructor_on_the_aborters_stack)
        .part("local", "does the destructor of a local task not run inside `abort`?")
        .must()
        .needs(&[Cap::Local]),
    Case::new("CANCEL-7", cancel_7_an_abort_before_the_first_poll_prevents_it),
    Case::new("CANCEL-8", release::cancel_8_a_dropped_join_handle_lets_go)
        .part("join", "does a join handle that is dropped let go of its waker?"),
    Case::new("CANCEL-8", release::cancel_8_a_dropped_timer_lets_go)
        .part("sleep", "does a timer that is dropped let go of its waker?")
        .needs(&[Cap::Time]),
    #[cfg(unix)]
    Case::new("CANCEL-8", release::cancel_8_a_dropped_wait_for_readiness_lets_go)
        .part("readiness", "does a wait for readiness that is dropped let go, alone?")
        .needs(&[Cap::Fd]),
    Case::new("CANCEL-8", release::cancel_8_dropped_tcp_futures_let_go)
        .part("tcp", "do accepting and reading that are dropped let go, and lose nothing?")
        .needs(&[Cap::Tcp]),
    Case::new("CANCEL-8", release::cancel_8_a_dropped_receive_lets_go)
        .part("udp", "does receiving that is dropped let go, and lose nothing?")
        .needs(&[Cap::Udp]),
    Case::new("CANCEL-9", token::cancel_9_everybody_is_told)
        .part("told", "is everybody told who waits, who asks later, and who is below?"),
    Case::new("CANCEL-9", token::cancel_9_who_comes_meanwhile_is_told)
        .part("race", "is a child told that is made while its parent is cancelled?")
        .stochastic(),
];

pub(crate) const UNTESTED: &[Untested] = &[];

/// CANCEL-1: aborting a parked task drops its future without polling it again, and its handle
/// resolves *cancelled*.
///
/// Method: the task has parked, and every thread that could poll it stands at a gate when `abort` is
/// called. So a poll that is counted afterwards began after the abort. Nobody ever wakes the task: if
/// nothing comes, the abort was only noted.
///
/// If this fails, look for an abort that sets a flag and does not schedule the task, or schedules it
/// and forgets to look at the flag first.
fn cancel_1_a_parked_task_is_dropped_unpolled(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (probe, record) = Probe::new(usize::MAX);
    let handle = rt.spawn(probe);
    let proven = rig.drive_with(&rt, "CANCEL-1: the end of a task that was aborted", |rt| {
        await_outside("CANCEL-1: the first poll of a task", record.polls().reached(1));
        let still = Standstill::of(rt);
        let polls = record.polls().count();
        handle.abort();
        let proven = still.end();
        let outcome = await_outside("CANCEL-1: the handle of a parked task", handle);
        assert_cancelled("CANCEL-1", "a parked task that was aborted", &outcome);
        await_outside("CANCEL-1: the destructor of an aborted task", record.drops().reached(1));
        let more = record.polls().count() - polls;
        assert!(more == 0 || !proven, "CANCEL-1: polled {more} times after it was aborted");
        proven || more == 0
    });
    rig.shutdown(rt);
    unless_proven(rig, proven);
}

/// CANCEL-7: an abort before the first poll prevents that poll, also if the handle is dropped right
/// after.
///
/// Method: as for CANCEL-1, with tasks that are spawned while every thread stands at a gate. One
/// handle is dropped at once, one is kept. The threads are held a little longer, for the sake of a
/// runtime that passes an abort on to a thread of its own.
///
/// If this fails, look for a flag that is examined after a poll only, or that goes with the handle.
fn cancel_7_an_abort_before_the_first_poll_prevents_it(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (detached, of_detached) = Probe::new(usize::MAX);
    let (kept, of_kept) = Probe::new(usize::MAX);
    let proven = rig.drive_with(&rt, "CANCEL-7: the end of tasks that were aborted", |rt| {
        let still = Standstill::of(rt);
        let handle = rt.spawn(detached);
        handle.abort();
        drop(handle);
        let handle = rt.spawn(kept);
        handle.abort();
        thread::sleep(APART * 50); // widens the window; orders nothing
        let proven = still.end();
        let outcome = await_outside("CANCEL-7: the handle of a task that never ran", handle);
        assert_cancelled("CANCEL-7", "a task that was aborted before its first poll", &outcome);
        let dropped = |record: &Arc<Record>, which: &str| {
            let waiting_for = format!("CANCEL-7: a task whose handle was {which} to be dropped");
            await_outside(&waiting_for, record.drops().reached(1));
            let polls = record.polls().count();
            let fails = polls > 0 && proven;
            assert!(!fails, "CANCEL-7: aborted before its first poll, handle {which}, and polled");
            proven || polls == 0
        };
        dropped(&of_detached, "dropped") & dropped(&of_kept, "kept")
    });
    rig.shutdown(rt);
    unless_proven(rig, proven);
}

fn unless_proven(rig: &Rig<'_>, proven: bool) {
    if !proven {
        rig.inconclusive("not all the threads that `Info::workers` counts could be held");
    }
}

/// Fails if the outcome is another than *cancelled*.
fn assert_cancelled<T: std::fmt::Debug>(id: &str, what: &str, outcome: &Result<T, JoinError>) {
    let cancelled = outcome.as_ref().is_err_and(JoinError::is_cancelled);
    assert!(cancelled, "{id}: {what} resolved {outcome:?} instead of cancelled");
}

/// CANCEL-2: an abort never interrupts a poll; it takes effect when that poll has returned `Pending`.
///
/// Method: the task's first poll waits at a gate. It is aborted there, by another thread; for a while
/// nothing may happen to the future. The poll is then pending, and nobody wakes the task: the future is
/// dropped all the same, and the handle says *cancelled*.
///
/// If this fails, look for an abort that takes effect at once, or one that is forgotten because the
/// task is neither parked nor queued.
fn cancel_2_a_poll_in_progress_ends_first(rig: &Rig<'_>) {
    let rt = rig.rt();
    let stage = Arc::new(Stage::new());
    let handle = rt.spawn(Held(stage.clone()));
    rig.drive_while(&rt, "CANCEL-2: a task that was aborted during its poll to end", || {
        stage.inside.wait();
        thread::sleep(APART * 5); // widens the window; orders nothing
        handle.abort();
        for _ in 0..LOOKS / 4 {
            assert!(!handle.is_finished(), "CANCEL-2: finished while a poll was in progress");
            thread::sleep(APART); // widens the window; orders nothing
        }
        stage.may_end.open();
        let outcome = await_outside("CANCEL-2: the handle of an aborted task", handle);
        assert_cancelled("CANCEL-2", "a task that was aborted during its poll", &outcome);
    });
    rig.shutdown(rt);
}

/// What a task that is held in its poll shares with who aborts it.
struct Stage {
    inside: Gate,
    may_end: Gate,
    in_poll: AtomicBool,
}

impl Stage {
    fn new() -> Stage {
        Stage {
            inside: Gate::new("CANCEL-2: the first poll of a task"),
            may_end: Gate::new("CANCEL-2: a call of `abort` to return during a poll"),
            in_poll: AtomicBool::new(false),
        }
    }
}

/// Waits inside its poll.
struct Held(Arc<Stage>);

impl Future for Held {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.0.in_poll.store(true, Ordering::SeqCst);
        self.0.inside.open();
        self.0.may_end.wait();
        self.0.in_poll.store(false, Ordering::SeqCst);
        Poll::Pending
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let in_poll = self.0.in_poll.load(Ordering::SeqCst);
        assert!(!in_poll, "CANCEL-2: the future was dropped while it was being polled");
    }
}

/// How often, and how far apart, the handle is looked at while the destructor stands still.
const LOOKS: usize = 100;
const APART: Duration = Duration::from_millis(1);

/// CANCEL-5: *cancelled* can be observed only after the future's destructor has returned.
///
/// Method: a parked task is aborted whose destructor waits at a gate. While the gate is shut, the
/// handle is polled by hand, again and again: it must be pending and its waker not woken. Then the
/// gate opens, and the handle resolves. If it ever resolves with the gate shut, there is no excuse,
/// so red is right; green is stochastic, because nothing says when a wrong answer would come.
///
/// The runtime is driven on another thread than the one that looks, so that this works for runtimes
/// that live inside `block_on`; and a third one aborts, as it may have to wait for the destructor.
///
/// If this fails, look for an outcome that is published before the future is dropped, or a destructor
/// that is handed to a helper thread.
fn cancel_5_cancelled_means_that_the_destructor_returned(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (probe, record) = Probe::new(usize::MAX);
    let slow = Arc::new(Slow::new());
    let in_task = SlowDrop(slow.clone());
    let handle = rt.spawn(async move {
        let _dropped_last = in_task;
        probe.await;
    });
    rig.drive_while(&rt, "CANCEL-5: an aborted task to end", || {
        await_outside("CANCEL-5: the first poll of a task", record.polls().reached(1));
        let (aborted, handles) = channel::<Join<()>>();
        let waker = record.waker();
        let aborter = thread::spawn(move || {
            handle.abort();
            waker.into_iter().for_each(|waker| waker.wake());
            let _ = aborted.send(handle); // the receiver waits for it
        });
        slow.begun.wait();
        let (wakes, waker) = WakeCount::new();
        let mut handle = None;
        for _ in 0..LOOKS {
            handle = handle.or_else(|| handles.try_recv().ok());
            let looks = |join: &mut Join<()>| hand_poll(join, &waker).is_ready();
            let seen = handle.as_mut().is_some_and(|join| join.is_finished() || looks(join));
            slow.assert_returned_if(seen, "the handle was ready");
            slow.assert_returned_if(wakes.get() > 0, "the handle's waker was woken");
            thread::sleep(APART); // widens the window; orders nothing
        }
        slow.may_end.open();
        aborter.join().expect("CANCEL-5: `abort` panicked");
        let mut handle = handle.or_else(|| handles.recv().ok()).expect("the aborter sent it");
        let hang = "CANCEL-5: the handle of an aborted task";
        let outcome = hand_poll_on(hang, &mut handle, &waker);
        slow.assert_returned_if(true, "the handle was ready");
        assert_cancelled("CANCEL-5", "an aborted task", &outcome);
    });
    rig.shutdown(rt);
}

/// What a destructor and its observer share.
struct Slow {
    begun: Gate,
    may_end: Gate,
    returned: AtomicBool,
}

impl Slow {
    fn new() -> Slow {
        Slow {
            begun: Gate::new("CANCEL-5: the destructor of an aborted task to begin"),
            may_end: Gate::new("CANCEL-5: the observer of a destructor"),
            returned: AtomicBool::new(false),
        }
    }

    /// Fails if `seen` while the destructor is still inside.
    fn assert_returned_if(&self, seen: bool, what: &str) {
        let early = seen && !self.returned.load(Ordering::SeqCst);
        assert!(!early, "CANCEL-5: {what} before the future's destructor had returned");
    }
}

/// Waits for a gate when it is dropped.
struct SlowDrop(Arc<Slow>);

impl Drop for SlowDrop {
    fn drop(&mut self) {
        self.0.begun.open();
        self.0.may_end.wait();
        self.0.returned.store(true, Ordering::SeqCst);
    }
}
