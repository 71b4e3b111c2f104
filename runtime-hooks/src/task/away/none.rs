//! Without threads nothing is abroad.

/// No word.
pub(super) struct Away;

impl Away {
    pub(super) fn new() -> Away {
        Away
    }

    /// What is counted abroad: nothing.
    #[inline]
    pub(super) fn counted(&self) -> usize {
        0
    }

    /// Never called: nothing came from abroad.
    pub(super) fn bring_home(&self) {}
}
