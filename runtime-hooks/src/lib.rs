//! The bottom of async Rust without a built-in runtime: what a runtime implements, how a task is
//! laid out, and which runtime is *current*.
//!
//! Library authors do not use this crate; they use `runtime-traits`, which re-exports it under
//! `hooks`. It is a crate of its own so that a program never holds two of it: two copies would be
//! two "currents" (`links` in the manifest makes that an error).
//!
//! ```text
//!   current   which Handle is in scope on this thread
//!      │
//!   handle    two words, clonable, names one runtime
//!      │
//!   hooks     what a runtime answers: Runtime, Spawn, Timer, Reactor, Completion, …
//!      │
//!   task      the cell: one allocation, one state word, two drivers (a queue or a host)
//! ```
//!
//! # Profiles
//!
//! | feature | adds |
//! |---|---|
//! | none (*core*) | `no_std`, no heap: [`hooks::Runtime`], [`hooks::Spawn`], [`hooks::Timer`], [`static_runtime!`] |
//! | `alloc` | tasks in boxes, handles over `Arc` |
//! | `std` | threads, contained panics, local tasks, every hook that speaks of `std::io` |
//!
//! Features add; none selects a runtime, and none takes anything away.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "alloc", loom, shuttle))]
extern crate alloc;
#[cfg(any(feature = "std", loom, shuttle))]
extern crate std;

mod contain;
pub mod current;
mod error;
mod handle;
pub mod hooks;
mod instant;
mod sync;
pub mod task;

pub use error::{Capability, Gone, JoinError, NoRuntime, Refused, RefusedWhy, Unsupported};
pub use handle::{BlockOnError, Entered, Handle};
pub use instant::Instant;
