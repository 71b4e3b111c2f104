//! CTX-2 and CTX-7: who is current inside what a runtime runs.

use std::future::{Future, pending, poll_fn};
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use runtime_traits::Handle;

use super::name;
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::fence::fence;
use crate::toolbox::{Tally, hand_poll};

/// A future, or anything else, that notes which runtime is current where it is used and dropped.
struct Witness {
    rt: Rt,
    clause: &'static str,
    place: &'static str,
    seen: Arc<Mutex<Vec<String>>>,
    polls_left: usize,
    /// Its latest waker, and a count of polls.
    polled: Arc<Polled>,
}

#[derive(Default)]
struct Polled {
    count: Tally,
    waker: Mutex<Option<Waker>>,
}

impl Polled {
    fn wake(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Witness {
    /// Ready at poll `polls`.
    fn new(rt: &Rt, place: &'static str, polls: usize) -> Witness {
        let seen = Arc::default();
        let (rt, polled) = (rt.clone(), Arc::default());
        Witness { rt, clause: "CTX-2", place, seen, polls_left: polls, polled }
    }

    /// Fails unless its own runtime is current.
    fn look(&self, doing: &str) {
        let here = self.rt.current();
        let (clause, place) = (self.clause, self.place);
        let (is, should) = (name(here.as_ref()), name(Some(self.rt.handle())));
        let right = here.as_ref() == Some(self.rt.handle());
        assert!(right, "{clause}: in {place}, {doing}: {is} is current instead of {should}");
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(doing.to_owned());
    }
}

impl Future for Witness {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.look("a poll");
        *self.polled.waker.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(cx.waker().clone());
        self.polled.count.add();
        self.polls_left = self.polls_left.saturating_sub(1);
        if self.polls_left == 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.polled.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.look("the destructor");
    }
}

/// Fails unless the destructor ran; `polls` is how often it was polled.
fn expect_seen(seen: &Mutex<Vec<String>>, place: &str, polls: usize) {
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let dropped = seen.last().is_some_and(|last| last == "the destructor");
    assert!(dropped, "CTX-2: {place} was not dropped when the runtime had ended: {seen:?}");
    assert!(seen.len() > polls, "CTX-2: {place}: only {seen:?}");
}

/// CTX-2: the owner is current in the root, in every poll of every task, and in every destructor that
/// the runtime runs: of a task that ends, of one that is aborted, and of those that it drops at its
/// end, polled or not.
///
/// Method: probes that compare in each poll and in the destructor. The runtime is ended on a thread
/// where none is current.
///
/// If this fails, look for tasks that are dropped outside the scope in which they are polled: by who
/// aborts, by who shuts down, with a queue.
pub(super) fn ctx_2_the_owner_is_current_in_its_tasks(rig: &Rig<'_>) {
    let rt = rig.rt();
    let ends = Witness::new(&rt, "a task that ends", 2);
    let aborted = Witness::new(&rt, "a task that is aborted", usize::MAX);
    let parked = Witness::new(&rt, "a task that is parked at the end", usize::MAX);
    let unpolled = Witness::new(&rt, "a task that was never polled", 1);
    let seen = [&ends, &aborted].map(|witness| (witness.seen.clone(), witness.place));
    let polled = [&ends, &aborted, &parked].map(|witness| witness.polled.clone());
    let (ends, aborted) = (rt.spawn(ends), rt.spawn(aborted));
    let _kept = rt.spawn(parked);
    let here = Some(rt.handle().clone());
    rig.drive(&rt, "CTX-2: three tasks to be polled", async {
        expect_current(&rt, here.as_ref(), "the root");
        for polled in &polled {
            polled.count.reached(1).await;
        }
        polled[0].wake();
        let ended = ends.await;
        assert!(ended.is_ok(), "CTX-2: a task resolved {ended:?}");
        aborted.abort();
        fence(rt.handle(), rt.handle().info().workers).await; // when it is dropped is CANCEL-1's
        expect_current(&rt, here.as_ref(), "the root after tasks");
    });
    drop(rt.spawn(unpolled)); // with workers it may be polled all the same
    rig.shutdown(rt);
    // The others looked if they were dropped: that they are is SHUTDOWN-1's.
    for ((seen, place), polls) in seen.iter().zip([2, 1]) {
        expect_seen(seen, place, polls);
    }
}

fn expect_current(rt: &Rt, here: Option<&Handle>, place: &str) {
    let current = rt.current();
    let (is, should) = (name(current.as_ref()), name(here));
    assert!(current.as_ref() == here, "CTX-2: in {place} {is} is current instead of {should}");
}

/// CTX-2: the same for a blocking closure.
///
/// Method: the closure holds a probe, looks, and lets it be dropped with itself. One more is
/// dispatched from inside it, which must find the same.
///
/// If this fails, look for threads of a pool that were never told whose they are.
pub(super) fn ctx_2_the_owner_is_current_in_a_blocking_closure(rig: &Rig<'_>) {
    let rt = rig.rt();
    let outer = Witness::new(&rt, "a blocking closure", 1);
    let inner = Witness::new(&rt, "a closure dispatched by a closure", 1);
    let (seen, within) = (outer.seen.clone(), rt.clone());
    let join = rt.spawn_blocking(move || {
        outer.look("a call");
        within.spawn_blocking(move || inner.look("a call"))
    });
    rig.drive(&rt, "CTX-2: two blocking closures", async {
        let inner = join.await;
        let inner = inner.unwrap_or_else(|error| panic!("CTX-2: a closure failed: {error}"));
        let outcome = inner.await;
        assert!(outcome.is_ok(), "CTX-2: a closure that a closure dispatched gave {outcome:?}");
    });
    rig.shutdown(rt);
    expect_seen(&seen, "a blocking closure", 1);
}

/// CTX-2: the same for a local task, where the root's thread, or a task's, is a home for one.
///
/// Method: one that ends and one that is aborted, spawned by a task and by the root; who is no home
/// says so. A third is parked when its thread leaves.
pub(super) fn ctx_2_the_owner_is_current_in_a_local_task(rig: &Rig<'_>) {
    let rt = rig.rt();
    let inside = rt.clone();
    let lives = move |rt: Rt| async move {
        let ends = rt.spawn_local(Witness::new(&rt, "a local task", 1));
        let aborted = rt.spawn_local(Witness::new(&rt, "a local task that is aborted", 2));
        drop(rt.spawn_local(Witness::new(&rt, "a local task that is parked at the end", 2)));
        aborted.abort();
        let _ = aborted.await; // cancelled, or the thread is no home
        ends.await.is_ok()
    };
    let homes = rig.drive(&rt, "CTX-2: local tasks", async {
        let of_root = lives(rt.clone()).await;
        let of_task = rt.spawn(async move {
            // A local future cannot be awaited in a task that may move: by hand, then.
            let mut ends = inside.spawn_local(Witness::new(&inside, "a task's local task", 1));
            poll_fn(|cx| Pin::new(&mut ends).poll(cx)).await.is_ok()
        });
        (of_root, of_task.await)
    });
    rig.shutdown(rt);
    let found = homes.0 || matches!(homes.1, Ok(true));
    assert!(found, "CTX-2: `local` is declared, and no thread is a home for local tasks");
}

/// CTX-2: the same for destructors that run while a panic unwinds a task, or right after.
pub(super) fn ctx_2_the_owner_is_current_while_a_task_unwinds(rig: &Rig<'_>) {
    let rt = rig.rt();
    let local = Witness::new(&rt, "a local variable of a task that panics", 1);
    let captured = Witness::new(&rt, "what a task that panics holds", 1);
    let seen = [local.seen.clone(), captured.seen.clone()];
    let task = rt.spawn(poll_fn(move |_| -> Poll<()> {
        let _captured = &captured;
        let _local = Taken(Some(&local));
        panic_any(5)
    }));
    let outcome = rig.drive(&rt, "CTX-2: a task that panics", task);
    assert!(outcome.is_err(), "CTX-2: a task that panicked resolved {outcome:?}");
    rig.shutdown(rt);
    seen.iter().for_each(|seen| expect_seen(seen, "what a task that panicked held", 0));
}

/// Looks when it is dropped.
struct Taken<'a>(Option<&'a Witness>);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|witness| witness.look("unwinding"));
    }
}

