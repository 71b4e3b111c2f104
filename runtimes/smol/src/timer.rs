//! Time: a table of smol's timers.
//!
//! smol's clock is the machine's, and its timers compare it with the deadline themselves, so they are
//! not early. Deadlines very far away are approached in steps of [`FAR`], because not every poller
//! takes such times.
//!
//! Each slot of the table keeps a [`Way`] for as long as the table lives, so that nothing is allocated
//! for a deadline, and the waiter's waker is released when it lets its deadline go.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use runtime_traits::Gone;
use runtime_traits::hooks::{Key, Timer};
use runtime_traits::time::Instant;

use crate::shared::Shared;
use crate::table::Table;
use crate::way::Way;

/// The longest single wait.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The clock's beginning, and the deadlines.
pub(crate) struct Timers {
    epoch: std::time::Instant,
    armed: Table<Slot>,
}

#[derive(Default)]
struct Slot {
    /// The deadline that was asked for; the timer may be set to an earlier one.
    at: u64,
    timer: Option<smol::Timer>,
    way: Option<Way>,
}

impl Timers {
    pub(crate) fn new() -> Timers {
        Timers { epoch: std::time::Instant::now(), armed: Table::new() }
    }

    /// Wakes all who wait.
    pub(crate) fn wake_all(&self) {
        let mut ways = Vec::new();
        self.armed.each(|slot| ways.extend(slot.way.clone()));
        ways.iter().for_each(Way::wake);
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.epoch.elapsed()
    }

    /// `at` on the machine's clock, or as near to it as one wait goes.
    fn aim(&self, at: Instant, now: Instant) -> std::time::Instant {
        let at = at.min(now + FAR);
        self.epoch + at.duration_since(Instant::ZERO)
    }

    /// Polls the timer of `slot`, which is made or moved to `at` first.
    fn poll(
        &self,
        slot: &mut Slot,
        at: Instant,
        mut now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let mut aim = Some(self.aim(at, now));
        if slot.timer.is_none() {
            slot.timer = aim.take().map(smol::Timer::at);
        } else if slot.at == at.as_nanos() {
            aim = None;
        }
        slot.at = at.as_nanos();
        let way = slot.way.get_or_insert_with(Way::new);
        way.lead_to(cx.waker());
        let cx = &mut Context::from_waker(way.waker());
        while let Some(timer) = &mut slot.timer {
            if let Some(aim) = aim {
                timer.set_at(aim);
            }
            if Pin::new(timer).poll(cx).is_pending() {
                return Poll::Pending;
            }
            now = self.now();
            if now >= at {
                break;
            }
            aim = Some(self.aim(at, now));
        }
        Poll::Ready(())
    }
}

impl Timer for Shared {
    fn now(&self) -> Instant {
        self.timers().now()
    }

    fn poll_until(
        &self,
        key: &mut Key,
        at: Instant,
        _slack: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        if self.is_closed() {
            self.forget(key);
            return Poll::Ready(Err(Gone));
        }
        let timers = self.timers();
        let now = timers.now();
        if now >= at {
            self.forget(key);
            return Poll::Ready(Ok(()));
        }
        let mut poll = |slot: &mut Slot| match timers.poll(slot, at, now, cx) {
            Poll::Pending if self.is_closed() => Poll::Ready(Err(Gone)),
            polled => polled.map(Ok),
        };
        let polled = timers.armed.with(key.raw(), &mut poll).unwrap_or_else(|| {
            let mut polled = Poll::Pending;
            *key = Key::from_raw(timers.armed.insert(|slot| polled = poll(slot)));
            polled
        });
        if polled.is_ready() {
            self.forget(key);
        }
        polled
    }

    fn forget(&self, key: &mut Key) {
        let key = key.take();
        if !key.is_none() {
            let waker = self.timers().armed.remove(key.raw(), |slot| {
                slot.timer = None; // had the way's waker only
                slot.way.as_ref().and_then(Way::clear)
            });
            drop(waker); // outside the lock
        }
    }
}
