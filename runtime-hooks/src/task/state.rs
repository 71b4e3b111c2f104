//! The state word of a task: its moves, and what each obliges its caller to do.
//!
//! Nothing here touches the future, a waker or memory, so every move can be model-checked alone.
//!
//! ```text
//!              wake                start                 publish
//!   (idle) ──────────▶ SCHEDULED ─────────▶ RUNNING ─────────────────▶ DONE
//!      ▲                    ▲                  │ │
//!      │       park         │  woken meanwhile │ │ CANCEL seen: the future is dropped
//!      └────────────────────┼──────────────────┘ └──── instead of polled, then DONE
//!                           └─────────────────── park
//! ```
//!
//! # Bits
//!
//! - `SCHEDULED`: a driver holds the task and has not started ([`Task`](super::Task),
//!   [`Runnable`](super::Runnable)); together with `RUNNING`: woken meanwhile. A hosted task keeps
//!   it until its host drops the `Task`.
//! - `RUNNING`: inside `Runnable::run`, or on its way back to the queue from there.
//! - `DONE`: the future is dropped and the outcome stored.
//! - `CANCEL`: the future is to be dropped rather than polled.
//! - `HANDLE`: the join handle exists.
//! - `AWAITED`: the join slot holds a waker, for whoever sets `DONE`.
//! - `HOST`: the host slot holds a waker; whoever clears the bit owns it.
//! - `PLAIN`: the word is *plain*, see below.
//! - the rest counts wakers, in units of `REF`.
//!
//! # Two storages
//!
//! A move is a function from one word to the next, and `State::change` applies it. To most words, which
//! everybody may change, by compare-and-exchange. A plain word is changed by its owner's thread alone,
//! with a load and a store; what others want stands in a second word (`away`), and `local` says how it
//! gets home. The moves do not know the difference: they are shown the plain word with the wakers that
//! are counted abroad.
//!
//! # Orderings
//!
//! Every move is `AcqRel`, also a wake that finds the task scheduled already: the next poll must see
//! what happened before *this* wake, not only before the first (WAKE-6). Only counting a waker up is
//! `Relaxed`: whoever clones one has one. A plain word is stored with `Release`, because others may look
//! whether it says `DONE`.

use core::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release};

use super::away::Away;
#[cfg(feature = "std")]
use super::away::Wishes;
use crate::sync::AtomicUsize;
#[cfg(loom)]
use crate::sync::UnsafeCell;

const SCHEDULED: usize = 1;
const RUNNING: usize = 1 << 1;
const DONE: usize = 1 << 2;
const CANCEL: usize = 1 << 3;
const HANDLE: usize = 1 << 4;
const AWAITED: usize = 1 << 5;
const HOST: usize = 1 << 6;
const PLAIN: usize = 1 << 7;
pub(super) const REF: usize = 1 << 8;
/// Above this many wakers of one task the program has leaked them in a loop.
const REFS_MAX: usize = usize::MAX / 2;

/// The word, and what is said abroad of a plain one.
pub(super) struct State {
    word: AtomicUsize,
    pub(super) away: Away,
    /// Has the model checker see that a plain word is changed by one thread.
    #[cfg(loom)]
    alone: UnsafeCell<()>,
}

/// What [`State::start`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Poll the future.
    Poll,
    /// Drop it.
    Cancel,
    /// It ended before: its host polled it to the end and made a job of it all the same. Let go.
    Done,
}

/// What remains after a poll that was `Pending`.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Park {
    /// Nothing; the task is someone else's now.
    Parked,
    /// It was woken meanwhile: the driver still holds it, queue it again.
    Requeue,
    /// Drop the future: aborted, or nobody is left who could wake or join it.
    Cancel,
}

/// What a wake, an abort or the loss of a reference asks of its caller.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// Nothing.
    Nothing,
    /// Make a `Runnable` and schedule it; the caller's own reference is still counted.
    Schedule,
    /// Take the host's waker out of its slot and wake it.
    WakeHost,
    /// Free the cell.
    Free,
}

/// What the driver must do after it stored the outcome.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Published {
    /// Take the join slot's waker and wake it, then release the driver.
    pub(super) wake_joiner: bool,
    /// Nobody will ask for the outcome: drop it, then release the driver.
    pub(super) unclaimed: bool,
    /// The host slot is full and ours.
    pub(super) host_waker: bool,
}

