//! Who owns the threads.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use runtime_traits::Handle;
use runtime_traits::task::JoinHandle;
use smol::Executor;
use smol::channel::{Receiver, Sender, bounded};

use crate::block_on::on_worker;
use crate::host::Host;
use crate::shared::Shared;
use crate::{Builder, block_on as blocking};

/// Owns worker threads and an executor, and ends them when dropped.
///
/// # Ending
///
/// | | tasks | returns |
/// |---|---|---|
/// | drop, [`shutdown`](Runtime::shutdown) | dropped, handles resolve *cancelled* | when all are, after the polls that are under way |
/// | [`shutdown_timeout`](Runtime::shutdown_timeout) | the same | at the latest after the time; who polls last drops them |
/// | [`shutdown_background`](Runtime::shutdown_background) | the same, by who polls last | at once |
///
/// From then on `spawn` gives a cancelled handle; sleeping, and every use of a socket, answers
/// [`Gone`](runtime_traits::Gone). Blocking closures that have started are left alone. Dropped on a
/// thread that polls its tasks, it ends as with `shutdown_background`.
///
/// A thread inside [`block_on`](Handle::block_on) that polls tasks at that moment (as that of a
/// current-thread runtime does) lets the tasks go, soon, and its future goes on without them. A
/// [hosted](Runtime::hosted) one is only closed: its tasks are the host's.
pub struct Runtime {
    shared: Arc<Shared>,
    /// Dropped to stop the workers.
    stop: Option<Sender<()>>,
    workers: Vec<thread::JoinHandle<()>>,
    working: Arc<Working>,
}

/// How many workers have not left yet.
#[derive(Default)]
struct Working {
    count: Mutex<usize>,
    left: Condvar,
}

/// A handle that makes our tasks those of an executor that someone else drives and owns. When it is
/// dropped, the tasks are cancelled.
///
/// Two calls give two runtimes: call it once and clone the handle. While there is one, the executor is
/// not [empty](Executor::is_empty): it has a task that tells us of its end.
///
/// ```
/// use std::sync::Arc;
/// let executor = Arc::new(smol::Executor::new());
/// let handle = runtime_smol::hosted(&executor);
/// let task = handle.spawn(async { runtime_traits::Handle::current().info().name });
/// assert_eq!(smol::block_on(executor.run(task)).unwrap(), "smol");
/// ```
pub fn hosted(executor: &Arc<Executor<'static>>) -> Handle {
    Handle::from_arc(Shared::new(Host::Theirs(Arc::downgrade(executor)), 1))
}

/// As [`hosted`], for an executor in a `static`.
pub fn hosted_static(executor: &'static Executor<'static>) -> Handle {
    Handle::from_arc(Shared::new(Host::Static(executor), 1))
}

impl Runtime {
    /// A runtime with a worker for each processor.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new() -> io::Result<Runtime> {
        Builder::new().build()
    }

    /// As [`hosted`], with an owner that can be closed before the executor ends.
    pub fn hosted(executor: &Arc<Executor<'static>>) -> Runtime {
        Runtime::around(Shared::new(Host::Theirs(Arc::downgrade(executor)), 1))
    }

    fn around(shared: Arc<Shared>) -> Runtime {
        Runtime { shared, stop: None, workers: Vec::new(), working: Arc::default() }
    }

    /// Starts `workers` threads; none: whoever blocks does the work.
    pub(crate) fn start(workers: usize, name: &str) -> io::Result<Runtime> {
        start_reactor()?;
        let mut runtime = Runtime::around(Shared::new(Host::own(), workers));
        let (stop, stopped) = bounded(1);
        runtime.stop = Some(stop);
        for _ in 0..workers {
            runtime.add_worker(name, stopped.clone())?;
        }
        Ok(runtime)
    }

    fn add_worker(&mut self, name: &str, stopped: Receiver<()>) -> io::Result<()> {
        let Some(executor) = self.shared.host().hold() else { return Ok(()) };
        let (shared, working) = (Arc::clone(&self.shared), Arc::clone(&self.working));
        let leaving = working.enter();
        let work = move || {
            let _leaving = leaving;
            on_worker(&shared, || {
                // Ends when the sender goes.
                let _ = smol::block_on(executor.run(stopped.recv()));
                shared.release(executor); // with it the tasks, if nobody else has it
            });
        };
        self.workers.push(thread::Builder::new().name(name.into()).spawn(work)?);
        Ok(())
    }

    /// A handle to this runtime. It does not keep it running.
    pub fn handle(&self) -> Handle {
        Handle::from_arc(Arc::clone(&self.shared))
    }

    /// Spawns a task.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle().spawn(future)
    }

    /// Runs `future` to its end on this thread, with this runtime current.
    ///
    /// # Panics
    ///
    /// As the future does.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        block_on(&self.handle(), future)
    }

    /// Ends the runtime, waiting for all of it; as dropping does.
    pub fn shutdown(self) {}

    /// Ends the runtime, waiting no longer than `timeout`.
    pub fn shutdown_timeout(mut self, timeout: Duration) {
        self.end(Some(timeout));
    }

    /// Ends the runtime without waiting.
    pub fn shutdown_background(mut self) {
        self.end(Some(Duration::ZERO));
    }

    fn end(&mut self, timeout: Option<Duration>) {
        let executor = self.shared.close();
        // Hosted, or ended before: nothing to stop.
        let Some(stop) = self.stop.take() else { return };
        drop(stop);
        let workers = std::mem::take(&mut self.workers);
        if !blocking::is_on_worker(&self.shared) && self.working.wait(timeout) {
            for worker in workers {
                let _ = worker.join(); // workers do not panic: tasks contain what they throw
            }
        }
        if let Some(executor) = executor {
            self.shared.let_go(executor);
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.end(None);
    }
}

/// Starts the process's reactor, which otherwise the first timer or source would do, with a panic if
/// there are no descriptors.
fn start_reactor() -> io::Result<()> {
    static STARTED: OnceLock<()> = OnceLock::new();
    if STARTED.get().is_some() {
        return Ok(());
    }
    // It takes three descriptors; whether there are four is asked where the answer is an error.
    #[cfg(unix)]
    let room = (std::os::unix::net::UnixStream::pair()?, std::os::unix::net::UnixStream::pair()?);
    #[cfg(unix)]
    drop(room);
    let arm = || {
        let mut timer = smol::Timer::after(Duration::from_secs(3600));
        Pin::new(&mut timer).poll(&mut Context::from_waker(Waker::noop())).is_pending()
    };
    catch_unwind(arm).map_err(|_| io::Error::other("smol's reactor cannot be started"))?;
    STARTED.get_or_init(|| ());
    Ok(())
}

/// A worker's place in the count, given up when dropped.
struct Leaving(Arc<Working>);

impl Working {
    fn enter(self: &Arc<Self>) -> Leaving {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Leaving(Arc::clone(self))
    }

    /// Waits until all have left; `false`: they have not in time.
    fn wait(&self, timeout: Option<Duration>) -> bool {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let some = |count: &mut usize| *count > 0;
        let count = match timeout {
            None => self.left.wait_while(count, some).unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                let waited = self.left.wait_timeout_while(count, timeout, some);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        *count == 0
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.left.notify_all();
    }
}

#[track_caller]
pub(crate) fn block_on<F: Future>(handle: &Handle, future: F) -> F::Output {
    match handle.block_on(future) {
        Ok(output) => output,
        Err(error) => panic!("{error}"),
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Runtime").field(&self.handle()).finish()
    }
}
