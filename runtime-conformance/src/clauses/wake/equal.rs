//! WAKE-6 and WAKE-9: what a wake carries, and which wakers are the same.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::task::{Poll, Waker};
use std::thread;

use crate::rig::{Rig, await_outside};
use crate::rt::{Join, Rt};
use crate::toolbox::{Stress, in_waves};

/// How many numbers each of the two threads sends.
const ROUNDS: usize = 10_000;

/// WAKE-6: what was written before a wake is seen by a poll that the wake causes, also if the task had
/// been notified already.
///
/// Method: two threads each write a number, with no order of its own, and wake one task by reference.
/// The task must come to see both. On x86 no write overtakes what a wake does there, so green is luck
/// here and says something on weaker machines only. The proof is a model, which tries every order:
/// `two_wakers_race_with_a_run` in runtime-hooks/tests/loom.rs.
///
/// If this fails, look for a wake that finds the mark set and returns without a release of its own.
pub(super) fn wake_6_a_wake_carries_what_was_written_before(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (random, rounds) = (rig.random(), rig.rounds(ROUNDS));
    let hang = "WAKE-6: a task to see what was written before it was woken";
    let done = rig.drive_with(&rt, hang, |rt| {
        let written: Arc<[AtomicU64; 2]> = Arc::default();
        let seen = Arc::new(AtomicU64::new(0));
        let (gives, wakers) = channel();
        let (mut gives, reads, says) = (Some(gives), written.clone(), seen.clone());
        let task = rt.spawn(poll_fn(move |cx| {
            gives.take().into_iter().for_each(|gives| _ = gives.send(cx.waker().clone()));
            let both = reads.iter().map(|number| number.load(Ordering::Relaxed)).min();
            says.store(both.unwrap_or_default(), Ordering::Release);
            if both == Some(u64::MAX) { Poll::Ready(()) } else { Poll::Pending }
        }));
        let waker = wakers.recv().expect("WAKE-6: a task was dropped before its first poll");
        let second = waker.clone();
        let writes = move |at: usize, waker: Waker, mut stress: Stress| {
            let mut number = 0;
            while stress.again() {
                number += 1;
                stress.perturb();
                written[at].store(number, Ordering::Relaxed);
                waker.wake_by_ref();
                // The slower of both bounds the faster: seen by the task, or written by one only.
                while seen.load(Ordering::Acquire) + 1 < number {
                    thread::yield_now();
                }
            }
            written[at].store(u64::MAX, Ordering::Relaxed);
            waker.wake();
            stress.done()
        };
        let other = writes.clone();
        let (mine, theirs) = (Stress::new(random.clone(), rounds), Stress::new(random, rounds));
        let other = thread::spawn(move || other(1, second, theirs));
        let done = writes(0, waker, mine);
        other.join().expect("WAKE-6: `wake` panicked on a plain thread");
        let outcome = await_outside(hang, task);
        assert!(outcome.is_ok(), "WAKE-6: a task that was woken resolved {outcome:?}");
        done
    });
    rig.shutdown(rt);
    rig.witness("numbers sent by each of two threads", done, 50);
}

/// How many tasks are compared with each other.
const TASKS: usize = 200;

/// WAKE-9: wakers of different tasks never say that they wake the same.
///
/// Method: the wakers of 200 tasks that are parked, each with each; then the tasks are ended, their
/// wakers dropped, and others spawned in their place.
///
/// If this fails, look for a waker that compares less than it leads to.
pub(super) fn wake_9_wakers_of_different_tasks_differ(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive_with(&rt, "WAKE-9: tasks to park and to end", |rt| {
        for _ in 0..2 {
            let (tasks, wakers) = parked(rt);
            for (at, one) in wakers.iter().enumerate() {
                let other = wakers[at + 1..].iter().any(|other| one.will_wake(other));
                assert!(!other, "WAKE-9: wakers of two live tasks say that they wake the same");
            }
            for task in tasks {
                task.abort();
                drop(task);
            }
            wakers.into_iter().for_each(Waker::wake);
        }
    });
    rig.shutdown(rt);
}

/// WAKE-9: the waker of a task should say of its clones that they wake the same.
///
/// Method: the wakers of 200 tasks that are parked, each with its clone, and with a clone of that.
///
/// If this fails, look for a table of functions that exists more than once: a `const` that is promoted
/// in several places, or one for each kind of clone.
pub(super) fn wake_9_clones_of_a_waker_are_the_same(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive_with(&rt, "WAKE-9: tasks to park and to end", |rt| {
        let (tasks, wakers) = parked(rt);
        for one in &wakers {
            let clone = one.clone();
            let same = one.will_wake(&clone) && clone.will_wake(&clone.clone());
            assert!(same, "WAKE-9: a waker says that its clone wakes something else");
        }
        tasks.iter().for_each(Join::abort);
        wakers.into_iter().for_each(Waker::wake);
    });
    rig.shutdown(rt);
}

fn parked(rt: &Rt) -> (Vec<Join<()>>, Vec<Waker>) {
    let (gives, wakers) = channel();
    let task = |gives: Sender<Waker>| {
        let mut gives = Some(gives);
        poll_fn(move |cx| {
            gives.take().into_iter().for_each(|gives| _ = gives.send(cx.waker().clone()));
            Poll::<()>::Pending
        })
    };
    let tasks = in_waves(rt, (0..TASKS).map(|_| task(gives.clone())));
    let tasks = await_outside("WAKE-9: the first poll of 200 tasks", tasks);
    drop(gives);
    let wakers: Vec<Waker> = wakers.iter().collect(); // until every task has given its own
    assert!(wakers.len() == TASKS, "WAKE-9: of {TASKS} tasks {} were polled", wakers.len());
    (tasks, wakers)
}
