//! Variants that are right, if unusual: the suite must pass every one.
//!
//! `polls` are those of tasks and wakes, `hooks` those of timers, readiness and blocking work,
//! `completes` that of sockets over completion.
//! E-4 (one worker) is the flavour `multi1`; E-15 (a nested `block_on` is refused, panics, works) is a
//! decision, of which the runtimes here make two; E-16 (noise) is what `--full` runs beside the suite.

pub(crate) mod completes;
mod hooks;
mod polls;

use std::sync::Arc;

use runtime_conformance::Cap;

use crate::mutant::{Mutant, Over};

pub(crate) const VARIANTS: &[Mutant] = &[
    Mutant::twist("E-1", "Each wake leads to one poll more than it needs.", || {
        Arc::new(polls::Spurious)
    }),
    Mutant::switch(
        "E-2",
        "The newest ready task is run first, seven times of eight.",
        "newest-first",
    )
    .over(Over::TOY),
    Mutant::switch("E-3", "Ready tasks are run in an order that the seed decides.", "any-order")
        .over(Over::TOY),
    Mutant::twist("E-5", "Each poll is on another thread.", || Arc::new(polls::NewThreads))
        .without(&[Cap::Local]),
    Mutant::twist("E-6", "Timers are up to 80 ms late.", || Arc::new(hooks::LateTimers)),
    Mutant::twist("E-7", "Readiness is reported that is none.", || Arc::new(hooks::Spurious)),
    Mutant::twist("E-9", "Wakes are passed on by a helper thread, after up to 5 ms.", || {
        Arc::new(polls::SlowWakes)
    }),
    Mutant::twist(
        "E-10",
        "Futures are dropped by another thread, with the runtime current.",
        || Arc::new(polls::Reaped),
    ),
    Mutant::twist(
        "E-11",
        "Each blocking closure has a thread of its own, which ends with it.",
        || Arc::new(hooks::NoPool),
    ),
    Mutant::twist("E-12", "An abort is passed on by a helper thread, later.", || {
        Arc::new(polls::SlowAborts)
    }),
    Mutant::twist("E-13", "Whoever joins is woken twice.", || Arc::new(polls::WakesTwice)),
    Mutant::twist("E-14", "The clock moves in steps of 16 ms.", || Arc::new(hooks::CoarseClock)),
    Mutant::twist(
        "E-17",
        "Sockets complete operations instead of being ready: out of order, late, short.",
        completes::Completes::boxed,
    )
    .with(completes::WITH)
    .without(completes::WITHOUT),
];
