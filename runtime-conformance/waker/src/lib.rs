//! Wakers whose clone, wake and drop are yours: for tests of runtimes.
//!
//! `std::task::Wake` lets a test see wakes; that a waker is cloned or dropped it does not show, and a
//! runtime that does so under its own lock is found by nothing else. Seeing it takes a `RawWaker`,
//! hence unsafe code, hence a crate of its own: the suite forbids it. For the same reason `signals` and
//! `forks` are here.
//!
//! # Invariants
//!
//! - **W1** The data of every waker with `Of::VTABLE` came from `Arc::into_raw` of an `Arc<B>` of
//!   the same `B`, and the waker owns that count.
//! - **W2** Each of the four functions ends with exactly the counts that its waker owns: *clone* made
//!   one more, *wake* and *drop* gave theirs up, *wake by reference* changed none; also when the
//!   behaviour panics, except that a *clone* that panics made none.

#[cfg(target_os = "linux")]
mod forks;
mod signals;

#[cfg(target_os = "linux")]
pub use forks::forked;
pub use signals::broken_pipes_kill;
#[cfg(target_os = "linux")]
pub use signals::long_files_are_errors;

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// What a waker does. Anything may be done, panicking too.
pub trait Behaviour: Send + Sync + 'static {
    /// It is being cloned; the clone is not made yet.
    fn on_clone(&self) {}
    /// What the clone has; another than this, and the two do not say that they wake the same.
    fn cloned(self: Arc<Self>) -> Arc<Self> {
        self
    }
    /// It is woken, by value or by reference.
    fn on_wake(&self);
    /// It is being dropped, or was used up by a wake; its count is not given up yet.
    fn on_drop(&self) {}
}

/// A waker with this behaviour. `Arc::strong_count` tells how many there are.
pub fn waker<B: Behaviour>(behaviour: Arc<B>) -> Waker {
    // SAFETY: the four functions keep `RawWaker`'s contract by W1 and W2, and are thread-safe because
    // `B` is `Send + Sync` and `Arc` counts atomically.
    unsafe { Waker::new(Arc::into_raw(behaviour).cast(), &Of::<B>::VTABLE) }
}

/// The functions for one type of behaviour.
struct Of<B>(B);

impl<B: Behaviour> Of<B> {
    const VTABLE: RawWakerVTable =
        RawWakerVTable::new(Of::<B>::clone, Of::<B>::wake, Of::<B>::wake_by_ref, Of::<B>::drop);

    /// # Safety
    ///
    /// `data` is that of a live waker with this table.
    unsafe fn clone(data: *const ()) -> RawWaker {
        // SAFETY: by W1 this is an `Arc<B>`; not dropping it leaves the waker its count.
        let behaviour = ManuallyDrop::new(unsafe { Arc::<B>::from_raw(data.cast()) });
        behaviour.on_clone();
        RawWaker::new(Arc::into_raw(Arc::clone(&behaviour).cloned()).cast(), &Self::VTABLE)
    }

    /// # Safety
    ///
    /// As [`Of::clone`]; the waker is used up.
    unsafe fn wake(data: *const ()) {
        // SAFETY: by W1 this is an `Arc<B>`, and the waker's count is ours now.
        let behaviour = Dropped(unsafe { Arc::<B>::from_raw(data.cast()) });
        behaviour.0.on_wake();
    }

    /// # Safety
    ///
    /// As [`Of::clone`].
    unsafe fn wake_by_ref(data: *const ()) {
        // SAFETY: as in `clone`.
        let behaviour = ManuallyDrop::new(unsafe { Arc::<B>::from_raw(data.cast()) });
        behaviour.on_wake();
    }

    /// # Safety
    ///
    /// As [`Of::clone`]; the waker is gone afterwards.
    unsafe fn drop(data: *const ()) {
        // SAFETY: as in `wake`.
        drop(Dropped(unsafe { Arc::<B>::from_raw(data.cast()) }));
    }
}

/// Calls `on_drop`, then gives its count up.
struct Dropped<B: Behaviour>(Arc<B>);

impl<B: Behaviour> Drop for Dropped<B> {
    fn drop(&mut self) {
        // While unwinding from `on_wake` a second panic would abort the process, and say nothing new.
        if !std::thread::panicking() {
            self.0.on_drop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Counts {
        clones: AtomicUsize,
        wakes: AtomicUsize,
        drops: AtomicUsize,
        panics: bool,
    }

    impl Counts {
        fn add(&self, to: &AtomicUsize) {
            to.fetch_add(1, Ordering::Relaxed);
            assert!(!self.panics, "as asked");
        }

        fn seen(&self) -> [usize; 3] {
            [&self.clones, &self.wakes, &self.drops].map(|count| count.load(Ordering::Relaxed))
        }
    }

    impl Behaviour for Counts {
        fn on_clone(&self) {
            self.add(&self.clones);
        }
        fn on_wake(&self) {
            self.add(&self.wakes);
        }
        fn on_drop(&self) {
            self.add(&self.drops);
        }
    }

    #[test]
    fn every_use_is_seen_and_every_count_given_back() {
        let counts = Arc::new(Counts::default());
        let first = waker(counts.clone());
        let second = first.clone();
        assert!(first.will_wake(&second));
        assert_eq!(Arc::strong_count(&counts), 3);
        first.wake_by_ref();
        first.wake();
        assert_eq!(Arc::strong_count(&counts), 2);
        drop(second);
        assert_eq!((counts.seen(), Arc::strong_count(&counts)), ([1, 2, 2], 1));
    }

    #[test]
    fn a_panic_changes_no_count() {
        let counts = Arc::new(Counts { panics: true, ..Counts::default() });
        let first = waker(counts.clone());
        let calm = |call: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(call)).is_err();
        assert!(calm(&mut || drop(first.clone())));
        assert_eq!(Arc::strong_count(&counts), 2);
        assert!(calm(&mut || first.wake_by_ref()));
        assert_eq!(Arc::strong_count(&counts), 2);
        let mut first = Some(first);
        assert!(calm(&mut || first.take().into_iter().for_each(Waker::wake)));
        assert_eq!((counts.seen(), Arc::strong_count(&counts)), ([1, 2, 0], 1));
    }
}
