//! JOIN-1, JOIN-6: what becomes of the output.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use crate::rig::{Rig, await_outside};
use crate::rt::Join;
use crate::toolbox::fence::GiveWay;
use crate::toolbox::{AtDrop, Count, Stress, Tally, Tracked};

/// JOIN-1: the handle yields the output exactly once, by move, and its destructor runs exactly once.
///
/// Method: the output counts its drops. It is joined, and dropped by the joiner; its handle is dropped
/// before it exists, and after; its task is aborted when it is finished; the runtime ends with it
/// unclaimed. Each count must be one.
///
/// If this fails, look for an outcome that two sides think is theirs, or none.
pub(super) fn join_1_each_output_is_dropped_once(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (joined, joined_count) = Tracked::new("a joined output");
    let (early, early_count) = Tracked::new("the output of a detached task");
    let (late, late_count) = Tracked::new("an output whose handle was dropped after it came");
    let (aborted, aborted_count) = Tracked::new("an output whose task was aborted too late");
    let (unclaimed, unclaimed_count) = Tracked::new("an output that was there at the shutdown");
    let mut left = None;
    rig.drive(&rt, "JOIN-1: tasks with an output", async {
        let output = rt.spawn(async { joined }).await.unwrap_or_else(|error| {
            panic!("JOIN-1: a task with an output resolved {error}");
        });
        assert!(joined_count.drops() == 0, "JOIN-1: an output was dropped before it was given");
        drop(output);
        drop(rt.spawn(async { early }));
        let task = rt.spawn(async { late });
        finished(&task).await;
        drop(task);
        let task = rt.spawn(async { aborted });
        finished(&task).await;
        task.abort();
        drop(task.await); // as what it resolves is CANCEL-3's business
        let task = rt.spawn(async { unclaimed });
        finished(&task).await;
        left = Some(task);
    });
    rig.shutdown(rt);
    drop(left);
    for (what, count) in [
        ("a joined output", joined_count),
        ("the output of a detached task", early_count),
        ("an output whose handle was dropped after it came", late_count),
        ("an output whose task was aborted too late", aborted_count),
        ("an output that was there at the shutdown", unclaimed_count),
    ] {
        let drops = count.drops();
        assert!(drops == 1, "JOIN-1: {what} was dropped {drops} times");
    }
}

/// Gives way until `task` says that it is finished. (No fence: a worker that was put to sleep by the
/// system in the middle of a poll is not behind any.)
async fn finished<T>(task: &Join<T>) {
    while !task.is_finished() {
        GiveWay::default().await;
    }
}

/// How many tasks race in a full run.
const RACES: usize = 2_000;

/// JOIN-1: the same while the handle is dropped or aborted at the moment in which the task ends.
///
/// Method: a task gives way a few times and ends; from another thread its handle is joined, dropped, or
/// aborted and joined, after a random pause. Each output must have been dropped once, and a joiner gets
/// it or *cancelled*. Witness: both were seen after an abort.
///
/// If this fails, look for the two halves of a state that are read one after the other.
pub(super) fn join_1_each_output_is_dropped_once_in_races(rig: &Rig<'_>) {
    let rt = rig.rt();
    let inside = rt.clone();
    let mut stress = Stress::new(rig.random(), rig.rounds(RACES));
    let (mut outputs, mut cancelled) = (0, 0);
    let counts: Vec<Arc<Count>> = rig.drive_while(&rt, "JOIN-1: tasks in races", || {
        let mut counts = Vec::new();
        while stress.again() {
            let (output, count) = Tracked::new("the output of a task in a race");
            counts.push(count);
            // Now and then a long one, so that an abort that takes its time comes in time too.
            let polls = match stress.random().below(8) {
                0 => 1_000,
                short => short % 3,
            };
            let task = inside.spawn(async move {
                for _ in 0..polls {
                    GiveWay::default().await;
                }
                output
            });
            (0..stress.random().below(4)).for_each(|_| thread::yield_now());
            stress.perturb();
            match stress.random().below(4) {
                0 => drop(task),
                1 => drop(await_outside("JOIN-1: a task in a race", task)),
                _ => {
                    task.abort();
                    match await_outside("JOIN-1: an aborted task in a race", task) {
                        Ok(_) => outputs += 1,
                        Err(error) if error.is_cancelled() => cancelled += 1,
                        Err(error) => panic!("JOIN-1: an aborted task resolved {error}"),
                    }
                }
            }
        }
        counts
    });
    rig.shutdown(rt);
    // An output that never came to be was dropped with its future, which counts as well.
    let wrong = counts.iter().filter(|count| count.drops() != 1).count();
    assert!(wrong == 0, "JOIN-1: {wrong} of {} outputs were not dropped once", counts.len());
    rig.witness("outputs after an abort", outputs, 1);
    rig.witness("cancelled after an abort", cancelled, 1);
}

