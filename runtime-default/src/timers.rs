//! The clock and the wheel behind the timer hook.
//!
//! Tasks arm deadlines from any thread; one thread, the driver, sleeps until the next of them.
//! Both happen under one lock, with the wheel and the deadline the driver sleeps until in it, so
//! that "is the driver to be told?" has one answer:
//!
//! ```text
//!             driver: fall_asleep          any thread: poll_until
//!  ┌ lock ─────────────────────────────────────────────────────────────────────┐
//!  │ asleep_until := next deadline         due < asleep_until?  yes: := AWAKE, │
//!  └───────┬───────────────────────────────────────────────────────────┬───────┘
//!          ▼ sleeps                                                     ▼ rings (no lock)
//! ```
//!
//! While the driver is awake `asleep_until` is 0 and nothing is earlier: arming then never rings,
//! also not from the driver's own thread, which is awake while it polls tasks.
//!
//! # Invariants
//!
//! - **M1** If `asleep_until` is not 0, the driver is on its way to sleep no longer than until then,
//!   and has not been rung for since.
//! - **M2** Each entry is due no earlier than its deadline and no later than the slack allows, and
//!   while the driver sleeps un-rung, `asleep_until` is not after any of them.
//! - **M3** No waker is cloned, woken or dropped under the lock, and the bell rings outside of it.
//! - **M4** Once `ended`, the wheel fires no more and takes no more.
//!
//! Not here: sleeping (`driver`), the order of deadlines (`wheel`).

#[cfg(test)]
mod tests;

use crate::{
    hooks::{self, Gone, Instant, Key},
    reactor::wake_all,
    sync::{Mutex, lock, now},
    wheel::{NEVER, Wheel},
};
use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// `asleep_until` while the driver is awake or has been rung for: no deadline is earlier.
const AWAKE: u64 = 0;

/// Where "now" comes from.
#[derive(Debug)]
pub enum Clock {
    /// The machine's monotone clock, from the moment it started to count.
    Machine(std::time::Instant),
    /// Nanoseconds that somebody sets. Setting it wakes nobody; a turn of the driver does.
    Manual(AtomicU64),
}

impl Clock {
    /// The machine's clock, counting from now.
    pub fn machine() -> Clock {
        Clock::Machine(now())
    }

    /// Nanoseconds since the clock's beginning.
    pub fn now(&self) -> u64 {
        match self {
            Clock::Machine(start) => whole_nanos(now().saturating_duration_since(*start)),
            Clock::Manual(nanos) => nanos.load(Ordering::SeqCst),
        }
    }
}

/// Deadlines of tasks, by key.
pub struct Timers {
    clock: Clock,
    state: Mutex<State>,
    /// Set before the wheel is emptied; read without the lock by polls that need it no more.
    ended: AtomicBool,
    /// Ends the driver's sleep.
    ring: Box<dyn Fn() + Send + Sync>,
}

/// What the lock protects.
struct State {
    wheel: Wheel,
    /// See M1.
    asleep_until: u64,
    ended: bool,
}

/// What a poll must do once the lock is released.
#[must_use]
enum OnArm {
    /// Answer `Pending`; ring first if told so.
    Pending { ring: bool },
    /// Clone the waker and come again.
    NeedsWaker,
    /// The runtime ended.
    Gone,
}

