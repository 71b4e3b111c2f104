//! Mutants of the group WAKE.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};

use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_traits::Handle;

use super::Impossible;
use crate::erased::{OnPoll, poll, wrapped};
use crate::mutant::{Detection, Mutant};

pub(crate) const MUTANTS: &[Mutant] = &[Mutant::twist(
    "M-WAKE-1",
    "Wakes from other threads that come while the task is being polled are discarded.",
    || Arc::new(DropsForeignWakes),
)
.breaks(&["WAKE-2"])
.detected(Detection::Hangs)];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

// ── M-WAKE-1 ────────────────────────────────────────────────────────────────────────────────────

struct DropsForeignWakes;

impl Twist for DropsForeignWakes {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Deaf(None))))
    }
}

/// Polls with a waker that is deaf to other threads during the poll.
struct Deaf(Option<Arc<Filter>>);

struct Filter {
    to: Waker,
    polled_by: Mutex<Option<ThreadId>>,
}

impl Filter {
    fn is_polled_by(&self, thread: Option<ThreadId>) {
        *self.polled_by.lock().unwrap_or_else(PoisonError::into_inner) = thread;
    }
}

impl Wake for Filter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let polled_by = *self.polled_by.lock().unwrap_or_else(PoisonError::into_inner);
        match polled_by.is_none_or(|thread| thread == thread::current().id()) {
            true => self.to.wake_by_ref(),
            false => fired(),
        }
    }
}

impl OnPoll for Deaf {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let new = || Arc::new(Filter { to: cx.waker().clone(), polled_by: Mutex::new(None) });
        let filter = self.0.get_or_insert_with(new).clone();
        filter.is_polled_by(Some(thread::current().id()));
        let polled = poll(future, &mut Context::from_waker(&filter.clone().into()));
        filter.is_polled_by(None);
        polled
    }
}
