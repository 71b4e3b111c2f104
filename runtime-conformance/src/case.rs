//! One clause on one flavour, inside its process.

use std::future::Future;
use std::panic;
use std::pin::pin;
use std::sync::Arc;
use std::thread;

use runtime_traits::hooks::Timer;
use runtime_traits::time::{Duration, Instant};
use runtime_traits::{Capability, Handle};

use crate::toolbox::{Random, Tally, foreign};
use crate::{Flavour, Harness, Subject, watchdog};

/// What a clause's function is given.
pub(crate) struct Case<'a> {
    pub(crate) harness: &'a dyn Harness,
    pub(crate) flavour: Flavour,
    pub(crate) seed: u64,
}

impl Case<'_> {
    /// A new subject.
    pub(crate) fn subject(&self) -> Box<dyn Subject> {
        watchdog::waiting_for("the harness to build a subject");
        self.harness.build(self.flavour)
    }

    /// Ends a subject.
    pub(crate) fn shutdown(&self, subject: Box<dyn Subject>) {
        watchdog::waiting_for("a call of `shutdown` to return");
        subject.shutdown();
    }

    /// Random numbers that the seed decides.
    pub(crate) fn random(&self) -> Random {
        Random::new(self.seed)
    }

    /// Whether the flavour is declared to lack `capability`.
    pub(crate) fn lacks(&self, capability: Capability) -> bool {
        self.harness.absent(self.flavour).contains(&capability)
    }

    /// Drives `subject` until `main` is ready. A hang is reported as `waiting_for`.
    pub(crate) fn drive<F: Future>(
        &self,
        subject: &dyn Subject,
        waiting_for: &str,
        main: F,
    ) -> F::Output {
        watchdog::waiting_for(waiting_for);
        if self.lacks(Capability::BlockOn) {
            return foreign::block_on(main); // it has threads of its own
        }
        let mut output = None;
        let done = subject.block_on(pin!(async { output = Some(main.await) }));
        done.unwrap_or_else(|error| panic!("`block_on` on a running runtime failed: {error}"));
        output.expect("`block_on` returned before its future was ready")
    }

    /// Drives `subject` on this thread while `body` runs on another.
    ///
    /// So a clause can watch tasks from outside also where they run only inside `block_on`.
    pub(crate) fn drive_while(
        &self,
        subject: &dyn Subject,
        waiting_for: &str,
        body: impl FnOnce() + Send,
    ) {
        let ended = Arc::new(Tally::new());
        let end = OnDrop(ended.clone());
        let outcome = thread::scope(|scope| {
            let body = scope.spawn(move || {
                let _end = end; // also if `body` panics
                body();
            });
            self.drive(subject, waiting_for, ended.reached(1));
            body.join()
        });
        outcome.unwrap_or_else(|payload| panic::resume_unwind(payload));
    }
}

/// Counts one when it is dropped.
struct OnDrop(Arc<Tally>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// The timer of a runtime that is not declared to lack one.
pub(crate) fn timer(handle: &Handle) -> &dyn Timer {
    handle.runtime().timer().expect("CAP-timer: it is not declared absent, and `timer()` is None")
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
    watchdog::waiting_for(waiting_for);
    foreign::block_on(pin!(future))
}
