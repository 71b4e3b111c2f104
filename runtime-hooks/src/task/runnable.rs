//! What drives a task: [`Task`] before anyone does, [`Runnable`] in a queue.

use core::fmt;
use core::future::Future;
use core::mem::ManuallyDrop;
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Context, Poll};

use super::cell::{Header, Meta, Raw, drop_quietly};
use super::join::JoinHandle;
use super::state::{HostSlot, Park, Start};
use super::waker;
use crate::hooks::Why;
use crate::{Handle, JoinError, Refused, Unsupported};

/// A task that nobody drives yet.
///
/// A runtime with queues calls [`into_runnable`](Task::into_runnable). A runtime that hosts tasks
/// in another executor's tasks gives it this, because it **is** a future: polling it polls the
/// task's future with the host's own waker, sets the current runtime, contains panics, stores the
/// outcome and wakes the joiner. It is `Unpin`, `Send`, and one word.
///
/// Dropping it drops the future at once, on this thread; its handle resolves *cancelled*.
///
/// # Contract
///
/// The cell keeps these, whoever drives it; a runtime that lays tasks out by itself keeps them too.
///
/// - **TASK-3** (must) Polls never overlap, and each sees what the one before it wrote, whichever
///   threads run them.
/// - **TASK-4** (must) A future that returned `Ready` or panicked is never polled again.
/// - **TASK-5** (must) The future is dropped when it completes or panics, and its destructor has
///   returned before the handle is ready.
/// - **TASK-6** (must) The future stays at one address from its first poll to its drop, whatever its
///   size and alignment.
#[must_use = "a task that is dropped is cancelled; hand it to an executor"]
pub struct Task(pub(super) Raw);

// SAFETY: `Task::new` demands `F: Send` and `T: Send`; all else in the cell is synchronised by its
// state word.
unsafe impl Send for Task {}
// SAFETY: a shared `Task` offers only `meta`.
unsafe impl Sync for Task {}

impl Task {
    /// A task for `future`, belonging to `rt`, and the handle that awaits it.
    ///
    /// It joins the list of the runtime's spawner; if that list is closed, it is cancelled from the
    /// start. The task is not handed to the spawner: see [`Handle::spawn`].
    ///
    /// # Errors
    ///
    /// [`Unsupported`] with [`Capability::Memory`](crate::Capability::Memory) if the runtime's place
    /// is full, or there is neither a place nor a heap.
    pub fn new<F>(
        rt: Handle,
        meta: Meta,
        future: F,
    ) -> Result<(Task, JoinHandle<F::Output>), Unsupported>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let raw = Raw::new(rt, meta, future)?;
        // SAFETY: a new cell is held by a driver and a handle, which are made here, once each; the
        // handle's type is the future's output.
        Ok(unsafe { (Task(link(raw)), JoinHandle::from_raw(raw)) })
    }

    /// The task as a job for a queue.
    pub fn into_runnable(self) -> Runnable {
        let raw = ManuallyDrop::new(self).0;
        // SAFETY: `self` was the driver, so the cell is alive.
        if unsafe { raw.header() }.state.host_open() == HostSlot::Full {
            // SAFETY: the move made the waker ours.
            drop_quietly(unsafe { raw.take_host() });
        }
        Runnable(raw)
    }

    /// Ends the task without polling it; its handle resolves with `why`.
    pub fn refuse(self, why: impl Into<JoinError>) {
        let raw = ManuallyDrop::new(self).0;
        // SAFETY: `self` was the driver, and a task that can be refused is not done, or its outcome
        // stands already.
        unsafe { end_hosted(raw, why.into()) };
    }

    /// Facts about it.
    pub fn meta(&self) -> &Meta {
        // SAFETY: alive while we hold it.
        unsafe { &self.0.header().meta }
    }

    /// Takes it off its runtime's list, which then ends without it: for a job that keeps a thread to
    /// itself, and would hold up the end.
    pub fn leave_list(&self) {
        // SAFETY: we are its driver, and hold it.
        unsafe { self.0.header() }.links.unlink(self.0);
    }

    /// Answers a [`Refused`] or [`Unsupported`] spawn: a temporary refusal is the caller's to hear,
    /// anything else is the handle's.
    pub(crate) fn settle<T>(
        spawned: Result<(), (Task, Refused)>,
        join: JoinHandle<T>,
    ) -> Result<JoinHandle<T>, Refused> {
        match spawned {
            Ok(()) => Ok(join),
            Err((_, refused)) if refused.is_temporary() => Err(refused),
            Err((task, refused)) => {
                task.refuse(refused);
                Ok(join)
            }
        }
    }
}