/// What the host driver may do with its slot.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HostSlot {
    /// It is empty and ours.
    Empty,
    /// It is ours, and so is the waker in it.
    Full,
    /// Nothing, ever again: the task is cancelled, and the aborter may be taking the waker out just
    /// now.
    Lost,
}

/// What the join handle may do with its slot.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Empty and ours.
    Empty,
    /// It holds the waker of an earlier poll. Compare; [`State::reclaim`] before writing.
    Filled,
    /// The outcome is there.
    Done,
}

impl State {
    /// A task that its driver and its join handle hold; its word plain, or not.
    pub(super) fn new(plain: bool) -> State {
        State {
            word: AtomicUsize::new(SCHEDULED | HANDLE | if plain { PLAIN } else { 0 }),
            away: Away::new(),
            #[cfg(loom)]
            alone: UnsafeCell::new(()),
        }
    }

    /// Lets the model checker verify that this access is exclusive.
    #[cfg(loom)]
    pub(super) fn claim(&mut self) {
        let abroad = self.away.claim();
        self.alone.with_mut(|_| ());
        self.word.with_mut(|word| {
            let word = word.wrapping_add(abroad);
            assert!(unused(word), "freed while in use: {word:#x}");
        });
    }

    /// Applies `next` until it sticks; `None` leaves the word alone. Answers the word before.
    #[inline]
    fn change(&self, mut next: impl FnMut(usize) -> Option<usize>) -> Result<usize, usize> {
        let mut before = self.word.load(Acquire);
        if before & PLAIN != 0 {
            return self.change_plain(before, next);
        }
        while let Some(after) = next(before) {
            match self.word.compare_exchange_weak(before, after, AcqRel, Acquire) {
                Ok(before) => return Ok(before),
                Err(now) => before = now,
            }
        }
        Err(before)
    }

    /// The same by the owner of a plain word.
    #[inline]
    fn change_plain(
        &self,
        word: usize,
        mut next: impl FnMut(usize) -> Option<usize>,
    ) -> Result<usize, usize> {
        let abroad = self.away.counted();
        let before = word.wrapping_add(abroad);
        let Some(after) = next(before) else { return Err(before) };
        self.store_plain(after.wrapping_sub(abroad));
        Ok(before)
    }

    #[inline]
    fn store_plain(&self, word: usize) {
        #[cfg(loom)]
        self.alone.with_mut(|_| ());
        self.word.store(word, Release);
    }

    /// Adds, whatever the word is; answers it as it was, without what is counted abroad.
    #[inline]
    fn add(&self, step: usize, order: Ordering) -> usize {
        let before = self.word.load(Relaxed);
        if before & PLAIN == 0 {
            return self.word.fetch_add(step, order);
        }
        self.store_plain(before.wrapping_add(step));
        before
    }

    /// Clears bits, whatever the word is.
    #[inline]
    fn clear(&self, bits: usize) -> usize {
        if self.is_plain() {
            return self.change(|s| Some(s & !bits)).unwrap_or_else(|s| s);
        }
        self.word.fetch_and(!bits, AcqRel)
    }

    // ── the queue driver ────────────────────────────────────────────────────────────────────

    /// Leaves `SCHEDULED` for `RUNNING`, by the holder of the `Runnable`.
    #[inline]
    pub(super) fn start(&self) -> Start {
        // A job that yielded is `RUNNING` still; nobody but the holder changes that bit. Either way
        // the move is an addition, which the hardware does in one step.
        let running = self.word.load(Relaxed) & RUNNING;
        let step = (RUNNING - running).wrapping_sub(SCHEDULED);
        let before = self.add(step, AcqRel);
        debug_assert!(before & SCHEDULED != 0, "started {before:#x}");
        match before {
            _ if before & DONE != 0 => Start::Done,
            _ if before & CANCEL != 0 => Start::Cancel,
            _ => Start::Poll,
        }
    }

    /// Leaves `RUNNING` after `Pending`; stays in it if the answer is [`Park::Cancel`], and also if it
    /// is [`Park::Requeue`]: a job that goes back to its queue is not written to.
    #[inline]
    pub(super) fn park(&self) -> Park {
        let before = self.change(|s| match s {
            _ if s & (CANCEL | SCHEDULED) != 0 || orphaned(s) => None,
            _ => Some(s & !RUNNING),
        });
        match before {
            Ok(_) => Park::Parked,
            Err(s) if s & CANCEL == 0 && s & SCHEDULED != 0 => Park::Requeue,
            Err(_) => Park::Cancel,
        }
    }

