//! TASK-3, TASK-4, TASK-8: how often a task is polled, and that it is one poll at a time.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::{Probe, Tally, fence, within_watchdog};
use crate::twist::{Movable, Twin};

/// How many tasks are polled at once, and how many threads wake them.
const TASKS: usize = 4;
const THREADS: usize = 2;
/// How often each is polled in a full run.
const POLLS: usize = 2_000;

/// TASK-3: polls of one task never overlap and are totally ordered, whichever threads run them.
///
/// Method: while tasks are being polled two threads wake them without pause. A poll that finds another
/// inside fails; and so does one that does not see the count that the poll before it left in the
/// future, which is not atomic. Witness: polls that ran on another thread than the one before.
///
/// If this fails, look for a task that is put on a queue although it is being polled, and for a state
/// that is set to *idle* before the poll has ended.
pub(super) fn task_3_polls_of_one_task_never_overlap(rig: &Rig<'_>) {
    let rt = rig.rt();
    let goal = rig.rounds(POLLS) as u64;
    let logs: Vec<Arc<Log>> = (0..TASKS).map(|_| Arc::new(Log::new(goal))).collect();
    let tasks: Vec<_> =
        logs.iter().map(|log| rt.spawn_movable(Stormed { polls: 0, log: log.clone() })).collect();
    let storm: Vec<_> = (0..THREADS)
        .map(|_| {
            let logs = logs.clone();
            thread::spawn(move || wake_all_until_done(&logs))
        })
        .collect();
    rig.drive(&rt, "TASK-3: tasks in a storm of wakes", async {
        for task in tasks {
            let _ = task.await;
        }
    });
    within_watchdog("TASK-3: calls of `wake` to return", || {
        storm.into_iter().for_each(|thread| thread.join().expect("`wake` panicked"));
    });
    let sum = |count: fn(&Log) -> &AtomicU64| -> u64 {
        logs.iter().map(|log| count(log).load(Ordering::SeqCst)).sum()
    };
    let (overlaps, torn) = (sum(|log| &log.overlaps), sum(|log| &log.torn));
    assert!(overlaps == 0, "TASK-3: {overlaps} polls began while another had not ended");
    assert!(torn == 0, "TASK-3: {torn} polls did not see what the one before them had written");
    rig.witness("polls on another thread", sum(|log| &log.moves), 1);
    rig.shutdown(rt);
}

/// What the polls of one task write down.
struct Log {
    goal: u64,
    inside: AtomicBool,
    overlaps: AtomicU64,
    torn: AtomicU64,
    moves: AtomicU64,
    polls: AtomicU64,
    last: Mutex<(Option<ThreadId>, Option<Waker>)>,
}

impl Log {
    fn new(goal: u64) -> Log {
        let zero = || AtomicU64::new(0);
        Log {
            goal,
            inside: AtomicBool::new(false),
            overlaps: zero(),
            torn: zero(),
            moves: zero(),
            polls: zero(),
            last: Mutex::new((None, None)),
        }
    }

    fn is_done(&self) -> bool {
        self.polls.load(Ordering::SeqCst) >= self.goal
    }

    /// Notes thread and waker of a poll.
    fn note(&self, waker: &Waker) {
        let (here, waker) = (thread::current().id(), waker.clone());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let moved = last.0.replace(here).is_some_and(|before| before != here);
        let old = last.1.replace(waker);
        drop(last);
        drop(old);
        self.moves.fetch_add(u64::from(moved), Ordering::SeqCst);
    }

    fn wake(&self) {
        let waker = self.last.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
        waker.iter().for_each(Waker::wake_by_ref);
    }
}

fn wake_all_until_done(logs: &[Arc<Log>]) {
    while logs.iter().any(|log| !log.is_done()) {
        logs.iter().for_each(|log| log.wake());
        thread::yield_now();
    }
    // The last poll of each may have come before the last wake: one more for those that wait.
    logs.iter().for_each(|log| log.wake());
}

/// Is ready after as many polls as its log asks for.
struct Stormed {
    /// Not atomic: a poll sees what the one before wrote, or the runtime is broken.
    polls: u64,
    log: Arc<Log>,
}

impl Future for Stormed {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let log = self.log.clone();
        if log.inside.swap(true, Ordering::SeqCst) {
            log.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        log.note(cx.waker());
        let before = log.polls.fetch_add(1, Ordering::SeqCst);
        log.torn.fetch_add(u64::from(self.polls != before), Ordering::SeqCst);
        self.polls = before + 1;
        (0..50).for_each(|_| std::hint::spin_loop()); // widens the window; orders nothing
        log.inside.store(false, Ordering::SeqCst);
        if !log.is_done() {
            return Poll::Pending;
        }
        log.last.lock().unwrap_or_else(PoisonError::into_inner).1 = None;
        Poll::Ready(())
    }
}

impl Movable for Stormed {
    fn moved(self: Box<Self>) -> Box<dyn Movable> {
        Box::new(*self)
    }

