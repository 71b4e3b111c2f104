//! What stands between smol and whoever waits.
//!
//! smol's reactor sees one waker for each thing that is waited for, always the same: the way's. Three
//! things follow. smol need not register anew when the waiter changes; the waiter's waker is released
//! at the event, or at once when nobody waits any more, although smol keeps what it was given in
//! queues of its own; and when our runtime ends, which smol does not notice, all waiters can be woken.
//!
//! # The end
//!
//! Whoever waits puts its waker into the way first and then looks whether the runtime was closed;
//! closing sets the flag first and then wakes all ways. One of the two sees the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// A waker that leads to whoever waits now.
#[derive(Clone)]
pub(crate) struct Way {
    end: Arc<End>,
    waker: Waker,
}

/// Where a way leads.
#[derive(Default)]
struct End(Mutex<Option<Waker>>);

impl Way {
    /// Leads to nobody.
    pub(crate) fn new() -> Way {
        let end = Arc::<End>::default();
        Way { waker: Waker::from(Arc::clone(&end)), end }
    }

    /// What smol gets.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Leads to `waker`, and no longer to any other.
    pub(crate) fn lead_to(&self, waker: &Waker) {
        if self.end.lock().as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            return;
        }
        // Wakers are foreign code: cloned and dropped outside the lock.
        let new = waker.clone();
        let old = self.end.lock().replace(new);
        drop(old);
    }

    /// Leads to nobody any more; gives the waker to be dropped outside of locks.
    pub(crate) fn clear(&self) -> Option<Waker> {
        self.end.lock().take()
    }

    /// Wakes whoever waits, and leads to nobody any more.
    pub(crate) fn wake(&self) {
        self.end.wake_by_ref();
    }
}

impl End {
    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for End {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waker = self.lock().take();
        if let Some(waker) = waker {
            // Foreign code: its panic, which was printed, keeps nobody else from being woken.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                std::mem::forget(payload); // its destructor may panic too
            }
        }
    }
}
