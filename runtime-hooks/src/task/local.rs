//! Tasks that stay on one thread.
//!
//! The future of a local task need not be `Send`. Its drivers are, all the same, because a wake may
//! come from anywhere and must carry the job home. What makes that sound is one check (O1).
//!
//! What makes it cheap is a *home*: a runtime that keeps a [`LocalList`] for the thread. The tasks on
//! it are its *lodgers*. On their thread they are spawned, polled, woken and joined without one atomic
//! read-modify-write, because their state word is plain. From elsewhere comes *mail*.
//!
//! ```text
//!  owner    wake ─▶ thread number equal? ─▶ plain word ─▶ SpawnLocal::schedule, to a plain queue
//!  abroad   wake ─▶ `away` word ── POSTED is new? ─▶ SpawnLocal::schedule, with mail ─▶ unpark
//!  owner    mail ─▶ takes what `away` says ─▶ moves of its own ─▶ polls, if that is one of them
//! ```
//!
//! # Who may touch what
//!
//! | | owner's thread | other threads | when the home has ended |
//! |---|---|---|---|
//! | state word | load, store | load, to see `DONE` | all, by read-modify-write |
//! | `away` word | load; RMW for mail, and for wakers from abroad | RMW | nobody: `FOLDED` |
//! | join slot, host slot | T3 | – | T3 |
//! | relay slot | reads, once it has received `ASK` | the handle, wherever it is: O6 | as before; emptied by who frees the cell |
//! | stage | T1 | the handle, once it saw `DONE` | T1 |
//! | links, list | yes | – | unlinked |
//! | runtime handle | shared | shared | shared |
//!
//! # Invariants
//!
//! - **O1** The future and the outcome of a local task are touched on its owner's thread only, an
//!   outcome that is `Send` also by its handle. Threads are told apart by numbers that are never reused.
//! - **O2** A driver, or mail, that is run or dropped elsewhere is sent home once; if it comes back to a
//!   foreign thread, it is leaked and counted.
//! - **O3** The state word of a lodger is stored to by its owner's thread only. Others begin at `away`;
//!   if that says `FOLDED` they see a word that is not plain any more, and go on as with any task.
//! - **O4** Let *p* be the wakers that a plain word counts, *a* those that `away` counts, and *m* one if
//!   `POSTED` is set. Then *p ≥ 0*; without mail *a ≥ 0*; and *p + a* wakers exist. The owner judges by
//!   *p + a + m* whether a task is abandoned or a cell free.
//! - **O5** Whoever sets `POSTED` sends mail, once. Until the owner has received it the cell is neither
//!   freed (O4) nor folded, so its home does not end: the sender finds cell, list and runtime alive up
//!   to the call of `schedule`, for which it counts a handle of its own.
//! - **O6** `ASK` is said once in a task's life. Until it is heard the relay slot is the handle's, from
//!   then on nobody writes to it until the cell is freed. `DETACH` is the handle's last word; before it
//!   the handle forgets who waits in its relay.
//! - **O7** A lodger is on its home's list from its birth until it is freed or folded, and its runtime is
//!   alive meanwhile: its own handle, or the list's, which it borrows (*lent*), sees to that. A lent
//!   handle is counted before the cell is folded.
//! - **O8** A task that begins as a `Send` closure has no owner until a driver is run, settled, polled or
//!   dropped: whoever holds that driver, of which there is one, makes its thread the owner first.
//!
//! # Why the sum is right
//!
//! The owner may read an old value of `away`. It has every change that happened before the read, for
//! those are ordered (coherence). A change that it misses was made by a waker that, as of the value
//! read, was abroad and is in the sum: by its birth abroad in *a*, by its birth at home in *p*, of
//! which the owner knows everything. So a sum of zero is final: nobody is left who could change it. A
//! sum that is above zero but should not be is judged again: the drop abroad that made it zero left
//! *a ≤ 0*, because *p ≥ 0*, and so sent mail.
//!
//! Not here: the words themselves (`state`, `away`), handles abroad (`abroad`), queues (the runtime).

mod here;
mod list;
mod mail;
mod parcel;
mod spare;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod with;

use core::fmt;
use core::future::Future;
use core::mem::ManuallyDrop;
use core::pin::Pin;
use core::ptr::NonNull;
use core::sync::atomic::{self, Ordering::*};
use core::task::{Context, Poll};