impl Timers {
    /// Makes timers on a clock; `ring` ends the current or next sleep of the driver.
    pub fn new(clock: Clock, ring: impl Fn() + Send + Sync + 'static) -> Timers {
        let state = State { wheel: Wheel::new(), asleep_until: AWAKE, ended: false };
        let (state, ended) = (Mutex::new(state), AtomicBool::new(false));
        Timers { clock, state, ended, ring: Box::new(ring) }
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Announces a sleep and says how long it may be: until the next deadline, `at_most`, or (`None`)
    /// for ever. The driver calls [`Timers::wake_up`] afterwards, whatever ended it.
    pub fn fall_asleep(&self, at_most: Option<Duration>) -> Option<Duration> {
        if at_most == Some(Duration::ZERO) {
            return at_most; // Not a sleep: nobody needs to ring.
        }
        let now = self.clock.now();
        let end = at_most.map_or(NEVER, |delay| now.saturating_add(whole_nanos(delay)));
        let mut state = lock(&self.state);
        let until = state.wheel.next_deadline().unwrap_or(NEVER).min(end);
        if until > now {
            state.asleep_until = until;
        }
        (until != NEVER).then(|| Duration::from_nanos(until.saturating_sub(now)))
    }

    /// Ends the sleep and collects the wakers that are due, to be woken without a lock.
    pub fn wake_up(&self, out: &mut Vec<Waker>) {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        state.asleep_until = AWAKE;
        state.wheel.advance(now, out);
    }

    /// Wakes all who wait, and answers every later poll with [`Gone`].
    pub fn shutdown(&self) {
        self.ended.store(true, Ordering::Relaxed);
        let mut wakers = Vec::new();
        let mut state = lock(&self.state);
        state.ended = true;
        state.wheel.fire_all(&mut wakers);
        drop(state);
        wake_all(wakers);
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        lock(&self.state).wheel.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes the entry of a key, if there is one, and leaves [`Key::NONE`].
    fn release(&self, key: &mut Key) {
        if key.is_none() {
            return;
        }
        // A variable, so that the waker is dropped after the lock is released (M3).
        let waker = lock(&self.state).wheel.remove(key.take().raw());
        drop(waker);
    }

    /// Arms or re-arms until it is done, cloning the waker only if the entry has another.
    fn arm(&self, key: &mut Key, due: u64, cx: &Context<'_>) -> OnArm {
        let mut spare = key.is_none().then(|| cx.waker().clone());
        loop {
            // A variable, so that the lock is released before the clone.
            let duty = lock(&self.state).arm(key, due, cx.waker(), &mut spare);
            match duty {
                OnArm::NeedsWaker => spare = Some(cx.waker().clone()),
                duty => return duty, // `spare`, now perhaps the old waker, is dropped here.
            }
        }
    }
}

impl hooks::Timer for Timers {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.clock.now())
    }

    fn poll_until(
        &self,
        key: &mut Key,
        at: Instant,
        slack: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        let at = at.as_nanos();
        if self.ended.load(Ordering::Relaxed) {
            self.release(key);
            return Poll::Ready(Err(Gone));
        }
        // `NEVER` does not come, not even when the clock gets there.
        if at != NEVER && self.clock.now() >= at {
            self.release(key);
            return Poll::Ready(Ok(()));
        }
        match self.arm(key, with_slack(at, slack), cx) {
            OnArm::Gone => {
                self.release(key);
                return Poll::Ready(Err(Gone));
            }
            OnArm::Pending { ring: true } => (self.ring)(),
            OnArm::Pending { ring: false } | OnArm::NeedsWaker => {}
        }
        Poll::Pending
    }

    fn forget(&self, key: &mut Key) {
        self.release(key);
    }
}

impl State {
    /// Makes or changes an entry. `spare` is a clone of `waker` if there is one; what is in it
    /// afterwards is to be dropped without the lock.
    fn arm(&mut self, key: &mut Key, due: u64, waker: &Waker, spare: &mut Option<Waker>) -> OnArm {
        if self.ended {
            return OnArm::Gone;
        }
        match self.wheel.deadline(key.raw()) {
            Some(_) if self.wheel.will_wake(key.raw(), waker) => {}
            Some(_) => match spare.take() {
                Some(clone) => *spare = self.wheel.replace_waker(key.raw(), clone),
                None => return OnArm::NeedsWaker,
            },
            None => match spare.take() {
                Some(clone) => *key = Key::from_raw(self.wheel.insert(due, clone)),
                None => return OnArm::NeedsWaker,
            },
        }
        if self.wheel.deadline(key.raw()) != Some(due) {
            self.wheel.reset(key.raw(), due);
        }
        OnArm::Pending { ring: self.must_ring(due) }
    }

    /// Whether the driver sleeps for longer than this; asks for it once per sleep (M1).
    fn must_ring(&mut self, due: u64) -> bool {
        let must = due < self.asleep_until;
        if must {
            self.asleep_until = AWAKE;
        }
        must
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wheel = &lock(&self.state).wheel;
        f.debug_struct("Timers").field("clock", &self.clock).field("wheel", wheel).finish()
    }
}

/// When an entry is due that may be late by `slack`: at the next multiple of a power of two, where
/// others with a slack will be due as well.
fn with_slack(at: u64, slack: Duration) -> u64 {
    match whole_nanos(slack).checked_ilog2() {
        Some(bits) => at | ((1 << bits) - 1),
        None => at,
    }
}

/// Nanoseconds, as many as fit.
fn whole_nanos(delay: Duration) -> u64 {
    u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX)
}
