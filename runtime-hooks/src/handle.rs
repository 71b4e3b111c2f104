//! The handle: which runtime, in two words.

use core::any::TypeId;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Context, Poll};

use crate::hooks::{BlockOn, Info, Metrics, Runtime};
use crate::task::{JoinHandle, Meta, Task};
use crate::{Capability, NoRuntime, Refused, RefusedWhy, Unsupported, current};

/// A clonable, type-erased reference to a runtime.
///
/// It holds the runtime's state, never its threads: those belong to the runtime's owner object,
/// which joins them. The last handle may be dropped anywhere.
///
/// Two handles are equal when they lead to the same runtime, that is, to the same
/// [`Tag`](crate::hooks::Tag).
///
/// # Contract
///
/// What [`try_current`](Handle::try_current), [`enter`](Handle::enter) and [`wrap`](Handle::wrap)
/// promise together with a runtime's [`enter`](Runtime::enter) hook:
///
/// - **CTX-1** (must) Outside any scope there is no current runtime, and asking makes none.
/// - **CTX-3** (must) Scopes nest, and leaving one restores what was current before it.
/// - **CTX-4** (must) So does leaving it by a panic, also out of a poll or of `block_on`.
/// - **CTX-5** (must) A scope is its thread's: others, also those started inside, do not see it.
/// - **CTX-7** (must) A scope inside a poll does not outlast the poll.
/// - **CTX-8** (must) Scopes cannot be left late or out of order: they are closures.
/// - **CTX-9** (must) The destructors of a thread's variables may ask: there is none then, no panic.
pub struct Handle {
    data: NonNull<()>,
    vtable: &'static Vtable,
}

/// How to treat the pointer. One for each runtime type and way of holding it.
struct Vtable {
    /// # Safety
    ///
    /// `data` belongs to a live handle with this vtable, and the result is used no longer than that.
    get: unsafe fn(data: NonNull<()>) -> NonNull<dyn Runtime>,
    /// Counts one more handle. Safety as `get`.
    clone: unsafe fn(data: NonNull<()>),
    /// Counts one handle less. Safety as `get`; the handle is gone afterwards.
    drop: unsafe fn(data: NonNull<()>),
}

// SAFETY: a handle is a shared reference to a `Runtime`, which is `Send + Sync`, and its counting is
// `Arc`'s.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

/// The runtime is a static: nothing is counted, cloning costs nothing.
struct Static<R>(PhantomData<R>);

impl<R: Runtime> Static<R> {
    const VTABLE: Vtable = Vtable {
        get: |data| -> NonNull<dyn Runtime> { data.cast::<R>() },
        clone: |_| {},
        drop: |_| {},
    };
}

/// The runtime is in an `Arc`; `data` came from `Arc::into_raw`.
#[cfg(feature = "alloc")]
struct Shared<R>(PhantomData<R>);

#[cfg(feature = "alloc")]
impl<R: Runtime> Shared<R> {
    const VTABLE: Vtable = Vtable {
        get: |data| -> NonNull<dyn Runtime> { data.cast::<R>() },
        // SAFETY: the handle holds one count of this `Arc<R>`.
        clone: |data| unsafe {
            alloc::sync::Arc::increment_strong_count(data.cast::<R>().as_ptr());
        },
        // SAFETY: the handle gives its count up.
        drop: |data| unsafe {
            alloc::sync::Arc::decrement_strong_count(data.cast::<R>().as_ptr());
        },
    };
}

impl Handle {
    /// A handle to a runtime in a `static`.
    pub const fn from_static<R: Runtime>(runtime: &'static R) -> Handle {
        // SAFETY: a reference is never null. (`NonNull::from` is not `const`.)
        let data = unsafe { NonNull::new_unchecked(core::ptr::from_ref(runtime).cast_mut()) };
        Handle { data: data.cast(), vtable: &Static::<R>::VTABLE }
    }

