//! How a runtime is to be.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::Runtime;
use crate::pool::ThreadHook;

/// Makes a [`Runtime`].
///
/// ```
/// let runtime = runtime_default::Builder::new()
///     .worker_threads(2)
///     .thread_name(|number| format!("web-{number}"))
///     .max_blocking_threads(16)
///     .build()
///     .unwrap();
/// assert_eq!(runtime.block_on(async { 1 + 1 }), 2);
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    pub(crate) flavor: Flavor,
    pub(crate) workers: Option<usize>,
    pub(crate) thread_name: Arc<dyn Fn(usize) -> String + Send + Sync>,
    pub(crate) on_thread_start: Option<ThreadHook>,
    pub(crate) on_thread_stop: Option<ThreadHook>,
    pub(crate) max_blocking_threads: usize,
    pub(crate) blocking_keep_alive: Duration,
}

/// Whose threads poll tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    MultiThread,
    CurrentThread,
    Lent,
}

impl Builder {
    /// A work-stealing runtime on as many threads as the machine runs at the same time.
    pub fn new() -> Builder {
        Builder {
            flavor: Flavor::MultiThread,
            workers: None,
            thread_name: Arc::new(|number| format!("runtime-default-{number}")),
            on_thread_start: None,
            on_thread_stop: None,
            max_blocking_threads: 256,
            blocking_keep_alive: Duration::from_secs(10),
        }
    }

    /// How many threads poll tasks: of the runtime's own, or at most at a time if they are
    /// [lent](Builder::lent_threads).
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    pub fn worker_threads(mut self, n: usize) -> Builder {
        assert!(n > 0, "a runtime needs at least one worker thread");
        self.workers = Some(n);
        self
    }

    /// No thread of its own: tasks run on the thread that is inside
    /// [`block_on`](Runtime::block_on), one at a time.
    pub fn current_thread(mut self) -> Builder {
        self.flavor = Flavor::CurrentThread;
        self
    }

    /// No thread of its own: tasks run on the threads that you lend it with [`Runtime::run`].
    pub fn lent_threads(mut self) -> Builder {
        self.flavor = Flavor::Lent;
        self
    }

    /// Names threads by their number; blocking threads get `-blocking` and a number behind it.
    pub fn thread_name(
        mut self,
        name: impl Fn(usize) -> String + Send + Sync + 'static,
    ) -> Builder {
        self.thread_name = Arc::new(name);
        self
    }

    /// Called on every thread of the runtime's own before it works. A panic of it is printed and goes no
    /// further.
    pub fn on_thread_start(mut self, hook: impl Fn() + Send + Sync + 'static) -> Builder {
        self.on_thread_start = Some(Arc::new(hook));
        self
    }

    /// Called on every thread of the runtime's own when it ends.
    pub fn on_thread_stop(mut self, hook: impl Fn() + Send + Sync + 'static) -> Builder {
        self.on_thread_stop = Some(Arc::new(hook));
        self
    }

    /// How many threads may block at a time (256). More blocking closures wait for their turn.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    pub fn max_blocking_threads(mut self, n: usize) -> Builder {
        assert!(n > 0, "a blocking pool needs at least one thread");
        self.max_blocking_threads = n;
        self
    }

    /// How long a blocking thread waits for the next closure before it ends (10 s).
    pub fn blocking_keep_alive(mut self, delay: Duration) -> Builder {
        self.blocking_keep_alive = delay;
        self
    }

    /// Starts the runtime.
    ///
    /// # Errors
    ///
    /// Those of the system: no descriptor for the poller, no thread.
    pub fn build(self) -> io::Result<Runtime> {
        Runtime::start(self)
    }

    pub(crate) fn stations(&self) -> usize {
        let machine = || thread::available_parallelism().map_or(1, usize::from);
        match self.flavor {
            Flavor::CurrentThread => 1,
            Flavor::MultiThread | Flavor::Lent => self.workers.unwrap_or_else(machine),
        }
    }
}

impl Default for Builder {
    fn default() -> Self {
        Builder::new()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("flavor", &self.flavor)
            .field("workers", &self.workers)
            .field("max_blocking_threads", &self.max_blocking_threads)
            .field("blocking_keep_alive", &self.blocking_keep_alive)
            .finish_non_exhaustive()
    }
}
