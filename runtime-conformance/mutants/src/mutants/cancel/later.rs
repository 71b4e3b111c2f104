//! Aborts that the task itself comes to notice, or does not: M-CANCEL-1, M-CANCEL-5, M-CANCEL-10.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_traits::{Handle, JoinError};

use crate::erased::{Join, OnJoin, OnPoll, poll, wrapped};

/// What is wrong.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Rule {
    /// Abort only notes, unless the task is being polled.
    OnlyNoted,
    /// The first poll comes first.
    AfterFirstPoll,
    /// An abort during a long poll is forgotten.
    NotInPoll,
}

pub(super) struct Aborts(pub(super) Rule);

impl Twist for Aborts {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let task = Task { rule: self.0, state: Arc::default() };
        let inner = rt.spawn(wrapped(future, task.clone()));
        Join::boxed(Box::new(inner), task)
    }
}

#[derive(Clone)]
struct Task {
    rule: Rule,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    polled_by: Option<(ThreadId, Instant)>,
    started: bool,
    noted: bool,
    /// The future was dropped; the cell is not cancelled yet.
    gone: bool,
    joiner: Option<Waker>,
}

impl Task {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an abort now is only noted, or forgotten; else it is passed on.
    fn keeps_abort(&self) -> bool {
        let mut state = self.lock();
        match self.rule {
            Rule::OnlyNoted if state.polled_by.is_none() => state.noted = true,
            Rule::AfterFirstPoll if !state.started => state.noted = true,
            Rule::NotInPoll => {
                let me = thread::current().id();
                let long = |since: Instant| since.elapsed() >= Duration::from_millis(2);
                return state.polled_by.is_some_and(|(by, since)| by != me && long(since));
            }
            _ => return false,
        }
        true
    }

    fn drop_future(&self, future: &mut Option<AnyFuture>) -> Poll<AnyOutput> {
        drop(future.take());
        let mut state = self.lock();
        state.gone = true;
        let joiner = state.joiner.take();
        drop(state);
        joiner.into_iter().for_each(Waker::wake);
        Poll::Pending
    }
}

impl OnPoll for Task {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        if future.is_none() {
            return Poll::Pending;
        }
        let first = !std::mem::replace(&mut self.lock().started, true);
        let noted = self.lock().noted;
        if noted && !(first && self.rule == Rule::AfterFirstPoll) {
            return self.drop_future(future);
        }
        self.lock().polled_by = Some((thread::current().id(), Instant::now()));
        let polled = poll(future, cx);
        self.lock().polled_by = None;
        match polled {
            Poll::Pending if noted => self.drop_future(future),
            polled => polled,
        }
    }
}

impl OnJoin for Task {
    fn poll_join(
        &mut self,
        inner: &mut dyn AnyJoin,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AnyOutput, JoinError>> {
        let old = self.lock().joiner.replace(cx.waker().clone());
        drop(old);
        if self.lock().gone {
            inner.abort();
        }
        let polled = inner.poll_join(cx);
        if polled.is_ready() {
            OnJoin::on_drop(self, inner);
        }
        polled
    }

    fn on_drop(&mut self, _: &mut dyn AnyJoin) {
        let joiner = self.lock().joiner.take();
        drop(joiner);
    }

    fn abort(&self, inner: &dyn AnyJoin) {
        match self.keeps_abort() {
            true => fired(),
            false => inner.abort(),
        }
    }
}
