//! The parts of the reference runtime. Soon: the runtime itself.

mod sync;
mod sys;
mod wheel;

/// Parts that stand alone, for other runtime authors.
pub mod parts {
    pub use crate::wheel::{NEVER, TimerState, Wheel};
}
