//! What handles lead to: tokio's handle, the tables, and the hooks that need no more than these.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};
use std::thread;

use runtime_traits::hooks::{
    BlockOn, Blocking, Home, Info, Kind, LocalRunnable, LocalTask, Metrics, Ran, Runnable, Runtime,
    Spawn, SpawnLocal, State, Tag, Task, Timer, Why,
};
use runtime_traits::{Handle, Refused};

use crate::ending::Ending;
use crate::timer::Timers;
use crate::{block_on, local};

/// One runtime.
pub(crate) struct Shared {
    tag: Tag,
    me: Weak<Shared>,
    tokio: tokio::runtime::Handle,
    /// Set before tokio's runtime begins to end, or while it does.
    closed: Arc<AtomicBool>,
    ending: Ending,
    timers: Timers,
    #[cfg(unix)]
    sources: crate::reactor::Sources,
    /// A current-thread runtime moves only while someone blocks on *it*, not on its handle.
    driver: OnceLock<Weak<tokio::runtime::Runtime>>,
    /// For a hosted runtime: stops [`Sentinel`].
    sentinel: Option<tokio::task::AbortHandle>,
}

impl Shared {
    pub(crate) fn new(tokio: tokio::runtime::Handle, hosted: bool) -> Arc<Shared> {
        let closed = Arc::new(AtomicBool::new(false));
        let sentinel = hosted.then(|| tokio.spawn(Sentinel(Arc::clone(&closed))).abort_handle());
        Arc::new_cyclic(|me| Shared {
            tag: Tag::new(),
            me: Weak::clone(me),
            timers: Timers::new(&tokio),
            #[cfg(unix)]
            sources: crate::reactor::Sources::new(),
            tokio,
            closed,
            ending: Ending::default(),
            driver: OnceLock::new(),
            sentinel,
        })
    }

