//! Variants that are right, if unusual: orders of jobs, and clocks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use runtime_conformance::twist::fired;
use runtime_traits::Gone;
use runtime_traits::hooks::{Key, Runnable, Timer};
use runtime_traits::time::Instant;

use crate::mutant::{Mutant, Over};
use crate::mutants::fair::pumped::{Came, Order, Reordered};
use crate::mutants::time::{OnPoll, OnTimer};

pub(crate) const VARIANTS: &[Mutant] = &[
    Mutant::twist("E-2", "The newest job is next, but the oldest after every eight.", || {
        Arc::new(Reordered(|_| Box::new(Bounded::default())))
    }),
    Mutant::twist("E-3", "Any ready job is next, as a seed decides.", || {
        Arc::new(Reordered(|_| Box::new(Any::seeded(0x5eed))))
    }),
    Mutant::twist("E-3b", "The same on one thread.", || {
        Arc::new(Reordered(|_| Box::new(Any::seeded(0x5eee))))
    })
    .over(Over::CURRENT),
    Mutant::twist("E-6", "Timers are 0 to 80 ms late.", || OnTimer::twist(|_| Late)),
    Mutant::twist("E-14", "The clock moves in steps of 16 ms.", || OnTimer::twist(|_| Coarse)),
];

// ── E-2 ─────────────────────────────────────────────────────────────────────────────────────────

/// How many of the newest are taken in a row.
const IN_A_ROW: usize = 8;

#[derive(Default)]
pub(in crate::mutants) struct Bounded {
    jobs: VecDeque<Runnable>,
    in_a_row: usize,
}

impl Order for Bounded {
    fn push(&mut self, job: Runnable, came: Came, _: Option<usize>) {
        // Who gives way lets everybody else go first.
        match came {
            Came::Yielded => self.jobs.push_front(job),
            Came::Spawned | Came::Woken => self.jobs.push_back(job),
        }
    }

    fn pop(&mut self, _: usize) -> Option<Runnable> {
        if self.in_a_row >= IN_A_ROW {
            self.in_a_row = 0;
            return self.jobs.pop_front();
        }
        self.in_a_row += 1;
        if self.jobs.len() > 1 {
            fired();
        }
        self.jobs.pop_back()
    }
}

// ── E-3 ─────────────────────────────────────────────────────────────────────────────────────────

pub(in crate::mutants) struct Any {
    jobs: Vec<Runnable>,
    seed: u64,
}

impl Any {
    pub(in crate::mutants) fn seeded(seed: u64) -> Any {
        Any { jobs: Vec::new(), seed }
    }
}

impl Order for Any {
    fn push(&mut self, job: Runnable, _: Came, _: Option<usize>) {
        self.jobs.push(job);
    }

    fn pop(&mut self, _: usize) -> Option<Runnable> {
        if self.jobs.is_empty() {
            return None;
        }
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if self.jobs.len() > 1 {
            fired();
        }
        let index = (self.seed >> 33) as usize % self.jobs.len();
        Some(self.jobs.swap_remove(index))
    }
}

// ── E-6 ─────────────────────────────────────────────────────────────────────────────────────────

struct Late;

/// A number that the deadline decides: the same timer is late by as much at every poll.
fn spread(at: Instant, below: u64) -> u64 {
    ((at.as_nanos() ^ 0x5eed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % below
}

impl OnPoll for Late {
    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        if inner.now() >= at {
            return inner.poll_until(key, at, Duration::ZERO, cx);
        }
        fired();
        let late = at + Duration::from_nanos(spread(at, 80_000_000));
        inner.poll_until(key, late, Duration::ZERO, cx)
    }
}

// ── E-14 ────────────────────────────────────────────────────────────────────────────────────────

const STEP: u64 = 16_000_000;

struct Coarse;

impl OnPoll for Coarse {
    fn now(&self, inner: &dyn Timer) -> Instant {
        fired();
        Instant::from_nanos(inner.now().as_nanos() / STEP * STEP)
    }

    /// A deadline is reached when the coarse clock reads so: at the next step.
    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        let step = at.as_nanos().div_ceil(STEP).saturating_mul(STEP);
        inner.poll_until(key, Instant::from_nanos(step), Duration::ZERO, cx)
    }
}
