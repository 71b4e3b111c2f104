//! PANIC-1: panics of polls.

use std::panic::panic_any;

use runtime_traits::JoinError;

use super::{Expected, quietly};
use crate::rig::Rig;
use crate::rt::{Join, Rt};
use crate::toolbox::fence::GiveWay;
use crate::usable::use_all;

/// How many tasks there are, and how many of them do not panic for one that does.
const TASKS: usize = 1_000;
const EVERY: usize = 10;
/// How many of them are there at once: how many a runtime takes is TASK-1's.
const AT_ONCE: usize = 40;
/// How many local ones, of up to two polls each: how many a home runs in one turn is LOCAL-4's.
const LOCALS: usize = 25;

/// PANIC-1: a panic in a poll is contained: the handle has it, payload and all, and workers, other
/// tasks, timers and sockets go on.
///
/// Method: a thousand tasks, forty at a time, of which every tenth panics, in turn at the first poll
/// and after a wake. Each of the others must give its answer, each of these its number. Then everything
/// else is used.
///
/// If this fails, look for a thread that ends with the task it polled.
pub(super) fn panic_1_a_panic_in_a_poll_goes_to_the_handle(rig: &Rig<'_>) {
    quietly();
    let rt = rig.rt();
    rig.drive(&rt, "PANIC-1: a thousand tasks, every tenth of which panics", async {
        for first in (0..TASKS).step_by(AT_ONCE) {
            let numbers = first..first + AT_ONCE;
            let tasks: Vec<_> = numbers.clone().map(|one| rt.spawn(may_panic(one))).collect();
            check(numbers.zip(tasks), "a task").await;
        }
        use_all(rig, &rt, "PANIC-1", "after a hundred panics").await;
    });
    rig.drive(&rt, "PANIC-1: a root afterwards", use_all(rig, &rt, "PANIC-1", "in another root"));
    rig.shutdown(rt);
}

/// PANIC-1: the same for local tasks, spawned by the root or by a task, whichever is a home.
pub(super) fn panic_1_a_panic_of_a_local_task_goes_to_the_handle(rig: &Rig<'_>) {
    quietly();
    let rt = rig.rt();
    let inside = rt.clone();
    rig.drive(&rt, "PANIC-1: local tasks, every tenth of which panics", async {
        let of_root = locals(&rt);
        if !lacks_home(&of_root) {
            check((0..).zip(of_root), "a local task").await;
        }
        let of_task = rt.spawn(async move {
            let of_task = locals(&inside);
            if !lacks_home(&of_task) {
                check((0..).zip(of_task), "a task's local task").await;
            }
        });
        let outcome = of_task.await;
        assert!(outcome.is_ok(), "PANIC-1: a task that has local tasks resolved {outcome:?}");
        use_all(rig, &rt, "PANIC-1", "after panics of local tasks").await;
    });
    rig.shutdown(rt);
}

fn locals(rt: &Rt) -> Vec<Join<usize>> {
    (0..LOCALS).map(|number| rt.spawn_local(may_panic(number))).collect()
}

/// Whether the tasks were refused: then they are finished before anything ran.
fn lacks_home(tasks: &[Join<usize>]) -> bool {
    tasks.iter().all(Join::is_finished)
}

async fn may_panic(number: usize) -> usize {
    match number % (2 * EVERY) {
        0 => panic_any(Expected(number)),
        EVERY => {
            GiveWay::default().await;
            panic_any(Expected(number))
        }
        _ => {
            GiveWay::default().await;
            number
        }
    }
}

async fn check(tasks: impl Iterator<Item = (usize, Join<usize>)>, what: &str) {
    for (number, task) in tasks {
        let outcome = task.await;
        match number % EVERY {
            0 => check_panic(outcome, number, what),
            _ => assert!(
                matches!(outcome, Ok(answer) if answer == number),
                "PANIC-1: {what} beside others that panicked resolved {outcome:?}"
            ),
        }
    }
}

fn check_panic(outcome: Result<usize, JoinError>, number: usize, what: &str) {
    let error = match outcome {
        Ok(answer) => panic!("PANIC-1: {what} that panicked answered {answer}"),
        Err(error) => error,
    };
    assert!(error.is_panic(), "PANIC-1: {what} that panicked resolved {error:?}");
    let payload = error.into_panic().downcast::<Expected>().ok();
    let found = payload.map(|payload| payload.0);
    assert_eq!(found, Some(number), "PANIC-1: number in the payload of {what} that panicked");
}
