//! Variants of timers, readiness and blocking work.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use runtime_conformance::twist::{Twist, fired};
use runtime_traits::hooks::{
    After, Blocking, Dir, Key, Kind, Reactor, Source, State, Task, Timer, Token,
};
use runtime_traits::time::Instant;
use runtime_traits::{Gone, Handle, Refused};

use crate::decorate::Decorated;

fn timer(inner: &Handle) -> &dyn Timer {
    inner.runtime().timer().expect("decorated only where there is one")
}

// ── E-6 ─────────────────────────────────────────────────────────────────────────────────────────

pub(super) struct LateTimers;

impl Twist for LateTimers {
    fn runtime(&self, inner: Handle) -> Handle {
        if inner.runtime().timer().is_none() {
            return inner;
        }
        Decorated::over(inner.clone()).timer(Box::new(Late(inner))).handle()
    }
}

struct Late(Handle);

impl Timer for Late {
    fn now(&self) -> Instant {
        timer(&self.0).now()
    }

    fn poll_until(
        &self,
        key: &mut Key,
        at: Instant,
        slack: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        // What is reached is said at once; what is not is armed later, the same for each deadline.
        if self.now() >= at {
            return timer(&self.0).poll_until(key, at, slack, cx);
        }
        fired();
        let late = Duration::from_millis(at.as_nanos() / 1_000 % 81);
        match timer(&self.0).poll_until(key, at + late, slack, cx) {
            Poll::Pending => Poll::Pending,
            ready => ready,
        }
    }

    fn forget(&self, key: &mut Key) {
        timer(&self.0).forget(key);
    }
}

// ── E-14 ────────────────────────────────────────────────────────────────────────────────────────

pub(super) struct CoarseClock;

impl Twist for CoarseClock {
    fn runtime(&self, inner: Handle) -> Handle {
        if inner.runtime().timer().is_none() || inner.runtime().virtual_time().is_some() {
            return inner;
        }
        Decorated::over(inner.clone()).timer(Box::new(Coarse(inner))).handle()
    }
}

const STEP: u64 = 16_000_000;

struct Coarse(Handle);

impl Timer for Coarse {
    fn now(&self) -> Instant {
        fired();
        Instant::from_nanos(timer(&self.0).now().as_nanos() / STEP * STEP)
    }

    fn poll_until(
        &self,
        key: &mut Key,
        at: Instant,
        slack: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        // The first instant of the fine clock at which the coarse one shows `at`.
        let up = at.as_nanos().div_ceil(STEP).checked_mul(STEP);
        let at = up.map_or(at, Instant::from_nanos);
        timer(&self.0).poll_until(key, at, slack, cx)
    }

    fn forget(&self, key: &mut Key) {
        timer(&self.0).forget(key);
    }
}

// ── E-7 ─────────────────────────────────────────────────────────────────────────────────────────

pub(super) struct Spurious;

impl Twist for Spurious {
    fn runtime(&self, inner: Handle) -> Handle {
        if inner.runtime().reactor().is_none() {
            return inner;
        }
        let reactor = Woken { inner: inner.clone(), polls: AtomicU64::new(0) };
        Decorated::over(inner).reactor(Box::new(reactor)).handle()
    }
}

/// Wakes every third waiter for nothing, once.
struct Woken {
    inner: Handle,
    polls: AtomicU64,
}

impl Woken {
    fn reactor(&self) -> &dyn Reactor {
        self.inner.runtime().reactor().expect("decorated only where there is one")
    }
}

impl Reactor for Woken {
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
        let polled = self.reactor().poll_io(token, dir, cx, op);
        if polled.is_pending() && self.polls.fetch_add(1, Ordering::Relaxed) % 3 == 0 {
            fired();
            cx.waker().wake_by_ref();
        }
        polled
    }

    fn deregister(&self, token: Token) {
        self.reactor().deregister(token);
    }
}

// ── E-11 ────────────────────────────────────────────────────────────────────────────────────────

pub(super) struct NoPool;

impl Twist for NoPool {
    fn runtime(&self, inner: Handle) -> Handle {
        if inner.runtime().blocking().is_none() {
            return inner;
        }
        let running = Arc::new(AtomicU64::new(0));
        let blocking = Threads { inner: inner.clone(), running };
        Decorated::over(inner).blocking(Box::new(blocking)).handle()
    }
}

/// A thread for each closure, as long as there are few; the pool beneath takes the rest.
struct Threads {
    inner: Handle,
    running: Arc<AtomicU64>,
}

const FEW: u64 = 64;

impl Blocking for Threads {
    fn spawn(&self, job: Task, kind: Kind) -> Result<(), (Task, Refused)> {
        if self.inner.info().state != State::Running {
            return Err((job, Refused::SHUT_DOWN));
        }
        if self.running.load(Ordering::SeqCst) >= FEW {
            let pool = self.inner.runtime().blocking().expect("decorated only where there is one");
            return pool.spawn(job, kind);
        }
        fired();
        let running = self.running.clone();
        running.fetch_add(1, Ordering::SeqCst);
        thread::spawn(move || {
            let _ = job.into_runnable().run(); // a closure finishes at its first poll
            running.fetch_sub(1, Ordering::SeqCst);
        });
        Ok(())
    }
}