impl Future for Task {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: we are the driver.
        match unsafe { poll_hosted(self.0, cx) } {
            Start::Poll => Poll::Pending,
            Start::Cancel | Start::Done => Poll::Ready(()),
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // SAFETY: we are the driver, and nobody uses `self` afterwards.
        unsafe { end_hosted(self.0, JoinError::CANCELLED) };
    }
}

/// One poll by a host. `Cancel`: the task has ended.
///
/// # Safety
///
/// The caller is the driver.
#[inline]
pub(super) unsafe fn poll_hosted(raw: Raw, cx: &mut Context<'_>) -> Start {
    // SAFETY: a driver keeps the cell alive.
    let state = unsafe { &raw.header().state };
    let (start, full) = state.host_look();
    // SAFETY: the slot was seen full, and we are the host.
    let known = full && unsafe { raw.host_matches(cx.waker()) };
    // SAFETY: we are the driver.
    if start == Start::Cancel || (!known && unsafe { host_waker(raw, cx) } == Start::Cancel) {
        // SAFETY: we are the driver; a task that is done already says so in its state.
        unsafe { cancel_hosted(raw, JoinError::CANCELLED) };
        return Start::Cancel;
    }
    // SAFETY: we are the driver, and the task was not done above; only we finish it.
    if unsafe { raw.poll(cx) }.is_ready() {
        // SAFETY: the outcome was stored.
        unsafe { raw.complete(true) };
        return Start::Cancel;
    }
    // An abort during the poll found the host's waker in its slot: it has the host poll again.
    Start::Poll
}

/// Puts the host's waker into its slot, for aborters.
///
/// # Safety
///
/// The caller is the host driver.
#[cold]
unsafe fn host_waker(raw: Raw, cx: &Context<'_>) -> Start {
    let new = cx.waker().clone(); // foreign code, before the slot is ours
    // SAFETY: a driver keeps the cell alive.
    let state = unsafe { &raw.header().state };
    let old = match state.host_open() {
        HostSlot::Empty => None,
        // SAFETY: the move made the slot's waker ours (T3).
        HostSlot::Full => Some(unsafe { raw.take_host() }),
        HostSlot::Lost => {
            drop_quietly(new);
            return Start::Cancel;
        }
    };
    // SAFETY: empty and ours: aborters leave a slot alone whose `HOST` is clear, and only we set it.
    unsafe { raw.put_host(new) };
    let start = state.host_close();
    if start == Start::Cancel {
        // SAFETY: the move failed, so the slot is still ours.
        drop_quietly(unsafe { raw.take_host() });
    }
    if let Some(old) = old {
        drop_quietly(old);
    }
    start
}

/// Drops the future of a hosted task that is not done.
///
/// # Safety
///
/// The caller is the driver.
unsafe fn cancel_hosted(raw: Raw, why: JoinError) {
    // SAFETY: a driver keeps the cell alive.
    if unsafe { raw.header() }.state.is_done() {
        return;
    }
    // SAFETY: not done, so the stage is the driver's (T1).
    unsafe {
        raw.finish(why);
        raw.complete(true);
    }
}

/// Ends a hosted, or never driven, task and lets go of it.
///
/// # Safety
///
/// The caller is the driver, and is so no longer afterwards.
pub(super) unsafe fn end_hosted(raw: Raw, why: JoinError) {
    // SAFETY: passed on; then the driver's reference is given up, once.
    unsafe {
        cancel_hosted(raw, why);
        raw.release(raw.header().state.release_driver());
    }
}

