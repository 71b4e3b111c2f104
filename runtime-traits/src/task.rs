//! Tasks: futures that run on their own.
//!
//! ```
//! use runtime_traits::task;
//!
//! async fn both() -> u32 {
//!     let one = task::spawn(async { 1 });
//!     let two = task::spawn(async { 2 });
//!     one.await.unwrap() + two.await.unwrap()
//! }
//! ```
//!
//! # What happens to a task when …
//!
//! | | |
//! |---|---|
//! | its handle is dropped | it goes on; its output is dropped |
//! | [`JoinHandle::abort`] is called | its future is dropped, soon, where tasks run |
//! | it panics | the panic goes to the handle as [`JoinError`](crate::JoinError); nothing else is affected |
//! | its runtime shuts down | its future is dropped; the handle resolves *cancelled* |
//! | nobody is left to wake it, and its handle was dropped | its future is dropped where tasks run |

mod builder;
mod yield_now;

#[cfg(feature = "std")]
mod group;

use core::future::Future;

use crate::Handle;

pub use builder::Builder;
#[cfg(feature = "std")]
pub use group::TaskGroup;
pub use runtime_hooks::task::{JoinHandle, Meta};
pub use yield_now::{YieldNow, yield_now};

/// Starts a task on the current runtime.
///
/// The future is not polled before this returns. If the runtime has ended, the handle resolves
/// *cancelled*.
///
/// # Panics
///
/// If no runtime is current: see [`try_spawn`]. The text names the ways to get one.
///
/// ```
/// # async fn example() {
/// let sum = runtime_traits::spawn(async { 1 + 1 });
/// assert_eq!(sum.await.unwrap(), 2);
/// # }
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let meta = Meta::new(None);
    match with_current(|handle| handle.spawn_with(meta, future)) {
        Ok(join) => join,
        Err(none) => panic!("{none}"),
    }
}

/// As [`spawn`], outside a runtime an error.
///
/// # Errors
///
/// [`TrySpawnError`]: no runtime is current, or it is full.
#[track_caller]
pub fn try_spawn<F>(future: F) -> Result<JoinHandle<F::Output>, TrySpawnError>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let meta = Meta::new(None);
    let spawned = with_current(|handle| handle.try_spawn_with(meta, future));
    spawned.map_err(TrySpawnError::NoRuntime)?.map_err(TrySpawnError::Refused)
}

/// Starts a task that stays on this thread; its future need not be `Send`.
///
/// If the runtime has no local tasks, or this thread is none of its, the handle resolves with an
/// error whose [`unsupported`](crate::JoinError::unsupported) names what is missing.
///
/// # Panics
///
/// If no runtime is current.
///
/// ```
/// # async fn example() {
/// let here = std::rc::Rc::new(5);
/// let copy = here.clone();
/// let join = runtime_traits::task::spawn_local(async move { *copy });
/// assert_eq!(join.await.unwrap(), *here);
/// # }
/// ```
#[cfg(feature = "std")]
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    Builder::new().spawn_local(future)
}

/// Runs a closure where blocking hurts nobody.
///
/// # Cancellation
///
/// Dropping the handle **leaves running**. [`abort`](JoinHandle::abort) prevents a closure that has
/// not started; one that has runs to its end.
///
/// # Panics
///
/// If no runtime is current. If it has no blocking threads, the handle resolves with an error that
/// says so.
///
/// ```
/// # async fn example() {
/// let text = runtime_traits::task::spawn_blocking(|| std::fs::read_to_string("Cargo.toml")).await;
/// # }
/// ```
#[cfg(feature = "std")]
#[track_caller]
pub fn spawn_blocking<F, T>(work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn_blocking(work)
}

/// Calls `f` with the current handle, without counting it.
fn with_current<R>(f: impl FnOnce(&Handle) -> R) -> Result<R, crate::NoRuntime> {
    runtime_hooks::current::with(|current| current.map(f).ok_or(crate::NoRuntime))
}

/// Why [`try_spawn`] did not start a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySpawnError {
    /// No runtime is current.
    NoRuntime(crate::NoRuntime),
    /// It is full; later may work.
    Refused(crate::Refused),
}

impl core::fmt::Display for TrySpawnError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            TrySpawnError::NoRuntime(none) => none.fmt(f),
            TrySpawnError::Refused(refused) => refused.fmt(f),
        }
    }
}

impl core::error::Error for TrySpawnError {}
