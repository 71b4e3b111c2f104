//! Mutants of the group WAKE.

mod end;
mod inline;

use std::cell::RefCell;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};

use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_conformance_waker::{Behaviour, waker};
use runtime_traits::{Handle, JoinError};

use super::Impossible;
use crate::erased::{Join, OnJoin, OnPoll, poll, wrapped};
use crate::mutant::{Detection, Mutant, Over};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist(
        "M-WAKE-1",
        "Wakes from other threads that come while the task is being polled are discarded.",
        || Arc::new(DropsWakes(Which::Foreign)),
    )
    .breaks(&["WAKE-2"])
    // A burst of wakes during a poll; an event of a socket's, or another task, that comes just then.
    // Whoever waits may wait for such a wake.
    .tolerates(&[
        "TASK-4",
        "TASK-8",
        "LOCAL-3",
        "WAKE-3",
        "WAKE-6",
        "CTX-11",
        "REACTOR-10",
        "TCP-5",
        "TCP-7",
        "UDP-3",
        "UDP-4",
        "UDP-5",
        "UNIX-1",
        "UNIX-3",
        "IO-10",
        "IO-11",
        "IO-12",
        "FS-5",
        "PROC-4",
        "SIGNAL-1",
        "FAIR-5",
    ])
    .detected(Detection::Hangs),
    // The next wake, however late, ends the sleep: nothing is in the way of it.
    Mutant::switch(
        "M-WAKE-3",
        "A wake that comes between the search for work and the sleep is lost unless another follows.",
        "skips-last-look",
    )
    .breaks(&["WAKE-3"])
    // Each has a last wake from outside, and may be the one that loses it.
    .tolerates(&[
        "BLOCKON-3",
        "CANCEL-9",
        "LOCAL-3",
        "WAKE-2",
        "WAKE-4",
        "WAKE-6",
        "WAKE-8",
        "WAKE-10",
    ])
    .detected(Detection::Prob)
    .over(Over::CURRENT),
    Mutant::twist(
        "M-WAKE-4",
        "The joiner's waker is cloned, dropped and woken while the runtime's lock is held.",
        || Arc::new(OneLock::default()),
    )
    .breaks(&["WAKE-7"])
    .detected(Detection::Hangs),
    Mutant::twist("M-WAKE-6", "A waker that is used after the end of its runtime panics.", || {
        Arc::new(end::Ends::new(end::Fault::Panics))
    })
    .breaks(&["WAKE-5", "WAKE-10"])
    .tolerates(&["SHUTDOWN-1", "SHUTDOWN-2", "TASK-4", "LEAK-1"]), // all wake after the end, too
    Mutant::twist(
        "M-WAKE-10",
        "Wakes by value that a task gives itself during its own poll are discarded.",
        || Arc::new(DropsWakes(Which::OwnByValue)),
    )
    .breaks(&["WAKE-1"])
    .detected(Detection::Hangs),
    Mutant::twist("M-WAKE-11", "A waker that is used when its task was ready panics.", || {
        Arc::new(PanicsWhenReady)
    })
    .breaks(&["WAKE-4"])
    .tolerates(&["TASK-4", "WAKE-10", "SHUTDOWN-1"]), // all wake what may have ended
    Mutant::twist("M-WAKE-12", "All tasks have one waker, which wakes them all.", || {
        Arc::new(Broadcasts::default())
    })
    .breaks(&["WAKE-9"])
    .tolerates(&["TASK-8"]),
    Mutant::twist("M-WAKE-12b", "No waker is the same as its clone.", || Arc::new(Changes))
        .breaks(&["WAKE-9"]),
    Mutant::twist("M-WAKE-13", "`wake` polls a parked task at once, inside the call.", || {
        Arc::new(inline::PollsInline)
    })
    .breaks(&["WAKE-8"])
    // An abort comes between that poll and the runtime's; a poll that blocks keeps who woke; and who
    // wakes is not at the home of local tasks, and has other values.
    .tolerates(&["CANCEL-3", "CTX-11", "FAIR-5", "LOCAL-4"]),
    Mutant::twist("M-WAKE-14", "`wake` needs a thread-local, and panics when it is gone.", || {
        Arc::new(NeedsThreadLocal)
    })
    .breaks(&["WAKE-10"])
    .detected(Detection::Crashes),
    Mutant::twist(
        "M-WAKE-16",
        "A task whose waker somebody still holds at the end of the runtime is never freed.",
        || Arc::new(end::Ends::new(end::Fault::Leaks)),
    )
    .breaks(&["WAKE-5"])
    .tolerates(&["LEAK-1", "LEAK-3", "SHUTDOWN-1", "CTX-2"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[(
    "WAKE-6",
    "on x86 every move of a task's state is a full barrier, so no order can be taken away that a test \
     from outside would notice; taken away in the model, `two_wakers_race_with_a_run` in \
     runtime-hooks/tests/loom.rs fails",
)];

/// A waker between a task and who polls it.
struct Between<T> {
    to: Waker,
    with: T,
}

// ── M-WAKE-1, M-WAKE-10 ─────────────────────────────────────────────────────────────────────────

/// Which wakes are discarded during a poll.
#[derive(Clone, Copy, PartialEq)]
enum Which {
    Foreign,
    /// By value only: nearly everything that gives way wakes itself by reference.
    OwnByValue,
}

struct DropsWakes(Which);

impl Twist for DropsWakes {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Deaf { which: self.0, filter: None })))
    }
}

