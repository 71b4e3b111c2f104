//! SHUTDOWN-1: what becomes of tasks.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::rig::Rig;
use crate::rt::{Join, Rt};
use crate::toolbox::{Gate, Tally, in_waves};

/// How many tasks there are; a seventh in each state.
const TASKS: usize = 210;
/// How long is waited for user code to run after the end.
const AFTERWARDS: Duration = Duration::from_millis(5);

/// What a task does.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    /// Waits, its handle being dropped.
    Parks,
    /// Waits, its handle being kept.
    ParksKept,
    /// Ends.
    Ends,
    /// Waits, and is aborted just before the end.
    Aborted,
    /// Wakes itself in every poll.
    Spins,
    /// Waits, and is woken just before the end.
    Woken,
    /// Is spawned just before the end.
    New,
}

const STATES: [Does; 7] =
    [Does::Parks, Does::ParksKept, Does::Ends, Does::Aborted, Does::Spins, Does::Woken, Does::New];

/// What all tasks share.
struct World {
    rt: Rt,
    /// The shutdown has returned.
    over: AtomicBool,
    polled: Tally,
}

/// What happened to one task.
#[derive(Default)]
struct Log {
    drops: AtomicUsize,
    polls: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

impl Log {
    fn wake(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        waker.into_iter().for_each(Waker::wake);
    }
}

struct Life {
    does: Does,
    world: Arc<World>,
    log: Arc<Log>,
}

impl Life {
    /// Fails after the end, and where the runtime is not current.
    fn look(&self, doing: &str) {
        let over = self.world.over.load(Ordering::SeqCst);
        assert!(!over, "SHUTDOWN-1: {doing} of a task ran after the shutdown had returned");
        let current = self.world.rt.current();
        let right = current.as_ref() == Some(self.world.rt.handle());
        assert!(right, "SHUTDOWN-1: {doing} of a task ran where {current:?} was current");
    }
}

impl Future for Life {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.look("a poll");
        let waker = Some(cx.waker().clone());
        *self.log.waker.lock().unwrap_or_else(PoisonError::into_inner) = waker;
        if self.log.polls.fetch_add(1, Ordering::SeqCst) == 0 && self.does != Does::New {
            self.world.polled.add();
        }
        match self.does {
            Does::Ends => return Poll::Ready(()),
            Does::Spins => cx.waker().wake_by_ref(),
            _ => {}
        }
        Poll::Pending
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.look("the destructor");
        self.log.drops.fetch_add(1, Ordering::SeqCst);
    }
}

/// SHUTDOWN-1: when the shutdown returns, every task has been dropped exactly once, with the runtime
/// current, and no user code runs any more.
///
/// Method: 210 tasks in seven states: parked with and without a handle, ended, aborted, spinning,
/// woken, and new. When the shutdown has returned a flag is set, and each destructor must have run
/// before, once; all wakers, which were kept, are used then, and for a few milliseconds every poll
/// and destructor that sees the flag fails. (The registry of probes looks after that, too.)
///
/// If this fails, look for tasks that are on no queue when the queues are emptied, and for threads
/// that are told to end and not waited for.
pub(super) fn shutdown_1_every_task_is_dropped_once(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (over, polled) = (AtomicBool::new(false), Tally::new());
    let world = Arc::new(World { rt: rt.clone(), over, polled });
    let mut logs: Vec<(Does, Arc<Log>)> = Vec::new();
    let mut live = |number: usize| {
        let (does, log) = (STATES[number % STATES.len()], Arc::new(Log::default()));
        logs.push((does, log.clone()));
        Life { does, world: world.clone(), log }
    };
    let lives: Vec<Life> = (0..TASKS).map(&mut live).collect();
    let (new, lives): (Vec<_>, Vec<_>) = lives.into_iter().partition(|l| l.does == Does::New);
    let does: Vec<Does> = lives.iter().map(|life| life.does).collect();
    let joins = rig.drive(&rt, "SHUTDOWN-1: the first poll of 180 tasks", async {
        let joins = in_waves(&rt, lives).await;
        world.polled.reached(joins.len()).await;
        joins
    });
    let mut joins: Vec<(Does, Join<()>)> = does.into_iter().zip(joins).collect();
    joins.retain(|(does, _)| !matches!(does, Does::Parks));
    joins.extend(new.into_iter().map(|life| (Does::New, rt.spawn(life))));
    joins.iter().filter(|(does, _)| *does == Does::Aborted).for_each(|(_, join)| join.abort());
    logs.iter().filter(|(does, _)| *does == Does::Woken).for_each(|(_, log)| log.wake());
    rig.shutdown(rt);
    world.over.store(true, Ordering::SeqCst);
    for (_, log) in &logs {
        let drops = log.drops.load(Ordering::SeqCst);
        assert_eq!(
            drops, 1,
            "SHUTDOWN-1: times that a task was dropped when the shutdown returned"
        );
    }
    logs.iter().for_each(|(_, log)| log.wake());
    thread::sleep(AFTERWARDS); // widens the window for user code that still runs
    drop(joins);
}

