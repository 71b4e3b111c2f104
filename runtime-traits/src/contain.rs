//! Runs foreign code (wakers, destructors) so that its panic stays here.

use core::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls `f` and throws its panic away: the panic hook has told about it.
pub(crate) fn contain_quietly(f: impl FnOnce()) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else { return };
    // Its destructor may panic too; what that throws is leaked, which ends the chain.
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(second);
    }
}
