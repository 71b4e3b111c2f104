//! TIME-5 and TIME-7: whose waker a timer keeps.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::Poll;

use runtime_traits::time::{Duration, Sleep};

use super::{HOUR, now, pass_until, poll_once, sleep_on, until_on};
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::{Stress, Tally, WakerLab, fence};

/// A deadline that a test can get ahead of, on most machines at most times; else it tries again.
const AHEAD: Duration = Duration::from_millis(5);
/// What lies less than this before a deadline is too near to be told from it: TIME-1 asks how exact a
/// timer is.
const CLOSE: Duration = Duration::from_millis(2);

/// TIME-5: dropping or resetting a timer releases its waker, and no wake comes for a deadline that was
/// given up in time.
///
/// Method: a timer is polled with a waker that is counted, and dropped, or reset and polled with
/// another. The count of wakers says at once whether the old one is still held. Then a later timer
/// fires, so its driver has passed the dead deadline, and a fence lets everything run that was
/// scheduled; the old waker must not have been woken. If the machine was so slow that the deadline
/// came before the drop, the round is done again with more time.
///
/// If this fails, look for a queue of withdrawals that is only looked at in the next turn, and for a
/// reset that changes the deadline and leaves the waker.
pub(super) fn time_5_a_dropped_timer_wakes_nobody(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive(&rt, "TIME-5: a timer later than one that was dropped", async {
        for resets in [false, true] {
            let mut ahead = AHEAD;
            while !give_up_in_time(&rt, resets, ahead).await {
                ahead *= 2;
            }
        }
    });
    rig.shutdown(rt);
}

/// One round; `false` if the deadline came first.
async fn give_up_in_time(rt: &Rt, resets: bool, ahead: Duration) -> bool {
    let how = if resets { "reset" } else { "dropped" };
    let (lab, next) = (WakerLab::new(), WakerLab::new());
    let waker = lab.waker();
    let mut timer = sleep_on(rt, ahead);
    let dead = timer.deadline();
    if poll_once(&mut timer, &waker).is_ready() {
        return false;
    }
    let kept = if resets {
        timer.reset(dead + HOUR);
        assert!(poll_once(&mut timer, &next.waker()).is_pending(), "TIME-5: an hour has passed");
        Some(timer)
    } else {
        drop(timer);
        None
    };
    let (held, in_time) = (lab.alive() - 1, now(rt) + CLOSE < dead);
    assert!(
        !in_time || held == 0,
        "TIME-5: {held} wakers are still held of a timer that was {how}"
    );
    until_on(rt, dead + Duration::from_millis(1)).await;
    fence::fence(rt.handle(), rt.handle().info().workers).await;
    let wakes = lab.wakes();
    assert!(!in_time || wakes == 0, "TIME-5: {wakes} wakes for a timer that was {how} in time");
    drop(kept);
    in_time
}

/// How many timers are dropped near their deadline, and how near.
const RACES: usize = 300;
const NEAR: u64 = 60_000;

/// TIME-5: a timer that is dropped just when it fires is released, and nothing breaks.
///
/// Method: hundreds of short timers; each is dropped within 60 µs of its deadline, before or after. Of
/// every one the waker must be let go, which is waited for: another thread may be waking it just then.
/// The witness counts both kinds.
///
/// If this fails, look for an entry that is on its way from the wheel to the wakers when its owner
/// withdraws it.
pub(super) fn time_5_dropping_at_the_deadline_is_clean(rig: &Rig<'_>) {
    let rt = rig.rt();
    let mut stress = Stress::new(rig.random(), rig.rounds(RACES));
    let mut labs: Vec<(WakerLab, bool)> = Vec::new();
    rig.drive(&rt, "TIME-5: the release of wakers of timers that were dropped", async {
        while stress.again() {
            let delay = Duration::from_nanos(NEAR + stress.random().below(NEAR));
            let moment = match stress.random().below(4) {
                0 => None, // at once: also where the clock is too coarse for moments
                _ => Some(Duration::from_nanos(stress.random().below(2 * NEAR))),
            };
            labs.push(drop_near(&rt, delay, moment));
            if stress.done() % 8 == 0 {
                sleep_on(&rt, Duration::from_micros(300)).await; // the driver gets its turns
            }
        }
        for (lab, _) in &labs {
            released(lab).await;
        }
    });
    let in_time = labs.iter().filter(|(_, in_time)| *in_time).count() as u64;
    rig.witness("dropped before", in_time, 1);
    rig.witness("dropped after", labs.len() as u64 - in_time, 1);
    rig.shutdown(rt);
}

/// Drops a timer, `NEAR` before its deadline and a `moment` later; whether that was in time.
fn drop_near(rt: &Rt, delay: Duration, moment: Option<Duration>) -> (WakerLab, bool) {
    let lab = WakerLab::new();
    let mut timer = sleep_on(rt, delay);
    let deadline = timer.deadline();
    let _ = poll_once(&mut timer, &lab.waker());
    if let Some(moment) = moment {
        pass_until(rt, deadline - Duration::from_nanos(NEAR) + moment);
    }
    drop(timer);
    (lab, now(rt) < deadline)
}

/// Waits until nobody holds a waker of `lab`.
async fn released(lab: &WakerLab) {
    while lab.alive() > 0 {
        fence::GiveWay::default().await;
    }
}

/// TIME-7: a pending timer that moves to another task wakes the one that polled it last.
///
/// Method: a timer is polled with one waker and then with another, also to and fro, by hand: the last
/// must be woken. Then for real: a task polls a timer once, hands it to another task and ends; the
/// other must finish.
///
/// If this fails, look for a waker that is only stored when the entry is made, and for a comparison
/// of wakers that looks at half of them.
pub(super) fn time_7_the_latest_poll_is_woken(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive(&rt, "TIME-7: the wake of whoever polled a timer last", async {
        for order in [&[0, 1][..], &[1, 0], &[0, 1, 0], &[0, 0, 1], &[0, 1, 1]] {
            let mut ahead = AHEAD;
            while !wakes_the_last(&rt, order, ahead).await {
                ahead *= 2; // the deadline came between the polls
            }
        }
    });
    rig.drive(&rt, "TIME-7: a task that was given a pending timer", async {
        let (to, from) = channel::<Sleep>();
        let mut timer = Some(sleep_on(&rt, AHEAD));
        let first = rt.spawn(poll_fn(move |cx| {
            if let Some(mut timer) = timer.take() {
                let _ = poll_once(&mut timer, cx.waker());
                to.send(timer).expect("the receiver waits");
            }
            Poll::Ready(())
        }));
        first.await.unwrap_or_else(|error| panic!("TIME-7: the first task ended: {error}"));
        let timer = from.recv().expect("the first task has ended");
        let second = rt.spawn(timer);
        second.await.unwrap_or_else(|error| panic!("TIME-7: the second task ended: {error}"));
    });
    rig.shutdown(rt);
}

/// Polls with these wakers in turn and waits for the last to be woken; `false` if it was ready before.
async fn wakes_the_last(rt: &Rt, order: &[usize], ahead: Duration) -> bool {
    let counts = [Arc::new(Tally::new()), Arc::new(Tally::new())];
    let labs = counts.clone().map(|count| WakerLab::new().on_wake(move || count.add()));
    let mut timer = sleep_on(rt, ahead);
    for &which in order {
        if poll_once(&mut timer, &labs[which].waker()).is_ready() {
            return false;
        }
    }
    counts[order[order.len() - 1]].reached(1).await;
    true
}