    /// A handle to a runtime in an `Arc`.
    ///
    /// Handles made from different `Arc`s are the same runtime if its `tag` is the same: a runtime
    /// may keep one small `Arc` per worker, so that cloning does not contend for one count.
    #[cfg(feature = "alloc")]
    pub fn from_arc<R: Runtime>(runtime: alloc::sync::Arc<R>) -> Handle {
        let data = alloc::sync::Arc::into_raw(runtime).cast_mut();
        // SAFETY: an `Arc` is never null.
        let data = unsafe { NonNull::new_unchecked(data) };
        Handle { data: data.cast(), vtable: &Shared::<R>::VTABLE }
    }

    /// The current runtime.
    ///
    /// # Panics
    ///
    /// If there is none; the text says how to get one.
    #[track_caller]
    pub fn current() -> Handle {
        match Handle::try_current() {
            Ok(handle) => handle,
            Err(none) => panic!("{none}"),
        }
    }

    /// The current runtime, if there is one.
    ///
    /// # Errors
    ///
    /// [`NoRuntime`] outside of any.
    pub fn try_current() -> Result<Handle, NoRuntime> {
        current::with(|current| current.cloned().ok_or(NoRuntime))
    }

    /// Reserved for the day that [`Context`] carries the runtime; `None` today.
    pub fn from_context(cx: &Context<'_>) -> Option<Handle> {
        let _ = cx;
        None
    }

    /// The hooks.
    #[inline]
    pub fn runtime(&self) -> &dyn Runtime {
        // SAFETY: `self` is the live handle that `data` belongs to, and outlives the reference.
        unsafe { (self.vtable.get)(self.data).as_ref() }
    }

    /// Calls `f` with this runtime current.
    ///
    /// Scopes nest, and end when `f` returns or panics. Threads that `f` starts see none.
    ///
    /// A runtime whose [`enter`](Runtime::enter) hook does not call its argument exactly once is
    /// broken; `f` is then called without its context.
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        let mut f = Some(f);
        let mut result = None;
        current::set(self, || {
            let mut body = || {
                if let Some(f) = f.take() {
                    result = Some(f());
                }
            };
            self.runtime().enter(&mut body);
            body();
        });
        result.expect("`body` ran")
    }

    /// A future that enters this runtime for every poll of `future`, and for its drop.
    pub fn wrap<F: Future>(&self, future: F) -> Entered<F> {
        Entered { handle: self.clone(), future: Some(future) }
    }

    /// Spawns a task on this runtime, whichever is current.
    ///
    /// If the runtime has ended, the handle resolves *cancelled*; if it is full, *refused*.
    ///
    /// # Panics
    ///
    /// In a build without a heap, if the runtime has no memory for the task.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_with(Meta::new(None), future)
    }

    /// As [`spawn`](Handle::spawn), with facts of the caller's.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Handle::spawn).
    #[track_caller]
    pub fn spawn_with<F>(&self, meta: Meta, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (task, join) = match Task::new(self.clone(), meta, future) {
            Ok(made) => made,
            Err(missing) => panic!("cannot spawn: {missing}"),
        };
        if let Err((task, refused)) = self.runtime().spawner().spawn(task) {
            task.refuse(refused);
        }
        join
    }

    /// As [`spawn_with`](Handle::spawn_with), but a runtime that is full, or has no memory, says so.
    /// The future is dropped then.
    ///
    /// # Errors
    ///
    /// A [`Refused`] whose [`is_temporary`](Refused::is_temporary) is true.
    pub fn try_spawn_with<F>(&self, meta: Meta, future: F) -> Result<JoinHandle<F::Output>, Refused>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (task, join) = Task::new(self.clone(), meta, future).map_err(|_| Refused::FULL)?;
        Task::settle(self.runtime().spawner().spawn(task), join)
    }

    /// Runs `future` to its end on this thread, with this runtime current.
    ///
    /// # Errors
    ///
    /// [`BlockOnError`]: the runtime cannot block (a browser), has ended, or not here.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output, BlockOnError> {
        let hook = self.require(Capability::BlockOn, |rt| rt.block_on())?;
        current::set(self, || run_on(hook, future)).map_err(BlockOnError::Refused)
    }

    /// Name, size, state.
    pub fn info(&self) -> Info {
        self.runtime().info()
    }

    /// Figures that the runtime counts.
    pub fn metrics(&self) -> Metrics {
        self.runtime().metrics()
    }

    /// A vendor's extra: whatever value of type `T` the runtime answers.
    pub fn query<T: 'static>(&self) -> Option<&T> {
        self.runtime().query(TypeId::of::<T>())?.downcast_ref()
    }

    /// The hook that `get` answers, or the error that names what is missing.
    ///
    /// # Errors
    ///
    /// [`Unsupported`].
    pub fn require<'a, H: ?Sized>(
        &'a self,
        capability: Capability,
        get: impl FnOnce(&'a dyn Runtime) -> Option<&'a H>,
    ) -> Result<&'a H, Unsupported> {
        get(self.runtime()).ok_or_else(|| self.unsupported(capability))
    }

    /// The error that says that this runtime lacks `capability`.
    pub fn unsupported(&self, capability: Capability) -> Unsupported {
        Unsupported::new(self.info().name, capability)
    }

    /// Whether both are clones of one handle: cheaper than equality, and finer.
    #[inline]
    pub(crate) fn is_clone_of(&self, other: &Handle) -> bool {
        self.data == other.data && core::ptr::eq(self.vtable, other.vtable)
    }
}

