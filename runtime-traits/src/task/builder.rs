//! A task with a name, a closure with a kind.

use core::future::Future;

use super::{JoinHandle, with_current};
#[cfg(feature = "std")]
use crate::contain::contain_quietly;
#[cfg(feature = "std")]
use crate::hooks::{Blocking, LocalHome, LocalTask, SpawnLocal, Task};
use crate::hooks::{Kind, Meta};
#[cfg(feature = "std")]
use crate::{Capability, Handle, Refused, Unsupported};

/// Starts tasks with a name, which diagnostics show, and closures of a [`Kind`], which says where they
/// run.
///
/// ```
/// use runtime_traits::task::{Builder, Kind};
///
/// # async fn example() {
/// let join = Builder::new().name("heartbeat").spawn(async {});
/// assert_eq!(join.meta().name, Some("heartbeat"));
///
/// let numbers = vec![3, 1, 2];
/// let sorting = Builder::new().kind(Kind::Cpu).spawn_blocking(move || {
///     let mut numbers = numbers;
///     numbers.sort();
///     numbers
/// });
/// assert_eq!(sorting.await.unwrap(), [1, 2, 3]);
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[must_use = "a builder does nothing until it spawns"]
pub struct Builder {
    name: Option<&'static str>,
    kind: Kind,
}

impl Builder {
    /// No name yet; closures are [`Kind::ShortIo`].
    pub const fn new() -> Builder {
        Builder { name: None, kind: Kind::ShortIo }
    }

    /// With this name.
    pub const fn name(mut self, name: &'static str) -> Builder {
        self.name = Some(name);
        self
    }

    /// What the closure of [`spawn_blocking`](Builder::spawn_blocking) will do: it finds its threads by
    /// that. Futures have no kind; for them this says nothing.
    ///
    /// The handle is the same for all kinds.
    ///
    /// ```
    /// use runtime_traits::task::{Builder, Kind};
    ///
    /// # async fn example() {
    /// let (sender, requests) = std::sync::mpsc::channel::<String>();
    /// let serving = Builder::new().name("printer").kind(Kind::Dedicated).spawn_blocking(move || {
    ///     requests.iter().filter(|text| !text.is_empty()).count() // for as long as somebody sends
    /// });
    /// sender.send("a page".to_owned()).unwrap();
    /// drop(sender);
    /// assert_eq!(serving.await.unwrap(), 1);
    /// # }
    /// ```
    pub const fn kind(mut self, kind: Kind) -> Builder {
        self.kind = kind;
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

    /// As [`spawn_with`](super::spawn_with).
    ///
    /// # Panics
    ///
    /// If no runtime is current.
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn spawn_with<C, F>(self, start: C) -> JoinHandle<F::Output>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let meta = Meta::new(self.name);
        match with_current(|handle| spawn_with_on(handle, meta, start)) {
            Ok(join) => join,
            Err(none) => panic!("{none}"),
        }
    }

    /// As [`spawn_blocking`](super::spawn_blocking), on the threads that are for this
    /// [`kind`](Builder::kind).
    ///
    /// # Cancellation
    ///
    /// Dropping the handle **leaves running**.
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
        match with_current(|handle| spawn_blocking_on(handle, meta, self.kind, work)) {
            Ok(join) => join,
            Err(none) => panic!("{none}"),
        }
    }
}

#[cfg(feature = "std")]
#[inline]
fn spawn_local_on<F>(handle: &Handle, meta: Meta, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let Some(here) = LocalHome::find(handle) else {
        // This thread is nobody's home: the task ends here, with the reason as its outcome.
        return refused(handle, meta, handle.unsupported(Capability::Local), future);
    };
    here.spawn(meta, future).unwrap_or_else(|missing| panic!("cannot spawn: {missing}"))
}

#[cfg(feature = "std")]
fn spawn_with_on<C, F>(handle: &Handle, meta: Meta, start: C) -> JoinHandle<F::Output>
where
    C: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    let spawner = match local(handle) {
        Ok(spawner) => spawner,
        Err(missing) => return refused(handle, meta, missing, start),
    };
    let (task, join) = LocalTask::with(handle, meta, start)
        .unwrap_or_else(|missing| panic!("cannot spawn: {missing}"));
    match spawner.spawn(None, task) {
        Ok(()) => {}
        // No way from here to a thread that has local tasks.
        Err((task, Refused::NOT_HERE)) => task.refuse(handle.unsupported(Capability::Local)),
        Err((task, refused)) => task.refuse(refused),
    }
    join
}

#[cfg(feature = "std")]
fn spawn_blocking_on<F, T>(handle: &Handle, meta: Meta, kind: Kind, work: F) -> JoinHandle<T>
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
    if let Err((task, refused)) = pool.spawn(task, kind) {
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
    contain_quietly(|| drop(unused));
    JoinHandle::refused(handle.clone(), meta, why)
        .unwrap_or_else(|_: Refused| panic!("cannot spawn: {why}"))
}
