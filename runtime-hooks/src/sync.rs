//! The atoms that concurrent code of this crate is made of, so that model checkers can replace them.
//!
//! Same items in each arm: plain `core` by default, `loom`'s under `--cfg loom`, `shuttle`'s under
//! `--cfg shuttle`. [`Lock`] guards a few pointer writes and never foreign code; [`alloc`] and
//! [`dealloc`] are the heap, whose leaks loom reports.

#[cfg(loom)]
pub(crate) use loom::{cell::UnsafeCell, sync::atomic::AtomicUsize};
#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::AtomicUsize;

#[cfg(not(any(loom, shuttle)))]
pub(crate) use core::sync::atomic::AtomicUsize;

#[cfg(all(feature = "std", not(any(loom, shuttle))))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
#[cfg(all(feature = "std", loom))]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
#[cfg(all(feature = "std", shuttle))]
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

#[cfg(all(any(feature = "alloc", shuttle), not(loom)))]
pub(crate) use alloc::alloc::{alloc, dealloc};
#[cfg(loom)]
pub(crate) use loom::alloc::{alloc, dealloc};

#[cfg(not(loom))]
pub(crate) use plain::UnsafeCell;

#[cfg(not(loom))]
mod plain {
    /// `core`'s cell with closures instead of a pointer that escapes: loom's interface.
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            UnsafeCell(core::cell::UnsafeCell::new(value))
        }

        /// Reading access; the caller's invariants say that nobody writes meanwhile.
        #[inline(always)]
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Writing access; the caller's invariants say that it is exclusive.
        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

pub(crate) use lock::Lock;

#[cfg(loom)]
mod lock {
    /// A short critical section.
    pub(crate) struct Lock<T>(loom::sync::Mutex<T>);

    impl<T> Lock<T> {
        pub(crate) fn new(value: T) -> Self {
            Lock(loom::sync::Mutex::new(value))
        }

        pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
            f(&mut self.0.lock().unwrap())
        }
    }
}

#[cfg(shuttle)]
mod lock {
    /// A short critical section.
    pub(crate) struct Lock<T>(shuttle::sync::Mutex<T>);

    impl<T> Lock<T> {
        pub(crate) fn new(value: T) -> Self {
            Lock(shuttle::sync::Mutex::new(value))
        }

        pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
            f(&mut self.0.lock().unwrap())
        }
    }
}

#[cfg(all(feature = "std", not(any(loom, shuttle))))]
mod lock {
    use std::sync::{Mutex, PoisonError};

    /// A short critical section.
    pub(crate) struct Lock<T>(Mutex<T>);

    impl<T> Lock<T> {
        pub(crate) const fn new(value: T) -> Self {
            Lock(Mutex::new(value))
        }

        pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
            // Nothing under the lock can panic half-way, so poison says nothing.
            f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }
    }
}

#[cfg(all(not(feature = "std"), not(any(loom, shuttle))))]
mod lock {
    use core::cell::UnsafeCell;
    use core::sync::atomic::{AtomicBool, Ordering};

    /// A short critical section: a few instructions, spun for, because there is no operating system
    /// to wait with. On one core it must not be taken inside an interrupt that may have
    /// interrupted its holder: spawn and complete tasks outside interrupt handlers.
    pub(crate) struct Lock<T> {
        held: AtomicBool,
        value: UnsafeCell<T>,
    }

    // SAFETY: `with` gives access to one thread at a time, so the value only moves between threads.
    unsafe impl<T: Send> Sync for Lock<T> {}

    impl<T> Lock<T> {
        pub(crate) const fn new(value: T) -> Self {
            Lock { held: AtomicBool::new(false), value: UnsafeCell::new(value) }
        }

        pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
            // `Acquire` pairs with the `Release` store below.
            while self.held.swap(true, Ordering::Acquire) {
                core::hint::spin_loop();
            }
            // SAFETY: we set `held`, so nobody else is between here and the store below.
            let result = f(unsafe { &mut *self.value.get() });
            self.held.store(false, Ordering::Release);
            result
        }
    }
}
