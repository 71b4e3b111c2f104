//! Variants that are right, if unusual: polls, wakes, destructors and aborts at odd times and places.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtime_conformance::toolbox::Random;
use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyLocal, AnyOutput, Twist, fired};
use runtime_traits::hooks::Locals;
use runtime_traits::task::spawn_local;
use runtime_traits::{Handle, JoinError};

use crate::erased::{OnPoll, poll, wrapped};
use crate::mutant::Mutant;

pub(crate) const VARIANTS: &[Mutant] = &[
    Mutant::twist("E-1", "Each wake leads to one poll too many.", || Arc::new(PollsTwice)),
    Mutant::twist("E-9", "Wakes are passed on by a helper thread, 0 to 5 ms later.", || {
        Arc::new(WakesLater(Helper::new()))
    }),
    Mutant::twist("E-10", "Futures are dropped on a thread that does nothing else.", || {
        Arc::new(Reaps)
    }),
    Mutant::twist("E-12", "Aborts are carried out by a helper thread, a little later.", || {
        Arc::new(AbortsLater(Helper::new()))
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

// ── E-9, E-12: a helper ─────────────────────────────────────────────────────────────────────────

/// How long a helper takes at the most, in µs.
const LATE: u64 = 5_000;

/// Starts a thread that does later what it is told. It ends when nobody can tell it any more.
struct Helper<T>(Mutex<Option<Sender<T>>>);

impl<T: Send + 'static> Helper<T> {
    fn new() -> Helper<T> {
        Helper(Mutex::new(None))
    }

    /// Who is told; `None` where the system has no thread for it.
    fn sender(&self, work: fn(T)) -> Option<Sender<T>> {
        let mut helper = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if helper.is_none() {
            let (tell, told) = channel();
            let started = thread::Builder::new().spawn(move || work_later(told, work));
            *helper = started.is_ok().then_some(tell);
        }
        helper.clone()
    }
}

fn work_later<T>(told: Receiver<T>, work: fn(T)) {
    let mut random = Random::new(9);
    while let Ok(first) = told.recv() {
        thread::sleep(Duration::from_micros(random.below(LATE))); // being late is the variant
        std::iter::once(first).chain(told.try_iter()).for_each(work);
    }
}

// ── E-9 ─────────────────────────────────────────────────────────────────────────────────────────

struct WakesLater(Helper<Arc<Later>>);

impl WakesLater {
    fn waker(&self) -> LazyWaker {
        LazyWaker { helper: self.0.sender(pass_on), waker: None }
    }
}

fn pass_on(waker: Arc<Later>) {
    fired();
    waker.on_its_way.store(false, Ordering::SeqCst);
    waker.to.wake_by_ref();
}

impl Twist for WakesLater {
    fn spawn(&self, rt: &Handle, mut future: AnyFuture) -> Box<dyn AnyJoin> {
        let mut waker = self.waker();
        Box::new(rt.spawn(poll_fn(move |cx| {
            future.as_mut().poll(&mut Context::from_waker(&waker.get(cx)))
        })))
    }

    fn spawn_local(&self, rt: &Handle, mut future: AnyLocal) -> Box<dyn AnyJoin> {
        let mut waker = self.waker();
        Box::new(rt.enter(|| {
            spawn_local(poll_fn(move |cx| {
                future.as_mut().poll(&mut Context::from_waker(&waker.get(cx)))
            }))
        }))
    }
}

/// Made at the first poll: a task keeps its waker.
struct LazyWaker {
    helper: Option<Sender<Arc<Later>>>,
    waker: Option<Arc<Later>>,
}

impl LazyWaker {
    fn get(&mut self, cx: &Context<'_>) -> Waker {
        let Some(helper) = &self.helper else { return cx.waker().clone() };
        let new = || {
            let (to, helper) = (cx.waker().clone(), helper.clone());
            Arc::new(Later { to, helper, on_its_way: AtomicBool::new(false) })
        };
        self.waker.get_or_insert_with(new).clone().into()
    }
}

struct Later {
    to: Waker,
    helper: Sender<Arc<Later>>,
    on_its_way: AtomicBool,
}

impl Wake for Later {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.on_its_way.swap(true, Ordering::SeqCst) {
            let _ = self.helper.send(self.clone()); // the helper is there as long as a sender is
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
        let (rt, locals) = (self.0.clone(), Locals::with_current(Locals::clone));
        // Where the system has no thread, `spawn` drops it here.
        let there = move || rt.enter(|| locals.scope(|| drop(future)));
        let reaper = thread::Builder::new().spawn(there);
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

struct AbortsLater(Helper<Shared>);

impl AbortsLater {
    fn slow(&self, inner: Box<dyn AnyJoin>) -> Box<dyn AnyJoin> {
        let helper = self.0.sender(|join| lock(&join).abort());
        Box::new(Slow { inner: Arc::new(Mutex::new(inner)), helper })
    }
}

impl Twist for AbortsLater {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        self.slow(Box::new(rt.spawn(future)))
    }

    fn spawn_local(&self, rt: &Handle, future: AnyLocal) -> Box<dyn AnyJoin> {
        self.slow(Box::new(rt.enter(|| spawn_local(future))))
    }
}

/// A handle that a helper may hold too.
type Shared = Arc<Mutex<Box<dyn AnyJoin>>>;

struct Slow {
    inner: Shared,
    helper: Option<Sender<Shared>>,
}

fn lock(join: &Shared) -> MutexGuard<'_, Box<dyn AnyJoin>> {
    join.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AnyJoin for Slow {
    fn poll_join(&mut self, cx: &mut Context<'_>) -> Poll<Result<AnyOutput, JoinError>> {
        lock(&self.inner).poll_join(cx)
    }

    fn abort(&self) {
        // What has ended by now keeps its output, whatever the helper finds.
        if self.is_finished() {
            return;
        }
        let Some(helper) = &self.helper else { return lock(&self.inner).abort() };
        fired();
        let _ = helper.send(self.inner.clone()); // the helper is there as long as a sender is
    }

    fn is_finished(&self) -> bool {
        lock(&self.inner).is_finished()
    }
}
