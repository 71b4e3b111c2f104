//! TIME-8 and TIME-9: many timers, and clocks that have gone for long.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use runtime_traits::time::{Duration, Instant};

use super::{now, poll_once, until_on};
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::{Random, Tally};

/// How many timers, at how many instants, how far apart: with a virtual clock, and with a real one.
const VIRTUAL: (usize, usize, Duration) = (10_000, 100, Duration::from_millis(10));
const REAL: (usize, usize, Duration) = (2_000, 20, Duration::from_millis(1));
/// How many of them wait for their first poll at once: how many a runtime takes is TASK-1's.
const BEGINNING: usize = 40;

/// TIME-8: timers with the same deadline each complete, once; and deadlines are kept in their order.
///
/// Method: thousands of timers in shuffled order, of which a hundred share each instant; each is a task
/// that writes its deadline down. All must have written, once. With a virtual clock, which stands
/// still until every task of one instant has run, what was written is sorted; with a real one a late
/// driver may find several instants due, so only completeness is asked.
///
/// If this fails, look for a map whose key is the instant alone, for a slot of which only the first
/// entry is taken, and for entries that move to a finer level after those that were there already.
pub(super) fn time_8_each_timer_completes_once_and_in_order(rig: &Rig<'_>) {
    let rt = rig.rt();
    let is_virtual = rt.handle().runtime().virtual_time().is_some();
    let (timers, instants, apart) = if is_virtual { VIRTUAL } else { REAL };
    let fired = Arc::new(Mutex::new(Vec::with_capacity(timers)));
    let hang = format!("TIME-8: all of {timers} timers at {instants} instants");
    rig.drive(&rt, &hang, async {
        let first = now(&rt) + Duration::from_millis(10);
        let (begun, done) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
        let mut tasks = Vec::with_capacity(timers);
        for number in shuffled(timers, rig.random()) {
            begun.reached((tasks.len() + 1).saturating_sub(BEGINNING)).await;
            let timer = until_on(&rt, first + apart * (number % instants) as u32);
            let (begun, fired, done) = (begun.clone(), fired.clone(), done.clone());
            tasks.push(rt.spawn(async move {
                begun.add();
                let deadline = timer.deadline();
                timer.await;
                fired.lock().unwrap_or_else(PoisonError::into_inner).push((deadline, number));
                done.add();
            }));
        }
        done.reached(timers).await;
    });
    rig.shutdown(rt);
    let mut fired = fired.lock().unwrap_or_else(PoisonError::into_inner);
    let sorted = fired.is_sorted_by_key(|(deadline, _)| *deadline);
    assert!(!is_virtual || sorted, "TIME-8: deadlines were not kept in their order");
    fired.sort_unstable();
    fired.dedup();
    assert_eq!(fired.len(), timers, "TIME-8: a timer completed twice, or not at all");
}

/// The numbers below `count`, in an order that the seed decides.
fn shuffled(count: usize, mut random: Random) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        numbers.swap(last, random.below(last as u64 + 1) as usize);
    }
    numbers
}

/// Ages in milliseconds at which counters wrap and wheels turn over.
const AGES: &[u64] = &[1 << 30, 1 << 32, 1 << 36, 1 << 40];
/// Later than any jump could explain, earlier than the far timer.
const LATE: Duration = Duration::from_secs(3600);

/// TIME-9: short timers go on working when the clock has run for years, also while a timer waits that
/// is as far away as can be.
///
/// Method: a timer at the end of time is pending. The virtual clock is turned to a little before each
/// boundary, and timers of 1 ms and of 333 ms run across it, each of which must be kept within an
/// hour: where short timers are dead, the next deadline is the end of time.
///
/// If this fails, look for a wheel whose top level wraps, and compares slots of different rounds.
pub(super) fn time_9_timers_work_after_a_long_time(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive(&rt, "TIME-9: short timers on an old clock", async {
        let clock = rt.handle().runtime().virtual_time().expect("`simtime` is declared");
        let mut far = until_on(&rt, Instant::MAX);
        assert!(poll_once(&mut far, Waker::noop()).is_pending(), "TIME-9: time has ended");
        for &age in AGES {
            let boundary = Instant::from_nanos(age * 1_000_000);
            clock.advance_to(boundary - Duration::from_millis(5));
            let long = rt.clone();
            let long = rt.spawn(async move { every(&long, Duration::from_millis(333), 4).await });
            every(&rt, Duration::from_millis(1), 10).await;
            long.await.unwrap_or_else(|error| panic!("TIME-9: a task that slept ended: {error}"));
            assert!(now(&rt) >= boundary, "TIME-9: ten milliseconds took less");
        }
        assert!(poll_once(&mut far, Waker::noop()).is_pending(), "TIME-9: the far timer fired");
    });
    rig.shutdown(rt);
}

/// Sleeps so long, so many times; each must be kept.
async fn every(rt: &Rt, period: Duration, times: u32) {
    for _ in 0..times {
        let timer = super::sleep_on(rt, period);
        let deadline = timer.deadline();
        timer.await;
        let late = now(rt) - deadline;
        assert!(late < LATE, "TIME-9: {period:?} at {deadline:?} came {late:?} late");
    }
}
