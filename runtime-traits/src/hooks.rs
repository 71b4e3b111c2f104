//! What a runtime implements, and the parts that make it short.
//!
//! The traits are those of `runtime-hooks`, re-exported so that a runtime author depends on one
//! crate. See each trait's page for its clauses.

pub use runtime_hooks::current;
pub use runtime_hooks::hooks::*;
#[cfg(feature = "std")]
pub use runtime_hooks::task::{LocalHome, LocalList, LocalRunnable, LocalTask, Locals};
pub use runtime_hooks::task::{Meta, Ran, Runnable, Task, TaskList};
