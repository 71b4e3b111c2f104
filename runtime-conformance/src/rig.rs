//! What a case's function is given: runtimes, seeds, words for the report.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::panic;
use std::pin::pin;
use std::sync::Arc;
use std::thread;

use runtime_traits::Handle;
use runtime_traits::hooks::Timer;
use runtime_traits::time::{Duration, Instant};

use crate::rt::{Owned, Rt};
use crate::toolbox::{Random, Tally, foreign};
use crate::{Cap, Decisions, Flavour, Harness, watchdog};

/// One case on one flavour, inside its process.
pub(crate) struct Rig<'a> {
    harness: &'a dyn Harness,
    flavour: Flavour,
    seed: u64,
    /// How much of the work of a stochastic case is to be done: 1 is all.
    effort: f64,
    notes: RefCell<Notes>,
}

/// What the case said about itself besides holding or not.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Name, what was counted, what is needed.
    pub(crate) witnesses: Vec<(&'static str, u64, u64)>,
    /// Why the run shows nothing.
    pub(crate) inconclusive: Option<String>,
}

#[allow(dead_code, reason = "the vocabulary of all groups, whichever are written")]
impl<'a> Rig<'a> {
    pub(crate) fn new(harness: &'a dyn Harness, flavour: Flavour, seed: u64, effort: f64) -> Self {
        Rig { harness, flavour, seed, effort, notes: RefCell::default() }
    }

    /// What makes a rig like this one on another thread: runtimes that are built there.
    pub(crate) fn builder(&self) -> Builder<'a> {
        let &Rig { harness, flavour, seed, effort, .. } = self;
        Builder { harness, flavour, seed, effort }
    }

    /// A new runtime.
    pub(crate) fn rt(&self) -> Owned {
        self.rt_seeded(self.seed)
    }

    /// A new runtime whose schedule `seed` decides, if the runtime knows such a thing.
    pub(crate) fn rt_seeded(&self, seed: u64) -> Owned {
        watchdog::waiting_for("the harness to build a subject");
        let subject = self.harness.build_seeded(self.flavour, seed);
        watchdog::waiting_for("something that the case did not name");
        Owned::new(subject)
    }

    /// Ends a runtime.
    pub(crate) fn shutdown(&self, rt: Owned) {
        watchdog::waiting_for("a call of `shutdown` to return");
        rt.shutdown();
        watchdog::waiting_for("something that the case did not name");
    }

    /// Which flavour this is.
    pub(crate) fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Random numbers that the seed decides.
    pub(crate) fn random(&self) -> Random {
        Random::new(self.seed)
    }

    /// How many rounds a stochastic case does where a full run would do `full`; at least one.
    pub(crate) fn rounds(&self, full: usize) -> usize {
        ((full as f64 * self.effort) as usize).max(1)
    }

    /// Whether the flavour has `cap`.
    pub(crate) fn has(&self, cap: Cap) -> bool {
        has(self.harness, self.flavour, cap)
    }

    /// What the runtime's author decided.
    pub(crate) fn decisions(&self) -> Decisions {
        self.harness.decisions()
    }

    /// Says what a stochastic case met, and how much of it green needs. With less, a run in which
    /// nothing failed is *inconclusive*.
    pub(crate) fn witness(&self, name: &'static str, met: u64, needed: u64) {
        self.notes.borrow_mut().witnesses.push((name, met, needed));
    }

    /// Says that this run shows nothing, and why: the machine was too noisy, say.
    pub(crate) fn inconclusive(&self, why: impl Into<String>) {
        self.notes.borrow_mut().inconclusive = Some(why.into());
    }

    /// What the test needs from the machine; without it the case is *broken*, not failed.
    pub(crate) fn setup<T>(&self, what: &str, got: io::Result<T>) -> T {
        got.unwrap_or_else(|error| watchdog::end("broken", &format!("{what}: {error}")))
    }

    pub(crate) fn into_notes(self) -> Notes {
        self.notes.into_inner()
    }

    /// Drives `rt` until `main` is ready. A hang is reported as `waiting_for`.
    pub(crate) fn drive<F: Future>(&self, rt: &Rt, waiting_for: &str, main: F) -> F::Output {
        let waited = watchdog::during(waiting_for);
        let output = if self.has(Cap::Block) {
            let done = rt.block_on(main);
            done.unwrap_or_else(|error| panic!("`block_on` on a running runtime failed: {error}"))
        } else {
            foreign::block_on(main) // it has threads of its own
        };
        drop(waited);
        output
    }

    /// As [`drive_while`](Rig::drive_while), with the runtime for `body`: its owner stays here.
    pub(crate) fn drive_with<R: Send>(
        &self,
        rt: &Rt,
        waiting_for: &str,
        body: impl FnOnce(&Rt) -> R + Send,
    ) -> R {
        self.drive_while(rt, waiting_for, || body(rt))
    }

    /// Drives `rt` on this thread while `body` runs on another.
    ///
    /// So a clause can watch tasks from outside also where they run only inside `block_on`.
    pub(crate) fn drive_while<R: Send>(
        &self,
        rt: &Rt,
        waiting_for: &str,
        body: impl FnOnce() -> R + Send,
    ) -> R {
        let ended = Arc::new(Tally::new());
        let end = OnDrop(ended.clone());
        let outcome = thread::scope(|scope| {
            let body = scope.spawn(move || {
                let _end = end; // also if `body` panics
                body()
            });
            self.drive(rt, waiting_for, ended.reached(1));
            body.join()
        });
        outcome.unwrap_or_else(|payload| panic::resume_unwind(payload))
    }
}

/// What [`Rig::builder`] answers. May be sent to other threads.
#[derive(Clone, Copy)]
pub(crate) struct Builder<'a> {
    harness: &'a dyn Harness,
    flavour: Flavour,
    seed: u64,
    effort: f64,
}

impl<'a> Builder<'a> {
    /// A rig for the calling thread. What it notes is lost: assert, or answer it.
    pub(crate) fn rig(&self) -> Rig<'a> {
        Rig::new(self.harness, self.flavour, self.seed, self.effort)
    }

    /// A new runtime, while others are made on other threads.
    pub(crate) fn rt(&self) -> Owned {
        Owned::new(self.harness.build_seeded(self.flavour, self.seed))
    }
}

/// Whether a flavour has `cap`, by its harness or by nature.
pub(crate) fn has(harness: &dyn Harness, flavour: Flavour, cap: Cap) -> bool {
    cap.known().unwrap_or_else(|| harness.capabilities(flavour).contains(&cap))
}

/// Counts one when it is dropped.
struct OnDrop(Arc<Tally>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// The timer of a runtime that declares `time`.
pub(crate) fn timer(handle: &Handle) -> &dyn Timer {
    handle.runtime().timer().expect("`time` is declared, and `timer()` is None")
}

/// Returns when the runtime's clock has reached `deadline`, by turning the clock if it can be turned.
/// Blocks the thread.
pub(crate) fn let_time_pass_until(handle: &Handle, deadline: Instant) {
    while timer(handle).now() < deadline {
        match handle.runtime().virtual_time() {
            Some(clock) => clock.advance_to(deadline),
            None => thread::sleep(Duration::from_micros(100)),
        }
    }
}

/// Awaits `future` on an executor that belongs to no runtime. A hang is reported as `waiting_for`.
pub(crate) fn await_outside<F: Future>(waiting_for: &str, future: F) -> F::Output {
    let waited = watchdog::during(waiting_for);
    let output = foreign::block_on(pin!(future));
    drop(waited);
    output
}
