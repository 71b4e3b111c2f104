//! What happens when things go wrong, on every runtime.
//!
//! The promise: every failure is a typed error, or a panic whose text says what to do. Nothing
//! hangs, nothing is lost. Each file is one kind of fault.

#[path = "../support/mod.rs"]
mod support;

mod closed;
mod ending;
mod extremes;
#[cfg(target_os = "linux")]
mod limits;
mod missing;
mod nesting;
mod no_runtime;
mod outliving;
mod panics;
