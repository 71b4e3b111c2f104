//! A count that a future can await.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Counts up from any thread; one future at a time waits for it.
#[derive(Debug, Default)]
pub struct Tally(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    count: usize,
    waiter: Option<Waker>,
}

impl Tally {
    /// Zero.
    pub fn new() -> Tally {
        Tally::default()
    }

    /// One more.
    pub fn add(&self) {
        let waiter = {
            let mut state = self.lock();
            state.count += 1;
            state.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// The count.
    pub fn count(&self) -> usize {
        self.lock().count
    }

    /// Waits until the count is `goal` or more.
    pub async fn reached(&self, goal: usize) {
        poll_fn(|cx| {
            let waker = cx.waker().clone();
            let mut state = self.lock();
            if state.count >= goal {
                return Poll::Ready(());
            }
            let old = state.waiter.replace(waker);
            drop(state);
            drop(old);
            Poll::Pending
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
