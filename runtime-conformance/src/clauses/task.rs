//! Tasks.

use std::sync::Arc;

use crate::case::{Case, Untested};
use crate::rig::Rig;
use crate::toolbox::Tally;

pub(crate) const CASES: &[Case] = &[Case::new("TASK-1", task_1_a_detached_task_is_polled)];

pub(crate) const UNTESTED: &[Untested] = &[];

/// More than any run queue, batch or budget holds.
const TASKS: usize = 1_000;

/// TASK-1: every accepted task is polled at least once while the runtime is driven, without anyone
/// awaiting its handle.
///
/// Method: half of the tasks are spawned before the runtime is driven, half from inside; all handles
/// are dropped at once. The root waits until all were polled. There is nothing to wait for but their
/// first poll, so the only red verdict is a hang.
///
/// If this fails, look for tasks that start when they are first awaited, for a destructor of the
/// handle that cancels, and for a queue that drops what exceeds its bound.
fn task_1_a_detached_task_is_polled(rig: &Rig<'_>) {
    let rt = rig.rt();
    let polled = Arc::new(Tally::new());
    let spawn_half = || {
        for _ in 0..TASKS / 2 {
            let polled = polled.clone();
            drop(rt.spawn(async move { polled.add() }));
        }
    };
    spawn_half();
    rig.drive(&rt, "TASK-1: the first poll of 1000 detached tasks", async {
        spawn_half();
        polled.reached(TASKS).await;
    });
    rig.shutdown(rt);
}
