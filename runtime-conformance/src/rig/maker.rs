//! Making runtimes on other threads than the case's.

use crate::rt::Owned;
use crate::{Flavour, Harness};

/// Makes runtimes of the case's flavour, from any thread.
#[derive(Clone, Copy)]
pub(crate) struct Maker<'a> {
    pub(super) harness: &'a dyn Harness,
    pub(super) flavour: Flavour,
    pub(super) seed: u64,
}

impl Maker<'_> {
    /// A new runtime.
    pub(crate) fn rt(&self) -> Owned {
        Owned::new(self.harness.build_seeded(self.flavour, self.seed))
    }
}
