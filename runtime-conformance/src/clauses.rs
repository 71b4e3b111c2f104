//! The cases of all groups, in the order of the contract.
//!
//! Each group is a file, or a file and a directory, of its own: to add a case, only that file
//! changes. How: `CONTRIBUTING.md` of this package.

pub mod blocking;
pub mod blockon;
pub mod cancel;
pub mod ctx;
pub mod fair;
pub mod fs;
pub mod io;
pub mod join;
pub mod leak;
pub mod local;
pub mod panic;
pub mod proc;
pub mod reactor;
pub mod shutdown;
pub mod signal;
pub mod sim;
pub mod task;
pub mod tcp;
pub mod time;
pub mod udp;
pub mod unix;
pub mod wake;

use crate::case::{Case, Untested};
use crate::declared;

/// A group's tables.
type Group = (&'static [Case], &'static [Untested]);

const GROUPS: &[Group] = &[
    (declared::CASES, &[]),
    (task::CASES, task::UNTESTED),
    (join::CASES, join::UNTESTED),
    (cancel::CASES, cancel::UNTESTED),
    (local::CASES, local::UNTESTED),
    (wake::CASES, wake::UNTESTED),
    (blockon::CASES, blockon::UNTESTED),
    (ctx::CASES, ctx::UNTESTED),
    (time::CASES, time::UNTESTED),
    (reactor::CASES, reactor::UNTESTED),
    (tcp::CASES, tcp::UNTESTED),
    (udp::CASES, udp::UNTESTED),
    (unix::CASES, unix::UNTESTED),
    (io::CASES, io::UNTESTED),
    (fs::CASES, fs::UNTESTED),
    (blocking::CASES, blocking::UNTESTED),
    (proc::CASES, proc::UNTESTED),
    (signal::CASES, signal::UNTESTED),
    (shutdown::CASES, shutdown::UNTESTED),
    (panic::CASES, panic::UNTESTED),
    (fair::CASES, fair::UNTESTED),
    (leak::CASES, leak::UNTESTED),
    (sim::CASES, sim::UNTESTED),
];

/// Every case.
pub(crate) fn cases() -> impl Iterator<Item = &'static Case> {
    GROUPS.iter().flat_map(|(cases, _)| cases.iter())
}

/// The clauses that have a case, once for each.
pub fn tested() -> impl Iterator<Item = &'static str> {
    cases().map(|case| case.id)
}

/// Every clause that says why it has no test.
pub(crate) fn untested() -> impl Iterator<Item = &'static Untested> {
    GROUPS.iter().flat_map(|(_, untested)| untested.iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = cases().map(Case::name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), cases().count());
    }

    #[test]
    fn every_id_is_on_the_page() {
        let ids = cases().map(|case| case.id).chain(untested().map(|untested| untested.id));
        for id in ids {
            assert!(contract::clause(id).is_some(), "{id} is not in clauses.md");
        }
    }

    #[test]
    fn a_clause_is_tested_or_says_why_not() {
        for untested in untested() {
            assert!(cases().all(|case| case.id != untested.id), "{} is tested", untested.id);
            assert!(untested.why.len() > 20, "{}: `{}` is no reason", untested.id, untested.why);
        }
    }
}
