//! Sockets over operations that complete, on a runtime that has readiness: a variant, and what the
//! mutants of such drivers are made of.

use std::sync::Arc;

use runtime_conformance::twist::{Twist, fired};
use runtime_conformance::{Cap, Subject};
use runtime_conformance_proactor::{Fault, Proactor};
use runtime_traits::Handle;

use crate::decorate::Decorated;
use crate::mutant::Mutant;

pub(crate) const VARIANTS: &[Mutant] = &[Mutant::twist(
    "E-17",
    "Sockets complete operations instead of being ready: out of order, late, short.",
    Completes::boxed,
)
.with(WITH)
.without(WITHOUT)];

/// What such a runtime has beside that of the one beneath …
pub(crate) const WITH: &[Cap] = &[Cap::Own];
/// … and what it has not, for that waits for readiness.
pub(crate) const WITHOUT: &[Cap] = &[Cap::Fd, Cap::Udp, Cap::Proc, Cap::Sig];

/// What the driver's choices come from: the same in each run.
const SEED: u64 = 17;

/// The runtime, with a driver of operations in the place of its reactor.
pub(crate) struct Completes {
    driver: Proactor,
    /// It is unusual by itself; a fault counts what it does wrong.
    is_right: bool,
}

impl Completes {
    pub(crate) fn boxed() -> Arc<dyn Twist> {
        Arc::new(Completes { driver: Proactor::new(SEED), is_right: true })
    }

    /// One whose driver does something wrong.
    pub(crate) fn wrongly(fault: Fault) -> Arc<dyn Twist> {
        let driver = Proactor::with_fault(SEED, fault, fired);
        Arc::new(Completes { driver, is_right: false })
    }
}

impl Twist for Completes {
    fn runtime(&self, inner: Handle) -> Handle {
        if self.is_right {
            fired();
        }
        Decorated::over(inner).without_reactor().completion(Box::new(self.driver.clone())).handle()
    }

    /// The driver ends after the tasks: their destructors give operations up.
    fn shutdown(&self, subject: Box<dyn Subject>) {
        subject.shutdown();
        self.driver.end();
    }
}
