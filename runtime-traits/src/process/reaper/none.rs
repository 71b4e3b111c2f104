//! Nothing is left of a process here once nobody has a handle to it.

use std::process::Child;

use super::watched::Watched;

/// Sees to it that nothing stays of `watched`.
pub(super) fn reap(watched: Watched) {
    drop(watched);
}

/// Gives up a child.
pub(super) fn keep(child: Child) {
    drop(child);
}

/// Nothing is ever kept.
pub(super) fn sweep() {}
