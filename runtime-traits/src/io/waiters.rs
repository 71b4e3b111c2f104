//! The waiting core: many waiters on one direction of one source, over a hook that keeps one waker.
//!
//! Hooks ([`Reactor`](crate::hooks::Reactor), [`Completion`](crate::hooks::Completion),
//! [`ByteStream`](crate::hooks::ByteStream)) keep the latest waker per direction and no more. So each
//! direction has a *fan*: a waker of our own that is the only one a hook ever sees, and that passes
//! the wake on to everybody who waits. It is made once, when the source is registered.
//!
//! ```text
//!  task A ─┐  register(who, waker)                    attempt(context of the fan)
//!  task B ─┼──────────────▶  Fan: epoch, waiters  ──────────────────────────────▶  hook: 1 waker
//!  task C ─┘                     ▲      │  wake: epoch += 1, take, unlock, wake        │
//!                                │      └──────────────▶ tasks                         │
//!                                └──────────────────────── event ◀─────────────────────┘
//! ```
//!
//! One poll reads the epoch, tries, and on `Pending` takes the lock. If the epoch moved meanwhile,
//! the event came in between, and it tries again; otherwise it leaves the caller's waker. A poll that
//! is ready takes no lock, and no wait allocates once the lists have their room.
//!
//! # Invariants
//!
//! - **W1** The epoch moves under the lock, before the waiters of that event are taken. A waiter
//!   stored at epoch *e* is therefore taken by the event that ends *e*.
//! - **W2** A hook that answered `Pending` holds the fan's waker until its next event. So every event
//!   after the attempt moves the epoch, and [`Side::poll`] sees it or is woken by it.
//! - **W3** Wakers are cloned, dropped and woken outside the lock: they are foreign code.
//! - **W4** Every event wakes all who wait: a waiter that is dropped right after its wake has stolen
//!   nothing from the others.
//!
//! Not here: what an attempt does (`source`, `net::link`).

use core::array;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

mod list;

pub(crate) use list::Key;
use list::{BATCH, Put, Waiters};

use crate::contain::contain_quietly;

/// Who waits.
pub(crate) enum Who<'k> {
    /// Whoever holds the object by `&mut`: there is one, so the latest waker replaces the former.
    Owner,
    /// A future with a place of its own.
    Keyed(&'k mut Key),
    /// A poll trait on a shared reference: no identity, kept until the next event.
    Anyone,
}

/// One direction of a source: its fan, and the fan as a waker.
#[derive(Debug)]
pub(crate) struct Side {
    fan: Arc<Fan>,
    waker: Waker,
}

impl Side {
    pub(crate) fn new() -> Side {
        let fan = Arc::new(Fan::default());
        Side { waker: Waker::from(fan.clone()), fan }
    }

    /// Both directions, in the order of [`Dir::index`](crate::hooks::Dir::index).
    pub(crate) fn pair() -> [Side; 2] {
        [Side::new(), Side::new()]
    }

    /// The waker that hooks are given.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Polls `attempt` with the fan's context; while it is pending, `cx` waits for the next event.
    ///
    /// A hook may wake the fan from inside the attempt to say *give way* (tokio's budget does). One
    /// more attempt is made, in case it was an event; then the task gives way.
    pub(crate) fn poll<R>(
        &self,
        mut who: Who<'_>,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        for _ in 0..2 {
            let seen = self.fan.epoch.load(Ordering::Acquire);
            if let Poll::Ready(ready) = attempt(&mut Context::from_waker(&self.waker)) {
                return Poll::Ready(ready);
            }
            if self.fan.register(seen, &mut who, cx.waker()) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// As [`poll`](Side::poll), for hooks that forget their waker when they answer `Ready`, or that
    /// may have more for the next: the others are asked to look again.
    pub(crate) fn poll_shared<R>(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        attempt: impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let polled = self.poll(who, cx, attempt);
        if polled.is_ready() {
            self.wake_all();
        }
        polled
    }

    /// Wakes everybody who waits.
    pub(crate) fn wake_all(&self) {
        self.fan.wake_all();
    }

    /// Gives up a place; its waker is dropped.
    pub(crate) fn release(&self, key: &mut Key) {
        if let Some(index) = key.take() {
            let waker = self.fan.lock().vacate(index);
            drop(waker);
        }
    }

    /// One poll, with nobody to wait: `Pending` leaves nothing behind.
    pub(crate) fn now<R>(
        &self,
        poll: impl FnOnce(Who<'_>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let mut key = Key::default();
        let polled = poll(Who::Keyed(&mut key), &mut Context::from_waker(Waker::noop()));
        self.release(&mut key);
        polled
    }

    /// A future that owns a place while `poll` waits.
    pub(crate) fn wait<F, R>(&self, poll: F) -> Wait<'_, F>
    where
        F: FnMut(Who<'_>, &mut Context<'_>) -> Poll<R>,
    {
        Wait { side: self, key: Key::default(), poll }
    }
}

/// The future behind the inherent methods: safe to drop, its waker goes with it.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Wait<'a, F> {
    side: &'a Side,
    key: Key,
    poll: F,
}

// Nothing is pinned: the closure is called by `&mut`.
impl<F> Unpin for Wait<'_, F> {}

impl<F, R> Future for Wait<'_, F>
where
    F: FnMut(Who<'_>, &mut Context<'_>) -> Poll<R>,
{
    type Output = R;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = self.get_mut();
        let polled = (this.poll)(Who::Keyed(&mut this.key), cx);
        if polled.is_ready() {
            this.side.release(&mut this.key);
        }
        polled
    }
}

impl<F> Drop for Wait<'_, F> {
    fn drop(&mut self) {
        self.side.release(&mut self.key);
    }
}

/// Passes one wake on to many.
#[derive(Debug, Default)]
struct Fan {
    /// How many events there were. Moves under the lock (W1).
    epoch: AtomicUsize,
    waiters: Mutex<Waiters>,
}

impl Fan {
    fn lock(&self) -> MutexGuard<'_, Waiters> {
        // Nothing that can panic half-way runs under the lock (W3).
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores `waker`, unless an event came since `seen`: `false`.
    fn register(&self, seen: usize, who: &mut Who<'_>, waker: &Waker) -> bool {
        // Declared before the guard, hence dropped after it (W3).
        let mut spare = None;
        loop {
            let mut waiters = self.lock();
            if self.epoch.load(Ordering::Relaxed) != seen {
                return false;
            }
            let put = waiters.put(who, waker, &mut spare);
            drop(waiters);
            match put {
                Put::Stored => return true,
                Put::NeedsClone => spare = Some(waker.clone()),
                // Those who are still there come again, and so does the caller.
                Put::Crowded => {
                    self.wake_all();
                    return false;
                }
            }
        }
    }

    /// One event: moves the epoch, then wakes all, in batches so that nothing is allocated.
    ///
    /// A waker that panics does not keep the others from being woken, and stays here: the caller is
    /// a runtime's driver.
    fn wake_all(&self) {
        let mut batch: [Option<Waker>; BATCH] = array::from_fn(|_| None);
        let mut waiters = self.lock();
        self.epoch.fetch_add(1, Ordering::Release);
        let mut sweep = waiters.sweep();
        loop {
            let more = waiters.take(&mut sweep, &mut batch);
            drop(waiters);
            for waker in batch.iter_mut().filter_map(Option::take) {
                contain_quietly(|| waker.wake());
            }
            if !more {
                break;
            }
            waiters = self.lock();
        }
    }
}

impl Wake for Fan {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}

#[cfg(test)]
mod tests;
