//! Variants that are right, if unusual: polls, wakes, destructors and aborts at odd times and places.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtime_conformance::toolbox::Random;
use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyLocal, AnyOutput, Twist, fired};
use runtime_traits::task::spawn_local;
use runtime_traits::{Handle, JoinError};

use crate::erased::{OnPoll, poll, wrapped};
use crate::mutant::Mutant;

pub(crate) const VARIANTS: &[Mutant] = &[
    Mutant::twist("E-1", "Each wake leads to one poll too many.", || Arc::new(PollsTwice)),
    Mutant::twist("E-9", "Wakes are passed on by a helper thread, 0 to 5 ms later.", || {
        Arc::new(WakesLater::default())
    }),
    Mutant::twist("E-10", "Futures are dropped on a thread that does nothing else.", || {
        Arc::new(Reaps)
    }),
    Mutant::twist("E-12", "Aborts are carried out by a helper thread, a little later.", || {
        Arc::new(AbortsLater)
    }),
];

// ── E-1 ─────────────────────────────────────────────────────────────────────────────────────────

struct PollsTwice;

impl Twist for PollsTwice {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Again(false))))
    }

    fn spawn_local(&self, rt: &Handle, mut future: AnyLocal) -> Box<dyn AnyJoin> {
        let mut again = Again(false);
        Box::new(
            rt.enter(|| spawn_local(poll_fn(move |cx| again.after(future.as_mut().poll(cx), cx)))),
        )
    }
}

/// Whether this is the poll too many.
struct Again(bool);

impl Again {
    fn after(&mut self, polled: Poll<AnyOutput>, cx: &Context<'_>) -> Poll<AnyOutput> {
        self.0 = !self.0 && polled.is_pending();
        if self.0 {
            fired();
            cx.waker().wake_by_ref();
        }
        polled
    }
}

impl OnPoll for Again {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let polled = poll(future, cx);
        self.after(polled, cx)
    }
}

// ── E-9 ─────────────────────────────────────────────────────────────────────────────────────────

/// The helper ends when the runtime and all of its wakers are gone.
#[derive(Default)]
struct WakesLater(OnceLock<Sender<Arc<Later>>>);

impl WakesLater {
    fn helper(&self) -> Sender<Arc<Later>> {
        let start = || {
            let (helper, wakes) = channel();
            thread::spawn(move || pass_on(wakes));
            helper
        };
        self.0.get_or_init(start).clone()
    }
}

fn pass_on(wakes: Receiver<Arc<Later>>) {
    let mut random = Random::new(9);
    while let Ok(first) = wakes.recv() {
        thread::sleep(Duration::from_micros(random.below(5_000)));
        for waker in std::iter::once(first).chain(wakes.try_iter()) {
            fired();
            waker.on_its_way.store(false, Ordering::SeqCst);
            waker.to.wake_by_ref();
        }
    }
}

impl Twist for WakesLater {
    fn spawn(&self, rt: &Handle, mut future: AnyFuture) -> Box<dyn AnyJoin> {
        let mut waker = LazyWaker { helper: self.helper(), waker: None };
        Box::new(rt.spawn(poll_fn(move |cx| {
            future.as_mut().poll(&mut Context::from_waker(&waker.get(cx)))
        })))
    }

    fn spawn_local(&self, rt: &Handle, mut future: AnyLocal) -> Box<dyn AnyJoin> {
        let mut waker = LazyWaker { helper: self.helper(), waker: None };
        Box::new(rt.enter(|| {
            spawn_local(poll_fn(move |cx| {
                future.as_mut().poll(&mut Context::from_waker(&waker.get(cx)))
            }))
        }))
    }
}

/// Made at the first poll: a task keeps its waker.
struct LazyWaker {
    helper: Sender<Arc<Later>>,
    waker: Option<Arc<Later>>,
}

impl LazyWaker {
    fn get(&mut self, cx: &Context<'_>) -> Waker {
        let new = || {
            let helper = Mutex::new(self.helper.clone());
            let on_its_way = AtomicBool::new(false);
            Arc::new(Later { to: cx.waker().clone(), helper, on_its_way })
        };
        self.waker.get_or_insert_with(new).clone().into()
    }
}

struct Later {
    to: Waker,
    helper: Mutex<Sender<Arc<Later>>>,
    on_its_way: AtomicBool,
}

impl Wake for Later {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.on_its_way.swap(true, Ordering::SeqCst) {
            let helper = self.helper.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let _ = helper.send(self.clone()); // the helper is there as long as a sender is
        }
    }
}

// ── E-10 ────────────────────────────────────────────────────────────────────────────────────────

struct Reaps;

impl Twist for Reaps {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Reaper(rt.clone()))))
    }
}

struct Reaper(Handle);

impl Reaper {
    /// Drops elsewhere, and returns when that is done: so the handle is pending until then.
    fn reap(&self, future: &mut Option<AnyFuture>) {
        let Some(future) = future.take() else { return };
        fired();
        let rt = self.0.clone();
        // Where the system has no thread, `spawn` drops it here.
        let reaper = thread::Builder::new().spawn(move || rt.enter(|| drop(future)));
        if let Some(Err(payload)) = reaper.ok().map(|reaper| reaper.join()) {
            std::panic::resume_unwind(payload);
        }
    }
}

impl OnPoll for Reaper {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let polled = poll(future, cx);
        if polled.is_ready() {
            self.reap(future);
        }
        polled
    }

    fn on_drop(&mut self, future: &mut Option<AnyFuture>) {
        // While unwinding a second panic would end the process.
        match thread::panicking() {
            true => drop(future.take()),
            false => self.reap(future),
        }
    }
}

// ── E-12 ────────────────────────────────────────────────────────────────────────────────────────

struct AbortsLater;

impl Twist for AbortsLater {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(Slow(Arc::new(Mutex::new(Box::new(rt.spawn(future))))))
    }

    fn spawn_local(&self, rt: &Handle, future: AnyLocal) -> Box<dyn AnyJoin> {
        let inner = Box::new(rt.enter(|| spawn_local(future)));
        Box::new(Slow(Arc::new(Mutex::new(inner))))
    }
}

/// A handle that a helper may hold too.
struct Slow(Arc<Mutex<Box<dyn AnyJoin>>>);

impl Slow {
    fn lock(&self) -> MutexGuard<'_, Box<dyn AnyJoin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AnyJoin for Slow {
    fn poll_join(&mut self, cx: &mut Context<'_>) -> Poll<Result<AnyOutput, JoinError>> {
        self.lock().poll_join(cx)
    }

    fn abort(&self) {
        // What has ended by now keeps its output, whatever the helper finds.
        if self.is_finished() {
            return;
        }
        fired();
        let inner = Slow(self.0.clone());
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(2));
            inner.lock().abort();
        });
    }

    fn is_finished(&self) -> bool {
        self.lock().is_finished()
    }
}
