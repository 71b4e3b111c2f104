//! Mutants of the group CANCEL.

mod later;

use std::any::{Any, TypeId};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use runtime_conformance::Subject;
use runtime_conformance::clauses::cancel::TokenCalls;
use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_traits::hooks::{Key, State, Timer};
use runtime_traits::task::CancelToken;
use runtime_traits::time::Instant;
use runtime_traits::{Gone, Handle, JoinError, Refused};

use super::Impossible;
use crate::decorate::Decorated;
use crate::erased::{Join, OnJoin, OnPoll, poll, wrapped};
use crate::mutant::{Detection, Mutant};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist(
        "M-CANCEL-1",
        "Abort only sets a flag, which the next poll looks at: who is never woken is never dropped.",
        || Arc::new(later::Aborts(later::Rule::OnlyNoted)),
    )
    .breaks(&["CANCEL-1"])
    // They wait for the destructors of tasks that were aborted and are not woken.
    .tolerates(&["CTX-11", "SHUTDOWN-2", "BLOCKON-4", "PANIC-2", "LEAK-4"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-CANCEL-2",
        "The handle resolves cancelled before the destructor runs, which a helper thread is given.",
        || Arc::new(DestroysLater),
    )
    .breaks(&["CANCEL-5"])
    // They look once a handle is ready, or all has ended.
    .tolerates(&["CTX-11", "SHUTDOWN-1", "BLOCKON-4", "JOIN-1", "WAKE-7", "LEAK-4"]),
    Mutant::twist(
        "M-CANCEL-3",
        "An abort of a finished task discards its output: the handle says cancelled.",
        || Arc::new(OnHandle(|| LosesOutput(AtomicBool::new(false)))),
    )
    .breaks(&["CANCEL-3"]),
    Mutant::twist(
        "M-CANCEL-5",
        "A task that is aborted before its first poll is polled once all the same.",
        || Arc::new(later::Aborts(later::Rule::AfterFirstPoll)),
    )
    .breaks(&["CANCEL-7"]),
    Mutant::twist(
        "M-CANCEL-10",
        "An abort by another thread, during a poll that has lasted 2 ms, is forgotten.",
        || Arc::new(later::Aborts(later::Rule::NotInPoll)),
    )
    .breaks(&["CANCEL-2"])
    .detected(Detection::Hangs),
    Mutant::twist("M-CANCEL-11", "The second abort of a task panics.", || {
        Arc::new(OnHandle(|| AbortsOnce(AtomicUsize::new(0))))
    })
    .breaks(&["CANCEL-4"]),
    Mutant::twist("M-CANCEL-12", "An abort after the end of the runtime panics.", || {
        Arc::new(NeedsRuntime::default())
    })
    .breaks(&["CANCEL-4"]),
    Mutant::twist(
        "M-CANCEL-13",
        "A task that aborts itself waits for the lock that its own poll holds.",
        || Arc::new(LocksItself),
    )
    .breaks(&["CANCEL-4"])
    .detected(Detection::Hangs),
    Mutant::twist("M-CANCEL-14", "Abort drops a parked future at once, inside the call.", || {
        Arc::new(DropsInline)
    })
    .breaks(&["CANCEL-6"])
    // Nothing is current there, if the aborter is nowhere; a destructor's panic is the aborter's.
    .tolerates(&["CTX-2", "CTX-11", "SHUTDOWN-1", "PANIC-2"]),
    Mutant::twist(
        "M-CANCEL-15",
        "A join handle that is dropped leaves its waker with the task, which wakes it at its end.",
        || Arc::new(LeavesWaker),
    )
    .breaks(&["CANCEL-8"])
    .tolerates(&["JOIN-3", "LEAK-2"]),
    Mutant::twist("M-CANCEL-16", "A timer that is dropped stays armed, with its waker.", || {
        Arc::new(NeverForgets)
    })
    .breaks(&["CANCEL-8"])
    .tolerates(&["TIME-5", "TIME-6", "LEAK-2", "LEAK-4"]),
    Mutant::twist("M-CANCEL-9", "A child of a token that is cancelled already is not.", || {
        let child = |token: &CancelToken| match token.is_cancelled() {
            true => {
                fired();
                CancelToken::new()
            }
            false => token.child(),
        };
        Arc::new(Tokens(TokenCalls { child, ..TokenCalls::default() }))
    })
    .breaks(&["CANCEL-9"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

/// A twist that makes each task's handle different.
struct OnHandle<W>(fn() -> W);

impl<W: OnJoin + 'static> Twist for OnHandle<W> {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Join::boxed(Box::new(rt.spawn(future)), (self.0)())
    }
}

// ── M-CANCEL-2 ──────────────────────────────────────────────────────────────────────────────────

struct DestroysLater;

impl Twist for DestroysLater {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Later { rt: rt.clone(), over: false })))
    }
}

