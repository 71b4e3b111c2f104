//! A small runtime that is right: one queue, one table of timers, and whoever is inside
//! `block_on` runs both. Its clock stands still while anything can run.
//!
//! To be read first by whoever writes a runtime, and to be run under by tests that want the same
//! schedule every time.
//!
//! ```text
//!  spawn, wake ──▶ ready ──┐
//!                          ├──▶ run: root · a job · due timers · else turn the clock, or sleep
//!  poll_until ───▶ timers ─┘
//! ```
//!
//! ```
//! use std::time::Duration;
//! use toy::Toy;
//!
//! let toy = Toy::new();
//! let year = Duration::from_secs(365 * 24 * 3600);
//! toy.handle().block_on(async move { runtime_traits::time::sleep(year).await }).unwrap();
//! ```
//!
//! # Files
//!
//! This one is the hooks and the owner; `state` what is under the lock; `run` the loop; `clock` time.
//!
//! # Invariants
//!
//! - **Y1** No foreign code runs under the lock: what leaves the state is woken, run or dropped after.
//! - **Y2** Whoever changes the state rings the bell, so nobody waits for what is there.
//! - **Y3** After `closed` no task is taken, and the end empties the queue until no task is left.
//! - **Y4** The clock moves only by `advance_to`, or when nothing can run, and then to the next
//!   deadline.
//!
//! # What this runtime declares
//!
//! - A `block_on` while another one runs, nested or on another thread, is refused.
//! - Dropped inside one of its own tasks it ends all the same.
#![forbid(unsafe_code)]

mod clock;
mod mutants;
mod run;
mod state;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use runtime_traits::hooks::{
    BlockOn, Blocking, Home, Info, Kind, LocalRunnable, LocalTask, Runnable, Runtime, Spawn,
    SpawnLocal, State, Tag, Task, TaskList, Timer, VirtualTime, Why,
};
use runtime_traits::{Handle, Refused};

use state::{Inner, Job};

#[cfg(runtime_mutants)]
pub use mutants::fired;

/// A toy and its owner. Dropping it ends the toy.
pub struct Toy(Arc<Shared>);

/// How many blocking closures have a thread at the same time; more wait.
pub const BLOCKING_THREADS_MAX: usize = 64;

/// What handles lead to.
struct Shared {
    me: Weak<Shared>,
    tag: Tag,
    tasks: TaskList,
    locals: TaskList,
    inner: Mutex<Inner>,
    bell: Condvar,
}

impl Toy {
    /// A toy that runs ready jobs in their order.
    pub fn new() -> Toy {
        Toy::with(Inner::new(None))
    }

    /// A toy whose order the seed decides: the same at every run, another for another seed.
    pub fn seeded(seed: u64) -> Toy {
        Toy::with(Inner::new(Some(seed)))
    }

    fn with(inner: Inner) -> Toy {
        Toy(Arc::new_cyclic(|me| Shared {
            me: me.clone(),
            tag: Tag::new(),
            tasks: TaskList::new(),
            locals: TaskList::new(),
            inner: Mutex::new(inner),
            bell: Condvar::new(),
        }))
    }

    /// A handle to it.
    pub fn handle(&self) -> Handle {
        self.0.handle()
    }
}

impl Default for Toy {
    fn default() -> Toy {
        Toy::new()
    }
}

impl Drop for Toy {
    fn drop(&mut self) {
        self.0.close();
    }
}

thread_local! {
    /// The toy whose closure this thread runs, by its address.
    static CLOSURE_OF: Cell<usize> = const { Cell::new(0) };
}

impl Shared {
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Whether this thread runs one of its blocking closures.
    fn is_in_closure(&self) -> bool {
        CLOSURE_OF.get() == self.address()
    }

    fn handle(&self) -> Handle {
        Handle::from_arc(self.me.upgrade().expect("called through a handle or the owner"))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and tells the sleepers (Y2).
    fn change<R>(&self, change: impl FnOnce(&mut Inner) -> R) -> R {
        let changed = change(&mut self.lock());
        self.bell.notify_all();
        changed
    }
}

impl Runtime for Shared {
    fn tag(&self) -> &Tag {
        &self.tag
    }

    fn info(&self) -> Info {
        let state = if self.lock().closed { State::ShutDown } else { State::Running };
        Info::new("toy").with_state(state)
    }

    fn spawner(&self) -> &dyn Spawn {
        self
    }

