//! The runtime of this crate's own, for code that has none: started at first use, and there as long as
//! the process.
//!
//! Inside a runtime of this crate, that one is meant instead; elsewhere, while the program's main
//! function runs under `#[runtime_default::main]`, that one. (Not tests: they come and go side by side.)

use std::future::Future;
use std::sync::{Mutex, OnceLock};
use std::thread;

use runtime_traits::Handle;
use runtime_traits::entry::Config;
use runtime_traits::hooks::State;
use runtime_traits::task::JoinHandle;

use crate::seat::Seat;
use crate::sync::lock;
use crate::{Builder, Runtime};

/// The runtime of the program's main function, while that runs.
static MAIN: Mutex<Option<Handle>> = Mutex::new(None);

/// The current runtime if it is one of this crate's, otherwise the one of the program's main function,
/// otherwise this crate's own.
///
/// # Panics
///
/// If the system gives no thread or descriptor for it.
pub fn handle() -> Handle {
    match Handle::try_current() {
        Ok(current) if current.query::<Seat>().is_some() => current,
        _ => main().unwrap_or_else(|| own().handle().clone()),
    }
}

fn main() -> Option<Handle> {
    lock(&MAIN).clone().filter(|main| main.info().state == State::Running)
}

fn own() -> &'static Runtime {
    static OWN: OnceLock<Runtime> = OnceLock::new();
    OWN.get_or_init(|| Runtime::new().expect("the system gives no threads for a runtime"))
}

/// Starts a task on [`handle`]'s runtime, from anywhere: from plain synchronous code, or from a task of
/// another crate's runtime, it goes to this crate's own.
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

/// Runs a future to its end on this thread, with [`handle`]'s runtime current.
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

/// Runs a blocking closure on a thread of [`handle`]'s runtime.
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
    if thread::current().name() == Some("main") {
        *lock(&MAIN) = Some(runtime.handle().clone());
    }
    runtime.block_on(main)
}
