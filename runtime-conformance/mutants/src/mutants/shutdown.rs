//! Mutants of the group SHUTDOWN.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtime_conformance::Subject;
use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_traits::hooks::{After, Dir, Key, Reactor, Source, Timer, Token};
use runtime_traits::time::Instant;
use runtime_traits::{Gone, Handle};

use super::Impossible;
use crate::decorate::Decorated;
use crate::erased::{Never, OnPoll, poll, wrapped};
use crate::mutant::{Detection, Mutant};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist(
        "M-SHUTDOWN-1",
        "What is spawned after the end waits in a queue for ever.",
        || Arc::new(TakesTasksAfterTheEnd::default()),
    )
    .breaks(&["SHUTDOWN-3"])
    .tolerates(&["CANCEL-4"]) // which aborts such a task, and asks its handle
    .detected(Detection::Hangs),
    Mutant::twist("M-SHUTDOWN-2", "Tasks that are parked at the end are forgotten.", || {
        Arc::new(ForgetsParked::default())
    })
    .breaks(&["SHUTDOWN-1"])
    // What is forgotten has sockets, handles that keep the poller open, in WAKE-5 64 KiB each, and in
    // WAKE-7 and CTX-11 a destructor that is awaited.
    .tolerates(&["CTX-11", "LEAK-1", "LEAK-3", "WAKE-5", "WAKE-7"]),
    Mutant::twist("M-SHUTDOWN-2b", "The end does not wait for polls that run.", || {
        Arc::new(DoesNotWait)
    })
    .breaks(&["SHUTDOWN-1"])
    .tolerates(&["SHUTDOWN-7", "WAKE-5"]) // a thread, or a poll, that is still there
    .detected(Detection::Fails),
    Mutant::twist(
        "M-SHUTDOWN-3",
        "Tasks are dropped at the end under the lock that a wake takes.",
        || Arc::new(DropsUnderLock::default()),
    )
    .breaks(&["SHUTDOWN-2"])
    .tolerates(&["WAKE-8"]) // whose tasks wake each other when the end drops them
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-SHUTDOWN-4",
        "Who waits for a timer or a socket outside is not told of the end.",
        || Arc::new(TellsNobody),
    )
    .breaks(&["SHUTDOWN-4"])
    .tolerates(&["CTX-10"]) // which waits, elsewhere, for a timer and a socket of an ended runtime
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-SHUTDOWN-5",
        "Ended inside its own code, the runtime waits for that code.",
        || Arc::new(WaitsForItself),
    )
    .breaks(&["SHUTDOWN-5"])
    .detected(Detection::Hangs),
    Mutant::twist("M-SHUTDOWN-6", "A helper thread of each runtime is never joined.", || {
        Arc::new(LeavesAThread)
    })
    .breaks(&["SHUTDOWN-7"]),
    Mutant::twist("M-SHUTDOWN-7", "Of each runtime that ended, 8 KiB are never freed.", || {
        Arc::new(Keeps)
    })
    .breaks(&["SHUTDOWN-7"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

// ── M-SHUTDOWN-1 ────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct TakesTasksAfterTheEnd(AtomicBool);

impl Twist for TakesTasksAfterTheEnd {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        if self.0.load(Ordering::SeqCst) {
            fired();
            std::mem::forget(future);
            return Box::new(Never);
        }
        Box::new(rt.spawn(future))
    }

    fn shutdown(&self, subject: Box<dyn Subject>) {
        self.0.store(true, Ordering::SeqCst);
        subject.shutdown();
    }
}

// ── M-SHUTDOWN-2 ────────────────────────────────────────────────────────────────────────────────

/// Knows whether the end has begun.
#[derive(Default)]
struct ForgetsParked(Arc<AtomicBool>);

/// The same, and whether it has been polled and is not ready.
struct Forgettable(Arc<AtomicBool>, bool);

impl OnPoll for Forgettable {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let polled = poll(future, cx);
        self.1 = polled.is_pending();
        polled
    }

    fn on_drop(&mut self, future: &mut Option<AnyFuture>) {
        if self.1 && self.0.load(Ordering::SeqCst) {
            fired();
            std::mem::forget(future.take());
        }
    }
}

impl Twist for ForgetsParked {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Forgettable(self.0.clone(), false))))
    }

    fn shutdown(&self, subject: Box<dyn Subject>) {
        self.0.store(true, Ordering::SeqCst);
        subject.shutdown();
    }
}

// ── M-SHUTDOWN-2b ───────────────────────────────────────────────────────────────────────────────

