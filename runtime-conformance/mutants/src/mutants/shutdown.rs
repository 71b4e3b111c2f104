//! Mutants of the group SHUTDOWN.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use runtime_conformance::Subject;
use runtime_conformance::twist::{AnyFuture, AnyJoin, Twist, fired};
use runtime_traits::Handle;

use super::Impossible;
use crate::erased::Never;
use crate::mutant::{Detection, Mutant};

pub(crate) const MUTANTS: &[Mutant] = &[Mutant::twist(
    "M-SHUTDOWN-1",
    "What is spawned after the end waits in a queue for ever.",
    || Arc::new(TakesTasksAfterTheEnd::default()),
)
.breaks(&["SHUTDOWN-3"])
.detected(Detection::Hangs)];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

// ── M-SHUTDOWN-1 ────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct TakesTasksAfterTheEnd(AtomicBool);

impl Twist for TakesTasksAfterTheEnd {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        if self.0.load(Ordering::SeqCst) {
            fired();
            std::mem::forget(future);
            return Box::new(Never);
        }
        Box::new(rt.spawn(future))
    }

    fn shutdown(&self, subject: Box<dyn Subject>) {
        self.0.store(true, Ordering::SeqCst);
        subject.shutdown();
    }
}
