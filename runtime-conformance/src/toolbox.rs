//! What makes tests deterministic: rendezvous instead of sleeps, counts instead of guesses.
//!
//! The clauses use it; a runtime's own tests may.

mod gate;
mod probe;
mod random;
mod tally;
mod waker;

pub mod foreign;

pub use gate::Gate;
pub use probe::{Probe, Record};
pub use random::Random;
pub use tally::Tally;
pub use waker::{WakeCount, hand_poll};
