//! The waker of a task that a queue drives: the cell's address and four functions.

use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::task::{RawWaker, RawWakerVTable, Waker};

use super::cell::Raw;
use super::runnable::schedule;
use super::state::Duty;
use crate::hooks::Why;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// The waker of the task that is being polled, without counting it: the driver keeps the cell alive
/// for as long as the poll lasts.
///
/// # Safety
///
/// The caller is the driver, and the waker is gone before it lets go.
#[inline]
pub(super) unsafe fn borrowed(raw: Raw) -> ManuallyDrop<Waker> {
    #[cfg(feature = "std")]
    // SAFETY: a driver keeps the cell alive.
    let vtable =
        if unsafe { raw.header() }.local.is_some() { &super::local::WAKER } else { &VTABLE };
    #[cfg(not(feature = "std"))]
    let vtable = &VTABLE;
    // SAFETY: the functions below keep the contract of wakers: they are thread-safe because `State`
    // is, and count references, of which this one is the driver's (never dropped). Those of a local
    // task come here only where that task's state is the calling thread's, or everybody's.
    ManuallyDrop::new(unsafe { Waker::new(raw.0.as_ptr().cast(), vtable) })
}

pub(super) fn raw(data: *const ()) -> Raw {
    // Wakers are made in `borrowed` and `clone` only, from a cell's address.
    Raw(NonNull::new(data.cast_mut().cast()).expect("a cell's address"))
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker that is being cloned keeps the cell alive.
    unsafe { raw(data).header() }.state.clone_waker();
    RawWaker::new(data, &VTABLE)
}

pub(super) unsafe fn wake_by_ref(data: *const ()) {
    let raw = raw(data);
    // SAFETY: this waker keeps the cell alive, also while `schedule` runs.
    if unsafe { raw.header() }.state.wake() == Duty::Schedule {
        // SAFETY: the move made us the driver.
        unsafe { schedule(raw, Why::Woken) };
    }
}

unsafe fn wake(data: *const ()) {
    // SAFETY: `wake` is both, and the waker is ours to drop.
    unsafe {
        wake_by_ref(data);
        drop_waker(data);
    }
}

pub(super) unsafe fn drop_waker(data: *const ()) {
    let raw = raw(data);
    // SAFETY: this waker keeps the cell alive until a move uncounts it.
    let mut duty = unsafe { raw.header() }.state.drop_waker();
    if duty == Duty::Schedule {
        // SAFETY: the move made us the driver, and left this waker counted meanwhile.
        unsafe { schedule(raw, Why::Cancelled) };
        // SAFETY: still counted. The task is no longer parked, so this is not `Schedule` again.
        duty = unsafe { raw.header() }.state.drop_waker();
    }
    // SAFETY: that was this waker's reference.
    unsafe { raw.release(duty) };
}
