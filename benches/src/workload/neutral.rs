//! What the workloads use beside a runtime: owned by none of them, so the same for all.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

/// Gives way once.
#[derive(Default)]
pub(super) struct Yield {
    done: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.done {
            return Poll::Ready(());
        }
        self.done = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Runs `work` on a thread of its own, and waits for what it gives.
pub(super) fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = T> + Send + 'static {
    let slot = Arc::new(Mutex::new((None, Waker::noop().clone())));
    let theirs = slot.clone();
    thread::spawn(move || {
        let output = work();
        let mut slot = theirs.lock().unwrap_or_else(PoisonError::into_inner);
        slot.0 = Some(output);
        let waker = slot.1.clone();
        drop(slot);
        waker.wake();
    });
    std::future::poll_fn(move |cx| {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.1.clone_from(cx.waker());
        slot.0.take().map_or(Poll::Pending, Poll::Ready)
    })
}
