//! A limit on how long a future may take.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;

use super::Instant;
use super::sleep::{Sleep, SleepError, try_sleep, try_sleep_until};

/// Awaits `future`, but no longer than `limit`, counted from this call.
///
/// The future is polled before the clock is looked at, so one that is ready in time is never lost.
///
/// # Errors
///
/// [`Elapsed`]: the time was up, and the future is dropped with this one; or there is no timer to
/// measure it with ([`Elapsed::is_timeout`] tells).
///
/// # Cancellation
///
/// That of `future`.
///
/// ```
/// # async fn example() {
/// use std::time::Duration;
/// use runtime_traits::time::timeout;
///
/// let late = timeout(Duration::from_millis(5), std::future::pending::<()>()).await;
/// assert!(late.unwrap_err().is_timeout());
/// # }
/// ```
pub fn timeout<F: Future>(limit: Duration, future: F) -> Timeout<F> {
    Timeout { sleep: try_sleep(limit), future }
}

/// As [`timeout`], with a deadline.
///
/// # Errors
///
/// As [`timeout`].
pub fn timeout_at<F: Future>(deadline: Instant, future: F) -> Timeout<F> {
    Timeout { sleep: try_sleep_until(deadline), future }
}

pin_project! {
    /// The future of [`timeout`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F> {
        sleep: Result<Sleep, SleepError>,
        #[pin]
        future: F,
    }
}

impl<F> Timeout<F> {
    /// The future within.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future within, for a second try after [`Elapsed`].
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let sleep = match this.sleep {
            Ok(sleep) => sleep,
            Err(error) => return Poll::Ready(Err(Elapsed(Kind::NoTimer(*error)))),
        };
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let elapsed = match sleep.poll_elapsed(cx) {
            Poll::Ready(Ok(())) => Kind::Timeout,
            Poll::Ready(Err(gone)) => Kind::Gone(gone),
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(Err(Elapsed(elapsed)))
    }
}

/// A [`timeout`] gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Timeout,
    NoTimer(SleepError),
    Gone(crate::Gone),
}

impl Elapsed {
    /// Whether the time was up, as opposed to no timer being there, or its runtime having ended.
    pub fn is_timeout(&self) -> bool {
        self.0 == Kind::Timeout
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Timeout => f.write_str("the time limit was reached"),
            Kind::NoTimer(error) => write!(f, "no time limit can be kept: {error}"),
            Kind::Gone(gone) => write!(f, "no time limit can be kept: {gone}"),
        }
    }
}

impl core::error::Error for Elapsed {}

#[cfg(feature = "std")]
impl From<Elapsed> for std::io::Error {
    fn from(elapsed: Elapsed) -> Self {
        let kind = match elapsed.0 {
            Kind::Timeout => std::io::ErrorKind::TimedOut,
            Kind::NoTimer(_) => std::io::ErrorKind::Unsupported,
            Kind::Gone(_) => std::io::ErrorKind::BrokenPipe,
        };
        std::io::Error::new(kind, elapsed)
    }
}
