//! Wakers.
//!
//! The fourth arrangement of WAKE-3, from a thread to a local task, is LOCAL-3.

mod equal;
mod exit;
mod late;
pub(super) mod line;
mod own;
mod reenter;
mod stack;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::Cap;
use crate::case::{Case, Untested};
use crate::rig::Rig;
use crate::rt::{Join, Rt};
use crate::toolbox::Gate;

pub(crate) const CASES: &[Case] = &[
    Case::new("WAKE-1", own::wake_1_a_task_that_wakes_itself_goes_on)
        .part("task", "does a wake that a task gives itself during its poll lead to another?"),
    Case::new("WAKE-1", own::wake_1_a_root_that_wakes_itself_goes_on)
        .part("root", "does a wake that the root future gives itself lead to another poll?")
        .needs(&[Cap::Block]),
    Case::new("WAKE-1", own::wake_1_a_local_task_that_wakes_itself_goes_on)
        .part("local", "does a wake that a local task gives itself lead to another poll?")
        .needs(&[Cap::Local]),
    Case::new("WAKE-1", own::wake_1_giving_way_works_in_a_foreign_executor)
        .part("foreign", "does giving way work in a foreign executor that blocks a worker?"),
    Case::new("WAKE-2", wake_2_a_foreign_wake_during_the_poll_leads_to_a_later_poll)
        .part("in-the-poll", "does a wake from another thread during a poll lead to a later poll?")
        .needs(&[Cap::Core]),
    Case::new("WAKE-2", wake_2_two_foreign_wakes_lead_to_a_poll_after_both)
        .part(
            "two-wakers",
            "of two foreign wakes that overlap the poll, does the later lead to one?",
        )
        .needs(&[Cap::Core])
        .stochastic(),
    Case::new("WAKE-3", line::wake_3_from_a_thread_to_a_task)
        .part("thread-task", "does the last wake that a thread gives a task arrive?")
        .stochastic(),
    Case::new("WAKE-3", line::wake_3_from_a_task_to_a_task)
        .part("task-task", "does the last wake that a task gives a task arrive?")
        .stochastic(),
    Case::new("WAKE-3", line::wake_3_from_a_task_to_the_root)
        .part("task-root", "does the last wake that a task gives the root future arrive?")
        .needs(&[Cap::Block])
        .stochastic(),
    Case::new("WAKE-4", late::wake_4_waking_what_has_ended_does_nothing),
    Case::new("WAKE-5", late::wake_5_wakers_are_used_while_the_runtime_ends)
        .part("race", "may wakers be used while the runtime ends, and after?")
        .stochastic(),
    Case::new("WAKE-5", late::wake_5_the_memory_is_free_afterwards)
        .part("memory", "is a task's memory free when the runtime and its wakers are gone?"),
    Case::new("WAKE-6", equal::wake_6_a_wake_carries_what_was_written_before)
        .needs(&[Cap::Core])
        .stochastic(),
    Case::new("WAKE-7", reenter::wake_7_joining_wakers_may_call_back)
        .part("join", "may the waker of whoever joins a task call the runtime?"),
    Case::new("WAKE-7", reenter::wake_7_timers_wakers_may_call_back)
        .part("timer", "may the waker of a timer call the runtime?")
        .needs(&[Cap::Time]),
    #[cfg(unix)]
    Case::new("WAKE-7", reenter::wake_7_sockets_wakers_may_call_back)
        .part("socket", "may the waker of a socket call the runtime?")
        .needs(&[Cap::Fd]),
    Case::new("WAKE-7", reenter::wake_7_destructors_may_call_back)
        .part("destructors", "may the destructors of futures, outputs and payloads call it?")
        .needs(&[Cap::Unwind]),
    Case::new("WAKE-8", stack::wake_8_nothing_runs_inside_wake)
        .part("stack", "does `wake` return without polling or dropping a task?"),
    Case::new("WAKE-8", stack::wake_8_chains_of_wakes_need_no_stack)
        .part("chains", "is the depth of chains of wakes bounded?"),
    Case::new("WAKE-9", equal::wake_9_wakers_of_different_tasks_differ)
        .part("different", "do wakers of different tasks never say that they wake the same?"),
    Case::new("WAKE-9", equal::wake_9_clones_of_a_waker_are_the_same)
        .part("clones", "do clones of one task's waker say that they wake the same?")
        .should(),
    Case::new("WAKE-10", exit::wake_10_wakers_work_in_thread_local_destructors)
        .part("thread-local", "do wakers work in thread-local destructors?"),
    Case::new("WAKE-10", exit::wake_10_wakers_outlive_their_thread_and_runtime)
        .part("after", "do wakers outlive the thread that made them, and the runtime?"),
];

