//! WAKE-4 and WAKE-5: wakers that outlive what they wake.

use std::fs;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::task::{Poll, Waker};
use std::thread;

use crate::rig::{Rig, await_outside};
use crate::rt::Rt;
use crate::toolbox::{Count, Tally, Tracked, fence};

/// How many threads use late wakers, and how many wakers each has.
const THREADS: usize = 4;
const CLONES: usize = 8;

/// Clones, wakes by reference and by value, and drops.
pub(super) fn use_up(id: &'static str, when: &str, waker: Waker) {
    let used = catch_unwind(AssertUnwindSafe(|| {
        let clones: Vec<Waker> = (0..CLONES).map(|_| waker.clone()).collect();
        for (at, clone) in clones.into_iter().enumerate() {
            match at % 3 {
                0 => clone.wake_by_ref(),
                1 => clone.wake(),
                _ => drop(clone),
            }
        }
        waker.wake();
    }));
    assert!(used.is_ok(), "{id}: using a waker {when} panicked");
}

/// A task that gives its waker away at its first poll, and what is known of it.
pub(super) struct Told {
    pub(super) wakers: Receiver<Waker>,
    polls: Arc<AtomicUsize>,
    /// The next poll is ready.
    may_end: Arc<AtomicBool>,
    /// No poll may come any more; what it would break.
    pub(super) over: Arc<AtomicBool>,
    dropped: Arc<Count>,
}

impl Told {
    pub(super) fn new(
        id: &'static str,
        ready: bool,
    ) -> (Told, impl Future<Output = ()> + Send + 'static) {
        let (gives, wakers) = channel();
        let (tracked, dropped) = Tracked::new("a future whose waker lives on");
        let told = Told {
            wakers,
            polls: Arc::default(),
            may_end: Arc::new(AtomicBool::new(ready)),
            over: Arc::default(),
            dropped,
        };
        let (polls, may_end, over) = (told.polls.clone(), told.may_end.clone(), told.over.clone());
        let mut gives = Some(gives);
        let future = poll_fn(move |cx| {
            let _tracked = &tracked;
            let is_over = over.load(Ordering::SeqCst);
            assert!(!is_over, "{id}: a late wake led to a poll");
            polls.fetch_add(1, Ordering::SeqCst);
            gives.take().into_iter().for_each(|gives| _ = gives.send(cx.waker().clone()));
            match may_end.load(Ordering::SeqCst) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        (told, future)
    }

    /// Its waker, once it was polled. Blocks the thread.
    fn waker(&self) -> Waker {
        self.wakers.recv().expect("the future lives until its first poll, or the case is broken")
    }
}

/// WAKE-4: waking a task that has finished or was cancelled does nothing.
///
/// Method: three tasks end: one is ready, one panics, one is aborted; their wakers stay. Four threads
/// then use them up, by value and by reference. The one that was aborted must not be polled (that those
/// that had ended are not is TASK-4), nothing may panic, and everything else goes on.
///
/// If this fails, look for a waker that enqueues without asking whether there is anything to run.
pub(super) fn wake_4_waking_what_has_ended_does_nothing(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive_with(&rt, "WAKE-4: the runtime to go on after late wakes", |rt| {
        let wakers = end_three(rt);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for waker in wakers.iter().cloned() {
                        use_up("WAKE-4", "of a task that had ended", waker);
                    }
                });
            }
        });
        drop(wakers);
        let workers = rt.handle().info().workers;
        let quiet = fence::fence(rt.handle(), workers);
        await_outside("WAKE-4: other tasks after late wakes", quiet);
    });
    rig.shutdown(rt);
}

/// A task that is ready, one that panics and one that is aborted; their wakers.
fn end_three(rt: &Rt) -> Vec<Waker> {
    let (of_ready, ready) = Told::new("WAKE-4", true);
    let (of_panics, panics) = Told::new("WAKE-4", true);
    let (of_aborted, aborted) = Told::new("WAKE-4", false);
    let ready = rt.spawn(ready);
    let panics = rt.spawn(async move {
        panics.await;
        std::panic::resume_unwind(Box::new("as asked"));
    });
    let aborted = rt.spawn(aborted);
    let wakers = [&of_ready, &of_panics, &of_aborted].map(Told::waker);
    aborted.abort();
    wakers[2].wake_by_ref(); // noticed or not: CANCEL-1 asks
    for task in [ready, panics, aborted] {
        let _ = await_outside("WAKE-4: the handle of a task", task);
    }
    of_aborted.over.store(true, Ordering::SeqCst);
    wakers.into()
}

// ── WAKE-5 ──────────────────────────────────────────────────────────────────────────────────────

/// How many runtimes are ended under fire, and how many tasks each has.
const ROUNDS: usize = 60;
const TASKS: usize = 8;

