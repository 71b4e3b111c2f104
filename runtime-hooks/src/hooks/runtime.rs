//! The hook that leads to all others.

use core::any::{Any, TypeId};

use super::{BlockOn, Blocking, Budget, Metrics, Spawn, Timer, VirtualTime};
#[cfg(feature = "std")]
use super::{Completion, Drive, Fs, Net, Process, Reactor, Signal, SpawnLocal};

/// The identity of a runtime: the address of this byte.
///
/// Two handles are equal when they lead to the same tag. A runtime keeps one in its state (not one
/// per worker).
#[derive(Debug, Default)]
// One byte, so that two tags never share an address.
pub struct Tag(#[allow(dead_code, reason = "only its address matters")] u8);

impl Tag {
    /// A new identity, once it has a fixed place.
    pub const fn new() -> Tag {
        Tag(0)
    }
}

/// Facts about a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Its name, as error texts show it.
    pub name: &'static str,
    /// How many threads may poll its tasks at the same time.
    pub workers: usize,
    /// Whether it takes new work.
    pub state: State,
}

impl Info {
    /// A running runtime with one worker.
    pub const fn new(name: &'static str) -> Info {
        Info { name, workers: 1, state: State::Running }
    }

    /// The same with `workers`.
    pub const fn with_workers(mut self, workers: usize) -> Info {
        self.workers = workers;
        self
    }

    /// The same in `state`.
    pub const fn with_state(mut self, state: State) -> Info {
        self.state = state;
        self
    }
}

/// Whether a runtime takes new work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It does.
    Running,
    /// Shutdown has begun: what runs may finish, new tasks are refused.
    Draining,
    /// It ended.
    ShutDown,
}

