//! Mutants of the group SIM.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, OnceLock};

use runtime_conformance::twist::fired;
use runtime_traits::hooks::Timer;
use runtime_traits::time::Instant;

use super::Impossible;
use super::benign::order::Any;
use super::fair::pumped::Reordered;
use super::time::{OnPoll, OnTimer};
use crate::mutant::{Detection, Mutant, Over};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist("M-SIM-1", "The virtual clock shows microseconds of the machine's.", || {
        OnTimer::twist(|_| ShowsRealTime)
    })
    .breaks(&["SIM-4", "SIM-2"])
    .tolerates(&["TIME-1"])
    .over(Over::TOY),
    Mutant::twist("M-SIM-2", "The order of ready tasks is another one in each process.", || {
        Arc::new(Reordered(|_| Box::new(Any::seeded(RandomState::new().hash_one(0)))))
    })
    .breaks(&["SIM-2"])
    .over(Over::TOY),
    Mutant::switch(
        "M-SIM-3",
        "Deadlines closer than a millisecond are reached together.",
        "coalesces-deadlines",
    )
    .breaks(&["SIM-1"])
    .over(Over::TOY),
    Mutant::switch("M-SIM-4", "The seed is ignored.", "ignores-its-seed")
        .breaks(&["SIM-3"])
        .over(Over::TOY),
    Mutant::switch("M-SIM-5", "A stalled simulation spins silently.", "spins-when-stalled")
        .breaks(&["SIM-5"])
        .detected(Detection::Hangs)
        .over(Over::TOY),
    Mutant::switch("M-SIM-6", "Time passes over blocking work.", "jumps-over-blocking-work")
        .breaks(&["SIM-6"])
        .over(Over::TOY),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

// ── M-SIM-1 ─────────────────────────────────────────────────────────────────────────────────────

struct ShowsRealTime;

impl OnPoll for ShowsRealTime {
    fn now(&self, inner: &dyn Timer) -> Instant {
        static START: OnceLock<std::time::Instant> = OnceLock::new();
        fired();
        let micros = START.get_or_init(std::time::Instant::now).elapsed().as_micros() as u64;
        Instant::from_nanos(inner.now().as_nanos() + micros * 1_000)
    }
}
