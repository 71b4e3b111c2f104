//! JOIN-3, JOIN-4, JOIN-5, JOIN-7: who waits for a task, and how.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use std::thread;

use runtime_traits::JoinError;

use crate::Cap;
use crate::rig::{Rig, await_outside};
use crate::rt::{Join, Rt};
use crate::toolbox::fence::GiveWay;
use crate::toolbox::{Flag, Stress, Tally, WakerLab, hand_poll, within_watchdog};

/// JOIN-3: completion wakes the waker of the most recent poll; superseded wakers are released no later
/// than completion.
///
/// Method: a handle is polled by hand with one waker, then with another, then with a third. The task
/// ends, and the test waits for the wake of the third; it takes the outcome, and waits until nobody
/// holds any of the three. So the only red verdicts are hangs.
///
/// If this fails, look for a slot that keeps its first waker, or compares wakers that are not equal.
pub(super) fn join_3_the_latest_waker_is_woken_and_all_are_released(rig: &Rig<'_>) {
    let rt = rig.rt();
    let labs = [WakerLab::new(), WakerLab::new(), WakerLab::new()];
    let go = Arc::new(Tally::new());
    let wait = go.clone();
    let mut task = rt.spawn(async move { wait.reached(1).await });
    rig.drive(&rt, "JOIN-3: the latest waker to be woken when the task ends", async {
        for lab in &labs {
            let pending = hand_poll(&mut task, &lab.waker()).is_pending();
            assert!(pending, "JOIN-3: a task that waits is said to be finished");
        }
        go.add();
        while labs[2].wakes() == 0 {
            GiveWay::default().await;
        }
    });
    let ended = hand_poll(&mut task, Waker::noop());
    assert!(ended.is_ready(), "JOIN-3: a task that woke who waits for it is not ready");
    rig.drive(&rt, "JOIN-3: the wakers to be released", async {
        // Whoever woke may still have it in hand.
        while labs.iter().any(|lab| lab.alive() > 0) {
            GiveWay::default().await;
        }
    });
    drop(task);
    rig.shutdown(rt);
}

/// How many tasks are watched in a full run.
const WATCHED: usize = 1_000;

/// JOIN-4: `is_finished` is monotone, and once it is true the next poll of the handle is ready.
///
/// Method: a thread asks again and again; at the first *yes* it polls with a waker that does nothing
/// and must get the outcome. Witness: it was told *no* before, so it looked in time.
///
/// If this fails, look for a flag that is set before the outcome is stored.
pub(super) fn join_4_what_is_finished_is_ready(rig: &Rig<'_>) {
    let rt = rig.rt();
    let inside = rt.clone();
    let mut stress = Stress::new(rig.random(), rig.rounds(WATCHED));
    let mut looked_early = 0;
    rig.drive_while(&rt, "JOIN-4: tasks that are watched", || {
        while stress.again() {
            let polls = 1 + stress.random().below(4);
            let mut task = inside.spawn(async move {
                for _ in 0..polls {
                    GiveWay::default().await;
                }
                polls
            });
            let mut early = false;
            while !task.is_finished() {
                early = true;
                std::hint::spin_loop();
            }
            looked_early += u64::from(early);
            assert!(task.is_finished(), "JOIN-4: what was finished is not any more");
            let ended = hand_poll(&mut task, Waker::noop());
            assert!(ended.is_ready(), "JOIN-4: a finished task's handle was pending");
        }
    });
    rig.witness("asked before the end", looked_early, 1);
    rig.shutdown(rt);
}

