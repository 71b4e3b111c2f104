//! M-WAKE-13: `wake` polls.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_traits::Handle;

pub(super) struct PollsInline;

impl Twist for PollsInline {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let home = rt.clone();
        let mut task = Some(future);
        let mut owner: Option<Owner> = None;
        Box::new(rt.spawn(std::future::poll_fn(move |cx| {
            let new = || Owner(Task::new(home.clone(), cx.waker().clone(), task.take()));
            owner.get_or_insert_with(new).0.poll_here()
        })))
    }
}

/// With it the future goes, whoever holds wakers.
struct Owner(Arc<Task>);

impl Drop for Owner {
    fn drop(&mut self) {
        let mut inner = self.0.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let left = (inner.future.take(), inner.output.take());
        drop(inner);
        drop(left);
    }
}

/// A task that its waker can reach.
struct Task {
    home: Handle,
    to: Waker,
    inner: Mutex<Inner>,
}

struct Inner {
    future: Option<AnyFuture>,
    /// What it was ready with, or panicked with, inside a wake.
    output: Option<thread::Result<AnyOutput>>,
}

impl Task {
    fn new(home: Handle, to: Waker, future: Option<AnyFuture>) -> Arc<Task> {
        Arc::new(Task { home, to, inner: Mutex::new(Inner { future, output: None }) })
    }

    /// By the runtime.
    fn poll_here(self: &Arc<Task>) -> Poll<AnyOutput> {
        let waker = Waker::from(self.clone());
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.output.is_none() {
            inner.poll(&waker);
        }
        let output = inner.output.take();
        drop(inner);
        match output {
            None => Poll::Pending,
            Some(Ok(output)) => Poll::Ready(output),
            Some(Err(payload)) => resume_unwind(payload),
        }
    }
}

impl Inner {
    fn poll(&mut self, waker: &Waker) {
        let Some(future) = &mut self.future else { return };
        let mut cx = Context::from_waker(waker);
        self.output = match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx))) {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(output)) => Some(Ok(output)),
            Err(payload) => Some(Err(payload)),
        };
        self.future = None;
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waker = Waker::from(self.clone());
        // In the middle of a poll there is nothing to do here.
        if let Ok(mut inner) = self.inner.try_lock() {
            if inner.future.is_some() {
                fired();
                self.home.enter(|| inner.poll(&waker));
                if inner.future.is_some() {
                    return;
                }
            }
        }
        self.to.wake_by_ref();
    }
}
