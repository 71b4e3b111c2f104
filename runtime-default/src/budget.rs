//! How much a task may do in one poll without waiting.
//!
//! A counter of the thread, filled before each poll and spent by the operations of the API. Outside
//! a worker there is nobody to give way to, so nothing is counted.

use std::cell::Cell;
use std::task::{Context, Poll};

use runtime_traits::hooks::Budget;

/// Operations per poll.
const FULL: u32 = 128;
/// Not inside a poll of a worker.
const UNLIMITED: u32 = u32::MAX;

crate::sync::thread_local! {
    static LEFT: Cell<u32> = const { Cell::new(UNLIMITED) };
}

/// The hook.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted;

impl Budget for Counted {
    fn poll_proceed(&self, cx: &mut Context<'_>) -> Poll<()> {
        LEFT.with(|left| match left.get() {
            UNLIMITED => Poll::Ready(()),
            0 => {
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

/// Calls `poll` with a full budget; what was left before is there again afterwards, also when it
/// panics.
#[inline]
pub(crate) fn with_full<R>(poll: impl FnOnce() -> R) -> R {
    let _restore = Restore(LEFT.with(|left| left.replace(FULL)));
    poll()
}

struct Restore(u32);

impl Drop for Restore {
    fn drop(&mut self) {
        LEFT.with(|left| left.set(self.0));
    }
}
