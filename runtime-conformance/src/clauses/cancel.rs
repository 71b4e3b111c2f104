//! Cancellation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use runtime_traits::JoinError;

use crate::case::{Case, Untested};
use crate::rig::{Rig, await_outside};
use crate::toolbox::{Gate, Probe, WakeCount, hand_poll};

pub(crate) const CASES: &[Case] =
    &[Case::new("CANCEL-5", cancel_5_cancelled_means_that_the_destructor_returned).stochastic()];

pub(crate) const UNTESTED: &[Untested] = &[];

/// How often, and how far apart, the handle is looked at while the destructor stands still.
const LOOKS: usize = 100;
const APART: Duration = Duration::from_millis(1);

/// CANCEL-5: *cancelled* can be observed only after the future's destructor has returned.
///
/// Method: a parked task is aborted whose destructor waits at a gate. While the gate is shut, the
/// handle is polled by hand, again and again: it must be pending and its waker not woken. Then the
/// gate opens, and the handle resolves. If it ever resolves with the gate shut, there is no excuse,
/// so red is right; green is stochastic, because nothing says when a wrong answer would come.
///
/// The runtime is driven on another thread than the one that looks, so that this works for runtimes
/// that live inside `block_on`.
///
/// If this fails, look for an outcome that is published before the future is dropped, or a destructor
/// that is handed to a helper thread.
fn cancel_5_cancelled_means_that_the_destructor_returned(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (probe, record) = Probe::new(usize::MAX);
    let slow = Arc::new(Slow::new());
    let in_task = SlowDrop(slow.clone());
    let mut handle = rt.spawn(async move {
        let _dropped_last = in_task;
        probe.await;
    });
    rig.drive_while(&rt, "CANCEL-5: an aborted task to end", || {
        await_outside("CANCEL-5: the first poll of a task", record.polls().reached(1));
        handle.abort();
        slow.begun.wait();
        let (wakes, waker) = WakeCount::new();
        for _ in 0..LOOKS {
            let seen = hand_poll(&mut handle, &waker).is_ready() || handle.is_finished();
            slow.assert_returned_if(seen, "the handle was ready");
            slow.assert_returned_if(wakes.get() > 0, "the handle's waker was woken");
            thread::sleep(APART); // widens the window; orders nothing
        }
        slow.may_end.open();
        let outcome = await_outside("CANCEL-5: the handle of an aborted task", &mut handle);
        slow.assert_returned_if(true, "the handle was ready");
        let cancelled = outcome.as_ref().is_err_and(JoinError::is_cancelled);
        assert!(cancelled, "CANCEL-5: an aborted task resolved {outcome:?}");
    });
    rig.shutdown(rt);
}

/// What a destructor and its observer share.
struct Slow {
    begun: Gate,
    may_end: Gate,
    returned: AtomicBool,
}

impl Slow {
    fn new() -> Slow {
        Slow {
            begun: Gate::new("CANCEL-5: the destructor of an aborted task to begin"),
            may_end: Gate::new("CANCEL-5: the observer of a destructor"),
            returned: AtomicBool::new(false),
        }
    }

    /// Fails if `seen` while the destructor is still inside.
    fn assert_returned_if(&self, seen: bool, what: &str) {
        let early = seen && !self.returned.load(Ordering::SeqCst);
        assert!(!early, "CANCEL-5: {what} before the future's destructor had returned");
    }
}

/// Waits for a gate when it is dropped.
struct SlowDrop(Arc<Slow>);

impl Drop for SlowDrop {
    fn drop(&mut self) {
        self.0.begun.open();
        self.0.may_end.wait();
        self.0.returned.store(true, Ordering::SeqCst);
    }
}