/// A runtime, as libraries reach it through the current [`Handle`](crate::Handle).
///
/// Required are [`tag`](Runtime::tag), [`info`](Runtime::info) and [`spawner`](Runtime::spawner).
/// The getters answer the same for the runtime's whole life. A *decorator* (a runtime that wraps
/// another, to trace or to break it) answers [`inner`](Runtime::inner); getters it does not
/// override then fall through, also those that are added in a later release.
///
/// # Contract
///
/// - **CTX-2** (must) The runtime is current during every poll, every destructor of a task, and
///   every blocking closure. Running a [`Task`](crate::task::Task) or
///   [`Runnable`](crate::task::Runnable) does this by itself.
/// - **CTX-6** (must) A task belongs to the runtime it was spawned on, whichever thread polls,
///   wakes or awaits it.
/// - **CTX-10** (must) Timers, sources and children stay with the runtime that made them, wherever they
///   are polled, or fail loudly.
/// - **PANIC-1** (must) A panic of a poll goes to the join handle with its payload; threads, other
///   tasks, timers and sources go on.
/// - **PANIC-2** (must) So do panics of destructors: of a future, an output, a payload.
/// - **PANIC-3** (must) A waker that panics costs nobody else a wake.
/// - **PANIC-4** (must) No panic hook is installed, and payloads are handed on as they are.
/// - **FAIR-2** (must) Tasks that are always ready do not starve timers and I/O.
/// - **LEAK-1** (must) Some time after the end every future, output, closure and waker has been
///   dropped exactly once, also tasks that own their own waker or handle.
/// - **LEAK-2** (must) An operation that completed or was dropped holds no waker.
/// - **LEAK-3** (must) Descriptors are closed when their last user is gone.
/// - **LEAK-4** (should) Threads and memory do not grow with the number of tasks, timers and sockets
///   that there have been.
/// - **SHUTDOWN-1** (must) When a blocking shutdown returns, every task has been dropped once, with
///   the runtime current, and no thread runs user code any more.
/// - **SHUTDOWN-2** (must) It returns, whatever destructors do (wake, spawn, abort, lock what others
///   lock) and whatever arrives meanwhile.
/// - **SHUTDOWN-4** (must) Whatever still waits on a timer or source when the runtime ends is woken
///   and told so.
/// - **SHUTDOWN-5** (must) Ending it inside a task, a blocking closure or a thread's last destructors
///   works, or panics cleanly.
/// - **SHUTDOWN-6** (must) An end with a limit returns when that is over, whatever still runs.
/// - **SHUTDOWN-7** (must) However many runtimes come and go, no thread, descriptor or memory stays.
pub trait Runtime: Send + Sync + 'static {
    /// The runtime's identity.
    fn tag(&self) -> &Tag;

    /// Name, size and state.
    fn info(&self) -> Info;

    /// Takes tasks.
    fn spawner(&self) -> &dyn Spawn;

    /// Calls `body` inside whatever this runtime, or the one that hosts it, keeps per thread
    /// (tokio's context, a tracing span).
    ///
    /// Called when somebody *else* enters: [`Handle::enter`](crate::Handle::enter), a wrapped
    /// future, tasks dropped at shutdown. Not called for each poll: whoever polls a task is the
    /// runtime itself and stands in its own context already.
    fn enter(&self, body: &mut dyn FnMut()) {
        match self.inner() {
            Some(inner) => inner.enter(body),
            None => body(),
        }
    }

    /// Sleeping and the clock.
    fn timer(&self) -> Option<&dyn Timer> {
        self.inner()?.timer()
    }

    /// Blocking a thread on a future.
    fn block_on(&self) -> Option<&dyn BlockOn> {
        self.inner()?.block_on()
    }

    /// Closures that block.
    fn blocking(&self) -> Option<&dyn Blocking> {
        self.inner()?.blocking()
    }

    /// Giving way after much work without waiting.
    fn budget(&self) -> Option<&dyn Budget> {
        self.inner()?.budget()
    }

    /// A clock that tests move.
    fn virtual_time(&self) -> Option<&dyn VirtualTime> {
        self.inner()?.virtual_time()
    }

    /// Figures, each present if the runtime counts it.
    fn metrics(&self) -> Metrics {
        self.inner().map_or_else(Metrics::default, |inner| inner.metrics())
    }

    /// Tasks that stay on one thread.
    #[cfg(feature = "std")]
    fn local_spawner(&self) -> Option<&dyn SpawnLocal> {
        self.inner()?.local_spawner()
    }

    /// Readiness of sources.
    #[cfg(feature = "std")]
    fn reactor(&self) -> Option<&dyn Reactor> {
        self.inner()?.reactor()
    }

    /// A turn of the driver, for whoever lends a thread.
    #[cfg(feature = "std")]
    fn driver(&self) -> Option<&dyn Drive> {
        self.inner()?.driver()
    }

    /// Owned-buffer operations.
    #[cfg(feature = "std")]
    fn completion(&self) -> Option<&dyn Completion> {
        self.inner()?.completion()
    }

    /// Sockets of the runtime's own making.
    #[cfg(feature = "std")]
    fn net(&self) -> Option<&dyn Net> {
        self.inner()?.net()
    }

    /// Files of the runtime's own making.
    #[cfg(feature = "std")]
    fn fs(&self) -> Option<&dyn Fs> {
        self.inner()?.fs()
    }

    /// Child processes of the runtime's own making.
    #[cfg(feature = "std")]
    fn process(&self) -> Option<&dyn Process> {
        self.inner()?.process()
    }

    /// The system's signals, as the runtime hears them.
    #[cfg(feature = "std")]
    fn signal(&self) -> Option<&dyn Signal> {
        self.inner()?.signal()
    }

    /// Whether the calling thread polls a task that a *decorator* keeps when the runtime beneath it ends,
    /// as a set of local tasks does. Such a task is told of the end; the others are dropped by it.
    fn keeps_tasks(&self) -> bool {
        self.inner().is_some_and(Runtime::keeps_tasks)
    }

    /// A vendor's extra, by its type: see [`Handle::query`](crate::Handle::query).
    fn query(&self, id: TypeId) -> Option<&dyn Any> {
        self.inner()?.query(id)
    }

    /// The runtime that this one decorates.
    fn inner(&self) -> Option<&dyn Runtime> {
        None
    }
}
