//! Time that stands still: a number under the lock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};
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
        wake_all(due);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.lock().next_deadline()
    }
}

/// Wakes each. What one throws costs the others nothing (PANIC-3), and the loop neither.
pub(crate) fn wake_all(wakers: Vec<Waker>) {
    for waker in wakers {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            // The hook has reported it. Dropping it could throw once more; leaking it cannot.
            std::mem::forget(payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    struct Counts(AtomicUsize);

    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            assert!(self.0.fetch_add(1, Ordering::SeqCst) != 1, "the second wake panics");
        }
    }

    #[test]
    fn a_waker_that_panics_costs_the_others_nothing() {
        let counts = Arc::new(Counts(AtomicUsize::new(0)));
        wake_all((0..4).map(|_| counts.clone().into()).collect());
        assert_eq!(counts.0.load(Ordering::SeqCst), 4);
    }
}
