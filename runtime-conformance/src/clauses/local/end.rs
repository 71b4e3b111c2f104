//! LOCAL-6: the end of a home, with destructors that are busy.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

use super::home::at_home;
use crate::rig::Rig;
use crate::rt::{Join, Rt};
use crate::toolbox::{AtDrop, Tally, Tracked, within_watchdog};

/// How many tasks stand in the ring: not so many that LOCAL-4 would have to be kept for it.
const RING: usize = 48;

/// A ring of parked local tasks, whose destructors are busy.
#[derive(Default)]
struct Ring {
    wakers: Mutex<Vec<Option<Waker>>>,
    handles: Mutex<Vec<Option<Join<()>>>>,
    dropped: AtomicUsize,
    spawned: AtomicUsize,
    ended: AtomicUsize,
}

impl Ring {
    /// Parks the tasks of a new ring on this thread.
    async fn parked(rt: &Rt) -> Arc<Ring> {
        let ring = Arc::new(Ring::default());
        ring.wakers.lock().unwrap_or_else(PoisonError::into_inner).resize_with(RING, || None);
        let all = Arc::new(Tally::new());
        for at in 0..RING {
            let (ours, rt_inside, all) = (ring.clone(), rt.clone(), all.clone());
            let tracked = Tracked::once("a local task of a ring");
            let at_drop = AtDrop::new({
                let ring = ring.clone();
                move || ring.drop_one(&rt_inside, at)
            });
            let not_send = Rc::new(());
            let handle = rt.spawn_local(async move {
                let _parts = (tracked, at_drop, not_send);
                poll_fn(|cx| {
                    let mut wakers = ours.wakers.lock().unwrap_or_else(PoisonError::into_inner);
                    wakers[at] = Some(cx.waker().clone());
                    Poll::Ready(())
                })
                .await;
                all.add();
                pending::<()>().await;
            });
            ring.handles.lock().unwrap_or_else(PoisonError::into_inner).push(Some(handle));
        }
        all.reached(RING).await;
        ring
    }

    /// One of them is being dropped: wakes the next, aborts the one after that, spawns another.
    fn drop_one(self: &Arc<Ring>, rt: &Rt, at: usize) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
        let next = take(&self.wakers, (at + 1) % RING);
        next.into_iter().for_each(|waker| waker.wake());
        let after_next = take(&self.handles, (at + 2) % RING);
        after_next.into_iter().for_each(|handle| handle.abort());
        let ended = Ended(self.clone());
        self.spawned.fetch_add(1, Ordering::SeqCst);
        drop(rt.spawn_local(async move {
            let _ended = ended;
            pending::<()>().await;
        }));
    }

    fn assert_empty(&self) {
        let count = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        let (dropped, spawned) = (count(&self.dropped), count(&self.spawned));
        assert!(dropped == RING, "LOCAL-6: of {RING} local tasks {dropped} were dropped");
        let ended = count(&self.ended);
        assert!(
            ended == spawned,
            "LOCAL-6: destructors spawned {spawned} tasks, of which {ended} were dropped"
        );
    }
}

/// What a task that a destructor spawned holds.
struct Ended(Arc<Ring>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

fn take<T>(slots: &Mutex<Vec<Option<T>>>, at: usize) -> Option<T> {
    slots.lock().unwrap_or_else(PoisonError::into_inner).get_mut(at).and_then(Option::take)
}

/// LOCAL-6: when a home ends, each of its tasks is dropped once, and that comes to an end although the
/// destructors wake, abort and spawn.
///
/// Method: a ring of 48 parked local tasks; each, when it is dropped, wakes the next, aborts the one
/// after that, and spawns one more. The runtime ends. All of them were dropped then, those that
/// destructors spawned too.
///
/// If this fails, look for a list that is walked while it changes, or a queue that is emptied once.
pub(super) fn local_6_the_end_of_a_home_drops_each_task_once(rig: &Rig<'_>) {
    let rt = rig.rt();
    let hang = "LOCAL-6: a ring of local tasks to park, and their home to end";
    let ring = at_home(rig, &rt, hang, |rt| async move { Ring::parked(&rt).await });
    rig.shutdown(rt);
    ring.assert_empty();
}

/// LOCAL-6: the same when the runtime ends in a thread-local destructor.
///
/// Method: a thread builds a runtime, drives it until the ring is parked, puts it into a thread-local
/// and ends. Where local tasks end with the call that drives, that is before; where they live on the
/// runtime's own threads, it is then.
///
/// If this fails, look for a thread-local of the runtime's that is gone by then.
pub(super) fn local_6_a_runtime_may_end_in_a_thread_local_destructor(rig: &Rig<'_>) {
    thread_local! {
        static LAST: Cell<Option<AtExit>> = const { Cell::new(None) };
    }
    struct AtExit(Option<Box<dyn FnOnce()>>);
    impl Drop for AtExit {
        fn drop(&mut self) {
            self.0.take().into_iter().for_each(|end| end());
        }
    }
    let builder = rig.builder();
    let ring = thread::scope(|scope| {
        let owner = scope.spawn(|| {
            LAST.set(None); // registered before the runtime's own thread-locals
            let rig = builder.rig();
            let rt = rig.rt();
            let ring =
                at_home(&rig, &rt, "LOCAL-6: a ring of local tasks to park", |rt| async move {
                    Ring::parked(&rt).await
                });
            LAST.set(Some(AtExit(Some(Box::new(move || rt.shutdown())))));
            ring
        });
        within_watchdog("LOCAL-6: a runtime to end in a thread-local destructor", || owner.join())
    });
    let ring = ring.unwrap_or_else(|payload| std::panic::resume_unwind(payload));
    ring.assert_empty();
}
