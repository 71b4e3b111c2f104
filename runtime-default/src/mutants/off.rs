//! No faults.

/// Whether this process has the fault of this name: never.
#[allow(dead_code, reason = "used where there are faults")]
#[inline]
pub(crate) const fn on(_: &str) -> bool {
    false
}

/// The same.
#[inline]
pub(crate) const fn is_chosen(_: &str) -> bool {
    false
}

/// Whether this worker's thread ends here: never.
#[inline]
pub(crate) const fn ends_here() -> bool {
    false
}

/// Whether the home of a local task is left asleep: never.
#[inline]
pub(crate) fn lets_sleep(_: impl FnOnce() -> bool) -> bool {
    false
}

/// Whether a home has run as many local tasks as it does at a time: never.
#[inline]
pub(crate) fn is_turn_over(_: impl FnOnce() -> bool) -> bool {
    false
}

/// A thread is about to sleep.
#[inline]
pub(crate) const fn before_sleep() {}

/// Whether it overlooks the work that there is: never.
#[inline]
pub(crate) const fn overlooks_work() -> bool {
    false
}
