//! WAKE-8: what may happen inside a call of `wake`.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::rig::{Rig, await_outside};
use crate::rt::Rt;
use crate::toolbox::{AtDrop, Tally, in_waves, within_watchdog};

thread_local! {
    /// Inside how many calls of `wake` this thread is.
    static WAKING: Cell<usize> = const { Cell::new(0) };
}

/// Marks this thread while `wake` is being called.
fn watched(wake: impl FnOnce()) {
    WAKING.set(WAKING.get() + 1);
    wake();
    WAKING.set(WAKING.get() - 1);
}

fn assert_not_waking(what: &str) {
    assert!(WAKING.get() == 0, "WAKE-8: a task was {what} inside the call of `wake` that woke it");
}

/// Does not like to be dropped inside `wake`.
struct NotInWake;

impl Drop for NotInWake {
    fn drop(&mut self) {
        assert_not_waking("dropped");
    }
}

/// Polls `future`, not inside `wake`.
fn not_in_wake<F: Future<Output = ()> + Send>(future: F) -> impl Future<Output = ()> + Send {
    let mut future = Box::pin(future);
    let drops = NotInWake;
    poll_fn(move |cx| {
        let _drops = &drops;
        assert_not_waking("polled");
        future.as_mut().poll(cx)
    })
}

/// WAKE-8: `wake` returns without having polled or dropped a task on the caller's stack.
///
/// Method: the thread that wakes marks itself for the time of the call, and the woken task looks for
/// the mark where it is polled and where it is dropped. Woken are a task that goes on, one that then
/// ends, one that was aborted; the last waker of a detached one is used up; and all of it again from
/// another task.
///
/// If this fails, look for a wake that runs what it finds ready. Who wakes may hold the very lock that
/// the poll takes.
pub(super) fn wake_8_nothing_runs_inside_wake(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive_with(&rt, "WAKE-8: a task that was woken", |rt| {
        for from_a_task in [false, true] {
            let (gives, wakers) = channel::<Waker>();
            let (polled, gives) = (Arc::new(Tally::new()), Mutex::new(Some(gives)));
            let says = polled.clone();
            let task = rt.spawn(not_in_wake(poll_fn(move |cx| {
                let gives = gives.lock().unwrap_or_else(PoisonError::into_inner).take();
                gives.into_iter().for_each(|gives| _ = gives.send(cx.waker().clone()));
                says.add();
                if says.count() >= 3 { Poll::Ready(()) } else { Poll::Pending }
            })));
            let waker = wakers.recv().expect("WAKE-8: a task was dropped before its first poll");
            for goal in 2..=3 {
                // Again and again: whether the first one arrives is WAKE-2's business.
                while polled.count() < goal {
                    let waker = waker.clone();
                    let wake = move || watched(|| waker.wake());
                    match from_a_task {
                        true => drop(rt.handle().spawn(async move { wake() })),
                        false => wake(),
                    }
                    thread::sleep(Duration::from_micros(200));
                }
            }
            let outcome = await_outside("WAKE-8: the handle of a task that was woken", task);
            assert!(outcome.is_ok(), "WAKE-8: a task that was woken resolved {outcome:?}");
            drop(waker);
        }
        woken_to_be_dropped(rt);
    });
    rig.shutdown(rt);
}

/// Wakes a task that was aborted, and uses up the last waker of one that nobody else knows.
fn woken_to_be_dropped(rt: &Rt) {
    let parked = || {
        let (gives, wakers) = channel::<Waker>();
        let (dropped, mut gives) = (Arc::new(Tally::new()), Some(gives));
        let at_drop = AtDrop::new({
            let dropped = dropped.clone();
            move || dropped.add()
        });
        let task = rt.spawn(not_in_wake(poll_fn(move |cx| {
            let _at_drop = &at_drop;
            gives.take().into_iter().for_each(|gives| _ = gives.send(cx.waker().clone()));
            Poll::Pending
        })));
        let waker = wakers.recv().expect("WAKE-8: a task was dropped before its first poll");
        (task, waker, dropped)
    };
    let (task, waker, dropped) = parked();
    task.abort();
    watched(|| waker.wake());
    await_outside("WAKE-8: a task that was aborted and woken to be dropped", dropped.reached(1));
    let (task, waker, _) = parked();
    drop(task);
    watched(|| waker.wake()); // whether it is dropped now or at the end is the runtime's decision
}

/// Wakes another task when it is dropped.
struct WakesAtDrop(Option<Waker>);

impl Drop for WakesAtDrop {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|waker| watched(|| waker.wake()));
    }
}

/// How many tasks wake each other, one after the other.
const CHAIN: usize = 1_000;
/// How many tasks wake another when they are dropped.
const DROPPED: usize = 2_000;

/// WAKE-8: the depth of chains of wakes is bounded.
///
/// Method: a thousand tasks, each of which wakes the next when it is polled: no poll may begin inside
/// another. Then two thousand parked tasks, each of which holds the only waker of another, and uses it
/// when it is dropped: the runtime ends, and drops them. No drop may begin inside such a wake, and on
/// one stack they would fill it.
///
/// If this fails, look for a wake that runs, or a last reference that drops, what it leads to.
pub(super) fn wake_8_chains_of_wakes_need_no_stack(rig: &Rig<'_>) {
    let rt = rig.rt();
    let first = Arc::new(Tally::new());
    let (mut before, ended) = (first.clone(), Arc::new(Tally::new()));
    let chain = (0..CHAIN).map(|_| {
        let (waits_for, next) = (before.clone(), Arc::new(Tally::new()));
        before = next.clone();
        let ended = ended.clone();
        not_in_wake(async move {
            waits_for.reached(1).await;
            watched(|| next.add());
            ended.add();
        })
    });
    rig.drive(&rt, "WAKE-8: the last of 1000 tasks that wake each other", async {
        let _tasks = in_waves(&rt, chain).await;
        first.add();
        ended.reached(CHAIN).await;
    });
    let (all, slot) = (Arc::new(Tally::new()), Arc::<Mutex<Option<Waker>>>::default());
    let links = (0..DROPPED).map(|_| {
        let (all, slot) = (all.clone(), slot.clone());
        let (mut next, mut first) = (WakesAtDrop(None), true);
        not_in_wake(poll_fn(move |cx| {
            if std::mem::take(&mut first) {
                let mine = cx.waker().clone();
                next.0 = slot.lock().unwrap_or_else(PoisonError::into_inner).replace(mine);
                all.add();
            }
            let _next = &next;
            Poll::<()>::Pending
        }))
    });
    rig.drive(&rt, "WAKE-8: the first poll of 2000 tasks", async {
        let tasks = in_waves(&rt, links).await;
        all.reached(DROPPED).await;
        drop(tasks);
    });
    drop(slot);
    within_watchdog("WAKE-8: the end of a runtime with a long chain of wakers", || {
        rig.shutdown(rt);
    });
}