use super::abroad::RelaySlot;
use super::away::{Away, Said};
use super::cell::{Meta, Raw, allocate, from_heap};
use super::join::JoinHandle;
use super::runnable::{Ran, cancel, end_hosted, link, poll_hosted, run};
use super::state::{HostSlot, Park, Start};
use crate::current::thread;
use crate::hooks::{Home, Why};
use crate::sync::{AtomicBool, AtomicU32, AtomicU64};
use crate::{Handle, JoinError, Unsupported};

pub use here::LocalHome;
pub use list::LocalList;
pub(super) use mail::WAKER;
use parcel::Parcel;
use with::With;

/// Not a modelled atomic: it counts for the whole program.
static LEAKED: atomic::AtomicU64 = atomic::AtomicU64::new(0);

/// Whose a local task is.
pub(super) struct Owner {
    /// Its number; zero: nobody's yet (O8).
    thread: AtomicU64,
    home: AtomicU32,
    /// Its driver, or mail, was sent home and has not arrived yet.
    sent: [AtomicBool; 2],
    /// Its mail was leaked, so it will not arrive.
    lost: AtomicBool,
    /// The list it lodges on (O7).
    list: Option<NonNull<LocalList>>,
    /// Its runtime's handle is the list's.
    lent: bool,
    relay: RelaySlot,
}

impl Owner {
    #[inline]
    fn new(thread: u64, home: Home, lodging: Option<(&LocalList, bool)>) -> Owner {
        Owner {
            thread: AtomicU64::new(thread),
            home: AtomicU32::new(home.0),
            sent: [AtomicBool::new(false), AtomicBool::new(false)],
            lost: AtomicBool::new(false),
            list: lodging.map(|(list, _)| NonNull::from(list)),
            lent: lodging.is_some_and(|(_, lent)| lent),
            relay: RelaySlot::new(),
        }
    }

    /// Whether its word is plain, or was.
    pub(super) fn is_lodger(&self) -> bool {
        self.list.is_some()
    }

    /// Whether its runtime's handle is the list's.
    pub(super) fn is_lent(&self) -> bool {
        self.lent
    }

    #[inline]
    fn is_here(&self) -> bool {
        self.thread.load(Relaxed) == thread()
    }

    fn home(&self) -> Home {
        Home(self.home.load(Relaxed))
    }
}

/// The home of a task whose owner is none.
const NOWHERE: Home = Home(u32::MAX);

/// A local task that nobody drives yet: what [`Task`](super::Task) is for `Send` ones.
#[must_use = "a task that is dropped is cancelled; hand it to an executor"]
pub struct LocalTask(Raw);

/// A local job: what [`Runnable`](super::Runnable) is for `Send` ones; or mail for a task with a home,
/// which is run and dropped as a job is. Mail holds what was said abroad, and the task only if that
/// comes out of it.
#[must_use = "dropping a job cancels its task"]
pub struct LocalRunnable(Parcel);

// SAFETY: off the owner's thread a driver only moves the state word, if that is not plain, or is sent
// home (O1, O2, O3).
unsafe impl Send for LocalTask {}
// SAFETY: a shared one offers only `meta`.
unsafe impl Sync for LocalTask {}
// SAFETY: as for `LocalTask`.
unsafe impl Send for LocalRunnable {}
// SAFETY: as for `LocalTask`.
unsafe impl Sync for LocalRunnable {}

