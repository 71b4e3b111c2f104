//! The handle that awaits a task.

use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::abroad;
use super::cell::{Meta, Raw, drop_quietly};
use super::runnable::{end_hosted, schedule};
use super::state::{Duty, Slot};
use crate::contain::contain_quietly;
use crate::hooks::Why;
use crate::{Handle, JoinError, Refused};

/// Awaits a task's output.
///
/// # Cancellation
///
/// Dropping the handle **leaves running**: the task goes on, as a `std::thread` does. Its output is
/// dropped when it comes. To stop the task, call [`abort`](JoinHandle::abort) or
/// [`cancel`](JoinHandle::cancel).
///
/// The handle may be awaited anywhere: on another runtime, on another thread.
///
/// # Contract
///
/// - **JOIN-1** (must) The handle yields the output once, by move; over all, its destructor runs once.
/// - **JOIN-2** (must) Dropping the handle detaches: the task keeps running.
/// - **JOIN-3** (must) The end of the task wakes the waker of the latest poll; the wakers of earlier
///   polls are released by then.
/// - **JOIN-4** (must) Once [`is_finished`](JoinHandle::is_finished) is true it stays so, and the next
///   poll is ready.
/// - **JOIN-5** (must) It can be awaited by a foreign executor, on another runtime, on another thread.
/// - **JOIN-6** (must) An output that nobody takes is dropped with the handle, or with the task if the
///   handle went before; a panic of its destructor reaches neither who drops the handle nor a worker.
/// - **JOIN-7** (must) Polling again after the output was given panics.
/// - **CANCEL-1** (must) An abort of a parked task drops its future without another poll, though nobody
///   wakes it; the handle resolves *cancelled*.
/// - **CANCEL-2** (must) A poll in progress is not interrupted; the abort takes effect when it is
///   pending.
/// - **CANCEL-3** (must) Abort and completion leave one outcome: *cancelled*, or the output, which is
///   then neither lost nor leaked.
/// - **CANCEL-4** (must) `abort` may be called any number of times and from anywhere, also after the
///   end; it neither waits nor panics.
/// - **CANCEL-5** (must) *Cancelled* is seen only after the future's destructor has returned.
/// - **CANCEL-6** (should) That destructor does not run inside the call of `abort`; for local tasks a
///   must.
/// - **CANCEL-7** (must) An abort before the first poll prevents it, also if the handle is dropped then.
/// - **CANCEL-8** (must) A pending future that is dropped, this one or any other of the interface,
///   releases its waker and takes no event from its siblings.
pub struct JoinHandle<T> {
    raw: Raw,
    /// Whether the outcome was taken out.
    taken: bool,
    output: PhantomData<T>,
}

