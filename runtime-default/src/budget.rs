//! How much a task may do in one poll without waiting.
//!
//! A counter of the thread, filled before each poll and spent by the operations of the API. Outside
//! a worker there is nobody to give way to, so nothing is counted.
//!
//! A task that is told to give way returns from its poll, and that fills the budget again. One that
//! drives a future on an executor of its own inside its poll cannot: it would ask for ever (BLOCKON-4).
//! So who goes on asking gets another budget after a while.

use std::cell::Cell;
use std::task::{Context, Poll};

use runtime_traits::hooks::Budget;

/// Operations per poll.
const FULL: i32 = 128;
/// How often in one poll giving way is asked for in vain: more than the waiters of most tasks that
/// wait for many things, few enough that a loop which asks on is not noticed.
const IN_VAIN: i32 = 1024;
/// Not inside a poll of a worker.
const UNLIMITED: i32 = i32::MAX;

crate::sync::thread_local! {
    /// What is left; below zero how often it was asked for in vain.
    static LEFT: Cell<i32> = const { Cell::new(UNLIMITED) };
}

/// The hook.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted;

impl Budget for Counted {
    fn poll_proceed(&self, cx: &mut Context<'_>) -> Poll<()> {
        LEFT.with(|left| match left.get() {
            UNLIMITED => Poll::Ready(()),
            n if n > 0 => {
                left.set(n - 1);
                Poll::Ready(())
            }
            n => {
                left.set(if n > -IN_VAIN { n - 1 } else { FULL });
                cx.waker().wake_by_ref();
                Poll::Pending
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

struct Restore(i32);

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        LEFT.with(|left| left.set(self.0));
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use std::task::Waker;

    /// How many of `asked` questions in a row are answered "go on".
    fn granted(asked: i32) -> i32 {
        let mut cx = Context::from_waker(Waker::noop());
        (0..asked).map(|_| i32::from(Counted.poll_proceed(&mut cx).is_ready())).sum()
    }

    #[test]
    fn a_poll_gets_its_budget_and_no_more_however_many_ask() {
        with_full(|| assert_eq!(granted(FULL + IN_VAIN), FULL));
        assert_eq!(granted(FULL + IN_VAIN), FULL + IN_VAIN, "outside of a poll nothing is counted");
    }

    #[test]
    fn who_cannot_return_gets_another() {
        with_full(|| {
            assert_eq!(granted(FULL + IN_VAIN + 1), FULL);
            assert_eq!(granted(FULL + 1), FULL);
        });
    }
}
