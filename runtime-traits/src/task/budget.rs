//! Giving way after much work that needed no waiting.
//!
//! What a task may do in one poll is the runtime's [`Budget`](crate::hooks::Budget); a runtime without
//! one is helped out here, by a count of the thread.

use core::future::poll_fn;
use core::task::{Context, Poll};

use crate::Handle;
use crate::hooks::current;

/// Spends one step of the task's budget: `Ready` while it may go on.
///
/// A future that can be ready again and again, because there is always something at hand, would keep a
/// thread from all other tasks. So it asks this before each step, as sockets, files and timers of this
/// crate do. When the budget is used up, the answer is `Pending`, and the task has been woken already:
/// answer `Pending` too, and it is polled again after others had their turn. A step is counted whether
/// or not the operation makes progress then.
///
/// How many steps there are is the runtime's decision (runtime-default's workers: 128 in a poll). One
/// that has no budget of its own is helped out: there a thread gives way after every 128 steps of this
/// function, whichever tasks spent them. That is so on runtime-tokio, whose sockets and timers spend
/// tokio's own budget, which this one is not part of. Where there is nobody to give way to (no runtime
/// is current, or it does not count on this thread), the answer is always `Ready`.
///
/// ```
/// use std::collections::VecDeque;
/// use std::task::{Context, Poll, ready};
/// use runtime_traits::task;
///
/// /// Unpacked already, so that it never waits.
/// struct Lines(VecDeque<String>);
///
/// impl Lines {
///     fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<String>> {
///         ready!(task::poll_proceed(cx));
///         Poll::Ready(self.0.pop_front())
///     }
/// }
///
/// let mut lines = Lines(["one".to_owned()].into());
/// let cx = &mut Context::from_waker(std::task::Waker::noop());
/// assert_eq!(lines.poll_next(cx), Poll::Ready(Some("one".to_owned())));
/// assert_eq!(lines.poll_next(cx), Poll::Ready(None));
/// ```
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
    current::with(|current| match current {
        Some(handle) => poll_proceed_on(handle, cx),
        None => Poll::Ready(()),
    })
}

/// As [`poll_proceed`], for what belongs to a runtime that need not be current.
pub(crate) fn poll_proceed_on(handle: &Handle, cx: &mut Context<'_>) -> Poll<()> {
    match handle.runtime().budget() {
        Some(budget) => budget.poll_proceed(cx),
        None => count::poll_proceed(cx),
    }
}

/// Spends one step of the task's budget, and gives way if there is none left.
///
/// For loops that await nothing, or only what is always ready. It costs next to nothing as long as the
/// budget lasts, unlike [`yield_now`](super::yield_now), which gives way each time. A step counts the
/// same however long it takes: cut long work into short pieces, or send it to
/// [`spawn_blocking`](super::spawn_blocking). See [`poll_proceed`] for what counts, and where.
///
/// # Cancellation
///
/// **Safe.**
///
/// ```
/// use runtime_traits::task;
///
/// async fn checksum(pages: &[[u8; 4096]]) -> u64 {
///     let mut sum = 0;
///     for page in pages {
///         sum += page.iter().map(|byte| u64::from(*byte)).sum::<u64>();
///         task::consume_budget().await;
///     }
///     sum
/// }
/// ```
pub async fn consume_budget() {
    poll_fn(poll_proceed).await;
}

/// The count of a thread, for runtimes that have none.
///
/// Nobody says where a poll begins, so it is filled again when it was used up. Whoever cannot return
/// (an executor inside a task) gives way once, in vain, and goes on.
#[cfg(feature = "std")]
pub(super) mod count {
    use core::cell::Cell;
    use core::task::{Context, Poll};

    const STEPS: u32 = 128;

    std::thread_local! {
        static LEFT: Cell<u32> = const { Cell::new(STEPS) };
    }

    pub(in crate::task) fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
        match LEFT.get().checked_sub(1) {
            Some(left) => {
                LEFT.set(left);
                Poll::Ready(())
            }
            None => {
                LEFT.set(STEPS);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
        use std::task::{Wake, Waker};

        #[derive(Default)]
        struct Wakes(AtomicUsize);

        impl Wake for Wakes {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, SeqCst);
            }
        }

        #[test]
        fn a_thread_gives_way_again_and_again_and_wakes_each_time() {
            let wakes = Arc::new(Wakes::default());
            let waker = Waker::from(wakes.clone());
            let cx = &mut Context::from_waker(&waker);
            for times in 1..=3 {
                assert!((0..STEPS).all(|_| poll_proceed(cx).is_ready()));
                assert!(poll_proceed(cx).is_pending());
                assert_eq!(wakes.0.load(SeqCst), times);
            }
        }

        #[test]
        fn without_a_runtime_there_is_nobody_to_give_way_to() {
            let cx = &mut Context::from_waker(Waker::noop());
            assert!((0..10 * STEPS).all(|_| crate::task::poll_proceed(cx).is_ready()));
        }
    }
}

/// Without thread-locals there is nowhere to count.
#[cfg(not(feature = "std"))]
mod count {
    use core::task::{Context, Poll};

    pub(super) fn poll_proceed(_: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}