    pub(crate) fn tokio(&self) -> &tokio::runtime::Handle {
        &self.tokio
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    #[cfg(unix)]
    pub(crate) fn sources(&self) -> &crate::reactor::Sources {
        &self.sources
    }

    /// A handle to this. (Hooks are called through one, so it is alive.)
    pub(crate) fn handle(&self) -> Handle {
        Handle::from_arc(self.me.upgrade().expect("called through a handle"))
    }

    pub(crate) fn drive_with(&self, tokio: &Arc<tokio::runtime::Runtime>) {
        if self.is_current_thread() {
            let _ = self.driver.set(Arc::downgrade(tokio));
        }
    }

    /// What to block on, if not the handle. `Some(None)`: its owner has ended it.
    pub(crate) fn driver(&self) -> Option<Option<Arc<tokio::runtime::Runtime>>> {
        self.driver.get().map(Weak::upgrade)
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.ending.announce();
    }

    pub(crate) fn ending(&self) -> &Ending {
        &self.ending
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn is_current_thread(&self) -> bool {
        self.tokio.runtime_flavor() == tokio::runtime::RuntimeFlavor::CurrentThread
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(sentinel) = &self.sentinel {
            sentinel.abort();
        }
    }
}

/// A task of a hosted runtime that does nothing until tokio ends, which drops it: tokio drops all
/// tasks before it stops its timers and its poller.
struct Sentinel(Arc<AtomicBool>);

impl Future for Sentinel {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Runtime for Shared {
    fn tag(&self) -> &Tag {
        &self.tag
    }

    fn info(&self) -> Info {
        let state = if self.is_closed() { State::ShutDown } else { State::Running };
        Info::new("tokio").with_workers(self.tokio.metrics().num_workers()).with_state(state)
    }

    fn spawner(&self) -> &dyn Spawn {
        self
    }

    fn enter(&self, body: &mut dyn FnMut()) {
        block_on::entered(|| {
            // tokio's context is a thread-local with a destructor. When that has run, as the thread
            // ends, there is none to enter, and tokio would panic.
            let context = tokio::runtime::Handle::try_current();
            let is_gone = context.is_err_and(|error| error.is_thread_local_destroyed());
            let _context = (!is_gone).then(|| self.tokio.enter());
            body();
        });
    }

    fn timer(&self) -> Option<&dyn Timer> {
        Some(self)
    }

    fn block_on(&self) -> Option<&dyn BlockOn> {
        Some(self)
    }

    fn blocking(&self) -> Option<&dyn Blocking> {
        Some(self)
    }

    fn local_spawner(&self) -> Option<&dyn SpawnLocal> {
        // Local tasks need a thread inside `block_on`; elsewhere the answer is *unsupported*.
        Some(self)
    }

    #[cfg(unix)]
    fn reactor(&self) -> Option<&dyn runtime_traits::hooks::Reactor> {
        Some(self)
    }

    fn metrics(&self) -> Metrics {
        let tokio = self.tokio.metrics();
        let alive =
            tokio.num_alive_tasks() - usize::from(self.sentinel.is_some() && !self.is_closed());
        let mut metrics = Metrics::default();
        metrics.tasks_alive = Some(alive as u64);
        metrics.queue_depth = Some(tokio.global_queue_depth() as u64);
        #[cfg(unix)]
        {
            metrics.sources = Some(self.sources.registered());
        }
        #[cfg(target_has_atomic = "64")]
        {
            let parks = (0..tokio.num_workers()).map(|worker| tokio.worker_park_count(worker));
            metrics.parks = Some(parks.sum());
        }
        metrics
    }
}

impl Spawn for Shared {
    /// For jobs that are not hosted: [`Task::into_runnable`] is anyone's to call.
    fn schedule(&self, job: Runnable, _: Why) {
        drop(self.tokio.spawn(Rerun(Some(job))));
    }

    fn spawn(&self, task: Task) -> Result<(), (Task, Refused)> {
        if self.is_closed() {
            return Err((task, Refused::SHUT_DOWN));
        }
        // If tokio ends in between, it drops the task, which cancels it.
        drop(self.tokio.spawn(task));
        Ok(())
    }
}

/// Runs a job in a tokio task until it waits or ends.
struct Rerun(Option<Runnable>);

impl Future for Rerun {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.0.take().map(Runnable::run) {
            Some(Ran::Yielded(job)) => {
                self.0 = Some(job);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}

impl Blocking for Shared {
    /// `Dedicated` jobs get a thread of their own, which neither counts against the limit nor holds
    /// up the runtime's end. All others go to tokio's blocking threads.
    fn spawn(&self, job: Task, kind: Kind) -> Result<(), (Task, Refused)> {
        if self.is_closed() {
            return Err((job, Refused::SHUT_DOWN));
        }
        // Handed over by a slot, so that the job comes back if there is no thread.
        let slot = Arc::new(std::sync::Mutex::new(Some(job)));
        let (theirs, tokio) = (Arc::clone(&slot), self.tokio.clone());
        let take = |slot: &std::sync::Mutex<Option<Task>>| slot.lock().ok()?.take();
        let body = move || _ = take(&theirs).map(run_blocking);
        let started = match kind {
            Kind::Dedicated => {
                let body = move || {
                    let _context = tokio.enter();
                    body();
                };
                thread::Builder::new().name("tokio-dedicated".into()).spawn(body).is_ok()
            }
            // tokio panics if it has no thread and gets none. It keeps the closure then, and may yet
            // call it; the slot is empty by that time.
            _ => catch_unwind(AssertUnwindSafe(|| drop(self.tokio.spawn_blocking(body)))).is_ok(),
        };
        match started {
            true => Ok(()),
            false => take(&slot).map_or(Ok(()), |job| Err((job, Refused::FULL))),
        }
    }
}

/// Runs a job on a thread that may block.
fn run_blocking(job: Task) {
    block_on::allowed(|| {
        let mut ran = job.into_runnable().run();
        while let Ran::Yielded(job) = ran {
            ran = job.run();
        }
    });
}

impl SpawnLocal for Shared {
    fn home(&self) -> Option<Home> {
        local::home(&self.tag)
    }

    fn spawn(&self, home: Option<Home>, task: LocalTask) -> Result<(), (LocalTask, Refused)> {
        local::spawn(&self.tag, home, task)
    }

    fn schedule(&self, home: Home, job: LocalRunnable, _: Why) {
        local::schedule(&self.tag, home, job);
    }
}
