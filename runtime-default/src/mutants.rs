//! Faults that are built in for the tests of the conformance suite: absent from normal builds.
//!
//! Each has a name. A build with `--cfg runtime_mutants` has all of them, and the environment variable
//! `RUNTIME_MUTANT` chooses one; in any other build [`on`] is `false` where it is compiled.

#[cfg(not(runtime_mutants))]
#[path = "mutants/off.rs"]
mod switch;
#[cfg(runtime_mutants)]
#[path = "mutants/on.rs"]
mod switch;

#[allow(unused_imports, reason = "used where there are faults")]
pub(crate) use switch::{
    before_sleep, ends_here, is_chosen, is_turn_over, lets_sleep, on, overlooks_work,
};
#[cfg(runtime_mutants)]
pub use switch::{end_worker, fired};
