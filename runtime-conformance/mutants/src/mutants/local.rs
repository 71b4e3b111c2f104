//! Mutants of the group LOCAL.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};

use runtime_conformance::clauses::local::{LocalCalls, Make, Resident, SetCalls, WithCalls};
use runtime_conformance::twist::{AnyJoin, AnyLocal, AnyOutput, Twist, fired};
use runtime_traits::Handle;
use runtime_traits::task::{LocalSet, spawn_local, spawn_with};

use super::Impossible;
use crate::erased::{Join, Never, OnJoin};
use crate::mutant::{Detection, Mutant, Over};

pub(crate) const MUTANTS: &[Mutant] = &[
    // The cell is unsafe code in runtime-hooks, and sends home whatever is dropped elsewhere. A
    // resident, which is `Send` though nobody knows, may be reached without: that is seen by the
    // clause as the same, over every runtime.
    Mutant::twist(
        "M-LOCAL-1",
        "Who aborts a parked local task drops it, on its own thread.",
        || Arc::new(Settles(LocalCalls { spawn: dropped_by_aborter })),
    )
    .breaks(&["LOCAL-2"]),
    Mutant::switch(
        "M-LOCAL-2",
        "At most 61 local tasks run at a time; the others wait until one more is woken.",
        "caps-local-turns",
    )
    .breaks(&["LOCAL-4"])
    .detected(Detection::Hangs),
    // For runtimes that have no switches.
    Mutant::twist(
        "M-LOCAL-2b",
        "At most 61 local tasks wait for their first poll; the others are forgotten.",
        || Arc::new(Capped),
    )
    .breaks(&["LOCAL-4"])
    .detected(Detection::Hangs),
    Mutant::switch(
        "M-LOCAL-4",
        "A wake from another thread queues a local task, and unparks its home only the first time.",
        "unparks-new-homes-only",
    )
    .breaks(&["LOCAL-3"])
    .detected(Detection::Hangs)
    // Here the root of a case is no local task, and may be woken.
    .over(Over::CURRENT),
    // For runtimes that have no switches.
    Mutant::twist(
        "M-LOCAL-4b",
        "The second wake of a local task from another thread, and later ones, are lost.",
        || Arc::new(UnparksOnce),
    )
    .breaks(&["LOCAL-3"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-LOCAL-6",
        "`spawn_local` on a thread of nobody's keeps the task in a list of that thread.",
        || Arc::new(KeepsAway),
    )
    .breaks(&["LOCAL-5"]),
    Mutant::twist("M-LOCAL-10", "A local task is polled on whatever thread is free.", || {
        Arc::new(Settles(LocalCalls { spawn: polled_elsewhere }))
    })
    .breaks(&["LOCAL-1"]),
    Mutant::twist(
        "M-LOCAL-11",
        "Local tasks that are left when their home ends are leaked.",
        || Arc::new(LeaksTheRest),
    )
    .breaks(&["LOCAL-6"])
    .tolerates(&["LEAK-1", "SHUTDOWN-1"]),
    Mutant::twist("M-LOCAL-12", "What is left in a set is dropped on another thread.", || {
        Arc::new(InSets(SetCalls { spawn: dropped_elsewhere }))
    })
    .breaks(&["LOCAL-8"]),
    Mutant::twist("M-LOCAL-7", "The caller of `spawn_with` runs the closure.", || {
        Arc::new(Makes(WithCalls { spawn: made_by_caller }))
    })
    .breaks(&["LOCAL-7"]),
    Mutant::twist("M-LOCAL-7b", "What `spawn_with` made is dropped on another thread.", || {
        Arc::new(Makes(WithCalls { spawn: made_there_dropped_elsewhere }))
    })
    .breaks(&["LOCAL-7"]),
    Mutant::twist("M-LOCAL-7c", "A closure of `spawn_with` that nobody called is leaked.", || {
        Arc::new(Makes(WithCalls { spawn: leaked_unless_called }))
    })
    .breaks(&["LOCAL-7"])
    .tolerates(&["LEAK-1"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

/// A twist that spawns residents in another way.
struct Settles(LocalCalls);

impl Twist for Settles {
    fn calls(&self, group: TypeId) -> Option<&dyn Any> {
        (group == TypeId::of::<LocalCalls>()).then_some(&self.0)
    }
}

/// A resident that others can reach: it is `Send`, which a runtime cannot know.
#[derive(Clone)]
struct Shared(Arc<Mutex<Option<Resident>>>);

impl Shared {
    fn spawn(
        rt: &Handle,
        resident: Resident,
        mut poll: impl FnMut(&mut Resident, &mut Context<'_>) -> Poll<()> + 'static,
    ) -> (Box<dyn AnyJoin>, Shared) {
        let shared = Shared(Arc::new(Mutex::new(Some(resident))));
        let at_home = Owner(shared.clone());
        let task = std::future::poll_fn(move |cx| {
            let mut resident = at_home.0.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(inner) = &mut *resident else { return Poll::Pending };
            let polled = poll(inner, cx);
            polled.map(|()| Box::new(()) as AnyOutput)
        });
        (Box::new(rt.enter(|| spawn_local(task))), shared)
    }

    fn take(&self) -> Option<Resident> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// With it the resident goes, if it is still there.
struct Owner(Shared);

impl Drop for Owner {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

// ── M-LOCAL-1 ───────────────────────────────────────────────────────────────────────────────────

fn dropped_by_aborter(rt: &Handle, resident: Resident) -> Box<dyn AnyJoin> {
    let poll = |resident: &mut Resident, cx: &mut Context<'_>| Pin::new(resident).poll(cx);
    let (inner, shared) = Shared::spawn(rt, resident, poll);
    Join::boxed(inner, DropsHere(shared))
}

struct DropsHere(Shared);

impl OnJoin for DropsHere {
    fn abort(&self, inner: &dyn AnyJoin) {
        if let Some(resident) = self.0.take() {
            fired();
            drop(resident);
        }
        inner.abort();
    }
}

// ── M-LOCAL-10 ──────────────────────────────────────────────────────────────────────────────────

fn polled_elsewhere(rt: &Handle, resident: Resident) -> Box<dyn AnyJoin> {
    let poll = |resident: &mut Resident, cx: &mut Context<'_>| {
        fired();
        let waker = cx.waker();
        let mut poll = || Pin::new(&mut *resident).poll(&mut Context::from_waker(waker));
        thread::scope(|scope| scope.spawn(&mut poll).join().expect("it only writes down"))
    };
    Shared::spawn(rt, resident, poll).0
}

// ── M-LOCAL-2b ───────────────────────────────────────────────────────────────────────────────────

thread_local! {
    /// Local tasks of this thread that wait for their first poll.
    static WAITING: Cell<usize> = const { Cell::new(0) };
}

struct Capped;

impl Twist for Capped {
    fn spawn_local(&self, rt: &Handle, future: AnyLocal) -> Box<dyn AnyJoin> {
        if WAITING.get() >= 61 {
            fired();
            std::mem::forget(future);
            return Box::new(Never);
        }
        let (mut future, mut first) = (future, Waiting::new());
        Box::new(rt.enter(|| {
            spawn_local(std::future::poll_fn(move |cx| {
                first.0.take();
                future.as_mut().poll(cx)
            }))
        }))
    }
}

/// Counted until the first poll.
struct Waiting(Option<Counted>);

struct Counted;

impl Waiting {
    fn new() -> Waiting {
        WAITING.set(WAITING.get() + 1);
        Waiting(Some(Counted))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        WAITING.set(WAITING.get() - 1);
    }
}

// ── M-LOCAL-4b ───────────────────────────────────────────────────────────────────────────────────

struct UnparksOnce;

impl Twist for UnparksOnce {
    fn spawn_local(&self, rt: &Handle, future: AnyLocal) -> Box<dyn AnyJoin> {
        let mut future = future;
        let mut waker: Option<Arc<Once>> = None;
        Box::new(rt.enter(|| {
            spawn_local(std::future::poll_fn(move |cx| {
                let waker = waker.get_or_insert_with(|| Once::new(cx)).clone();
                future.as_mut().poll(&mut Context::from_waker(&waker.into()))
            }))
        }))
    }
}

struct Once {
    to: Waker,
    home: ThreadId,
    unparked: AtomicBool,
}

impl Once {
    fn new(cx: &Context<'_>) -> Arc<Once> {
        let (to, home) = (cx.waker().clone(), thread::current().id());
        Arc::new(Once { to, home, unparked: AtomicBool::new(false) })
    }
}

impl Wake for Once {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let is_home = thread::current().id() == self.home;
        if !is_home && self.unparked.swap(true, Ordering::SeqCst) {
            return fired();
        }
        self.to.wake_by_ref();
    }
}

// ── M-LOCAL-6 ───────────────────────────────────────────────────────────────────────────────────

thread_local! {
    static KEPT: RefCell<Vec<AnyLocal>> = const { RefCell::new(Vec::new()) };
    /// Whether this thread was ever a home: what comes while one ends is not meant.
    static HOME: Cell<bool> = const { Cell::new(false) };
}

struct KeepsAway;

impl Twist for KeepsAway {
    fn spawn_local(&self, rt: &Handle, future: AnyLocal) -> Box<dyn AnyJoin> {
        let home = rt.runtime().local_spawner().and_then(|spawner| spawner.home());
        HOME.set(HOME.get() || home.is_some());
        // Roots and tasks are spared: whoever looks for a home asks there first.
        if !HOME.get() && Handle::try_current().is_err() {
            fired();
            KEPT.with_borrow_mut(|kept| kept.push(future));
            return Box::new(Never);
        }
        Box::new(rt.enter(|| spawn_local(future)))
    }
}

// ── M-LOCAL-11 ──────────────────────────────────────────────────────────────────────────────────

struct LeaksTheRest;

impl Twist for LeaksTheRest {
    fn spawn_local(&self, rt: &Handle, future: AnyLocal) -> Box<dyn AnyJoin> {
        let aborted = Arc::new(AtomicBool::new(false));
        let mut rest = Rest { future: Some(future), started: false, aborted: aborted.clone() };
        let inner = rt.enter(|| {
            spawn_local(std::future::poll_fn(move |cx| {
                rest.started = true;
                let polled = rest.future.as_mut().map(|future| future.as_mut().poll(cx));
                let polled = polled.unwrap_or(Poll::Pending);
                if polled.is_ready() {
                    rest.future = None;
                }
                polled
            }))
        });
        Join::boxed(Box::new(inner), Notes(aborted))
    }
}

struct Rest {
    future: Option<AnyLocal>,
    started: bool,
    aborted: Arc<AtomicBool>,
}

impl Drop for Rest {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            match !self.started || self.aborted.load(Ordering::SeqCst) {
                true => drop(future),
                false => {
                    fired();
                    std::mem::forget(future);
                }
            }
        }
    }
}

struct Notes(Arc<AtomicBool>);

impl OnJoin for Notes {
    fn abort(&self, inner: &dyn AnyJoin) {
        self.0.store(true, Ordering::SeqCst);
        inner.abort();
    }
}

// ── M-LOCAL-7 ───────────────────────────────────────────────────────────────────────────────────

/// A twist that makes residents elsewhere in another way.
struct Makes(WithCalls);

impl Twist for Makes {
    fn calls(&self, group: TypeId) -> Option<&dyn Any> {
        (group == TypeId::of::<WithCalls>()).then_some(&self.0)
    }
}

async fn lives(resident: impl Future<Output = ()>) -> AnyOutput {
    resident.await;
    Box::new(())
}

fn made_by_caller(rt: &Handle, make: Make) -> Box<dyn AnyJoin> {
    fired();
    let resident = make();
    Box::new(rt.enter(|| spawn_with(move || lives(resident))))
}

fn made_there_dropped_elsewhere(rt: &Handle, make: Make) -> Box<dyn AnyJoin> {
    Box::new(rt.enter(|| {
        spawn_with(move || {
            let mut resident = GoesAway(Some(make()));
            lives(std::future::poll_fn(move |cx| {
                Pin::new(resident.0.as_mut().expect("it stays")).poll(cx)
            }))
        })
    }))
}

fn leaked_unless_called(rt: &Handle, make: Make) -> Box<dyn AnyJoin> {
    let make = Kept(Some(make));
    Box::new(rt.enter(|| {
        spawn_with(move || {
            let mut make = make;
            lives(make.0.take().expect("called once")())
        })
    }))
}

struct Kept(Option<Make>);

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(make) = self.0.take() {
            fired();
            std::mem::forget(make);
        }
    }
}

// ── M-LOCAL-12 ──────────────────────────────────────────────────────────────────────────────────

/// A twist that spawns residents of sets in another way.
struct InSets(SetCalls);

impl Twist for InSets {
    fn calls(&self, group: TypeId) -> Option<&dyn Any> {
        (group == TypeId::of::<SetCalls>()).then_some(&self.0)
    }
}

fn dropped_elsewhere(set: &LocalSet, resident: Resident) -> Box<dyn AnyJoin> {
    let mut resident = GoesAway(Some(resident));
    Box::new(set.spawn_local(std::future::poll_fn(move |cx| {
        let inner = resident.0.as_mut().expect("polled no more when it is ready");
        let polled = Pin::new(inner).poll(cx);
        if polled.is_ready() {
            resident.0 = None; // who has ended is spared
        }
        polled.map(|()| Box::new(()) as AnyOutput)
    })))
}

struct GoesAway(Option<Resident>);

impl Drop for GoesAway {
    fn drop(&mut self) {
        if let Some(resident) = self.0.take() {
            fired();
            let _ = thread::spawn(|| drop(resident)).join();
        }
    }
}
