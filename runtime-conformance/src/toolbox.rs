//! What makes tests deterministic: rendezvous instead of sleeps, counts instead of guesses.
//!
//! | tool | for |
//! |---|---|
//! | [`Gate`], [`Flag`], [`Tally`] | an order between threads; a word; a count that can be awaited |
//! | [`Probe`], [`Tracked`] | what was done to a future, to a value; both are looked at after every case |
//! | [`WakeCount`], [`WakerLab`] | what is done to a waker, and wakers that do something back |
//! | [`hand_poll`], [`foreign::block_on`] | polling without a runtime |
//! | [`fence`](fence::fence) | "nothing more happens" |
//! | `in_waves` | thousands of tasks, few of which are new |
//! | [`Stress`] | many rounds in bounded time, with random pauses |
//! | [`kernel`], [`cpu`] | what the system knows: descriptors, threads, CPU time |
//! | [`AtDrop`], [`within_watchdog`] | destructors that do something; a call that must return |
//!
//! The clauses use it; a runtime's own tests may.

mod drops;
mod gate;
mod lab;
mod probe;
mod random;
pub(crate) mod registry;
mod stress;
mod tally;
mod waker;
mod waves;

pub mod cpu;
pub mod fence;
pub mod foreign;
pub mod kernel;

pub use drops::{AtDrop, within_watchdog};
pub use gate::{Flag, Gate};
pub use lab::WakerLab;
pub use probe::{Probe, Record};
pub use random::Random;
pub use registry::{Count, Tracked};
pub use stress::Stress;
pub use tally::Tally;
pub use waker::{WakeCount, hand_poll, hand_poll_on};
pub(crate) use waves::in_waves;