    /// Sets `DONE`. Keeps the driver counted if the answer leaves it anything to do with the cell;
    /// [`State::release_driver`] then follows.
    #[inline]
    pub(super) fn publish(&self, hosted: bool) -> Published {
        let driver = if hosted { SCHEDULED } else { RUNNING };
        let before = self
            .change(|s| {
                let keep = hosted || published(s).owes();
                let gone = (SCHEDULED | RUNNING | HOST) & !(if keep { driver } else { 0 });
                Some((s | DONE) & !gone)
            })
            .unwrap_or_else(|s| s);
        published(before)
    }

    /// The driver lets go of a finished task.
    #[inline]
    pub(super) fn release_driver(&self) -> Duty {
        let before = self.clear(SCHEDULED | RUNNING);
        if before & HANDLE == 0 && before < REF { Duty::Free } else { Duty::Nothing }
    }

    // ── wakers ──────────────────────────────────────────────────────────────────────────────

    /// Counts a waker.
    #[inline]
    pub(super) fn clone_waker(&self) {
        if self.add(REF, Relaxed) > REFS_MAX {
            abort_the_process();
        }
    }

    /// Any thread, any time, also from inside the poll.
    #[inline]
    pub(super) fn wake(&self) -> Duty {
        match self.change(|s| if s & DONE == 0 { Some(s | SCHEDULED) } else { None }) {
            Ok(s) if s & (SCHEDULED | RUNNING) == 0 => Duty::Schedule,
            _ => Duty::Nothing,
        }
    }

    /// Uncounts a waker. If it was the last reference to a parked task, the task is scheduled once
    /// more to be dropped where tasks run; the waker then stays counted until that is done.
    #[inline]
    pub(super) fn drop_waker(&self) -> Duty {
        self.have_one();
        let before = self.change(|s| {
            let after = s - REF;
            if abandoned(after) { Some(s | SCHEDULED | CANCEL) } else { Some(after) }
        });
        let after = before.unwrap_or_else(|s| s) - REF;
        match after {
            _ if abandoned(after) => Duty::Schedule,
            _ if unused(after) => Duty::Free,
            _ => Duty::Nothing,
        }
    }

    /// Sees to it that a plain word counts the waker that its owner is about to drop. It may have come
    /// from abroad.
    #[inline]
    fn have_one(&self) {
        let word = self.word.load(Relaxed);
        if word & PLAIN != 0 && word < REF {
            self.away.bring_home();
            self.store_plain(word + REF);
        }
    }

    // ── the host driver ─────────────────────────────────────────────────────────────────────

    /// Whether a host may poll (not: cancelled or done), and whether its slot is full. No
    /// read-modify-write.
    #[inline]
    pub(super) fn host_look(&self) -> (Start, bool) {
        let s = self.word.load(Acquire);
        let start = if s & (CANCEL | DONE) == 0 { Start::Poll } else { Start::Cancel };
        (start, s & HOST != 0)
    }

