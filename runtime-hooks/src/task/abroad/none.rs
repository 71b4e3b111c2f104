//! Without threads nothing is abroad.

use core::task::Waker;

use super::cell::Raw;

/// Not abroad.
pub(super) unsafe fn abort(_: Raw) -> bool {
    false
}

/// Not abroad.
pub(super) unsafe fn wait(_: Raw, _: &Waker) -> Option<bool> {
    None
}

/// Not abroad.
pub(super) unsafe fn let_go(_: Raw, _: bool) -> bool {
    false
}
