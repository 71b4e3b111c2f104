//! Wishes about a runtime's threads.

use std::io;
use std::time::Duration;

use runtime_traits::entry::Config;
use tokio::runtime;

use crate::Runtime;

/// Builds a [`Runtime`].
///
/// ```
/// let runtime = runtime_tokio::Builder::new().worker_threads(2).thread_name("mill").build()?;
/// assert_eq!(runtime.handle().info().workers, 2);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// What tokio's builder offers beyond this is had by building a tokio runtime and
/// [hosting](crate::hosted) on it.
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    worker_threads: Option<usize>,
    current_thread: bool,
    thread_name: Option<String>,
    max_blocking_threads: Option<usize>,
    keep_alive: Option<Duration>,
}

impl Builder {
    /// Many threads, one for each processor.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// What an attribute's options ask for.
    pub(crate) fn from_config(config: &Config) -> Builder {
        let (worker_threads, current_thread) = (config.worker_threads, config.current_thread);
        Builder { worker_threads, current_thread, ..Builder::new() }
    }

    /// How many threads poll tasks. No effect with [`current_thread`](Builder::current_thread).
    ///
    /// # Panics
    ///
    /// If it is zero.
    pub fn worker_threads(mut self, n: usize) -> Builder {
        assert!(
            n > 0,
            "a runtime needs a worker thread; `current_thread` asks for none of its own"
        );
        self.worker_threads = Some(n);
        self
    }

    /// Tasks, timers and sockets move only while some thread is inside `block_on`, and on that one.
    pub fn current_thread(mut self) -> Builder {
        self.current_thread = true;
        self
    }

    /// The name of the runtime's threads, blocking ones included.
    pub fn thread_name(mut self, name: impl Into<String>) -> Builder {
        self.thread_name = Some(name.into());
        self
    }

    /// How many threads may run blocking closures at the same time; more closures wait. tokio's
    /// default is 512.
    ///
    /// # Panics
    ///
    /// If it is zero.
    pub fn max_blocking_threads(mut self, n: usize) -> Builder {
        assert!(n > 0, "a runtime needs a thread for blocking closures");
        self.max_blocking_threads = Some(n);
        self
    }

    /// How long an idle blocking thread waits for more. tokio's default is 10 seconds.
    pub fn keep_alive(mut self, idle: Duration) -> Builder {
        self.keep_alive = Some(idle);
        self
    }

    /// Starts the runtime.
    ///
    /// # Errors
    ///
    /// Those of the system: no descriptors for the poller. (No threads: tokio panics.)
    pub fn build(self) -> io::Result<Runtime> {
        let mut builder = match self.current_thread {
            true => runtime::Builder::new_current_thread(),
            false => runtime::Builder::new_multi_thread(),
        };
        if let Some(n) = self.worker_threads {
            builder.worker_threads(n);
        }
        if let Some(name) = self.thread_name {
            builder.thread_name(name);
        }
        if let Some(n) = self.max_blocking_threads {
            builder.max_blocking_threads(n);
        }
        if let Some(idle) = self.keep_alive {
            builder.thread_keep_alive(idle);
        }
        Ok(Runtime::owning(builder.enable_all().build()?))
    }
}
