//! WAKE-10: wakers at the end of a thread, and after it.

use std::cell::Cell;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::{Poll, Waker};
use std::thread;

use super::late::{Told, use_up};
use crate::rig::{Rig, await_outside};
use crate::rt::Rt;
use crate::toolbox::AtDrop;

thread_local! {
    /// Set before a thread comes near a runtime, and after: whatever the order of their ends, one of
    /// the two outlives what the runtime keeps on the thread.
    static BEFORE: Cell<Option<AtDrop>> = const { Cell::new(None) };
    static AFTER: Cell<Option<AtDrop>> = const { Cell::new(None) };
}

/// Uses wakers of `told` in the thread-local destructors of a thread that has met the runtime before.
fn use_at_exit(rt: &Rt, waker: &Waker, count: &Arc<AtomicUsize>) {
    let at_drop = || {
        let (waker, count) = (waker.clone(), count.clone());
        AtDrop::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            use_up("WAKE-10", "in a thread-local destructor", waker);
        })
    };
    let (before, after) = (at_drop(), at_drop());
    let (rt, waker) = (rt.clone(), waker.clone());
    let thread = thread::spawn(move || {
        BEFORE.set(Some(before));
        waker.wake();
        rt.enter(|| drop(rt.spawn(async {})));
        AFTER.set(Some(after));
    });
    assert!(thread.join().is_ok(), "WAKE-10: using a waker on a plain thread panicked");
}

/// WAKE-10: wakers may be used in thread-local destructors, and that wakes.
///
/// Method: a thread that is about to end uses a waker in two thread-local destructors, one of which was
/// registered before the thread met the runtime, and one after. The task ends at a poll after both. The
/// same with the waker of a root future.
///
/// If this fails, look for a thread-local that the waker asks, and that is gone by then.
pub(super) fn wake_10_wakers_work_in_thread_local_destructors(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive_with(&rt, "WAKE-10: a task that thread-local destructors woke", |rt| {
        let (told, count) = (channel(), Arc::new(AtomicUsize::new(0)));
        let (mut gives, counted) = (Some(told.0), count.clone());
        let task = rt.spawn(poll_fn(move |cx| {
            gives.take().into_iter().for_each(|gives| _ = gives.send(cx.waker().clone()));
            match counted.load(Ordering::SeqCst) {
                2 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        }));
        let waker = told.1.recv().expect("WAKE-10: a task was dropped before its first poll");
        use_at_exit(rt, &waker, &count);
        drop(waker);
        let outcome = await_outside("WAKE-10: a task that thread-local destructors woke", task);
        assert!(outcome.is_ok(), "WAKE-10: a task that was woken resolved {outcome:?}");
    });
    rig.shutdown(rt);
}

/// WAKE-10: wakers may be used when the thread that made them, and their runtime, have ended.
///
/// Method: a thread drives the runtime, its tasks leave their wakers, and so does its root; the thread
/// ends, then the runtime. The wakers are used on this thread, on others, and in thread-local
/// destructors. (Not at the end of the main thread: what is held until then counts as a leak.)
///
/// If this fails, look for a waker that leads back to a thread.
pub(super) fn wake_10_wakers_outlive_their_thread_and_runtime(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (told, future) = Told::new("WAKE-10", false);
    drop(rt.spawn(future));
    let driven = rt.clone();
    let owner = thread::spawn(move || leave_root_waker(&driven));
    let root = owner.join().expect("WAKE-10: driving a runtime on another thread panicked");
    let task = rig.drive(&rt, "WAKE-10: the first poll of a task", first_waker(&told));
    let after: Rt = (*rt).clone();
    rig.shutdown(rt);
    told.over.store(true, Ordering::SeqCst);
    let count = Arc::new(AtomicUsize::new(0));
    for waker in root.iter().chain([&task]) {
        use_up("WAKE-10", "after the end of its runtime", waker.clone());
        use_at_exit(&after, waker, &count);
    }
}

/// Drives a root that is woken once from outside; answers its waker, if the runtime can block.
fn leave_root_waker(rt: &Rt) -> Option<Waker> {
    let mut left = None;
    let root = poll_fn(|cx| match left.replace(cx.waker().clone()) {
        Some(_) => Poll::Ready(()),
        None => {
            let waker = cx.waker().clone();
            drop(thread::spawn(move || waker.wake()));
            Poll::Pending
        }
    });
    let driven = rt.block_on(root);
    driven.is_ok().then_some(left).flatten()
}

/// The waker of a task, as soon as it is there; gives way in between.
async fn first_waker(told: &Told) -> Waker {
    poll_fn(|cx| match told.wakers.try_recv() {
        Ok(waker) => Poll::Ready(waker),
        Err(_) => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}
