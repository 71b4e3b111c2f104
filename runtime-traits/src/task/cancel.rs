//! Asking many tasks to stop, from anywhere.
//!
//! ```text
//!  CancelToken ──▶ Node ◀─────────── parent, kept alive ─────────── Node ◀── CancelToken (child)
//!                    └─ guests: wakers of `Cancelled`, children (weak) ──▶┘
//! ```
//!
//! # Invariants
//!
//! - **K1** A node that is cancelled has no guests and takes none: what came before was told, what comes
//!   later is told at once.
//! - **K2** No foreign code runs under a node's lock, and no two locks are held at a time.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::mem;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use std::sync::{Mutex, PoisonError};

use crate::contain::contain_quietly;

/// Tells whoever listens that it is time to stop. Clones are the same token.
///
/// It asks; nothing is aborted. A task listens where it can stop: with
/// [`run_until_cancelled`](CancelToken::run_until_cancelled), or by a look at
/// [`is_cancelled`](CancelToken::is_cancelled).
///
/// ```
/// use runtime_traits::task::{self, CancelToken};
///
/// async fn example() {
///     let stop = CancelToken::new();
///     let request = stop.child(); // ends with the service, or alone
///     let task = task::spawn(async move {
///         request.run_until_cancelled(std::future::pending::<()>()).await
///     });
///     stop.cancel();
///     assert_eq!(task.await.unwrap(), None);
/// }
/// ```
///
/// # Contract
///
/// - **CANCEL-9** (must) A token that is cancelled stays so, and everybody is told: who waits, who asks
///   later, and every token below it, also when those between them are gone. None above it is.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<Node>);

#[derive(Default)]
struct Node {
    is_cancelled: AtomicBool,
    guests: Mutex<Guests>,
    /// The token above, and our number there.
    parent: Option<(Arc<Node>, u64)>,
}

/// Who is to be told.
#[derive(Default)]
struct Guests {
    /// The number of the latest.
    last: u64,
    all: BTreeMap<u64, Guest>,
}

enum Guest {
    Waits(Waker),
    Below(Weak<Node>),
}

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> CancelToken {
        CancelToken::default()
    }

    /// A token that is cancelled with this one; cancelled alone it leaves this one as it is.
    #[must_use]
    pub fn child(&self) -> CancelToken {
        let number = self.0.number();
        let child = Arc::new(Node::below(self.0.clone(), number));
        if !self.0.admit(number, Guest::Below(Arc::downgrade(&child))) {
            child.cancel();
        }
        CancelToken(child)
    }

    /// Cancels this token and those below it. The first call counts; it waits for nobody.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether it is cancelled. Costs one load.
    pub fn is_cancelled(&self) -> bool {
        // Pairs with `end`: who sees it sees what was done before the cancel.
        self.0.is_cancelled.load(Ordering::Acquire)
    }

    /// Waits until the token is cancelled.
    ///
    /// # Cancellation
    ///
    /// Safe.
    pub fn cancelled(&self) -> Cancelled {
        Cancelled { token: self.clone(), number: None }
    }

    /// The output of `future`, or `None` if the token is cancelled first; `future` is dropped then.
    ///
    /// A future that is ready counts, also when the token is cancelled.
    ///
    /// # Cancellation
    ///
    /// As that of `future`.
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut cancelled = self.cancelled();
        let mut future = pin!(future);
        core::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Pin::new(&mut cancelled).poll(cx).map(|()| None),
        })
        .await
    }

    /// Cancels the token when what is answered is dropped, by an early return or a panic too.
    pub fn cancel_on_drop(self) -> CancelOnDrop {
        CancelOnDrop(Some(self))
    }
}