pub(crate) const UNTESTED: &[Untested] = &[];

/// The deterministic part repeats only to use both kinds of wake, and a task's state more than once.
const ROUNDS: usize = 8;
/// The stochastic part repeats to be lucky.
const RACES: usize = 500;

/// WAKE-2: a wake from another thread while the task is being polled leads to at least one poll that
/// begins after the wake.
///
/// Method: the poll hands its waker to another thread and does not return before that thread has
/// woken. So the wake lies between entry and return in every round, by value and by reference in
/// turn. The task is ready at the poll after the last round; if a wake is lost, it waits for ever.
///
/// If this fails, look for a *notified* flag that is cleared after the poll rather than before it, or
/// a wake that is ignored because the task is not parked.
fn wake_2_a_foreign_wake_during_the_poll_leads_to_a_later_poll(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (to_waker, wakers) = channel::<(Waker, Arc<Gate>)>();
    let foreign = thread::spawn(move || {
        for (round, (waker, woken)) in wakers.iter().enumerate() {
            match round % 2 {
                0 => waker.wake_by_ref(),
                _ => waker.wake(),
            }
            woken.open();
        }
    });
    let task = rt.spawn(WokenInPoll { rounds: 0, to_waker });
    finish(rig, &rt, task, "WAKE-2: the poll after a foreign wake during a poll");
    foreign.join().expect("WAKE-2: `wake` panicked on a foreign thread");
    rig.shutdown(rt);
}

/// Is woken by the foreign thread during each of its polls.
struct WokenInPoll {
    rounds: usize,
    to_waker: Sender<(Waker, Arc<Gate>)>,
}

impl Future for WokenInPoll {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.rounds == ROUNDS {
            return Poll::Ready(());
        }
        self.rounds += 1;
        let woken = Arc::new(Gate::new("WAKE-2: a call of `wake` to return on a foreign thread"));
        let sent = self.to_waker.send((cx.waker().clone(), woken.clone()));
        sent.expect("the foreign thread lives as long as the sender");
        woken.wait();
        Poll::Pending
    }
}

/// WAKE-2: the same when two threads wake, the first of which is held up on its way.
///
/// Method: each of two threads announces itself in a flag and then wakes; the first yields in
/// between. The poll that started them returns once the second has woken, so the first wake falls
/// before, into or after the end of the poll. The task is done when it sees both flags, hence at
/// the poll after the later wake.
///
/// If this fails, look for a waker that sets *notified* and enqueues in two steps: the second waker
/// then trusts the first, and the poll in between takes the mark away.
fn wake_2_two_foreign_wakes_lead_to_a_poll_after_both(rig: &Rig<'_>) {
    let rt = rig.rt();
    for _ in 0..rig.rounds(RACES) {
        let mut said: Option<Arc<AtomicUsize>> = None;
        let task = rt.spawn(poll_fn(move |cx| {
            let said = said.get_or_insert_with(|| race(cx.waker()));
            match said.load(Ordering::Acquire) {
                2 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        }));
        finish(rig, &rt, task, "WAKE-2: the poll after two foreign wakes");
    }
    rig.shutdown(rt);
}

/// Starts two threads that announce themselves and wake; returns when the second did.
fn race(waker: &Waker) -> Arc<AtomicUsize> {
    let said = Arc::new(AtomicUsize::new(0));
    let second_woke = Arc::new(Gate::new("WAKE-2: a call of `wake` to return on a foreign thread"));
    let (first, second) = (waker.clone(), waker.clone());
    let (said_first, said_second) = (said.clone(), said.clone());
    thread::spawn(move || {
        said_first.fetch_add(1, Ordering::Release);
        thread::yield_now();
        first.wake();
    });
    let woke = second_woke.clone();
    thread::spawn(move || {
        said_second.fetch_add(1, Ordering::Release);
        second.wake();
        woke.open();
    });
    second_woke.wait();
    said
}

/// Drives until `task` has finished, as it must.
fn finish(rig: &Rig<'_>, rt: &Rt, task: Join<()>, hang: &str) {
    let outcome = rig.drive(rt, hang, task);
    outcome.unwrap_or_else(|error| panic!("WAKE-2: the task did not finish: {error}"));
}
