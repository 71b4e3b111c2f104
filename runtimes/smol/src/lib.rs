//! smol behind the hooks of `runtime-traits`.
//!
//! Libraries that are written against `runtime-traits` run on smol's executor, timers, reactor and
//! blocking threads.
//!
//! | you have | use |
//! |---|---|
//! | a program to start | [`#[runtime_smol::main]`](macro@main), or [`Runtime::new`] |
//! | wishes about its threads | [`Builder`] |
//! | a `smol::Executor` that you drive | [`hosted`], [`hosted_static`] |
//! | a library call to make, and no runtime | [`spawn`], [`block_on`]: a runtime of this crate's own |
//!
//! # How it works
//!
//! ```text
//!   Handle ──▶ Shared ─┬─ spawner    our task is a future: smol's task polls it
//!                      ├─ timer      table of smol `Timer`s
//!                      ├─ reactor    table of smol `Async`s
//!                      ├─ blocking   smol's blocking threads
//!                      └─ local      a `LocalExecutor` for each thread inside `block_on`
//!   Runtime ──▶ worker threads ──▶ Executor        they, not handles, keep it alive
//! ```
//!
//! A task costs two allocations, our cell and smol's. Waiting allocates nothing here; smol's list of
//! deadlines is a tree, whose nodes come and go with them.
//!
//! # What is the process's
//!
//! smol's reactor, timers and blocking threads belong to the process and never end. What ends with a
//! runtime are its tasks, and the *waiting*: whoever sleeps on one of its deadlines or waits for one
//! of its sources is woken and told [`Gone`](runtime_traits::Gone). Blocking closures that have
//! started run on; those that have not are cancelled.
//!
//! # What differs from tokio's
//!
//! - **Nested `block_on`** works everywhere. On a thread that polls tasks it polls other tasks while
//!   it waits, so that it cannot wait for itself.
//! - **Local tasks** live on threads inside our `block_on`, for as long as that call lasts; what is
//!   left of them then is cancelled. Elsewhere `spawn_local` answers *unsupported*.
//! - **Blocking threads**: at most 500 in the process (`BLOCKING_MAX_THREADS` in the environment), and one
//!   queue for closures of all kinds. Only a *dedicated* one gets a thread of its own, beside those.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

// The attributes write `::runtime_smol`, also in this crate's own tests.
extern crate self as runtime_smol;

mod block_on;
mod budget;
mod builder;
mod ending;
mod guests;
mod host;
mod local;
mod owner;
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

pub use builder::Builder;
pub use owner::{Runtime, hosted, hosted_static};
#[cfg(feature = "macros")]
pub use runtime_macros::{smol_main as main, smol_test as test};
pub use runtime_traits::Handle;

/// How long [`entry`] waits, after the program's end, for polls that are under way.
const GRACE: Duration = Duration::from_secs(1);

/// A handle to this crate's own runtime: a worker for each processor, started by the first call,
/// never ended.
///
/// # Panics
///
/// If it cannot be started: no threads.
pub fn handle() -> Handle {
    static INSTANCE: OnceLock<Runtime> = OnceLock::new();
    let start = || match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => panic!("cannot start a smol runtime: {error}"),
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
/// As the future does.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    owner::block_on(&handle(), future)
}

/// Starts a runtime as configured and runs `main` on it: what [`#[main]`](macro@main) and
/// [`#[test]`](macro@test) expand to.
///
/// When `main` has ended, the tasks that remain are dropped; polls that are under way are given one
/// second.
///
/// # Panics
///
/// If the runtime cannot be started or lacks a required capability, and as `main` does.
#[track_caller]
pub fn entry<F: Future>(configure: impl FnOnce(&mut Config), main: F) -> F::Output {
    let config = Config::from_fn(configure);
    let runtime = match Builder::from_config(&config).build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("cannot start a smol runtime: {error}"),
    };
    config.check(&runtime.handle());
    let output = runtime.block_on(main);
    runtime.shutdown_timeout(GRACE);
    output
}