/// JOIN-6: an unclaimed output is dropped when the handle is dropped after completion, or with the task.
///
/// Method: the handle of a finished task is dropped, and the test waits until the output is gone; the
/// handle of a running task is dropped, and the output must go when the task has ended.
///
/// If this fails, look for an output that lives as long as some waker.
pub(super) fn join_6_an_unclaimed_output_is_dropped(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (output, count) = Tracked::new("an output whose handle was dropped after it came");
    let (later, later_count) = Tracked::new("an output whose handle was dropped before it came");
    let go = Arc::new(Tally::new());
    let (wait, held) = (go.clone(), Arc::new(Tally::new()));
    let dropped = held.clone();
    let at_drop = AtDrop::new(move || dropped.add());
    rig.drive(&rt, "JOIN-6: an output that nobody claims to be dropped", async {
        let task = rt.spawn(async { output });
        finished(&task).await;
        assert!(count.drops() == 0, "JOIN-6: an output was dropped while its handle was there");
        drop(task);
        gone(&count).await;
        drop(rt.spawn(async move {
            wait.reached(1).await;
            (later, at_drop)
        }));
        go.add();
        held.reached(1).await;
    });
    let drops = later_count.drops();
    assert!(drops == 1, "JOIN-6: a detached task ended, and its output was dropped {drops} times");
    rig.shutdown(rt);
}

/// Gives way until the output was dropped: if nobody drops it, that is a hang.
async fn gone(count: &Count) {
    while count.drops() == 0 {
        GiveWay::default().await;
    }
}

/// JOIN-6: a panic in the destructor of an unclaimed output does not unwind into who drops the handle,
/// and no worker is lost.
///
/// Method: the handle of a finished task is dropped, whose output panics then; also of tasks that are
/// detached, as many as there may be workers and more. Afterwards a hundred tasks must run.
///
/// If this fails, look for an outcome that is dropped outside of what contains the poll's panics.
pub(super) fn join_6_a_panicking_output_harms_nobody(rig: &Rig<'_>) {
    let rt = rig.rt();
    let bomb = || {
        let (dropped, count) = Tracked::new("an output whose destructor panics");
        let bomb = AtDrop::new(move || {
            drop(dropped);
            panic!("the panic that this test is about");
        });
        (bomb, count)
    };
    rig.drive(&rt, "JOIN-6: tasks after the panic of an output's destructor", async {
        let (output, count) = bomb();
        let task = rt.spawn(async { output });
        finished(&task).await;
        let quiet = catch_unwind(AssertUnwindSafe(|| drop(task))).is_ok();
        assert!(quiet, "JOIN-6: an output's panic unwound into who dropped the handle");
        gone(&count).await;
        for _ in 0..16 {
            let (output, _) = bomb();
            drop(rt.spawn(async { output }));
        }
        for number in 0..100 {
            let ended = rt.spawn(async move { number }).await;
            assert!(
                matches!(ended, Ok(got) if got == number),
                "JOIN-6: after outputs that panicked a task resolved {ended:?}"
            );
        }
    });
    let parked = rt.spawn(pending::<()>());
    rig.shutdown(rt);
    drop(parked);
}
