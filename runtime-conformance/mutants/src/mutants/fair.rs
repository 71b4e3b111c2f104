//! Mutants of the group FAIR.

mod orders;
pub(crate) mod pumped;
mod starving;

use std::sync::Arc;

use super::Impossible;
use crate::mutant::{Detection, Mutant, Over};
use pumped::Reordered;

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist(
        "M-FAIR-1",
        "A slot for the task woken last is taken first, without bound.",
        || Arc::new(Reordered(|_| Box::new(orders::LastWokenFirst::default()))),
    )
    .breaks(&["FAIR-3"])
    .over(Over::CURRENT),
    Mutant::twist("M-FAIR-2", "A task that wakes itself goes to the front of the queue.", || {
        Arc::new(Reordered(|_| Box::new(orders::YieldsToFront::default())))
    })
    .breaks(&["FAIR-1"])
    .tolerates(&["WAKE-1", "SHUTDOWN-1"]) // which has tasks that wake themselves beside others
    .over(Over::CURRENT),
    Mutant::twist(
        "M-FAIR-2b",
        "With two workers, a task that wakes itself goes to the front of the queue.",
        || Arc::new(Reordered(|_| Box::new(orders::YieldsToFront::default()))),
    )
    .breaks(&["FAIR-1"])
    .tolerates(&["WAKE-1", "SHUTDOWN-1"]) // as above
    .detected(Detection::Hangs),
    Mutant::twist("M-FAIR-3", "Timers wake nobody while a task is ready.", || {
        Arc::new(starving::TimersWhenIdle)
    })
    .breaks(&["FAIR-2"])
    .detected(Detection::Hangs),
    Mutant::twist("M-FAIR-3b", "Readiness wakes nobody while a task is ready.", || {
        Arc::new(starving::EventsWhenIdle)
    })
    .breaks(&["FAIR-2"])
    .detected(Detection::Hangs),
    Mutant::switch("M-FAIR-4", "Others do not steal from a worker's own queue.", "no-stealing")
        .breaks(&["FAIR-5"])
        .detected(Detection::Hangs),
    // For runtimes that have no switches.
    Mutant::twist("M-FAIR-4b", "A worker's own queue is not looked into by others.", || {
        Arc::new(Reordered(|pumps| Box::new(orders::KeepsItsOwn::new(pumps))))
    })
    .breaks(&["FAIR-5"])
    .detected(Detection::Hangs),
    Mutant::twist("M-FAIR-5", "The budget is without end.", || Arc::new(starving::NoBudget))
        .breaks(&["FAIR-4"])
        .tolerates(&["CAP-coop"]) // the same, asked of the budget
        .over(Over::CURRENT),
    Mutant::twist("M-FAIR-6", "The root is polled until it has not woken itself.", || {
        Arc::new(starving::RootGoesOn)
    })
    .breaks(&["FAIR-5"])
    // Roots that give way until something is so.
    .tolerates(&["WAKE-1", "JOIN-1", "JOIN-3", "JOIN-6", "WAKE-10", "LEAK-1"])
    .over(Over::CURRENT),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];
