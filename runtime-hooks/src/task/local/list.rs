//! The tasks that lodge at one home: a [`TaskList`](crate::task::TaskList) without a lock.
//!
//! # Invariants
//!
//! - **H1** What is `inside` is touched by the thread whose number is `owner`, and by nobody while that
//!   is zero. One thread at a time sets it from zero, and it alone sets it back.
//! - **H2** The owner sets it back when no cell is on the list (O7).
//! - **H3** All are marked before the first is dropped, as in `list` (L3).

use alloc::vec::Vec;
use core::alloc::Layout;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::*;

use super::spare::Spare;
use super::{job, mail_for, owner};
use crate::Handle;
use crate::contain::contain_quietly;
use crate::current::thread;
use crate::sync::{AtomicU64, AtomicUsize, UnsafeCell};
use crate::task::LocalRunnable;
use crate::task::cell::Raw;
use crate::task::list::{Place, push};
use crate::task::state::Duty;

/// The tasks that lodge at a home, touched by its thread alone.
///
/// A runtime with homes keeps one for each and answers it from
/// [`SpawnLocal::locals`](crate::hooks::SpawnLocal::locals). A thread that becomes the home
/// [opens](LocalList::open) it. When it leaves, it [cancels](LocalList::cancel_all) the tasks, drops
/// what is in its queues, and [closes](LocalList::close) the list, all three again until the last
/// succeeds.
pub struct LocalList {
    owner: AtomicU64,
    /// Tasks that are alive. Stored by the owner.
    len: AtomicUsize,
    inside: UnsafeCell<Inside>,
}

struct Inside {
    /// What lodgers borrow.
    rt: Option<Handle>,
    /// That runtime lends no memory: cells are the heap's.
    no_place: bool,
    first: Option<Raw>,
    spare: Spare,
}

// SAFETY: a thread that is not the owner compares a number and reads a length (H1). The cells are freed
// or folded before the owner changes (H2).
unsafe impl Sync for LocalList {}
// SAFETY: as above.
unsafe impl Send for LocalList {}

impl LocalList {
    const INSIDE: Inside = Inside { rt: None, no_place: false, first: None, spare: Spare::new() };

    /// Nobody's.
    #[cfg(not(loom))]
    pub const fn new() -> LocalList {
        LocalList {
            owner: AtomicU64::new(0),
            len: AtomicUsize::new(0),
            inside: UnsafeCell::new(LocalList::INSIDE),
        }
    }

    /// Nobody's.
    #[cfg(loom)]
    pub fn new() -> LocalList {
        LocalList {
            owner: AtomicU64::new(0),
            len: AtomicUsize::new(0),
            inside: UnsafeCell::new(LocalList::INSIDE),
        }
    }

    /// Makes it the calling thread's. Tasks that are spawned with a clone of `rt` borrow that handle
    /// instead of counting their own, so it should be the one that is current here.
    ///
    /// `false`: it is somebody's already.
    pub fn open(&self, rt: Handle) -> bool {
        // `Acquire` pairs with the `Release` in `close`.
        if self.owner.compare_exchange(0, thread(), Acquire, Relaxed).is_err() {
            return false;
        }
        let no_place = rt.runtime().spawner().place().is_none();
        // SAFETY: the owner is this thread (H1), and was not before: nobody borrows this.
        unsafe { self.inside(|inside| (inside.rt, inside.no_place) = (Some(rt), no_place)) };
        true
    }

    /// Drops every task that is parked, here, and marks the others to be dropped when they are run.
    /// Hosts are woken. Destructors may spawn, wake and abort meanwhile. Does nothing elsewhere.
    pub fn cancel_all(&self) {
        if !self.is_here() {
            return;
        }
        // Again if there was something to drop: destructors may spawn.
        loop {
            let parked = self.mark_all();
            if parked.is_empty() {
                return;
            }
            drop(parked);
        }
    }

    /// Ends the home. What is left of tasks that have ended, for somebody holds their handle or waker,
    /// no longer needs it then.
    ///
    /// `None`: mail is under way, so this has to be called again when it may have come; or this is not
    /// the thread that opened it. Otherwise the handle that was given to [`open`](LocalList::open).
    pub fn close(&self) -> Option<Handle> {
        if !self.is_here() {
            return None;
        }
        // SAFETY: the owner is this thread.
        while let Some(raw) = unsafe { self.inside(|inside| inside.first) } {
            // SAFETY: on the list, hence alive (O7).
            if !unsafe { self.fold(raw) } {
                return None;
            }
        }
        // SAFETY: the owner is this thread.
        let rt = unsafe {
            self.inside(|inside| {
                inside.spare.clear();
                inside.rt.take()
            })
        };
        self.owner.store(0, Release); // (H2)
        rt
    }

    /// How many tasks are alive. Anybody may ask.
    pub fn len(&self) -> usize {
        self.len.load(Acquire)
    }

    /// Whether none are.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the calling thread has opened it.
    #[inline]
    pub(super) fn is_here(&self) -> bool {
        self.is_of(thread())
    }

    /// The same for one who knows the thread's number.
    #[inline]
    pub(super) fn is_of(&self, thread: u64) -> bool {
        self.owner.load(Acquire) == thread
    }

    /// Whether those to whom it lends its handle lie on the heap. By the owner.
    #[inline]
    pub(super) fn has_no_place(&self) -> bool {
        // SAFETY: the owner is this thread, as the callers hold.
        unsafe { self.inside(|inside| inside.no_place) }
    }

