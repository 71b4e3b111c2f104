//! A clock that tests move.

use crate::Instant;

/// Steers the clock of a runtime whose time is simulated.
///
/// # Contract
///
/// - **SIM-1** (must) Time moves only by these calls, or by the runtime itself when nothing can run,
///   and then exactly to the next deadline.
/// - **SIM-2** (must) The same seed and inputs give the same events in the same order, in every
///   process.
/// - **SIM-3** (should) Another seed gives another order of ready tasks.
/// - **SIM-4** (must) `now` stays the same within a poll, and shows nothing of the machine's clock.
/// - **SIM-5** (must) When nothing can run and nobody waits for time, whoever drives the runtime is
///   told, by an error or a panic, instead of waiting for ever.
/// - **SIM-6** (must) The clock does not move by itself while blocking work is under way.
pub trait VirtualTime: Send + Sync {
    /// Moves the clock forward to `to` and fires what is due on the way. Earlier than now: nothing.
    fn advance_to(&self, to: Instant);

    /// The next deadline anyone waits for.
    fn next_deadline(&self) -> Option<Instant>;
}
