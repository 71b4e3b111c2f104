//! The clauses that have a test, in the order of the contract.
//!
//! A clause's function takes a [`Case`], builds subjects from it, and panics with a text that starts
//! with the clause's id if it does not hold. Each is named after its sentence; its documentation says
//! the method, and what to look for when it fails. A clause whose halves need different capabilities,
//! or have different evidence, has *parts*, which are cases of their own.
//!
//! A new clause: a function in the file of its group, an entry here, a mutant that only it catches in
//! `tests/mutants.rs`.

mod cancel;
mod ctx;
mod shutdown;
mod task;
mod time;
mod wake;

use std::fmt;

use runtime_traits::Capability;

use crate::case::Case;

/// A numbered promise and its test.
pub(crate) struct Clause {
    /// As in the contract; never reused.
    pub(crate) id: &'static str,
    /// Which part of it, or nothing.
    pub(crate) part: &'static str,
    /// How bad its failure is.
    pub(crate) level: Level,
    /// What a green result is worth.
    pub(crate) evidence: Evidence,
    /// What the test cannot do without.
    pub(crate) needs: &'static [Capability],
    /// The promise.
    pub(crate) sentence: &'static str,
    /// Panics if it does not hold.
    pub(crate) run: fn(&Case<'_>),
}

/// How binding a clause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// A runtime that breaks it does not conform.
    Must,
}

/// What a green result is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The test forces the case it is about.
    Deterministic,
    /// Green can be luck.
    Stochastic,
}

impl Clause {
    /// `TASK-1`, or `WAKE-2/two-wakers`.
    pub(crate) fn name(&self) -> String {
        let slash = if self.part.is_empty() { "" } else { "/" };
        format!("{}{slash}{}", self.id, self.part)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Must => "must",
        })
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Evidence::Deterministic => "deterministic",
            Evidence::Stochastic => "stochastic",
        })
    }
}

/// All of them.
pub(crate) static ALL: &[Clause] = &[
    Clause {
        id: "TASK-1",
        part: "",
        level: Level::Must,
        evidence: Evidence::Deterministic,
        needs: &[],
        sentence: "every accepted task is polled, without anyone awaiting its handle",
        run: task::task_1_a_detached_task_is_polled,
    },
    Clause {
        id: "CANCEL-5",
        part: "",
        level: Level::Must,
        evidence: Evidence::Stochastic,
        needs: &[],
        sentence: "cancelled is seen only after the future's destructor returned",
        run: cancel::cancel_5_cancelled_means_that_the_destructor_returned,
    },
    Clause {
        id: "WAKE-2",
        part: "in-the-poll",
        level: Level::Must,
        evidence: Evidence::Deterministic,
        needs: &[],
        sentence: "a wake from another thread during a poll leads to a later poll",
        run: wake::wake_2_a_foreign_wake_during_the_poll_leads_to_a_later_poll,
    },
    Clause {
        id: "WAKE-2",
        part: "two-wakers",
        level: Level::Must,
        evidence: Evidence::Stochastic,
        needs: &[],
        sentence: "of two foreign wakes that overlap the poll, the later leads to a poll",
        run: wake::wake_2_two_foreign_wakes_lead_to_a_poll_after_both,
    },
    Clause {
        id: "CTX-3",
        part: "",
        level: Level::Must,
        evidence: Evidence::Deterministic,
        needs: &[],
        sentence: "scopes nest, and leaving one restores the previous runtime",
        run: ctx::ctx_3_leaving_a_scope_restores_the_previous_runtime,
    },
    Clause {
        id: "CTX-3",
        part: "runners",
        level: Level::Must,
        evidence: Evidence::Deterministic,
        needs: &[Capability::BlockOn],
        sentence: "runners whose lifetimes do not nest leave each other's scope alone",
        run: ctx::ctx_3_runners_need_not_end_in_reverse_order,
    },
    Clause {
        id: "TIME-1",
        part: "",
        level: Level::Must,
        evidence: Evidence::Stochastic,
        needs: &[Capability::Timer],
        sentence: "a timer is never ready before its deadline",
        run: time::time_1_never_fires_early,
    },
    Clause {
        id: "TIME-1",
        part: "lazy-start",
        level: Level::Must,
        evidence: Evidence::Deterministic,
        needs: &[Capability::Timer],
        sentence: "the deadline is fixed when a timer is made, not when it is first polled",
        run: time::time_1_the_deadline_is_fixed_at_creation,
    },
    Clause {
        id: "SHUTDOWN-3",
        part: "",
        level: Level::Must,
        evidence: Evidence::Deterministic,
        needs: &[],
        sentence: "a task spawned after shutdown is dropped, its handle resolves cancelled",
        run: shutdown::shutdown_3_spawning_afterwards_resolves_cancelled,
    },
    Clause {
        id: "SHUTDOWN-3",
        part: "from-a-destructor",
        level: Level::Must,
        evidence: Evidence::Deterministic,
        needs: &[],
        sentence: "a task spawned during shutdown is dropped, its handle resolves cancelled",
        run: shutdown::shutdown_3_spawning_from_a_destructor_resolves_cancelled,
    },
    Clause {
        id: "SHUTDOWN-3",
        part: "blocking",
        level: Level::Must,
        evidence: Evidence::Deterministic,
        needs: &[Capability::Blocking],
        sentence: "a closure dispatched after shutdown is dropped, its handle resolves cancelled",
        run: shutdown::shutdown_3_dispatching_blocking_work_resolves,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = ALL.iter().map(Clause::name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
