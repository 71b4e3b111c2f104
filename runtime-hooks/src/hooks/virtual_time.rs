//! A clock that tests move.

use crate::Instant;

/// Steers the clock of a runtime whose time is simulated.
///
/// # Contract
///
/// - **SIM-1** (must) Time moves only by these calls, or by the runtime itself when nothing can run,
///   and then exactly to the next deadline.
/// - **SIM-4** (must) `now` stays the same within a poll.
pub trait VirtualTime: Send + Sync {
    /// Moves the clock forward to `to` and fires what is due on the way. Earlier than now: nothing.
    fn advance_to(&self, to: Instant);

    /// The next deadline anyone waits for.
    fn next_deadline(&self) -> Option<Instant>;
}
