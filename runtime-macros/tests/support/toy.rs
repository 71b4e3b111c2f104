//! The smallest runtime that fulfils the entry protocol: polls one future, parks in between.
//!
//! It has no tasks and no capabilities; `asked` tells a test what the attribute had asked for.

#![allow(dead_code)] // not every test looks at everything

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};

thread_local! {
    static ASKED: RefCell<Config> = RefCell::default();
}

/// Writes down what it is told.
#[derive(Default, Clone)]
pub struct Config {
    /// The number, if there was one.
    pub worker_threads: Option<usize>,
    /// Whether the calling thread was asked for.
    pub current_thread: bool,
    /// All capabilities, in order.
    pub require: Vec<&'static str>,
}

impl Config {
    /// Notes the number of worker threads.
    pub fn worker_threads(&mut self, number: usize) -> &mut Self {
        self.worker_threads = Some(number);
        self
    }

    /// Notes that no worker threads are wanted.
    pub fn current_thread(&mut self) -> &mut Self {
        self.current_thread = true;
        self
    }

    /// Notes one capability.
    pub fn require(&mut self, capability: &'static str) -> &mut Self {
        self.require.push(capability);
        self
    }
}

/// The waker of `entry`: wakes the thread that polls.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls `main` on this thread until it is ready.
pub fn entry<F: Future>(configure: impl FnOnce(&mut Config), main: F) -> F::Output {
    let mut config = Config::default();
    configure(&mut config);
    ASKED.set(config);
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut main = pin!(main);
    loop {
        match main.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// What the running program asked for.
pub fn asked() -> Config {
    ASKED.with_borrow(Config::clone)
}

/// Is pending once, so that a program that awaits it has been woken.
pub async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
