//! The table of the timer hook, on a clock that the test sets.

use super::*;
use crate::{hooks::Timer as _, testing::Wakes};
use std::sync::{Arc, atomic::AtomicUsize};

/// Timers on a manual clock, and how often they rang.
struct Lab {
    timers: Timers,
    rings: Arc<AtomicUsize>,
}

impl Lab {
    fn new() -> Lab {
        let rings = Arc::new(AtomicUsize::new(0));
        let bell = rings.clone();
        let ring = move || {
            bell.fetch_add(1, Ordering::SeqCst);
        };
        Lab { timers: Timers::new(Clock::Manual(AtomicU64::new(0)), ring), rings }
    }

    /// Sets the clock and does what a driver does after its sleep.
    fn wake_up_at(&self, nanos: u64) {
        self.set(nanos);
        let mut wakers = Vec::new();
        self.timers.wake_up(&mut wakers);
        wake_all(wakers);
    }

    fn set(&self, nanos: u64) {
        match self.timers.clock() {
            Clock::Manual(now) => now.store(nanos, Ordering::SeqCst),
            Clock::Machine(_) => unreachable!(),
        }
    }

    fn poll(&self, key: &mut Key, at: u64, waker: &Waker) -> Poll<Result<(), Gone>> {
        let (at, cx) = (Instant::from_nanos(at), &mut Context::from_waker(waker));
        self.timers.poll_until(key, at, Duration::ZERO, cx)
    }

    fn rings(&self) -> usize {
        self.rings.load(Ordering::SeqCst)
    }
}

#[test]
fn a_deadline_that_is_reached_needs_no_entry() {
    let (lab, mut key) = (Lab::new(), Key::NONE);
    assert_eq!(lab.poll(&mut key, 0, Waker::noop()), Poll::Ready(Ok(())));
    assert!(key.is_none() && lab.timers.is_empty());
}

#[test]
fn an_entry_lives_from_the_first_pending_to_the_ready() {
    let (lab, mut key, (wakes, waker)) = (Lab::new(), Key::NONE, Wakes::new());
    assert!(lab.poll(&mut key, 100, &waker).is_pending());
    assert!(!key.is_none());
    lab.wake_up_at(99);
    assert_eq!(wakes.count(), 0);
    assert!(lab.poll(&mut key, 100, &waker).is_pending());
    lab.wake_up_at(100);
    assert_eq!(wakes.count(), 1);
    assert_eq!(lab.poll(&mut key, 100, &waker), Poll::Ready(Ok(())));
    assert!(key.is_none() && lab.timers.is_empty());
    assert_eq!(Arc::strong_count(&wakes), 2);
}

/// The clock is past the deadline but no turn has been taken since: ready all the same, and the
/// entry that the wheel still has wakes nobody.
#[test]
fn time_5_a_ready_or_forgotten_entry_wakes_nobody() {
    let (lab, mut one, mut two, (wakes, waker)) = (Lab::new(), Key::NONE, Key::NONE, Wakes::new());
    assert!(lab.poll(&mut one, 100, &waker).is_pending());
    assert!(lab.poll(&mut two, 100, &waker).is_pending());
    lab.timers.forget(&mut two);
    lab.timers.forget(&mut two);
    lab.set(100);
    assert_eq!(lab.poll(&mut one, 100, &waker), Poll::Ready(Ok(())));
    lab.wake_up_at(200);
    assert_eq!((wakes.count(), Arc::strong_count(&wakes)), (0, 2));
}

#[test]
fn time_6_the_last_reset_wins_in_every_state() {
    let (lab, mut key, (wakes, waker)) = (Lab::new(), Key::NONE, Wakes::new());
    for at in [1_000, 500, 5_000_000_000, 2_000] {
        assert!(lab.poll(&mut key, at, &waker).is_pending());
    }
    lab.wake_up_at(1_999);
    assert_eq!(wakes.count(), 0);
    lab.wake_up_at(2_000);
    assert_eq!(wakes.count(), 1);
    // Fired, and armed again before anybody polled.
    assert!(lab.poll(&mut key, 3_000, &waker).is_pending());
    lab.wake_up_at(3_000);
    assert_eq!(wakes.count(), 2);
    assert_eq!(lab.timers.len(), 1);
    lab.timers.forget(&mut key);
}

#[test]
fn time_7_the_task_that_polled_last_is_woken() {
    let (lab, mut key) = (Lab::new(), Key::NONE);
    let ((old, old_waker), (new, new_waker)) = (Wakes::new(), Wakes::new());
    assert!(lab.poll(&mut key, 100, &old_waker).is_pending());
    assert!(lab.poll(&mut key, 100, &new_waker).is_pending());
    assert_eq!(Arc::strong_count(&old), 2);
    lab.wake_up_at(100);
    assert_eq!((old.count(), new.count()), (0, 1));
}

