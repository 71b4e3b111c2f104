//! Where a worker's thread sleeps, and how it is woken from there.
//!
//! Three states and one rule: whoever swaps in `NOTIFIED` over a sleeper's state does the wake that
//! this state asks for. User code that calls `thread::park` or `unpark` on the same thread can make
//! us look at the state once more, and nothing else.

use std::time::Duration;

use crate::sync::atomic::{AtomicU8, Ordering::SeqCst};
use crate::sync::thread::{self, Thread};
use crate::sync::{Mutex, lock, now, park_timeout};

const AWAKE: u8 = 0;
const PARKED: u8 = 1;
const DRIVING: u8 = 2;
const NOTIFIED: u8 = 3;

/// One worker's bedside.
#[derive(Default)]
pub(crate) struct Parker {
    state: AtomicU8,
    /// The thread that works here now.
    thread: Mutex<Option<Thread>>,
}

impl Parker {
    /// The calling thread works here from now on.
    pub(crate) fn take(&self) {
        *lock(&self.thread) = Some(thread::current());
    }

    /// Sleeps until notified, no longer than `at_most`. `false`: the time was over.
    pub(crate) fn park(&self, at_most: Option<Duration>) -> bool {
        if self.state.compare_exchange(AWAKE, PARKED, SeqCst, SeqCst).is_err() {
            self.state.store(AWAKE, SeqCst); // it was notified before
            return true;
        }
        let until = at_most.map(|at_most| now() + at_most);
        loop {
            match until.map(|until| until.saturating_duration_since(now())) {
                None => thread::park(),
                Some(Duration::ZERO) => return self.state.swap(AWAKE, SeqCst) == NOTIFIED,
                Some(left) => park_timeout(left),
            }
            if self.state.compare_exchange(NOTIFIED, AWAKE, SeqCst, SeqCst).is_ok() {
                return true;
            }
        }
    }

    /// Runs `turn`, which `notify_driver` of an [`unpark`](Parker::unpark) ends; not at all if
    /// notified before.
    ///
    /// Another thread's turn may swallow that notification before ours has begun. So `turn` asks
    /// [`is_driving`](Parker::is_driving) once more, when the next notification cannot miss it.
    pub(crate) fn drive(&self, turn: impl FnOnce()) {
        if self.state.compare_exchange(AWAKE, DRIVING, SeqCst, SeqCst).is_ok() {
            turn();
        }
        self.state.store(AWAKE, SeqCst);
    }

    /// Whether the driver's sleeper has not been notified yet.
    pub(crate) fn is_driving(&self) -> bool {
        self.state.load(SeqCst) == DRIVING
    }

    /// Ends the sleep, or the next one.
    pub(crate) fn unpark(&self, notify_driver: impl FnOnce()) {
        match self.state.swap(NOTIFIED, SeqCst) {
            PARKED => {
                let thread = lock(&self.thread).clone();
                if let Some(thread) = thread {
                    thread.unpark();
                }
            }
            DRIVING => notify_driver(),
            _ => {}
        }
    }
}
