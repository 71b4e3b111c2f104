//! Finds the tasks that nobody else holds: those that are parked when a runtime shuts down.
//!
//! Without it, tasks that are parked on each other's wakers would keep themselves and their runtime
//! alive for ever.
//!
//! # Invariants
//!
//! - **L1** A cell's links are touched only under the lock of its shard.
//! - **L2** A linked cell is alive: its driver unlinks it before `DONE` (T4), and waits for the lock
//!   to do so.
//! - **L3** All are marked before the first is dropped. What a destructor wakes is then marked too, so
//!   nothing is scheduled, and dropped by a runtime that has ended, inside somebody's `wake`.

use core::fmt;
use core::ptr;
use core::task::Waker;

use super::cell::Raw;
use super::runnable::retire;
use super::state::Duty;
use crate::contain::contain_quietly;
use crate::sync::{Lock, UnsafeCell};

#[cfg(not(any(loom, shuttle)))]
const SHARDS: usize = 16;
#[cfg(any(loom, shuttle))]
const SHARDS: usize = 1;

/// The live tasks of a runtime, in shards, so that workers do not contend for one lock.
///
/// A runtime with queues keeps one, answers it from
/// [`Spawn::tasks`](crate::hooks::Spawn::tasks), and calls [`close_all`](TaskList::close_all) when
/// it shuts down.
///
/// ```
/// use runtime_hooks::task::TaskList;
///
/// static TASKS: TaskList = TaskList::new();
/// assert!(TASKS.is_empty());
/// ```
pub struct TaskList {
    shards: [Shard; SHARDS],
}

/// A part of the list, on cache lines of its own.
#[repr(align(128))]
struct Shard(Lock<Head>);

struct Head {
    first: Option<Raw>,
    /// Those that were parked when they were marked: whoever takes one off is its driver (L3).
    claimed: Option<Raw>,
    /// Those that were marked while a driver held them; they leave when they end.
    marked: Option<Raw>,
    len: usize,
    closed: bool,
}

// SAFETY: the pointers in a head are used under its lock only, by L2 to live cells, whose own state
// is synchronised.
unsafe impl Send for Head {}

/// A cell's place in its shard.
pub(super) struct Links {
    /// The shard it was linked in, for its driver. Written once, by the driver of a new cell.
    shard: UnsafeCell<*const Shard>,
    /// Under the shard's lock (L1). Of a lodger: its owner's (`local`).
    place: UnsafeCell<Place>,
}

pub(super) struct Place {
    pub(super) linked: bool,
    pub(super) before: Option<Raw>,
    pub(super) after: Option<Raw>,
}

impl TaskList {
    /// An empty list.
    #[cfg(not(any(loom, shuttle)))]
    pub const fn new() -> TaskList {
        TaskList { shards: [const { Shard(Lock::new(Head::new())) }; SHARDS] }
    }

    /// An empty list.
    #[cfg(any(loom, shuttle))]
    pub fn new() -> TaskList {
        TaskList { shards: core::array::from_fn(|_| Shard(Lock::new(Head::new()))) }
    }

    /// Drops every task that nobody is running, here, with its runtime current, and marks the others
    /// to be dropped when their poll returns. From now on new tasks are cancelled from the start.
    /// A host's tasks are dropped by their host, which is woken.
    ///
    /// Jobs in queues are marked too; the runtime drops or runs them. Local tasks are dropped here
    /// only if this is their home thread, else sent there. Destructors may spawn, wake and abort
    /// meanwhile. Tasks in the middle of a poll are not waited for: join the workers first.
    pub fn close_all(&self) {
        for shard in &self.shards {
            shard.0.with(|head| head.closed = true);
        }
        self.cancel_all();
    }

    /// As [`close_all`](TaskList::close_all), but new tasks may still come.
    pub fn cancel_all(&self) {
        // Again if there was something to drop: destructors may spawn.
        while self.mark_all() {
            for shard in &self.shards {
                while let Some(raw) = shard.take_claimed() {
                    // SAFETY: it was parked when `State::abort` made its list the driver, and now
                    // that is us.
                    unsafe { retire(raw) };
                }
            }
        }
    }

    /// Marks every task and wakes the hosts; whether there are some for us to drop.
    fn mark_all(&self) -> bool {
        for shard in &self.shards {
            while let Some(host) = shard.mark_one() {
                if let Some(host) = host {
                    contain_quietly(|| host.wake());
                }
            }
        }
        self.shards.iter().any(|shard| shard.0.with(|head| head.claimed.is_some()))
    }

    /// How many tasks are on it.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.0.with(|head| head.len)).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a new cell; `false` if the list is closed. The caller is its driver.
    pub(super) fn link(&self, raw: Raw) -> bool {
        let shard = &self.shards[here()];
        shard.0.with(|head| {
            if head.closed {
                return false;
            }
            // SAFETY: the caller is the driver of a cell that is new, so nobody else reads this.
            unsafe { raw.header() }.links.shard.with_mut(|s| unsafe { *s = shard });
            head.len += 1;
            // SAFETY: under the lock; the old first is alive by L2.
            unsafe { push(&mut head.first, raw) };
            true
        })
    }
}

