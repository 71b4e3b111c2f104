//! Clocks that are wrong, old, or hot; and timers where there is none.

use std::any::{Any, TypeId};
use std::cell::Cell;
use std::collections::HashSet;
use std::future::pending;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use runtime_conformance::clauses::time::Outside;
use runtime_conformance::twist::{Twist, fired};
use runtime_traits::hooks::{Key, Timer};
use runtime_traits::time::Instant;
use runtime_traits::{Gone, Handle};

use super::OnPoll;

type Polled = Poll<Result<(), Gone>>;

// ── M-TIME-9 ────────────────────────────────────────────────────────────────────────────────────

/// Twelve days.
const OLD: Instant = Instant::from_nanos((1 << 30) * 1_000_000);

/// Deadlines that never come, by key.
#[derive(Default)]
pub(super) struct DiesOfAge(Mutex<HashSet<u64>>);

impl DiesOfAge {
    /// Not held while the runtime is called, which clones wakers.
    fn lock(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OnPoll for DiesOfAge {
    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Polled {
        if at == Instant::MAX {
            let polled = inner.poll_until(key, at, Duration::ZERO, cx);
            self.lock().insert(key.raw());
            return polled;
        }
        if inner.now() > OLD && at > inner.now() && !self.lock().is_empty() {
            fired();
            return inner.poll_until(key, Instant::MAX, Duration::ZERO, cx);
        }
        inner.poll_until(key, at, Duration::ZERO, cx)
    }

    fn forget(&self, inner: &dyn Timer, key: &mut Key) {
        self.lock().remove(&key.raw());
        inner.forget(key);
    }
}

// ── M-TIME-10 ───────────────────────────────────────────────────────────────────────────────────

thread_local! {
    /// What the clock said, and how often that was passed on.
    static CACHED: Cell<(Option<Instant>, u32)> = const { Cell::new((None, 0)) };
}

/// How often a reading is passed on.
const KEPT: u32 = 16;

pub(super) struct CachedByThread;

impl OnPoll for CachedByThread {
    fn now(&self, inner: &dyn Timer) -> Instant {
        if Handle::try_current().is_ok() {
            return inner.now();
        }
        match CACHED.get() {
            (Some(now), times) if times < KEPT => {
                fired();
                CACHED.set((Some(now), times + 1));
                now
            }
            _ => {
                let now = inner.now();
                CACHED.set((Some(now), 0));
                now
            }
        }
    }
}

// ── M-TIME-11 ───────────────────────────────────────────────────────────────────────────────────

pub(super) struct Polls;

impl OnPoll for Polls {
    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Polled {
        let now = inner.now();
        let ahead = at - now;
        if ahead.is_zero() {
            return inner.poll_until(key, at, Duration::ZERO, cx);
        }
        if ahead < Duration::from_millis(1) {
            fired();
            cx.waker().wake_by_ref();
            return inner.poll_until(key, at, Duration::ZERO, cx);
        }
        // As a driver that waits for whole milliseconds: it wakes in the last one.
        let wakes = Instant::from_nanos(at.as_nanos() - 999_999);
        let polled = inner.poll_until(key, wakes, Duration::ZERO, cx);
        if polled == Poll::Ready(Ok(())) {
            cx.waker().wake_by_ref(); // it came just now
            return Poll::Pending;
        }
        polled
    }
}

// ── M-TIME-12 ───────────────────────────────────────────────────────────────────────────────────

pub(super) struct SleepsAnywhere(Outside);

impl Default for SleepsAnywhere {
    fn default() -> SleepsAnywhere {
        SleepsAnywhere(Outside {
            try_sleep: |_| {
                fired();
                Some(Box::pin(pending()))
            },
            ..Outside::default()
        })
    }
}

impl Twist for SleepsAnywhere {
    fn calls(&self, group: TypeId) -> Option<&dyn Any> {
        (group == TypeId::of::<Outside>()).then_some(&self.0)
    }
}