    fn twin(&self, polled: Twin) -> Option<Box<dyn Movable>> {
        (polled == Twin::Meanwhile)
            .then(|| Box::new(Stormed { polls: self.polls, log: self.log.clone() }) as _)
    }
}

/// TASK-4: a future that returned `Ready` is never polled again.
///
/// Method: three clones of the task's waker outlive it and wake it after it was ready, after it was
/// joined, and after the shutdown, from this thread and from another. After a fence, the future must
/// have been polled as often as before.
///
/// If this fails, look for a wake that does not ask whether the task is done.
pub(super) fn task_4_a_future_that_was_ready_is_not_polled_again(rig: &Rig<'_>) {
    late_wakes(rig, Ending::Ready);
}

/// TASK-4: a future that panicked is never polled again. As for `Ready`.
///
/// If this fails, look for a panic that leaves the task's state as it was during the poll.
pub(super) fn task_4_a_future_that_panicked_is_not_polled_again(rig: &Rig<'_>) {
    late_wakes(rig, Ending::Panic);
}

#[derive(Clone, Copy, PartialEq)]
enum Ending {
    Ready,
    Panic,
}

fn late_wakes(rig: &Rig<'_>, ending: Ending) {
    let rt = rig.rt();
    let ends = Arc::new(Ends::default());
    let mut task = rt.spawn_movable(EndsOnce { ending, seen: ends.clone() });
    rig.drive(&rt, "TASK-4: a task to end", async {
        ends.parked.reached(1).await;
        ends.wake();
        let outcome = (&mut task).await;
        assert!(outcome.is_ok() == (ending == Ending::Ready), "TASK-4: it resolved {outcome:?}");
        late_wake(&rt, &ends).await;
    });
    drop(task);
    rig.drive(&rt, "TASK-4: a fence after a late wake", late_wake(&rt, &ends));
    rig.shutdown(rt);
    ends.wake();
    ends.wakers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let late = ends.late.load(Ordering::SeqCst);
    assert!(late == 0, "TASK-4: a future that had ended was polled {late} times more");
}

/// Wakes a task that has ended, here and on another thread; nothing may come of it.
async fn late_wake(rt: &Rt, ends: &Arc<Ends>) {
    ends.wake();
    let theirs = ends.clone();
    thread::spawn(move || theirs.wake()).join().expect("`wake` panicked");
    fence::fence(rt.handle(), 2).await;
}

/// What is seen of a future that ends.
#[derive(Default)]
struct Ends {
    parked: Tally,
    ended: AtomicBool,
    late: AtomicUsize,
    wakers: Mutex<Vec<Waker>>,
}

impl Ends {
    fn wake(&self) {
        let wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        wakers.iter().for_each(Waker::wake_by_ref);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Parks once, then ends.
struct EndsOnce {
    ending: Ending,
    seen: Arc<Ends>,
}

impl Future for EndsOnce {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let seen = &self.seen;
        if seen.ended.load(Ordering::SeqCst) {
            seen.late.fetch_add(1, Ordering::SeqCst);
            return Poll::Ready(());
        }
        if seen.parked.count() == 0 {
            let three = [cx.waker(); 3].map(Waker::clone);
            seen.wakers.lock().unwrap_or_else(PoisonError::into_inner).extend(three);
            seen.parked.add();
            return Poll::Pending;
        }
        seen.ended.store(true, Ordering::SeqCst);
        match self.ending {
            Ending::Ready => Poll::Ready(()),
            Ending::Panic => panic!("the panic that this test is about"),
        }
    }
}

impl Movable for EndsOnce {
    fn moved(self: Box<Self>) -> Box<dyn Movable> {
        Box::new(*self)
    }

    fn twin(&self, polled: Twin) -> Option<Box<dyn Movable>> {
        (polled == Twin::Afterwards)
            .then(|| Box::new(EndsOnce { ending: self.ending, seen: self.seen.clone() }) as _)
    }
}

/// TASK-8: an idle task is not polled without a wake; spurious polls stay few per wake.
///
/// Method: a task parks; a hundred rounds of others are run; it is woken once, and a hundred rounds
/// more. It may have been polled twice, and four times for nothing.
///
/// If this fails, look for a scheduler that polls all its tasks when one of them is woken.
pub(super) fn task_8_an_idle_task_is_not_polled(rig: &Rig<'_>) {
    const SPURIOUS: usize = 4;
    let rt = rig.rt();
    let (probe, record) = Probe::new(usize::MAX);
    let task = rt.spawn(probe);
    let mut wakes = 0;
    rig.drive(&rt, "TASK-8: a fence beside an idle task", async {
        record.polls().reached(1).await;
        fence::fence(rt.handle(), 2).await;
        record.waker().into_iter().for_each(Waker::wake);
        wakes += 1;
        fence::fence(rt.handle(), 2).await;
    });
    let polls = record.polls().count();
    assert!(
        polls <= 1 + wakes + SPURIOUS,
        "TASK-8: an idle task that was woken {wakes} times was polled {polls} times"
    );
    task.abort();
    rig.shutdown(rt);
}