/// Adds a new cell to its runtime's list, or marks it cancelled if that is closed.
///
/// # Safety
///
/// The caller is the driver of this new cell.
pub(super) unsafe fn link(raw: Raw) -> Raw {
    // SAFETY: a driver keeps the cell alive.
    let header = unsafe { raw.header() };
    let rt = header.rt.runtime();
    #[cfg(feature = "std")]
    // SAFETY: as above.
    let list = match unsafe { super::local::home(raw) } {
        Some(home) => rt.local_spawner().and_then(|spawner| spawner.tasks(home)),
        None => rt.spawner().tasks(),
    };
    #[cfg(not(feature = "std"))]
    let list = rt.spawner().tasks();
    if let Some(list) = list {
        if !list.link(raw) {
            let _ = header.state.abort(); // a driver holds it, so there is nothing to schedule
        }
    }
    raw
}

/// How a run ended. `J` is the kind of job.
#[must_use = "a job that yielded must be queued again: dropping it cancels its task"]
#[derive(Debug)]
pub enum Ran<J = Runnable> {
    /// The task waits for a wake.
    Parked,
    /// It was woken during the poll: put the job at the back of the queue.
    Yielded(J),
    /// It finished, panicked or was cancelled.
    Finished,
}

/// A job: a task that is scheduled, as one word.
///
/// Dropping it cancels the task: the future is dropped here, with its runtime current.
///
/// # Contract
///
/// The wakers with which a job polls keep these; those of a host have to keep them too.
///
/// - **WAKE-1** (must) A wake that a task gives itself during its poll leads to another poll.
/// - **WAKE-2** (must) A wake from another thread during the poll leads to a poll that begins later.
/// - **WAKE-4** (must) Waking a task that has ended does nothing.
/// - **WAKE-6** (must) What was written before a wake is seen by the poll it causes, also if the task
///   had been notified already.
/// - **WAKE-9** (must) `will_wake` is never true for wakers of different tasks; it should be for clones.
/// - **WAKE-10** (must) Wakers may be used on any thread at any time, in thread-local destructors too,
///   and when the thread that made them has ended.
#[must_use = "dropping a job cancels its task"]
pub struct Runnable(pub(super) Raw);

// SAFETY: as for `Task`, from which every `Runnable` comes.
unsafe impl Send for Runnable {}
// SAFETY: a shared `Runnable` offers only `meta`.
unsafe impl Sync for Runnable {}

impl Runnable {
    /// Polls the task once, with its runtime current. Panics of the future and of its destructors
    /// go to the join handle.
    #[inline]
    pub fn run(self) -> Ran {
        let raw = ManuallyDrop::new(self).0;
        // SAFETY: we are the driver and give that up to `run`, or get it back as `Requeue`.
        match unsafe { run(raw) } {
            Park::Parked => Ran::Parked,
            Park::Requeue => Ran::Yielded(Runnable(raw)),
            Park::Cancel => Ran::Finished,
        }
    }

    /// Facts about the task.
    pub fn meta(&self) -> &Meta {
        // SAFETY: alive while we hold it.
        unsafe { &self.0.header().meta }
    }

    /// The job as a word, for queues that hold words.
    pub fn into_raw(self) -> NonNull<()> {
        ManuallyDrop::new(self).0.0.cast()
    }

    /// The job again.
    ///
    /// # Safety
    ///
    /// `raw` came from [`Runnable::into_raw`] and is used once.
    pub unsafe fn from_raw(raw: NonNull<()>) -> Runnable {
        Runnable(Raw(raw.cast::<Header>()))
    }
}

impl Drop for Runnable {
    fn drop(&mut self) {
        // SAFETY: we are the driver, and nobody uses `self` afterwards.
        unsafe { cancel(self.0) };
    }
}

