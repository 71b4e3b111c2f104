//! Mutants of the group CANCEL.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_traits::Handle;

use super::Impossible;
use crate::erased::{OnPoll, poll, wrapped};
use crate::mutant::Mutant;

pub(crate) const MUTANTS: &[Mutant] = &[Mutant::twist(
    "M-CANCEL-2",
    "The handle resolves cancelled before the destructor runs, which a helper thread is given.",
    || Arc::new(DestroysLater),
)
.breaks(&["CANCEL-5"])];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

// ── M-CANCEL-2 ──────────────────────────────────────────────────────────────────────────────────

struct DestroysLater;

impl Twist for DestroysLater {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Later { parked: false })))
    }
}

/// Hands its future to another thread, if that has been polled and has not ended.
struct Later {
    parked: bool,
}

impl OnPoll for Later {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let polled = poll(future, cx);
        self.parked = polled.is_pending();
        polled
    }

    fn on_drop(&mut self, future: &mut Option<AnyFuture>) {
        if let Some(future) = future.take_if(|_| self.parked) {
            fired();
            thread::spawn(move || drop(future));
        }
    }
}
