//! A future that is ready at a deadline.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::Instant;
use crate::hooks::{Key, Timer};
use crate::{Capability, Gone, Handle, NoRuntime, Unsupported};

/// Waits for `delay`, counted from this call (not from the first poll).
///
/// # Cancellation
///
/// **Safe.** Dropping the future withdraws it.
///
/// # Panics
///
/// If no runtime is current or it has no timer ([`try_sleep`] says so instead); when polled after the
/// runtime has ended, by anybody but a task of that runtime, which is about to be dropped itself. (The
/// tasks of a [`LocalSet`](crate::task::LocalSet) that a root polls are the set's: they panic.)
///
/// ```
/// # async fn example() {
/// use std::time::Duration;
/// runtime_traits::time::sleep(Duration::from_millis(20)).await;
/// # }
/// ```
#[track_caller]
pub fn sleep(delay: Duration) -> Sleep {
    match try_sleep(delay) {
        Ok(sleep) => sleep,
        Err(error) => panic!("{error}"),
    }
}

/// Waits until `deadline`, an instant of the current runtime's clock.
///
/// # Cancellation
///
/// **Safe**; sleeping again until the same deadline is the same as not having dropped it.
///
/// # Panics
///
/// As [`sleep`].
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    match try_sleep_until(deadline) {
        Ok(sleep) => sleep,
        Err(error) => panic!("{error}"),
    }
}

/// As [`sleep`], without a timer an error.
///
/// # Errors
///
/// [`SleepError`]: no runtime is current, or it has no timer.
pub fn try_sleep(delay: Duration) -> Result<Sleep, SleepError> {
    start(|timer| timer.now() + delay)
}

/// As [`sleep_until`], without a timer an error.
///
/// # Errors
///
/// As [`try_sleep`].
pub fn try_sleep_until(deadline: Instant) -> Result<Sleep, SleepError> {
    start(|_| deadline)
}

fn start(deadline: impl FnOnce(&dyn Timer) -> Instant) -> Result<Sleep, SleepError> {
    let handle = Handle::try_current().map_err(SleepError::NoRuntime)?;
    Sleep::on(handle, deadline).map_err(SleepError::Unsupported)
}

/// Why there is nothing to wait with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SleepError {
    /// No runtime is current.
    NoRuntime(NoRuntime),
    /// It has no timer.
    Unsupported(Unsupported),
}

impl fmt::Display for SleepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SleepError::NoRuntime(none) => none.fmt(f),
            SleepError::Unsupported(missing) => missing.fmt(f),
        }
    }
}

impl core::error::Error for SleepError {}

#[cfg(feature = "std")]
impl From<SleepError> for std::io::Error {
    fn from(error: SleepError) -> Self {
        std::io::Error::new(std::io::ErrorKind::Unsupported, error)
    }
}

/// The future of [`sleep`]: ready at its deadline.
///
/// It stays with the runtime it was made on, wherever it is polled, and it is `Unpin`. After it was
/// ready it is ready again at once, until it is [`reset`](Sleep::reset).
///
/// # Contract
///
/// - **TIME-12** (must) Without a runtime that could drive it there is no timer: making one fails, with
///   an error or a panic, or its first poll does.
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    handle: Handle,
    key: Key,
    deadline: Instant,
    slack: Duration,
}

impl Sleep {
    /// On this runtime, whichever is current.
    pub(crate) fn on(
        handle: Handle,
        deadline: impl FnOnce(&dyn Timer) -> Instant,
    ) -> Result<Sleep, Unsupported> {
        let deadline = deadline(handle.require(Capability::Timer, |rt| rt.timer())?);
        Ok(Sleep { handle, key: Key::NONE, deadline, slack: Duration::ZERO })
    }

    /// When it is ready.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the deadline has passed.
    pub fn is_elapsed(&self) -> bool {
        self.now() >= self.deadline
    }

    /// The current instant of its runtime's clock.
    pub(crate) fn now(&self) -> Instant {
        self.timer().now()
    }

    /// Waits for `deadline` from now on. Allowed in every state; the last reset counts. The runtime's
    /// entry moves in place at the next poll.
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Lets the wake come up to `slack` later, so that the runtime can batch it with others.
    pub fn slack(mut self, slack: Duration) -> Sleep {
        self.slack = slack;
        self
    }

    /// As the future, with an end of the runtime as an error.
    ///
    /// # Errors
    ///
    /// [`Gone`]: the deadline will never come.
    pub fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let (deadline, slack) = (self.deadline, self.slack);
        // Borrowed apart: the timer from the handle, the key beside it.
        let timer = self.handle.runtime().timer().expect("checked when it was made");
        timer.poll_until(&mut self.key, deadline, slack, cx)
    }

    /// The runtime has ended. A task of its own is dropped with it, and need not hear of that.
    fn never(&self, gone: Gone) -> Poll<()> {
        #[cfg(feature = "std")]
        if crate::hooks::current::is_task_of(&self.handle) {
            return Poll::Pending;
        }
        panic!("a sleep cannot end: {gone}");
    }

    fn timer(&self) -> &dyn Timer {
        self.handle.runtime().timer().expect("checked when it was made")
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.poll_elapsed(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(()),
            Poll::Ready(Err(gone)) => self.never(gone),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if self.key.is_none() {
            return;
        }
        let timer = self.handle.runtime().timer().expect("checked when it was made");
        timer.forget(&mut self.key);
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