/// Polls with a waker that is deaf during the poll.
struct Deaf {
    which: Which,
    filter: Option<Arc<Between<Polled>>>,
}

struct Polled {
    which: Which,
    by: Mutex<Option<ThreadId>>,
}

impl Polled {
    fn is_by(&self, thread: Option<ThreadId>) {
        *self.by.lock().unwrap_or_else(PoisonError::into_inner) = thread;
    }

    fn hears(&self, by_value: bool) -> bool {
        let by = *self.by.lock().unwrap_or_else(PoisonError::into_inner);
        by.is_none_or(|by| match (by == thread::current().id(), self.which) {
            (own, Which::Foreign) => own,
            (own, Which::OwnByValue) => !(own && by_value),
        })
    }
}

impl Between<Polled> {
    fn filter(&self, by_value: bool) {
        match self.with.hears(by_value) {
            true => self.to.wake_by_ref(),
            false => fired(),
        }
    }
}

impl Wake for Between<Polled> {
    fn wake(self: Arc<Self>) {
        self.filter(true);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.filter(false);
    }
}

impl OnPoll for Deaf {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let with = || Polled { which: self.which, by: Mutex::new(None) };
        let new = || Arc::new(Between { to: cx.waker().clone(), with: with() });
        let filter = self.filter.get_or_insert_with(new).clone();
        filter.with.is_by(Some(thread::current().id()));
        let polled = poll(future, &mut Context::from_waker(&filter.clone().into()));
        filter.with.is_by(None);
        polled
    }
}

// ── M-WAKE-4 ────────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct OneLock(Arc<Mutex<()>>);

impl Twist for OneLock {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let lock = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = rt.spawn(future);
        drop(lock);
        Join::boxed(Box::new(inner), UnderLock(self.0.clone()))
    }
}

struct UnderLock(Arc<Mutex<()>>);

impl OnJoin for UnderLock {
    fn poll_join(
        &mut self,
        inner: &mut dyn AnyJoin,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AnyOutput, JoinError>> {
        fired();
        let _lock = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.poll_join(cx)
    }
}

// ── M-WAKE-11 ───────────────────────────────────────────────────────────────────────────────────

struct PanicsWhenReady;

impl Twist for PanicsWhenReady {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, SaysReady(None))))
    }
}

