//! Puts a thread to sleep until there is something to poll.
//!
//! The driver is the only place that blocks in the poller. It ties together the two things that
//! can end a sleep, and nothing else:
//!
//! ```text
//!            sleep no longer than              wait
//!   Timers ───────────────────────▶  turn  ──────────▶  Reactor ──▶ sys::Poller
//!     │                               ▲ │                  │
//!     └── wakers that are due ────────┘ │ ◀── wakers ──────┘
//!                                       ▼
//!                           wake each, outside every lock
//! ```
//!
//! One call of [`hooks::Drive::turn`] is one *turn*: sleep, collect wakers, give up the seat, wake.
//!
//! # Invariants
//!
//! - **D1** One thread at a time is in the poller: the one in the *seat*. Others that want a turn
//!   wait for the seat, no longer than their turn may last.
//! - **D2** No lock is held and nobody sits while wakers run, so a waker may take a turn itself.
//! - **D3** A `notify` before a `turn` makes that `turn` return at once, unless it ended another.
//! - **D4** A waker that panics keeps no other from being woken and does not unwind out of `turn`.
//!
//! Not here: readiness (`reactor`), deadlines (`timers`), system calls (`sys`), and whose turn it
//! is: that is for the executor to say.

#[cfg(all(test, unix))]
mod tests;

use crate::{
    hooks,
    reactor::{Reactor, wake_all},
    sync::{Condvar, Mutex, MutexGuard, lock, now, wait_timeout},
    sys::{Events, Poller},
    timers::{Clock, Timers},
};
use std::{
    fmt, io,
    sync::{Arc, PoisonError},
    task::Waker,
    time::Duration,
};

/// A reactor and timers, driven together.
pub struct Driver {
    poller: Arc<Poller>,
    reactor: Reactor,
    timers: Timers,
    seat: Mutex<Seat>,
    seat_free: Condvar,
    /// Empty `Vec`s with memory, for the next turns: one for each thread that wakes at the same time.
    spare: Mutex<Vec<Vec<Waker>>>,
}

impl Driver {
    /// Makes a driver on the machine's clock.
    ///
    /// # Errors
    ///
    /// Those of the system's poller: out of descriptors or memory.
    pub fn new() -> io::Result<Driver> {
        let poller = Arc::new(Poller::new()?);
        let bell = poller.clone();
        Ok(Driver {
            reactor: Reactor::new(poller.clone()),
            timers: Timers::new(Clock::machine(), move || bell.notify()),
            poller,
            seat: Mutex::new(Seat { events: Some(Events::new()), waiting: 0 }),
            seat_free: Condvar::new(),
            spare: Mutex::new(Vec::new()),
        })
    }

    /// The reactor that this drives.
    pub fn reactor(&self) -> &Reactor {
        &self.reactor
    }

    /// The timers that this drives.
    pub fn timers(&self) -> &Timers {
        &self.timers
    }

    /// Wakes all who wait; from here on their polls answer that the runtime ended.
    ///
    /// Ends the turn that runs; a later one would still wait.
    pub fn shutdown(&self) {
        self.reactor.shutdown();
        self.timers.shutdown();
        self.poller.notify();
    }

    /// A turn that does not begin unless it is still `wanted`.
    ///
    /// That is asked where a later notification cannot miss: when nobody else can take a turn any
    /// more, or when somebody does, whom it ends (D3). It is asked under a lock, and should be no
    /// more than a look at a flag that is set before [`notify`](hooks::Drive::notify) is called.
    pub(crate) fn turn_if(
        &self,
        at_most: Option<Duration>,
        wanted: impl Fn() -> bool,
    ) -> io::Result<()> {
        let Some((mut sitting, left)) = self.sit(at_most, wanted) else { return Ok(()) };
        let mut wakers = lock(&self.spare).pop().unwrap_or_default();
        let outcome = match &mut sitting.events {
            Some(events) => self.collect(events, left, &mut wakers),
            None => Ok(()),
        };
        drop(sitting);
        self.wake(wakers);
        outcome
    }

    /// Takes the seat, waiting for it if need be; returns it with what is left of the time, or
    /// `None` if that was over first, or the turn not wanted any more.
    fn sit(
        &self,
        at_most: Option<Duration>,
        wanted: impl Fn() -> bool,
    ) -> Option<(Sitting<'_>, Option<Duration>)> {
        let mut seat = lock(&self.seat);
        let (mut left, mut until) = (at_most, None);
        while wanted() {
            if let Some(events) = seat.events.take() {
                return Some((Sitting { driver: self, events: Some(events) }, left));
            }
            if let Some(delay) = at_most {
                let now = now();
                let until = *until.get_or_insert_with(|| now.checked_add(delay));
                left = until.map(|until| until.saturating_duration_since(now));
            }
            if left == Some(Duration::ZERO) {
                return None;
            }
            seat.waiting += 1;
            seat = match left {
                None => self.seat_free.wait(seat).unwrap_or_else(PoisonError::into_inner),
                Some(left) => wait_timeout(&self.seat_free, &self.seat, seat, left).0,
            };
            seat.waiting -= 1;
        }
        // We may have been told that the seat is free: so is the next one who waits for it.
        self.call(seat);
        None
    }

    /// Tells one of those who wait that the seat is free. (If nobody does, that is no system call.)
    fn call(&self, seat: MutexGuard<'_, Seat>) {
        let is_awaited = seat.waiting > 0;
        drop(seat);
        if is_awaited {
            self.seat_free.notify_one();
        }
    }

    /// Sleeps and collects.
    fn collect(
        &self,
        events: &mut Events,
        at_most: Option<Duration>,
        wakers: &mut Vec<Waker>,
    ) -> io::Result<()> {
        let sleep = self.timers.fall_asleep(at_most);
        let outcome = self.reactor.wait(events, sleep, wakers);
        self.timers.wake_up(wakers);
        outcome
    }

    /// Wakes each, and keeps the memory for the next turn.
    fn wake(&self, mut wakers: Vec<Waker>) {
        wake_all(wakers.drain(..));
        lock(&self.spare).push(wakers);
    }
}

impl hooks::Drive for Driver {
    fn turn(&self, at_most: Option<Duration>) -> io::Result<()> {
        self.turn_if(at_most, || true)
    }

    fn notify(&self) {
        self.poller.notify();
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = f.debug_struct("Driver");
        parts.field("reactor", &self.reactor).field("timers", &self.timers).finish_non_exhaustive()
    }
}

/// What the one who sits needs, and how many wait to be that one.
struct Seat {
    /// `None` while somebody sits (D1).
    events: Option<Events>,
    waiting: usize,
}

/// Being in the seat; dropping it gives it up, on every way out.
struct Sitting<'a> {
    driver: &'a Driver,
    /// Always `Some` until dropped.
    events: Option<Events>,
}

impl Drop for Sitting<'_> {
    fn drop(&mut self) {
        let mut seat = lock(&self.driver.seat);
        seat.events = self.events.take();
        self.driver.call(seat);
    }
}
