//! Variants of tasks, wakes and join handles.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_traits::{Handle, JoinError};

use crate::erased::{Join, OnJoin, OnPoll, poll, wrapped};

// ── E-1 ─────────────────────────────────────────────────────────────────────────────────────────

pub(super) struct Spurious;

impl Twist for Spurious {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, OnceMore(true))))
    }
}

/// Whether the next poll is followed by a superfluous one.
struct OnceMore(bool);

impl OnPoll for OnceMore {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let polled = poll(future, cx);
        if self.0 && polled.is_pending() {
            fired();
            cx.waker().wake_by_ref();
        }
        self.0 = !self.0;
        polled
    }
}

// ── E-5 ─────────────────────────────────────────────────────────────────────────────────────────

pub(super) struct NewThreads;

impl Twist for NewThreads {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Elsewhere(rt.clone()))))
    }
}

/// Polls on a thread made for it, with the runtime current.
struct Elsewhere(Handle);

impl OnPoll for Elsewhere {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        fired();
        let (rt, waker) = (&self.0, cx.waker());
        let polled = thread::scope(|scope| {
            let there = || rt.enter(|| poll(future, &mut Context::from_waker(waker)));
            scope.spawn(there).join()
        });
        polled.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    }
}

// ── E-9 ─────────────────────────────────────────────────────────────────────────────────────────

pub(super) struct SlowWakes;

impl Twist for SlowWakes {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Forwarded)))
    }
}

struct Forwarded;

impl OnPoll for Forwarded {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let forward = Forward { to: cx.waker().clone(), on_its_way: AtomicBool::new(false) };
        poll(future, &mut Context::from_waker(&Arc::new(forward).into()))
    }
}

struct Forward {
    to: Waker,
    /// A wake has been asked for and not been passed on: another one would be the same.
    on_its_way: AtomicBool,
}

impl Wake for Forward {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        fired();
        if self.on_its_way.swap(true, Ordering::SeqCst) {
            return;
        }
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let late = COUNT.fetch_add(1, Ordering::Relaxed) % 50 == 0;
        let forward = self.clone();
        later(move || {
            if late {
                thread::sleep(Duration::from_millis(5));
            }
            // Before the wake: one that is asked for from now on is another.
            forward.on_its_way.store(false, Ordering::SeqCst);
            forward.to.wake_by_ref();
        });
    }
}

/// Does it on the helper thread of this process, which ends when nobody has asked for a while.
fn later(act: impl FnOnce() + Send + 'static) {
    type Act = Box<dyn FnOnce() + Send>;
    static HELPER: Mutex<Option<Sender<Act>>> = Mutex::new(None);
    let mut helper = HELPER.lock().unwrap_or_else(PoisonError::into_inner);
    let mut act: Act = Box::new(act);
    loop {
        if let Some(sender) = helper.as_ref() {
            match sender.send(act) {
                Ok(()) => return,
                Err(back) => act = back.0,
            }
        }
        let (sender, acts) = channel::<Act>();
        *helper = Some(sender);
        let work = move || {
            while let Ok(act) = acts.recv_timeout(Duration::from_millis(20)) {
                act();
            }
            // Somebody may have asked since: what is in the channel is done before it closes.
            let _closed = HELPER.lock().unwrap_or_else(PoisonError::into_inner).take();
            acts.try_iter().for_each(|act| act());
        };
        thread::Builder::new().name("helper".into()).spawn(work).expect("a helper thread");
    }
}

// ── E-10 ────────────────────────────────────────────────────────────────────────────────────────

pub(super) struct Reaped;

impl Twist for Reaped {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Reaper(rt.clone()))))
    }
}

/// Lets another thread drop the future, and waits for it.
struct Reaper(Handle);

impl OnPoll for Reaper {
    fn on_drop(&mut self, future: &mut Option<AnyFuture>) {
        let (rt, future) = (&self.0, future.take());
        fired();
        let dropped = thread::scope(|scope| scope.spawn(|| rt.enter(|| drop(future))).join());
        if let Err(payload) = dropped {
            if !thread::panicking() {
                std::panic::resume_unwind(payload);
            }
        }
    }
}

// ── E-12 ────────────────────────────────────────────────────────────────────────────────────────

pub(super) struct SlowAborts;

impl Twist for SlowAborts {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let task = Arc::new(Shared(Mutex::new(Box::new(rt.spawn(future)))));
        Box::new(Later { asked: OnceLock::new(), task })
    }
}

struct Shared(Mutex<Box<dyn AnyJoin>>);

struct Later {
    asked: OnceLock<()>,
    task: Arc<Shared>,
}

impl Shared {
    fn with<R>(&self, call: impl FnOnce(&mut dyn AnyJoin) -> R) -> R {
        call(&mut **self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AnyJoin for Later {
    fn poll_join(&mut self, cx: &mut Context<'_>) -> Poll<Result<AnyOutput, JoinError>> {
        self.task.with(|task| task.poll_join(cx))
    }

    fn abort(&self) {
        if self.asked.set(()).is_ok() {
            fired();
            static COUNT: AtomicU64 = AtomicU64::new(0);
            let late = COUNT.fetch_add(1, Ordering::Relaxed) % 4 == 0;
            // Held strongly: the abort comes, also if the handle is dropped meanwhile.
            let task = self.task.clone();
            later(move || {
                if late {
                    thread::sleep(Duration::from_millis(1));
                }
                task.with(|task| task.abort());
            });
        }
    }

    fn is_finished(&self) -> bool {
        self.task.with(|task| task.is_finished())
    }
}

// ── E-13 ────────────────────────────────────────────────────────────────────────────────────────

pub(super) struct WakesTwice;

impl Twist for WakesTwice {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Join::boxed(Box::new(rt.spawn(future)), Twice)
    }
}

struct Twice;

impl OnJoin for Twice {
    fn poll_join(
        &mut self,
        inner: &mut dyn AnyJoin,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AnyOutput, JoinError>> {
        let waker = Waker::from(Arc::new(TwoWakes(cx.waker().clone())));
        inner.poll_join(&mut Context::from_waker(&waker))
    }
}

struct TwoWakes(Waker);

impl Wake for TwoWakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        fired();
        self.0.wake_by_ref();
        self.0.wake_by_ref();
    }
}
