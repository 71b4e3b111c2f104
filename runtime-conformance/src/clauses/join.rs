//! Join handles.
//!
//! `outputs` are the clauses about what a task leaves; `waiting` those about who waits for it.

mod outputs;
mod waiting;

use std::sync::Arc;

use crate::Cap;
use crate::case::{Case, Untested};
use crate::rig::{Rig, await_outside};
use crate::toolbox::{Gate, Probe, Tally};

pub(crate) const CASES: &[Case] = &[
    Case::new("JOIN-1", outputs::join_1_each_output_is_dropped_once)
        .part("orders", "joined, detached, aborted or shut down: is the output dropped once?"),
    Case::new("JOIN-1", outputs::join_1_each_output_is_dropped_once_in_races)
        .part("races", "when the handle is dropped or aborted at the end of the task, too?")
        .stochastic(),
    Case::new("JOIN-2", join_2_a_task_whose_handle_is_dropped_goes_on),
    Case::new("JOIN-3", waiting::join_3_the_latest_waker_is_woken_and_all_are_released),
    Case::new("JOIN-4", waiting::join_4_what_is_finished_is_ready).stochastic(),
    Case::new("JOIN-5", waiting::join_5_the_handle_can_be_awaited_anywhere),
    Case::new("JOIN-6", outputs::join_6_an_unclaimed_output_is_dropped)
        .part("dropped", "is an unclaimed output dropped with its handle, or with the task?")
        .needs(&[Cap::Core]),
    Case::new("JOIN-6", outputs::join_6_a_panicking_output_harms_nobody)
        .part("panic", "does a panic in that destructor stay away from who drops the handle?"),
    Case::new("JOIN-7", waiting::join_7_polling_after_the_end_is_a_panic_or_pending),
];

pub(crate) const UNTESTED: &[Untested] = &[];

/// JOIN-2: dropping a handle detaches: the task keeps running.
///
/// Method: handles are dropped before the first poll, while the task is inside a poll, and while it is
/// parked; each task must still reach its end. The poll stands at a gate while the handle is dropped
/// from another thread.
///
/// If this fails, look for a destructor of the handle that aborts.
fn join_2_a_task_whose_handle_is_dropped_goes_on(rig: &Rig<'_>) {
    let rt = rig.rt();
    let ended = Arc::new(Tally::new());
    let end = || {
        let ended = ended.clone();
        move || ended.add()
    };
    let before = end();
    drop(rt.spawn(async move { before() }));

    let (polled, go) = (Arc::new(Gate::new("JOIN-2: a poll to begin")), Arc::new(Tally::new()));
    let may_end = Arc::new(Gate::new("JOIN-2: the handle to be dropped during a poll"));
    let (begun, wait, during) = (polled.clone(), may_end.clone(), end());
    let in_poll = rt.spawn(async move {
        begun.open();
        wait.wait();
        during();
    });
    let ((probe, record), woken, parked) = (Probe::new(1), go.clone(), end());
    let waiting = rt.spawn(async move {
        probe.await;
        woken.reached(1).await;
        parked();
    });
    rig.drive_while(&rt, "JOIN-2: detached tasks to end", || {
        polled.wait();
        drop(in_poll);
        may_end.open();
        await_outside("JOIN-2: the first poll of a task", record.polls().reached(1));
        drop(waiting);
        go.add();
        await_outside("JOIN-2: the ends of three detached tasks", ended.reached(3));
    });
    rig.shutdown(rt);
}
