//! A rendezvous between threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use crate::watchdog;

/// Closed until somebody opens it, then open for ever.
#[derive(Debug)]
pub struct Gate {
    name: &'static str,
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    /// A closed gate. The name is what a hang is reported as.
    pub const fn new(name: &'static str) -> Gate {
        Gate { name, open: Mutex::new(false), opened: Condvar::new() }
    }

    /// Lets everyone through.
    pub fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.opened.notify_all();
    }

    /// Blocks the thread until the gate is open. At the watchdog's deadline the process ends, with
    /// the gate's name as the reason.
    pub fn wait(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            let left = watchdog::deadline().saturating_duration_since(Instant::now());
            if left.is_zero() {
                watchdog::give_up(self.name);
            }
            let waited = self.opened.wait_timeout(open, left);
            open = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Down until somebody raises it, then up for ever; nobody waits, everybody may look.
#[derive(Debug, Default)]
pub struct Flag(AtomicBool);

impl Flag {
    /// A flag that is down.
    pub const fn new() -> Flag {
        Flag(AtomicBool::new(false))
    }

    /// Puts it up.
    pub fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it is up.
    pub fn is_up(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