/// SHUTDOWN-1: the shutdown waits for a poll that another thread is in, and drops that task too.
///
/// Method: a task stands in its poll at a gate, which a thread opens when the shutdown has returned,
/// or after 20 ms if it has not. In the first case the task finds the flag that says so.
pub(super) fn shutdown_1_waits_for_a_poll_that_runs(rig: &Rig<'_>) {
    let rt = rig.rt();
    let over = Arc::new(AtomicBool::new(false));
    let (begun, gate) = (
        Arc::new(Gate::new("SHUTDOWN-1: the first poll of a task")),
        Arc::new(Gate::new("SHUTDOWN-1: a gate that is opened after 20 ms")),
    );
    let dropped = Arc::new(AtomicUsize::new(0));
    let task = InPoll(begun.clone(), gate.clone(), over.clone(), dropped.clone());
    drop(rt.spawn(task));
    let returned = over.clone();
    let opener = thread::spawn(move || {
        let late = Instant::now() + Duration::from_millis(20);
        while !returned.load(Ordering::SeqCst) && Instant::now() < late {
            thread::sleep(Duration::from_millis(1)); // gives a wrong shutdown time to return
        }
        gate.open();
    });
    // The thread that drives is let go when a worker is in the poll.
    let polled = Arc::new(Tally::new());
    let says = polled.clone();
    let teller = thread::spawn(move || {
        begun.wait();
        says.add();
    });
    rig.drive(&rt, "SHUTDOWN-1: the first poll of a task, on a worker", polled.reached(1));
    rig.shutdown(rt);
    over.store(true, Ordering::SeqCst);
    let drops = dropped.load(Ordering::SeqCst);
    opener.join().expect("SHUTDOWN-1: it only opens a gate");
    teller.join().expect("SHUTDOWN-1: it only waits at a gate");
    assert_eq!(drops, 1, "SHUTDOWN-1: drops of a task that was being polled at the shutdown");
}

/// Stands at the second gate in its poll. When the shutdown has returned by then, that is a failure.
struct InPoll(Arc<Gate>, Arc<Gate>, Arc<AtomicBool>, Arc<AtomicUsize>);

impl Future for InPoll {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.0.open();
        self.1.wait();
        let over = self.2.load(Ordering::SeqCst);
        assert!(!over, "SHUTDOWN-1: the shutdown returned while a task was being polled");
        Poll::Pending
    }
}

impl Drop for InPoll {
    fn drop(&mut self) {
        let over = self.2.load(Ordering::SeqCst);
        assert!(!over, "SHUTDOWN-1: a task was dropped after the shutdown had returned");
        self.3.fetch_add(1, Ordering::SeqCst);
    }
}
