//! Mutants of the group TIME.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use runtime_conformance::twist::{Twist, fired};
use runtime_traits::hooks::{Key, Timer};
use runtime_traits::time::Instant;
use runtime_traits::{Gone, Handle};

use super::Impossible;
use crate::decorate::Decorated;
use crate::mutant::Mutant;

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist(
        "M-TIME-1",
        "Deadlines are truncated to whole milliseconds: timers fire up to 1 ms early.",
        || Arc::new(OnTimer(|inner| Box::new(RoundsDown(inner)))),
    )
    .breaks(&["TIME-1"]),
    Mutant::twist("M-TIME-1b", "A timer begins to wait when it is first polled.", || {
        Arc::new(OnTimer(|inner| Box::new(StartsLate(inner))))
    })
    .breaks(&["TIME-1"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

/// A twist that replaces the timer.
struct OnTimer(fn(Handle) -> Box<dyn Timer>);

impl Twist for OnTimer {
    fn runtime(&self, inner: Handle) -> Handle {
        Decorated::over(inner.clone()).timer((self.0)(inner)).handle()
    }
}

/// The timer of the runtime beneath.
fn timer(inner: &Handle) -> &dyn Timer {
    inner.runtime().timer().expect("the case was asked because `time` is declared")
}

// ── M-TIME-1 ────────────────────────────────────────────────────────────────────────────────────

struct RoundsDown(Handle);

impl Timer for RoundsDown {
    fn now(&self) -> Instant {
        timer(&self.0).now()
    }

    fn poll_until(
        &self,
        key: &mut Key,
        at: Instant,
        slack: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        fired();
        let down = Instant::from_nanos(at.as_nanos() / 1_000_000 * 1_000_000);
        timer(&self.0).poll_until(key, down, slack, cx)
    }

    fn forget(&self, key: &mut Key) {
        timer(&self.0).forget(key);
    }
}

// ── M-TIME-1b ───────────────────────────────────────────────────────────────────────────────────

struct StartsLate(Handle);

impl Timer for StartsLate {
    fn now(&self) -> Instant {
        timer(&self.0).now()
    }

    fn poll_until(
        &self,
        key: &mut Key,
        at: Instant,
        slack: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        let late = self.now() + Duration::from_millis(1);
        if key.is_none() && late > at {
            fired();
            return timer(&self.0).poll_until(key, late, slack, cx);
        }
        timer(&self.0).poll_until(key, at, slack, cx)
    }

    fn forget(&self, key: &mut Key) {
        timer(&self.0).forget(key);
    }
}
