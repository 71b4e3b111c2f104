//! Local tasks.

mod end;
mod home;
mod resident;
mod set;
mod threads;
mod with;

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;

use runtime_traits::task::spawn_local;

use crate::Cap;
use crate::case::{Case, Untested};
use crate::clauses::wake::line::Line;
use crate::rig::{Rig, await_outside};
use crate::rt::{Join, Rt};
use crate::toolbox::{AtDrop, Tally, Tracked, hand_poll, kernel, within_watchdog};

use home::is_home;

pub(crate) use home::at_home;
pub use resident::{LocalCalls, Resident};
pub use set::SetCalls;
pub use with::{Make, WithCalls};

pub(crate) const CASES: &[Case] = &[
    Case::new("LOCAL-1", threads::local_1_a_local_task_is_polled_at_home),
    Case::new("LOCAL-2", threads::local_2_a_local_task_is_dropped_at_home),
    Case::new("LOCAL-2", threads::local_2_an_unclaimed_output_is_dropped_at_home)
        .part("output", "is an output that nobody will take dropped at home?")
        .needs(&[Cap::Local]),
    Case::new("LOCAL-2", threads::local_2_nothing_is_dropped_elsewhere_after_the_end)
        .part("late", "is nothing dropped elsewhere when the home has ended?")
        .needs(&[Cap::Local]),
    Case::new("LOCAL-3", local_3_a_foreign_wake_gets_the_task_polled).stochastic(),
    Case::new("LOCAL-4", local_4_every_local_task_of_a_burst_runs)
        .part("burst", "does every one of ten thousand local tasks run?"),
    Case::new("LOCAL-4", local_4_a_parked_root_does_not_keep_new_tasks_waiting)
        .part("parked", "is a local task accepted and run while everything else is parked?"),
    Case::new("LOCAL-4", local_4_a_destructor_may_spawn)
        .part("destructor", "is a local task accepted from a destructor?"),
    Case::new("LOCAL-5", local_5_without_a_runtime_it_fails_loudly)
        .part("nowhere", "does `spawn_local` outside of any runtime fail loudly?")
        .needs(&[Cap::Unwind]),
    Case::new("LOCAL-5", local_5_off_home_it_fails_loudly)
        .part("off-home", "does `spawn_local` on a thread that is no home fail loudly?")
        .needs(&[Cap::Local]),
    Case::new("LOCAL-6", end::local_6_the_end_of_a_home_drops_each_task_once)
        .part("ring", "does the end of a home end, if destructors wake, abort and spawn?"),
    Case::new("LOCAL-6", end::local_6_a_runtime_may_end_in_a_thread_local_destructor)
        .part("thread-local", "may all of it end in a thread-local destructor?"),
    Case::new("LOCAL-7", with::local_7_a_future_is_made_where_it_lives),
    Case::new("LOCAL-7", with::local_7_the_caller_at_home_does_not_run_it)
        .part("home", "is the closure called inside the task also if the caller is at home?"),
    Case::new("LOCAL-7", with::local_7_a_closure_that_is_not_called_is_dropped_once)
        .part("unused", "is a closure that nobody calls dropped once, and the handle told?"),
    Case::new("LOCAL-8", set::local_8_tasks_of_a_set_stay_on_its_thread),
    Case::new("LOCAL-8", set::local_8_tasks_of_a_set_run_inside_it).part(
        "inside",
        "are the tasks of a set polled inside `run_until` only, and dropped by the set?",
    ),
];

pub(crate) const UNTESTED: &[Untested] = &[];

// ── LOCAL-3 ─────────────────────────────────────────────────────────────────────────────────────

/// How many numbers are sent.
const ROUNDS: usize = 4_000;

