//! CTX-11: the values that tasks carry with them.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use runtime_traits::task::TaskLocal;

use crate::clauses::local::at_home;
use crate::rig::{Rig, await_outside};
use crate::rt::{Join, Rt};
use crate::toolbox::{AtDrop, Tally};

/// What tasks inherit here. Known to a mutant, which hands it on in the wrong way.
pub static REQUEST: TaskLocal<u32> = TaskLocal::new();
/// What they do not.
static OWN: TaskLocal<u32> = TaskLocal::own();

/// The value that they inherit.
const MINE: u32 = 7;
/// One that is in scope where they are woken or awaited.
const FOREIGN: u32 = 9;

/// With both in scope.
fn in_scope<R>(body: impl FnOnce() -> R) -> R {
    REQUEST.sync_scope(MINE, || OWN.sync_scope(MINE, body))
}

/// With values of somebody else's in scope.
fn abroad<R>(body: impl FnOnce() -> R) -> R {
    REQUEST.sync_scope(FOREIGN, || OWN.sync_scope(FOREIGN, body))
}

/// Fails unless here is what was inherited, and nothing else.
fn expect_mine(place: &str) {
    expect(Some(MINE), place);
}

fn expect(request: Option<u32>, place: &str) {
    let seen = REQUEST.get();
    assert_eq!(seen, request, "CTX-11: the inherited value in {place}");
    assert_eq!(OWN.get(), None, "CTX-11: a value that is not to be inherited, in {place}");
}

/// CTX-11: a task is polled with the task-locals that were in scope where it was spawned, those that are
/// inherited, and with no others.
///
/// Method: a task is spawned where two values are in scope, one that is inherited and one that is not;
/// another where none is. Both are woken by a thread that has other values in scope, and by one that has
/// none, and are awaited where others are. In each poll they look, and so do a child that is spawned in
/// the last of them, and the destructor.
///
/// If this fails, look for values that are kept by thread, or looked up at the first poll, or handed on
/// by whoever wakes.
pub(super) fn ctx_11_a_task_has_the_locals_it_inherited(rig: &Rig<'_>) {
    let rt = rig.rt();
    let meeting = Arc::new(Meeting::default());
    let plain = Arc::new(Meeting::default());
    let heir = |expected, meeting: &Arc<Meeting>| Heir {
        expected,
        rt: rt.clone(),
        meeting: meeting.clone(),
        polls: 0,
    };
    let task = in_scope(|| rt.spawn(heir(Some(MINE), &meeting)));
    let other = rt.spawn(heir(None, &plain));
    rig.drive_while(&rt, "CTX-11: tasks that look at their values", || {
        for meeting in [&meeting, &plain] {
            for polls in 1..WAKES + 1 {
                await_outside("CTX-11: a poll of a task", meeting.polls.reached(polls));
                let wakes = || meeting.wake();
                let outcome = thread::scope(|scope| match polls % 2 {
                    0 => scope.spawn(wakes).join(),
                    _ => scope.spawn(|| abroad(wakes)).join(),
                });
                outcome.expect("CTX-11: `wake` panicked");
            }
        }
        for task in [task, other] {
            let joined = abroad(|| await_outside("CTX-11: a task that looks", task));
            let child = joined.unwrap_or_else(|error| panic!("CTX-11: a task resolved {error:?}"));
            let child = await_outside("CTX-11: a child of a task that looks", child);
            assert!(child.is_ok(), "CTX-11: the child of a task resolved {child:?}");
        }
    });
    expect(None, "whoever spawned them");
    rig.shutdown(rt);
}

/// How often a task is woken.
const WAKES: usize = 4;

/// Who wakes, and when.
#[derive(Default)]
struct Meeting {
    polls: Tally,
    waker: Mutex<Option<Waker>>,
}

impl Meeting {
    fn wake(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.into_iter().for_each(Waker::wake);
    }
}

