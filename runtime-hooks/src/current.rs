//! Which runtime is current on this thread.
//!
//! A thread-local holds a *borrowed* pointer to the handle in scope: setting it costs two stores,
//! reading it one, and nothing is counted. It is `const`-initialised and has no destructor, so it is
//! simply absent at thread exit, not an error.
//!
//! Scopes are closures, so they nest and cannot be left in the wrong order; a panic restores too.
//!
//! Without thread-locals (`no_std`) there is one runtime, linked in by
//! [`static_runtime!`](crate::static_runtime), and it is
//! current everywhere.
//!
//! # Invariants
//!
//! - **R1** A pointer in the slot is to a handle that outlives the scope that put it there; the scope
//!   restores the previous one before it ends, also by unwinding.

use core::ptr;

use crate::Handle;

#[cfg(all(feature = "std", not(any(loom, shuttle))))]
mod slot {
    use super::Handle;
    use core::cell::Cell;
    use core::ptr;
    use core::sync::atomic::{AtomicU64, Ordering};

    std::thread_local! {
        static CURRENT: Cell<*const Handle> = const { Cell::new(ptr::null()) };
        static IN_TASK: Cell<bool> = const { Cell::new(false) };
        static THREAD: Cell<u64> = const { Cell::new(0) };
    }

    /// Notes whether the innermost scope is the poll of a task.
    #[inline]
    pub(super) fn enter_task(is_task: bool) -> bool {
        IN_TASK.with(|in_task| in_task.replace(is_task))
    }

    #[cfg(feature = "std")]
    pub(super) fn in_task() -> bool {
        IN_TASK.with(Cell::get)
    }

    #[inline]
    pub(super) fn get() -> *const Handle {
        CURRENT.with(Cell::get)
    }

    #[inline]
    pub(super) fn replace(new: *const Handle) -> *const Handle {
        CURRENT.with(|current| current.replace(new))
    }

    /// This thread's number, never reused, never zero.
    #[inline]
    pub(crate) fn thread() -> u64 {
        THREAD.with(|mine| match mine.get() {
            0 => {
                static NEXT: AtomicU64 = AtomicU64::new(1);
                mine.set(NEXT.fetch_add(1, Ordering::Relaxed));
                mine.get()
            }
            number => number,
        })
    }
}

#[cfg(any(loom, shuttle))]
mod slot {
    use super::Handle;
    use core::cell::Cell;
    use core::ptr;
    use core::sync::atomic::{AtomicU64, Ordering};
    #[cfg(loom)]
    use loom::thread_local;
    #[cfg(shuttle)]
    use shuttle::thread_local;

    thread_local! {
        static CURRENT: Cell<*const Handle> = Cell::new(ptr::null());
        static THREAD: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }

    /// Not a modelled atomic: numbers are only compared, and need to outlive a single execution.
    static NEXT: AtomicU64 = AtomicU64::new(1);

    pub(super) fn get() -> *const Handle {
        CURRENT.with(|current| current.get())
    }

    pub(super) fn replace(new: *const Handle) -> *const Handle {
        CURRENT.with(|current| current.replace(new))
    }

    pub(crate) fn thread() -> u64 {
        THREAD.with(|mine| *mine)
    }

    pub(super) fn enter_task(_: bool) -> bool {
        false
    }

    pub(super) fn in_task() -> bool {
        false
    }
}

#[cfg(not(any(feature = "std", loom, shuttle)))]
mod slot {
    use super::Handle;

    unsafe extern "Rust" {
        // Defined by `static_runtime!`. A link error that names it means: no runtime was chosen.
        safe fn __runtime_hooks_static_runtime() -> &'static Handle;
    }

    #[inline]
    pub(super) fn get() -> *const Handle {
        __runtime_hooks_static_runtime()
    }

    #[inline]
    pub(super) fn replace(_: *const Handle) -> *const Handle {
        get()
    }

    #[inline]
    pub(super) fn enter_task(_: bool) -> bool {
        false
    }
}

#[cfg(feature = "std")]
pub(crate) use slot::thread;

/// Calls `f` with the current handle.
#[inline]
pub fn with<R>(f: impl FnOnce(Option<&Handle>) -> R) -> R {
    // SAFETY: a pointer in the slot is to a live handle (R1), for as long as the innermost scope
    // lasts, which is longer than this call.
    f(unsafe { slot::get().as_ref() })
}

/// Whether the innermost scope is the poll of a task of `handle`'s runtime.
///
/// Such a task will be dropped when its runtime ends, so it may wait for what will never come; a
/// root future, one that is polled by somebody else, or one that a decorator
/// [keeps](crate::hooks::Runtime::keeps_tasks), would wait for ever.
#[cfg(feature = "std")]
pub fn is_task_of(handle: &Handle) -> bool {
    let is_dropped = |current: &Handle| current == handle && !current.runtime().keeps_tasks();
    slot::in_task() && with(|current| current.is_some_and(is_dropped))
}

/// Calls `f` with `handle` current, without entering the runtime's own context: for whoever stands
/// in it already.
#[inline]
pub(crate) fn set<R>(handle: &Handle, f: impl FnOnce() -> R) -> R {
    scope(handle, false, f)
}

/// As [`set`], for the poll of a task.
#[inline]
pub(crate) fn set_task<R>(handle: &Handle, poll: impl FnOnce() -> R) -> R {
    scope(handle, true, poll)
}

#[inline]
fn scope<R>(handle: &Handle, is_task: bool, f: impl FnOnce() -> R) -> R {
    // The same handle, or a clone of it, is current for most polls: a worker sets its own once.
    let is_set = with(|current| current.is_some_and(|current| current.is_clone_of(handle)));
    let handle = if is_set { slot::get() } else { slot::replace(ptr::from_ref(handle)) };
    let _restore = Restore { handle, is_task: slot::enter_task(is_task) };
    f()
}

/// Puts the previous scope back (R1).
struct Restore {
    handle: *const Handle,
    is_task: bool,
}

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        slot::replace(self.handle);
        slot::enter_task(self.is_task);
    }
}

/// Makes `$runtime`, a `static` (or a constant path to one) whose type implements
/// [`Runtime`](crate::hooks::Runtime), the current runtime of a program without thread-locals.
///
/// Used once in a program, at module level. With `std` there are thread-locals, and this has no
/// effect: use [`Handle::enter`].
///
/// ```
/// # use runtime_hooks::hooks::{Info, Runtime, Spawn, Tag, Why};
/// # use runtime_hooks::task::Runnable;
/// # struct Blinky(Tag);
/// # impl Spawn for Blinky { fn schedule(&self, _: Runnable, _: Why) {} }
/// # impl Runtime for Blinky {
/// #     fn tag(&self) -> &Tag { &self.0 }
/// #     fn info(&self) -> Info { Info::new("blinky") }
/// #     fn spawner(&self) -> &dyn Spawn { self }
/// # }
/// static RUNTIME: Blinky = Blinky(Tag::new());
/// runtime_hooks::static_runtime!(RUNTIME);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! static_runtime {
    ($runtime:path) => {
        const _: () = {
            static HANDLE: $crate::Handle = $crate::Handle::from_static(&$runtime);

            // SAFETY: the name is this crate's own; a second definition is a link error.
            #[unsafe(no_mangle)]
            #[doc(hidden)]
            pub fn __runtime_hooks_static_runtime() -> &'static $crate::Handle {
                &HANDLE
            }
        };
    };
}