/// WAKE-5: cloning, waking and dropping wakers while the runtime ends, and afterwards, is harmless and
/// brings no task back.
///
/// Method: two threads use the wakers of parked tasks without a pause while the runtime is ended, and
/// go on for a while when it has. No future is dropped twice, or polled later; whether the end drops
/// each is SHUTDOWN-1's.
///
/// If this fails, look for a wake that touches the runtime after it has given the task away.
pub(super) fn wake_5_wakers_are_used_while_the_runtime_ends(rig: &Rig<'_>) {
    let mut during = 0;
    for _ in 0..rig.rounds(ROUNDS) {
        let rt = rig.rt();
        let told = park_tasks(rig, &rt);
        let wakers: Vec<Waker> = told.iter().map(Told::waker).collect();
        let (over, begun) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            let fire = || {
                let mut wakes = 0;
                let mut after = 0;
                while after < 20 {
                    wakers.iter().cloned().for_each(Waker::wake);
                    wakers.iter().for_each(Waker::wake_by_ref);
                    begun.fetch_add(1, Ordering::Relaxed);
                    match over.load(Ordering::SeqCst) {
                        true => after += 1,
                        false => wakes += 1,
                    }
                }
                wakes
            };
            let threads = [scope.spawn(fire), scope.spawn(fire)];
            while begun.load(Ordering::Relaxed) < 4 {
                std::hint::spin_loop();
            }
            rig.shutdown(rt);
            told.iter().for_each(|told| told.over.store(true, Ordering::SeqCst));
            over.store(true, Ordering::SeqCst);
            for thread in threads {
                let wakes = thread.join();
                let wakes = wakes.expect("WAKE-5: a waker panicked while its runtime ended");
                during += wakes;
            }
        });
        drop(wakers);
        for told in told {
            let drops = told.dropped.drops();
            assert!(drops <= 1, "WAKE-5: a future was dropped {drops} times when all was over");
        }
    }
    rig.witness("rounds of wakes while the runtime ended", during, 1);
}

/// Tasks that have parked, having given their wakers away.
fn park_tasks(rig: &Rig<'_>, rt: &Rt) -> Vec<Told> {
    let all = Arc::new(Tally::new());
    let told = (0..TASKS).map(|_| {
        let (told, future) = Told::new("WAKE-5", false);
        let (all, mut first) = (all.clone(), true);
        let mut future = Box::pin(future);
        drop(rt.spawn(poll_fn(move |cx| {
            let polled = future.as_mut().poll(cx);
            if std::mem::take(&mut first) {
                all.add();
            }
            polled
        })));
        told
    });
    let told = told.collect();
    rig.drive(rt, "WAKE-5: the first poll of tasks", all.reached(TASKS));
    told
}

/// What is held by every future of the memory's test, and how many there are.
const BLOCK: usize = 64 * 1024;
const RUNTIMES: usize = 24;
const EACH: usize = 32;

/// WAKE-5: the memory of a task is free when its runtime has ended and its last waker is gone.
///
/// Method: runtimes with tasks of 64 KiB, parked, whose wakers outlive the runtime and are dropped
/// then. The process may not have grown by half of what all these tasks took.
///
/// If this fails, look for a waker that keeps the runtime, which keeps the task, which keeps the waker.
pub(super) fn wake_5_the_memory_is_free_afterwards(rig: &Rig<'_>) {
    for _ in 0..4 {
        end_with_wakers(rig);
    }
    let before = resident_bytes();
    for _ in 0..RUNTIMES {
        end_with_wakers(rig);
    }
    let (Some(before), Some(after)) = (before, resident_bytes()) else {
        return rig.inconclusive("this system does not say how much memory a process has");
    };
    let grown = after.saturating_sub(before);
    let all = RUNTIMES * EACH * BLOCK;
    assert!(
        grown < all / 2,
        "WAKE-5: after runtimes with {all} bytes of tasks have ended, and their wakers are gone, the \
         process is {grown} bytes larger"
    );
}

fn end_with_wakers(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (gives, wakers) = channel();
    let all = Arc::new(Tally::new());
    for _ in 0..EACH {
        let block = [1_u8; BLOCK];
        let (gives, all, mut first) = (gives.clone(), all.clone(), true);
        drop(rt.spawn(poll_fn(move |cx| {
            std::hint::black_box(&block);
            if std::mem::take(&mut first) {
                let _ = gives.send(cx.waker().clone()); // the receiver is there until the end
                all.add();
            }
            Poll::<()>::Pending
        })));
    }
    rig.drive(&rt, "WAKE-5: the first poll of large tasks", all.reached(EACH));
    rig.shutdown(rt);
    drop(wakers);
}

/// How much memory the process has; `None` where there is no `/proc`.
fn resident_bytes() -> Option<usize> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
