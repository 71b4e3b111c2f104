//! What handles lead to: the executor's place, the tables, and the hooks that need no more than these.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};
use std::thread;

use runtime_traits::hooks::{
    BlockOn, Blocking, Budget, Home, Info, Kind, LocalRunnable, LocalTask, Metrics, Ran, Reactor,
    Runnable, Runtime, Spawn, SpawnLocal, State, Tag, Task, TaskList, Timer, Why,
};
use runtime_traits::{Handle, Refused};
use smol::Executor;

use crate::budget::PerThread;
use crate::ending::Ending;
use crate::guests::Guests;
use crate::host::{Held, Host};
use crate::local;
use crate::reactor::Sources;
use crate::timer::Timers;

/// One runtime.
pub(crate) struct Shared {
    tag: Tag,
    me: Weak<Shared>,
    host: Host,
    /// On an executor that may be dropped by others.
    guests: Option<Guests>,
    /// Threads of our own; zero: those that block.
    workers: usize,
    closed: AtomicBool,
    /// Of an executor of our own; elsewhere they are the host's.
    tasks: TaskList,
    ending: Ending,
    timers: Timers,
    sources: Sources,
}

impl Shared {
    pub(crate) fn new(host: Host, workers: usize) -> Arc<Shared> {
        let theirs = if let Host::Theirs(theirs) = &host { theirs.upgrade() } else { None };
        let guests = theirs.map(|executor| Guests::on(&executor));
        Arc::new_cyclic(|me| Shared {
            tag: Tag::new(),
            me: Weak::clone(me),
            host,
            guests,
            workers,
            closed: AtomicBool::new(false),
            tasks: TaskList::new(),
            ending: Ending::default(),
            timers: Timers::new(),
            sources: Sources::new(),
        })
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// A handle to this. (Hooks are called through one, so it is alive.)
    pub(crate) fn handle(&self) -> Handle {
        Handle::from_arc(self.me.upgrade().expect("called through a handle"))
    }

    pub(crate) fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Whether the executor is our own, and its tasks end with the runtime.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.host, Host::Own(_))
    }

    /// Whether threads of our own poll tasks.
    pub(crate) fn has_workers(&self) -> bool {
        self.workers > 0 && self.is_ours()
    }

    /// Refuses what comes from now on and wakes who waits, so that they hear of it. Gives our own
    /// executor, whose tasks go with it.
    pub(crate) fn close(&self) -> Option<Arc<Executor<'static>>> {
        // Waiters check this after they have put their waker where the lines below find it.
        self.closed.store(true, Ordering::SeqCst);
        let executor = self.host.take();
        self.ending.announce();
        self.timers.wake_all();
        self.sources.wake_all();
        self.tasks.close_all();
        executor
    }

    /// Lets go of our own executor after the end; the last who does drops the tasks that are left.
    ///
    /// Not simply by dropping the executor: that empties its queue once, and a task that another thread
    /// is waking at that moment gets there later, to stay in it for ever. Ours are marked as cancelled,
    /// so they end at their next poll, and this polls until all have.
    pub(crate) fn let_go(&self, executor: Arc<Executor<'static>>) {
        let Some(executor) = Arc::into_inner(executor) else { return };
        while !executor.is_empty() {
            if !executor.try_tick() {
                thread::yield_now(); // the wake that is under way comes soon
            }
        }
    }

    /// Gives up what [`Host::hold`] gave.
    pub(crate) fn release(&self, held: Held) {
        match held {
            Held::Shared(executor) if self.is_ours() => self.let_go(executor),
            held => drop(held),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}

impl Runtime for Shared {
    fn tag(&self) -> &Tag {
        &self.tag
    }

    fn info(&self) -> Info {
        let ended = self.is_closed() || self.host.is_gone();
        let state = if ended { State::ShutDown } else { State::Running };
        Info::new("smol").with_workers(self.workers.max(1)).with_state(state)
    }

    fn spawner(&self) -> &dyn Spawn {
        self
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

    fn reactor(&self) -> Option<&dyn Reactor> {
        Some(self)
    }

    fn budget(&self) -> Option<&dyn Budget> {
        Some(&PerThread)
    }

    fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::default();
        metrics.sources = Some(self.sources.registered());
        metrics
    }
}

impl Spawn for Shared {
    /// For jobs that are not hosted: [`Task::into_runnable`] is anyone's to call. Without an
    /// executor the job is dropped, which cancels it.
    fn schedule(&self, job: Runnable, _: Why) {
        self.host.with(|executor| executor.spawn(Rerun(Some(job))).detach());
    }

    fn spawn(&self, task: Task) -> Result<(), (Task, Refused)> {
        if self.is_closed() {
            return Err((task, Refused::SHUT_DOWN));
        }
        let mut task = Some(task);
        self.host.with(|executor| match (task.take(), &self.guests) {
            (Some(task), Some(guests)) => executor.spawn(guests.take_in(task)).detach(),
            (Some(task), None) => executor.spawn(task).detach(),
            (None, _) => {}
        });
        task.map_or(Ok(()), |task| Err((task, Refused::SHUT_DOWN)))
    }

    fn tasks(&self) -> Option<&TaskList> {
        self.is_ours().then_some(&self.tasks)
    }
}

/// Runs a job in a task of the executor until it waits or ends.
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
    /// `Dedicated` jobs get a thread of their own, which does not count against the limit. All
    /// others go to smol's blocking threads.
    fn spawn(&self, job: Task, kind: Kind) -> Result<(), (Task, Refused)> {
        let Some(shared) = self.me.upgrade().filter(|_| !self.is_closed()) else {
            return Err((job, Refused::SHUT_DOWN));
        };
        if kind != Kind::Dedicated {
            smol::unblock(move || shared.run_blocking(job)).detach();
            return Ok(());
        }
        // Handed over by a slot, so that the job comes back if there is no thread.
        let slot = Arc::new(Mutex::new(Some(job)));
        let theirs = Arc::clone(&slot);
        let take = |slot: &Mutex<Option<Task>>| slot.lock().ok()?.take();
        let body = move || {
            if let Some(job) = take(&theirs) {
                shared.run_blocking(job);
            }
        };
        match thread::Builder::new().name("smol-dedicated".into()).spawn(body) {
            Ok(_) => Ok(()),
            Err(_) => take(&slot).map_or(Ok(()), |job| Err((job, Refused::FULL))),
        }
    }
}

impl Shared {
    /// Runs a job on a thread that may block, unless its runtime has ended while it waited.
    fn run_blocking(&self, job: Task) {
        if self.is_closed() {
            return job.refuse(Refused::SHUT_DOWN);
        }
        let mut ran = job.into_runnable().run();
        while let Ran::Yielded(job) = ran {
            ran = job.run();
        }
    }
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
