//! SIM-5 and SIM-6: what happens when nothing does.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use runtime_traits::time::{Duration, timeout};

use super::{HOUR, until_on};
use crate::Cap;
use crate::rig::{Rig, timer};
use crate::toolbox::{Gate, Probe, within_watchdog};

/// SIM-5: a simulation in which nothing can happen any more is reported, as an error or a panic of
/// whoever drives it; it does not hang.
///
/// Method: a root waits for what never comes while tasks are parked: at once, and after an hour of
/// virtual time. Each must return from `block_on`, by either way, and the runtime can be ended
/// afterwards.
///
/// If this fails, look for a loop that sleeps until somebody wakes it without asking who could.
pub(super) fn sim_5_a_stalled_simulation_is_reported(rig: &Rig<'_>) {
    for hours in [0, 1] {
        let rt = rig.rt();
        let (probe, record) = Probe::new(usize::MAX);
        drop(rt.spawn(probe));
        let hang = "SIM-5: the report of a simulation in which nothing can happen any more";
        let run = within_watchdog(hang, || {
            catch_unwind(AssertUnwindSafe(|| {
                rt.block_on(async {
                    until_on(&rt, timer(rt.handle()).now() + HOUR * hours).await;
                    record.polls().reached(1).await;
                    pending::<()>().await;
                })
            }))
        });
        let returned = matches!(run, Ok(Ok(())));
        assert!(!returned, "SIM-5: a root future that never ends ended");
        rig.shutdown(rt);
    }
}

/// How long the closure works at least, in real time.
const WORK: Duration = Duration::from_millis(20);

/// SIM-6: while blocking work is under way the virtual clock does not jump; or such work is refused.
///
/// Method: a closure waits at a gate that a thread opens a little later; the root gives it an hour of
/// virtual time, and nothing else can run. The closure must win, however long it takes. Real I/O is
/// not asked about: runtimes with a virtual clock that have it are not known.
///
/// If this fails, look for an idle check that looks at tasks only.
pub(super) fn sim_6_time_does_not_pass_over_blocking_work(rig: &Rig<'_>) {
    debug_assert!(rig.has(Cap::Blk));
    let rt = rig.rt();
    let gate = Arc::new(Gate::new("SIM-6: a thread that opens a gate"));
    let (inside, opener) = (gate.clone(), gate.clone());
    let opener = thread::spawn(move || {
        thread::sleep(WORK); // widens the window; orders nothing
        opener.open();
    });
    let work = rt.spawn_blocking(move || inside.wait());
    let limited = rt.enter(|| timeout(HOUR, work));
    let outcome = rig.drive(&rt, "SIM-6: blocking work with a time limit", limited);
    assert!(outcome.is_ok(), "SIM-6: an hour passed while blocking work was under way");
    gate.open();
    opener.join().expect("it only opens a gate");
    rig.shutdown(rt);
}
