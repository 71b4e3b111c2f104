//! Waiting for a point in time.
//!
//! Time belongs to the runtime: [`Instant::now`] reads *its* clock, so that simulated time, a
//! browser's and a microcontroller's all work. A timer never fires early; how late it may be is the
//! runtime's business.

mod interval;
mod sleep;
mod timeout;

pub use core::time::Duration;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use runtime_hooks::Instant;
pub use sleep::{Sleep, SleepError, sleep, sleep_until, try_sleep, try_sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};