/// The latest waker: whether the task was ready is told to it.
struct SaysReady(Option<Arc<Between<Mutex<bool>>>>);

impl Wake for Between<Mutex<bool>> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let ready = *self.with.lock().unwrap_or_else(PoisonError::into_inner);
        if ready {
            fired();
            panic!("woken after it was ready");
        }
        self.to.wake_by_ref();
    }
}

impl OnPoll for SaysReady {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let new = || Arc::new(Between { to: cx.waker().clone(), with: Mutex::new(false) });
        let waker = self.0.get_or_insert_with(new).clone();
        let polled = poll(future, &mut Context::from_waker(&waker.clone().into()));
        if polled.is_ready() {
            *waker.with.lock().unwrap_or_else(PoisonError::into_inner) = true;
        }
        polled
    }
}

// ── M-WAKE-12 ───────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct Broadcasts(Arc<Everybody>);

#[derive(Default)]
struct Everybody(Mutex<Vec<(usize, Waker)>>);

impl Twist for Broadcasts {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Box::new(rt.spawn(wrapped(future, OneOf { all: self.0.clone(), number })))
    }
}

struct OneOf {
    all: Arc<Everybody>,
    number: usize,
}

impl Everybody {
    fn put(&self, number: usize, waker: Option<Waker>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(|(other, _)| *other == number);
        let old = match (at, waker) {
            (Some(_), Some(_)) => None, // a task of ours has one waker for its whole life
            (None, Some(waker)) => {
                all.push((number, waker));
                None
            }
            (Some(at), None) => Some(all.swap_remove(at)),
            (None, None) => None,
        };
        drop(all);
        drop(old);
    }
}

impl Wake for Everybody {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        fired();
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<Waker> = all.iter().map(|(_, waker)| waker.clone()).collect();
        all.into_iter().for_each(Waker::wake);
    }
}

impl OnPoll for OneOf {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        self.all.put(self.number, Some(cx.waker().clone()));
        poll(future, &mut Context::from_waker(&self.all.clone().into()))
    }

    fn on_drop(&mut self, _: &mut Option<AnyFuture>) {
        self.all.put(self.number, None);
    }
}

// ── M-WAKE-12b ──────────────────────────────────────────────────────────────────────────────────

struct Changes;

/// Wakes the same, from another place.
struct Elsewhere(Waker);

impl Behaviour for Elsewhere {
    fn cloned(self: Arc<Self>) -> Arc<Self> {
        fired();
        Arc::new(Elsewhere(self.0.clone()))
    }

    fn on_wake(&self) {
        self.0.wake_by_ref();
    }
}

struct Changing;

impl OnPoll for Changing {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let waker = waker(Arc::new(Elsewhere(cx.waker().clone())));
        poll(future, &mut Context::from_waker(&waker))
    }
}

impl Twist for Changes {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(wrapped(future, Changing)))
    }
}

// ── M-WAKE-14 ───────────────────────────────────────────────────────────────────────────────────

thread_local! {
    /// What every wake of this thread passes through. It has a destructor.
    static WOKEN: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

struct NeedsThreadLocal;

impl Twist for NeedsThreadLocal {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let mut future = future;
        let mut waker: Option<Arc<Between<()>>> = None;
        Box::new(rt.spawn(std::future::poll_fn(move |cx| {
            let new = || Arc::new(Between { to: cx.waker().clone(), with: () });
            let waker = waker.get_or_insert_with(new).clone();
            Future::poll(future.as_mut(), &mut Context::from_waker(&waker.into()))
        })))
    }
}

impl Wake for Between<()> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if WOKEN.try_with(|_| ()).is_err() {
            fired();
        }
        WOKEN.with(|woken| {
            woken.borrow_mut().push(self.to.clone());
            let woken = std::mem::take(&mut *woken.borrow_mut());
            woken.into_iter().for_each(Waker::wake);
        });
    }
}