impl LocalTask {
    /// A task for `future`, which will be polled on the calling thread only. `home` is that thread's
    /// number in the runtime, and where wakes are sent. If the runtime has a [`LocalList`] for it, the
    /// task lodges there.
    ///
    /// # Errors
    ///
    /// As [`Task::new`](super::Task::new).
    pub fn new<F>(
        rt: &Handle,
        meta: Meta,
        home: Home,
        future: F,
    ) -> Result<(LocalTask, JoinHandle<F::Output>), Unsupported>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let list = rt.runtime().local_spawner().and_then(|spawner| spawner.locals(home));
        // SAFETY: it is the runtime's list.
        unsafe { LocalTask::new_at(rt, meta, home, list, future) }
    }

    /// The same, with the list that the runtime has for it.
    ///
    /// # Safety
    ///
    /// The list is part of the runtime that `rt` leads to.
    #[inline]
    unsafe fn new_at<F>(
        rt: &Handle,
        meta: Meta,
        home: Home,
        list: Option<&LocalList>,
        future: F,
    ) -> Result<(LocalTask, JoinHandle<F::Output>), Unsupported>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let thread = thread();
        let Some(list) = list.filter(|list| list.is_of(thread)) else {
            let rt = ManuallyDrop::new(rt.clone());
            let raw = Raw::new_local(rt, meta, Owner::new(thread, home, None), allocate, future)?;
            // SAFETY: a new cell is held by a driver and a handle, which are made here, once each; the
            // handle is `Send` only if the output is, and the future is guarded by O1.
            return Ok(unsafe { (LocalTask(link(raw)), JoinHandle::from_raw(raw)) });
        };
        let (rt, lent) = list.lend(rt);
        let owner = Owner::new(thread, home, Some((list, lent)));
        let memory = |rt: &Handle, layout| match lent && list.has_no_place() {
            true => match list.take_memory(layout) {
                Some(block) => Ok((block, None)),
                None => from_heap(rt, layout),
            },
            false => allocate(rt, layout),
        };
        let raw = Raw::new_local(rt, meta, owner, memory, future)?;
        // SAFETY: as above; the list is this thread's.
        unsafe {
            list.add(raw);
            Ok((LocalTask(raw), JoinHandle::from_raw(raw)))
        }
    }

    /// A task for the future that `start` returns. The thread that polls it first, whichever that is,
    /// calls `start`; from then on the task is that thread's.
    ///
    /// # Errors
    ///
    /// As [`Task::new`](super::Task::new).
    pub fn with<C, F>(
        rt: &Handle,
        meta: Meta,
        start: C,
    ) -> Result<(LocalTask, JoinHandle<F::Output>), Unsupported>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let rt = ManuallyDrop::new(rt.clone());
        let future = With::Closure(Some(start));
        let raw = Raw::new_local(rt, meta, Owner::new(0, NOWHERE, None), allocate, future)?;
        // SAFETY: a new cell is held by a driver and a handle, which are made here, once each. The
        // closure and the output are `Send`; what is made of the one is guarded by O1, O8.
        Ok(unsafe { (LocalTask(raw), JoinHandle::from_raw(raw)) })
    }

    /// Whether it is some thread's. One that was made [`with`](LocalTask::with) a closure is nobody's
    /// yet: it may be handed to any home.
    #[inline]
    pub fn is_settled(&self) -> bool {
        owner(self.0).thread.load(Relaxed) != 0
    }

    /// The task as a job for the queue of its home.
    #[inline]
    pub fn into_runnable(self) -> LocalRunnable {
        let raw = ManuallyDrop::new(self).0;
        // SAFETY: `self` was the driver. Only drivers set `HOST`, so if it is clear it stays so.
        unsafe {
            if raw.header().state.host_look().1 {
                forget_host(raw);
            }
        }
        job(raw)
    }

    /// Ends the task without polling it; its handle resolves with `why`. Off its home thread it is
    /// cancelled there instead.
    pub fn refuse(self, why: impl Into<JoinError>) {
        if is_mine(self.0) {
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
        assert!(is_mine(self.0), "a local task was polled off its home thread");
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
        let is_done = unsafe { raw.header() }.state.is_done();
        if is_mine(raw) || is_done && !owner(raw).is_lodger() {
            // SAFETY: we are the driver, on the owner's thread, or there is no future any more (O1).
            unsafe { end_hosted(raw, JoinError::CANCELLED) };
        } else {
            drop(LocalTask(raw).into_runnable());
        }
    }
}

impl LocalRunnable {
    /// Polls the task once, if this is its home thread; otherwise sends it there. With mail that wakes
    /// nobody there is nothing to poll.
    pub fn run(self) -> Ran<LocalRunnable> {
        let this = ManuallyDrop::new(self);
        let raw = this.0.raw();
        if !this.arrives() {
            send_home(ManuallyDrop::into_inner(this));
            return Ran::Parked;
        }
        // SAFETY: mail is received once, on the owner's thread.
        if this.0.is_mail() && !unsafe { mail::receive(raw) } {
            return Ran::Parked;
        }
        // SAFETY: we are the driver, on the owner's thread (O1).
        match unsafe { run(raw) } {
            Park::Parked => Ran::Parked,
            Park::Requeue => Ran::Yielded(job(raw)),
            Park::Cancel => Ran::Finished,
        }
    }

    /// Makes the task the calling thread's if it is nobody's yet, as [`run`](LocalRunnable::run) would,
    /// without polling it: from then on it is on the list of that home.
    pub fn settle(&mut self) {
        let _ = is_mine(self.0.raw());
    }

    /// Gives the job up because its home thread has ended: the future is leaked, and counted.
    pub fn leak(self) {
        let this = ManuallyDrop::new(self);
        if this.0.is_mail() {
            // `Release` pairs with the `Acquire` in `LocalList::fold`, after which the cell may be freed.
            owner(this.0.raw()).lost.store(true, Release);
        }
        LEAKED.fetch_add(1, Relaxed);
    }