/// LOCAL-3: a wake from another thread unparks the home thread and gets the task polled.
///
/// Method: as WAKE-3, of which this is the fourth arrangement: a thread publishes numbers and wakes,
/// with pauses that let the home fall asleep, or meet it just before; the local task must see each last
/// one. How often threads went to sleep is the witness.
///
/// If this fails, look for a queue of foreign wakes that is looked at before the thread says that it
/// sleeps, or an unpark that is saved because "it is awake".
fn local_3_a_foreign_wake_gets_the_task_polled(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (rounds, random) = (rig.rounds(ROUNDS), rig.random());
    let before = kernel::voluntary_switches();
    at_home(rig, &rt, "LOCAL-3: a number that was sent to a local task", move |rt| async move {
        let line = Arc::new(Line::new());
        let theirs = line.clone();
        let sender = thread::spawn(move || theirs.send_rounds(&theirs, random, rounds));
        let receiver = line.clone();
        let not_send = Rc::new(());
        let task = rt.spawn_local(async move {
            let _not_send = not_send;
            receiver.receive(|_| ()).await;
        });
        let outcome = task.await;
        assert!(outcome.is_ok(), "LOCAL-3: a local task resolved {outcome:?}");
        sender.join().expect("LOCAL-3: `wake` panicked on a foreign thread");
    });
    let parks = kernel::voluntary_switches().saturating_sub(before);
    rig.shutdown(rt);
    rig.witness("threads that went to sleep", parks, 100);
}

// ── LOCAL-4 ─────────────────────────────────────────────────────────────────────────────────────

/// More than a turn of anybody's takes.
const BURST: usize = 10_000;

/// LOCAL-4: every local task that is queued runs, however many there are.
///
/// Method: one poll spawns ten thousand, and drops their handles.
///
/// If this fails, look for a bound on the tasks of one turn that does not see to the rest.
fn local_4_every_local_task_of_a_burst_runs(rig: &Rig<'_>) {
    let rt = rig.rt();
    at_home(rig, &rt, "LOCAL-4: the first poll of 10000 local tasks", |rt| async move {
        let polled = Rc::new(Cell::new(0));
        let all = Arc::new(Tally::new());
        for _ in 0..BURST {
            let (polled, all) = (polled.clone(), all.clone());
            drop(rt.spawn_local(async move {
                polled.set(polled.get() + 1);
                if polled.get() == BURST {
                    all.add();
                }
            }));
        }
        all.reached(1).await;
    });
    rig.shutdown(rt);
}

/// LOCAL-4: a local task is accepted, and run, while whatever else lives on the thread is parked.
///
/// Method: a future with two branches, of which one waits for ever and the other, woken from outside
/// when everything has been quiet for a while, spawns a local task and joins it. Ten times. It is the
/// root, or a task where the root's thread is no home, and not local: how those are woken is LOCAL-3's.
///
/// If this fails, look for a spawn that does not wake the thread's own loop.
fn local_4_a_parked_root_does_not_keep_new_tasks_waiting(rig: &Rig<'_>) {
    let rt = rig.rt();
    let hang = "LOCAL-4: a local task that was spawned while everything was parked";
    let inside = rt.clone();
    rig.drive(&rt, hang, async {
        if is_home(&rt) {
            return spawns_beside_a_parked_branch(inside).await;
        }
        let outcome = rt.spawn(spawns_beside_a_parked_branch(inside)).await;
        assert!(outcome.is_ok(), "LOCAL-4: a task that has local tasks resolved {outcome:?}");
    });
    rig.shutdown(rt);
}

async fn spawns_beside_a_parked_branch(rt: Rt) {
    let mut parked = Box::pin(pending::<()>());
    for _ in 0..10 {
        let signal = Arc::new(Tally::new());
        let theirs = signal.clone();
        let other = thread::spawn(move || {
            thread::sleep(std::time::Duration::from_millis(2)); // lets the home fall asleep
            theirs.add();
        });
        let mut spawns = Box::pin(async {
            signal.reached(1).await;
            let number = Rc::new(7);
            rt.spawn_local(async move { *number }).await
        });
        let both = poll_fn(|cx| match parked.as_mut().poll(cx) {
            Poll::Ready(()) => unreachable!("it waits for ever"),
            Poll::Pending => spawns.as_mut().poll(cx),
        });
        let outcome = both.await;
        assert!(matches!(outcome, Ok(7)), "LOCAL-4: a local task resolved {outcome:?}");
        other.join().expect("it only sleeps");
    }
}

