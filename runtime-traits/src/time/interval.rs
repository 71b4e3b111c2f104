//! Ticks at a fixed distance.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use futures_core::Stream;

use super::Instant;
use super::sleep::{Sleep, sleep, sleep_until};

/// Ticks every `period`, the first time at once.
///
/// # Panics
///
/// If `period` is zero, or as [`sleep`].
///
/// ```
/// # async fn example() {
/// use std::time::Duration;
/// let mut ticks = runtime_traits::time::interval(Duration::from_millis(10));
/// for _ in 0..3 {
///     ticks.tick().await;
/// }
/// # }
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    Interval::new(sleep(Duration::ZERO), period)
}

/// Ticks every `period`, the first time at `start`.
///
/// # Panics
///
/// As [`interval`].
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    Interval::new(sleep_until(start), period)
}

/// What happens to ticks that nobody came to fetch in time.
///
/// With a period of 10, ticks due at 0, 10, 20, … and a visitor that was away until 35:
///
/// | | fetched at | next due |
/// |---|---|---|
/// | `Burst` | 35, 35, 35 | 40 |
/// | `Delay` | 35 | 45 |
/// | `Skip` | 35 | 40 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MissedTickBehavior {
    /// They come as fast as they are fetched, until the schedule is reached again.
    #[default]
    Burst,
    /// They are lost, and the schedule moves: the next tick is a whole period away.
    Delay,
    /// They are lost, and the schedule stays.
    Skip,
}

impl MissedTickBehavior {
    /// The tick after one that was due at `due` and fetched at `now`.
    fn next(self, due: Instant, now: Instant, period: Duration) -> Instant {
        let next = due + period;
        match self {
            _ if now < next => next,
            MissedTickBehavior::Burst => next,
            MissedTickBehavior::Delay => now + period,
            MissedTickBehavior::Skip => now + (period - since_last(due, now, period)),
        }
    }
}

/// How long before `now` the latest tick was due.
fn since_last(due: Instant, now: Instant, period: Duration) -> Duration {
    let period = period.as_nanos().max(1);
    // The remainder is smaller than the time between two instants, which fits in 64 bits.
    Duration::from_nanos(((now - due).as_nanos() % period) as u64)
}

/// Ticks: the result of [`interval`]. Also a `Stream` that does not end.
#[derive(Debug)]
#[must_use = "an interval does nothing unless its ticks are awaited"]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
    missed: MissedTickBehavior,
}

impl Interval {
    #[track_caller]
    fn new(sleep: Sleep, period: Duration) -> Interval {
        assert!(!period.is_zero(), "an interval needs a period longer than zero");
        Interval { sleep, period, missed: MissedTickBehavior::default() }
    }

    /// The next tick: the instant at which it was due.
    ///
    /// # Cancellation
    ///
    /// **Safe**: a tick counts as fetched only when it is returned.
    ///
    /// # Panics
    ///
    /// If the runtime has ended.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// [`tick`](Interval::tick), by polling.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        use core::future::Future as _;
        if Pin::new(&mut self.sleep).poll(cx).is_pending() {
            return Poll::Pending;
        }
        let due = self.sleep.deadline();
        let now = self.sleep.now();
        self.sleep.reset(self.missed.next(due, now, self.period));
        Poll::Ready(due)
    }

    /// Moves the schedule: the next tick is a period from now.
    pub fn reset(&mut self) {
        let next = self.sleep.now() + self.period;
        self.sleep.reset(next);
    }

    /// The time between ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// What happens to ticks that were missed.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Chooses what happens to ticks that are missed.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }
}

impl Stream for Interval {
    type Item = Instant;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.get_mut().poll_tick(cx).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_ticks_follow_the_table() {
        let at = Instant::from_nanos;
        let ten = Duration::from_nanos(10);
        let next = |missed: MissedTickBehavior| missed.next(at(10), at(35), ten);
        assert_eq!(next(MissedTickBehavior::Burst), at(20));
        assert_eq!(next(MissedTickBehavior::Delay), at(45));
        assert_eq!(next(MissedTickBehavior::Skip), at(40));
        for missed in [MissedTickBehavior::Delay, MissedTickBehavior::Skip] {
            assert_eq!(missed.next(at(10), at(12), ten), at(20), "in time");
            assert_eq!(missed.next(at(10), Instant::MAX, Duration::MAX), Instant::MAX);
        }
    }
}