    /// How many local tasks this program had to leak.
    pub fn leaked() -> u64 {
        LEAKED.load(Relaxed)
    }

    /// Where it belongs.
    #[inline]
    pub fn home(&self) -> Home {
        owner(self.0.raw()).home()
    }

    /// Facts about the task.
    pub fn meta(&self) -> &Meta {
        // SAFETY: alive while we hold it.
        unsafe { &self.0.raw().header().meta }
    }

    /// Whether this is its thread.
    #[inline]
    fn arrives(&self) -> bool {
        let is_here = is_mine(self.0.raw());
        if is_here {
            owner(self.0.raw()).sent[usize::from(self.0.is_mail())].store(false, Relaxed);
        }
        is_here
    }
}

impl Drop for LocalRunnable {
    fn drop(&mut self) {
        let (raw, is_mail) = (self.0.raw(), self.0.is_mail());
        if self.arrives() {
            // SAFETY: we are the driver, or become it by mail, on the owner's thread (O1).
            unsafe {
                if !is_mail || mail::receive(raw) {
                    cancel(raw);
                }
            }
            return;
        }
        if !is_mail {
            // SAFETY: a driver keeps the cell alive, and who is told `Folded` may touch its state (O3). It
            // holds the task, so nobody has to schedule it; but a host may have left its waker.
            unsafe {
                if !away(raw).is_some_and(|away| tell(raw, away.abort(), Why::Cancelled)) {
                    let _ = mail::abort(raw);
                }
            }
        }
        send_home(LocalRunnable(self.0));
    }
}

/// Drops the waker that a host left. (A lodger's is found at its end, or by an abort (O3).)
///
/// # Safety
///
/// The caller is the driver.
#[cold]
unsafe fn forget_host(raw: Raw) {
    // SAFETY: a driver keeps the cell alive. If the move says so the waker is ours.
    unsafe {
        if away(raw).is_none() && raw.header().state.host_open() == HostSlot::Full {
            super::cell::drop_quietly(raw.take_host());
        }
    }
}

/// Sends a job home, the first time; leaks it the second (O2).
fn send_home(job: LocalRunnable) {
    if owner(job.0.raw()).sent[usize::from(job.0.is_mail())].swap(true, Relaxed) {
        return job.leak();
    }
    // SAFETY: the job keeps the cell alive, and that its handle (O7).
    let rt = Handle::clone(unsafe { &job.0.raw().header().rt });
    hand_over(&rt, job, Why::Cancelled);
}

/// Drops a local job that was taken off a list; see `runnable::retire`.
pub(super) fn retire(raw: Raw) {
    drop(job(raw));
}

/// Hands a local job to its home's queue; see `runnable::schedule`.
pub(super) fn schedule(raw: Raw, why: Why) {
    owner(raw).sent[0].store(false, Relaxed);
    // SAFETY: the caller keeps the cell alive until this returns.
    hand_over(unsafe { &raw.header().rt }, job(raw), why);
}

#[inline]
fn hand_over(rt: &Handle, job: LocalRunnable, why: Why) {
    match rt.runtime().local_spawner() {
        Some(spawner) => spawner.schedule(job.home(), job, why),
        None => job.leak(), // a runtime that takes a getter back breaks its contract
    }
}

/// What drives a task.
#[inline]
fn job(raw: Raw) -> LocalRunnable {
    LocalRunnable(Parcel::driver(raw))
}

/// What tells the owner that something was said abroad.
fn mail_for(raw: Raw) -> LocalRunnable {
    LocalRunnable(Parcel::mail(raw))
}

/// Whether a driver, or mail, is on its owner's thread; it is from now on if it had none (O8). Called
/// by whoever holds it.
#[inline]
fn is_mine(raw: Raw) -> bool {
    match owner(raw).thread.load(Relaxed) {
        0 => {
            settle(raw);
            true
        }
        owner => owner == thread(),
    }
}

/// Makes the calling thread the owner, and has the task join the list of that home. If that is closed
/// the task is cancelled.
#[cold]
fn settle(raw: Raw) {
    let owner = owner(raw);
    // SAFETY: called by its driver.
    let rt = unsafe { &raw.header().rt };
    let home = rt.runtime().local_spawner().and_then(|spawner| spawner.home());
    owner.home.store(home.unwrap_or(NOWHERE).0, Relaxed);
    owner.thread.store(thread(), Relaxed);
    // SAFETY: the caller is the driver, and the cell has not been on a list.
    unsafe { link(raw) };
}

