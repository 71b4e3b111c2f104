//! FAIR-5: tasks behind a poll that takes long, and the root beside tasks.

use std::sync::Arc;

use runtime_traits::time::{Duration, sleep};

use super::{Crowd, VICTIM, finished, victim};
use crate::Cap;
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::{Gate, Probe};

/// How many victims a long poll leaves behind.
const BEHIND: &[usize] = &[1, 2, 40];

/// FAIR-5: with two workers, tasks that wait behind a poll that takes long are run by another one.
///
/// Method: a poll spawns or wakes victims, and does not return before all of them have finished: so
/// they cannot be run by its own worker. Also when that task was woken by a timer just before, and its
/// worker had been the driver. If they are left alone, that is a hang.
///
/// If this fails, look for a slot or queue that others do not look into, and for a worker that sleeps
/// because another one is awake.
pub(super) fn fair_5_a_task_behind_a_long_poll_is_taken_by_others(rig: &Rig<'_>) {
    let rt = rig.rt();
    for &victims in BEHIND {
        for after_a_timer in [false, rig.has(Cap::Time)] {
            let blocker = rt.spawn(spawn_and_block(rt.clone(), victims, after_a_timer));
            let hang = "FAIR-5: tasks that were spawned by a poll that does not return";
            rig.drive(&rt, hang, async { finished("FAIR-5", blocker.await) });
            wake_and_block(rig, &rt, victims, after_a_timer);
        }
    }
    rig.shutdown(rt);
}

/// Spawns `victims`, and returns when they have finished.
async fn spawn_and_block(rt: Rt, victims: usize, after_a_timer: bool) {
    pause(&rt, after_a_timer).await;
    let gates: Vec<_> = (0..victims).map(|_| Arc::new(new_gate())).collect();
    let open = |gate: Arc<Gate>| rt.spawn(async move { gate.open() });
    let _kept: Vec<_> = gates.iter().cloned().map(open).collect();
    gates.iter().for_each(|gate| gate.wait());
}

fn new_gate() -> Gate {
    Gate::new("FAIR-5: a task behind a poll that does not return")
}

async fn pause(rt: &Rt, wanted: bool) {
    if wanted {
        rt.enter(|| sleep(Duration::from_millis(1))).await;
    }
}

/// Wakes `victims` that are parked, and returns when they have finished.
fn wake_and_block(rig: &Rig<'_>, rt: &Rt, victims: usize, after_a_timer: bool) {
    let parked: Vec<_> = (0..victims).map(|_| Probe::new(2)).collect();
    let (mut records, mut gates, mut joins) = (Vec::new(), Vec::new(), Vec::new());
    for (probe, record) in parked {
        let gate = Arc::new(new_gate());
        gates.push(gate.clone());
        records.push(record);
        joins.push(rt.spawn(async move {
            probe.await;
            gate.open();
        }));
    }
    let of = rt.clone();
    let all = records.clone();
    rig.drive(rt, "FAIR-5: tasks that were woken by a poll that does not return", async move {
        for record in &all {
            record.polls().reached(1).await;
        }
        let blocker = of.clone().spawn(async move {
            pause(&of, after_a_timer).await;
            let wakers: Vec<_> = records.iter().filter_map(|record| record.waker()).collect();
            wakers.into_iter().for_each(|waker| waker.wake());
            gates.iter().for_each(|gate| gate.wait());
        });
        finished("FAIR-5", blocker.await);
    });
}

/// FAIR-5: the root future and spawned tasks take turns.
///
/// Method: while the root always wakes itself, a task that needs 100 polls must come to its end, and a
/// local one if there are such; while tasks always wake themselves, the root must. On one thread the
/// polls of the other side are counted.
///
/// If this fails, look for a loop that polls the root until it is pending without a wake, and for a
/// budget that the root and the tasks share.
pub(super) fn fair_5_the_root_and_tasks_alternate(rig: &Rig<'_>) {
    let rt = rig.rt();
    let crowd = Crowd::new(rig, "FAIR-5");
    let over = crowd.clone();
    let shared = rt.spawn(async move {
        victim(VICTIM).await;
        over.go_home();
    });
    rig.drive(&rt, "FAIR-5: a task beside a root that always wakes itself", crowd.busy());
    rig.drive(&rt, "FAIR-5: a task that has finished", async { finished("FAIR-5", shared.await) });
    if rig.has(Cap::Local) {
        let crowd = Crowd::new(rig, "FAIR-5");
        let hang = "FAIR-5: a local task beside the task it belongs to, which always wakes itself";
        super::drive_at_home(rig, &rt, hang, |rt| async move {
            let over = crowd.clone();
            let local = rt.spawn_local(async move {
                victim(VICTIM).await;
                over.go_home();
            });
            crowd.busy().await;
            finished("FAIR-5", local.await);
        });
    }
    let crowd = Crowd::new(rig, "FAIR-5");
    let _kept = crowd.spawn_enough_for_all(&rt);
    rig.drive(&rt, "FAIR-5: a root beside tasks that always wake themselves", victim(VICTIM));
    crowd.go_home();
    rig.shutdown(rt);
}