/// Hands what is left of its future to another thread, unless that has ended, or all has.
struct Later {
    rt: Handle,
    /// The future was ready, or panicked.
    over: bool,
}

impl OnPoll for Later {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        self.over = true;
        let polled = poll(future, cx);
        self.over = polled.is_ready();
        polled
    }

    fn on_drop(&mut self, future: &mut Option<AnyFuture>) {
        if self.over || self.rt.info().state != State::Running {
            return;
        }
        let (rt, left) = (self.rt.clone(), future.take());
        fired();
        thread::spawn(move || rt.enter(|| drop(left)));
    }
}

// ── M-CANCEL-3 ──────────────────────────────────────────────────────────────────────────────────

struct LosesOutput(AtomicBool);

impl OnJoin for LosesOutput {
    fn poll_join(
        &mut self,
        inner: &mut dyn AnyJoin,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AnyOutput, JoinError>> {
        let polled = inner.poll_join(cx);
        match self.0.load(Ordering::SeqCst) {
            true => polled.map(|_| Err(Refused::SHUT_DOWN.into())),
            false => polled,
        }
    }

    fn abort(&self, inner: &dyn AnyJoin) {
        if inner.is_finished() {
            fired();
            self.0.store(true, Ordering::SeqCst);
        }
        inner.abort();
    }
}

// ── M-CANCEL-11 ─────────────────────────────────────────────────────────────────────────────────

struct AbortsOnce(AtomicUsize);

impl OnJoin for AbortsOnce {
    fn abort(&self, inner: &dyn AnyJoin) {
        if self.0.fetch_add(1, Ordering::SeqCst) > 0 {
            fired();
            panic!("aborted already");
        }
        inner.abort();
    }
}

// ── M-CANCEL-12 ─────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct NeedsRuntime(Arc<AtomicBool>);

impl Twist for NeedsRuntime {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Join::boxed(Box::new(rt.spawn(future)), UnlessEnded(self.0.clone()))
    }

    fn shutdown(&self, subject: Box<dyn Subject>) {
        subject.shutdown();
        self.0.store(true, Ordering::SeqCst);
    }
}

struct UnlessEnded(Arc<AtomicBool>);

impl OnJoin for UnlessEnded {
    fn abort(&self, inner: &dyn AnyJoin) {
        if self.0.load(Ordering::SeqCst) {
            fired();
            panic!("the scheduler is gone");
        }
        inner.abort();
    }
}

// ── M-CANCEL-13 ─────────────────────────────────────────────────────────────────────────────────

struct LocksItself;

impl Twist for LocksItself {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let polled_by = Arc::new(Mutex::new(None));
        let inner = rt.spawn(wrapped(future, SaysWho(polled_by.clone())));
        Join::boxed(Box::new(inner), SaysWho(polled_by))
    }
}

/// The thread that polls the task now.
struct SaysWho(Arc<Mutex<Option<thread::ThreadId>>>);

impl SaysWho {
    fn set(&self, thread: Option<thread::ThreadId>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = thread;
    }
}

impl OnPoll for SaysWho {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        self.set(Some(thread::current().id()));
        let polled = poll(future, cx);
        self.set(None);
        polled
    }
}

