//! No faults.

/// Whether this process has the fault of this name: never.
#[allow(dead_code, reason = "used where there are faults")]
#[inline]
pub(crate) const fn on(_: &str) -> bool {
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
