//! Wakers that outlive their runtime: M-WAKE-6 and M-WAKE-16.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use runtime_conformance::Subject;
use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_traits::Handle;

use crate::erased::{OnPoll, poll, wrapped};

/// What is wrong at the end.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// A late wake panics.
    Panics,
    /// A future whose waker is held is not dropped.
    Leaks,
}

pub(super) struct Ends {
    fault: Fault,
    times: Arc<Times>,
}

/// What has come.
#[derive(Default)]
struct Times {
    ending: AtomicBool,
    ended: AtomicBool,
}

impl Ends {
    pub(super) fn new(fault: Fault) -> Ends {
        Ends { fault, times: Arc::default() }
    }
}

impl Twist for Ends {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let task = Task { fault: self.fault, times: self.times.clone(), waker: None };
        Box::new(rt.spawn(wrapped(future, task)))
    }

    fn shutdown(&self, subject: Box<dyn Subject>) {
        self.times.ending.store(true, Ordering::SeqCst);
        subject.shutdown();
        self.times.ended.store(true, Ordering::SeqCst);
    }
}

struct Task {
    fault: Fault,
    times: Arc<Times>,
    waker: Option<Arc<Late>>,
}

struct Late {
    to: Waker,
    panics: bool,
    times: Arc<Times>,
}

impl Wake for Late {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.panics && self.times.ended.load(Ordering::SeqCst) {
            fired();
            panic!("the executor is gone");
        }
        self.to.wake_by_ref();
    }
}

impl OnPoll for Task {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let panics = self.fault == Fault::Panics;
        let new = || Arc::new(Late { to: cx.waker().clone(), panics, times: self.times.clone() });
        let waker = self.waker.get_or_insert_with(new).clone();
        poll(future, &mut Context::from_waker(&waker.into()))
    }

    fn on_drop(&mut self, future: &mut Option<AnyFuture>) {
        let ending = self.times.ending.load(Ordering::SeqCst);
        // One is ours; the future itself may hold none here, or this would not be about wakers.
        let held = self.waker.as_ref().is_some_and(|waker| Arc::strong_count(waker) > 1);
        if self.fault == Fault::Leaks && ending && held {
            fired();
            std::mem::forget(future.take());
        }
    }
}
