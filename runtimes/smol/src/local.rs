//! Tasks that stay on their thread: a `LocalExecutor` for each call of `block_on`.
//!
//! Most programs have no local tasks, so the executor is made by the first. Until then the root future is
//! polled as it comes; from then on it shares the thread with them, and is polled only when it was
//! woken itself.
//!
//! The executor belongs to one `block_on`. When that returns, the tasks that are left are cancelled, on
//! their thread, with the runtime current.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use runtime_traits::Refused;
use runtime_traits::hooks::{Home, LocalRunnable, LocalTask, Ran, Tag};
use smol::LocalExecutor;

thread_local! {
    static SCOPE: RefCell<Option<Rc<Scope>>> = const { RefCell::new(None) };
}

/// One call of `block_on`.
struct Scope {
    runtime: *const Tag,
    home: Home,
    tasks: RefCell<Option<Rc<LocalExecutor<'static>>>>,
    /// The root's, while there is no executor that would wake it.
    waker: RefCell<Option<Waker>>,
    /// `block_on` is about to return: no more tasks.
    closed: Cell<bool>,
}

/// Calls `block_on` with a root that runs `main` and the local tasks of this thread.
pub(crate) fn scope<R>(
    runtime: &Tag,
    main: Pin<&mut dyn Future<Output = ()>>,
    block_on: impl FnOnce(Pin<&mut dyn Future<Output = ()>>) -> R,
) -> R {
    let scope = Rc::new(Scope::new(runtime));
    let outer = SCOPE.replace(Some(Rc::clone(&scope)));
    let _restore = Restore { scope: Rc::clone(&scope), outer };
    block_on(pin!(scope.root(main)))
}

/// Ends a scope: cancels its tasks while it can still be found, then puts the outer one back.
struct Restore {
    scope: Rc<Scope>,
    outer: Option<Rc<Scope>>,
}

impl Drop for Restore {
    fn drop(&mut self) {
        self.scope.closed.set(true);
        drop(self.scope.tasks.take());
        SCOPE.replace(self.outer.take());
    }
}

/// The calling thread's place in `runtime`.
pub(crate) fn home(runtime: &Tag) -> Option<Home> {
    find(runtime).map(|scope| scope.home)
}

/// Adds `task` to those of this thread.
pub(crate) fn spawn(
    runtime: &Tag,
    home: Option<Home>,
    task: LocalTask,
) -> Result<(), (LocalTask, Refused)> {
    match find(runtime) {
        Some(scope) if home.is_none_or(|home| home == scope.home) => scope.spawn(task),
        _ => return Err((task, Refused::NOT_HERE)),
    }
    Ok(())
}

/// Runs a job that is not hosted. smol wakes hosted tasks itself, so this is for jobs that come home
/// after someone took them elsewhere; from another thread there is no way in.
pub(crate) fn schedule(runtime: &Tag, home: Home, job: LocalRunnable) {
    match find(runtime) {
        Some(scope) if home == scope.home => scope.spawn(Rerun(Some(job))),
        _ => job.leak(),
    }
}

fn find(runtime: &Tag) -> Option<Rc<Scope>> {
    let scope = SCOPE.try_with(|scope| scope.borrow().clone()).ok()??;
    (ptr::eq(scope.runtime, runtime) && !scope.closed.get()).then_some(scope)
}

impl Scope {
    fn new(runtime: &Tag) -> Scope {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Scope {
            runtime,
            home: Home(NEXT.fetch_add(1, Ordering::Relaxed)),
            tasks: RefCell::default(),
            waker: RefCell::default(),
            closed: Cell::new(false),
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let tasks =
            Rc::clone(self.tasks.borrow_mut().get_or_insert_with(|| Rc::new(LocalExecutor::new())));
        tasks.spawn(task).detach();
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// `main`, and the local tasks once there are any.
    async fn root(&self, mut main: Pin<&mut dyn Future<Output = ()>>) {
        let tasks = poll_fn(|cx| match main.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => self.poll_tasks(cx).map(Some),
        });
        if let Some(tasks) = tasks.await {
            tasks.run(WhenWoken::new(main)).await;
        }
    }

    /// Waits for the first local task.
    fn poll_tasks(&self, cx: &Context<'_>) -> Poll<Rc<LocalExecutor<'static>>> {
        if let Some(tasks) = &*self.tasks.borrow() {
            return Poll::Ready(Rc::clone(tasks));
        }
        let mut waker = self.waker.borrow_mut();
        match &mut *waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

/// Polls a future only when it was woken, although the thread's other tasks wake the same waker.
pub(crate) struct WhenWoken<'a> {
    main: Pin<&'a mut dyn Future<Output = ()>>,
    ours: Option<(Arc<Woken>, Waker)>,
}

struct Woken {
    woken: AtomicBool,
    outer: Waker,
}

impl<'a> WhenWoken<'a> {
    pub(crate) fn new(main: Pin<&'a mut dyn Future<Output = ()>>) -> WhenWoken<'a> {
        WhenWoken { main, ours: None }
    }
}

impl Future for WhenWoken<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // The waker of a `block_on` stays the same; this is made once.
        if this.ours.as_ref().is_none_or(|(ours, _)| !ours.outer.will_wake(cx.waker())) {
            let ours = Arc::new(Woken { woken: AtomicBool::new(true), outer: cx.waker().clone() });
            this.ours = Some((Arc::clone(&ours), Waker::from(ours)));
        }
        match &this.ours {
            // `AcqRel`: what happened before the wake is seen by the poll.
            Some((ours, waker)) if ours.woken.swap(false, Ordering::AcqRel) => {
                this.main.as_mut().poll(&mut Context::from_waker(waker))
            }
            _ => Poll::Pending,
        }
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.outer.wake_by_ref();
    }
}

/// Runs a job in a local task until it waits or ends.
struct Rerun(Option<LocalRunnable>);

impl Future for Rerun {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.0.take().map(LocalRunnable::run) {
            Some(Ran::Yielded(job)) => {
                self.0 = Some(job);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}
