//! What stands between tokio's timers and whoever sleeps.
//!
//! tokio wakes while it drives, and aborts or unwinds if a waker panics there. So its timers see one
//! waker for each slot, always the same: the way's, which contains what the sleeper's waker throws. The
//! sleeper's waker is also released at once when it lets its deadline go.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// A waker that leads to whoever waits now.
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

    /// What tokio gets.
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