/// Adapts a future with an output to the hook, which knows none.
fn run_on<F: Future>(hook: &dyn BlockOn, future: F) -> Result<F::Output, Refused> {
    let mut output = None;
    let main = async { output = Some(future.await) };
    hook.block_on(core::pin::pin!(main))?;
    Ok(output.expect("`block_on` returns when the future is ready"))
}

impl Clone for Handle {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: `self` is live.
        unsafe { (self.vtable.clone)(self.data) };
        Handle { ..*self }
    }
}

impl Drop for Handle {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `self` is live, and gone after this.
        unsafe { (self.vtable.drop)(self.data) };
    }
}

impl PartialEq for Handle {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.runtime().tag(), other.runtime().tag())
    }
}

impl Eq for Handle {}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.info()).finish()
    }
}

/// Why [`Handle::block_on`] did not run its future.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockOnError {
    /// The runtime cannot block a thread at all.
    Unsupported(Unsupported),
    /// It can, but not now or not here.
    Refused(Refused),
}

impl From<Unsupported> for BlockOnError {
    fn from(missing: Unsupported) -> Self {
        BlockOnError::Unsupported(missing)
    }
}

impl fmt::Display for BlockOnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlockOnError::Unsupported(missing) => missing.fmt(f),
            BlockOnError::Refused(Refused { why: RefusedWhy::ShutDown }) => {
                f.write_str("cannot block on a future: the runtime is shutting down")
            }
            BlockOnError::Refused(refused) => refused.fmt(f),
        }
    }
}

impl core::error::Error for BlockOnError {}

#[cfg(feature = "std")]
impl From<BlockOnError> for std::io::Error {
    fn from(error: BlockOnError) -> Self {
        let kind = match error {
            BlockOnError::Unsupported(_) => std::io::ErrorKind::Unsupported,
            BlockOnError::Refused(_) => std::io::ErrorKind::Other,
        };
        std::io::Error::new(kind, error)
    }
}

/// The future that [`Handle::wrap`] returns.
#[derive(Debug)]
pub struct Entered<F> {
    handle: Handle,
    /// Pinned; emptied in place by the destructor only.
    future: Option<F>,
}

impl<F: Future> Future for Entered<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `future` is pinned with `self`; it is never moved, only dropped in place.
        let this = unsafe { self.get_unchecked_mut() };
        let future = this.future.as_mut().expect("emptied by the destructor only");
        // SAFETY: as above.
        let future = unsafe { Pin::new_unchecked(future) };
        this.handle.enter(|| future.poll(cx))
    }
}

impl<F> Drop for Entered<F> {
    fn drop(&mut self) {
        let Entered { handle, future } = self;
        // Assigning `None` drops the future where it stands, which pinning asks for.
        handle.enter(|| *future = None);
    }
}
