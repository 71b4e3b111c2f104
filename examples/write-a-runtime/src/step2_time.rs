//! Step 2: deadlines.
//!
//! A table of deadlines with a waker each. The loop sleeps until the first one and then takes out
//! what is due. A key is the number of an entry. (A real runtime has a heap or a wheel here.)

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime_traits::Gone;
use runtime_traits::hooks::{Key, Timer};
use runtime_traits::time::Instant;

use crate::{Shared, State};

impl Timer for Shared {
    fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }

    fn poll_until(
        &self,
        key: &mut Key,
        at: Instant,
        _slack: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        self.forget(key);
        let waker = cx.waker().clone(); // foreign code: before the lock (P2)
        let mut state = self.lock();
        if state.closed {
            return Poll::Ready(Err(Gone));
        }
        if self.now() >= at {
            return Poll::Ready(Ok(()));
        }
        state.last += 1; // from 1: zero is `Key::NONE`
        *key = Key::from_raw(state.last);
        state.timers.insert(key.raw(), (at, waker));
        drop(state);
        self.bell.ring(); // the loop may be asleep until a later one (P3)
        Poll::Pending
    }

    fn forget(&self, key: &mut Key) {
        let forgotten = self.lock().timers.remove(&key.take().raw());
        drop(forgotten); // foreign code: after the lock
    }
}

impl State {
    /// How long the loop may sleep.
    pub(crate) fn next_delay(&self, now: Instant) -> Option<Duration> {
        let first = self.timers.values().map(|(at, _)| *at).min()?;
        Some(first - now)
    }

    /// Takes out whoever waits for a deadline that is reached.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<Waker> {
        let due = self.timers.iter().filter(|(_, (at, _))| *at <= now).map(|(number, _)| *number);
        let due: Vec<u64> = due.collect();
        due.iter().filter_map(|number| Some(self.timers.remove(number)?.1)).collect()
    }
}
