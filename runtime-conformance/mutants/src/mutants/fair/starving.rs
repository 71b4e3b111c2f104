//! Runtimes that forget one side while the other has work.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use runtime_conformance::twist::{Twist, fired};
use runtime_traits::hooks::{After, Budget, Dir, Key, Reactor, Source, Timer, Token};
use runtime_traits::time::Instant;
use runtime_traits::{BlockOnError, Gone, Handle};

use super::super::benign::order::Bounded;
use super::pumped::{Scheduler, Shared};
use crate::decorate::Decorated;

/// Wakes when nothing is ready.
struct Later {
    to: Waker,
    shared: Arc<Shared>,
}

impl Wake for Later {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.shared.wake_when_idle(self.to.clone()) {
            fired();
        }
    }
}

fn later(shared: &Arc<Shared>, cx: &Context<'_>) -> Waker {
    Arc::new(Later { to: cx.waker().clone(), shared: shared.clone() }).into()
}

fn scheduler(inner: &Handle) -> Scheduler {
    Scheduler::over(inner, |_| Box::new(Bounded::default()))
}

// ── M-FAIR-3 ────────────────────────────────────────────────────────────────────────────────────

pub(super) struct TimersWhenIdle;

impl Twist for TimersWhenIdle {
    fn runtime(&self, inner: Handle) -> Handle {
        let scheduler = scheduler(&inner);
        let timer = LateTimer { inner: inner.clone(), shared: scheduler.shared.clone() };
        Decorated::over(inner).spawner(Box::new(scheduler)).timer(Box::new(timer)).handle()
    }
}

struct LateTimer {
    inner: Handle,
    shared: Arc<Shared>,
}

impl LateTimer {
    fn timer(&self) -> &dyn Timer {
        self.inner.runtime().timer().expect("the case was asked because `time` is declared")
    }
}

impl Timer for LateTimer {
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
        let waker = later(&self.shared, cx);
        self.timer().poll_until(key, at, slack, &mut Context::from_waker(&waker))
    }

    fn forget(&self, key: &mut Key) {
        self.timer().forget(key);
    }
}

// ── M-FAIR-3b ───────────────────────────────────────────────────────────────────────────────────

pub(super) struct EventsWhenIdle;

impl Twist for EventsWhenIdle {
    fn runtime(&self, inner: Handle) -> Handle {
        let scheduler = scheduler(&inner);
        let reactor = LateReactor { inner: inner.clone(), shared: scheduler.shared.clone() };
        Decorated::over(inner).spawner(Box::new(scheduler)).reactor(Box::new(reactor)).handle()
    }
}

struct LateReactor {
    inner: Handle,
    shared: Arc<Shared>,
}

impl LateReactor {
    fn reactor(&self) -> &dyn Reactor {
        self.inner.runtime().reactor().expect("the case was asked because `fd` is declared")
    }
}

impl Reactor for LateReactor {
    fn register(&self, source: Source) -> io::Result<Token> {
        self.reactor().register(source)
    }

    fn poll_io(
        &self,
        token: Token,
        dir: Dir,
        cx: &mut Context<'_>,
        op: &mut dyn FnMut() -> io::Result<After>,
    ) -> Poll<io::Result<()>> {
        let waker = later(&self.shared, cx);
        self.reactor().poll_io(token, dir, &mut Context::from_waker(&waker), op)
    }

    fn deregister(&self, token: Token) {
        self.reactor().deregister(token);
    }
}

// ── M-FAIR-5 ────────────────────────────────────────────────────────────────────────────────────

pub(super) struct NoBudget;

impl Twist for NoBudget {
    fn runtime(&self, inner: Handle) -> Handle {
        Decorated::over(inner).budget(Box::new(NoBudget)).handle()
    }
}

impl Budget for NoBudget {
    fn poll_proceed(&self, _: &mut Context<'_>) -> Poll<()> {
        fired();
        Poll::Ready(())
    }
}

// ── M-FAIR-6 ────────────────────────────────────────────────────────────────────────────────────

pub(super) struct RootGoesOn;

/// Passes wakes on, and remembers that there was one.
struct Noticed {
    to: Waker,
    woken: AtomicBool,
}

impl Wake for Noticed {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.to.wake_by_ref();
    }
}

impl Twist for RootGoesOn {
    fn block_on(
        &self,
        rt: &Handle,
        mut main: Pin<&mut dyn Future<Output = ()>>,
    ) -> Result<(), BlockOnError> {
        rt.block_on(pin!(poll_fn(|cx| {
            let noticed =
                Arc::new(Noticed { to: cx.waker().clone(), woken: AtomicBool::new(false) });
            let waker = Waker::from(noticed.clone());
            loop {
                let polled = main.as_mut().poll(&mut Context::from_waker(&waker));
                if polled.is_ready() || !noticed.woken.swap(false, Ordering::SeqCst) {
                    return polled;
                }
                fired();
            }
        })))
    }
}
