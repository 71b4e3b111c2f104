//! The reference runtime: as complete as the interface, as fast as the best, and built of nothing
//! that a stranger's runtime could not use.
//!
//! ```
//! #[runtime_default::main]
//! async fn main() {
//!     let join = runtime_traits::spawn(async { 1 + 1 });
//!     assert_eq!(join.await.unwrap(), 2);
//! }
//! ```
//!
//! | flavour | tasks run on | made by |
//! |---|---|---|
//! | multi-thread (default) | threads of its own, which steal from each other | [`Runtime::new`] |
//! | current-thread | the thread inside `block_on` | [`Builder::current_thread`] |
//! | lent | the threads you give it | [`Builder::lent_threads`], [`Runtime::run`] |
//!
//! An idle worker waits in the poller itself: no helper thread drives timers and sockets. At rest,
//! nothing wakes up.
//!
//! # What this runtime declares
//!
//! - A nested `block_on` inside one of its own workers is refused
//!   ([`RefusedWhy::NotHere`](runtime_traits::RefusedWhy)); inside a blocking closure, or on another
//!   instance, it works.
//! - Dropped inside one of its own tasks it ends all the same, and its threads follow ([`Runtime`]).
//! - Local tasks live on the workers' threads; with a current-thread runtime that is the thread inside
//!   `block_on`. They are dropped when it leaves.
//! - At most [`Builder::max_blocking_threads`] blocking closures run at a time; more wait. Of these
//!   threads long jobs have three quarters at most, computations as many as there are processors, and one
//!   is always left for short ones. A dedicated job (a read of stdin) has a thread beside them, which no
//!   end waits for.
//! - A budget of 128 operations per poll makes loops over ready I/O give way.
//! - Timers fire within a tick of 2¹⁷ ns after their deadline if the machine is free, never before.
#![forbid(unsafe_op_in_unsafe_fn)]

extern crate self as runtime_default;

mod block_on;
mod budget;
mod builder;
mod contain;
mod driver;
mod global;
mod hooks;
mod idle;
mod injector;
mod local;
#[cfg(not(runtime_mutants))]
mod mutants;
#[cfg(runtime_mutants)]
#[doc(hidden)]
pub mod mutants;
mod park;
mod parker;
mod pool;
mod reactor;
mod runtime;
mod seat;
mod shared;
mod sync;
mod sys;
mod table;
#[cfg(test)]
mod testing;
mod timers;
mod wheel;
mod worker;

pub use builder::Builder;
pub use global::{block_on, entry, handle, spawn, spawn_blocking};
pub use runtime::Runtime;
#[cfg(feature = "macros")]
pub use runtime_macros::{default_main as main, default_test as test};

#[cfg(shuttle)]
#[doc(hidden)]
pub use sync::model;

/// Parts that stand alone, for other runtime authors.
pub mod parts {
    pub use crate::driver::Driver;
    pub use crate::park::park_on;
    pub use crate::pool::{Pool, PoolConfig, ThreadHook};
    pub use crate::reactor::Reactor;
    pub use crate::table::Table;
    pub use crate::timers::{Clock, Timers};
    pub use crate::wheel::{NEVER, TimerState, Wheel};
}