/// LOCAL-4: a local task is accepted from a destructor on its home thread.
///
/// Method: the future of a local task spawns another when it is dropped; once because it is ready, once
/// because it was aborted.
///
/// If this fails, look for a borrow of the list of tasks that lasts while a task is dropped.
fn local_4_a_destructor_may_spawn(rig: &Rig<'_>) {
    let rt = rig.rt();
    at_home(rig, &rt, "LOCAL-4: a local task that a destructor spawned", |rt| async move {
        let ran = Arc::new(Tally::new());
        let spawns_at_drop = || {
            let (inside, ran) = (rt.clone(), ran.clone());
            AtDrop::new(move || drop(inside.spawn_local(async move { ran.add() })))
        };
        let at_drop = spawns_at_drop();
        drop(rt.spawn_local(async move { drop(at_drop) }));
        ran.reached(1).await;
        let (at_drop, begun) = (spawns_at_drop(), Arc::new(Tally::new()));
        let begins = begun.clone();
        let parked = rt.spawn_local(async move {
            let _at_drop = at_drop;
            begins.add();
            pending::<()>().await;
        });
        begun.reached(1).await;
        parked.abort();
        ran.reached(2).await;
    });
    rig.shutdown(rt);
}

// ── LOCAL-5 ─────────────────────────────────────────────────────────────────────────────────────

/// LOCAL-5: `spawn_local` fails loudly where no runtime is current, and the future is dropped.
///
/// Method: a fresh thread calls it. It must panic.
///
/// If this fails, look for a queue per thread that waits for a runtime to come by.
fn local_5_without_a_runtime_it_fails_loudly(_: &Rig<'_>) {
    let (tracked, count) = Tracked::new("the future of a local task that was refused");
    let call = move || {
        drop(spawn_local(async move {
            let _tracked = tracked;
            panic!("LOCAL-5: a local task ran on a thread without a runtime");
        }));
    };
    let silent = thread::spawn(move || catch_unwind(AssertUnwindSafe(call)).is_ok());
    let silent = within_watchdog("LOCAL-5: `spawn_local` without a runtime", || silent.join());
    let silent = silent.expect("its panic was caught");
    assert!(!silent, "LOCAL-5: `spawn_local` without a runtime took the task and said nothing");
    assert!(count.drops() == 1, "LOCAL-5: a refused future was dropped {} times", count.drops());
}

/// LOCAL-5: `spawn_local` with a runtime that has no home on this thread fails loudly, and the future
/// is dropped.
///
/// Method: on a thread of nobody's, with the runtime entered: the call panics, or its handle is ready
/// at once, with an error. The same from a `Send` task, unless the runtime's tasks run on homes. And
/// again when the runtime has ended.
///
/// If this fails, look for a task that is put on a list that nobody will look at.
fn local_5_off_home_it_fails_loudly(rig: &Rig<'_>) {
    let rt = rig.rt();
    let inside = rt.clone();
    rig.drive_while(&rt, "LOCAL-5: a `Send` task that spawns a local one", || {
        refuses(&inside, "a thread of nobody's");
        let asked = Arc::new(Tally::new());
        let (in_task, says) = (inside.clone(), asked.clone());
        drop(inside.handle().spawn(async move {
            if !home::is_home(&in_task) {
                refuses(&in_task, "a thread that is no home");
            }
            says.add();
        }));
        await_outside("LOCAL-5: a `Send` task that spawns a local one", asked.reached(1));
    });
    rig.shutdown(rt);
    refuses(&inside, "a thread of nobody's, after the end");
}

fn refuses(rt: &Rt, place: &str) {
    let (tracked, count) = Tracked::new("the future of a local task that was refused");
    let call = || {
        rt.spawn_local(async move {
            let _tracked = tracked;
            panic!("LOCAL-5: a local task ran though its thread is no home");
        })
    };
    let called = catch_unwind(AssertUnwindSafe(call));
    let loud = match called {
        Err(_) => true,
        Ok(mut join) => {
            let polled = hand_poll::<Join<()>>(&mut join, Waker::noop());
            matches!(polled, Poll::Ready(Err(_)))
        }
    };
    assert!(loud, "LOCAL-5: on {place} `spawn_local` took the task and said nothing");
    assert!(count.drops() == 1, "LOCAL-5: on {place} a refused future was not dropped at once");
}
