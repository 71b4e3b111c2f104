//! LOCAL-1 and LOCAL-2: on which thread a local task is polled and dropped.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::Waker;
use std::thread;

use super::home::{Away, at_home, awake_until};
use super::resident::{Seen, spawn};
use crate::rig::Rig;
use crate::rt::{Join, Rt};
use crate::toolbox::{Tally, Tracked};

/// How many threads wake, and how often each.
const WAKERS: usize = 4;
const WAKES: usize = 500;

/// LOCAL-1: a local task is polled on its home thread only.
///
/// Method: four threads wake it over and over; it writes down where it is polled. Then it is let go and
/// must end.
///
/// If this fails, look for a wake that polls, or a thief that takes local jobs too.
pub(super) fn local_1_a_local_task_is_polled_at_home(rig: &Rig<'_>) {
    let rt = rig.rt();
    at_home(rig, &rt, "LOCAL-1: a local task that four threads wake", |rt| async move {
        let (handle, seen) = spawn(&rt);
        seen.polls.reached(1).await;
        let waker = seen.take_waker().expect("the first poll left it");
        let done = Arc::new(Tally::new());
        for _ in 0..WAKERS {
            let (waker, done) = (waker.clone(), done.clone());
            thread::spawn(move || {
                for wake in 0..WAKES {
                    match wake % 2 {
                        0 => waker.wake_by_ref(),
                        _ => {
                            let clone = waker.clone();
                            clone.wake();
                        }
                    }
                    thread::yield_now();
                }
                drop(waker);
                done.add();
            });
        }
        awake_until(&done, WAKERS).await;
        seen.let_go();
        waker.wake();
        let outcome = handle.await;
        seen.away.assert_never("polled", "LOCAL-1", "a local task that four threads woke");
        assert!(outcome.is_ok(), "LOCAL-1: a local task that was woken resolved {outcome:?}");
    });
    rig.shutdown(rt);
}

/// What a foreign thread does to a local task, and what remains for home.
type Deed = fn(Join<()>, Waker);

/// LOCAL-2: a local task's future is dropped on its home thread, whoever aborts, wakes, or lets go of
/// the last waker.
///
/// Method: parked local tasks, whose handle and only waker are given to another thread. That one
/// aborts; aborts and drops the handle; lets go of everything; wakes by value. Then the task must have
/// been dropped, at home: what nobody could wake is dropped at the latest when the home ends.
///
/// If this fails, look for an abort, or a last reference, that drops where it happens to be.
pub(super) fn local_2_a_local_task_is_dropped_at_home(rig: &Rig<'_>) {
    let rt = rig.rt();
    let deeds: [(&str, Deed); 5] = [
        ("aborted by another thread", |handle, waker| {
            handle.abort();
            waker.wake(); // noticed or not: CANCEL-1 asks
            drop(handle);
        }),
        ("aborted by another thread and forgotten", |handle, waker| {
            handle.abort();
            drop(handle);
            drop(waker);
        }),
        ("its last waker dropped by another thread", |handle, waker| {
            drop(handle);
            drop(waker);
        }),
        ("its handle dropped last, by another thread", |handle, waker| {
            drop(waker);
            drop(handle);
        }),
        ("woken for the last time by another thread", |handle, waker| {
            drop(handle);
            waker.wake();
        }),
    ];
    let all = at_home(rig, &rt, "LOCAL-2: local tasks to park", move |rt| async move {
        let mut all = Vec::new();
        for (when, deed) in deeds {
            let (handle, seen) = spawn(&rt);
            seen.polls.reached(1).await;
            let waker = seen.take_waker().expect("the first poll left it");
            let done = Arc::new(Tally::new());
            let says = done.clone();
            thread::spawn(move || {
                deed(handle, waker);
                says.add();
            });
            awake_until(&done, 1).await;
            all.push((when, seen));
        }
        all
    });
    rig.shutdown(rt);
    for (when, seen) in all {
        assert_at_home(when, &seen);
        let drops = seen.count.drops();
        assert!(drops == 1, "LOCAL-2: a local task, {when}, was dropped {drops} times");
    }
}

