//! LEAK-1: everything is dropped once, whoever holds whom.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use runtime_traits::time::sleep;

use super::wait_until_released;
use crate::Cap;
use crate::rig::Rig;
use crate::rt::{Join, Rt};
use crate::toolbox::{Gate, Probe, Tally, Tracked, WakerLab, hand_poll, in_waves};

const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

/// A place for what a task shall own and gets only after it was spawned.
type Slot<T> = Arc<Mutex<Option<T>>>;

fn put<T>(slot: &Slot<T>, value: T) {
    let old = slot.lock().unwrap_or_else(PoisonError::into_inner).replace(value);
    drop(old);
}

/// LEAK-1: tasks that keep themselves alive, through their waker, their handle, their runtime, a timer
/// or a socket, are dropped with the runtime, once.
///
/// Method: parked tasks in every such cycle, alone and in pairs, each with a value whose drops are
/// counted, and nobody outside to break it. The check that follows every case finds what was not
/// dropped exactly once.
///
/// If this fails, look for a shutdown that drops the queue and trusts that parked tasks go with their
/// last waker, and for wakers in timers and sources that hold the runtime.
pub(super) fn leak_1_cycles_end_with_the_runtime(rig: &Rig<'_>) {
    let rt = rig.rt();
    let parked = Arc::new(Tally::new());
    let mut tasks = 0;
    let mut parks = || {
        tasks += 1;
        let parked = parked.clone();
        move || parked.add()
    };
    drop(rt.spawn(owns_its_waker(parks())));
    owns_its_handle(&rt, parks());
    own_each_other(&rt, [parks(), parks()]);
    drop(rt.spawn(owns_its_runtime(rt.clone(), rig.has(Cap::Time), parks())));
    if rig.has(Cap::Fd) {
        owns_a_socket(rig, &rt, parks());
    }
    rig.drive(&rt, "LEAK-1: the first poll of tasks that own themselves", parked.reached(tasks));
    rig.shutdown(rt);
}

async fn owns_its_waker(parked: impl FnOnce()) {
    let _tracked = Tracked::once("a task that owns its waker");
    let own = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    parked();
    pending::<()>().await;
    drop(own);
}

fn owns_its_handle(rt: &Rt, parked: impl FnOnce() + Send + 'static) {
    let slot: Slot<Join<()>> = Slot::default();
    let own = slot.clone();
    let task = rt.spawn(async move {
        let _tracked = Tracked::once("a task that owns its handle");
        parked();
        pending::<()>().await;
        drop(own);
    });
    put(&slot, task);
}

