//! Time: a table of tokio's sleeps, boxed once and used again and again.
//!
//! A tokio `Sleep` may not move once it was polled, so each slot of the table has one box for it,
//! which stays when the sleep goes. Letting a sleep go also releases its waker.
//!
//! # Never early
//!
//! tokio counts milliseconds, so "elapsed" is taken as a hint: a deadline is reached when
//! [`now`](Timer::now) says so. That also serves deadlines that are too far away for tokio: we sleep
//! towards them in steps of [`FAR`].
//!
//! # Foreign code
//!
//! A waker is cloned, and sometimes dropped, under the lock of the slot that its key names. Only the
//! holder of the key ever asks for that lock. It is woken through a [`Way`], which contains its panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime_traits::Gone;
use runtime_traits::hooks::{Key, Timer};
use runtime_traits::time::Instant;
use tokio::time::Sleep;

use crate::budget;
use crate::shared::Shared;
use crate::table::Table;
use crate::way::Way;

/// The longest single sleep. tokio's wheel ends after two years, and saturates.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// What a sleep that ended too early is lengthened by at least, so that nobody spins.
const TICK: Duration = Duration::from_millis(1);

/// The clock's beginning, and the sleeps.
pub(crate) struct Timers {
    epoch: tokio::time::Instant,
    sleeps: Table<Slot>,
}

#[derive(Default)]
struct Slot {
    /// The deadline that was asked for; the sleep may end before it.
    at: u64,
    sleep: Option<Pin<Box<Option<Sleep>>>>,
    /// Stays as long as the table.
    way: Option<Way>,
}

impl Timers {
    pub(crate) fn new(tokio: &tokio::runtime::Handle) -> Timers {
        let _context = tokio.enter(); // or a paused clock would not be seen
        Timers { epoch: tokio::time::Instant::now(), sleeps: Table::new() }
    }

    fn now(&self) -> Instant {
        let since = tokio::time::Instant::now().saturating_duration_since(self.epoch);
        Instant::ZERO + since
    }

    /// `at` on tokio's clock, or as near to it as one sleep goes.
    fn aim(&self, at: Instant, now: Instant) -> tokio::time::Instant {
        let at = at.min(now + FAR);
        self.epoch + at.duration_since(Instant::ZERO)
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
        let now = self.timers().now();
        if now >= at {
            self.forget(key);
            return Poll::Ready(Ok(()));
        }
        let polled = match self.timers().sleeps.with(key.raw(), |slot| self.poll(slot, at, now, cx))
        {
            Some(polled) => polled,
            None => self.arm(key, at, now, cx),
        };
        if polled.is_ready() {
            self.forget(key);
        }
        polled
    }

    fn forget(&self, key: &mut Key) {
        let key = key.take();
        if !key.is_none() {
            let waker = self.timers().sleeps.remove(key.raw(), Slot::clear);
            drop(waker); // outside the lock
        }
    }
}

impl Shared {
    fn arm(
        &self,
        key: &mut Key,
        at: Instant,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        let mut polled = Poll::Pending;
        *key = Key::from_raw(
            self.timers().sleeps.insert(|slot| polled = self.poll(slot, at, now, cx)),
        );
        polled
    }

    /// Polls the sleep of `slot`, which is made or moved to `at` first.
    fn poll(
        &self,
        slot: &mut Slot,
        at: Instant,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        // tokio panics when its runtime ended between our look and the poll.
        let poll = || self.poll_sleep(slot, at, now, cx);
        catch_unwind(AssertUnwindSafe(poll)).unwrap_or(Poll::Ready(Err(Gone)))
    }

    fn poll_sleep(
        &self,
        slot: &mut Slot,
        at: Instant,
        mut now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        let mut aim = Some(self.timers().aim(at, now));
        let sleep = slot.sleep.get_or_insert_with(|| Box::pin(None));
        if sleep.is_none() {
            let _context = self.tokio().enter();
            sleep.set(aim.take().map(tokio::time::sleep_until));
        } else if slot.at == at.as_nanos() {
            aim = None;
        }
        slot.at = at.as_nanos();
        let way = slot.way.get_or_insert_with(Way::new);
        way.lead_to(cx.waker());
        let cx = &mut Context::from_waker(way.waker());
        while let Some(mut sleep) = sleep.as_mut().as_pin_mut() {
            if let Some(aim) = aim {
                sleep.as_mut().reset(aim);
            }
            if budget::poll(cx, |cx| sleep.as_mut().poll(cx)).is_pending() {
                return Poll::Pending;
            }
            now = self.timers().now();
            if now >= at {
                break;
            }
            aim = Some(self.timers().aim(at.max(now + TICK), now));
        }
        Poll::Ready(Ok(()))
    }
}

impl Slot {
    /// Lets the sleep go; the box stays. Gives the waker, to be dropped outside the lock.
    fn clear(&mut self) -> Option<Waker> {
        if let Some(sleep) = &mut self.sleep {
            sleep.set(None); // had the way's waker only
        }
        self.way.as_ref().and_then(Way::clear)
    }
}
