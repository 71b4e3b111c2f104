//! The task cell under loom: small scenes of two or three threads, every interleaving of them.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p runtime-hooks --release --test loom
//! ```
//!
//! A scene is a closure that loom runs once for each order in which its threads may touch the cell's
//! atomics, with every value that the memory model lets a load see. Four things are checked in all of
//! them, besides what a scene asserts itself:
//!
//! - each future is dropped once, and each output that was made is dropped once (`Log`);
//! - no two threads are in the stage or in a slot at once (loom's `UnsafeCell` inside the cell);
//! - the cell is freed (loom's leak check), and everybody's last access happened before that
//!   (`Raw::claim`);
//! - no thread blocks for ever.
//!
//! Scenes end with all threads joined; only then the main thread runs what is left in the queue. So
//! "nothing is queued and the task is not finished" means: a wake was lost.
//!
//! Scenes of two threads (`duel`) are exhaustive. Those of three, and of homes (`trio`), are so up to three
//! preemptions, that is, switches away from a thread that could have gone on;
//! `LOOM_MAX_PREEMPTIONS` sets another limit for both.
#![cfg(loom)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Count, Ordering::SeqCst};
use std::task::{Poll, Waker};

use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;

use runtime_hooks::Handle;
use runtime_hooks::task::{JoinHandle, LocalRunnable, Meta, Task};

#[path = "support/lodgers.rs"]
mod lodgers;
#[path = "support/scene.rs"]
mod scene;
use scene::*;

// ── wakes ───────────────────────────────────────────────────────────────────────────────────

/// WAKE-2, WAKE-3, WAKE-6: a wake from another thread, before, during or after a poll that a first
/// wake caused; what was written before it is seen by a poll that comes after it.
#[test]
fn a_wake_races_with_park() {
    duel(|| {
        let (queue, handle) = Queue::new();
        let (log, left, open) = (Log::new(), Left::default(), Arc::new(AtomicBool::new(false)));
        let (mut join, waker) = parked_until(&handle, &queue, &log, &left, &open);
        waker.wake_by_ref(); // a poll that may find nothing
        let other = thread::spawn(move || {
            open.store(true, Relaxed);
            waker.wake();
        });
        queue.run();
        other.join().unwrap();
        // Not run yet, or done: a poll after the wake that did not see the store would be neither.
        assert!(join.is_finished() || !queue.is_empty(), "a wake was lost");
        queue.run();
        assert!(poll(&mut join, Waker::noop()).is_ready());
        drop(join);
        log.check();
    });
}

/// WAKE-6: two wakers, each with something to tell; the one that finds the task scheduled already is
/// heard as well.
#[test]
fn two_wakers_race_with_a_run() {
    trio(|| {
        let (queue, handle) = Queue::new();
        let log = Log::new();
        let flags: Arc<[AtomicBool; 2]> = Arc::default();
        let (left, seen) = (Left::default(), flags.clone());
        let leave = left.clone();
        let mut first = true;
        let mut join = handle.spawn(future(&log, move |cx| {
            if std::mem::take(&mut first) {
                leave.put(cx);
            }
            let all = seen.iter().all(|flag| flag.load(Relaxed));
            if all { Poll::Ready(()) } else { Poll::Pending }
        }));
        queue.run();
        let waker = left.take();
        let others: Vec<_> = [waker.clone(), waker]
            .into_iter()
            .enumerate()
            .map(|(at, waker)| {
                let flags = flags.clone();
                thread::spawn(move || {
                    flags[at].store(true, Relaxed);
                    waker.wake();
                })
            })
            .collect();
        queue.run();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert!(join.is_finished() || !queue.is_empty(), "a wake was lost");
        queue.run();
        assert!(poll(&mut join, Waker::noop()).is_ready());
        drop(join);
        log.check();
    });
}

/// WAKE-4, LEAK: late wakes, clones and drops race with the end of a detached task and its freeing.
#[test]
fn late_wakers_race_with_the_end() {
    duel(|| {
        let (queue, handle) = Queue::new();
        let log = Log::new();
        let (join, waker) = parked(&handle, &queue, &log);
        drop(join);
        waker.wake_by_ref();
        let other = thread::spawn(move || {
            let clone = waker.clone();
            drop(waker);
            clone.wake();
        });
        queue.run();
        other.join().unwrap();
        queue.run();
        log.check();
        assert!(log.polls() <= 2, "polled after the end");
    });
}

