//! Tasks that stay on one thread.
//!
//! The future of a local task need not be `Send`. Its drivers are, all the same, because a wake may
//! come from anywhere and must carry the job home. What makes that sound is one check.
//!
//! # Invariants
//!
//! - **O1** The future and the outcome of a local task are touched on its owner's thread only. Threads
//!   are told apart by numbers that are never reused.
//! - **O2** A driver that is run or dropped elsewhere is sent home once; if it comes back to a foreign
//!   thread, it is leaked and counted.

use core::fmt;
use core::future::Future;
use core::mem::ManuallyDrop;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::task::{Context, Poll};

use super::cell::{Meta, Raw};
use super::join::JoinHandle;
use super::runnable::{Ran, cancel, end_hosted, link, poll_hosted, run};
use super::state::{HostSlot, Park, Start};
use crate::current::thread;
use crate::hooks::{Home, Why};
use crate::{Handle, JoinError, Unsupported};

static LEAKED: AtomicU64 = AtomicU64::new(0);

/// Whose a local task is.
pub(super) struct Owner {
    thread: u64,
    home: Home,
    /// It was sent home and has not arrived yet.
    sent: AtomicBool,
}

impl Owner {
    pub(super) fn home(&self) -> Home {
        self.home
    }

    fn is_here(&self) -> bool {
        self.thread == thread()
    }
}

/// A local task that nobody drives yet: what [`Task`](super::Task) is for `Send` ones.
#[must_use = "a task that is dropped is cancelled; hand it to an executor"]
pub struct LocalTask(Raw);

/// A local job: what [`Runnable`](super::Runnable) is for `Send` ones.
#[must_use = "dropping a job cancels its task"]
pub struct LocalRunnable(Raw);

// SAFETY: off the owner's thread a driver only moves the state word or is sent home (O1, O2).
unsafe impl Send for LocalTask {}
// SAFETY: a shared one offers only `meta`.
unsafe impl Sync for LocalTask {}
// SAFETY: as for `LocalTask`.
unsafe impl Send for LocalRunnable {}
// SAFETY: as for `LocalTask`.
unsafe impl Sync for LocalRunnable {}

impl LocalTask {
    /// A task for `future`, which will be polled on the calling thread only. `home` is that thread's
    /// number in the runtime, and where wakes are sent.
    ///
    /// # Errors
    ///
    /// As [`Task::new`](super::Task::new).
    pub fn new<F>(
        rt: Handle,
        meta: Meta,
        home: Home,
        future: F,
    ) -> Result<(LocalTask, JoinHandle<F::Output>), Unsupported>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let owner = Owner { thread: thread(), home, sent: AtomicBool::new(false) };
        let raw = Raw::new(rt, meta, Some(owner), future)?;
        // SAFETY: a new cell is held by a driver and a handle, which are made here, once each; the
        // handle is `Send` only if the output is, and the future is guarded by O1.
        Ok(unsafe { (LocalTask(link(raw)), JoinHandle::from_raw(raw)) })
    }

    /// The task as a job for the queue of its home.
    pub fn into_runnable(self) -> LocalRunnable {
        let raw = ManuallyDrop::new(self).0;
        // SAFETY: `self` was the driver.
        if unsafe { raw.header() }.state.host_open() == HostSlot::Full {
            // SAFETY: the move made the waker ours.
            super::cell::drop_quietly(unsafe { raw.take_host() });
        }
        LocalRunnable(raw)
    }

    /// Ends the task without polling it; its handle resolves with `why`. Off its home thread it is
    /// cancelled there instead.
    pub fn refuse(self, why: impl Into<JoinError>) {
        if owner(self.0).is_here() {
            let raw = ManuallyDrop::new(self).0;
            // SAFETY: `self` was the driver, on the owner's thread (O1).
            unsafe { end_hosted(raw, why.into()) };
        }
    }

    /// Facts about it.
    pub fn meta(&self) -> &Meta {
        // SAFETY: alive while we hold it.
        unsafe { &self.0.header().meta }
    }
}

impl Future for LocalTask {
    type Output = ();

