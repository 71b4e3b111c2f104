//! Giving way once.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

/// Lets other tasks run, once.
///
/// # Cancellation
///
/// **Safe.**
///
/// ```
/// # async fn example() {
/// for chunk in [[0u8; 64]; 100].iter() {
///     let _ = chunk; // long work …
///     runtime_traits::task::yield_now().await;
/// }
/// # }
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
