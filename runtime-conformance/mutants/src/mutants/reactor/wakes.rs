//! M-REACTOR-7 and M-REACTOR-10: wakes that do not arrive.

use std::any::{Any, TypeId};
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use runtime_conformance::clauses::reactor::sharing::{Readable, Ready, Waits};
use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_traits::Handle;
use runtime_traits::io::Async;

use crate::erased::{OnPoll, poll, wrapped};

// ── M-REACTOR-7 ─────────────────────────────────────────────────────────────────────────────────

pub(super) struct OneWaiter(pub(super) Waits);

impl Twist for OneWaiter {
    fn calls(&self, group: TypeId) -> Option<&dyn Any> {
        (group == TypeId::of::<Waits>()).then_some(&self.0)
    }
}

/// Where whoever waits leaves a waker: the next one's takes its place.
#[derive(Default)]
pub(super) struct Slot(Arc<Latest>);

#[derive(Default)]
struct Latest(Mutex<Option<Waker>>);

impl Wake for Latest {
    fn wake(self: Arc<Self>) {
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Readable for Slot {
    fn readable<'a>(&'a self, socket: &'a Async<UnixDatagram>) -> Ready<'a> {
        Box::pin(async move {
            let mut ready = Box::pin(socket.readable());
            let shared = Waker::from(self.0.clone());
            std::future::poll_fn(|cx| {
                let polled = ready.as_mut().poll(&mut Context::from_waker(&shared));
                if polled.is_pending() {
                    let mut latest = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
                    if latest.replace(cx.waker().clone()).is_some() {
                        fired();
                    }
                }
                polled
            })
            .await
        })
    }
}

// ── M-REACTOR-10 ────────────────────────────────────────────────────────────────────────────────

pub(super) struct Overflows;

const WAKES_MAX: usize = 60_000;

impl Twist for Overflows {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Counted(None))))
    }
}

/// Polls with a waker that counts.
struct Counted(Option<Arc<Counter>>);

struct Counter {
    to: Waker,
    since_poll: AtomicUsize,
    overflowed: AtomicBool,
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.overflowed.load(Ordering::SeqCst) {
            return fired();
        }
        if self.since_poll.fetch_add(1, Ordering::SeqCst) >= WAKES_MAX {
            self.overflowed.store(true, Ordering::SeqCst);
        }
        self.to.wake_by_ref();
    }
}

impl OnPoll for Counted {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let new = || {
            let (since_poll, overflowed) = (AtomicUsize::new(0), AtomicBool::new(false));
            Arc::new(Counter { to: cx.waker().clone(), since_poll, overflowed })
        };
        let counter = self.0.get_or_insert_with(new).clone();
        counter.since_poll.store(0, Ordering::SeqCst);
        poll(future, &mut Context::from_waker(&counter.into()))
    }
}
