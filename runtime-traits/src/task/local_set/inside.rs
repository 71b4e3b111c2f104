//! A set of local tasks as a runtime: its queue, and who listens to that.
//!
//! # Invariants
//!
//! - **L1** Who polls is listed as a listener only when the queue was seen empty under its lock; so a
//!   push either is seen by a poll or finds a listener, and takes all there are.
//! - **L2** No foreign code runs under the lock.
//! - **L3** The queue takes jobs until there is no task that one could be for: a wake, an abort or a last
//!   reference may be under way from another thread when the set is dropped, and with it the only
//!   driver of its task.
//! - **L4** A task joins the list only while the set has its thread, so the set polls it and nobody else: no
//!   job of it waits in a queue of the runtime beneath, which may need this thread to go on.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::task::{Context, Poll, Waker, ready};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::super::budget::count;
use crate::contain::contain_quietly;
use crate::hooks::{
    Budget, Home, Info, LocalList, LocalRunnable, LocalTask, Ran, Runtime, Spawn, SpawnLocal, Tag,
    TaskList, Why, current,
};
use crate::{Handle, Refused};

/// How many jobs run before the set gives way to its surroundings.
const TURN: usize = 61;

/// The set as a runtime.
pub(super) struct Inside {
    outer: Handle,
    home: Home,
    thread: usize,
    queue: Mutex<Queue>,
    tasks: TaskList,
    pub(super) listeners: AtomicU64,
    /// Whether the set has the thread: it polls, spawns or ends. Of the set's thread only.
    is_open: AtomicBool,
    /// Whether a job runs whose end is not the runtime's. Of the set's thread only.
    keeps: AtomicBool,
}

#[derive(Default)]
pub(super) struct Queue {
    pub(super) jobs: VecDeque<LocalRunnable>,
    /// Who waits for a job, by number.
    pub(super) listeners: Vec<(u64, Waker)>,
    /// No more tasks.
    closed: bool,
    /// No more jobs (L3).
    ended: bool,
}

impl Inside {
    pub(super) fn new(outer: Handle) -> Inside {
        // From above, so that no number is one of the runtime's. (The highest means "nowhere".)
        static NEXT: AtomicU32 = AtomicU32::new(u32::MAX - 1);
        Inside {
            outer,
            home: Home(NEXT.fetch_sub(1, Ordering::Relaxed)),
            thread: here(),
            queue: Mutex::default(),
            tasks: TaskList::new(),
            listeners: AtomicU64::new(0),
            is_open: AtomicBool::new(false),
            keeps: AtomicBool::new(false),
        }
    }

    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Queue) -> R) -> R {
        f(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn pop(&self) -> Option<LocalRunnable> {
        self.with(|queue| queue.jobs.pop_front())
    }

    /// How many tasks there are. A closure that was sent joins the list when it is run first.
    pub(super) fn len(&self) -> usize {
        self.tasks.len() + self.with(|queue| self.unlisted(queue).count())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.with(|queue| self.unlisted(queue).next().is_none())
    }

    fn unlisted<'a>(&self, queue: &'a Queue) -> impl Iterator<Item = &'a LocalRunnable> {
        let home = self.home;
        queue.jobs.iter().filter(move |job| job.home() != home)
    }

    /// Drops what is left. The job of a task that another thread is waking just now is waited for (L3).
    pub(super) fn end(&self) {
        self.with(|queue| queue.closed = true);
        loop {
            self.tasks.close_all();
            while let Some(job) = self.pop() {
                drop(job); // which drops its future, here
            }
            let has_none = self.tasks.is_empty();
            if self.with(|queue| queue.ends_if(has_none)) {
                return;
            }
            thread::yield_now();
        }
    }

    /// Queues a job and tells who waits (L1). After the end it is dropped: it is an empty one then.
    fn push(&self, job: LocalRunnable) {
        let (late, listeners) = self.with(|queue| {
            if queue.ended {
                return (Some(job), Vec::new());
            }
            queue.jobs.push_back(job);
            (None, mem::take(&mut queue.listeners))
        });
        drop(late);
        // A listener that panics costs nobody else a wake.
        listeners.into_iter().for_each(|(_, waker)| contain_quietly(|| waker.wake()));
    }

    /// Runs jobs; `true` if there may be more.
    pub(super) fn turn(&self) -> bool {
        // Those of a set inside a task go when that task goes.
        let keeps = !current::is_task_of(&self.outer);
        let _restore = Restore(&self.keeps, self.keeps.swap(keeps, Ordering::Relaxed));
        self.run_jobs()
    }

    fn run_jobs(&self) -> bool {
        for _ in 0..TURN {
            let Some(job) = self.pop() else { return false };
            if let Ran::Yielded(job) = job.run() {
                self.with(|queue| queue.jobs.push_back(job));
            }
        }
        true
    }

    /// Calls `f` while the set has its thread.
    pub(super) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        let _restore = Restore(&self.is_open, self.is_open.swap(true, Ordering::Relaxed));
        f()
    }

    /// Whether new tasks from here are the set's. At other times the runtime beneath may take a task on
    /// this thread that somebody sent who had the set's handle: that is not ours (L4).
    fn is_home(&self) -> bool {
        self.thread == here() && self.is_open.load(Ordering::Relaxed)
    }

    fn outer_local(&self) -> Option<&dyn SpawnLocal> {
        self.outer.runtime().local_spawner()
    }
}

