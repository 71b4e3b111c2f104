//! SIM-1 and SIM-4: when virtual time moves, and what else does not show.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};

use runtime_traits::time::{Duration, Instant, sleep};

use super::{HOUR, until_on};
use crate::rig::{Rig, timer};
use crate::rt::Rt;
use crate::toolbox::Tally;
use crate::toolbox::fence::GiveWay;

/// Deadlines, counted from the beginning: some so close that only an exact clock tells them apart.
const DEADLINES: &[Duration] = &[
    Duration::from_millis(1),
    Duration::from_nanos(1_000_001),
    Duration::from_micros(1_500),
    Duration::from_millis(2),
    Duration::from_secs(10_800),
    Duration::from_nanos(10_800_000_000_001),
];
/// How many tasks compute beside the timers, and how often each gives way.
const COMPUTING: usize = 4;
const STEPS: usize = 200;

/// SIM-1: virtual time moves only when nothing can run, and then exactly to the next deadline.
///
/// Method: timers, some a nanosecond apart, and tasks that compute: at each of their steps, the next
/// deadline must not have been reached. When a timer fires, it must be its turn, no later deadline may
/// have been reached, and it starts more computing, during which that stays so. Whether a deadline has
/// been reached, a timer that is made for it says at its first poll.
///
/// If this fails, look for a jump that is rounded to a tick, and for a clock that goes on while a task
/// that yields is not in the queue.
pub(super) fn sim_1_time_moves_to_the_next_deadline_when_nothing_can_run(rig: &Rig<'_>) {
    let rt = rig.rt();
    let fired = Arc::new(Mutex::new(Vec::new()));
    let hang = "SIM-1: timers on a virtual clock, and tasks that compute";
    rig.drive(&rt, hang, async {
        let start = timer(rt.handle()).now();
        let done = Arc::new(Tally::new());
        // The last first, so that the order is not that of their making.
        for turn in (0..DEADLINES.len()).rev() {
            let (rt, fired, done) = (rt.clone(), fired.clone(), done.clone());
            let timer = until_on(&rt, start + DEADLINES[turn]);
            drop(rt.clone().spawn(async move {
                timer.await;
                fired.lock().unwrap_or_else(PoisonError::into_inner).push(turn);
                compute(&rt, start, turn + 1).await;
                for _ in 0..COMPUTING {
                    let (of, done) = (rt.clone(), done.clone());
                    drop(rt.spawn(async move {
                        compute(&of, start, turn + 1).await;
                        done.add();
                    }));
                }
            }));
        }
        compute(&rt, start, 0).await;
        done.reached(DEADLINES.len() * COMPUTING).await;
    });
    rig.shutdown(rt);
    let fired = fired.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let in_order: Vec<usize> = (0..DEADLINES.len()).collect();
    assert_eq!(fired, in_order, "SIM-1: timers fired in this order");
}

/// Gives way again and again, during which the deadline of this `turn` is not reached.
async fn compute(rt: &Rt, start: Instant, turn: usize) {
    for _ in 0..STEPS {
        if let Some(&next) = DEADLINES.get(turn) {
            let reached = is_reached(rt, start + next);
            assert!(!reached, "SIM-1: the clock was at {next:?} while a task before it could run");
        }
        GiveWay::default().await;
    }
}

/// Asks a timer.
fn is_reached(rt: &Rt, at: Instant) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    pin!(until_on(rt, at)).poll(&mut cx).is_ready()
}

/// How long a poll takes in the real world, and how long the simulated program runs in its own.
const REAL: std::time::Duration = std::time::Duration::from_millis(5);
const DAYS: u32 = 30;

/// SIM-4: the clock stands still within a poll, and between polls while something can run; no other
/// clock shows.
///
/// Method: a poll spins for 5 ms of real time between two readings, in the root and in a task; they
/// must be equal, also when the task gave way in between, and so must the instant that a timer is
/// counted from. Then thirty days pass in steps of an hour, before the watchdog does.
///
/// If this fails, look for the machine's clock in `now`, or added to it.
pub(super) fn sim_4_no_other_clock_shows_through(rig: &Rig<'_>) {
    let rt = rig.rt();
    let inside = rt.clone();
    rig.drive(&rt, "SIM-4: a poll that takes long", async {
        stands_still(&rt).await;
        let task = rt.spawn(async move { stands_still(&inside).await });
        task.await.unwrap_or_else(|error| panic!("SIM-4: a task did not finish: {error}"));
    });
    rig.drive(&rt, "SIM-4: thirty days of virtual time", async {
        let start = timer(rt.handle()).now();
        for _ in 0..DAYS * 24 {
            rt.enter(|| sleep(HOUR)).await;
        }
        let passed = timer(rt.handle()).now() - start;
        assert!(passed >= HOUR * 24 * DAYS, "SIM-4: thirty days took {passed:?}");
    });
    rig.shutdown(rt);
}

async fn stands_still(rt: &Rt) {
    let before = read(rt);
    let end = std::time::Instant::now() + REAL;
    while std::time::Instant::now() < end {
        std::hint::spin_loop();
    }
    let after = read(rt);
    assert_eq!(before, after, "SIM-4: the clock moved during a poll");
    GiveWay::default().await;
    assert_eq!(before, read(rt), "SIM-4: the clock moved while a task could run");
}

/// What each call that tells the time says it is.
fn read(rt: &Rt) -> [Instant; 3] {
    let counted_from = rt.enter(|| sleep(Duration::ZERO)).deadline();
    [timer(rt.handle()).now(), rt.enter(Instant::now), counted_from]
}
