//! One turn of a runtime's driver.

use core::time::Duration;
use std::io;

/// The part that waits, as a thing that someone else's loop can call: an idle worker, a thread that
/// the user lends, GLib, libuv.
///
/// # Contract
///
/// - `turn` waits for events or the next deadline, but no longer than `at_most`; then it wakes what
///   is due. It runs no task.
/// - `notify` ends the current `turn`, or the next one if none is running, from any thread.
/// - **REACTOR-8** (must) Signals (`EINTR`) are invisible: no error, no deadline moved.
/// - **REACTOR-9** (should) A source that is ready, or hung up, and that nobody awaits costs nothing.
pub trait Drive: Send + Sync {
    /// Waits and wakes. `None`: as long as it takes; `Some(ZERO)`: only what is due now.
    ///
    /// # Errors
    ///
    /// Those of the poller; the driver stays usable.
    fn turn(&self, at_most: Option<Duration>) -> io::Result<()>;

    /// Ends a turn.
    fn notify(&self);
}
