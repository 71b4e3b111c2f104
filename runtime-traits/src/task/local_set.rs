//! Tasks that are not `Send`, on any runtime: also on one that has none, or has none on this thread.
//!
//! ```text
//!  RunUntil::poll ──▶ up to 61 jobs, then its future ◀── pop ── Inside::queue ◀── push ── wakes, from
//!       ▲                                                          │                    any thread
//!       └──────── wake, if the queue was empty and nobody polls ◀──┘
//! ```
//!
//! The set is a runtime that decorates the one it was made on: same tag, same timer, same sockets, but
//! local tasks of its own. It is current while the set is polled, so `spawn_local` finds it. Elsewhere,
//! and at other times, local tasks that are spawned on its handle are those of the runtime beneath.
//!
//! Not here: that runtime and its queue (`inside`), who listens to it (`seat`).

mod inside;
mod seat;

use alloc::sync::Arc;
use core::fmt;
use core::future::{Future, poll_fn};
use core::marker::PhantomData;
use core::pin::Pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use self::inside::Inside;
use self::seat::Seat;
use super::{Builder, JoinHandle};
use crate::Handle;

/// Owns tasks whose futures need not be `Send`, and runs them on the thread that polls it.
///
/// Where a runtime has local tasks of its own, [`spawn_local`](super::spawn_local) is enough; a set
/// works everywhere, and ends its tasks when it is dropped.
///
/// ```
/// use std::rc::Rc;
/// use runtime_traits::task::{self, LocalSet};
///
/// async fn example() {
///     let set = LocalSet::new();
///     let shared = Rc::new(5);
///     let sum = set
///         .run_until(async {
///             let copy = shared.clone();
///             let task = task::spawn_local(async move { *copy + 1 });
///             task.await.unwrap() + *shared
///         })
///         .await;
///     assert_eq!(sum, 11);
/// }
/// ```
///
/// When the runtime beneath it ends, a set stays: its tasks are told, as any root future is (a socket
/// answers an error, a [`sleep`](crate::time::sleep) panics, which is the task's outcome). If the set is
/// polled by a task of that runtime, it is dropped with that task.
///
/// The set takes the local tasks that are spawned while it is polled, and those of its
/// [`spawn_local`](LocalSet::spawn_local). What is spawned on its [`Handle`] elsewhere, or at other times,
/// goes to the runtime beneath.
///
/// The tasks of a set, and the future beside them, share a [budget](super::poll_proceed) on any runtime: so
/// they give way to each other.
///
/// # Contract
///
/// - **LOCAL-8** (must) The tasks of a set are polled and dropped on its thread only, inside
///   [`run_until`](LocalSet::run_until) or the set's destructor; wakes from anywhere lead to a poll, and
///   when the set is dropped, each of its tasks is dropped once.
///
/// # Panics
///
/// A panic of a task goes to its handle, as with any task.
pub struct LocalSet {
    handle: Handle,
    inside: Arc<Inside>,
    not_send: PhantomData<*const ()>,
}

impl LocalSet {
    /// A set without tasks, on the current runtime.
    ///
    /// # Panics
    ///
    /// If no runtime is current.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "it depends on where it is called")]
    pub fn new() -> LocalSet {
        LocalSet::on(Handle::current())
    }

    /// A set on this runtime.
    pub fn on(runtime: Handle) -> LocalSet {
        let inside = Arc::new(Inside::new(runtime));
        LocalSet { handle: Handle::from_arc(inside.clone()), inside, not_send: PhantomData }
    }

    /// Starts a task of this set. It is polled when the set is.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.inside.within(|| self.handle.enter(|| Builder::new().spawn_local(future)))
    }

    /// Runs `future`, and the tasks beside it, until `future` is ready. What tasks are left goes on in
    /// the next call.
    ///
    /// # Cancellation
    ///
    /// As that of `future`. The tasks stay in the set.
    pub fn run_until<F: Future>(&self, future: F) -> RunUntil<'_, F> {
        let number = self.inside.listeners.fetch_add(1, Ordering::Relaxed);
        RunUntil { seat: Seat { inside: &self.inside, number }, set: self, future }
    }

    /// Runs the tasks until there are none.
    ///
    /// # Cancellation
    ///
    /// Safe: the tasks stay in the set.
    pub async fn run(&self) {
        let ended =
            |_: &mut Context<'_>| if self.is_empty() { Poll::Ready(()) } else { Poll::Pending };
        self.run_until(poll_fn(ended)).await;
    }

    /// How many tasks have not ended.
    pub fn len(&self) -> usize {
        self.inside.len()
    }

    /// Whether all have.
    pub fn is_empty(&self) -> bool {
        self.inside.is_empty()
    }
}

impl Drop for LocalSet {
    fn drop(&mut self) {
        self.inside.within(|| self.inside.end());
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSet").field("len", &self.len()).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future that [`LocalSet::run_until`] returns.
    ///
    /// It polls the tasks of the set, so it stays on their thread:
    ///
    /// ```compile_fail,E0277
    /// fn leaves<T: Send>(_: T) {}
    /// # let set = runtime_traits::task::LocalSet::new();
    /// leaves(set.run_until(async {}));
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct RunUntil<'a, F> {
        seat: Seat<'a>,
        set: &'a LocalSet, // also so that this is not `Send`
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for RunUntil<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.seat.leave();
        let LocalSet { handle, inside, .. } = *this.set;
        let (more, polled) = inside.within(|| {
            let more = inside.turn();
            // After the tasks: it may ask how they are.
            (more, handle.enter(|| this.future.poll(cx)))
        });
        if polled.is_ready() {
            return polled;
        }
        if more || !this.seat.take(cx.waker()) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<F> fmt::Debug for RunUntil<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunUntil").finish_non_exhaustive()
    }
}