/// One poll by a queue. Anything but `Requeue` means that the caller holds the task no longer;
/// `Cancel` that it has ended.
///
/// # Safety
///
/// The caller is the driver.
#[inline]
pub(super) unsafe fn run(raw: Raw) -> Park {
    // SAFETY: a driver keeps the cell alive.
    let state = unsafe { &raw.header().state };
    let start = state.start();
    if start == Start::Done {
        // SAFETY: we are the driver, and give that up; the outcome is not ours any more.
        unsafe { raw.release(state.release_driver()) };
        return Park::Cancel;
    }
    if start == Start::Poll {
        // SAFETY: the waker does not outlive the poll, during which we are the driver.
        let waker = unsafe { waker::borrowed(raw) };
        // SAFETY: a task that is scheduled is not done, so its stage is ours.
        if unsafe { raw.poll(&mut Context::from_waker(&waker)) }.is_ready() {
            // SAFETY: the outcome was stored.
            unsafe { raw.complete(false) };
            return Park::Cancel;
        }
        match state.park() {
            Park::Cancel => {}
            other => return other,
        }
    }
    // SAFETY: still running and not done.
    unsafe {
        raw.finish(JoinError::CANCELLED);
        raw.complete(false);
    }
    Park::Cancel
}

/// Drops the future of a scheduled task.
///
/// # Safety
///
/// The caller is the driver, and is so no longer afterwards.
pub(super) unsafe fn cancel(raw: Raw) {
    // SAFETY: a driver keeps the cell alive; started, and not done before, its stage is ours.
    unsafe {
        let state = &raw.header().state;
        if state.start() == Start::Done {
            return raw.release(state.release_driver());
        }
        raw.finish(JoinError::CANCELLED);
        raw.complete(false);
    }
}

/// Drops the future of a task that was taken off a list: here, or for a local task at home.
///
/// # Safety
///
/// As [`cancel`].
pub(super) unsafe fn retire(raw: Raw) {
    #[cfg(feature = "std")]
    // SAFETY: a driver keeps the cell alive.
    if unsafe { raw.header() }.local.is_some() {
        return super::local::retire(raw);
    }
    // SAFETY: passed on.
    unsafe { cancel(raw) };
}

/// Hands a task to its runtime's queue.
///
/// # Safety
///
/// A move on its state made the caller the driver, and something else keeps the cell (and so the
/// runtime's handle in it) alive until this returns.
pub(super) unsafe fn schedule(raw: Raw, why: Why) {
    // SAFETY: alive, says the caller.
    let header = unsafe { raw.header() };
    #[cfg(feature = "std")]
    if header.local.is_some() {
        return super::local::schedule(raw, why);
    }
    header.rt.runtime().spawner().schedule(Runnable(raw), why);
}

/// A fresh task number.
#[inline]
pub(super) fn next_id() -> u32 {
    #[cfg(all(feature = "std", not(any(loom, shuttle))))]
    return ids::next();
    #[cfg(not(all(feature = "std", not(any(loom, shuttle)))))]
    {
        use core::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }
}

/// Numbers in blocks per thread, so that spawning does not contend for one counter. A block is twice
/// as large as the one before it: who spawns much seldom asks.
#[cfg(all(feature = "std", not(any(loom, shuttle))))]
mod ids {
    use core::cell::Cell;
    use core::sync::atomic::{AtomicU32, Ordering};

    const FIRST: u32 = 64;
    const LARGEST: u32 = 1 << 14;
    static NEXT: AtomicU32 = AtomicU32::new(1);
    std::thread_local! {
        /// The next one, how many are left, and the size of the next block.
        static MINE: Cell<(u32, u32, u32)> = const { Cell::new((0, 0, FIRST)) };
    }

    #[inline]
    pub(super) fn next() -> u32 {
        MINE.with(|mine| {
            let (id, left, size) = match mine.get() {
                (_, 0, size) => new_block(size),
                mine => mine,
            };
            mine.set((id.wrapping_add(1), left - 1, size));
            id
        })
    }

    #[cold]
    fn new_block(size: u32) -> (u32, u32, u32) {
        (NEXT.fetch_add(size, Ordering::Relaxed), size, (size * 2).min(LARGEST))
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(self.meta()).finish()
    }
}

impl fmt::Debug for Runnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Runnable").field(self.meta()).finish()
    }
}
