//! Timers that fire too early, too late, or not at all.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use runtime_conformance::twist::fired;
use runtime_traits::hooks::{Key, Timer};
use runtime_traits::time::Instant;
use runtime_traits::{Gone, Handle};

use super::OnPoll;

type Polled = Poll<Result<(), Gone>>;

// ── M-TIME-1 ────────────────────────────────────────────────────────────────────────────────────

pub(super) struct RoundsDown;

impl OnPoll for RoundsDown {
    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Polled {
        fired();
        let down = Instant::from_nanos(at.as_nanos() / 1_000_000 * 1_000_000);
        inner.poll_until(key, down, Duration::ZERO, cx)
    }
}

// ── M-TIME-1b ───────────────────────────────────────────────────────────────────────────────────

pub(super) struct StartsLate;

impl OnPoll for StartsLate {
    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Polled {
        let late = inner.now() + Duration::from_millis(1);
        if key.is_none() && late > at {
            fired();
            return inner.poll_until(key, late, Duration::ZERO, cx);
        }
        inner.poll_until(key, at, Duration::ZERO, cx)
    }
}

// ── M-TIME-2 ────────────────────────────────────────────────────────────────────────────────────

thread_local! {
    /// What the clock told this thread last.
    static TOLD: Cell<Option<Instant>> = const { Cell::new(None) };
}

pub(super) struct StrictlyGreater;

impl OnPoll for StrictlyGreater {
    fn now(&self, inner: &dyn Timer) -> Instant {
        let now = inner.now();
        TOLD.set(Some(now));
        now
    }

    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Polled {
        if key.is_none() && TOLD.get() == Some(at) {
            fired();
            return Poll::Pending;
        }
        inner.poll_until(key, at, Duration::ZERO, cx)
    }
}

// ── M-TIME-3 ────────────────────────────────────────────────────────────────────────────────────

pub(super) struct Wraps;

impl OnPoll for Wraps {
    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Polled {
        let wraps = at.as_nanos() > 1 << 63;
        if wraps {
            fired();
        }
        inner.poll_until(key, if wraps { Instant::ZERO } else { at }, Duration::ZERO, cx)
    }
}

// ── M-TIME-4 ────────────────────────────────────────────────────────────────────────────────────

/// The earliest deadline that tasks have armed, as far as it goes: what a driver would sleep for.
#[derive(Default)]
pub(super) struct DoesNotRing(Mutex<HashMap<u64, Instant>>);

impl DoesNotRing {
    /// Not held while the runtime is called, which clones wakers.
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The earliest deadline of others after `at`.
    fn sleeps_until(&self, at: Instant) -> Option<Instant> {
        self.lock().values().filter(|other| **other > at).min().copied()
    }
}

impl OnPoll for DoesNotRing {
    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Polled {
        self.lock().remove(&key.raw());
        if Handle::try_current().is_err() && inner.now() < at {
            if let Some(later) = self.sleeps_until(at) {
                fired();
                return inner.poll_until(key, later, Duration::ZERO, cx);
            }
        }
        let polled = inner.poll_until(key, at, Duration::ZERO, cx);
        if polled.is_pending() && Handle::try_current().is_ok() {
            self.lock().insert(key.raw(), at);
        }
        polled
    }

    fn forget(&self, inner: &dyn Timer, key: &mut Key) {
        self.lock().remove(&key.raw());
        inner.forget(key);
    }
}

// ── M-TIME-4b, M-TIME-6 ─────────────────────────────────────────────────────────────────────────

/// The deadlines of what is pending, by key.
#[derive(Default)]
struct Pending(Mutex<HashMap<u64, Instant>>);

impl Pending {
    /// Not held while the runtime is called, which clones wakers.
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls with the deadline that `choose` takes from the one before and the new one.
    fn poll(
        &self,
        (inner, key, at): (&dyn Timer, &mut Key, Instant),
        cx: &mut Context<'_>,
        choose: fn(Instant, Instant) -> Instant,
    ) -> Polled {
        let before = self.lock().remove(&key.raw());
        let chosen = before.map_or(at, |before| choose(before, at));
        if chosen != at {
            fired();
        }
        let polled = inner.poll_until(key, chosen, Duration::ZERO, cx);
        if polled.is_pending() {
            self.lock().insert(key.raw(), chosen);
        }
        polled
    }

    fn forget(&self, inner: &dyn Timer, key: &mut Key) {
        self.lock().remove(&key.raw());
        inner.forget(key);
    }
}

#[derive(Default)]
pub(super) struct OnlyLater(Pending);

impl OnPoll for OnlyLater {
    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Polled {
        if at <= inner.now() {
            return inner.poll_until(key, at, Duration::ZERO, cx); // into the past: TIME-2 asks
        }
        self.0.poll((inner, key, at), cx, Instant::max)
    }

    fn forget(&self, inner: &dyn Timer, key: &mut Key) {
        self.0.forget(inner, key);
    }
}

#[derive(Default)]
pub(super) struct OnlyEarlier(Pending);

impl OnPoll for OnlyEarlier {
    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Polled {
        self.0.poll((inner, key, at), cx, Instant::min)
    }

    fn forget(&self, inner: &dyn Timer, key: &mut Key) {
        self.0.forget(inner, key);
    }
}