// ── abort ───────────────────────────────────────────────────────────────────────────────────

/// CANCEL-3, JOIN-1: abort, join and completion; exactly one outcome, given once.
#[test]
fn an_abort_races_with_completion_and_join() {
    duel(|| {
        let (queue, handle) = Queue::new();
        let log = Log::new();
        let (mut join, waker) = parked(&handle, &queue, &log);
        waker.wake();
        let (woken, joiner) = Woken::new();
        let other = thread::spawn(move || {
            join.abort();
            let polled = poll(&mut join, &joiner);
            (join, polled)
        });
        queue.run();
        let (mut join, polled) = other.join().unwrap();
        queue.run();
        match polled {
            Poll::Ready(_) => assert!(output_or_cancelled(polled)),
            Poll::Pending => {
                assert_eq!(woken.count(), 1, "the joiner sleeps for ever");
                assert!(output_or_cancelled(poll(&mut join, Waker::noop())));
            }
        }
        drop(join);
        log.check();
        assert_eq!(Arc::strong_count(&woken), 1, "the joiner's waker is released");
    });
}

/// CANCEL-4: two aborts and a wake of a parked task; one of them schedules it, once.
#[test]
fn two_aborts_race_with_a_wake() {
    trio(|| {
        let (queue, handle) = Queue::new();
        let log = Log::new();
        let (join, waker) = parked(&handle, &queue, &log);
        let join = Arc::new(join);
        let aborter = {
            let join = join.clone();
            thread::spawn(move || join.abort())
        };
        let other = thread::spawn(move || waker.wake());
        join.abort();
        aborter.join().unwrap();
        other.join().unwrap();
        assert_eq!(queue.jobs.lock().unwrap().len(), 1, "scheduled once");
        queue.run();
        let mut join = Arc::into_inner(join).unwrap();
        assert!(output_or_cancelled(poll(&mut join, Waker::noop())));
        drop(join);
        log.check();
        assert_eq!(log.polls(), 1, "polled after an abort");
    });
}

// ── the join handle ─────────────────────────────────────────────────────────────────────────

/// JOIN-3: the handle is polled with one waker and then another while the task completes.
#[test]
fn a_changed_joiner_races_with_completion() {
    duel(|| {
        let (queue, handle) = Queue::new();
        let log = Log::new();
        let (mut join, waker) = parked(&handle, &queue, &log);
        waker.wake();
        let ((first, one), (second, two)) = (Woken::new(), Woken::new());
        assert!(poll(&mut join, &one).is_pending());
        drop(one);
        let other = thread::spawn(move || {
            let polled = poll(&mut join, &two).is_ready();
            // Once more with the same waker: it is compared, not exchanged.
            let polled = polled || poll(&mut join, &two).is_ready();
            (join, polled)
        });
        queue.run();
        let (mut join, polled) = other.join().unwrap();
        assert!(join.is_finished());
        if !polled {
            assert_eq!(second.count(), 1, "the latest waker is woken");
            assert!(poll(&mut join, Waker::noop()).is_ready());
        }
        assert!(first.count() + second.count() <= 1);
        assert_eq!(Arc::strong_count(&first), 1, "a superseded waker is released");
        assert_eq!(Arc::strong_count(&second), 1, "the woken waker is released");
        drop(join);
        log.check();
    });
}

/// JOIN-2, JOIN-6: the handle is dropped, its slot full, while the task completes.
#[test]
fn a_dropped_handle_races_with_completion() {
    duel(|| {
        let (queue, handle) = Queue::new();
        let log = Log::new();
        let (mut join, waker) = parked(&handle, &queue, &log);
        waker.wake();
        let (woken, joiner) = Woken::new();
        assert!(poll(&mut join, &joiner).is_pending());
        drop(joiner);
        let other = thread::spawn(move || drop(join));
        queue.run();
        other.join().unwrap();
        queue.run();
        log.check();
        assert_eq!(log.polls(), 2, "a detached task ends");
        assert_eq!(Arc::strong_count(&woken), 1, "the joiner's waker is released");
    });
}

