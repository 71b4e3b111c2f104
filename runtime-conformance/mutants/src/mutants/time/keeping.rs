//! Timers that keep the wrong entry, or the wrong waker.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime_conformance::twist::fired;
use runtime_traits::hooks::{Key, Timer};
use runtime_traits::time::Instant;
use runtime_traits::{Gone, Handle};

use super::OnPoll;

type Polled = Poll<Result<(), Gone>>;

// ── M-TIME-5 ────────────────────────────────────────────────────────────────────────────────────

/// A table whose key is the instant: the keys that it gives out are its own.
pub(super) struct ByInstant {
    rt: Handle,
    state: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    last: u64,
    by_key: HashMap<u64, (Instant, Key)>,
    by_instant: HashMap<Instant, u64>,
}

impl ByInstant {
    pub(super) fn new(rt: Handle) -> ByInstant {
        ByInstant { rt, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an entry out, and withdraws it.
    fn remove(&self, key: u64) {
        let removed = {
            let mut state = self.lock();
            let removed = state.by_key.remove(&key);
            if let Some((at, _)) = &removed {
                if state.by_instant.get(at) == Some(&key) {
                    state.by_instant.remove(at);
                }
            }
            removed
        };
        let timer = self.rt.runtime().timer();
        removed.into_iter().zip(timer).for_each(|((_, mut key), timer)| timer.forget(&mut key));
    }
}

impl Drop for ByInstant {
    fn drop(&mut self) {
        let keys: Vec<u64> = self.lock().by_key.keys().copied().collect();
        keys.into_iter().for_each(|key| self.remove(key));
    }
}

impl OnPoll for ByInstant {
    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Polled {
        let before = self.lock().by_key.remove(&key.raw());
        let (_, mut real) = before.unwrap_or((at, Key::NONE));
        let polled = inner.poll_until(&mut real, at, Duration::ZERO, cx);
        if polled.is_ready() {
            self.remove(key.take().raw());
            return polled;
        }
        let mut state = self.lock();
        if key.is_none() {
            state.last += 1;
            *key = Key::from_raw(state.last);
        }
        state.by_key.insert(key.raw(), (at, real));
        let overwritten = state.by_instant.insert(at, key.raw()).filter(|old| *old != key.raw());
        drop(state);
        if let Some(old) = overwritten.filter(|_| at != Instant::MAX) {
            fired();
            self.remove(old);
        }
        Poll::Pending
    }

    fn forget(&self, _: &dyn Timer, key: &mut Key) {
        self.remove(key.take().raw());
    }
}

// ── M-TIME-5b ───────────────────────────────────────────────────────────────────────────────────

pub(super) struct ForgetsNothing;

impl OnPoll for ForgetsNothing {
    fn forget(&self, _: &dyn Timer, key: &mut Key) {
        if !key.take().is_none() {
            fired();
        }
    }
}

// ── M-TIME-7 ────────────────────────────────────────────────────────────────────────────────────

/// By key: the deadline, and the waker of its first poll.
#[derive(Default)]
pub(super) struct FirstWaker(Mutex<HashMap<u64, (Instant, Waker)>>);

impl FirstWaker {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (Instant, Waker)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OnPoll for FirstWaker {
    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Polled {
        let first = self.lock().remove(&key.raw()).filter(|(before, _)| *before == at);
        let waker = first.map_or_else(|| cx.waker().clone(), |(_, first)| first);
        if !waker.will_wake(cx.waker()) {
            fired();
        }
        let polled = inner.poll_until(key, at, Duration::ZERO, &mut Context::from_waker(&waker));
        if polled.is_pending() {
            self.lock().insert(key.raw(), (at, waker));
        }
        polled
    }

    fn forget(&self, inner: &dyn Timer, key: &mut Key) {
        let first = self.lock().remove(&key.raw());
        drop(first);
        inner.forget(key);
    }
}
