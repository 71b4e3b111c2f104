//! Mutants of the group CTX.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use runtime_conformance::twist::{Twist, fired};
use runtime_traits::{BlockOnError, Handle};

use super::Impossible;
use crate::mutant::Mutant;

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist(
        "M-CTX-2",
        "Leaving a nested scope leaves none current instead of the previous runtime.",
        || Arc::new(LeavesToNone),
    )
    .breaks(&["CTX-3"]),
    Mutant::twist(
        "M-CTX-2b",
        "`block_on` inside another runtime's scope leaves that one current.",
        || Arc::new(KeepsOuterScope),
    )
    .breaks(&["CTX-3"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

// ── M-CTX-2 ─────────────────────────────────────────────────────────────────────────────────────

thread_local! {
    /// How many scopes are open, and whether one within them was left.
    static SCOPES: Cell<(usize, bool)> = const { Cell::new((0, false)) };
}

struct LeavesToNone;

impl Twist for LeavesToNone {
    fn enter(&self, rt: &Handle, body: &mut dyn FnMut()) {
        let (open, _) = SCOPES.get();
        SCOPES.set((open + 1, false));
        rt.enter(body);
        SCOPES.set((open, open > 0));
    }

    fn current(&self) -> Option<Handle> {
        let (_, lost) = SCOPES.get();
        if lost {
            fired();
            return None;
        }
        Handle::try_current().ok()
    }
}

// ── M-CTX-2b ────────────────────────────────────────────────────────────────────────────────────

struct KeepsOuterScope;

impl Twist for KeepsOuterScope {
    fn block_on(
        &self,
        rt: &Handle,
        main: Pin<&mut dyn Future<Output = ()>>,
    ) -> Result<(), BlockOnError> {
        match Handle::try_current() {
            Ok(outer) => {
                fired();
                rt.block_on(outer.wrap(main))
            }
            Err(_) => rt.block_on(main),
        }
    }
}
