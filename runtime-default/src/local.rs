//! The local jobs of one worker.
//!
//! ```text
//!   this thread ───────────────────────────▶ LocalQueue ──▶ run_local
//!   other threads ─▶ Station::post ─▶ unpark     ▲
//!                      └── has_mail? (a load) ───┘ take_mail
//! ```
//!
//! The queue is the worker's own and takes no lock, as the tasks that lodge with it need no atomic
//! read-modify-write ([`LocalList`](runtime_traits::hooks::LocalList)). What others bring waits at the
//! station, under a lock, with a flag beside it.
//!
//! A task that is nobody's yet ([`Unsettled`]) is in neither: it waits where every worker may take it,
//! and whoever does polls it next. So it is never stuck behind somebody's long poll, nor dropped with
//! somebody's own tasks.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use runtime_traits::hooks::LocalRunnable;

use crate::mutants;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use crate::sync::{Mutex, lock};

/// Jobs that a thread brings itself. No borrow lasts while a job runs or is dropped.
#[derive(Default)]
pub(crate) struct LocalQueue {
    jobs: RefCell<VecDeque<LocalRunnable>>,
    /// (A fault: after so many local jobs, those that are left are not known to be there.)
    overlooked: Cell<bool>,
}

impl LocalQueue {
    #[inline]
    pub(crate) fn push(&self, job: LocalRunnable) {
        self.overlooked.set(false);
        self.jobs.borrow_mut().push_back(job);
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<LocalRunnable> {
        if self.overlooked.get() { None } else { self.jobs.borrow_mut().pop_front() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.overlooked.get() || self.jobs.borrow().is_empty()
    }

    /// (The fault. `mail`: whether there is some.)
    pub(crate) fn overlook(&self, mail: impl FnOnce() -> bool) {
        if mutants::is_turn_over(|| !self.is_empty() || mail()) {
            self.overlooked.set(true);
        }
    }

    /// Undoes that, for the end.
    pub(crate) fn look(&self) {
        self.overlooked.set(false);
    }
}

/// Jobs that others bring.
#[derive(Default)]
pub(crate) struct Mailbox {
    jobs: Mutex<VecDeque<LocalRunnable>>,
    /// Changes under the lock.
    has_some: AtomicBool,
}

impl Mailbox {
    /// Adds a job; whether there was none before.
    pub(crate) fn post(&self, job: LocalRunnable) -> bool {
        let mut jobs = lock(&self.jobs);
        let is_first = jobs.is_empty();
        jobs.push_back(job);
        self.has_some.store(true, SeqCst);
        is_first
    }

    #[inline]
    pub(crate) fn has_some(&self) -> bool {
        self.has_some.load(SeqCst)
    }

    /// Moves all to the queue of the thread that works here.
    #[inline]
    pub(crate) fn take(&self, into: &LocalQueue) {
        if self.has_some() {
            self.empty(into);
        }
    }

    /// The one that has waited longest.
    #[cold]
    fn pop(&self) -> Option<LocalRunnable> {
        let mut jobs = lock(&self.jobs);
        let job = jobs.pop_front();
        self.has_some.store(!jobs.is_empty(), SeqCst);
        job
    }

    #[cold]
    fn empty(&self, into: &LocalQueue) {
        let mut jobs = lock(&self.jobs);
        jobs.drain(..).for_each(|job| into.push(job));
        self.has_some.store(false, SeqCst);
    }
}

/// Tasks that are nobody's yet: whichever worker comes first takes them in.
#[derive(Default)]
pub(crate) struct Unsettled {
    jobs: Mailbox,
    /// With those that are just being taken, until a list has them.
    alive: AtomicUsize,
}

impl Unsettled {
    pub(crate) fn push(&self, job: LocalRunnable) {
        self.alive.fetch_add(1, SeqCst);
        self.jobs.post(job);
    }

    #[inline]
    pub(crate) fn has_some(&self) -> bool {
        self.jobs.has_some()
    }

    /// How many there are. Whoever counts those that are settled too counts these first: they move there.
    pub(crate) fn alive(&self) -> usize {
        self.alive.load(SeqCst)
    }

    /// The one that has waited longest. It is the calling thread's from now on.
    #[inline]
    pub(crate) fn take_in(&self) -> Option<LocalRunnable> {
        if !self.has_some() {
            return None;
        }
        let mut job = self.jobs.pop()?;
        job.settle();
        self.alive.fetch_sub(1, SeqCst);
        Some(job)
    }

    /// Hands over what is there to be dropped.
    pub(crate) fn drain(&self, drop: impl Fn(LocalRunnable)) {
        while let Some(job) = self.jobs.pop() {
            drop(job);
            self.alive.fetch_sub(1, SeqCst);
        }
    }
}
