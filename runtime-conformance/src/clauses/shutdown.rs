//! Shutdown.
//!
//! SHUTDOWN-3 is here; `tasks` has what becomes of tasks, `zoo` destructors that do things, `waiters`
//! those outside who wait for the runtime, `places` ends in odd places, `cycles` many runtimes.

mod cycles;
mod places;
mod tasks;
mod waiters;
mod zoo;

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use runtime_traits::JoinError;

use crate::Cap;
use crate::case::{Case, Untested};
use crate::rig::{Rig, await_outside};
use crate::rt::{Join, Rt};
use crate::toolbox::{AtDrop, Probe, Record};

pub(crate) const CASES: &[Case] = &[
    Case::new("SHUTDOWN-1", tasks::shutdown_1_every_task_is_dropped_once),
    Case::new("SHUTDOWN-1", tasks::shutdown_1_waits_for_a_poll_that_runs)
        .part("in-a-poll", "does it wait for a poll that runs, on another thread, meanwhile?")
        .needs(&[Cap::Mt]),
    Case::new("SHUTDOWN-2", zoo::shutdown_2_destructors_may_do_anything).stochastic(),
    Case::new("SHUTDOWN-2", zoo::shutdown_2_events_may_arrive_meanwhile)
        .part("events", "does it end while wakes, timers and events of sockets arrive?")
        .stochastic(),
    Case::new("SHUTDOWN-3", shutdown_3_spawning_afterwards_resolves_cancelled)
        .part("afterwards", "is a task spawned after the end dropped, its handle cancelled?"),
    Case::new("SHUTDOWN-3", shutdown_3_spawning_from_a_destructor_resolves_cancelled).part(
        "from-a-destructor",
        "is a task spawned during the end dropped, its handle cancelled?",
    ),
    Case::new("SHUTDOWN-3", shutdown_3_dispatching_blocking_work_resolves)
        .part("blocking", "is a closure dispatched after the end dropped, its handle cancelled?")
        .needs(&[Cap::Blk]),
    Case::new("SHUTDOWN-4", waiters::shutdown_4_timers_outside_are_told)
        .part("timers", "is whoever waits for a timer outside told of the end?")
        .needs(&[Cap::Time, Cap::Iso]),
    Case::new("SHUTDOWN-4", waiters::shutdown_4_timers_that_race_with_the_end_are_told)
        .part("timers-race", "also who begins to wait just then?")
        .needs(&[Cap::Time, Cap::Iso])
        .stochastic(),
    Case::new("SHUTDOWN-4", waiters::shutdown_4_sockets_outside_are_told)
        .part("sockets", "is whoever waits for a socket outside told of the end?")
        .needs(&[Cap::Fd, Cap::Iso]),
    Case::new("SHUTDOWN-5", places::shutdown_5_inside_the_root)
        .part("root", "is it defined to end a runtime inside its own root?"),
    Case::new("SHUTDOWN-5", places::shutdown_5_inside_a_task)
        .part("task", "is it defined to end a runtime inside its own task?"),
    Case::new("SHUTDOWN-5", places::shutdown_5_inside_another_s_task)
        .part("other-task", "is it defined to end a runtime inside another's task?"),
    Case::new("SHUTDOWN-5", places::shutdown_5_inside_a_blocking_closure)
        .part("blocking", "is it defined to end a runtime inside its own blocking closure?")
        .needs(&[Cap::Blk, Cap::Iso]),
    Case::new("SHUTDOWN-5", places::shutdown_5_at_the_end_of_a_thread)
        .part("thread-local", "is it defined to end a runtime where a thread ends?"),
    Case::new("SHUTDOWN-7", cycles::shutdown_7_many_runtimes_leave_nothing)
        .part("things", "do runtimes that come and go leave no thread and no descriptor?"),
    Case::new("SHUTDOWN-7", cycles::shutdown_7_many_runtimes_take_no_memory)
        .part("memory", "do runtimes that come and go take no memory?"),
];

/// How long to wait for a destructor that the end may run a little later.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) const UNTESTED: &[Untested] = &[Untested::new(
    "SHUTDOWN-6",
    "an end with a limit is a call of each runtime's own owner; the interface has none to be called",
)];

/// SHUTDOWN-3: spawning after shutdown drops the future and yields a handle that resolves
/// *cancelled*.
///
/// Method: a handle to the runtime outlives it and spawns; the join handle is awaited by an executor
/// that belongs to no runtime, because there is none left. The future must have been dropped once and
/// never polled.
///
/// If this fails, look for a queue that takes jobs after its workers have gone.
fn shutdown_3_spawning_afterwards_resolves_cancelled(rig: &Rig<'_>) {
    let rt = rig.rt();
    let after = rt.clone();
    rig.drive(&rt, "SHUTDOWN-3: a root future that is ready", async {});
    rig.shutdown(rt);
    let (probe, record) = Probe::new(1);
    let join = after.spawn(probe);
    assert_refused(join, &record, "spawned after shutdown");
    let (probe, record) = Probe::new(1);
    let join = after.enter(|| runtime_traits::spawn(probe));
    assert_refused(Join::new(join), &record, "spawned in a scope after shutdown");
}

