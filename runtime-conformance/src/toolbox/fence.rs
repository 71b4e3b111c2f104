//! Proof that nothing more happens.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use runtime_traits::Handle;

/// How often a fence goes round.
pub const ROUNDS: usize = 100;

/// Awaits a hundred tasks of `runtime`, one after the other, each of which gives way once.
///
/// Whatever was scheduled before has run when this is ready, on runtimes that take ready tasks in any
/// bounded order: a task that is still waiting was not scheduled. `tasks_at_once` should be at least
/// the number of workers, so that every worker is likely to have come by.
///
/// A negative statement ("is not polled again") is made only after a fence.
pub async fn fence(runtime: &Handle, tasks_at_once: usize) {
    for _ in 0..ROUNDS {
        let round: Vec<_> =
            (0..tasks_at_once.max(1)).map(|_| runtime.spawn(GiveWay(false))).collect();
        for task in round {
            let _ = task.await;
        }
    }
}

/// Pending once, having woken itself.
#[derive(Debug, Default)]
pub struct GiveWay(bool);

impl Future for GiveWay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
