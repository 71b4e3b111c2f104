//! tokio behind the hooks of `runtime-traits`.
//!
//! Libraries that are written against `runtime-traits` run on tokio, beside code that uses tokio's
//! own API; both find their context in the other's tasks.
//!
//! | you have | use |
//! |---|---|
//! | a program to start | [`#[runtime_tokio::main]`](macro@main), or [`Runtime::new`] |
//! | wishes about its threads | [`Builder`] |
//! | a tokio runtime that runs already | [`hosted`], then [`Handle::enter`] or [`Handle::wrap`] |
//! | a library call to make, and no runtime | [`spawn`], [`block_on`]: a runtime of this crate's own |
//!
//! # How it works
//!
//! ```text
//!   Handle ──▶ Shared ─┬─ spawner    our task is a future: tokio's task polls it
//!                      ├─ timer      table of pooled tokio `Sleep`s
//!                      ├─ reactor    table of tokio `AsyncFd`s
//!                      ├─ blocking   tokio's blocking threads
//!                      ├─ local      a `LocalSet` for each thread inside `block_on`
//!                      └─ tokio::runtime::Handle
//!   Runtime ──▶ tokio::runtime::Runtime        only the owner has the threads
//! ```
//!
//! A task costs two allocations, our cell and tokio's; everything else on a hot path costs none.
//!
//! # Which runtime is current
//!
//! Inside tasks that were spawned through `runtime-traits`, and inside `block_on`, tokio's context
//! *and* ours are set. Inside plain `tokio::spawn` tasks only tokio's is: wrap their futures with
//! [`Handle::wrap`] if they call `runtime-traits`. Nothing is guessed from tokio's context, because
//! several of our runtimes may stand on one tokio runtime.
//!
//! # What it does not do
//!
//! - **Nested `block_on`** is refused on a thread that polls tasks; it works in blocking closures, in
//!   [`Handle::enter`] on a plain thread, and inside [`block_in_place`].
//! - **Local tasks** live on threads inside our `block_on`, for as long as that call lasts; what is
//!   left of them then is cancelled. Elsewhere `spawn_local` answers *unsupported*.
//! - **Lanes**: tokio has one queue for blocking closures of all kinds. Only a *dedicated* one gets a
//!   thread of its own, which the runtime's end does not wait for.
//! - **Windows**: tokio can only watch sockets of its own there, so there is no reactor, and no sockets.
//!   Files, children and signals are there.
//! - **tokio's paused time** (its `test-util`) is seen by code on the runtime's threads. Other threads
//!   read the machine's clock.
//! - A hosted tokio runtime must have been built with `enable_all`; tokio panics otherwise, at the
//!   first sleep or socket, and says so.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

// The attributes write `::runtime_tokio`, also in this crate's own tests.
extern crate self as runtime_tokio;

mod block_on;
mod budget;
mod builder;
mod ending;
mod local;
mod owner;
#[cfg(unix)]
mod reactor;
mod shared;
mod table;
mod timer;
mod way;

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use runtime_traits::entry::Config;
use runtime_traits::task::JoinHandle;

pub use block_on::block_in_place;
pub use builder::Builder;
pub use owner::{Runtime, hosted};
#[cfg(feature = "macros")]
pub use runtime_macros::{tokio_main as main, tokio_test as test};
pub use runtime_traits::Handle;

/// How long [`entry`] waits, after the program's end, for destructors of tasks and for blocking
/// closures that have started.
const GRACE: Duration = Duration::from_secs(1);

/// A handle to this crate's own runtime: multi-thread, started by the first call, never ended.
///
/// # Panics
///
/// If it cannot be started: no threads, no descriptors.
pub fn handle() -> Handle {
    static INSTANCE: OnceLock<Runtime> = OnceLock::new();
    let start = || match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => panic!("cannot start a tokio runtime: {error}"),
    };
    INSTANCE.get_or_init(start).handle()
}

/// Spawns a task on this crate's own runtime, whichever is current. See [`handle`].
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    handle().spawn(future)
}

/// Runs `future` to its end on this thread, inside this crate's own runtime. See [`handle`].
///
/// # Panics
///
/// On a thread that polls tasks: `.await` there. And as the future does.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    owner::block_on(&handle(), future)
}

/// Starts a runtime as configured and runs `main` on it: what [`#[main]`](macro@main) and
/// [`#[test]`](macro@test) expand to.
///
/// When `main` has ended, the destructors of the tasks that remain, and blocking closures that have
/// started, are given one second.
///
/// # Panics
///
/// If the runtime cannot be started or lacks a required capability, on a thread that polls tasks,
/// and as `main` does.
#[track_caller]
pub fn entry<F: Future>(configure: impl FnOnce(&mut Config), main: F) -> F::Output {
    let config = Config::from_fn(configure);
    let runtime = match Builder::from_config(&config).build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("cannot start a tokio runtime: {error}"),
    };
    config.check(&runtime.handle());
    let output = runtime.block_on(main);
    runtime.shutdown_timeout(GRACE);
    output
}