/// Looks in each poll and when it is dropped. Its last poll spawns a child that looks too.
struct Heir {
    expected: Option<u32>,
    rt: Rt,
    meeting: Arc<Meeting>,
    polls: usize,
}

impl Future for Heir {
    type Output = Join<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let expected = self.expected;
        expect(expected, "a poll");
        self.polls += 1;
        if self.polls > WAKES {
            let child = self.rt.spawn(async move { expect(expected, "a child") });
            return Poll::Ready(child);
        }
        let waker = Some(cx.waker().clone());
        *self.meeting.waker.lock().unwrap_or_else(PoisonError::into_inner) = waker;
        self.meeting.polls.add();
        Poll::Pending
    }
}

impl Drop for Heir {
    fn drop(&mut self) {
        expect(self.expected, "the destructor of a task that has ended");
    }
}

/// CTX-11: a task that never ends is dropped with the task-locals that it inherited.
///
/// Method: three tasks are spawned where values are in scope. One is aborted, where others are in scope;
/// one is left to the end of the runtime, which is called where others are; one was not even polled.
/// Their destructors look.
///
/// If this fails, look for futures that are dropped outside of what surrounds their polls.
pub(super) fn ctx_11_a_task_is_dropped_with_its_locals(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (begun, dropped) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
    let endless = |place: &'static str| {
        let (begun, dropped) = (begun.clone(), dropped.clone());
        let looks = AtDrop::new(move || {
            expect_mine(place);
            dropped.add();
        });
        in_scope(|| {
            rt.spawn(async move {
                let _looks = looks;
                begun.add();
                pending::<()>().await;
            })
        })
    };
    let aborted = endless("the destructor of a task that was aborted");
    let left = endless("the destructor of a task at the end of its runtime");
    let aborted = rig.drive_while(&rt, "CTX-11: the end of a task that was aborted", || {
        await_outside("CTX-11: the first poll of two tasks", begun.reached(2));
        let aborted = aborted; // a handle is not shared
        abroad(|| aborted.abort());
        await_outside("CTX-11: the destructor of an aborted task", dropped.reached(1));
        aborted
    });
    let unpolled = endless("the destructor of a task that may not have been polled");
    abroad(|| rig.shutdown(rt));
    await_outside("CTX-11: destructors at the end of a runtime", dropped.reached(3));
    drop((aborted, left, unpolled));
}

/// CTX-11: the same for blocking closures: they run with what they inherited.
pub(super) fn ctx_11_a_closure_inherits(rig: &Rig<'_>) {
    let rt = rig.rt();
    let inner = rt.clone();
    let closure = in_scope(|| {
        rt.spawn_blocking(move || {
            expect_mine("a blocking closure");
            inner.spawn(async { expect_mine("a task that a closure spawned") })
        })
    });
    let plain = rt.spawn_blocking(|| expect(None, "a closure that inherited nothing"));
    let done = rig.drive(&rt, "CTX-11: closures that look at their values", async {
        (closure.await.expect("CTX-11: it panicked").await, plain.await)
    });
    assert!(done.0.is_ok() && done.1.is_ok(), "CTX-11: closures that look resolved {done:?}");
    rig.shutdown(rt);
}

/// CTX-11: the same for local tasks.
pub(super) fn ctx_11_a_local_task_inherits(rig: &Rig<'_>) {
    let rt = rig.rt();
    at_home(rig, &rt, "CTX-11: a local task that looks at its values", |rt| async move {
        let task = in_scope(|| {
            let inner = rt.clone();
            rt.spawn_local(async move {
                expect_mine("a local task");
                let child = inner.spawn_local(async { expect_mine("a child of a local task") });
                assert!(child.await.is_ok(), "CTX-11: the child of a local task failed");
                expect_mine("a local task that waited");
            })
        });
        let done = task.await;
        assert!(done.is_ok(), "CTX-11: a local task resolved {done:?}");
    });
    rig.shutdown(rt);
}
