//! How the suite is made to see a runtime differently from what it is.
//!
//! Every call of the suite goes through `Rt` (`rt.rs`). With a `Twist` in the subject the
//! call goes to the twist, whose default bodies are the public calls again; a mutant overrides one.
//! So one mutant runs over every runtime, and it can also break what no runtime can: the task cell,
//! the join handle and the scopes belong to the interface.
//!
//! What a runtime can break is broken deeper: [`Twist::runtime`] answers a decorator, a
//! [`Runtime`](runtime_traits::hooks::Runtime) with `inner()`.
//!
//! Not public: runtimes have no use for it, and it changes with the suite.

use std::any::{Any, TypeId};
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use runtime_traits::task::{JoinHandle, spawn_blocking, spawn_local};
use runtime_traits::{BlockOnError, Handle, JoinError};

use crate::{Subject, watchdog};

/// An output whose type was forgotten.
pub type AnyOutput = Box<dyn Any + Send>;
/// A task's future whose type was forgotten.
pub type AnyFuture = Pin<Box<dyn Future<Output = AnyOutput> + Send>>;
/// The same for a local task.
pub type AnyLocal = Pin<Box<dyn Future<Output = AnyOutput>>>;
/// A blocking closure whose type was forgotten.
pub type AnyWork = Box<dyn FnOnce() -> AnyOutput + Send>;
/// A future without output.
pub type AnyUnit = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A join handle whose type was forgotten. Dropping it detaches.
pub trait AnyJoin: Send {
    /// As polling a `JoinHandle`.
    fn poll_join(&mut self, cx: &mut Context<'_>) -> Poll<Result<AnyOutput, JoinError>>;
    /// As `JoinHandle::abort`.
    fn abort(&self);
    /// As `JoinHandle::is_finished`.
    fn is_finished(&self) -> bool;
}

impl AnyJoin for JoinHandle<AnyOutput> {
    fn poll_join(&mut self, cx: &mut Context<'_>) -> Poll<Result<AnyOutput, JoinError>> {
        Pin::new(self).poll(cx)
    }

    fn abort(&self) {
        JoinHandle::abort(self);
    }

    fn is_finished(&self) -> bool {
        JoinHandle::is_finished(self)
    }
}

/// A future to which a mutant may do what only unsafe code could do to others. A runtime does not see
/// the difference: it is given a future.
pub trait Movable: Future<Output = ()> + Send + Unpin {
    /// The same future at another address.
    fn moved(self: Box<Self>) -> Box<dyn Movable>;

    /// The same future once more, if it can notice that: what is done to both goes into one record.
    fn twin(&self, polled: Twin) -> Option<Box<dyn Movable>> {
        let _ = polled;
        None
    }
}

/// When a twin is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// While the first is.
    Meanwhile,
    /// After the first has ended.
    Afterwards,
}

/// What is different. Each default body is the public call.
pub trait Twist: Send + Sync {
    /// The runtime as the suite shall see it: `inner`, or a decorator of it.
    fn runtime(&self, inner: Handle) -> Handle {
        inner
    }

    /// `Handle::spawn`.
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Box::new(rt.spawn(future))
    }

    /// `Handle::spawn`, of a future that records its address.
    fn spawn_movable(&self, rt: &Handle, future: Box<dyn Movable>) -> Box<dyn AnyJoin> {
        self.spawn(
            rt,
            Box::pin(async {
                future.await;
                Box::new(()) as AnyOutput
            }),
        )
    }

    /// `task::spawn_local`, on the calling thread.
    fn spawn_local(&self, rt: &Handle, future: AnyLocal) -> Box<dyn AnyJoin> {
        Box::new(rt.enter(|| spawn_local(future)))
    }

    /// `task::spawn_blocking`.
    fn spawn_blocking(&self, rt: &Handle, work: AnyWork) -> Box<dyn AnyJoin> {
        Box::new(rt.enter(|| spawn_blocking(work)))
    }

    /// `Handle::block_on`.
    fn block_on(
        &self,
        rt: &Handle,
        main: Pin<&mut dyn Future<Output = ()>>,
    ) -> Result<(), BlockOnError> {
        rt.block_on(main)
    }

    /// `Handle::enter`.
    fn enter(&self, rt: &Handle, body: &mut dyn FnMut()) {
        rt.enter(body);
    }

    /// `Handle::wrap`.
    fn wrap(&self, rt: &Handle, future: AnyUnit) -> AnyUnit {
        Box::pin(rt.wrap(future))
    }

    /// `Handle::try_current`.
    fn current(&self) -> Option<Handle> {
        Handle::try_current().ok()
    }

    /// The end of the runtime.
    fn shutdown(&self, subject: Box<dyn Subject>) {
        subject.shutdown();
    }

    /// Calls that only one group makes: a value of that group's own type, found by its id.
    fn calls(&self, group: TypeId) -> Option<&dyn Any> {
        let _ = group;
        None
    }
}

static FIRED: AtomicU64 = AtomicU64::new(0);
static INSIDE: OnceLock<fn() -> u64> = OnceLock::new();

/// A mutant calls this where it does what is wrong. One that never did was not exercised.
///
/// The first time is said at once: what is wrong may end the process.
pub fn fired() {
    if FIRED.fetch_add(1, Ordering::Relaxed) == 0 {
        watchdog::speak("fired", "1");
    }
}

/// How often anything fired in this process.
pub(crate) fn times_fired() -> u64 {
    FIRED.load(Ordering::Relaxed) + INSIDE.get().map_or(0, |inside| inside())
}

/// Where to ask for what fired inside the runtime.
pub(crate) fn also_count(inside: fn() -> u64) {
    let _ = INSIDE.set(inside);
}
