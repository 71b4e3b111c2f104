//! The runtime of this crate's own, for code that has none: started at first use, and there as long as
//! the process.
//!
//! While the program's main function runs under `#[runtime_default::main]`, its runtime is the one. (Not
//! those of tests: they come and go side by side.)

use std::future::Future;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use runtime_traits::Handle;
use runtime_traits::entry::Config;
use runtime_traits::hooks::State;
use runtime_traits::task::JoinHandle;

use crate::{Builder, Runtime};

/// The runtime of the program's main function, while that runs.
static MAIN: Mutex<Option<Handle>> = Mutex::new(None);

/// The runtime of the program's main function if that is one of this crate's, otherwise this crate's own;
/// whichever is current.
///
/// # Panics
///
/// If the system gives no thread or descriptor for it.
pub fn handle() -> Handle {
    main().unwrap_or_else(|| own().handle().clone())
}

fn the_main() -> MutexGuard<'static, Option<Handle>> {
    MAIN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main() -> Option<Handle> {
    the_main().clone().filter(|main| main.info().state == State::Running)
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
        *the_main() = Some(runtime.handle().clone());
    }
    runtime.block_on(main)
}