    /// The list's handle if that is as good as `rt`, else one of the task's own; whether it is lent. By
    /// the owner.
    #[inline]
    pub(super) fn lend(&self, rt: &Handle) -> (ManuallyDrop<Handle>, bool) {
        // SAFETY: as the callers hold, the owner is this thread. The bits of a handle may be copied, if
        // one of the two is not dropped: that of a cell is not while the list lends it (O7).
        let lent = unsafe {
            self.inside(|inside| {
                let mine = inside.rt.as_ref().filter(|mine| mine.is_clone_of(rt))?;
                Some(ptr::read(ptr::from_ref(mine).cast::<ManuallyDrop<Handle>>()))
            })
        };
        match lent {
            Some(lent) => (lent, true),
            None => (ManuallyDrop::new(rt.clone()), false),
        }
    }

    /// Memory of a lodger that is gone. By the owner.
    #[inline]
    pub(super) fn take_memory(&self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the owner is this thread, as the callers hold.
        unsafe { self.inside(|inside| inside.spare.take(layout)) }
    }

    /// Keeps it, if there is room.
    ///
    /// # Safety
    ///
    /// The owner is this thread. The block is of the heap, with this layout, and if this is `true` it is
    /// the caller's no longer.
    #[inline]
    pub(in crate::task) unsafe fn keep_memory(&self, block: NonNull<u8>, layout: Layout) -> bool {
        // SAFETY: as the caller says.
        unsafe { self.inside(|inside| inside.spare.keep(block, layout)) }
    }

    /// A new lodger.
    ///
    /// # Safety
    ///
    /// It was born with this list, whose owner is this thread.
    #[inline]
    pub(super) unsafe fn add(&self, raw: Raw) {
        // SAFETY: the owner is this thread; the cell is new, and so in no list.
        unsafe { self.inside(|inside| push(&mut inside.first, raw)) };
        self.len.store(self.len.load(Relaxed) + 1, Release);
    }

    /// A lodger has ended.
    #[inline]
    pub(super) fn uncount(&self) {
        self.len.store(self.len.load(Relaxed) - 1, Release);
    }

    /// Takes a lodger off.
    ///
    /// # Safety
    ///
    /// It is on this list, whose owner is this thread.
    #[inline]
    pub(super) unsafe fn remove(&self, raw: Raw) {
        // SAFETY: as the caller says; its neighbours are on the list, hence alive (O7).
        unsafe {
            self.inside(|inside| {
                let Place { before, after, .. } =
                    raw.place(|place| ptr::replace(place, Place::OUT));
                match before {
                    Some(before) => before.place(|place| place.after = after),
                    None => inside.first = after,
                }
                if let Some(after) = after {
                    after.place(|place| place.before = before);
                }
            });
        }
    }

    /// Folds one cell; `false`: it has mail.
    ///
    /// # Safety
    ///
    /// It is on this list, whose owner is this thread.
    unsafe fn fold(&self, raw: Raw) -> bool {
        let owner = owner(raw);
        // SAFETY: alive, says the caller.
        let header = unsafe { raw.header() };
        // `Acquire` pairs with the `Release` in `leak`: whoever leaked it is through with the cell.
        if owner.lost.load(Acquire) {
            owner.lost.store(false, Relaxed);
            drop(mail_for(raw)); // it will not come, so it is received here
            return false;
        }
        // Off the list, and its handle counted, before others may free it.
        let own = owner.lent.then(|| Handle::clone(&header.rt));
        let was_alive = !header.state.is_done();
        // SAFETY: on the list, says the caller.
        unsafe { self.remove(raw) };
        if header.state.fold() {
            core::mem::forget(own); // the cell's
            if was_alive {
                self.uncount();
            }
            return true;
        }
        // SAFETY: not folded, so it is alive, and a lodger still.
        unsafe { self.inside(|inside| push(&mut inside.first, raw)) };
        false
    }

    /// Marks every task, wakes hosts, and answers those that were parked: they are the caller's (H3).
    fn mark_all(&self) -> Vec<LocalRunnable> {
        let (mut parked, mut hosts) = (Vec::new(), Vec::new());
        // SAFETY: the owner is this thread, say the callers. Cells on the list are alive (O7), and no
        // foreign code runs between here and the end of the list.
        let mut next = unsafe { self.inside(|inside| inside.first) };
        while let Some(raw) = next {
            // SAFETY: as above; if the move says `WakeHost`, the host slot's waker is ours (T3).
            unsafe {
                match raw.header().state.abort() {
                    Duty::Schedule => parked.push(job(raw)),
                    Duty::WakeHost => hosts.push(raw.take_host()),
                    Duty::Nothing | Duty::Free => {}
                }
                next = raw.place(|place| place.after);
            }
        }
        hosts.into_iter().for_each(|host| contain_quietly(|| host.wake()));
        parked
    }

    /// # Safety
    ///
    /// The owner is this thread (H1), and `f` does not come back here.
    #[inline]
    unsafe fn inside<R>(&self, f: impl FnOnce(&mut Inside) -> R) -> R {
        // SAFETY: exclusive, says the caller.
        self.inside.with_mut(|inside| f(unsafe { &mut *inside }))
    }
}

impl Default for LocalList {
    fn default() -> Self {
        LocalList::new()
    }
}

impl Drop for LocalList {
    fn drop(&mut self) {
        // SAFETY: exclusive.
        let is_empty = unsafe { self.inside(|inside| inside.first.is_none()) };
        // Cells hold their runtime and that the list, so it was closed; unless the runtime keeps a
        // handle of another. Then they would be left with a list that is gone.
        if !is_empty {
            std::process::abort();
        }
    }
}

impl fmt::Debug for LocalList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalList").field("len", &self.len()).finish_non_exhaustive()
    }
}
