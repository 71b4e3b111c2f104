//! Faults that are built in for the tests of the conformance suite: absent from normal builds.

#[cfg(runtime_mutants)]
mod on {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use runtime_traits::time::Instant;

    static FIRED: AtomicU64 = AtomicU64::new(0);

    /// Whether this process has the fault of this name; counts that it shows.
    pub(crate) fn on(name: &str) -> bool {
        static CHOSEN: OnceLock<String> = OnceLock::new();
        let is_chosen =
            CHOSEN.get_or_init(|| std::env::var("RUNTIME_MUTANT").unwrap_or_default()) == name;
        FIRED.fetch_add(u64::from(is_chosen), Ordering::Relaxed);
        is_chosen
    }

    /// How often the fault has shown itself.
    pub fn fired() -> u64 {
        FIRED.load(Ordering::Relaxed)
    }

    /// A little later than the deadline, so that others are due with it.
    pub(crate) fn coalesced(at: Instant) -> Instant {
        at + Duration::from_micros(999)
    }
}

#[cfg(not(runtime_mutants))]
mod off {
    use runtime_traits::time::Instant;

    /// No.
    pub(crate) const fn on(_: &str) -> bool {
        false
    }

    /// As it is.
    pub(crate) const fn coalesced(at: Instant) -> Instant {
        at
    }
}

#[cfg(not(runtime_mutants))]
pub(crate) use off::{coalesced, on};
#[cfg(runtime_mutants)]
pub use on::fired;
#[cfg(runtime_mutants)]
pub(crate) use on::{coalesced, on};
