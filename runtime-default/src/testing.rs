//! A waker that counts, for the tests of this crate.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
    thread::Thread,
};

/// Counts wakes, and wakes a thread if it was made on one that wants it.
pub(crate) struct Wakes {
    count: AtomicUsize,
    thread: Option<Thread>,
}

impl Wakes {
    pub(crate) fn new() -> (Arc<Wakes>, Waker) {
        Wakes::with(None)
    }

    /// Unparks the current thread at each wake.
    pub(crate) fn unparking() -> (Arc<Wakes>, Waker) {
        Wakes::with(Some(std::thread::current()))
    }

    fn with(thread: Option<Thread>) -> (Arc<Wakes>, Waker) {
        let wakes = Arc::new(Wakes { count: AtomicUsize::new(0), thread });
        (wakes.clone(), wakes.into())
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.thread.iter().for_each(Thread::unpark);
    }
}
