//! M-TASK-3, M-TASK-4: what safe code cannot do to a future it can do to its twin.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Movable, Twin, Twist, fired};
use runtime_traits::Handle;

use crate::erased::{OnPoll, poll, wrapped};

/// Forgets that a future can be moved.
fn erased(future: Box<dyn Movable>) -> AnyFuture {
    Box::pin(async {
        future.await;
        Box::new(()) as AnyOutput
    })
}

// ── M-TASK-3 ────────────────────────────────────────────────────────────────────────────────────

pub(super) struct PollsTwice;

impl Twist for PollsTwice {
    fn spawn_movable(&self, rt: &Handle, future: Box<dyn Movable>) -> Box<dyn AnyJoin> {
        match future.twin(Twin::Meanwhile) {
            Some(twin) => Box::new(rt.spawn(wrapped(erased(future), Meanwhile(twin)))),
            None => Box::new(rt.spawn(erased(future))),
        }
    }
}

/// Is polled on another thread during each poll.
struct Meanwhile(Box<dyn Movable>);

impl OnPoll for Meanwhile {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        fired();
        let waker = cx.waker().clone();
        let twin = &mut self.0;
        thread::scope(|scope| {
            scope.spawn(move || _ = Pin::new(twin).poll(&mut Context::from_waker(&waker)));
            thread::yield_now();
            poll(future, cx)
        })
    }
}

// ── M-TASK-4 ────────────────────────────────────────────────────────────────────────────────────

pub(super) struct PollsLate;

impl Twist for PollsLate {
    fn spawn_movable(&self, rt: &Handle, future: Box<dyn Movable>) -> Box<dyn AnyJoin> {
        match future.twin(Twin::Afterwards) {
            Some(twin) => Box::new(rt.spawn(wrapped(erased(future), Afterwards::new(twin)))),
            None => Box::new(rt.spawn(erased(future))),
        }
    }
}

/// Gives the task a waker that polls once more when all is over.
struct Afterwards {
    twin: Arc<Mutex<Option<Box<dyn Movable>>>>,
    over: Arc<AtomicBool>,
}

impl Afterwards {
    fn new(twin: Box<dyn Movable>) -> Afterwards {
        Afterwards { twin: Arc::new(Mutex::new(Some(twin))), over: Arc::default() }
    }
}

impl OnPoll for Afterwards {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let (twin, over) = (self.twin.clone(), self.over.clone());
        let waker = Waker::from(Arc::new(Late { to: cx.waker().clone(), twin, over }));
        poll(future, &mut Context::from_waker(&waker))
    }

    /// At its end, or because it panicked.
    fn on_drop(&mut self, _: &mut Option<AnyFuture>) {
        self.over.store(true, Ordering::SeqCst);
    }
}

struct Late {
    to: Waker,
    twin: Arc<Mutex<Option<Box<dyn Movable>>>>,
    over: Arc<AtomicBool>,
}

impl Wake for Late {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.to.wake_by_ref();
        if self.over.load(Ordering::SeqCst) {
            let twin = self.twin.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(mut twin) = twin {
                fired();
                let _ = Pin::new(&mut twin).poll(&mut Context::from_waker(Waker::noop()));
            }
        }
    }
}
