//! What comes from abroad: the wakers of local tasks, and the mail that they send.
//!
//! Each function of the waker asks first where it is. At home, and for tasks without a home, it does
//! what every task's waker does.

use core::task::{RawWaker, RawWakerVTable};

use super::{away, relay_of, tell};
use crate::contain::contain_quietly;
use crate::hooks::Why;
use crate::task::cell::{Raw, drop_quietly};
use crate::task::state::{Duty, Slot};
use crate::task::{join, waker};

/// The waker of a local task.
pub(in crate::task) static WAKER: RawWakerVTable =
    RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

unsafe fn clone(data: *const ()) -> RawWaker {
    let raw = waker::raw(data);
    // SAFETY: the waker that is being cloned keeps the cell alive.
    unsafe {
        if !away(raw).is_some_and(|away| tell(raw, away.clone_waker(), Why::Woken)) {
            raw.header().state.clone_waker();
        }
    }
    RawWaker::new(data, &WAKER)
}

unsafe fn wake_by_ref(data: *const ()) {
    let raw = waker::raw(data);
    // SAFETY: this waker keeps the cell alive.
    unsafe {
        if !away(raw).is_some_and(|away| tell(raw, away.wake(), Why::Woken)) {
            waker::wake_by_ref(data);
        }
    }
}

unsafe fn wake(data: *const ()) {
    let raw = waker::raw(data);
    // SAFETY: this waker keeps the cell alive until it is uncounted, and is ours to drop.
    unsafe {
        if !away(raw).is_some_and(|away| tell(raw, away.wake_and_drop(), Why::Woken)) {
            waker::wake_by_ref(data);
            waker::drop_waker(data);
        }
    }
}

unsafe fn drop_waker(data: *const ()) {
    let raw = waker::raw(data);
    // SAFETY: as in `wake`.
    unsafe {
        if !away(raw).is_some_and(|away| tell(raw, away.drop_waker(), Why::Cancelled)) {
            waker::drop_waker(data);
        }
    }
}

/// Receives mail: does what was wished as moves of the owner's own. `true`: the caller is the driver
/// now.
///
/// # Safety
///
/// The mail was sent (O5), is received once, and the caller is the owner.
pub(super) unsafe fn receive(raw: Raw) -> bool {
    // SAFETY: mail keeps the cell alive; from here on it counts as a waker, which is dropped below.
    let state = unsafe { &raw.header().state };
    let wishes = state.receive();
    let mut is_driver = false;
    if wishes.asks() {
        // SAFETY: the owner has seen `ASK`.
        unsafe { move_in(raw) };
    }
    if wishes.aborts() {
        // SAFETY: alive.
        is_driver |= unsafe { abort(raw) };
    }
    if wishes.wakes() {
        is_driver |= state.wake() == Duty::Schedule;
    }
    if wishes.detaches() {
        // SAFETY: the handle left this to us (O6). An outcome that it took is not there.
        unsafe { join::let_go(raw, false) };
    }
    let mut duty = state.drop_waker();
    if duty == Duty::Schedule {
        is_driver = true;
        duty = state.drop_waker(); // it was left counted
    }
    // SAFETY: that was the reference of this mail.
    unsafe { raw.release(duty) };
    is_driver
}

/// Asks for cancellation. `true`: the caller is the driver from now on.
///
/// # Safety
///
/// The cell is alive, and the caller may touch its state (O3).
pub(super) unsafe fn abort(raw: Raw) -> bool {
    // SAFETY: alive, says the caller.
    let duty = unsafe { raw.header() }.state.abort();
    if duty == Duty::WakeHost {
        // SAFETY: the move took the host slot for us.
        let host = unsafe { raw.take_host() };
        contain_quietly(|| host.wake());
    }
    duty == Duty::Schedule
}

/// Puts a waker of the handle's relay into the join slot; wakes it if the task has ended.
///
/// # Safety
///
/// The caller is the owner and has received `ASK`.
unsafe fn move_in(raw: Raw) {
    // SAFETY: alive, and `ASK` was received.
    let (state, relay) = unsafe { (&raw.header().state, relay_of(raw).waker()) };
    if state.slot() == Slot::Filled && state.reclaim() {
        // SAFETY: reclaimed, and full.
        drop_quietly(unsafe { raw.take_join() });
    }
    if state.slot() == Slot::Done {
        return contain_quietly(|| relay.wake());
    }
    // SAFETY: empty, and the handle does not touch it: it has asked (T3).
    unsafe { raw.put_join(relay) };
    let _ = state.offer(); // not done, and nobody else moves this word
}
