//! The parts of the reference runtime. Soon: the runtime itself.

mod contain;
mod pool;
mod sync;
mod sys;
mod table;
mod wheel;

/// Parts that stand alone, for other runtime authors.
pub mod parts {
    pub use crate::pool::{Pool, PoolConfig, ThreadHook};
    pub use crate::table::Table;
    pub use crate::wheel::{NEVER, TimerState, Wheel};
}
