//! LOCAL-8: tasks that need not be `Send`, in a set of the caller's.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use runtime_traits::task::LocalSet;

use super::resident::{Resident, Seen};
use crate::rig::Rig;
use crate::rt::{Join, Rt};
use crate::toolbox::fence::fence;
use crate::toolbox::{AtDrop, Tally};
use crate::twist::{AnyJoin, AnyOutput};

/// How residents are spawned in a set: what a mutant may replace.
#[derive(Clone)]
pub struct SetCalls {
    /// As `LocalSet::spawn_local`.
    pub spawn: fn(&LocalSet, Resident) -> Box<dyn AnyJoin>,
}

impl Default for SetCalls {
    fn default() -> SetCalls {
        SetCalls { spawn: settle }
    }
}

fn settle(set: &LocalSet, resident: Resident) -> Box<dyn AnyJoin> {
    let not_send = Rc::new(());
    Box::new(set.spawn_local(async move {
        let _not_send = not_send;
        resident.await;
        Box::new(()) as AnyOutput
    }))
}

fn spawn(rt: &Rt, set: &LocalSet) -> (Join<()>, Arc<Seen>) {
    let (resident, seen) = Resident::new();
    let calls: SetCalls = rt.calls();
    (Join::twisted((calls.spawn)(set, resident)), seen)
}

/// How many threads wake, and how often each.
const WAKERS: usize = 4;
const WAKES: usize = 200;

/// LOCAL-8: the tasks of a set are polled and dropped on its thread only; wakes from anywhere lead to a
/// poll; and when the set is dropped, each is dropped once.
///
/// Method: the root has a set with three tasks. While it waits inside `run_until`, four threads wake the
/// first over and over, and let it go: it must end. The second is aborted by another thread, and its
/// handle resolves. The third is left, and the set is dropped. All write down where that happens.
///
/// If this fails, look for a wake that is lost when it comes between the last look at the queue and the
/// wait, or for an abort, or a last reference, that drops where it happens to be.
pub(super) fn local_8_tasks_of_a_set_stay_on_its_thread(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive(&rt, "LOCAL-8: a set whose tasks other threads wake", async {
        let set = LocalSet::on(rt.handle().clone());
        let [woken, aborted, left] = [(); 3].map(|()| spawn(&rt, &set));
        let outcomes = set.run_until(async {
            let (join, seen) = woken;
            seen.polls.reached(1).await;
            let waker = seen.take_waker().expect("the first poll left it");
            let threads = wake_from_abroad(&waker, &seen);
            drop(waker);
            let first = join.await;
            threads.into_iter().for_each(|thread| thread.join().expect("LOCAL-8: `wake` panicked"));
            let (join, second) = aborted;
            second.polls.reached(1).await;
            let join = thread::spawn(move || {
                join.abort();
                join
            });
            let join = join.join().expect("LOCAL-8: `abort` panicked");
            (first, seen, join.await, second)
        });
        let (first, seen, second, of_aborted) = outcomes.await;
        assert!(first.is_ok(), "LOCAL-8: a task of a set that was woken resolved {first:?}");
        let is_cancelled = second.as_ref().is_err_and(|error| error.is_cancelled());
        assert!(is_cancelled, "LOCAL-8: a task of a set that was aborted resolved {second:?}");
        drop(set);
        let (join, of_left) = left;
        let third = join.await;
        assert!(third.is_err(), "LOCAL-8: a task whose set was dropped resolved {third:?}");
        for (seen, who) in [
            (seen, "a task that was woken"),
            (of_aborted, "one that was aborted"),
            (of_left, "the rest"),
        ] {
            seen.away.assert_never("polled", "LOCAL-8", who);
            seen.away.assert_never("dropped", "LOCAL-8", who);
            let drops = seen.count.drops();
            assert_eq!(drops, 1, "LOCAL-8: how often {who} of a set that is gone was dropped");
        }
    });
    rig.shutdown(rt);
}