/// How many neighbours the pending scope of CTX-7 has.
const NEIGHBOURS: usize = 32;

/// CTX-7: a scope that is entered inside a poll ends with it, and does not stay while other tasks
/// run.
///
/// Method: that `enter` takes a closure is the compiler's business. What can wait inside a scope is a
/// wrapped future: a task of A holds one of B's that never is ready. After each poll of it A must be
/// current again, and in every other task that runs meanwhile.
///
/// If this fails, look for a wrapper that leaves its scope only when the future inside is ready.
pub(super) fn ctx_7_a_scope_in_a_poll_ends_with_it(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    let mut wrapped = b.wrap(pending());
    let (inside, polled) = (a.clone(), Arc::new(Tally::new()));
    let says = polled.clone();
    let holder = a.spawn(poll_fn(move |cx| {
        let _ = hand_poll(&mut wrapped, cx.waker());
        look(&inside, "a task after it polled a wrapped future");
        says.add();
        Poll::<()>::Pending
    }));
    let neighbour = |_| {
        let inside = a.clone();
        a.spawn(async move { look(&inside, "a task beside one that waits in a scope") })
    };
    rig.drive(&a, "CTX-7: tasks beside one that waits in a scope", async {
        polled.reached(1).await;
        look(&a, "the root beside a task that waits in a scope");
        for neighbour in (0..NEIGHBOURS).map(neighbour) {
            let outcome = neighbour.await;
            assert!(outcome.is_ok(), "CTX-7: a neighbour resolved {outcome:?}");
        }
    });
    drop(holder);
    rig.shutdown(a);
    rig.shutdown(b);
}

fn look(rt: &Rt, place: &str) {
    let current = rt.current();
    let (is, should) = (name(current.as_ref()), name(Some(rt.handle())));
    let right = current.as_ref() == Some(rt.handle());
    assert!(right, "CTX-7: in {place} {is} is current instead of {should}");
}
