//! Foreign code on our threads: what it throws stays here.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs foreign code and drops a panic of it; the panic hook has had its say by then.
///
/// A payload whose own destructor panics is contained as well, and what that one throws is leaked.
pub(crate) fn contain(foreign: impl FnOnce()) {
    // Unwind safety: callers hold no lock and look at nothing the closure may have left half-done.
    let Err(payload) = catch_unwind(AssertUnwindSafe(foreign)) else { return };
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::panic_any;

    #[test]
    fn a_payload_that_panics_when_dropped_is_contained() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic_any(1);
            }
        }
        contain(|| panic_any(Bomb));
    }
}
