//! What a mutant is, and how it is registered.

use std::sync::Arc;

use runtime_conformance::Cap;
use runtime_conformance::twist::Twist;

/// A runtime that is wrong in one narrow way, or right in an unusual one.
pub(crate) struct Mutant {
    /// `M-TASK-1`; benign variants are `E-1`.
    pub(crate) id: &'static str,
    /// What is wrong, in a sentence.
    pub(crate) says: &'static str,
    /// The clauses that should notice; one of them must.
    pub(crate) breaks: &'static [&'static str],
    /// Other clauses that may notice too.
    pub(crate) tolerates: &'static [&'static str],
    /// What it has, though the runtime beneath has not.
    pub(crate) with: &'static [Cap],
    /// What it does not have, though the runtime beneath has.
    pub(crate) without: &'static [Cap],
    /// How it shows.
    pub(crate) detection: Detection,
    /// How it is made.
    pub(crate) make: Make,
    /// What it is made of, unless the command line says otherwise.
    pub(crate) over: Over,
}

/// How a mutant shows.
#[allow(dead_code, reason = "the vocabulary of all groups, whichever are written")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detection {
    /// An assertion fails, every time.
    Fails,
    /// Something never comes, every time.
    Hangs,
    /// The process ends, every time.
    Crashes,
    /// CPU time is used that should not be.
    Burns,
    /// By chance: 19 of 20 runs must notice.
    Prob,
}

/// How a mutant is made.
pub(crate) enum Make {
    /// By what the suite sees differently.
    Twist(fn() -> Arc<dyn Twist>),
    /// By a switch of this name inside the runtime.
    Switch(&'static str),
}

/// A runtime of this workspace and one of its flavours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) runtime: &'static str,
    pub(crate) flavour: &'static str,
}

#[allow(dead_code, reason = "the vocabulary of all groups, whichever are written")]
impl Over {
    /// Two workers and a real clock: nearly every clause is asked.
    pub(crate) const DEFAULT: Over = Over { runtime: "default", flavour: "multi2" };
    /// One thread, inside `block_on`.
    pub(crate) const CURRENT: Over = Over { runtime: "default", flavour: "current" };
    /// One thread and virtual time.
    pub(crate) const TOY: Over = Over { runtime: "toy", flavour: "sim" };
}

#[allow(dead_code, reason = "the vocabulary of all groups, whichever are written")]
impl Mutant {
    /// A mutant that the suite sees through a twist.
    pub(crate) const fn twist(
        id: &'static str,
        says: &'static str,
        make: fn() -> Arc<dyn Twist>,
    ) -> Mutant {
        Mutant::made(id, says, Make::Twist(make))
    }

    /// A mutant that a runtime has inside, under `--cfg runtime_mutants`.
    pub(crate) const fn switch(id: &'static str, says: &'static str, name: &'static str) -> Mutant {
        Mutant::made(id, says, Make::Switch(name))
    }

    const fn made(id: &'static str, says: &'static str, make: Make) -> Mutant {
        let (breaks, tolerates): (&[&str], &[&str]) = (&[], &[]);
        Mutant {
            id,
            says,
            breaks,
            tolerates,
            with: &[],
            without: &[],
            detection: Detection::Fails,
            make,
            over: Over::DEFAULT,
        }
    }

    /// One of these must notice.
    pub(crate) const fn breaks(mut self, clauses: &'static [&'static str]) -> Mutant {
        self.breaks = clauses;
        self
    }

    /// These may notice too.
    pub(crate) const fn tolerates(mut self, clauses: &'static [&'static str]) -> Mutant {
        self.tolerates = clauses;
        self
    }

    /// It shows in another way than by an assertion.
    pub(crate) const fn detected(mut self, detection: Detection) -> Mutant {
        self.detection = detection;
        self
    }

    /// It declares more than the runtime beneath.
    pub(crate) const fn with(mut self, caps: &'static [Cap]) -> Mutant {
        self.with = caps;
        self
    }

    /// It declares less than the runtime beneath.
    pub(crate) const fn without(mut self, caps: &'static [Cap]) -> Mutant {
        self.without = caps;
        self
    }

    /// It is made of another runtime than runtime-default with two workers.
    pub(crate) const fn over(mut self, over: Over) -> Mutant {
        self.over = over;
        self
    }

    /// Whether it is right, if unusual.
    pub(crate) fn is_benign(&self) -> bool {
        self.breaks.is_empty()
    }
}