#[test]
fn time_3_the_end_of_time_does_not_come() {
    let (lab, mut key, mut short) = (Lab::new(), Key::NONE, Key::NONE);
    let (wakes, waker) = Wakes::new();
    assert!(lab.poll(&mut key, u64::MAX, &waker).is_pending());
    assert_eq!(lab.timers.fall_asleep(None), None);
    assert!(lab.poll(&mut short, 10, Waker::noop()).is_pending());
    lab.wake_up_at(u64::MAX);
    assert_eq!(lab.poll(&mut short, 10, Waker::noop()), Poll::Ready(Ok(())));
    assert!(lab.poll(&mut key, u64::MAX, &waker).is_pending());
    assert_eq!(wakes.count(), 0);
}

#[test]
fn time_4_only_an_earlier_deadline_rings_and_only_once_per_sleep() {
    let (lab, mut keys) = (Lab::new(), [Key::NONE, Key::NONE, Key::NONE, Key::NONE]);
    let [first, later, earlier, earliest] = &mut keys;
    assert!(lab.poll(first, 1_000, Waker::noop()).is_pending());
    assert_eq!(lab.rings(), 0, "the driver is awake");
    assert_eq!(lab.timers.fall_asleep(None), Some(Duration::from_nanos(1_000)));
    assert!(lab.poll(later, 1_000, Waker::noop()).is_pending());
    assert_eq!(lab.rings(), 0, "it sleeps no longer than that");
    assert!(lab.poll(earlier, 999, Waker::noop()).is_pending());
    assert_eq!(lab.rings(), 1);
    assert!(lab.poll(earliest, 5, Waker::noop()).is_pending());
    assert_eq!(lab.rings(), 1, "it is on its way already");
    lab.wake_up_at(1);
    assert_eq!(lab.timers.fall_asleep(None), Some(Duration::from_nanos(4)));
    lab.timers.forget(earliest);
    assert!(lab.poll(first, 2, Waker::noop()).is_pending());
    assert_eq!(lab.rings(), 2, "a reset counts as well");
}

#[test]
fn a_driver_that_woke_by_itself_is_not_rung_for() {
    let (lab, mut late, mut soon) = (Lab::new(), Key::NONE, Key::NONE);
    assert!(lab.poll(&mut late, 1_000, Waker::noop()).is_pending());
    assert!(lab.timers.fall_asleep(None).is_some());
    lab.wake_up_at(1);
    assert!(lab.poll(&mut soon, 500, Waker::noop()).is_pending());
    assert_eq!(lab.rings(), 0);
}

#[test]
fn a_sleep_ends_with_the_deadline_or_the_limit_whichever_is_first() {
    let (lab, mut key) = (Lab::new(), Key::NONE);
    assert_eq!(lab.timers.fall_asleep(None), None);
    lab.wake_up_at(50);
    assert!(lab.poll(&mut key, 100, Waker::noop()).is_pending());
    let sleep = |nanos| lab.timers.fall_asleep(Some(Duration::from_nanos(nanos)));
    assert_eq!(sleep(20), Some(Duration::from_nanos(20)));
    assert_eq!(sleep(80), Some(Duration::from_nanos(50)));
    assert_eq!(sleep(u64::MAX), Some(Duration::from_nanos(50)));
    lab.set(200);
    assert_eq!(lab.timers.fall_asleep(None), Some(Duration::ZERO));
}

#[test]
fn slack_gathers_deadlines_and_never_makes_one_early() {
    for at in [0, 1, 1_023, 1_024, 123_456_789, u64::MAX - 1] {
        for slack in [0, 1, 2, 1_000, 1 << 20, u64::MAX] {
            let due = with_slack(at, Duration::from_nanos(slack));
            assert!(due >= at && due - at <= slack, "{at} + {slack}: {due}");
        }
    }
    let slack = Duration::from_nanos(1_024);
    assert_eq!(with_slack(5_000, slack), with_slack(4_100, slack));
    assert_eq!(with_slack(7, Duration::MAX) >> 62, 1);
}

#[test]
fn shutdown_wakes_and_every_later_poll_says_so() {
    let (lab, mut key, (wakes, waker)) = (Lab::new(), Key::NONE, Wakes::new());
    assert!(lab.poll(&mut key, 100, &waker).is_pending());
    lab.timers.shutdown();
    assert_eq!(wakes.count(), 1);
    assert_eq!(lab.poll(&mut key, 100, &waker), Poll::Ready(Err(Gone)));
    assert!(key.is_none() && lab.timers.is_empty());
    assert_eq!(lab.poll(&mut key, 0, &waker), Poll::Ready(Err(Gone)));
}
