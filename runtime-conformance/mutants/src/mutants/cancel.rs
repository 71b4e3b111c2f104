//! Mutants of the group CANCEL.

use std::sync::Arc;
use std::thread;

use runtime_conformance::twist::{AnyFuture, AnyJoin, Twist, fired};
use runtime_traits::Handle;

use super::Impossible;
use crate::erased::{OnPoll, wrapped};
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
        Box::new(rt.spawn(wrapped(future, Later)))
    }
}

/// Hands what is left of its future to another thread.
struct Later;

impl OnPoll for Later {
    fn on_drop(&mut self, future: &mut Option<AnyFuture>) {
        if let Some(future) = future.take() {
            fired();
            thread::spawn(move || drop(future));
        }
    }
}
