//! The facade: every call that the suite makes of a runtime.
//!
//! Without a [`Twist`] each method is the public call of `runtime-traits`, with its types; with one,
//! types are forgotten and the twist is asked. Clauses call nothing else, so that a mutant can break
//! anything.
//!
//! What is not here goes through the hooks and is broken there: make it with
//! [`Rt::enter`], as in `rt.enter(|| sleep(delay))`, or `rt.enter(|| Async::new(fd))`.

mod join;

use std::any::TypeId;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use runtime_traits::task::{Builder, Kind, spawn_blocking, spawn_local};
use runtime_traits::{BlockOnError, Handle};

pub(crate) use join::Join;

use crate::Subject;
use crate::twist::{AnyLocal, AnyOutput, AnyUnit, Movable, Twist};

/// A runtime as the suite sees it. Clones are the same runtime.
#[derive(Clone)]
pub(crate) struct Rt {
    handle: Handle,
    twist: Option<Arc<dyn Twist>>,
}

#[allow(dead_code, reason = "the vocabulary of all groups, whichever are written")]
impl Rt {
    /// What `subject` is, seen through its twist.
    pub(crate) fn of(subject: &dyn Subject) -> Rt {
        Rt { handle: subject.handle(), twist: subject.twist() }
    }

    /// Its handle, for what this facade has no method for.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// `Handle::spawn`.
    pub(crate) fn spawn<F>(&self, future: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match &self.twist {
            None => Join::new(self.handle.spawn(future)),
            Some(twist) => Join::twisted(twist.spawn(&self.handle, Box::pin(erased(future)))),
        }
    }

    /// `Handle::spawn`, of a future that records its address.
    pub(crate) fn spawn_movable<F: Movable + 'static>(&self, future: F) -> Join<()> {
        match &self.twist {
            None => Join::new(self.handle.spawn(future)),
            Some(twist) => Join::twisted(twist.spawn_movable(&self.handle, Box::new(future))),
        }
    }

    /// `task::spawn_local`, with this runtime current.
    pub(crate) fn spawn_local<F>(&self, future: F) -> Join<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        match &self.twist {
            None => Join::new(self.handle.enter(|| spawn_local(future))),
            Some(twist) => {
                let future: AnyLocal = Box::pin(erased(future));
                Join::twisted(twist.spawn_local(&self.handle, future))
            }
        }
    }

    /// `task::spawn_blocking`, with this runtime current.
    pub(crate) fn spawn_blocking<T, W>(&self, work: W) -> Join<T>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        match &self.twist {
            None => Join::new(self.handle.enter(|| spawn_blocking(work))),
            Some(twist) => {
                let work = Box::new(|| Box::new(work()) as AnyOutput);
                Join::twisted(twist.spawn_blocking(&self.handle, work))
            }
        }
    }

    /// As [`spawn_blocking`](Rt::spawn_blocking), of this kind: broken at the hook.
    pub(crate) fn spawn_blocking_as<T, W>(&self, kind: Kind, work: W) -> Join<T>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        Join::new(self.handle.enter(|| Builder::new().kind(kind).spawn_blocking(work)))
    }

    /// `Handle::block_on`.
    ///
    /// # Errors
    ///
    /// As the call's.
    pub(crate) fn block_on<F: Future>(&self, main: F) -> Result<F::Output, BlockOnError> {
        let Some(twist) = &self.twist else { return self.handle.block_on(main) };
        let mut output = None;
        twist.block_on(&self.handle, pin!(async { output = Some(main.await) }))?;
        Ok(output.expect("`block_on` returned before its future was ready"))
    }

    /// `Handle::enter`.
    pub(crate) fn enter<R>(&self, body: impl FnOnce() -> R) -> R {
        let Some(twist) = &self.twist else { return self.handle.enter(body) };
        let (mut body, mut result) = (Some(body), None);
        twist.enter(&self.handle, &mut || result = body.take().map(|body| body()));
        result.expect("`enter` did not call its argument")
    }

    /// `Handle::wrap`.
    pub(crate) fn wrap<F: Future<Output = ()> + Send + 'static>(&self, future: F) -> AnyUnit {
        match &self.twist {
            None => Box::pin(self.handle.wrap(future)),
            Some(twist) => twist.wrap(&self.handle, Box::pin(future)),
        }
    }

    /// `Handle::try_current`: which runtime is current here, this one or another.
    pub(crate) fn current(&self) -> Option<Handle> {
        match &self.twist {
            None => Handle::try_current().ok(),
            Some(twist) => twist.current(),
        }
    }

    /// The calls of one group, which `T::default()` makes as everybody does.
    pub(crate) fn calls<T: Clone + Default + 'static>(&self) -> T {
        let other = self.twist.as_ref().and_then(|twist| twist.calls(TypeId::of::<T>()));
        other.and_then(|other| other.downcast_ref::<T>()).cloned().unwrap_or_default()
    }
}

/// A runtime and its owner: what [`Rig::rt`](crate::rig::Rig::rt) answers.
pub(crate) struct Owned {
    rt: Rt,
    owner: Option<Box<dyn Subject>>,
}

impl Owned {
    pub(crate) fn new(subject: Box<dyn Subject>) -> Owned {
        Owned { rt: Rt::of(&*subject), owner: Some(subject) }
    }

    /// Ends it, and returns when it has ended.
    pub(crate) fn shutdown(mut self) {
        let Some(owner) = self.owner.take() else { return };
        match &self.rt.twist {
            None => owner.shutdown(),
            Some(twist) => twist.shutdown(owner),
        }
    }

    /// Takes the owner out, for clauses that drop it in odd places.
    #[allow(dead_code, reason = "for SHUTDOWN")]
    pub(crate) fn into_owner(mut self) -> Box<dyn Subject> {
        self.owner.take().expect("taken once")
    }
}

impl std::ops::Deref for Owned {
    type Target = Rt;

    fn deref(&self) -> &Rt {
        &self.rt
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let owner = self.owner.take();
        if std::thread::panicking() {
            // The verdict stands; ending what is broken could hang and hide it.
            std::mem::forget(owner);
        }
    }
}

/// `future` with its output's type forgotten. It is dropped with what this returns, not before, and
/// moved once: it may be large.
fn erased<F>(future: F) -> impl Future<Output = AnyOutput> + use<F>
where
    F: Future,
    F::Output: Send + 'static,
{
    let mut future = Box::pin(future);
    poll_fn(move |cx| future.as_mut().poll(cx).map(|output| Box::new(output) as AnyOutput))
}
