//! The locks, threads, queues and clock of this crate, in one place so that a model checker can
//! stand in.
//!
//! Everything that takes part in a race worth modelling imports these names from here, never from
//! `std` or `crossbeam_deque`. Under `--cfg shuttle` they are shuttle's, or this module's own where
//! shuttle has none: `deque` and time, which then passes only if the model lets it
//! ([`model::let_time_pass`]). With a fake poller in `sys` the whole runtime runs under shuttle; the
//! models are in `tests/shuttle.rs`.
//!
//! Poison is ignored throughout ([`lock`]): no foreign code runs under our locks, so a panic in
//! one is a bug of ours, and the data it leaves is still the best there is for shutting down.

#[cfg(shuttle)]
pub(crate) mod deque;
#[cfg(shuttle)]
pub mod model;

#[cfg(not(shuttle))]
pub(crate) use std::{
    sync::{Condvar, Mutex, MutexGuard, atomic},
    thread, thread_local,
};

#[cfg(not(shuttle))]
pub(crate) use crossbeam_deque as deque;

#[cfg(shuttle)]
pub(crate) use shuttle::{
    sync::{Condvar, Mutex, MutexGuard, atomic},
    thread, thread_local,
};

#[cfg(shuttle)]
pub(crate) use model::{has_ended, join_until, nap, now, park_timeout, start, wait_timeout};
#[cfg(not(shuttle))]
pub(crate) use real::{has_ended, join_until, nap, now, park_timeout, start, wait_timeout};

use std::sync::PoisonError;

/// Locks, whether or not an earlier holder panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What takes time.
#[cfg(not(shuttle))]
mod real {
    use super::{Condvar, Mutex, MutexGuard, PoisonError};
    use std::io;
    use std::thread::{Builder, JoinHandle};
    use std::time::{Duration, Instant};

    /// The time.
    pub(crate) fn now() -> Instant {
        Instant::now()
    }

    pub(crate) use std::thread::park_timeout;

    /// The pause of a thread that looks again and again for what nobody tells it.
    pub(crate) fn nap() {
        std::thread::sleep(Duration::from_micros(200));
    }

    /// Starts a thread, if the system has one.
    pub(crate) fn start<T: Send + 'static>(
        builder: Builder,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        builder.spawn(body)
    }

    /// Whether a thread has ended.
    pub(crate) fn has_ended<T>(thread: &JoinHandle<T>) -> bool {
        thread.is_finished()
    }

    /// Waits for a thread until the deadline, if there is one; whether it has ended.
    pub(crate) fn join_until(thread: JoinHandle<()>, deadline: Option<Instant>) -> bool {
        while deadline.is_some_and(|_| !has_ended(&thread)) {
            if deadline.is_some_and(|deadline| now() >= deadline) {
                return false;
            }
            nap();
        }
        // A worker's panic would be a bug of ours; tasks' panics never get there.
        let _ = thread.join();
        true
    }

    /// Waits on a condition; whether the time was over. The guard is the mutex's.
    pub(crate) fn wait_timeout<'a, T>(
        condition: &Condvar,
        _: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        at_most: Duration,
    ) -> (MutexGuard<'a, T>, bool) {
        let outcome = condition.wait_timeout(guard, at_most);
        let (guard, timeout) = outcome.unwrap_or_else(PoisonError::into_inner);
        (guard, timeout.timed_out())
    }
}
