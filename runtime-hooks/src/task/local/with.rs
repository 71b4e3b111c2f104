//! A future that is made where it is polled.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

/// A closure, and from the first poll on the future that it returned.
///
/// While it is the closure it is as `Send` as that, although the type says otherwise: that is what lets
/// a task with it travel until it has an owner (O8).
pub(super) enum With<C, F> {
    /// `None` only while the closure runs, and for ever if it panicked.
    Closure(Option<C>),
    Future(F),
}

impl<C: FnOnce() -> F, F: Future> Future for With<C, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the future is pinned with `self`: it never moves once it is here. The closure is not.
        let this = unsafe { self.get_unchecked_mut() };
        if let With::Closure(start) = this {
            let start = start.take().expect("a task whose closure panicked is not polled again");
            *this = With::Future(start());
        }
        match this {
            // SAFETY: as above.
            With::Future(future) => unsafe { Pin::new_unchecked(future) }.poll(cx),
            With::Closure(_) => unreachable!("it was replaced above"),
        }
    }
}
