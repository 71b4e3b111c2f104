//! Polling by hand.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use super::within_watchdog;

/// Between two polls by hand.
const BETWEEN: Duration = Duration::from_millis(1);

/// Counts wakes.
#[derive(Debug, Default)]
pub struct WakeCount(AtomicUsize);

impl WakeCount {
    /// A count, and a waker that adds to it.
    pub fn new() -> (Arc<WakeCount>, Waker) {
        let count = Arc::new(WakeCount::default());
        (count.clone(), count.into())
    }

    /// Wakes so far.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for WakeCount {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls with this one waker until it is ready, woken or not. A hang is reported as `waiting_for`.
pub fn hand_poll_on<F: Future + Unpin>(
    waiting_for: &str,
    future: &mut F,
    waker: &Waker,
) -> F::Output {
    within_watchdog(waiting_for, || {
        loop {
            match hand_poll(future, waker) {
                Poll::Ready(output) => break output,
                Poll::Pending => thread::sleep(BETWEEN), // orders nothing: the future does
            }
        }
    })
}

/// Polls once, here.
pub fn hand_poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}
