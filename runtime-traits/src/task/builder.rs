//! A task with a name.

use core::future::Future;
#[cfg(feature = "std")]
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{JoinHandle, with_current};
use crate::hooks::Meta;
#[cfg(feature = "std")]
use crate::hooks::{Blocking, Kind, LocalTask, SpawnLocal, Task};
#[cfg(feature = "std")]
use crate::{Capability, Handle, Refused, Unsupported};

/// Starts tasks with a name, which diagnostics show.
///
/// ```
/// # async fn example() {
/// let join = runtime_traits::task::Builder::new().name("heartbeat").spawn(async {});
/// assert_eq!(join.meta().name, Some("heartbeat"));
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[must_use = "a builder does nothing until it spawns"]
pub struct Builder {
    name: Option<&'static str>,
}

impl Builder {
    /// No name yet.
    pub const fn new() -> Builder {
        Builder { name: None }
    }

    /// With this name.
    pub const fn name(mut self, name: &'static str) -> Builder {
        self.name = Some(name);
        self
    }

    /// As [`spawn`](super::spawn).
    ///
    /// # Panics
    ///
    /// If no runtime is current.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let meta = Meta::new(self.name);
        match with_current(|handle| handle.spawn_with(meta, future)) {
            Ok(join) => join,
            Err(none) => panic!("{none}"),
        }
    }

    /// As [`spawn_local`](super::spawn_local).
    ///
    /// # Panics
    ///
    /// If no runtime is current.
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let meta = Meta::new(self.name);
        match with_current(|handle| spawn_local_on(handle, meta, future)) {
            Ok(join) => join,
            Err(none) => panic!("{none}"),
        }
    }

    /// As [`spawn_blocking`](super::spawn_blocking).
    ///
    /// # Panics
    ///
    /// If no runtime is current.
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn spawn_blocking<F, T>(self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let meta = Meta::new(self.name);
        match with_current(|handle| spawn_blocking_on(handle, meta, work)) {
            Ok(join) => join,
            Err(none) => panic!("{none}"),
        }
    }
}

#[cfg(feature = "std")]
fn spawn_local_on<F>(handle: &Handle, meta: Meta, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let home = local(handle).map(|spawner| (spawner, spawner.home()));
    let (spawner, home) = match home {
        Ok((spawner, Some(home))) => (spawner, home),
        // This thread is nobody's home: the task ends here, with the reason as its outcome.
        _ => return refused(handle, meta, handle.unsupported(Capability::Local), future),
    };
    let (task, join) = LocalTask::new(handle.clone(), meta, home, future)
        .unwrap_or_else(|missing| panic!("cannot spawn: {missing}"));
    if let Err((task, refused)) = spawner.spawn(Some(home), task) {
        task.refuse(refused);
    }
    join
}

#[cfg(feature = "std")]
fn spawn_blocking_on<F, T>(handle: &Handle, meta: Meta, work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let pool = match blocking(handle) {
        Ok(pool) => pool,
        Err(missing) => return refused(handle, meta, missing, work),
    };
    let (task, join) = Task::new(handle.clone(), meta, async move { work() })
        .unwrap_or_else(|missing| panic!("cannot spawn: {missing}"));
    if let Err((task, refused)) = pool.spawn(task, Kind::ShortIo) {
        task.refuse(refused);
    }
    join
}

#[cfg(feature = "std")]
fn local(handle: &Handle) -> Result<&dyn SpawnLocal, Unsupported> {
    handle.require(Capability::Local, |rt| rt.local_spawner())
}

#[cfg(feature = "std")]
fn blocking(handle: &Handle) -> Result<&dyn Blocking, Unsupported> {
    handle.require(Capability::Blocking, |rt| rt.blocking())
}

/// The handle of a task that is refused before it exists. What it was to run is dropped first, and if
/// its destructor panics that stays here, as with a task that exists (PANIC-2).
#[cfg(feature = "std")]
fn refused<T: 'static>(
    handle: &Handle,
    meta: Meta,
    why: Unsupported,
    unused: impl Sized,
) -> JoinHandle<T> {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(unused))) {
        // Whose destructor may panic too; what that throws is leaked, which ends the chain.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            core::mem::forget(second);
        }
    }
    JoinHandle::refused(handle.clone(), meta, why)
        .unwrap_or_else(|_: Refused| panic!("cannot spawn: {why}"))
}