impl OnJoin for SaysWho {
    fn abort(&self, inner: &dyn AnyJoin) {
        let polled_by = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if polled_by == Some(thread::current().id()) {
            fired();
            loop {
                thread::park(); // a lock that this thread itself would have to free
            }
        }
        inner.abort();
    }
}

// ── M-CANCEL-14 ─────────────────────────────────────────────────────────────────────────────────

struct DropsInline;

impl Twist for DropsInline {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let shared = SharedFuture(Arc::new(Mutex::new(Some(future))));
        let task = Owner(SharedFuture(shared.0.clone()));
        let inner = rt.spawn(std::future::poll_fn(move |cx| task.0.poll(cx)));
        Join::boxed(Box::new(inner), shared)
    }
}

/// A future that its handle can reach.
struct SharedFuture(Arc<Mutex<Option<AnyFuture>>>);

impl SharedFuture {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let mut future = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(inner) = &mut *future else { return Poll::Pending };
        let polled = inner.as_mut().poll(cx);
        if polled.is_ready() {
            *future = None;
        }
        polled
    }
}

/// With it the future goes.
struct Owner(SharedFuture);

impl Drop for Owner {
    fn drop(&mut self) {
        let left = self.0.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(left);
    }
}

impl OnJoin for SharedFuture {
    fn abort(&self, inner: &dyn AnyJoin) {
        let parked = self.0.try_lock().ok().and_then(|mut future| future.take());
        if parked.is_some() {
            fired();
        }
        drop(parked);
        inner.abort();
    }
}

// ── M-CANCEL-15 ─────────────────────────────────────────────────────────────────────────────────

struct LeavesWaker;

impl Twist for LeavesWaker {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let left = Left::default();
        let inner = rt.spawn(wrapped(future, left.clone()));
        Join::boxed(Box::new(inner), Leaves { waker: None, left })
    }
}

/// The waker of whoever polled the handle last; where it is left.
struct Leaves {
    waker: Option<Waker>,
    left: Left,
}

/// What a handle left.
#[derive(Clone, Default)]
struct Left(Arc<Mutex<Option<Waker>>>);

impl OnJoin for Leaves {
    fn poll_join(
        &mut self,
        inner: &mut dyn AnyJoin,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AnyOutput, JoinError>> {
        let polled = inner.poll_join(cx);
        self.waker = polled.is_pending().then(|| cx.waker().clone());
        polled
    }

    fn on_drop(&mut self, _: &mut dyn AnyJoin) {
        fired();
        *self.left.0.lock().unwrap_or_else(PoisonError::into_inner) = self.waker.take();
    }
}

impl Left {
    fn take(&self) -> Option<Waker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl OnPoll for Left {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let polled = poll(future, cx);
        if polled.is_ready() {
            self.take().into_iter().for_each(Waker::wake);
        }
        polled
    }
}

// ── M-CANCEL-16 ─────────────────────────────────────────────────────────────────────────────────

struct NeverForgets;

impl Twist for NeverForgets {
    fn runtime(&self, inner: Handle) -> Handle {
        Decorated::over(inner.clone()).timer(Box::new(StaysArmed(inner))).handle()
    }
}

struct StaysArmed(Handle);

impl StaysArmed {
    fn timer(&self) -> &dyn Timer {
        self.0.runtime().timer().expect("the case was asked because `time` is declared")
    }
}

impl Timer for StaysArmed {
    fn now(&self) -> Instant {
        self.timer().now()
    }

    fn poll_until(
        &self,
        key: &mut Key,
        at: Instant,
        slack: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        self.timer().poll_until(key, at, slack, cx)
    }

    fn forget(&self, key: &mut Key) {
        if !key.is_none() {
            fired();
        }
        let _ = key.take();
    }
}

// ── M-CANCEL-9 ──────────────────────────────────────────────────────────────────────────────────

/// A twist that does something else to tokens.
struct Tokens(TokenCalls);

impl Twist for Tokens {
    fn calls(&self, group: TypeId) -> Option<&dyn Any> {
        (group == TypeId::of::<TokenCalls>()).then_some(&self.0)
    }
}
