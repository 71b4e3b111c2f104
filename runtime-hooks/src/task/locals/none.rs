//! No task-locals: without thread-locals there is no place for the current ones.

/// Nothing.
#[derive(Debug, Default)]
pub(super) struct Locals;

impl Locals {
    pub(super) fn handed_on() -> Locals {
        Locals
    }

    #[inline]
    pub(super) fn scope<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }

    pub(super) fn is_empty(&self) -> bool {
        true
    }
}