/// Threads that wake a task again and again, the last of them when it may end.
fn wake_from_abroad(waker: &Waker, seen: &Arc<Seen>) -> Vec<thread::JoinHandle<()>> {
    let left = Arc::new(Tally::new());
    let wakes = || {
        let (waker, seen, left) = (waker.clone(), seen.clone(), left.clone());
        thread::spawn(move || {
            for _ in 0..WAKES {
                waker.wake_by_ref();
                thread::yield_now();
            }
            left.add();
            if left.count() == WAKERS {
                seen.let_go();
                waker.wake();
            }
        })
    };
    (0..WAKERS).map(|_| wakes()).collect()
}

thread_local! {
    /// Where this thread is.
    static INSIDE: Cell<Option<&'static str>> = const { Cell::new(None) };
}

const RUN: &str = "run_until";
const DROP: &str = "the set's destructor";

/// LOCAL-8: a set's tasks are polled inside `run_until` and nowhere else, on any runtime; what is left is
/// dropped inside its destructor.
///
/// Method: a task of a set says in each poll whether the thread is inside a poll of `run_until`. It is
/// woken when it is: polled again. It is woken, from another thread, when it is not: after a fence it has
/// not been polled; when the set is run again, it is. In the end it is dropped in the destructor of the
/// set, and says so.
///
/// If this fails, look for tasks that are given to the runtime beneath.
pub(super) fn local_8_tasks_of_a_set_run_inside_it(rig: &Rig<'_>) {
    let rt = rig.rt();
    let dropped = Arc::new(Tally::new());
    let says_dropped = dropped.clone();
    rig.drive(&rt, "LOCAL-8: a set that is run, left, and run again", async {
        let set = LocalSet::on(rt.handle().clone());
        let (polls, waker) = (Arc::new(Tally::new()), Rc::new(Cell::new(None)));
        let (polled, keeps) = (polls.clone(), waker.clone());
        let at_drop = AtDrop::new(move || {
            let place = INSIDE.get();
            assert!(place == Some(DROP), "LOCAL-8: a task of a set was dropped in {place:?}");
            says_dropped.add();
        });
        let task = set.spawn_local(async move {
            let _at_drop = at_drop;
            poll_fn(|cx| {
                let place = INSIDE.get();
                assert!(place == Some(RUN), "LOCAL-8: a task of a set was polled in {place:?}");
                keeps.set(Some(cx.waker().clone()));
                polled.add();
                Poll::<()>::Pending
            })
            .await;
        });
        let wakes = || {
            let waker = waker.take().expect("each poll leaves one");
            thread::spawn(move || waker.wake()).join().expect("LOCAL-8: `wake` panicked");
        };
        inside(RUN, set.run_until(polls.reached(1))).await;
        let again = async {
            wakes();
            polls.reached(2).await;
        };
        inside(RUN, set.run_until(again)).await;
        let before = polls.count();
        wakes();
        fence(rt.handle(), 4).await;
        let more = polls.count() - before;
        assert_eq!(more, 0, "LOCAL-8: polls of a task of a set that nobody runs");
        inside(RUN, set.run_until(polls.reached(before + 1))).await;
        assert_eq!(set.len(), 1, "LOCAL-8: how many tasks a set with one has");
        INSIDE.set(Some(DROP));
        drop(set);
        INSIDE.set(None);
        let gone = task.await;
        assert!(gone.is_err(), "LOCAL-8: a task whose set was dropped resolved {gone:?}");
    });
    assert_eq!(dropped.count(), 1, "LOCAL-8: how often the task of a set was dropped");
    rig.shutdown(rt);
}

/// Notes in each poll of `future` that the thread is inside.
async fn inside<F: Future>(place: &'static str, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx: &mut Context<'_>| {
        let before = INSIDE.replace(Some(place));
        let polled = future.as_mut().poll(cx);
        INSIDE.set(before);
        polled
    })
    .await
}