/// JOIN-4: whoever sees `is_finished` gets the outcome at the next poll.
#[test]
fn finished_means_ready() {
    duel(|| {
        let (queue, handle) = Queue::new();
        let log = Log::new();
        let (mut join, waker) = parked(&handle, &queue, &log);
        waker.wake();
        let other = thread::spawn(move || {
            if join.is_finished() {
                assert!(poll(&mut join, Waker::noop()).is_ready());
            }
        });
        queue.run();
        other.join().unwrap();
        queue.run();
        log.check();
    });
}

// ── the last reference ──────────────────────────────────────────────────────────────────────

/// The last waker and the handle go at the same time: the task is scheduled once, to be dropped where
/// tasks run, and not on either's stack.
#[test]
fn the_last_waker_races_with_the_handle() {
    duel(|| {
        let (queue, handle) = Queue::new();
        let log = Log::new();
        let (join, waker) = parked(&handle, &queue, &log);
        let other = thread::spawn(move || drop(waker));
        drop(join);
        other.join().unwrap();
        assert_eq!(log.futures_dropped.load(SeqCst), 0, "dropped on the stack of a dropper");
        assert_eq!(queue.jobs.lock().unwrap().len(), 1, "scheduled once");
        queue.run();
        log.check();
        assert_eq!(log.polls(), 1, "polled though nobody woke it");
    });
}

/// The last waker goes, the handle aborts and goes, and a runner runs what comes.
#[test]
fn the_last_waker_races_with_an_abort_and_a_run() {
    trio(|| {
        let (queue, handle) = Queue::new();
        let log = Log::new();
        let (join, waker) = parked(&handle, &queue, &log);
        let dropper = thread::spawn(move || drop(waker));
        let aborter = thread::spawn(move || {
            join.abort();
            drop(join);
        });
        queue.run();
        dropper.join().unwrap();
        aborter.join().unwrap();
        queue.run();
        log.check();
        assert_eq!(log.polls(), 1, "polled after an abort");
    });
}

/// The last waker goes while a poll is under way that keeps none: the runner drops the future.
#[test]
fn the_last_waker_goes_during_a_poll() {
    duel(|| {
        let (queue, handle) = Queue::new();
        let (log, left) = (Log::new(), Left::default());
        let open = Arc::new(AtomicBool::new(false));
        let (join, waker) = parked_until(&handle, &queue, &log, &left, &open);
        drop(join);
        waker.wake_by_ref();
        let other = thread::spawn(move || drop(waker));
        queue.run();
        other.join().unwrap();
        queue.run();
        log.check();
    });
}

/// A runtime throws its jobs away while the task is woken and its handle awaits.
#[test]
fn a_dropped_job_races_with_a_wake_and_a_join() {
    trio(|| {
        let (queue, handle) = Queue::new();
        let log = Log::new();
        let (mut join, waker) = parked(&handle, &queue, &log);
        waker.wake_by_ref();
        let waking = thread::spawn(move || waker.wake());
        let (woken, joiner) = Woken::new();
        let joining = thread::spawn(move || {
            let pending = poll(&mut join, &joiner).is_pending();
            (join, pending)
        });
        drop(queue.pop());
        waking.join().unwrap();
        let (mut join, pending) = joining.join().unwrap();
        assert!(queue.is_empty(), "a cancelled task was scheduled");
        if pending {
            assert_eq!(woken.count(), 1);
            assert!(output_or_cancelled(poll(&mut join, Waker::noop())));
        }
        drop(join);
        log.check();
    });
}

// ── the list ────────────────────────────────────────────────────────────────────────────────

/// SHUTDOWN-1: the list is closed while the task is woken and completes.
#[test]
fn closing_races_with_a_wake_and_completion() {
    trio(|| {
        let (queue, handle) = Queue::with(true);
        let log = Log::new();
        let (mut join, waker) = parked(&handle, &queue, &log);
        let closer = {
            let queue = queue.clone();
            thread::spawn(move || queue.tasks.close_all())
        };
        let waking = thread::spawn(move || waker.wake());
        queue.run();
        closer.join().unwrap();
        waking.join().unwrap();
        queue.run();
        assert!(queue.tasks.is_empty());
        assert!(output_or_cancelled(poll(&mut join, Waker::noop())));
        drop(join);
        log.check();
    });
}

