//! The queues of `crossbeam_deque` under shuttle: the same promises, made of locks.
//!
//! A batch that is stolen is in neither queue for a moment, as in the original.

use super::{Mutex, lock};
use std::collections::VecDeque;
use std::sync::Arc;

type Shared<T> = Arc<Mutex<VecDeque<T>>>;

#[allow(dead_code, reason = "those who match on it know the original's three cases")]
pub(crate) enum Steal<T> {
    Empty,
    Success(T),
    Retry,
}

pub(crate) struct Worker<T>(Shared<T>);

pub(crate) struct Stealer<T>(Shared<T>);

impl<T> Worker<T> {
    pub(crate) fn new_fifo() -> Worker<T> {
        Worker(Arc::default())
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(self.0.clone())
    }

    pub(crate) fn push(&self, job: T) {
        lock(&self.0).push_back(job);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        lock(&self.0).pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.0).len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Stealer<T> {
    pub(crate) fn steal_batch_and_pop(&self, into: &Worker<T>) -> Steal<T> {
        steal_half(&self.0, into)
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.0).len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Half of the jobs, rounded up: one for the caller, the others into its queue.
fn steal_half<T>(from: &Shared<T>, into: &Worker<T>) -> Steal<T> {
    let mut batch: VecDeque<T> = {
        let mut from = lock(from);
        let half = from.len().div_ceil(2);
        from.drain(..half).collect()
    };
    let Some(first) = batch.pop_front() else { return Steal::Empty };
    if !batch.is_empty() {
        lock(&into.0).append(&mut batch);
    }
    Steal::Success(first)
}
