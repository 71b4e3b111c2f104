//! No faults.

/// Whether this process has the fault of this name: never.
#[allow(dead_code, reason = "used where there are faults")]
#[inline]
pub(crate) const fn on(_: &str) -> bool {
    false
}

/// Holds a thread with the fault of this name up: never.
#[inline]
pub(crate) const fn dawdle(_: &str) {}
