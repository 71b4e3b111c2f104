//! The parts of the reference runtime. Soon: the runtime itself.

mod contain;
mod driver;
mod hooks;
mod pool;
mod reactor;
mod sync;
mod sys;
mod table;
#[cfg(test)]
mod testing;
mod timers;
mod wheel;

/// Parts that stand alone, for other runtime authors.
pub mod parts {
    pub use crate::driver::Driver;
    pub use crate::pool::{Pool, PoolConfig, ThreadHook};
    pub use crate::reactor::Reactor;
    pub use crate::table::Table;
    pub use crate::timers::{Clock, Timers};
    pub use crate::wheel::{NEVER, TimerState, Wheel};
}