// SAFETY: the handle moves a `T` out of the cell to its own thread; all else is synchronised by the
// state word, or by what is said abroad (`away`).
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: through `&JoinHandle` no `T` can be reached: only moves on these words, and reads of the relay
// slot, which is written through `&mut` (O6).
unsafe impl<T: Send> Sync for JoinHandle<T> {}
// The output is not stored in the handle.
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    ///
    /// `raw` is a new cell whose `HANDLE` is not taken yet, and `T` its future's output.
    pub(super) unsafe fn from_raw(raw: Raw) -> JoinHandle<T> {
        JoinHandle { raw, taken: false, output: PhantomData }
    }

    /// The handle of a task that never came to be: it resolves with `why`.
    ///
    /// For front ends that find a capability missing, on a thread that may be nobody's.
    ///
    /// # Errors
    ///
    /// [`Refused::FULL`] if there is no memory for it.
    pub fn refused(
        rt: Handle,
        meta: Meta,
        why: impl Into<JoinError>,
    ) -> Result<JoinHandle<T>, Refused> {
        let nothing = core::future::pending::<T>();
        let raw = Raw::new(rt, meta, nothing).map_err(|_| Refused::FULL)?;
        // SAFETY: a new cell is held by a driver, which ends here without a poll, and a handle, made
        // here once with the future's output. That the output need not be `Send` does no harm: there
        // will never be one.
        Ok(unsafe {
            let join = JoinHandle::from_raw(raw);
            end_hosted(raw, why.into());
            join
        })
    }

    /// Asks the task to stop: its future is dropped, soon, where tasks run; the handle then resolves
    /// *cancelled*. A poll in progress ends first. A task that is finished keeps its output.
    ///
    /// Callable any number of times, from anywhere; never waits.
    pub fn abort(&self) {
        // SAFETY: the handle keeps the cell alive.
        if unsafe { abroad::abort(self.raw) } {
            return;
        }
        // SAFETY: the handle keeps the cell alive.
        match unsafe { self.raw.header() }.state.abort() {
            // SAFETY: the move made us the driver; the handle outlives the call.
            Duty::Schedule => unsafe { schedule(self.raw, Why::Cancelled) },
            Duty::WakeHost => {
                // SAFETY: the move took the host slot for us.
                let waker = unsafe { self.raw.take_host() };
                contain_quietly(|| waker.wake());
            }
            Duty::Nothing | Duty::Free => {}
        }
    }

    /// Asks the task to stop and waits until its future has been dropped.
    ///
    /// `Ok` if it had finished before. An error whose [`is_cancelled`](JoinError::is_cancelled) says
    /// so otherwise.
    ///
    /// # Cancellation
    ///
    /// Dropping the returned future **leaves running**: the abort has been asked for, if it was
    /// polled.
    pub async fn cancel(self) -> Result<T, JoinError> {
        self.abort();
        self.await
    }

    /// Whether the next poll is ready.
    #[inline]
    pub fn is_finished(&self) -> bool {
        // SAFETY: the handle keeps the cell alive.
        unsafe { self.raw.header() }.state.is_done()
    }

    /// The task's number: see [`Meta::id`].
    pub fn id(&self) -> u32 {
        self.meta().id
    }

    /// Facts about the task.
    pub fn meta(&self) -> &Meta {
        // SAFETY: the handle keeps the cell alive.
        unsafe { &self.raw.header().meta }
    }

    /// Waits, since the task was not done: fills the join slot with `waker`. `false`: it is now.
    fn wait(&mut self, waker: &Waker) -> bool {
        // SAFETY: we are the handle.
        if let Some(waiting) = unsafe { abroad::wait(self.raw, waker) } {
            return waiting;
        }
        // SAFETY: the handle keeps the cell alive.
        let state = unsafe { &self.raw.header().state };
        match state.slot() {
            Slot::Done => return false,
            Slot::Empty => {}
            // SAFETY: we are the handle, and saw it filled.
            Slot::Filled if unsafe { self.raw.join_matches(waker) } => return true,
            Slot::Filled => {
                if !state.reclaim() {
                    return false;
                }
                // SAFETY: reclaimed, and full.
                drop_quietly(unsafe { self.raw.take_join() });
            }
        }
        // SAFETY: empty and ours: `AWAITED` is clear.
        unsafe { self.raw.put_join(waker.clone()) };
        let waiting = state.offer();
        if !waiting {
            // SAFETY: the move failed, so the slot is still ours.
            drop_quietly(unsafe { self.raw.take_join() });
        }
        waiting
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.taken, "a JoinHandle was polled after it had given its output");
        // Done is done, wherever this is.
        if !self.is_finished() && self.wait(cx.waker()) {
            return Poll::Pending;
        }
        self.taken = true;
        // SAFETY: done, so the outcome is the handle's (T1); it is there, because only we take it,
        // and `taken` was false. `T` is the future's output, as `from_raw` demands.
        Poll::Ready(unsafe { self.raw.take() })
    }
}

impl<T> Drop for JoinHandle<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: we are the handle, and gone after this; the outcome is there unless it was taken.
        unsafe {
            if !abroad::let_go(self.raw, self.taken) {
                let_go(self.raw, self.taken);
            }
        }
    }
}

/// The handle goes.
///
/// # Safety
///
/// The caller is the handle, and is so no longer afterwards.
#[inline]
pub(super) unsafe fn let_go(raw: Raw, taken: bool) {
    // SAFETY: the handle keeps the cell alive until a move below gives that up. An outcome that is not
    // taken is there in the end, and then the handle's to drop (T1).
    unsafe {
        if taken || give_up(raw) {
            raw.release(raw.header().state.release_handle());
        }
    }
}

/// The handle goes without the outcome. `true`: the task is done, and the outcome was dropped; what
/// remains to be done is to release the handle.
///
/// # Safety
///
/// The caller is the handle; if this is `false` it is so no longer.
#[inline(never)]
unsafe fn give_up(raw: Raw) -> bool {
    // SAFETY: the handle keeps the cell alive until a move below gives that up.
    let state = unsafe { &raw.header().state };
    if state.slot() == Slot::Filled && state.reclaim() {
        // SAFETY: reclaimed, and full.
        drop_quietly(unsafe { raw.take_join() });
    }
    // Twice at most: after `Schedule` the task is no longer parked.
    while let Some(duty) = state.detach() {
        if duty != Duty::Schedule {
            return false; // the cell may be gone already
        }
        // SAFETY: the move made us the driver and left the handle counted.
        unsafe { schedule(raw, Why::Cancelled) };
    }
    // SAFETY: done, so the outcome is ours (T1).
    unsafe { raw.drop_outcome() };
    true
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("task", self.meta())
            .field("finished", &self.is_finished())
            .finish()
    }
}