/// JOIN-5: the handle is executor-agnostic: it can be awaited by a foreign executor, on another
/// runtime, and on another thread.
///
/// Method: three tasks wait. One handle is awaited by an executor of twenty lines on a thread that
/// belongs to no runtime, one inside a second instance, one is polled by hand. The tasks may end only
/// when all three handles were seen pending.
///
/// If this fails, look for a waker that is looked up in a thread-local, or woken through the runtime
/// that is current.
pub(super) fn join_5_the_handle_can_be_awaited_anywhere(rig: &Rig<'_>) {
    let (rt, other) = (rig.rt(), rig.rt());
    let away = other.clone();
    let (go, waiting) = (Arc::new(Flag::default()), Arc::new(Tally::new()));
    let task = |number: usize| {
        let go = go.clone();
        rt.spawn(async move {
            while !go.is_up() {
                GiveWay::default().await;
            }
            number
        })
    };
    let (on_thread, elsewhere, mut by_hand) = (task(0), task(1), task(2));
    let (here, there) = (waiting.clone(), waiting.clone());
    let lab = WakerLab::new();
    rig.drive_while(&rt, "JOIN-5: tasks that are awaited elsewhere", || {
        assert!(hand_poll(&mut by_hand, &lab.waker()).is_pending(), "JOIN-5: it ended too early");
        let foreign = thread::spawn(move || {
            await_outside("JOIN-5: a task that a foreign executor awaits", said(here, on_thread))
        });
        let abroad = thread::spawn(move || inside(&away, said(there, elsewhere)));
        await_outside("JOIN-5: two handles to be polled", waiting.reached(2));
        go.raise();
        let got = foreign.join().expect("an executor of ours panicked");
        assert!(matches!(got, Ok(0)), "JOIN-5: on a foreign executor a task resolved {got:?}");
        let got = abroad.join().expect("JOIN-5: it panicked on another runtime");
        assert!(matches!(got, Ok(1)), "JOIN-5: on another runtime a task resolved {got:?}");
        within_watchdog("JOIN-5: the waker of a handle that was polled by hand", || {
            while lab.wakes() == 0 {
                thread::yield_now();
            }
        });
        let got = hand_poll(&mut by_hand, Waker::noop());
        assert!(matches!(got, Poll::Ready(Ok(2))), "JOIN-5: polled by hand a task gave {got:?}");
    });
    rig.shutdown(other);
    rig.shutdown(rt);
}

/// Adds to `waiting` when `task` was seen pending for the first time.
async fn said(waiting: Arc<Tally>, mut task: Join<usize>) -> Result<usize, JoinError> {
    let mut waiting = Some(waiting);
    poll_fn(|cx| {
        let polled = Pin::new(&mut task).poll(cx);
        waiting.take().iter().for_each(|waiting| waiting.add());
        polled
    })
    .await
}

/// Awaits inside another runtime: in its `block_on` if it has one, else in a task of its.
fn inside<T: Send + 'static>(rt: &Rt, future: impl Future<Output = T> + Send + 'static) -> T {
    if rt.handle().runtime().block_on().is_some() {
        let done = rt.block_on(future);
        return done.unwrap_or_else(|error| panic!("`block_on` failed: {error}"));
    }
    let task = rt.spawn(future);
    await_outside("JOIN-5: a task that awaits another", task)
        .unwrap_or_else(|error| panic!("JOIN-5: a task that awaits another resolved {error}"))
}

/// JOIN-7: polling a handle again after it yielded is memory-safe, and a panic or pending.
///
/// Method: the handle of a finished task is polled by hand until it is ready, and once more. A second
/// outcome can only be made up; a crash shows in how the process ends.
///
/// If this fails, look for an outcome that is taken out without a note that it is gone.
pub(super) fn join_7_polling_after_the_end_is_a_panic_or_pending(rig: &Rig<'_>) {
    let rt = rig.rt();
    let mut task = rt.spawn(async { 5 });
    rig.drive(&rt, "JOIN-7: a task to end", async {
        let five = (&mut task).await;
        assert!(matches!(five, Ok(5)), "JOIN-7: a task that answers 5 resolved {five:?}");
    });
    let mut again = || catch_unwind(AssertUnwindSafe(|| hand_poll(&mut task, Waker::noop())));
    let again = if rig.has(Cap::Unwind) { again() } else { Ok(Poll::Pending) };
    if let Ok(Poll::Ready(second)) = again {
        panic!("JOIN-7: polled after it had given its output, a handle resolved {second:?}");
    }
    drop(task);
    rig.shutdown(rt);
}
