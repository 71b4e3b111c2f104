//! What a runtime's author tells the suite.

use std::fmt;
use std::sync::Arc;

use runtime_traits::Handle;

use crate::twist::Twist;
use crate::{Cap, Decisions};

/// A way of building the runtime under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Flavour {
    /// So many worker threads of its own.
    Multi(usize),
    /// It runs on the thread that is inside `block_on`, and only then.
    Current,
    /// It runs on threads that the harness lends it until the shutdown.
    Lent,
    /// On a runtime of another kind, which the harness has started and which goes on afterwards.
    Hosted,
    /// As `Current`, with a clock that stands still until nothing can run.
    Sim,
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flavour::Multi(workers) => write!(f, "multi{workers}"),
            Flavour::Current => f.write_str("current"),
            Flavour::Lent => f.write_str("lent"),
            Flavour::Hosted => f.write_str("hosted"),
            Flavour::Sim => f.write_str("sim"),
        }
    }
}

impl Flavour {
    /// The flavour that reports call so.
    pub(crate) fn named(name: &str) -> Option<Flavour> {
        let workers = name.strip_prefix("multi").and_then(|workers| workers.parse().ok());
        let others = [Flavour::Current, Flavour::Lent, Flavour::Hosted, Flavour::Sim];
        let other = || others.into_iter().find(|flavour| flavour.to_string() == name);
        workers.map(Flavour::Multi).or_else(other)
    }
}

/// Builds subjects, and says what may be asked of them.
pub trait Harness: Sync {
    /// The runtime's name, for the report.
    fn name(&self) -> &str;

    /// Its version, for the report: usually that of the crate.
    fn version(&self) -> &str {
        "?"
    }

    /// The ways to build it; each runs all clauses.
    fn flavours(&self) -> &[Flavour];

    /// A new instance, running as `flavour` says. Called in a child process, for some clauses more
    /// than once.
    fn build(&self, flavour: Flavour) -> Box<dyn Subject>;

    /// As [`build`](Harness::build), for a runtime whose schedule a seed decides.
    fn build_seeded(&self, flavour: Flavour, seed: u64) -> Box<dyn Subject> {
        let _ = seed;
        self.build(flavour)
    }

    /// What this flavour has beyond the core. A clause that needs something else is skipped; what is
    /// declared and does not work is a failure of `CAP-<name>`.
    fn capabilities(&self, flavour: Flavour) -> &[Cap];

    /// How it decides what the contract leaves open.
    fn decisions(&self) -> Decisions {
        Decisions::default()
    }

    /// How often a fault that was built into the runtime has shown itself.
    #[doc(hidden)]
    fn fired(&self) -> fn() -> u64 {
        || 0
    }
}

/// A runtime under test: its owner, so to say.
///
/// `Send`, because some clauses end it where owners are found in practice: inside a task, a blocking
/// closure, a thread-local. A runtime that must be ended on one thread has an owner that asks that
/// thread.
pub trait Subject: Send {
    /// A handle to it.
    fn handle(&self) -> Handle;

    /// Ends it, and returns when it has ended.
    fn shutdown(self: Box<Self>);

    /// What the suite sees differently from what is there: how its own mutants are made.
    #[doc(hidden)]
    fn twist(&self) -> Option<Arc<dyn Twist>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_flavours_lead_back() {
        for flavour in [Flavour::Multi(12), Flavour::Current, Flavour::Hosted, Flavour::Sim] {
            assert_eq!(Flavour::named(&flavour.to_string()), Some(flavour));
        }
        assert_eq!(Flavour::named("multi"), None);
    }
}
