//! Variants that are right, if unusual: the suite must pass every one.
//!
//! | file | of |
//! |---|---|
//! | `wakes` | polls, wakes, destructors and aborts at odd times and places |
//! | `threads` | threads, joiners, calls inside calls |
//! | `sockets` | sockets and blocking closures |
//! | `order` | the order of jobs, and clocks |
//! | `completes` | sockets over completion |
//!
//! E-16, noise, is what `--full` runs beside the suite.

pub(crate) mod completes;
pub(crate) mod order;
pub(crate) mod sockets;
pub(crate) mod threads;
pub(crate) mod wakes;