/// Each of two tasks awaits the other.
fn own_each_other(rt: &Rt, parked: [impl FnOnce() + Send + 'static; 2]) {
    let slots: [Slot<Join<()>>; 2] = Default::default();
    let [one, two] = parked;
    let awaits = |slot: &Slot<Join<()>>, parked: Box<dyn FnOnce() + Send>| {
        let slot = slot.clone();
        async move {
            let _tracked = Tracked::once("one of two tasks that await each other");
            let mut parked = Some(parked);
            poll_fn(|cx| {
                let mut other = slot.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(join) = &mut *other else {
                    cx.waker().wake_by_ref(); // not there yet
                    return Poll::Pending;
                };
                let polled = pin!(join).poll(cx).map(drop);
                drop(other);
                parked.take().into_iter().for_each(|parked| parked());
                polled
            })
            .await;
        }
    };
    let one = rt.spawn(awaits(&slots[0], Box::new(one)));
    let two = rt.spawn(awaits(&slots[1], Box::new(two)));
    put(&slots[0], two);
    put(&slots[1], one);
}

async fn owns_its_runtime(rt: Rt, timed: bool, parked: impl FnOnce()) {
    let _tracked = Tracked::once("a task that owns its runtime");
    parked();
    match timed {
        true => rt.enter(|| sleep(HOUR)).await,
        false => pending().await,
    }
}

/// A task that waits on a socket which its own waker keeps.
fn owns_a_socket(rig: &Rig<'_>, rt: &Rt, parked: impl FnOnce() + Send + 'static) {
    let listener = rig.setup("a listener", std::net::TcpListener::bind("127.0.0.1:0"));
    let source = runtime_traits::io::Async::new_on(rt.handle(), listener);
    let source = rig.setup("a source", source);
    drop(rt.spawn(async move {
        let _tracked = Tracked::once("a task that owns a socket");
        let mut readable = pin!(source.readable());
        let first = poll_fn(|cx| Poll::Ready(readable.as_mut().poll(cx).is_pending())).await;
        parked();
        if first {
            let _ = readable.await; // nobody connects
        }
        pending::<()>().await;
    }));
}

/// How many tasks there are of each kind that needs many.
const MANY: usize = 1_000;

/// LEAK-1: what is given up, or dropped after its runtime, is released as well.
///
/// Method: handles of aborted tasks that were awaited, wakers that were cloned and dropped unused, the
/// last waker of a task dropped right after a wake, timers and wakers that outlive the runtime, outputs
/// that nobody took, closures. At the end the wakers that were given out are counted; what else has to
/// be dropped once is counted after the case.
///
/// If this fails, look for a reference that a wake should have used up, and for an abort that leaves
/// the joiner's waker in the task.
pub(super) fn leak_1_what_outlives_the_runtime_is_released(rig: &Rig<'_>) {
    let rt = rig.rt();
    let lab = WakerLab::new();
    let mut kept = Vec::new();
    let (probe, record) = Probe::new(usize::MAX);
    drop(rt.spawn(probe));
    rig.drive(&rt, "LEAK-1: tasks that are aborted, woken, and left alone", async {
        abort_awaited(&rt, &lab).await;
        unused_wakers(&rt).await;
        woken_and_dropped(&rt).await;
        unclaimed(rig, &rt).await;
        record.polls().reached(1).await;
        kept.extend(record.waker());
    });
    let mut timer = rig.has(Cap::Time).then(|| rt.enter(|| sleep(HOUR)));
    if let Some(timer) = &mut timer {
        let first = pin!(timer).poll(&mut Context::from_waker(&lab.waker()));
        assert!(first.is_pending(), "LEAK-1: an hour passed at once");
    }
    rig.shutdown(rt);
    kept.iter().for_each(Waker::wake_by_ref);
    drop(kept);
    drop(timer);
    wait_until_released(&lab, "LEAK-1: the release of every waker that was given out");
}

/// Aborts tasks whose handles were polled, and drops these, or polls them again.
async fn abort_awaited(rt: &Rt, lab: &WakerLab) {
    for round in 0..MANY / 10 {
        let (probe, record) = Probe::new(usize::MAX);
        let mut task = rt.spawn(probe);
        record.polls().reached(1).await;
        let first = hand_poll(&mut task, &lab.waker());
        assert!(first.is_pending(), "LEAK-1: a parked task was finished");
        task.abort();
        record.waker().into_iter().for_each(Waker::wake);
        if round % 2 == 0 {
            record.drops().reached(1).await;
            let _ = hand_poll(&mut task, &lab.waker());
        }
    }
}

/// Tasks whose waker is cloned and dropped without a wake.
async fn unused_wakers(rt: &Rt) {
    let uses_none = |_| async {
        let _tracked = Tracked::once("a task whose wakers were not used");
        let clones = poll_fn(|cx| Poll::Ready([cx.waker().clone(), cx.waker().clone()])).await;
        drop(clones);
    };
    drop(in_waves(rt, (0..MANY).map(uses_none)).await);
}

/// Tasks whose only waker is dropped right after it woke, with a handle and without. (When they end, if
/// it was during their poll, is WAKE-2's business.)
async fn woken_and_dropped(rt: &Rt) {
    for round in 0..MANY / 10 {
        let (probe, record) = Probe::new(2);
        let task = rt.spawn(probe);
        let handle = (round % 2 == 0).then_some(task);
        record.polls().reached(1).await;
        if let Some(waker) = record.waker() {
            record.forget_waker();
            waker.wake_by_ref();
            drop(waker);
        }
        drop(handle);
    }
}

/// Outputs that nobody takes, and closures that run or wait.
async fn unclaimed(rig: &Rig<'_>, rt: &Rt) {
    let finished = rt.spawn(async { Tracked::once("an output that nobody took") });
    while !finished.is_finished() {
        crate::toolbox::fence::GiveWay::default().await;
    }
    drop(finished);
    drop(rt.spawn(async { Tracked::once("an output without a handle") }));
    if rig.has(Cap::Blk) {
        let gate = Arc::new(Gate::new("LEAK-1: the root, to open a gate"));
        let (tracked, inside) = (Tracked::once("what a closure owns"), gate.clone());
        let closure = rt.spawn_blocking(move || {
            inside.wait();
            drop(tracked);
            Tracked::once("what a closure answers")
        });
        gate.open();
        let _ = closure.await;
        let finished = rt.spawn_blocking(|| Tracked::once("an answer that nobody took"));
        while !finished.is_finished() {
            crate::toolbox::fence::GiveWay::default().await;
        }
        drop(finished);
    }
}
