//! BLOCKING-8 and BLOCKING-9: the kinds of closures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use runtime_traits::hooks::Kind;

use super::finish;
use super::threads::{LIMIT_MAX, settled};
use crate::rig::{Rig, await_outside};
use crate::rt::{Join, Rt};
use crate::toolbox::{Gate, Tally, foreign, within_watchdog};

/// BLOCKING-8: closures of one kind, however many of them wait for a thread of their lane, keep those of
/// another kind from nothing, while there are threads.
///
/// What is asked of every runtime is that three quarters of its threads may be held by one kind: a
/// runtime without lanes then has the last quarter left, and one that has them must not have made them
/// smaller than that for all kinds together. Whether a *lane* has room for all of these is the runtime's
/// decision; those for which it has none wait, and nobody else does.
///
/// Method: three quarters of the threads' worth of long closures stand at a gate. When no other begins, a
/// computation, a short and a dedicated closure are run, one after the other. What is left of the
/// threads, but for one, is then asked for by computations, which stand there too, and a short closure
/// is run beside both. The same with computations first, which must not stop long ones.
///
/// If this fails with a hang, look for one queue whose head may not run yet, and for lanes that share a
/// count.
pub(super) fn blocking_8_a_full_lane_stops_no_other(rig: &Rig<'_>) {
    // Without a limit two at a time are promised by BLOCKING-1, and no more.
    let limit = rig.decisions().blocking_threads_max.unwrap_or(2).min(LIMIT_MAX);
    if limit < 2 {
        rig.inconclusive("with one thread every lane is full at the first closure");
        return;
    }
    let slow = limit - limit.div_ceil(4);
    let rt = rig.rt();
    for (full, other) in [(Kind::LongIo, Kind::Cpu), (Kind::Cpu, Kind::LongIo)] {
        let mut held = Held::new();
        held.hold(&rt, full, slow);
        run_one(rig, &rt, full, other);
        run_one(rig, &rt, full, Kind::ShortIo);
        run_one(rig, &rt, full, Kind::Dedicated);
        held.hold(&rt, other, limit - slow - 1);
        run_one(rig, &rt, full, Kind::ShortIo);
        held.end(rig, &rt);
    }
    rig.shutdown(rt);
}

/// Closures that stand at a gate.
struct Held {
    gate: Arc<Gate>,
    begun: Arc<AtomicUsize>,
    closures: Vec<Join<()>>,
}

impl Held {
    fn new() -> Held {
        let gate = Arc::new(Gate::new("BLOCKING-8: closures of another kind"));
        Held { gate, begun: Arc::default(), closures: Vec::new() }
    }

    /// Returns when as many of `count` more as the lane has room for have begun.
    fn hold(&mut self, rt: &Rt, kind: Kind, count: usize) {
        for _ in 0..count {
            let (gate, begun) = (self.gate.clone(), self.begun.clone());
            self.closures.push(rt.spawn_blocking_as(kind, move || {
                begun.fetch_add(1, Ordering::SeqCst);
                gate.wait();
            }));
        }
        within_watchdog("BLOCKING-8: a closure to begin", || settled(&self.begun));
    }

    fn end(self, rig: &Rig<'_>, rt: &Rt) {
        self.gate.open();
        for closure in self.closures {
            finish(rig, rt, "BLOCKING-8: a closure whose lane was full", closure);
        }
    }
}

/// Runs a closure of kind `other` while the lane of `full` is full.
fn run_one(rig: &Rig<'_>, rt: &Rt, full: Kind, other: Kind) {
    let hang = format!("BLOCKING-8: a {other:?} closure beside many of {full:?}");
    let closure = rt.spawn_blocking_as(other, || 8);
    let eight = finish(rig, rt, &hang, closure);
    assert_eq!(eight, 8, "BLOCKING-8: what a {other:?} closure gave");
}

/// BLOCKING-9: a dedicated closure holds up no end: a shutdown returns while it runs. It goes on.
///
/// Method: one has begun and stands at a gate. The runtime is ended; that must return while the gate is
/// shut. Then the gate opens, the closure comes to its end, and its handle resolves.
///
/// If this fails with a hang, look for a pool that knows no kinds, and joins all its threads.
pub(super) fn blocking_9_a_dedicated_closure_holds_up_no_end(rig: &Rig<'_>) {
    let rt = rig.rt();
    let gate = Arc::new(Gate::new("BLOCKING-9: the end of a runtime"));
    let (begun, done) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
    let closure = {
        let (gate, begun, done) = (gate.clone(), begun.clone(), done.clone());
        rt.spawn_blocking_as(Kind::Dedicated, move || {
            begun.add();
            gate.wait();
            done.add();
        })
    };
    rig.drive(&rt, "BLOCKING-9: a dedicated closure to begin", begun.reached(1));
    within_watchdog("BLOCKING-9: the end of a runtime while a dedicated closure runs", || {
        rig.shutdown(rt);
    });
    assert_eq!(done.count(), 0, "BLOCKING-9: a closure came by a gate that is shut");
    gate.open();
    within_watchdog("BLOCKING-9: a dedicated closure to go on after the end", || {
        foreign::block_on(done.reached(1));
    });
    // Which way is the runtime's to say.
    let _ = await_outside("BLOCKING-9: the handle of a dedicated closure", closure);
}
