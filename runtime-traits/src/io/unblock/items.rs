//! An iterator that blocks, as a stream: a job fills a queue, the stream empties it.
//!
//! ```text
//!   job:  next() ─▶ push ─▶ wake ─▶ next() ─▶ …   full, or at the end: the job ends
//!                     │ queue of 32
//!   stream:          pop …                        empty, and no job: starts one
//! ```
//!
//! # Invariants
//!
//! - **N1** An item is pushed before the job that made it ends. So a stream that has seen the end of
//!   the job and then finds the queue empty has had all of them.

use core::any::Any;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::engine::Doing;
use super::machine::Machine;
use crate::JoinError;

/// How many items are made before anybody asks.
const AHEAD: usize = 32;

/// Items on their way, and whether there will be no more.
struct Queue<I> {
    items: Mutex<(VecDeque<I>, bool)>,
}

impl<I> Queue<I> {
    fn lock(&self) -> MutexGuard<'_, (VecDeque<I>, bool)> {
        // Items are moved under it, and nothing else is done with them.
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item, or the end; whether there is room for more.
    fn push(&self, item: Option<I>) -> bool {
        let mut queue = self.lock();
        let (items, ended) = &mut *queue;
        *ended = item.is_none();
        items.extend(item);
        !*ended && items.len() < AHEAD
    }

    /// Panics as the iterator did. That was its end.
    fn raise(&self, error: JoinError) -> ! {
        self.lock().1 = true;
        resume_unwind(error.into_panic())
    }
}

/// The queue of one stream. Its type is known where the object is known to be an iterator.
#[derive(Default)]
pub(super) struct Items(Option<Arc<dyn Any + Send + Sync>>);

impl Items {
    fn queue<I: Send + 'static>(&mut self) -> Arc<Queue<I>> {
        let new = || Arc::new(Queue::<I> { items: Mutex::default() }) as _;
        let queue = Arc::clone(self.0.get_or_insert_with(new));
        queue.downcast().unwrap_or_else(|_| unreachable!("an object has one type of items"))
    }

    /// The next item. `waker` is told of each one that a job makes.
    ///
    /// # Panics
    ///
    /// As the iterator did; if no job can be started.
    pub(super) fn poll_next<T>(
        &mut self,
        machine: &mut Machine<T>,
        waker: &Waker,
        cx: &mut Context<'_>,
    ) -> Poll<Option<T::Item>>
    where
        T: Iterator + Send + 'static,
        T::Item: Send + 'static,
    {
        let queue = self.queue::<T::Item>();
        loop {
            // In this order (N1).
            let here = machine.poll_here(cx).is_ready();
            let ended = {
                let mut queue = queue.lock();
                match queue.0.pop_front() {
                    Some(item) => return Poll::Ready(Some(item)),
                    None => queue.1,
                }
            };
            if !here {
                return Poll::Pending;
            }
            if let Some(error) = machine.engine().broken.take() {
                queue.raise(error);
            }
            if ended {
                return Poll::Ready(None);
            }
            let (theirs, waker) = (queue.clone(), waker.clone());
            let job = machine.start(Doing::Items, move |engine| {
                let mut wanted = true;
                // Two, while the stream is there.
                while wanted && Arc::strong_count(&theirs) > 1 {
                    wanted = theirs.push(engine.io.next());
                    waker.wake_by_ref();
                }
            });
            job.unwrap_or_else(|error| panic!("an iterator cannot be asked: {error}"));
        }
    }
}
