//! The locks and threads of this crate, in one place so that a model checker can stand in.
//!
//! Everything that takes part in a race worth modelling imports its `Mutex`, `Condvar` and thread
//! start from here, never from `std::sync`. Under `--cfg shuttle` the same names are shuttle's.
//!
//! Poison is ignored throughout ([`lock`]): no foreign code runs under our locks, so a panic in
//! one is a bug of ours, and the data it leaves is still the best there is for shutting down.

#[cfg(not(shuttle))]
pub(crate) use std::{
    sync::{Condvar, Mutex, MutexGuard},
    thread::{Builder, JoinHandle},
};

#[cfg(shuttle)]
pub(crate) use shuttle::{
    sync::{Condvar, Mutex, MutexGuard},
    thread::{Builder, JoinHandle},
};

use std::sync::PoisonError;

/// Locks, whether or not an earlier holder panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
