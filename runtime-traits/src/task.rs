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
//!
//! # What to use
//!
//! | for | there is |
//! |---|---|
//! | a future that is `Send` | [`spawn`] |
//! | one that is not, on this thread | [`spawn_local`]; where the runtime has no local tasks here, a [`LocalSet`] |
//! | one that is not, made on another thread | [`spawn_with`] |
//! | a closure that blocks | [`spawn_blocking`], [`io::unblock`](crate::io::unblock) |
//! | tasks that end together | [`TaskGroup`] |
//! | asking tasks to stop | [`CancelToken`] |
//! | a value that tasks carry with them | [`TaskLocal`] |
//!
//! # Several things at once
//!
//! What needs no runtime is not here: combinators, channels and locks of any crate work in tasks of any
//! runtime. Small ones are in `futures-lite`, `async-channel` and `async-lock`; `futures` has more, and the
//! macros `join!` and `select!`.
//!
//! | to | there is |
//! |---|---|
//! | run as many tasks as there are things to do | `TaskGroup`, here |
//! | await several futures in one task, side by side | `futures_lite::future::zip`; `try_zip`, up to the first error |
//! | await whichever is first, and drop the others | `or`, which asks in order; `race`, which has no favourite |
//! | … or the time | [`timeout`](crate::time::timeout), here |
//! | take items as they come | `futures_lite::StreamExt`: `Interval`, `Incoming`, `ReadDir`, `Signal`, `Unblock` and `TaskGroup` are streams |
//! | pass values on, between tasks and threads | `async_channel` |
//! | hold a lock across an `await`, or bound how many are at it | `async_lock::Mutex`, `RwLock`, `Semaphore` |
//!
//! Whoever loses a race is dropped in the middle; what that costs stands under *Cancellation* at each
//! function. Here a read that is safe to drop loses to a word from another task:
//!
//! ```
//! # #[cfg(feature = "net")]
//! # mod net {
//! use async_channel::Receiver;
//! use futures_lite::future::{or, try_zip};
//! use runtime_traits::{io, net::TcpStream};
//!
//! /// Passes on what comes, until told to stop.
//! async fn pump(from: &TcpStream, to: &TcpStream, stop: &Receiver<()>) -> io::Result<()> {
//!     let mut buf = vec![0; 4096];
//!     loop {
//!         let stopped = async {
//!             let _ = stop.recv().await; // or nobody is left to say so
//!             Ok(0)
//!         };
//!         match or(stopped, from.read(&mut buf)).await? {
//!             0 => return Ok(()),
//!             n => to.write_all(&buf[..n]).await?,
//!         }
//!     }
//! }
//!
//! /// Both directions at once; the first error ends both.
//! async fn relay(a: &TcpStream, b: &TcpStream, stop: &Receiver<()>) -> io::Result<()> {
//!     try_zip(pump(a, b, stop), pump(b, a, stop)).await.map(drop)
//! }
//! # }
//! ```
//!
//! Ours are streams, and a lock of `async-lock` may be held while its holder waits:
//!
//! ```
//! # #[cfg(feature = "net")]
//! # mod net {
//! use std::sync::Arc;
//!
//! use async_lock::{Mutex, Semaphore};
//! use futures_lite::StreamExt;
//! use runtime_traits::{io, net::{TcpListener, TcpStream}, task};
//!
//! /// Lets all who come, but at most 100 at a time, write to one stream in turn.
//! async fn gather(listener: TcpListener, log: TcpStream) -> io::Result<()> {
//!     let (log, room) = (Arc::new(Mutex::new(log)), Arc::new(Semaphore::new(100)));
//!     let mut clients = listener.incoming();
//!     while let Some(client) = clients.next().await {
//!         let (client, log, permit) = (client?, log.clone(), room.acquire_arc().await);
//!         task::spawn(async move {
//!             let log = log.lock().await; // so nobody's bytes are among another's
//!             let copied = io::copy(&client, &*log).await;
//!             drop(permit);
//!             copied
//!         });
//!     }
//!     Ok(())
//! }
//! # }
//! ```

mod budget;
mod builder;
mod yield_now;

#[cfg(feature = "std")]
mod cancel;
#[cfg(feature = "std")]
mod group;
#[cfg(feature = "std")]
mod local_set;
#[cfg(feature = "std")]
mod locals;
#[cfg(feature = "std")]
mod with;

use core::future::Future;

use crate::Handle;

#[cfg(feature = "fs")]
pub(crate) use budget::poll_proceed_on;
pub use budget::{consume_budget, poll_proceed};
pub use builder::Builder;
#[cfg(feature = "std")]
pub use cancel::{CancelOnDrop, CancelToken, Cancelled};
#[cfg(feature = "std")]
pub use group::TaskGroup;
#[cfg(feature = "std")]
pub use local_set::{LocalSet, RunUntil};
#[cfg(feature = "std")]
pub use locals::{Scoped, TaskLocal};
pub use runtime_hooks::hooks::Kind;
pub use runtime_hooks::task::{JoinHandle, Meta};
#[cfg(feature = "std")]
pub use with::spawn_with;
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
/// error whose [`unsupported`](crate::JoinError::unsupported) names what is missing; a [`LocalSet`]
/// works there too.
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
/// It is taken for something short, [`Kind::ShortIo`]; for what waits long, computes, or keeps its
/// thread say so: [`Builder::kind`].
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
