//! Local tasks that begin elsewhere.

use core::future::Future;

use super::{Builder, JoinHandle};

/// Starts a local task from any thread: `start` is sent to a thread that has local tasks, and makes the
/// future there, which need not be `Send` and never leaves.
///
/// Which thread that is, is the runtime's choice: one of its workers; for a current-thread runtime the
/// thread inside `block_on`, as soon as there is one. A runtime that cannot send tasks to such a thread
/// takes them on one, for that thread; elsewhere the handle resolves with an error whose
/// [`unsupported`](crate::JoinError::unsupported) names what is missing.
///
/// The closure runs inside the task, at its first poll: an abort before that prevents it, and its panic
/// is the task's.
///
/// # Contract
///
/// - **LOCAL-7** (must) The closure is called once at most, on a thread that has local tasks, inside the
///   task, never by the caller of `spawn_with`; the future that it returns is polled and dropped on that
///   thread only. Without a call the closure is dropped once, anywhere, and the handle says so.
///
/// # Cancellation
///
/// Dropping the handle **leaves running**, as with [`spawn`](super::spawn).
///
/// # Panics
///
/// If no runtime is current.
///
/// ```
/// use std::rc::Rc;
///
/// # async fn example() {
/// let words = vec!["made", "there"];
/// let join = runtime_traits::task::spawn_with(move || async move {
///     let shared = Rc::new(words); // not `Send`, and need not be
///     shared.len()
/// });
/// assert_eq!(join.await.unwrap(), 2);
/// # }
/// ```
#[track_caller]
pub fn spawn_with<C, F>(start: C) -> JoinHandle<F::Output>
where
    C: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    Builder::new().spawn_with(start)
}
