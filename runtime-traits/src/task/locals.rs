//! Values that a task carries with it: a request's number, a tenant, a span.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;
use runtime_hooks::task::{LocalId, Locals};

/// A value for the code inside a scope, whichever thread polls it, and for the tasks it spawns.
///
/// ```
/// use runtime_traits::task::{self, TaskLocal};
///
/// static REQUEST: TaskLocal<u64> = TaskLocal::new();
///
/// async fn handle() {
///     REQUEST.scope(7, async {
///         assert_eq!(REQUEST.get(), Some(7));
///         let child = task::spawn(async { REQUEST.get() });
///         assert_eq!(child.await.unwrap(), Some(7));
///     })
///     .await;
///     assert_eq!(REQUEST.get(), None);
/// }
/// ```
///
/// # Who sees a value
///
/// | | [`new`](TaskLocal::new) | [`own`](TaskLocal::own) |
/// |---|---|---|
/// | the future of the scope, its polls and its destructor | yes | yes |
/// | tasks and blocking closures spawned inside, also local ones | yes, for their whole life | no |
/// | what those spawn | yes | no |
/// | wakers, and threads that the code starts | no | no |
///
/// A task has what was in scope where it was *spawned*; that it is awaited or woken elsewhere changes
/// nothing. The value is shared, not copied, and dropped when the last of them has ended.
///
/// # Contract
///
/// - **CTX-11** (must) A task is polled and dropped with the task-locals that it inherited at spawn,
///   and with no others.
pub struct TaskLocal<T: 'static> {
    id: LocalId,
    of: PhantomData<fn() -> T>,
}

impl<T> TaskLocal<T> {
    /// One whose value is inherited by the tasks that are spawned inside its scope.
    pub const fn new() -> TaskLocal<T> {
        TaskLocal { id: LocalId::inherited(), of: PhantomData }
    }

    /// One whose value stays with the future of its scope: a lock that is held, a transaction.
    pub const fn own() -> TaskLocal<T> {
        TaskLocal { id: LocalId::own(), of: PhantomData }
    }

    /// Calls `f` with the value; `None` outside of any scope.
    pub fn with<R>(&'static self, f: impl FnOnce(Option<&T>) -> R) -> R {
        Locals::with_current(|locals| f(locals.get(&self.id)))
    }

    /// A copy of the value; `None` outside of any scope.
    pub fn get(&'static self) -> Option<T>
    where
        T: Clone,
    {
        self.with(|value| value.cloned())
    }
}

impl<T: Send + Sync> TaskLocal<T> {
    /// A future that runs `future` with `value` in scope: in each poll, and when it is dropped.
    ///
    /// Scopes nest; the innermost counts. What else is in scope is asked for at each poll.
    ///
    /// # Cancellation
    ///
    /// As that of `future`.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> Scoped<T, F> {
        let value = Arc::new(value);
        let (outer, inner) = self.lists(&value);
        Scoped { of: self, value, outer, inner, future: Some(future) }
    }

    /// Calls `f` with `value` in scope.
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        self.lists(&Arc::new(value)).1.scope(f)
    }

    /// What is in scope here, and that with `value`.
    fn lists(&'static self, value: &Arc<T>) -> (Locals, Locals) {
        Locals::with_current(|outer| (outer.clone(), outer.with(&self.id, value.clone())))
    }
}

impl<T> Default for TaskLocal<T> {
    fn default() -> TaskLocal<T> {
        TaskLocal::new()
    }
}

impl<T> fmt::Debug for TaskLocal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskLocal").field(&self.id).finish()
    }
}

pin_project! {
    /// The future that [`TaskLocal::scope`] returns.
    #[must_use = "futures do nothing unless polled"]
    pub struct Scoped<T, F>
    where
        T: 'static,
        T: Send,
        T: Sync,
    {
        of: &'static TaskLocal<T>,
        value: Arc<T>,
        // What was in scope at the last poll …
        outer: Locals,
        // … and that with the value.
        inner: Locals,
        // Emptied by the destructor only.
        #[pin]
        future: Option<F>,
    }

    impl<T, F> PinnedDrop for Scoped<T, F>
    where
        T: 'static,
        T: Send,
        T: Sync,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.inner.scope(|| this.future.set(None));
        }
    }
}

impl<T: Send + Sync, F: Future> Future for Scoped<T, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if !Locals::with_current(|outer| outer.is(this.outer)) {
            (*this.outer, *this.inner) = this.of.lists(this.value);
        }
        let future = this.future.as_pin_mut().expect("emptied by the destructor only");
        this.inner.scope(|| future.poll(cx))
    }
}

impl<T: Send + Sync, F> fmt::Debug for Scoped<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scoped").field(&self.outer).finish()
    }
}

#[cfg(test)]
mod tests {
    use core::future::poll_fn;
    use core::pin::pin;
    use core::task::Waker;

    use super::*;

    static ONE: TaskLocal<u32> = TaskLocal::new();
    static TWO: TaskLocal<u32> = TaskLocal::own();

    fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_value_is_there_inside_and_gone_outside() {
        let seen = ONE
            .sync_scope(1, || TWO.sync_scope(2, || ONE.sync_scope(3, || (ONE.get(), TWO.get()))));
        assert_eq!(seen, (Some(3), Some(2)));
        assert_eq!((ONE.get(), TWO.get()), (None, None));
    }

    #[test]
    fn a_scope_that_moves_sees_what_is_around_it_now() {
        let mut polls = 0;
        let look = poll_fn(|_| {
            polls += 1;
            let seen = (ONE.get(), TWO.get());
            if polls == 2 { Poll::Ready(seen) } else { Poll::Pending }
        });
        let mut scoped = pin!(ONE.scope(1, look));
        assert!(poll_once(scoped.as_mut()).is_pending());
        let seen = TWO.sync_scope(2, || poll_once(scoped.as_mut()));
        assert_eq!(seen, Poll::Ready((Some(1), Some(2))));
    }

    #[test]
    fn a_destructor_sees_the_value_too() {
        struct Looks(std::sync::mpsc::Sender<Option<u32>>);
        impl Drop for Looks {
            fn drop(&mut self) {
                let _ = self.0.send(ONE.get());
            }
        }
        let (tell, told) = std::sync::mpsc::channel();
        let looks = Looks(tell);
        let scoped = ONE.scope(1, async move {
            let _looks = looks;
            core::future::pending::<()>().await;
        });
        drop(scoped);
        assert_eq!(told.recv(), Ok(Some(1)));
    }
}
