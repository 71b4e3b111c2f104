//! What the tests share: wakers that note or panic, one poll, a drop that is counted.
#![allow(dead_code, unreachable_pub, reason = "each test program uses some of it")]

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use humboldt::Runtime;
use runtime_traits::Handle;

pub const HOUR: Duration = Duration::from_secs(3600);

pub fn runtime(workers: usize) -> (Runtime, Handle) {
    let runtime = Runtime::with_workers(workers).unwrap();
    let handle = runtime.handle();
    (runtime, handle)
}

/// The name of this thread.
pub fn here() -> String {
    thread::current().name().unwrap_or("?").to_owned()
}

/// One poll, for which nobody is woken.
pub fn poll_now<F: Future>(future: F) -> Poll<F::Output> {
    poll_with(std::pin::pin!(future), Waker::noop())
}

pub fn poll_with<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// A waker that says which thread used it.
pub fn noting() -> (Waker, Receiver<String>) {
    struct Noting(Mutex<Sender<String>>);
    impl Wake for Noting {
        fn wake(self: Arc<Self>) {
            let _ = self.0.lock().unwrap().send(here());
        }
    }
    let (sender, notes) = channel();
    (Waker::from(Arc::new(Noting(Mutex::new(sender)))), notes)
}

/// A waker that calls `f`.
pub fn calling(f: impl Fn() + Send + Sync + 'static) -> Waker {
    struct Calling<F>(F);
    impl<F: Fn() + Send + Sync> Wake for Calling<F> {
        fn wake(self: Arc<Self>) {
            (self.0)();
        }
    }
    Waker::from(Arc::new(Calling(f)))
}

/// Counts its drops, and wants its runtime to be current then.
pub struct Noted(pub Arc<AtomicUsize>, pub Handle);

impl Drop for Noted {
    fn drop(&mut self) {
        assert_eq!(Handle::current(), self.1);
        self.0.fetch_add(1, SeqCst);
    }
}
