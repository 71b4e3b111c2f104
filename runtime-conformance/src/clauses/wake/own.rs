//! WAKE-1: wakes that a future gives itself during its poll.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use runtime_traits::task::yield_now;

use crate::clauses::local::at_home;
use crate::rig::Rig;
use crate::toolbox::{Tally, foreign};

/// How often each future wakes itself.
const TIMES: usize = 1_000;

/// Wakes itself so many times, in three ways in turn.
fn wakes_itself() -> impl Future<Output = ()> + Send {
    let mut times = 0;
    poll_fn(move |cx| {
        if times == TIMES {
            return Poll::Ready(());
        }
        times += 1;
        match times % 3 {
            0 => cx.waker().wake_by_ref(),
            1 => {
                let waker = cx.waker().clone();
                waker.wake();
            }
            _ => (0..3).for_each(|_| cx.waker().wake_by_ref()),
        }
        Poll::Pending
    })
}

/// WAKE-1: a wake that a task gives itself during its poll leads to another poll.
///
/// Method: a task wakes itself a thousand times: by reference, by value, thrice. If one is lost, nobody
/// else wakes it.
///
/// If this fails, look for a mark that is cleared when the poll returns.
pub(super) fn wake_1_a_task_that_wakes_itself_goes_on(rig: &Rig<'_>) {
    let rt = rig.rt();
    let task = rt.spawn(wakes_itself());
    let outcome = rig.drive(&rt, "WAKE-1: a task that wakes itself 1000 times", task);
    assert!(outcome.is_ok(), "WAKE-1: a task that wakes itself resolved {outcome:?}");
    rig.shutdown(rt);
}

/// WAKE-1: the same for the root future.
///
/// Method: as above, in `block_on`, with nothing else to do.
///
/// If this fails, look for a sleep that asks the queue and not the root.
pub(super) fn wake_1_a_root_that_wakes_itself_goes_on(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive(&rt, "WAKE-1: a root future that wakes itself 1000 times", wakes_itself());
    rig.shutdown(rt);
}

/// WAKE-1: the same for a local task.
///
/// Method: as above.
///
/// If this fails, look for a queue of local jobs that is not looked at before the sleep.
pub(super) fn wake_1_a_local_task_that_wakes_itself_goes_on(rig: &Rig<'_>) {
    let rt = rig.rt();
    at_home(rig, &rt, "WAKE-1: a local task that wakes itself 1000 times", |rt| async move {
        let counted = Rc::new(Cell::new(false));
        let says = counted.clone();
        let outcome = rt.spawn_local(async move {
            wakes_itself().await;
            says.set(true);
        });
        let outcome = outcome.await;
        assert!(outcome.is_ok() && counted.get(), "WAKE-1: a local task resolved {outcome:?}");
    });
    rig.shutdown(rt);
}

/// WAKE-1: the same inside another executor that blocks a thread of the runtime's, and for the
/// interface's own way of giving way.
///
/// Method: a task blocks its thread on a future, with an executor that knows no runtime: nothing of
/// the runtime's runs on that thread meanwhile, so a wake that was put off until then is never given.
/// Then the same in the root, and in tasks one after the other.
///
/// If this fails, look for wakes that are collected until the worker gets round to them.
pub(super) fn wake_1_giving_way_works_in_a_foreign_executor(rig: &Rig<'_>) {
    let rt = rig.rt();
    let give_way = || async {
        for _ in 0..50 {
            yield_now().await;
        }
    };
    let done = Arc::new(Tally::new());
    for _ in 0..3 {
        let done = done.clone();
        drop(rt.spawn(async move {
            foreign::block_on(give_way());
            foreign::block_on(wakes_itself());
            done.add();
        }));
    }
    let hang = "WAKE-1: giving way in a foreign executor on a thread of the runtime's";
    rig.drive(&rt, hang, async {
        foreign::block_on(give_way());
        give_way().await;
        done.reached(3).await;
    });
    rig.shutdown(rt);
}