    /// # Panics
    ///
    /// Off its home thread: a host that does this is broken.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        assert!(owner(self.0).is_here(), "a local task was polled off its home thread");
        // SAFETY: we are the driver, on the owner's thread (O1).
        match unsafe { poll_hosted(self.0, cx) } {
            Start::Poll => Poll::Pending,
            Start::Cancel | Start::Done => Poll::Ready(()),
        }
    }
}

impl Drop for LocalTask {
    fn drop(&mut self) {
        let raw = self.0;
        // SAFETY: we are the driver.
        let state = unsafe { &raw.header().state };
        if owner(raw).is_here() || state.is_done() {
            // SAFETY: we are the driver, on the owner's thread, or there is no future any more (O1).
            unsafe { end_hosted(raw, JoinError::CANCELLED) };
        } else {
            drop(LocalTask(raw).into_runnable());
        }
    }
}

impl LocalRunnable {
    /// Polls the task once, if this is its home thread; otherwise sends it there.
    pub fn run(self) -> Ran<LocalRunnable> {
        let raw = ManuallyDrop::new(self).0;
        if !owner(raw).is_here() {
            send_home(raw);
            return Ran::Parked;
        }
        owner(raw).sent.store(false, Ordering::Relaxed);
        // SAFETY: we are the driver, on the owner's thread (O1).
        match unsafe { run(raw) } {
            Park::Parked => Ran::Parked,
            Park::Requeue => Ran::Yielded(LocalRunnable(raw)),
            Park::Cancel => Ran::Finished,
        }
    }

    /// Gives the job up because its home thread has ended: the future is leaked, and counted.
    pub fn leak(self) {
        let _ = ManuallyDrop::new(self);
        LEAKED.fetch_add(1, Ordering::Relaxed);
    }

    /// How many local tasks this program had to leak.
    pub fn leaked() -> u64 {
        LEAKED.load(Ordering::Relaxed)
    }

    /// Where it belongs.
    pub fn home(&self) -> Home {
        owner(self.0).home
    }

    /// Facts about the task.
    pub fn meta(&self) -> &Meta {
        // SAFETY: alive while we hold it.
        unsafe { &self.0.header().meta }
    }
}

impl Drop for LocalRunnable {
    fn drop(&mut self) {
        if owner(self.0).is_here() {
            // SAFETY: we are the driver, on the owner's thread (O1).
            unsafe { cancel(self.0) };
        } else {
            // SAFETY: a driver keeps the cell alive. It holds the task, so `abort` has no duty.
            let _ = unsafe { self.0.header() }.state.abort();
            send_home(self.0);
        }
    }
}

/// Sends a job home, the first time; leaks it the second (O2).
fn send_home(raw: Raw) {
    if owner(raw).sent.swap(true, Ordering::Relaxed) {
        LocalRunnable(raw).leak();
        return;
    }
    // SAFETY: the job keeps the cell alive.
    let rt = unsafe { raw.header() }.rt.clone();
    hand_over(&rt, raw, Why::Cancelled);
}

/// Drops a local job that was taken off a list; see `runnable::retire`.
pub(super) fn retire(raw: Raw) {
    drop(LocalRunnable(raw));
}

/// Hands a local job to its home's queue; see `runnable::schedule`.
pub(super) fn schedule(raw: Raw, owner: &Owner, why: Why) {
    owner.sent.store(false, Ordering::Relaxed);
    // SAFETY: the caller keeps the cell alive until this returns.
    hand_over(unsafe { &raw.header().rt }, raw, why);
}

fn hand_over(rt: &Handle, raw: Raw, why: Why) {
    let job = LocalRunnable(raw);
    match rt.runtime().local_spawner() {
        Some(spawner) => spawner.schedule(job.home(), job, why),
        None => job.leak(), // a runtime that takes a getter back breaks its contract
    }
}

fn owner<'a>(raw: Raw) -> &'a Owner {
    // SAFETY: called with the cells of `LocalTask` and `LocalRunnable` only, which are alive.
    unsafe { raw.header() }.local.as_ref().expect("a local cell")
}

impl fmt::Debug for LocalTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalTask").field(self.meta()).finish()
    }
}

impl fmt::Debug for LocalRunnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalRunnable").field(self.meta()).finish()
    }
}
