//! Jobs from outside of any worker.
//!
//! A queue under a lock that is held for a few moves, and its length beside it, so that workers look
//! without locking. It allocates only to grow: a wake from a plain thread costs no allocation once the
//! queue has had its longest moment.

use std::collections::VecDeque;

use runtime_traits::hooks::Runnable;

use crate::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use crate::sync::deque::Worker as Queue;
use crate::sync::{Mutex, lock};

/// How many jobs a worker takes along, at most.
const BATCH: usize = 32;

#[derive(Default)]
pub(crate) struct Injector {
    jobs: Mutex<VecDeque<Runnable>>,
    /// Changes under the lock.
    len: AtomicUsize,
}

impl Injector {
    pub(crate) fn push(&self, job: Runnable) {
        let mut jobs = lock(&self.jobs);
        jobs.push_back(job);
        self.len.store(jobs.len(), SeqCst);
    }

    pub(crate) fn pop(&self) -> Option<Runnable> {
        if self.is_empty() {
            return None;
        }
        let mut jobs = lock(&self.jobs);
        let job = jobs.pop_front();
        self.len.store(jobs.len(), SeqCst);
        job
    }

    /// The first job; half of the others go `into` the worker's queue, as far as they fit a batch.
    pub(crate) fn pop_batch(&self, into: &Queue<Runnable>) -> Option<Runnable> {
        if self.is_empty() {
            return None;
        }
        let mut jobs = lock(&self.jobs);
        let first = jobs.pop_front();
        let more = (jobs.len() / 2).min(BATCH);
        jobs.drain(..more).for_each(|job| into.push(job));
        self.len.store(jobs.len(), SeqCst);
        first
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(SeqCst)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
