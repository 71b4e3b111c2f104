//! Time under shuttle, which knows none.
//!
//! Each execution has a clock of its own that stands still until somebody sleeps with a limit. What
//! happens then is the model's choice:
//!
//! - by default time **never passes**: a sleep with a limit is one without. A runtime that needs its
//!   tick to find a job then hangs, which shuttle reports as a deadlock. This is how the models prove
//!   that no wake-up is lost.
//! - after [`let_time_pass`] such a sleep **ends by itself** after a few steps of other threads, and
//!   the clock moves by the limit. Who was woken meanwhile may find out late, as on a real machine.

use super::{Condvar, Mutex, MutexGuard, lock, thread};
use std::cell::Cell;
use std::io;
use std::sync::{OnceLock, PoisonError};
use std::time::{Duration, Instant};

// The system's thread, not the model's: shuttle runs all threads of a model on one.
std::thread_local! {
    static PASSES: Cell<bool> = const { Cell::new(false) };
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static FAILING: Cell<usize> = const { Cell::new(0) };
}

/// For models: whether sleeps end by themselves. To be called first in every execution.
pub fn let_time_pass(passes: bool) {
    PASSES.set(passes);
    NOW.set(Duration::ZERO);
    FAILING.set(0);
}

/// For models: so many of the pool's threads are not started when they should be.
pub fn fail_starts(number: usize) {
    FAILING.set(number);
}

/// Starts a thread, if the system has one.
pub(crate) fn start<T: Send + 'static>(
    builder: thread::Builder,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<thread::JoinHandle<T>> {
    thread::yield_now(); // others may come to rely on it meanwhile
    match FAILING.get() {
        0 => builder.spawn(body),
        failing => {
            FAILING.set(failing - 1);
            Err(io::ErrorKind::WouldBlock.into())
        }
    }
}

/// The time.
pub(crate) fn now() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now) + NOW.get()
}

/// Whether time passes.
pub(crate) fn time_passes() -> bool {
    PASSES.get()
}

/// Lets others go on for a while, and then it is `delay` later.
pub(crate) fn pass(delay: Duration) {
    thread::yield_now();
    thread::yield_now();
    NOW.set(NOW.get() + delay);
}

/// Parks; may return without an `unpark`, which then counts for the next time.
pub(crate) fn park_timeout(at_most: Duration) {
    if time_passes() { pass(at_most) } else { thread::park() }
}

/// Lets the others go first: a scheduler that prefers one thread learns that this one has nothing to do.
pub(crate) fn nap() {
    thread::yield_now();
}

/// Shuttle does not tell; for those who tidy up.
pub(crate) fn has_ended<T>(_: &thread::JoinHandle<T>) -> bool {
    false
}

/// Waits for a thread. (Shuttle does not tell before: deadlines of models are far away.)
pub(crate) fn join_until(thread: thread::JoinHandle<()>, _: Option<Instant>) -> bool {
    let _ = thread.join();
    true
}

/// Waits on a condition; whether the time was over.
pub(crate) fn wait_timeout<'a, T>(
    condition: &Condvar,
    mutex: &'a Mutex<T>,
    guard: MutexGuard<'a, T>,
    at_most: Duration,
) -> (MutexGuard<'a, T>, bool) {
    if at_most.is_zero() {
        return (guard, true);
    }
    if !time_passes() {
        return (condition.wait(guard).unwrap_or_else(PoisonError::into_inner), false);
    }
    drop(guard);
    pass(at_most);
    (lock(mutex), true)
}