impl Queue {
    /// Takes no more jobs if it `has_none` to wait for, and none came; whether that is so.
    fn ends_if(&mut self, has_none: bool) -> bool {
        self.ended = has_none && self.jobs.is_empty();
        self.ended
    }
}

/// Puts a flag back, on every way out.
struct Restore<'a>(&'a AtomicBool, bool);

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        self.0.store(self.1, Ordering::Relaxed);
    }
}

/// A number for this thread, which no other living thread has.
fn here() -> usize {
    std::thread_local! {
        static HERE: u8 = const { 0 };
    }
    HERE.with(|here| ptr::from_ref(here).addr())
}

impl Runtime for Inside {
    fn tag(&self) -> &Tag {
        self.outer.runtime().tag()
    }

    fn info(&self) -> Info {
        self.outer.info()
    }

    fn spawner(&self) -> &dyn Spawn {
        self.outer.runtime().spawner()
    }

    fn local_spawner(&self) -> Option<&dyn SpawnLocal> {
        Some(self)
    }

    fn budget(&self) -> Option<&dyn Budget> {
        Some(self)
    }

    fn keeps_tasks(&self) -> bool {
        let is_ours = self.thread == here() && self.keeps.load(Ordering::Relaxed);
        is_ours || self.outer.runtime().keeps_tasks()
    }

    fn inner(&self) -> Option<&dyn Runtime> {
        Some(self.outer.runtime())
    }
}

impl Budget for Inside {
    /// The tasks of a set have each other to give way to, also on a thread where the runtime beneath has
    /// nobody and does not count.
    fn poll_proceed(&self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(beneath) = self.outer.runtime().budget() {
            ready!(beneath.poll_proceed(cx));
        }
        count::poll_proceed(cx)
    }
}

impl SpawnLocal for Inside {
    fn home(&self) -> Option<Home> {
        match self.is_home() {
            true => Some(self.home),
            false => self.outer_local()?.home(),
        }
    }

    fn spawn(&self, home: Option<Home>, task: LocalTask) -> Result<(), (LocalTask, Refused)> {
        if home.or_else(|| self.home()) != Some(self.home) {
            return match self.outer_local() {
                Some(outer) => outer.spawn(home, task),
                None => Err((task, Refused::NOT_HERE)),
            };
        }
        if self.with(|queue| queue.closed) {
            return Err((task, Refused::SHUT_DOWN));
        }
        self.push(task.into_runnable());
        Ok(())
    }

    fn schedule(&self, home: Home, job: LocalRunnable, why: Why) {
        match self.outer_local() {
            _ if home == self.home => self.push(job),
            Some(outer) => outer.schedule(home, job, why),
            None => job.leak(), // nobody's: it cannot have come from here
        }
    }

    fn tasks(&self, home: Home) -> Option<&TaskList> {
        match home == self.home {
            true => Some(&self.tasks),
            false => self.outer_local()?.tasks(home),
        }
    }

    fn locals(&self, home: Home) -> Option<&LocalList> {
        match home == self.home {
            true => None, // a set may be dropped while it is not polled, on a thread that does other things
            false => self.outer_local()?.locals(home),
        }
    }
}