thread_local! {
    /// Inside the poll of a task; inside a destructor at the end.
    static POLLING: Cell<bool> = const { Cell::new(false) };
    static HOLDS: Cell<bool> = const { Cell::new(false) };
}

/// How many polls run, in the process.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

struct DoesNotWait;

struct Running;

impl OnPoll for Running {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        struct Left;
        impl Drop for Left {
            fn drop(&mut self) {
                RUNNING.fetch_sub(1, Ordering::SeqCst);
                POLLING.set(false);
            }
        }
        RUNNING.fetch_add(1, Ordering::SeqCst);
        POLLING.set(true);
        let _left = Left;
        poll(future, cx)
    }
}

impl Twist for DoesNotWait {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Running)))
    }

    fn shutdown(&self, subject: Box<dyn Subject>) {
        if RUNNING.load(Ordering::SeqCst) > 0 && !POLLING.get() {
            fired();
            thread::spawn(|| subject.shutdown());
        } else {
            subject.shutdown();
        }
    }
}

// ── M-SHUTDOWN-3 ────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct DropsUnderLock(Arc<AtomicBool>);

/// Is dropped under the lock, at the end.
struct Locked(Arc<AtomicBool>);

/// Takes that lock to wake.
struct TakesLock(Waker);

impl Wake for TakesLock {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        while HOLDS.get() {
            fired();
            thread::park(); // this thread has it
        }
        self.0.wake_by_ref();
    }
}

impl OnPoll for Locked {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let waker = Waker::from(Arc::new(TakesLock(cx.waker().clone())));
        poll(future, &mut Context::from_waker(&waker))
    }

    fn on_drop(&mut self, future: &mut Option<AnyFuture>) {
        HOLDS.set(self.0.load(Ordering::SeqCst));
        drop(future.take());
        HOLDS.set(false);
    }
}

impl Twist for DropsUnderLock {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Locked(self.0.clone()))))
    }

    fn shutdown(&self, subject: Box<dyn Subject>) {
        self.0.store(true, Ordering::SeqCst);
        subject.shutdown();
    }
}

// ── M-SHUTDOWN-4 ────────────────────────────────────────────────────────────────────────────────

struct TellsNobody;

impl Twist for TellsNobody {
    fn runtime(&self, inner: Handle) -> Handle {
        let hooks = || Silent(inner.clone());
        let silent = Decorated::over(inner.clone()).timer(Box::new(hooks()));
        match inner.runtime().reactor() {
            Some(_) => silent.reactor(Box::new(hooks())).handle(),
            None => silent.handle(),
        }
    }
}

/// Answers "pending" where it should say that the runtime ended.
struct Silent(Handle);

impl Silent {
    fn timer(&self) -> &dyn Timer {
        self.0.runtime().timer().expect("asked for its time, it has some")
    }

    fn reactor(&self) -> &dyn Reactor {
        self.0.runtime().reactor().expect("decorated only if there is one")
    }
}

impl Timer for Silent {
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
        match self.timer().poll_until(key, at, slack, cx) {
            Poll::Ready(Err(Gone)) => {
                fired();
                Poll::Pending
            }
            polled => polled,
        }
    }

    fn forget(&self, key: &mut Key) {
        self.timer().forget(key);
    }
}

impl Reactor for Silent {
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
        match self.reactor().poll_io(token, dir, cx, op) {
            Poll::Ready(Err(error)) if is_gone(&error) => {
                fired();
                Poll::Pending
            }
            polled => polled,
        }
    }

    fn deregister(&self, token: Token) {
        self.reactor().deregister(token);
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Gone>())
}

// ── M-SHUTDOWN-5 ────────────────────────────────────────────────────────────────────────────────

struct WaitsForItself;

impl Twist for WaitsForItself {
    fn shutdown(&self, subject: Box<dyn Subject>) {
        while Handle::try_current().is_ok_and(|current| current == subject.handle()) {
            fired();
            thread::park();
        }
        subject.shutdown();
    }
}

// ── M-SHUTDOWN-6 ────────────────────────────────────────────────────────────────────────────────

struct LeavesAThread;

impl Twist for LeavesAThread {
    fn runtime(&self, inner: Handle) -> Handle {
        fired();
        thread::spawn(|| {
            loop {
                thread::park();
            }
        });
        inner
    }
}

// ── M-SHUTDOWN-7 ────────────────────────────────────────────────────────────────────────────────

struct Keeps;

impl Twist for Keeps {
    fn shutdown(&self, subject: Box<dyn Subject>) {
        subject.shutdown();
        fired();
        std::mem::forget(vec![1_u8; 8 * 1024]);
    }
}
