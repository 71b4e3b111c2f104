//! The system's signals, as a runtime hears them.

use alloc::boxed::Box;
use core::task::{Context, Poll};
use std::io;

/// Hears signals where the ready-made part (over a `Reactor`) is not wanted: a simulation, a program
/// that takes its signals from a descriptor of its own.
///
/// # Contract
///
/// The same is promised by whoever listens, a runtime or the ready-made part.
///
/// - **SIGNAL-1** (must) Every listener hears of a signal that was raised after it was made. Several
///   may be told as one, never as none.
/// - **SIGNAL-2** (must) Dropping a listener, or ending a runtime, takes nothing from the others.
/// - **SIGNAL-3** (must) However many signals arrive while nobody looks, nothing breaks, and the next
///   look finds one.
/// - **SIGNAL-4** (must) The signals of a process that was forked off never reach the listeners of its
///   parent; listeners made there hear them.
pub trait Signal: Send + Sync {
    /// Listens for a signal by its number; on Windows, for a console event by its.
    ///
    /// `None` means "not mine": the ready-made part is used.
    fn listen(&self, signal: i32) -> Option<io::Result<Box<dyn SignalStream>>> {
        let _ = signal;
        None
    }
}

/// What lies beneath a listener when the runtime makes it.
pub trait SignalStream: Send + Sync {
    /// Ready when there was at least one since it was ready last, or since it was made.
    ///
    /// One waker is kept, the latest.
    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}
