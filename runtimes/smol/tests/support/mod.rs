//! What the tests share: a waker that counts, a future that waits for a word, a gate for threads.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// Counts wakes, and lets a thread wait for one.
#[derive(Default)]
pub(crate) struct Wakes {
    count: Mutex<usize>,
    more: Condvar,
}

impl Wakes {
    pub(crate) fn new() -> (Arc<Wakes>, Waker) {
        let wakes = Arc::new(Wakes::default());
        (Arc::clone(&wakes), Waker::from(wakes))
    }

    pub(crate) fn get(&self) -> usize {
        *self.count.lock().unwrap()
    }

    /// Waits until there have been more than `before`.
    pub(crate) fn wait(&self, before: usize) {
        let count = self.count.lock().unwrap();
        drop(self.more.wait_while(count, |count| *count <= before).unwrap());
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        *self.count.lock().unwrap() += 1;
        self.more.notify_all();
    }
}

/// Polls `poll` with a counting waker until it is ready.
pub(crate) fn wait_for<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let (wakes, waker) = Wakes::new();
    loop {
        let before = wakes.get();
        match poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => wakes.wait(before),
        }
    }
}

/// Runs a future without any runtime.
pub(crate) fn alone<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    wait_for(|cx| future.as_mut().poll(cx))
}

/// A door that opens once, for tasks and threads.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Door>);

#[derive(Default)]
struct Door {
    /// Whether it is open, and who waits for it.
    state: Mutex<(bool, Vec<Waker>)>,
    opened: Condvar,
}

impl Gate {
    pub(crate) fn open(&self) {
        let mut state = self.0.state.lock().unwrap();
        state.0 = true;
        let wakers = std::mem::take(&mut state.1);
        drop(state);
        self.0.opened.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.state.lock().unwrap().0
    }

    /// Blocks this thread.
    pub(crate) fn pass(&self) {
        drop(self.0.opened.wait_while(self.0.state.lock().unwrap(), |state| !state.0).unwrap());
    }

    pub(crate) async fn wait(&self) {
        poll_fn(|cx| {
            let mut state = self.0.state.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Counts destructors.
#[derive(Clone, Default)]
pub(crate) struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Something whose destructor is counted.
    pub(crate) fn probe(&self) -> Probe {
        Probe(self.clone())
    }
}

pub(crate) struct Probe(Drops);

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}
