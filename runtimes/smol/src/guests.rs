//! Our tasks on an executor that is somebody else's: kept here, so that they end with it.
//!
//! An executor that is dropped wakes its tasks and empties its queue, once. A task that another thread
//! is waking at that moment gets into the queue afterwards, and stays there for ever, undropped. So
//! the executor is not given the task, but a [`Guest`] that leads to it, and a [`Sentinel`], which
//! nobody but the executor wakes and which is therefore always dropped: with it go the tasks that
//! are left, and what stays in the queue is an empty place.
//!
//! ```text
//!   executor ──▶ Guest ──▶ ┌ a place: Task ┐
//!            ──▶ Sentinel ─┴▶ all places   ┘
//! ```
//!
//! # Invariants
//!
//! - **G1** Only the guest polls the task in its place, so the place's lock is waited for by nobody:
//!   the sentinel comes when the executor is dropped, thus polled by no one, or when no task is left.
//! - **G2** Tasks are dropped outside the lock: that calls foreign code.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use runtime_traits::hooks::Task;
use smol::Executor;

use crate::table::Table;

/// The tasks of one runtime on its host.
pub(crate) struct Guests {
    places: Arc<Table<Option<Task>>>,
    /// Cancelled when the runtime goes. It may go last, so nothing waits for it.
    _sentinel: smol::Task<()>,
}

impl Guests {
    /// None yet, on `host`.
    pub(crate) fn on(host: &Executor<'static>) -> Guests {
        let places = Arc::new(Table::new());
        let _sentinel = host.spawn(Sentinel(Arc::clone(&places)));
        Guests { places, _sentinel }
    }

    /// What the host gets for `task`.
    pub(crate) fn take_in(&self, task: Task) -> Guest {
        let key = self.places.insert(|place| *place = Some(task));
        Guest { places: Arc::clone(&self.places), key }
    }
}

/// Polls a task, and drops it when it is dropped.
pub(crate) struct Guest {
    places: Arc<Table<Option<Task>>>,
    key: u64,
}

impl Future for Guest {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let poll = |place: &mut Option<Task>| place.as_mut().map(|task| Pin::new(task).poll(cx));
        self.places.with(self.key, poll).flatten().unwrap_or(Poll::Ready(()))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let task = self.places.remove(self.key, Option::take);
        drop(task); // G2
    }
}

/// Waits for the end of the executor.
struct Sentinel(Arc<Table<Option<Task>>>);

impl Future for Sentinel {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let mut left = Vec::new();
        self.0.each(|place| left.extend(place.take()));
        drop(left); // G2
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use runtime_traits::hooks::Meta;

    use super::*;

    /// What is left in the executor's queue for ever is as good as forgotten.
    #[test]
    fn a_task_whose_guest_is_never_dropped_ends_with_the_executor() {
        let executor = Arc::new(Executor::new());
        let guests = Guests::on(&executor);
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let future = async move {
            let _held = held;
            pending::<()>().await;
        };
        let made = Task::new(crate::hosted(&executor), Meta::new(None), future);
        let (task, handle) = made.unwrap();
        std::mem::forget(guests.take_in(task));
        assert_eq!(Arc::strong_count(&alive), 2);
        drop(executor);
        assert_eq!(Arc::strong_count(&alive), 1);
        assert!(smol::block_on(handle).unwrap_err().is_cancelled());
    }
}