/// The list is closed while the last waker and the handle go.
#[test]
fn closing_races_with_the_last_reference() {
    trio(|| {
        let (queue, handle) = Queue::with(true);
        let log = Log::new();
        let (join, waker) = parked(&handle, &queue, &log);
        let closer = {
            let queue = queue.clone();
            thread::spawn(move || queue.tasks.close_all())
        };
        let other = thread::spawn(move || drop(waker));
        drop(join);
        closer.join().unwrap();
        other.join().unwrap();
        queue.run();
        assert!(queue.tasks.is_empty());
        log.check();
    });
}

/// A task is spawned while the list is closed: it is on the list and found, or cancelled at birth.
#[test]
fn closing_races_with_a_spawn() {
    trio(|| {
        let (queue, handle) = Queue::with(true);
        let log = Log::new();
        let closer = {
            let queue = queue.clone();
            thread::spawn(move || queue.tasks.close_all())
        };
        let leave = Left::default();
        let mut join = handle.spawn(future(&log, {
            let leave = leave.clone();
            move |cx| {
                leave.put(cx);
                Poll::Pending
            }
        }));
        queue.run();
        closer.join().unwrap();
        queue.run();
        assert!(queue.tasks.is_empty());
        assert!(output_or_cancelled(poll(&mut join, Waker::noop())), "not found by the list");
        drop(leave.0.lock().unwrap().take());
        drop(join);
        log.check();
    });
}

// ── the host driver ─────────────────────────────────────────────────────────────────────────

/// A hosted task that is pending `polls` times.
fn hosted(handle: &Handle, log: &Arc<Log>, polls: usize) -> (Task, JoinHandle<Output>) {
    let mut left = polls;
    let body = future(log, move |_| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    });
    Task::new(handle.clone(), Meta::new(None), body).unwrap()
}

/// An abort while the host polls, for the second time and with another waker; `polls` is how often
/// the future is pending.
fn abort_races_with_a_host(polls: usize) {
    duel(move || {
        let (_queue, handle) = Queue::new();
        let log = Log::new();
        let (mut task, join) = hosted(&handle, &log, polls);
        let ((first, one), (second, two)) = (Woken::new(), Woken::new());
        assert!(poll(&mut task, &one).is_pending());
        drop(one);
        let aborter = thread::spawn(move || {
            join.abort();
            join
        });
        let ended = poll(&mut task, &two).is_ready();
        let mut join = aborter.join().unwrap();
        if !ended {
            assert_eq!((first.count(), second.count()), (0, 1), "the host sleeps for ever");
            assert!(poll(&mut task, &two).is_ready(), "an aborted task was polled");
        }
        drop((task, two));
        assert!(output_or_cancelled(poll(&mut join, Waker::noop())));
        drop(join);
        log.check();
        assert_eq!(Arc::strong_count(&first), 1, "the host's first waker is released");
        assert_eq!(Arc::strong_count(&second), 1, "the host's second waker is released");
    });
}

/// CANCEL-2 for a host that moved the task to another combinator.
#[test]
fn an_abort_races_with_a_host_that_changes_its_waker() {
    abort_races_with_a_host(usize::MAX);
}

/// CANCEL-3 for a host.
#[test]
fn an_abort_races_with_completion_in_a_host() {
    abort_races_with_a_host(1);
}

/// CANCEL-7 for a host: an abort while the task is polled for the first time.
#[test]
fn an_abort_races_with_the_first_poll_of_a_host() {
    duel(|| {
        let (_queue, handle) = Queue::new();
        let log = Log::new();
        let (mut task, join) = hosted(&handle, &log, usize::MAX);
        let aborter = thread::spawn(move || {
            join.abort();
            join
        });
        let (woken, waker) = Woken::new();
        let ended = poll(&mut task, &waker).is_ready();
        let mut join = aborter.join().unwrap();
        if !ended {
            assert_eq!(woken.count(), 1, "the host sleeps for ever");
            assert!(poll(&mut task, &waker).is_ready());
        }
        drop((task, waker));
        assert!(output_or_cancelled(poll(&mut join, Waker::noop())));
        drop(join);
        log.check();
        assert_eq!(Arc::strong_count(&woken), 1);
    });
}

/// A host drops the task while its handle aborts and goes.
#[test]
fn an_abort_races_with_a_host_that_drops_the_task() {
    duel(|| {
        let (_queue, handle) = Queue::new();
        let log = Log::new();
        let (mut task, join) = hosted(&handle, &log, usize::MAX);
        let (woken, waker) = Woken::new();
        assert!(poll(&mut task, &waker).is_pending());
        drop(waker);
        let aborter = thread::spawn(move || {
            join.abort();
            drop(join);
        });
        drop(task);
        aborter.join().unwrap();
        log.check();
        assert_eq!(Arc::strong_count(&woken), 1);
    });
}