impl Node {
    /// The child of `parent` that it knows under `number`.
    fn below(parent: Arc<Node>, number: u64) -> Node {
        let (is_cancelled, guests) = (AtomicBool::new(false), Mutex::default());
        Node { is_cancelled, guests, parent: Some((parent, number)) }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Guests) -> R) -> R {
        f(&mut self.guests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A number for a guest.
    fn number(&self) -> u64 {
        self.with(|guests| {
            guests.last += 1;
            guests.last
        })
    }

    /// Notes whom to tell; `false`: the token is cancelled (K1).
    fn admit(&self, number: u64, guest: Guest) -> bool {
        let refused = self.with(|guests| {
            if self.is_cancelled.load(Ordering::Relaxed) {
                return Some(guest);
            }
            guests.all.insert(number, guest)
        });
        refused.is_none() // what was refused is dropped here, outside the lock
    }

    fn dismiss(&self, number: u64) {
        let guest = self.with(|guests| guests.all.remove(&number));
        drop(guest); // a waker is foreign code (K2)
    }

    /// Cancels it; answers who is to be told. Nobody the second time.
    fn end(&self) -> BTreeMap<u64, Guest> {
        self.with(|guests| {
            self.is_cancelled.store(true, Ordering::Release);
            mem::take(&mut guests.all)
        })
    }

    fn cancel(self: &Arc<Self>) {
        let (mut nodes, mut wakers) = (vec![self.clone()], Vec::new());
        while let Some(node) = nodes.pop() {
            for guest in node.end().into_values() {
                match guest {
                    Guest::Waits(waker) => wakers.push(waker),
                    Guest::Below(child) => nodes.extend(child.upgrade()),
                }
            }
        }
        // A waker that panics costs nobody else a wake.
        wakers.into_iter().for_each(|waker| contain_quietly(|| waker.wake()));
    }
}

impl Drop for Node {
    /// Leaves the parent. A chain of which this was the last holder ends here too, in a loop: it may be
    /// longer than the stack.
    fn drop(&mut self) {
        let mut above = self.parent.take();
        while let Some((parent, number)) = above {
            parent.dismiss(number);
            above = Arc::into_inner(parent).and_then(|mut parent| parent.parent.take());
        }
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("is_cancelled", &self.is_cancelled()).finish()
    }
}

/// The future that [`CancelToken::cancelled`] returns.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Cancelled {
    token: CancelToken,
    /// Under which our waker is known.
    number: Option<u64>,
}

impl Cancelled {
    /// Whether the waker that we left is still good.
    fn is_known(&self, waker: &Waker) -> bool {
        let Some(number) = self.number else { return false };
        self.token.0.with(|guests| {
            matches!(guests.all.get(&number), Some(Guest::Waits(known)) if known.will_wake(waker))
        })
    }

    fn dismiss(&mut self) {
        if let Some(number) = self.number.take() {
            self.token.0.dismiss(number);
        }
    }
}

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.token.is_cancelled() {
            return Poll::Ready(());
        }
        if !self.is_known(cx.waker()) {
            self.dismiss();
            let number = self.token.0.number();
            if !self.token.0.admit(number, Guest::Waits(cx.waker().clone())) {
                return Poll::Ready(());
            }
            self.number = Some(number);
        }
        Poll::Pending
    }
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.dismiss();
    }
}

/// Cancels a token when dropped; see [`CancelToken::cancel_on_drop`].
#[derive(Debug)]
#[must_use = "dropping it cancels the token at once"]
pub struct CancelOnDrop(Option<CancelToken>);

impl CancelOnDrop {
    /// The token again, not cancelled.
    pub fn disarm(mut self) -> CancelToken {
        self.0.take().expect("taken by `disarm` only, which takes the guard too")
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.iter().for_each(CancelToken::cancel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn guests(token: &CancelToken) -> usize {
        token.0.with(|guests| guests.all.len())
    }

    #[test]
    fn who_waits_and_who_comes_later_are_told() {
        let token = CancelToken::new();
        let mut waits = token.cancelled();
        assert!(poll(&mut waits).is_pending());
        token.cancel();
        token.cancel();
        assert!(poll(&mut waits).is_ready() && poll(&mut token.cancelled()).is_ready());
        assert!(token.child().is_cancelled());
    }

    #[test]
    fn it_goes_down_past_what_is_gone_and_never_up() {
        let root = CancelToken::new();
        let leaf = root.child().child();
        let other = root.child();
        other.cancel();
        assert!(!root.is_cancelled() && !leaf.is_cancelled());
        root.cancel();
        assert!(leaf.is_cancelled());
    }

    #[test]
    fn nothing_is_kept_of_who_left() {
        let token = CancelToken::new();
        for _ in 0..3 {
            let (mut waits, child) = (token.cancelled(), token.child());
            assert!(poll(&mut waits).is_pending() && poll(&mut waits).is_pending());
            assert_eq!(guests(&token), 2);
            drop((waits, child));
            assert_eq!(guests(&token), 0);
        }
    }

    #[test]
    fn a_chain_longer_than_the_stack_is_cancelled_and_dropped() {
        let root = CancelToken::new();
        let mut leaf = root.child();
        for _ in 0..100_000 {
            leaf = leaf.child();
        }
        root.cancel();
        assert!(leaf.is_cancelled());
        drop(leaf);
        assert_eq!(Arc::strong_count(&root.0), 1);
    }

    #[test]
    fn a_guard_cancels_unless_it_is_disarmed() {
        let token = CancelToken::new();
        drop(token.clone().cancel_on_drop().disarm());
        assert!(!token.is_cancelled());
        drop(token.clone().cancel_on_drop());
        assert!(token.is_cancelled());
    }
}
