//! The runtime of this crate's own, for code that has none: started at first use.
//!
//! While a program runs under `#[runtime_default::main]`, that runtime is the one.

use std::future::Future;

use runtime_traits::Handle;
use runtime_traits::entry::Config;
use runtime_traits::hooks::State;
use runtime_traits::task::JoinHandle;

use crate::sync::{Mutex, lock};
use crate::{Builder, Runtime};

static OWN: Mutex<Own> = Mutex::new(Own { handle: None, runtime: None });

struct Own {
    handle: Option<Handle>,
    /// What was started here; it runs as long as the process.
    runtime: Option<Runtime>,
}

/// This crate's own runtime.
///
/// # Panics
///
/// If the system gives no thread or descriptor for it.
pub fn handle() -> Handle {
    let mut own = lock(&OWN);
    match &own.handle {
        Some(handle) if handle.info().state == State::Running => handle.clone(),
        _ => {
            let runtime = Runtime::new().expect("the system gives no threads for a runtime");
            own.handle = Some(runtime.handle().clone());
            own.runtime.insert(runtime).handle().clone()
        }
    }
}

/// Starts a task on this crate's own runtime, from anywhere, also from plain synchronous code, and
/// whichever runtime is current.
///
/// ```
/// let join = runtime_default::spawn(async { 40 + 2 });
/// assert_eq!(runtime_default::block_on(join).unwrap(), 42);
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    handle().spawn(future)
}

/// Runs a future to its end on this thread, with this crate's own runtime current.
///
/// # Panics
///
/// With the future's panic; and inside one of that runtime's own tasks, where blocking would stop
/// what the future may wait for: `.await` it there.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    match handle().block_on(future) {
        Ok(output) => output,
        Err(error) => panic!("{error}"),
    }
}

/// Runs a blocking closure on a thread of this crate's own runtime.
#[track_caller]
pub fn spawn_blocking<F, T>(work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    handle().enter(|| runtime_traits::task::spawn_blocking(work))
}

/// What `#[runtime_default::main]` and `#[runtime_default::test]` call: see
/// [`runtime_traits::entry`].
///
/// # Panics
///
/// With the future's panic; if the system gives no threads; if a required capability is missing.
pub fn entry<F: Future>(configure: impl FnOnce(&mut Config), main: F) -> F::Output {
    let config = Config::from_fn(configure);
    let mut builder = Builder::new();
    if config.current_thread {
        builder = builder.current_thread();
    }
    if let Some(n) = config.worker_threads {
        builder = builder.worker_threads(n);
    }
    let runtime = builder.build().expect("the system gives no threads for a runtime");
    config.check(runtime.handle());
    adopt(runtime.handle());
    runtime.block_on(main)
}

/// Makes the program's runtime this crate's own, unless there is one.
fn adopt(handle: &Handle) {
    let mut own = lock(&OWN);
    if own.handle.as_ref().is_none_or(|own| own.info().state != State::Running) {
        own.handle = Some(handle.clone());
    }
}
