//! tokio's budget, made safe for those who cannot return.
//!
//! A tokio task may do so much in one poll; then tokio's resources answer "pending" and put the wake
//! off until that poll is over. A task that drives a future on an executor of its own inside its poll
//! (futures' `block_on`, say) would wait for that wake for ever (BLOCKON-4). So when the budget is
//! spent we answer ourselves, with a wake at once; and who goes on asking all the same gets some more.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use tokio::task::coop::{has_budget_remaining, unconstrained};

/// How often giving way is asked for in vain: more than the waiters of most tasks that wait for many
/// things, few enough that a loop which asks on is not noticed.
const IN_VAIN: u32 = 1024;
/// How many operations who cannot return gets then: as many as tokio gives to a poll.
const MORE: u32 = 128;

thread_local! {
    /// How often this thread was asked to give way since it last had a budget.
    static ASKED: Cell<u32> = const { Cell::new(0) };
}

/// Calls `poll`, which uses one of tokio's resources, if the budget allows it.
#[inline]
pub(crate) fn poll<T>(
    cx: &mut Context<'_>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    if has_budget_remaining() {
        ASKED.set(0);
        return poll(cx);
    }
    spent(cx, poll)
}

#[cold]
fn spent<T>(cx: &mut Context<'_>, poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    let asked = ASKED.get() + 1;
    ASKED.set(if asked < IN_VAIN + MORE { asked } else { 0 });
    if asked < IN_VAIN {
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    pin!(unconstrained(poll_fn(poll))).poll(cx)
}
