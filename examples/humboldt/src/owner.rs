//! The owner of a runtime: makes it of its parts, and ends it. Then the ways in: [`entry`] for the
//! attributes, [`handle`] and [`spawn`] from anywhere.
//!
//! Which humboldt [`handle`] leads to is asked in this order:
//!
//! | there is | for example |
//! |---|---|
//! | a humboldt that is current | in its tasks and their destructors |
//! | the one of `#[humboldt::main]`, while that runs | in a task of another runtime of that program |
//! | the crate's own, started now and there as long as the process | in a program of another runtime |
//!
//! The runtime of a test is current for that test, and nobody else's: tests come and go side by side.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;
use std::{io, thread};

use runtime_default::parts::{Driver, Pool, PoolConfig};
use runtime_traits::Handle;
use runtime_traits::entry::Config;
use runtime_traits::hooks::{Drive, Ran, Tag, TaskList};
use runtime_traits::task::JoinHandle;

use crate::Shared;

/// A runtime and its threads; there may be several.
///
/// Dropping it ends it, whoever still has a handle: new tasks are cancelled, those that are there are
/// dropped where they wait, and whoever waits for a deadline or a socket of it is told. The drop
/// returns when its threads have ended, blocking closures that run included. *Inside* one of its own
/// tasks, blocking closures or wakers it cannot wait for itself: it ends all the same, and the threads
/// follow when their last poll returns.
///
/// ```
/// let runtime = humboldt::Runtime::with_workers(2)?;
/// let handle = runtime.handle();
/// let join = handle.spawn(async { 6 * 7 });
/// assert_eq!(handle.block_on(join).unwrap().unwrap(), 42);
/// assert_eq!(handle.metrics().tasks_alive, Some(0));
/// # std::io::Result::Ok(())
/// ```
pub struct Runtime(Arc<Shared>);

impl Runtime {
    /// A runtime with as many workers as the machine runs threads at the same time.
    ///
    /// # Errors
    ///
    /// As [`with_workers`](Runtime::with_workers).
    pub fn new() -> io::Result<Runtime> {
        Runtime::with_workers(thread::available_parallelism().map_or(1, usize::from))
    }

    /// A runtime whose tasks run on at most `count` threads.
    ///
    /// # Errors
    ///
    /// Those of the system: no descriptor for the poller, no thread for the driver.
    ///
    /// # Panics
    ///
    /// If `count` is zero.
    pub fn with_workers(count: usize) -> io::Result<Runtime> {
        Runtime::with_keep_alive(count, Duration::from_secs(10))
    }

    /// The same, with threads for blocking closures that end when they have had nothing to do for
    /// `keep_alive` rather than ten seconds.
    ///
    /// # Errors
    ///
    /// As [`with_workers`](Runtime::with_workers).
    ///
    /// # Panics
    ///
    /// If `count` is zero.
    pub fn with_keep_alive(count: usize, keep_alive: Duration) -> io::Result<Runtime> {
        assert!(count > 0, "humboldt needs at least one worker thread");
        let driver = Driver::new()?;
        let shared = Arc::new_cyclic(|me| Shared {
            me: me.clone(),
            tag: Tag::new(),
            ended: AtomicBool::new(false),
            count,
            tasks: TaskList::new(),
            workers: pool("worker", count, Duration::MAX, |job| match job.run() {
                Ran::Yielded(job) => Some(job),
                Ran::Parked | Ran::Finished => None,
            }),
            blocking: pool("blocking", 256, keep_alive, |job| {
                let _ = job.into_runnable().run(); // it is finished at its first poll
                None
            }),
            driver,
            driving: pool("driver", 1, Duration::MAX, |shared| {
                let _ = shared.driver.turn(None); // an error of the poller: the next turn tries again
                (!shared.ended.load(SeqCst)).then_some(shared)
            }),
        });
        let no_thread = |_| io::Error::other("the system has no thread for humboldt's driver");
        shared.driving.submit(shared.clone()).map_err(no_thread)?;
        Ok(Runtime(shared))
    }

    /// A handle to it, for code that runs elsewhere. It does not keep the threads alive.
    pub fn handle(&self) -> Handle {
        self.0.handle()
    }
}

/// A pool with our names for threads. (What `run` gives back is queued again.)
fn pool<J: Send>(
    name: &'static str,
    max_threads: usize,
    keep_alive: Duration,
    run: fn(J) -> Option<J>,
) -> Pool<J> {
    let name = Arc::new(move |number| format!("humboldt-{name}-{number}"));
    Pool::new(PoolConfig { max_threads, keep_alive, name, on_start: None, on_stop: None, run })
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let Shared { ended, tasks, workers, blocking, driver, driving, .. } = &*self.0;
        ended.store(true, SeqCst);
        let jobs = (workers.close(), blocking.close(), driving.close());
        tasks.close_all();
        drop(jobs);
        driver.shutdown(); // H2
        if !workers.is_here() && !blocking.is_here() && !driving.is_here() {
            let _ = (workers.join(None), blocking.join(None), driving.join(None));
        }
    }
}

/// The runtime of the program's main function, while that runs.
static MAIN: Mutex<Weak<Shared>> = Mutex::new(Weak::new());

/// What `#[humboldt::main]` and `#[humboldt::test]` call: runs `main` on a runtime of its own, which
/// ends with it. Tasks that are left then are dropped.
///
/// ```
/// let answer = humboldt::entry(|config| _ = config.worker_threads(2), async { 42 });
/// assert_eq!(answer, 42);
/// ```
///
/// # Panics
///
/// With the panic of `main`; if the options ask for what humboldt does not have; if the system has no
/// descriptors or threads.
pub fn entry<F: Future>(configure: impl FnOnce(&mut Config), main: F) -> F::Output {
    let config = Config::from_fn(configure);
    assert!(!config.current_thread, "humboldt polls tasks on its own threads: drop the flavor");
    let runtime = config.worker_threads.map_or_else(Runtime::new, Runtime::with_workers);
    let runtime = runtime.expect("the system has no descriptors or threads for a runtime");
    config.check(&runtime.handle());
    if thread::current().name() == Some("main") {
        *MAIN.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&runtime.0);
    }
    runtime.handle().block_on(main).expect("this thread is no worker of a runtime that is new")
}

/// The humboldt to use here: the current one, that of `#[humboldt::main]`, or the crate's own.
///
/// ```
/// assert_eq!(humboldt::handle().info().name, "humboldt"); // from plain code too
/// ```
///
/// # Panics
///
/// If the system has no descriptors or threads for the crate's own.
pub fn handle() -> Handle {
    let current = Handle::try_current().ok().filter(|here| here.query::<Shared>().is_some());
    current.or_else(mains).unwrap_or_else(|| own().handle())
}

/// Starts a task on [`handle`]'s runtime, from anywhere: also from a task of another crate's runtime it
/// goes to a humboldt.
///
/// ```
/// let join = humboldt::spawn(async { runtime_traits::Handle::current().info().name });
/// assert_eq!(humboldt::handle().block_on(join).unwrap().unwrap(), "humboldt");
/// ```
///
/// # Panics
///
/// As [`handle`].
#[track_caller]
pub fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    handle().spawn(future)
}

fn mains() -> Option<Handle> {
    let main = MAIN.lock().unwrap_or_else(PoisonError::into_inner).upgrade()?;
    (!main.ended.load(SeqCst)).then(|| main.handle())
}

fn own() -> &'static Runtime {
    static OWN: OnceLock<Runtime> = OnceLock::new();
    OWN.get_or_init(|| Runtime::new().expect("the system has no threads for humboldt"))
}
