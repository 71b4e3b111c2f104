//! All mutants, one file for each group. To add one, only that file changes.

pub(crate) mod benign;
pub(crate) mod blocking;
pub(crate) mod blockon;
pub(crate) mod cancel;
pub(crate) mod ctx;
pub(crate) mod fair;
pub(crate) mod fs;
pub(crate) mod io;
pub(crate) mod join;
pub(crate) mod leak;
pub(crate) mod local;
pub(crate) mod panic;
pub(crate) mod proc;
pub(crate) mod reactor;
pub(crate) mod shutdown;
pub(crate) mod signal;
pub(crate) mod sim;
pub(crate) mod task;
pub(crate) mod tcp;
pub(crate) mod time;
pub(crate) mod udp;
pub(crate) mod unix;
pub(crate) mod wake;

use crate::mutant::Mutant;

/// A clause for which there can be no mutant, and why.
pub(crate) type Impossible = (&'static str, &'static str);

/// A group's tables.
type Group = (&'static [Mutant], &'static [Impossible]);

const GROUPS: &[Group] = &[
    (task::MUTANTS, task::IMPOSSIBLE),
    (join::MUTANTS, join::IMPOSSIBLE),
    (cancel::MUTANTS, cancel::IMPOSSIBLE),
    (local::MUTANTS, local::IMPOSSIBLE),
    (wake::MUTANTS, wake::IMPOSSIBLE),
    (blockon::MUTANTS, blockon::IMPOSSIBLE),
    (ctx::MUTANTS, ctx::IMPOSSIBLE),
    (time::MUTANTS, time::IMPOSSIBLE),
    (reactor::MUTANTS, reactor::IMPOSSIBLE),
    (tcp::MUTANTS, tcp::IMPOSSIBLE),
    (udp::MUTANTS, udp::IMPOSSIBLE),
    (unix::MUTANTS, unix::IMPOSSIBLE),
    (io::MUTANTS, io::IMPOSSIBLE),
    (fs::MUTANTS, fs::IMPOSSIBLE),
    (blocking::MUTANTS, blocking::IMPOSSIBLE),
    (proc::MUTANTS, proc::IMPOSSIBLE),
    (signal::MUTANTS, signal::IMPOSSIBLE),
    (shutdown::MUTANTS, shutdown::IMPOSSIBLE),
    (panic::MUTANTS, panic::IMPOSSIBLE),
    (fair::MUTANTS, fair::IMPOSSIBLE),
    (leak::MUTANTS, leak::IMPOSSIBLE),
    (sim::MUTANTS, sim::IMPOSSIBLE),
    (benign::wakes::VARIANTS, &[]),
    (benign::threads::VARIANTS, &[]),
    (benign::sockets::VARIANTS, &[]),
    (benign::order::VARIANTS, &[]),
    (benign::completes::VARIANTS, &[]),
];

/// Every mutant, and the benign variants after them.
pub(crate) fn all() -> impl Iterator<Item = &'static Mutant> {
    GROUPS.iter().flat_map(|(mutants, _)| mutants.iter())
}

/// Every clause that says why it has no mutant.
pub(crate) fn impossible() -> impl Iterator<Item = &'static Impossible> {
    GROUPS.iter().flat_map(|(_, impossible)| impossible.iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<_> = all().map(|mutant| mutant.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all().count());
    }

    #[test]
    fn a_mutant_breaks_something_and_a_variant_nothing() {
        for mutant in all() {
            assert_eq!(mutant.is_benign(), mutant.id.starts_with("E-"), "{}", mutant.id);
        }
    }
}
