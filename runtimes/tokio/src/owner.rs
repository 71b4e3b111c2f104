//! Who owns the threads.
//!
//! Handles lead to `Shared`, which knows tokio by its handle only; tasks hold such handles. So the
//! one thing that tasks must not keep alive, tokio's runtime, is here and nowhere else.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use runtime_traits::Handle;
use runtime_traits::task::JoinHandle;

use crate::Builder;
use crate::shared::Shared;

/// Owns a tokio runtime and ends it when dropped.
///
/// # Ending
///
/// | | tasks | blocking closures that have started | returns |
/// |---|---|---|---|
/// | drop, [`shutdown`](Runtime::shutdown) | dropped, handles resolve *cancelled* | waited for | when all is over |
/// | [`shutdown_timeout`](Runtime::shutdown_timeout) | the same | waited for | at the latest after the time |
/// | [`shutdown_background`](Runtime::shutdown_background) | the same, a little later | left alone | at once |
///
/// From then on `spawn` gives a cancelled handle; sleeping, and every use of a socket, answers
/// [`Gone`](runtime_traits::Gone). Dropped inside a tokio context (in a task, say), where waiting is
/// not allowed, it ends as with `shutdown_background`.
///
/// A current-thread runtime that a thread inside [`block_on`](Handle::block_on) drives at that moment
/// is ended by that thread, soon, and the future goes on without it. A [hosted](Runtime::hosted) one is only
/// closed: its tasks and threads are the host's.
pub struct Runtime {
    shared: Arc<Shared>,
    /// `None`: hosted, or ended.
    tokio: Option<Arc<tokio::runtime::Runtime>>,
}

/// A handle that makes our tasks, timers and sockets those of a tokio runtime that runs already.
///
/// It has no threads and ends with tokio's runtime. Two calls give two runtimes, each with tables of
/// its own: call it once and clone the handle. Its tasks find it current; plain tokio tasks need
/// [`Handle::wrap`].
///
/// ```
/// let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// let handle = runtime_tokio::hosted(tokio.handle().clone());
/// let name = async { runtime_traits::Handle::current().info().name };
/// assert_eq!(tokio.block_on(handle.wrap(name)), "tokio");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn hosted(tokio: tokio::runtime::Handle) -> Handle {
    Handle::from_arc(Shared::new(tokio, true))
}

impl Runtime {
    /// A multi-thread runtime with a worker for each processor.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new() -> io::Result<Runtime> {
        Builder::new().build()
    }

    /// As [`hosted`], with an owner that can be closed before tokio's runtime ends.
    pub fn hosted(tokio: tokio::runtime::Handle) -> Runtime {
        Runtime { shared: Shared::new(tokio, true), tokio: None }
    }

    pub(crate) fn owning(tokio: tokio::runtime::Runtime) -> Runtime {
        let shared = Shared::new(tokio.handle().clone(), false);
        let tokio = Arc::new(tokio);
        shared.drive_with(&tokio);
        Runtime { shared, tokio: Some(tokio) }
    }

    /// A handle to this runtime. It does not keep it running.
    pub fn handle(&self) -> Handle {
        Handle::from_arc(Arc::clone(&self.shared))
    }

    /// tokio's own handle.
    pub fn tokio(&self) -> &tokio::runtime::Handle {
        self.shared.tokio()
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
    /// On a thread that polls tasks: `.await` there. And as the future does.
    /// [`Handle::block_on`] answers an error instead.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        block_on(&self.handle(), future)
    }

    /// Ends the runtime, waiting for all of it; as dropping does.
    pub fn shutdown(self) {}

    /// Ends the runtime, waiting no longer than `timeout`.
    pub fn shutdown_timeout(mut self, timeout: Duration) {
        match self.close() {
            Some(tokio) if may_wait() => tokio.shutdown_timeout(timeout),
            Some(tokio) => tokio.shutdown_background(),
            None => {}
        }
    }

    /// Ends the runtime without waiting.
    pub fn shutdown_background(mut self) {
        if let Some(tokio) = self.close() {
            tokio.shutdown_background();
        }
    }

    /// Refuses what comes from now on. Gives tokio's runtime, if it is ours and nobody drives it.
    fn close(&mut self) -> Option<tokio::runtime::Runtime> {
        self.shared.close();
        self.tokio.take().and_then(Arc::into_inner)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        match self.close() {
            Some(tokio) if may_wait() => drop(tokio),
            Some(tokio) => tokio.shutdown_background(),
            None => {}
        }
    }
}

/// tokio forbids waiting inside its contexts, with a panic.
fn may_wait() -> bool {
    tokio::runtime::Handle::try_current().is_err()
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
