//! Mutants of the group TIME.

mod clock;
mod firing;
mod keeping;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use runtime_conformance::twist::Twist;
use runtime_traits::hooks::{Key, Timer};
use runtime_traits::time::Instant;
use runtime_traits::{Gone, Handle};

use super::Impossible;
use crate::decorate::Decorated;
use crate::mutant::{Detection, Mutant, Over};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist(
        "M-TIME-1",
        "Deadlines are truncated to whole milliseconds: timers fire up to 1 ms early.",
        || OnTimer::twist(|_| firing::RoundsDown),
    )
    .breaks(&["TIME-1"])
    .tolerates(&["CTX-10", "REACTOR-8"]), // early abroad and under signals, too
    Mutant::twist("M-TIME-1b", "A timer begins to wait when it is first polled.", || {
        OnTimer::twist(|_| firing::StartsLate)
    })
    .breaks(&["TIME-1"]),
    Mutant::twist(
        "M-TIME-2",
        "A deadline that equals the clock when it is armed is never armed.",
        || OnTimer::twist(|_| firing::StrictlyGreater),
    )
    .breaks(&["TIME-2"])
    .detected(Detection::Hangs),
    Mutant::twist("M-TIME-3", "Deadlines beyond 2^63 ns wrap, and fire at once.", || {
        OnTimer::twist(|_| firing::Wraps)
    })
    .breaks(&["TIME-3"]),
    Mutant::twist(
        "M-TIME-4",
        "A thread outside that arms an earlier deadline does not wake the driver.",
        || OnTimer::twist(|_| firing::DoesNotRing::default()),
    )
    .breaks(&["TIME-4"])
    .detected(Detection::Hangs),
    Mutant::twist("M-TIME-4b", "A pending timer that moves to an earlier deadline stays.", || {
        OnTimer::twist(|_| firing::OnlyLater::default())
    })
    .breaks(&["TIME-4"])
    .tolerates(&["TIME-3", "TIME-6", "CTX-10"])
    .detected(Detection::Hangs),
    // The table stands before the runtime's own: what is overwritten there is never woken, as if the
    // runtime's were keyed so, and every runtime can have it.
    Mutant::twist("M-TIME-5", "Equal deadlines overwrite each other.", || {
        OnTimer::twist(|inner| keeping::ByInstant::new(inner.clone()))
    })
    .breaks(&["TIME-8"])
    .tolerates(&["PANIC-3"]) // timers of one instant are its subject
    .detected(Detection::Hangs),
    Mutant::twist("M-TIME-5b", "A timer that is dropped stays armed, with its waker.", || {
        OnTimer::twist(|_| keeping::ForgetsNothing)
    })
    .breaks(&["TIME-5"])
    .tolerates(&["CANCEL-8", "LEAK-2", "LEAK-1", "LEAK-4"]),
    Mutant::twist("M-TIME-6", "A pending timer that moves to a later deadline stays.", || {
        OnTimer::twist(|_| firing::OnlyEarlier::default())
    })
    .breaks(&["TIME-6"]),
    Mutant::twist("M-TIME-7", "The first waker that polled a timer stays, until a reset.", || {
        OnTimer::twist(|_| keeping::FirstWaker::default())
    })
    .breaks(&["TIME-7"])
    // There a timer is polled by two runtimes.
    .tolerates(&["CTX-10"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-TIME-9",
        "After 2^30 ms of uptime, timers stand behind one that never fires.",
        || OnTimer::twist(|_| clock::DiesOfAge::default()),
    )
    .breaks(&["TIME-9"])
    .over(Over::TOY),
    Mutant::twist("M-TIME-10", "Threads outside the runtime see a clock that they cache.", || {
        OnTimer::twist(|_| clock::CachedByThread)
    })
    .breaks(&["TIME-10"]),
    Mutant::twist("M-TIME-11", "The last millisecond before a deadline is polled through.", || {
        OnTimer::twist(|_| clock::Polls)
    })
    .breaks(&["TIME-11"])
    .detected(Detection::Burns),
    Mutant::twist("M-TIME-12", "A timer without a runtime is made, and never fires.", || {
        Arc::new(clock::SleepsAnywhere::default())
    })
    .breaks(&["TIME-12"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

/// What is different about a timer. Each default body passes on.
pub(crate) trait OnPoll: Send + Sync + 'static {
    fn now(&self, inner: &dyn Timer) -> Instant {
        inner.now()
    }

    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        inner.poll_until(key, at, Duration::ZERO, cx)
    }

    fn forget(&self, inner: &dyn Timer, key: &mut Key) {
        inner.forget(key);
    }
}

/// A twist that replaces the timer.
pub(crate) struct OnTimer<W>(fn(&Handle) -> W);

impl<W: OnPoll> OnTimer<W> {
    pub(crate) fn twist(make: fn(&Handle) -> W) -> Arc<dyn Twist> {
        Arc::new(OnTimer(make))
    }
}

impl<W: OnPoll> Twist for OnTimer<W> {
    fn runtime(&self, inner: Handle) -> Handle {
        if inner.runtime().timer().is_none() {
            return inner;
        }
        let with = (self.0)(&inner);
        Decorated::over(inner.clone()).timer(Box::new(Wrapped { inner, with })).handle()
    }
}

struct Wrapped<W> {
    inner: Handle,
    with: W,
}

impl<W> Wrapped<W> {
    fn inner(&self) -> &dyn Timer {
        self.inner.runtime().timer().expect("looked for when it was made")
    }
}

impl<W: OnPoll> Timer for Wrapped<W> {
    fn now(&self) -> Instant {
        self.with.now(self.inner())
    }

    fn poll_until(
        &self,
        key: &mut Key,
        at: Instant,
        _: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        self.with.poll_until(self.inner(), key, at, cx)
    }

    fn forget(&self, key: &mut Key) {
        self.with.forget(self.inner(), key);
    }
}