impl Shard {
    /// Marks one cell; `None` when there are no more, otherwise the host to wake if there is one.
    ///
    /// One that was parked is the list's from now on. The others stay until they end: somebody holds
    /// them, or is about to queue them.
    fn mark_one(&self) -> Option<Option<Waker>> {
        self.0.with(|head| {
            let raw = head.first?;
            // SAFETY: it is linked, hence alive (L2), also during `abort`, as we hold the lock. If
            // that says `WakeHost`, the host slot's waker is ours (T3).
            let (chain, host) = unsafe {
                head.remove(raw);
                match raw.header().state.abort() {
                    Duty::Schedule => (&mut head.claimed, None),
                    Duty::WakeHost => (&mut head.marked, Some(raw.take_host())),
                    Duty::Nothing | Duty::Free => (&mut head.marked, None),
                }
            };
            // SAFETY: under the lock; alive, since it is not done, and just taken off the other chain.
            unsafe { push(chain, raw) };
            head.len += 1;
            Some(host)
        })
    }

    /// Takes one off that may have been taken off before. The caller is its driver.
    #[inline(never)]
    fn unlink(&self, raw: Raw) {
        self.0.with(|head| {
            // SAFETY: the driver keeps the cell alive; under the lock.
            unsafe {
                if raw.place(|place| place.linked) {
                    head.remove(raw);
                }
            }
        });
    }

    /// Takes one that is to be dropped off the list; the caller is its driver.
    fn take_claimed(&self) -> Option<Raw> {
        self.0.with(|head| {
            let raw = head.claimed?;
            // SAFETY: it is in this list; under the lock.
            unsafe { head.remove(raw) };
            Some(raw)
        })
    }
}

impl Head {
    const fn new() -> Head {
        Head { first: None, claimed: None, marked: None, len: 0, closed: false }
    }

    /// # Safety
    ///
    /// The head's lock is held and `raw` is in this list.
    unsafe fn remove(&mut self, raw: Raw) {
        // SAFETY: it and its neighbours are linked, hence alive (L2); under the lock (L1).
        unsafe {
            let Place { before, after, .. } = raw.place(|place| ptr::replace(place, Place::OUT));
            match before {
                Some(before) => before.place(|place| place.after = after),
                None if self.first == Some(raw) => self.first = after,
                None if self.claimed == Some(raw) => self.claimed = after,
                None => self.marked = after,
            }
            if let Some(after) = after {
                after.place(|place| place.before = before);
            }
        }
        self.len -= 1;
    }
}

/// Puts a cell at the front of a chain.
///
/// # Safety
///
/// The lock of its shard is held (for lodgers: the caller is their owner), and `raw` is alive and in no
/// list.
pub(super) unsafe fn push(first: &mut Option<Raw>, raw: Raw) {
    let after = first.replace(raw);
    // SAFETY: alive, and under the lock (L1).
    unsafe {
        raw.place(|place| *place = Place { linked: true, before: None, after });
        if let Some(after) = after {
            after.place(|place| place.before = Some(raw));
        }
    }
}

impl Raw {
    /// # Safety
    ///
    /// The cell is alive and the lock of its shard is held (L1); or it is a lodger of the caller's.
    pub(super) unsafe fn place<R>(self, f: impl FnOnce(&mut Place) -> R) -> R {
        // SAFETY: exclusive, says the caller.
        unsafe { self.header().links.place.with_mut(|place| f(&mut *place)) }
    }
}

impl Place {
    pub(super) const OUT: Place = Place { linked: false, before: None, after: None };
}

impl Links {
    pub(super) fn new() -> Links {
        Links { shard: UnsafeCell::new(ptr::null()), place: UnsafeCell::new(Place::OUT) }
    }

    /// Lets the model checker verify that this access is exclusive.
    #[cfg(loom)]
    pub(super) fn claim(&mut self) {
        self.shard.with_mut(|_| ());
        // SAFETY: exclusive.
        self.place.with_mut(|place| assert!(!unsafe { &*place }.linked, "freed in its list"));
    }

    /// Takes the cell off its list, if it is on one. The caller is its driver.
    #[inline]
    pub(super) fn unlink(&self, raw: Raw) {
        // SAFETY: written once, by an earlier driver of this cell.
        let shard = self.shard.with(|shard| unsafe { *shard });
        // SAFETY: the list is part of the runtime, which the cell's handle keeps alive; `tasks`
        // lends it for as long as the runtime lives.
        if let Some(shard) = unsafe { shard.as_ref() } {
            shard.unlink(raw);
        }
    }
}

/// The shard for what this thread spawns.
fn here() -> usize {
    #[cfg(all(feature = "std", not(any(loom, shuttle))))]
    return crate::current::thread() as usize % SHARDS;
    #[cfg(not(all(feature = "std", not(any(loom, shuttle)))))]
    0
}

impl Default for TaskList {
    fn default() -> Self {
        TaskList::new()
    }
}

impl Drop for TaskList {
    fn drop(&mut self) {
        // Cells hold their runtime and the runtime holds the list, so none is linked any more.
        debug_assert!(self.is_empty(), "a TaskList was dropped with tasks in it");
    }
}

impl fmt::Debug for TaskList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskList").field("len", &self.len()).finish()
    }
}