// ── what the cell and its handles ask ───────────────────────────────────────────────────────

#[inline]
fn owner<'a>(raw: Raw) -> &'a Owner {
    // SAFETY: called with the cells of local tasks only, which are alive.
    unsafe { raw.header().local.expect("a local cell").as_ref() }
}

/// The home of a local task.
///
/// # Safety
///
/// The cell is alive.
pub(super) unsafe fn home(raw: Raw) -> Option<Home> {
    // SAFETY: alive, says the caller.
    unsafe { raw.header() }.local.map(|_| owner(raw).home())
}

/// Where others than its owner speak to a lodger.
///
/// # Safety
///
/// The cell is alive for `'a`.
#[inline]
pub(super) unsafe fn away_of<'a>(raw: Raw) -> Option<&'a Away> {
    // SAFETY: alive, says the caller.
    let header = unsafe { raw.header() };
    (header.local.is_some() && owner(raw).is_lodger()).then_some(&header.state.away)
}

/// The same for the calling thread: `None` if it may touch the state, or would have to ask if it may
/// (O3).
///
/// # Safety
///
/// As [`away_of`].
#[inline]
pub(super) unsafe fn away<'a>(raw: Raw) -> Option<&'a Away> {
    // SAFETY: alive, says the caller.
    unsafe { away_of(raw) }.filter(|_| !owner(raw).is_here())
}

/// Where a handle leaves its relay.
///
/// # Safety
///
/// The cell is alive for `'a`, and a local task's.
#[inline]
pub(super) unsafe fn relay_of<'a>(raw: Raw) -> &'a RelaySlot {
    &owner(raw).relay
}

/// Sends mail if what was said needs it; `false`: it was not said.
///
/// # Safety
///
/// This was just said to this lodger.
pub(super) unsafe fn tell(raw: Raw, said: Said, why: Why) -> bool {
    if said == Said::Post {
        // SAFETY: mail keeps the cell alive, and its home (O5).
        let rt = Handle::clone(unsafe { &raw.header().rt });
        hand_over(&rt, mail_for(raw), why);
    }
    said != Said::Folded
}

/// A lodger stays on its list, but counts no longer as alive.
///
/// # Safety
///
/// The cell is alive, and the caller its driver.
#[inline]
pub(super) unsafe fn ends(raw: Raw) {
    // SAFETY: alive, says the caller.
    if let Some(list) = unsafe { lodging(raw) } {
        list.uncount();
    }
}

/// Empties a cell that is about to be freed, and takes it off its list; which that was, and whether its
/// handle is lent.
///
/// # Safety
///
/// Nobody else holds the cell. The list is used while the runtime is there, which lends it.
#[inline]
pub(super) unsafe fn leave<'a>(raw: Raw) -> Option<(&'a LocalList, bool)> {
    // SAFETY: alive until we free it, and if it still lodges somewhere this is its owner (O3).
    unsafe {
        raw.header().local?.as_ref().relay.clear();
        let list = lodging(raw)?;
        list.remove(raw);
        Some((list, owner(raw).lent))
    }
}

/// Lets the model checker verify that all notes about a task were made before this.
///
/// # Safety
///
/// Nobody else holds the cell.
#[cfg(loom)]
pub(super) unsafe fn claim(raw: Raw) {
    // SAFETY: alive, says the caller.
    let Some(owner) = (unsafe { raw.header().local.map(|owner| owner.as_ref()) }) else { return };
    // SAFETY: nobody writes any more, says the caller: that is what this checks.
    unsafe {
        owner.thread.unsync_load();
        owner.home.unsync_load();
        owner.lost.unsync_load();
        for sent in &owner.sent {
            sent.unsync_load();
        }
    }
}

/// The list of a lodger that was not folded.
///
/// # Safety
///
/// The cell is alive for `'a`; if it may lodge, the caller is its owner.
#[inline]
unsafe fn lodging<'a>(raw: Raw) -> Option<&'a LocalList> {
    // SAFETY: alive, says the caller.
    let header = unsafe { raw.header() };
    header.local.filter(|_| header.state.is_plain())?;
    // SAFETY: a plain word is a lodger's, whose list is there (O7).
    owner(raw).list.map(|list| unsafe { list.as_ref() })
}

impl fmt::Debug for LocalTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalTask").field(self.meta()).finish()
    }
}

impl fmt::Debug for LocalRunnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalRunnable").field(self.meta()).field(&self.0.is_mail()).finish()
    }
}
