//! Giving way after much work.

use core::task::{Context, Poll};

/// Counts what a task does without waiting, and tells it to give way.
///
/// Loops over I/O that is always ready would otherwise keep a worker for ever. Sockets and timers of
/// `runtime-traits` ask before each operation, libraries by its `task::poll_proceed`.
///
/// # Contract
///
/// - **FAIR-4** (should) A loop over ready I/O lets other tasks run after a bounded number of steps.
/// - `Pending` means that the task has been woken already: it only gives way.
pub trait Budget: Send + Sync {
    /// `Ready` while the task may go on; counts one step.
    fn poll_proceed(&self, cx: &mut Context<'_>) -> Poll<()>;
}
