//! Variants that are right, if unusual: threads, joiners, and calls inside calls.

use std::cell::Cell;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_conformance::{Cap, Subject};
use runtime_traits::hooks::Locals;
use runtime_traits::{BlockOnError, Handle, JoinError, Refused};

use crate::erased::{Join, OnJoin, OnPoll, poll, wrapped};
use crate::mutant::{Mutant, Over};

pub(crate) const VARIANTS: &[Mutant] = &[
    Mutant::twist("E-4", "One worker, nothing runs in parallel, and `mt` is not declared.", || {
        Arc::new(AsItIs)
    })
    .over(Over { runtime: "default", flavour: "multi1" }),
    Mutant::twist("E-5", "Each poll of a task is on a thread of its own.", || {
        Arc::new(PollsElsewhere)
    })
    // Whose root has a home for local tasks: tasks have none there.
    .over(Over { runtime: "default", flavour: "lent" })
    .without(&[Cap::Coop]), // a budget is of the thread that polls, and each is a new one
    Mutant::twist("E-13", "Joiners are woken twice.", || Arc::new(WakesTwice)),
    Mutant::twist("E-15a", "A call of `block_on` inside another panics.", || {
        Arc::new(Nested(Inside::Panics))
    }),
    Mutant::twist("E-15b", "A call of `block_on` inside another answers an error.", || {
        Arc::new(Nested(Inside::Refuses))
    }),
    Mutant::twist("E-15c", "A call of `block_on` inside another works.", || Arc::new(AsItIs))
        .over(Over { runtime: "smol", flavour: "multi2" }),
];

/// A runtime that is unusual enough by itself.
struct AsItIs;

impl Twist for AsItIs {
    fn runtime(&self, inner: Handle) -> Handle {
        fired();
        inner
    }
}

// ── E-5 ─────────────────────────────────────────────────────────────────────────────────────────

thread_local! {
    /// Inside a poll that was sent here.
    static IN_POLL: Cell<bool> = const { Cell::new(false) };
    /// How many calls of `block_on` this thread is inside.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

struct PollsElsewhere;

/// Sends each poll to a new thread and waits for it.
struct OnAThread(Handle);

impl OnPoll for OnAThread {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        fired();
        let (rt, waker) = (&self.0, cx.waker());
        let locals = Locals::with_current(Locals::clone);
        let mut poll =
            || rt.enter(|| locals.scope(|| poll(future, &mut Context::from_waker(waker))));
        let polled = thread::scope(|scope| {
            let there = || {
                IN_POLL.set(true);
                poll()
            };
            thread::Builder::new().spawn_scoped(scope, there).ok().map(|there| there.join())
        });
        match polled {
            Some(polled) => polled.unwrap_or_else(|payload| resume_unwind(payload)),
            None => poll(), // the system has no thread
        }
    }
}

impl Twist for PollsElsewhere {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, OnAThread(rt.clone()))))
    }

    /// A worker waits for the thread that polls, so that one may not wait for the runtime.
    fn block_on(
        &self,
        rt: &Handle,
        main: Pin<&mut dyn Future<Output = ()>>,
    ) -> Result<(), BlockOnError> {
        match IN_POLL.get() {
            true => Err(BlockOnError::Refused(Refused::NOT_HERE)),
            false => rt.block_on(main),
        }
    }

    /// For the same reason an end inside a poll is left to another thread.
    fn shutdown(&self, subject: Box<dyn Subject>) {
        match IN_POLL.get() {
            true => drop(thread::spawn(|| subject.shutdown())),
            false => subject.shutdown(),
        }
    }
}

// ── E-13 ────────────────────────────────────────────────────────────────────────────────────────

struct WakesTwice;

/// Wakes as often as it pleases.
struct Twice(Waker);

impl Wake for Twice {
    fn wake(self: Arc<Self>) {
        fired();
        self.0.wake_by_ref();
        self.0.wake_by_ref();
    }
}

impl OnJoin for WakesTwice {
    fn poll_join(
        &mut self,
        inner: &mut dyn AnyJoin,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AnyOutput, JoinError>> {
        let waker = Waker::from(Arc::new(Twice(cx.waker().clone())));
        inner.poll_join(&mut Context::from_waker(&waker))
    }
}

impl Twist for WakesTwice {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Join::boxed(Box::new(rt.spawn(future)), WakesTwice)
    }
}

// ── E-15 ────────────────────────────────────────────────────────────────────────────────────────

enum Inside {
    Panics,
    Refuses,
}

struct Nested(Inside);

impl Twist for Nested {
    fn block_on(
        &self,
        rt: &Handle,
        main: Pin<&mut dyn Future<Output = ()>>,
    ) -> Result<(), BlockOnError> {
        match self.0 {
            Inside::Panics if DEPTH.get() > 0 => {
                fired();
                panic!("`block_on` was called inside `block_on`")
            }
            Inside::Refuses if DEPTH.get() > 0 => {
                fired();
                Err(BlockOnError::Refused(Refused::NOT_HERE))
            }
            _ => deeper(|| rt.block_on(main)),
        }
    }
}

/// Calls `call` one level deeper.
fn deeper<R>(call: impl FnOnce() -> R) -> R {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            DEPTH.set(self.0);
        }
    }
    let _restore = Restore(DEPTH.replace(DEPTH.get() + 1));
    call()
}
