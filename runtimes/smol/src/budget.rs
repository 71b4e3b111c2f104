//! Giving way, which smol leaves to its users.
//!
//! smol polls our tasks itself, so we do not see where a poll begins; what is counted is what a
//! thread does, whichever task it is for. A loop over ready I/O gives way after [`STEPS`] steps at
//! most, and so, now and then, does one that has done little: once more through the queue.

use std::cell::Cell;
use std::task::{Context, Poll};

use runtime_traits::hooks::Budget;

const STEPS: u32 = 128;

thread_local! {
    static LEFT: Cell<u32> = const { Cell::new(STEPS) };
}

/// The hook.
pub(crate) struct PerThread;

impl Budget for PerThread {
    fn poll_proceed(&self, cx: &mut Context<'_>) -> Poll<()> {
        LEFT.with(|left| match left.get() {
            0 => {
                left.set(STEPS);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            n => {
                left.set(n - 1);
                Poll::Ready(())
            }
        })
    }
}