    fn local_spawner(&self) -> Option<&dyn SpawnLocal> {
        Some(self)
    }

    fn timer(&self) -> Option<&dyn Timer> {
        Some(self)
    }

    fn virtual_time(&self) -> Option<&dyn VirtualTime> {
        Some(self)
    }

    fn block_on(&self) -> Option<&dyn BlockOn> {
        Some(self)
    }

    fn blocking(&self) -> Option<&dyn Blocking> {
        Some(self)
    }
}

impl Spawn for Shared {
    fn schedule(&self, job: Runnable, _: Why) {
        let late = self.change(|inner| inner.push(Job::Send(job)));
        drop(late); // outside the lock (Y1)
    }

    fn spawn(&self, task: Task) -> Result<(), (Task, Refused)> {
        if self.lock().closed {
            return Err((task, Refused::SHUT_DOWN));
        }
        self.lock().begin_task(task.meta());
        Spawn::schedule(self, task.into_runnable(), Why::Spawned);
        Ok(())
    }

    fn tasks(&self) -> Option<&TaskList> {
        Some(&self.tasks)
    }
}

/// The thread inside `block_on` is the home, for as long as it is inside.
impl SpawnLocal for Shared {
    fn home(&self) -> Option<Home> {
        self.lock().home_here()
    }

    fn spawn(&self, _: Option<Home>, task: LocalTask) -> Result<(), (LocalTask, Refused)> {
        let Some(home) = self.home() else { return Err((task, Refused::NOT_HERE)) };
        self.lock().begin_task(task.meta());
        SpawnLocal::schedule(self, home, task.into_runnable(), Why::Spawned);
        Ok(())
    }

    fn schedule(&self, home: Home, job: LocalRunnable, _: Why) {
        if let Err(Job::Local(job)) = self.change(|inner| inner.push_local(home, job)) {
            job.leak(); // its thread has left
        }
    }

    fn tasks(&self, _: Home) -> Option<&TaskList> {
        Some(&self.locals)
    }
}

/// What is in a slot; whoever comes first has it.
fn taken(slot: &Mutex<Option<Task>>) -> Option<Task> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// A thread for each job, up to a limit: no pool is simpler, or easier to get right. At the limit jobs
/// wait, and a thread that has ended one takes the next. While one runs the clock does not move by
/// itself. A dedicated job has a thread that nobody counts, and nothing waits for it.
impl Blocking for Shared {
    fn spawn(&self, job: Task, kind: Kind) -> Result<(), (Task, Refused)> {
        if kind == Kind::Dedicated {
            return self.dedicate(job);
        }
        let job = match self.change(|inner| inner.begin_blocking(job)) {
            Ok(Some(job)) => job,
            Ok(None) => return Ok(()),
            Err(job) => return Err((job, Refused::SHUT_DOWN)),
        };
        let shared = self.me.upgrade().expect("called through a handle");
        // Handed over by a slot, so that the job comes back if no thread can be started.
        let slot = Arc::new(Mutex::new(Some(job)));
        let theirs = slot.clone();
        let work = move || {
            CLOSURE_OF.set(shared.address());
            let mut next = taken(&theirs);
            while let Some(job) = next {
                let _ = job.into_runnable().run(); // a closure finishes at its first poll
                next = shared.change(Inner::end_blocking);
            }
        };
        if thread::Builder::new().spawn(work).is_ok() {
            return Ok(());
        }
        drop(self.change(Inner::without_thread)); // outside the lock (Y1)
        taken(&slot).map_or(Ok(()), |job| Err((job, Refused::FULL)))
    }
}

impl Shared {
    /// Gives a job a thread of its own, or gives it back.
    fn dedicate(&self, job: Task) -> Result<(), (Task, Refused)> {
        if self.lock().closed {
            return Err((job, Refused::SHUT_DOWN));
        }
        job.leave_list(); // the end does not wait for it
        let slot = Arc::new(Mutex::new(Some(job)));
        let theirs = slot.clone();
        let work = move || drop(taken(&theirs).map(|job| job.into_runnable().run()));
        match thread::Builder::new().spawn(work) {
            Ok(_) => Ok(()),
            Err(_) => taken(&slot).map_or(Ok(()), |job| Err((job, Refused::FULL))),
        }
    }
}

impl BlockOn for Shared {
    fn block_on(&self, main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        self.run(main)
    }
}
