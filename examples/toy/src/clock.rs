//! Time that stands still: a number under the lock.

use std::task::{Context, Poll};
use std::time::Duration;

use runtime_traits::Gone;
use runtime_traits::hooks::{Key, Timer, VirtualTime};
use runtime_traits::time::Instant;

use crate::Shared;

impl Timer for Shared {
    fn now(&self) -> Instant {
        self.lock().now
    }

    fn poll_until(
        &self,
        key: &mut Key,
        at: Instant,
        _slack: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        let mut waker = Some(cx.waker().clone()); // foreign code: before the lock (Y1)
        let mut inner = self.lock();
        let (answer, old) = if inner.closed {
            (Poll::Ready(Err(Gone)), inner.disarm(key.take().raw()))
        } else if inner.now >= at {
            (Poll::Ready(Ok(())), inner.disarm(key.take().raw()))
        } else {
            let (raw, old) = inner.arm(key.raw(), at, &mut waker);
            *key = Key::from_raw(raw);
            (Poll::Pending, old)
        };
        drop(inner);
        self.bell.notify_all();
        drop((old, waker)); // foreign code: after the lock
        answer
    }

    fn forget(&self, key: &mut Key) {
        let old = self.lock().disarm(key.take().raw());
        drop(old);
    }
}

impl VirtualTime for Shared {
    fn advance_to(&self, to: Instant) {
        let due = self.change(|inner| {
            inner.turn_to(to);
            inner.due()
        });
        due.into_iter().for_each(std::task::Waker::wake);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.lock().next_deadline()
    }
}
