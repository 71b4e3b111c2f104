//! Mutants of the group TASK.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_traits::Handle;

use super::Impossible;
use crate::erased::{Never, OnPoll, poll, wrapped};
use crate::mutant::{Detection, Mutant};

pub(crate) const MUTANTS: &[Mutant] = &[Mutant::twist(
    "M-TASK-1",
    "Tasks beyond the 64th that has not started are forgotten.",
    || Arc::new(ForgetsTasks::default()),
)
.breaks(&["TASK-1"])
.detected(Detection::Hangs)];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

// ── M-TASK-1 ────────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct ForgetsTasks(Arc<AtomicUsize>);

impl Twist for ForgetsTasks {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        if self.0.fetch_add(1, Ordering::SeqCst) >= 64 {
            fired();
            self.0.fetch_sub(1, Ordering::SeqCst);
            std::mem::forget(future);
            return Box::new(Never);
        }
        Box::new(rt.spawn(wrapped(future, Starting(Some(self.0.clone())))))
    }
}

/// Counts itself out at its first poll, or when it is dropped without one.
struct Starting(Option<Arc<AtomicUsize>>);

impl Starting {
    fn started(&mut self) {
        if let Some(waiting) = self.0.take() {
            waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl OnPoll for Starting {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        self.started();
        poll(future, cx)
    }

    fn on_drop(&mut self, _: &mut Option<AnyFuture>) {
        self.started();
    }
}