fn assert_at_home(when: &str, seen: &Seen) {
    seen.away.assert_never("dropped", "LOCAL-2", &format!("a local task, {when},"));
}

/// LOCAL-2: an output that nobody will take is dropped on the home thread.
///
/// Method: the handle is dropped by another thread while the task waits; then the task ends. (Whoever
/// drops the handle of a task that has ended drops the output too, there: to get there it had to be
/// `Send`.)
///
/// If this fails, look for an output that is handed to whoever let go last.
pub(super) fn local_2_an_unclaimed_output_is_dropped_at_home(rig: &Rig<'_>) {
    let rt = rig.rt();
    at_home(rig, &rt, "LOCAL-2: a detached local task to end", |rt| async move {
        let (away, dropped) = (Away::from_here(), Arc::new(Tally::new()));
        let output = Output {
            away: away.clone(),
            dropped: dropped.clone(),
            _tracked: Tracked::once("an output that nobody takes"),
        };
        let may_end = Arc::new(Tally::new());
        let waits_for = may_end.clone();
        let handle = rt.spawn_local(async move {
            waits_for.reached(1).await;
            output
        });
        let other = thread::spawn(move || drop(handle));
        let gone = other.join();
        assert!(gone.is_ok(), "LOCAL-2: dropping the handle of a local task panicked elsewhere");
        may_end.add();
        dropped.reached(1).await;
        away.assert_never("dropped", "LOCAL-2", "the output of a detached local task");
    });
    rig.shutdown(rt);
}

/// Tells where it is dropped.
struct Output {
    away: Arc<Away>,
    dropped: Arc<Tally>,
    _tracked: Tracked,
}

impl Drop for Output {
    fn drop(&mut self) {
        self.away.note("dropped");
        self.dropped.add();
    }
}

/// LOCAL-2: when the home has ended, nothing that is done to a local task drops it elsewhere.
///
/// Method: parked local tasks outlive their home, as far as the runtime lets them; another thread then
/// wakes, aborts, and lets go. They may have been dropped by their home before, or be leaked.
///
/// If this fails, look for the last reference to the task: whoever holds it must not be the one who
/// drops the future.
pub(super) fn local_2_nothing_is_dropped_elsewhere_after_the_end(rig: &Rig<'_>) {
    let rt = rig.rt();
    let parked = at_home(rig, &rt, "LOCAL-2: local tasks to park", |rt: Rt| async move {
        let mut parked = Vec::new();
        for _ in 0..4 {
            let (handle, seen) = spawn(&rt);
            seen.polls.reached(1).await;
            seen.count.may_stay();
            let waker = seen.take_waker().expect("the first poll left it");
            parked.push((handle, waker, seen));
        }
        parked
    });
    let (left, tasks) = channel();
    let racing = thread::spawn(move || {
        // Some before the runtime has ended, some while it does.
        for (handle, waker, seen) in parked {
            waker.wake_by_ref();
            handle.abort();
            let _ = left.send((handle, waker, seen)); // the receiver waits for all
        }
    });
    rig.shutdown(rt);
    let raced = racing.join();
    assert!(raced.is_ok(), "LOCAL-2: waking or aborting a local task panicked elsewhere");
    let late = thread::spawn(move || {
        tasks.iter().map(|(handle, waker, seen)| late(handle, waker, seen)).count()
    });
    let late = late.join();
    assert!(late.is_ok(), "LOCAL-2: waking or aborting panicked after the home had ended");
}

fn late(handle: Join<()>, waker: Waker, seen: Arc<Seen>) {
    waker.wake_by_ref();
    handle.abort();
    drop(waker.clone());
    drop(waker);
    drop(handle);
    assert_at_home("whose home has ended", &seen);
}