/// The handle of a hosted task is polled and dropped while the task completes.
#[test]
fn a_handle_races_with_completion_in_a_host() {
    duel(|| {
        let (_queue, handle) = Queue::new();
        let log = Log::new();
        let (mut task, mut join) = hosted(&handle, &log, 0);
        let (woken, joiner) = Woken::new();
        let joining = thread::spawn(move || {
            let ready = poll(&mut join, &joiner).is_ready();
            drop(join);
            ready
        });
        assert!(poll(&mut task, Waker::noop()).is_ready());
        drop(task);
        let _ = joining.join().unwrap();
        log.check();
        assert_eq!(Arc::strong_count(&woken), 1);
    });
}

/// A list with hosted tasks on it is closed: the host is woken to drop them, as by an abort.
#[test]
fn closing_races_with_a_host() {
    duel(|| {
        let (queue, handle) = Queue::with(true);
        let log = Log::new();
        let (mut task, mut join) = hosted(&handle, &log, usize::MAX);
        let ((first, one), (second, two)) = (Woken::new(), Woken::new());
        assert!(poll(&mut task, &one).is_pending());
        drop(one);
        let closer = thread::spawn(move || queue.tasks.close_all());
        let ended = poll(&mut task, &two).is_ready();
        closer.join().unwrap();
        if !ended {
            assert_eq!((first.count(), second.count()), (0, 1), "the host sleeps for ever");
            assert!(poll(&mut task, &two).is_ready());
        }
        drop((task, two));
        assert!(output_or_cancelled(poll(&mut join, Waker::noop())));
        drop(join);
        log.check();
        assert_eq!(Arc::strong_count(&first), 1);
        assert_eq!(Arc::strong_count(&second), 1);
    });
}

// ── local tasks ─────────────────────────────────────────────────────────────────────────────

/// Knows where it may be touched. It counts what happens elsewhere instead of panicking, because the
/// cell contains panics.
struct Homebound {
    home: thread::ThreadId,
    away: Arc<Count>,
}

impl Homebound {
    fn touch(&self) {
        let away = usize::from(thread::current().id() != self.home);
        self.away.fetch_add(away, SeqCst);
    }
}

impl Drop for Homebound {
    fn drop(&mut self) {
        self.touch();
    }
}

/// LOCAL-1, LOCAL-2: a foreign thread wakes the task and gets hold of a job of it, another aborts;
/// home alone polls and drops.
pub(crate) fn a_local_job_strays(has_home: bool, stray: fn(LocalRunnable)) {
    trio(move || {
        let (queue, handle) = if has_home { Queue::at_home() } else { Queue::new() };
        let (log, left, away) = (Log::new(), Left::default(), Arc::<Count>::default());
        let homebound = Homebound { home: thread::current().id(), away: away.clone() };
        let (leave, mut first) = (left.clone(), true);
        let body = future(&log, move |cx| {
            homebound.touch();
            if std::mem::take(&mut first) {
                leave.put(cx);
            }
            Poll::Pending
        });
        let mut join = spawn_at_home(&handle, &queue, body);
        queue.run_home();
        let waker = left.take();
        let waking = {
            let queue = queue.clone();
            thread::spawn(move || {
                waker.wake();
                let job = queue.home.lock().unwrap().pop_front();
                job.into_iter().for_each(stray);
            })
        };
        let aborting = thread::spawn(move || {
            join.abort();
            join
        });
        queue.run_home();
        waking.join().unwrap();
        join = aborting.join().unwrap();
        queue.run_home();
        assert!(output_or_cancelled(poll(&mut join, Waker::noop())), "the job was leaked");
        drop(join);
        log.check();
        if has_home {
            queue.leave_home();
        }
        assert_eq!(away.load(SeqCst), 0, "polled or dropped away from home");
    });
}

#[test]
fn a_local_job_is_dropped_away_from_home() {
    a_local_job_strays(false, drop);
}

#[test]
fn a_local_job_is_run_away_from_home() {
    a_local_job_strays(false, |job| _ = job.run());
}
