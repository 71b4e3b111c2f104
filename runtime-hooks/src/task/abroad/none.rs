//! Without threads nothing is abroad.

use core::task::Waker;

use super::cell::Raw;

/// Nothing was said.
pub(super) struct Abroad;

impl Abroad {
    pub(super) fn new() -> Abroad {
        Abroad
    }

    /// Not abroad.
    pub(super) unsafe fn abort(&self, _: Raw) -> bool {
        false
    }

    /// Not abroad.
    pub(super) unsafe fn wait(&mut self, _: Raw, _: &Waker) -> Option<bool> {
        None
    }

    /// Not abroad.
    pub(super) unsafe fn let_go(&mut self, _: Raw, _: bool) -> bool {
        false
    }
}