/// SHUTDOWN-3: the same for a task that a destructor spawns while the runtime shuts down.
///
/// Method: a task parks; its destructor, which only the shutdown runs, spawns another and keeps the
/// handle for us. That other one must not run.
///
/// If this fails, look for a shutdown that drops tasks before it closes the door to new ones, and
/// for a queue that is emptied only once.
fn shutdown_3_spawning_from_a_destructor_resolves_cancelled(rig: &Rig<'_>) {
    let (probe, record) = Probe::new(1);
    let Some(join) = dispatch_during_shutdown(rig, move |rt| rt.spawn(probe)) else { return };
    assert_refused(join, &record, "spawned by a destructor during shutdown");
}

/// SHUTDOWN-3: a blocking closure that is dispatched after shutdown does not run, and its handle
/// resolves *cancelled*; one dispatched while tasks are being dropped resolves in some way.
///
/// Method: as for tasks. During shutdown the closure may still run, if the pool ends after the tasks;
/// what may not happen is a handle that never resolves.
///
/// If this fails, look for a pool whose queue is open while its threads are gone.
fn shutdown_3_dispatching_blocking_work_resolves(rig: &Rig<'_>) {
    let rt = rig.rt();
    let after = rt.clone();
    rig.drive(&rt, "SHUTDOWN-3: a root future that is ready", async {});
    rig.shutdown(rt);
    let (probe, record) = Probe::new(1);
    let join = after.spawn_blocking(move || drop(probe));
    let outcome = await_outside("SHUTDOWN-3: the handle of a closure after shutdown", join);
    assert_cancelled(&outcome, "a closure dispatched after shutdown");
    assert_eq!(record.drops().count(), 1, "SHUTDOWN-3: the refused closure was not dropped once");

    let Some(join) = dispatch_during_shutdown(rig, |rt| rt.spawn_blocking(|| ())) else { return };
    let outcome = await_outside("SHUTDOWN-3: the handle of a closure during shutdown", join);
    if outcome.is_err() {
        assert_cancelled(&outcome, "a closure dispatched during shutdown");
    }
}

/// Runs `dispatch` in the destructor of a task that a shutdown drops; answers what it returned. If it
/// does not drop the task, which is SHUTDOWN-1's, nothing can be told.
fn dispatch_during_shutdown(
    rig: &Rig<'_>,
    dispatch: impl FnOnce(&Rt) -> Join<()> + Send + 'static,
) -> Option<Join<()>> {
    let rt = rig.rt();
    let (probe, record) = Probe::new(usize::MAX);
    let (made, joins) = channel();
    let inside = rt.clone();
    let at_drop = AtDrop::new(move || _ = made.send(dispatch(&inside)));
    let parked = rt.spawn(async move {
        let _at_drop = at_drop;
        probe.await;
    });
    rig.drive(&rt, "SHUTDOWN-3: the first poll of a task", record.polls().reached(1));
    record.forget_waker();
    rig.shutdown(rt);
    let outcome = await_outside("SHUTDOWN-3: the handle of a task that was parked", parked);
    assert_cancelled(&outcome, "a task that was parked at shutdown");
    // It has run by now, or soon will: CANCEL-5 asks which.
    match joins.recv_timeout(PATIENCE) {
        Ok(join) => return Some(join),
        Err(RecvTimeoutError::Timeout) => {
            rig.inconclusive("a parked task was not dropped at the end")
        }
        Err(error) => panic!("SHUTDOWN-3: a destructor did not come to its end: {error}"),
    }
    None
}

fn assert_refused(join: Join<()>, record: &Record, what: &str) {
    let outcome = await_outside("SHUTDOWN-3: the handle of a task after shutdown", join);
    assert_cancelled(&outcome, &format!("a task {what}"));
    assert_eq!(record.polls().count(), 0, "SHUTDOWN-3: a task {what} was polled");
    assert_eq!(record.drops().count(), 1, "SHUTDOWN-3: a task {what} was not dropped once");
}

fn assert_cancelled(outcome: &Result<(), JoinError>, what: &str) {
    let cancelled = outcome.as_ref().is_err_and(JoinError::is_cancelled);
    assert!(cancelled, "SHUTDOWN-3: {what} resolved {outcome:?} instead of cancelled");
}
