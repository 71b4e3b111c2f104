//! Wishes about a runtime's threads.

use std::io;
use std::num::NonZero;
use std::thread;

use runtime_traits::entry::Config;

use crate::Runtime;

/// Builds a [`Runtime`].
///
/// ```
/// let runtime = runtime_smol::Builder::new().worker_threads(2).thread_name("mill").build()?;
/// assert_eq!(runtime.handle().info().workers, 2);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// The blocking threads are the process's: `BLOCKING_MAX_THREADS` in the environment limits them.
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    worker_threads: Option<usize>,
    current_thread: bool,
    thread_name: Option<String>,
}

impl Builder {
    /// A worker thread for each processor.
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

    /// Tasks are polled only while some thread is inside `block_on`, and there.
    pub fn current_thread(mut self) -> Builder {
        self.current_thread = true;
        self
    }

    /// The name of the worker threads.
    pub fn thread_name(mut self, name: impl Into<String>) -> Builder {
        self.thread_name = Some(name.into());
        self
    }

    /// Starts the runtime.
    ///
    /// # Errors
    ///
    /// Those of the system: no threads, no descriptors for the poller.
    pub fn build(self) -> io::Result<Runtime> {
        let processors = || thread::available_parallelism().map_or(1, NonZero::get);
        let workers = match self.current_thread {
            true => 0,
            false => self.worker_threads.unwrap_or_else(processors),
        };
        Runtime::start(workers, self.thread_name.as_deref().unwrap_or("smol-worker"))
    }
}