    /// Whether the word is plain; by its owner.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.word.load(Relaxed) & PLAIN != 0
    }

    /// Whether the outcome is there. Anybody may ask, of plain words too.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.word.load(Acquire) & DONE != 0
    }

    /// Takes the host slot away from aborters, unless one was faster.
    pub(super) fn host_open(&self) -> HostSlot {
        match self.clear(HOST) {
            s if s & HOST != 0 => HostSlot::Full,
            s if s & CANCEL != 0 => HostSlot::Lost,
            _ => HostSlot::Empty,
        }
    }

    /// Offers the filled slot to aborters. `Cancel`: an abort came while it was ours and left the
    /// rest to us; the slot is still ours.
    pub(super) fn host_close(&self) -> Start {
        match self.change(|s| if s & CANCEL == 0 { Some(s | HOST) } else { None }) {
            Ok(_) => Start::Poll,
            Err(_) => Start::Cancel,
        }
    }

    // ── cancellation ────────────────────────────────────────────────────────────────────────

    /// Asks for cancellation, and takes the task over if no driver holds it. By the join handle, a
    /// driver, or under the lock of the task's list, all of which keep the cell alive (T2, T4).
    pub(super) fn abort(&self) -> Duty {
        let before = self.change(|s| match s {
            _ if s & (DONE | CANCEL) != 0 => None,
            _ if s & HOST != 0 => Some((s | CANCEL) & !HOST),
            _ => Some(s | CANCEL | SCHEDULED),
        });
        match before {
            Err(_) => Duty::Nothing,
            Ok(s) if s & HOST != 0 => Duty::WakeHost,
            Ok(s) if s & (SCHEDULED | RUNNING) == 0 => Duty::Schedule,
            Ok(_) => Duty::Nothing,
        }
    }

    // ── the join handle ─────────────────────────────────────────────────────────────────────

    /// What the join slot holds.
    #[inline]
    pub(super) fn slot(&self) -> Slot {
        match self.word.load(Acquire) {
            s if s & DONE != 0 => Slot::Done,
            s if s & AWAITED != 0 => Slot::Filled,
            _ => Slot::Empty,
        }
    }

    /// Takes the filled slot back; `false`: done meanwhile, and the slot is the driver's.
    pub(super) fn reclaim(&self) -> bool {
        self.change(|s| if s & DONE == 0 { Some(s & !AWAITED) } else { None }).is_ok()
    }

    /// Offers the filled slot to the driver; `false`: done meanwhile, and the slot is still ours.
    pub(super) fn offer(&self) -> bool {
        self.change(|s| if s & DONE == 0 { Some(s | AWAITED) } else { None }).is_ok()
    }

    /// The handle goes, its slot empty, while the task is not done. `None`: it is done, and the
    /// outcome is the handle's to drop before [`State::release_handle`]. On [`Duty::Schedule`]
    /// nobody is left who could wake the task: it is to be dropped where tasks run, and the handle
    /// stays counted meanwhile.
    pub(super) fn detach(&self) -> Option<Duty> {
        let before = self.change(|s| match s & !HANDLE {
            _ if s & DONE != 0 => None,
            after if abandoned(after) => Some(s | SCHEDULED | CANCEL),
            after => Some(after),
        });
        let orphan = abandoned(before.ok()? & !HANDLE);
        Some(if orphan { Duty::Schedule } else { Duty::Nothing })
    }

    /// The handle of a finished task goes, its outcome taken or dropped.
    #[inline]
    pub(super) fn release_handle(&self) -> Duty {
        let before = self.clear(HANDLE);
        if unused(before & !HANDLE) { Duty::Free } else { Duty::Nothing }
    }
}

/// Plain words; their owner alone calls these.
#[cfg(feature = "std")]
impl State {
    /// Takes what was said abroad. From now on the mail counts as a waker of the owner's, which drops it
    /// when it has done what was wished.
    pub(super) fn receive(&self) -> Wishes {
        let (wishes, debt) = self.away.receive();
        let word = self.word.load(Relaxed);
        self.store_plain(word.wrapping_add(REF).wrapping_sub(debt));
        wishes
    }

    /// Makes it a word that everybody may change; `false`: mail is under way, nothing happened.
    pub(super) fn fold(&self) -> bool {
        let word = self.word.load(Relaxed);
        let folded = self.away.fold(|abroad| {
            self.store_plain((word & !PLAIN).wrapping_add(abroad));
        });
        if !folded {
            self.store_plain(word);
        }
        folded
    }
}

impl Published {
    /// Whether the driver still needs the cell.
    fn owes(&self) -> bool {
        self.wake_joiner || self.unclaimed
    }
}

fn published(before: usize) -> Published {
    Published {
        wake_joiner: before & AWAITED != 0,
        unclaimed: before & HANDLE == 0,
        host_waker: before & HOST != 0,
    }
}

/// Running, and nobody is left who could wake or join it.
fn orphaned(s: usize) -> bool {
    s & (SCHEDULED | HANDLE) == 0 && s < REF
}

/// Parked, with a live future, and nobody is left who could wake or join it.
fn abandoned(s: usize) -> bool {
    s & (SCHEDULED | RUNNING | DONE | HANDLE) == 0 && s < REF
}

/// Finished, and nobody holds it.
fn unused(s: usize) -> bool {
    s & (SCHEDULED | RUNNING | HANDLE) == 0 && s & DONE != 0 && s < REF
}

/// A count that overflowed would free memory in use: nothing but stopping is safe.
#[cold]
fn abort_the_process() -> ! {
    #[cfg(feature = "std")]
    std::process::abort();
    #[cfg(not(feature = "std"))]
    {
        /// A panic while panicking ends the program, where a single one might be caught.
        struct Again;
        impl Drop for Again {
            fn drop(&mut self) {
                panic!("a task has more wakers than fit in memory");
            }
        }
        let _again = Again;
        panic!("a task has more wakers than fit in memory");
    }
}
