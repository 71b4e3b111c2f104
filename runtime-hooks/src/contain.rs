//! Runs foreign code so that its panic stays here.
//!
//! Everything that a user supplies (futures, destructors, wakers, panic payloads) passes through
//! this module. Without `std` nothing can be caught: a panic there ends the program anyway.

#[cfg(feature = "std")]
mod imp {
    use alloc::boxed::Box;
    use core::any::Any;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// What a panic carried.
    pub(crate) type Payload = Box<dyn Any + Send>;

    /// Calls `f`; a panic comes back as `Err`.
    ///
    /// Unwind safety is the caller's promise: it looks at nothing that `f` may have left half done,
    /// except to drop it.
    #[inline]
    pub(crate) fn contain<T>(f: impl FnOnce() -> T) -> Result<T, Payload> {
        catch_unwind(AssertUnwindSafe(f))
    }

    /// Drops a payload whose own destructor may panic, again and again.
    pub(crate) fn discard(payload: Payload) {
        if let Err(second) = contain(|| drop(payload)) {
            // A destructor that panicked with something that panics too: leaking ends the chain.
            core::mem::forget(second);
        }
    }
}

#[cfg(not(feature = "std"))]
mod imp {
    /// Never made: without `std` a panic is not caught.
    pub(crate) enum Payload {}

    #[inline]
    pub(crate) fn contain<T>(f: impl FnOnce() -> T) -> Result<T, Payload> {
        Ok(f())
    }

    pub(crate) fn discard(payload: Payload) {
        match payload {}
    }
}

pub(crate) use imp::{Payload, contain, discard};

/// Calls `f` and throws its panic away: the panic hook has printed it already.
pub(crate) fn contain_quietly(f: impl FnOnce()) {
    if let Err(payload) = contain(f) {
        discard(payload);
    }
}
