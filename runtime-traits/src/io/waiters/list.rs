//! Who waits for one direction: plain data, for use under the fan's lock.
//!
//! Nothing here runs foreign code. A waker comes in as a clone that was made outside the lock
//! (`spare`), and goes out the same way, to be dropped or woken there.
//!
//! | kind | place | leaves it |
//! |---|---|---|
//! | owner | one | replaced by the next, or woken |
//! | keyed | a slot that a future owns, the first in place, the others in a slab | released, or woken |
//! | anyone | a list, told apart by `will_wake`, bounded | woken |

use core::mem;
use core::task::Waker;
use std::vec::Vec;

use super::Who;

/// How many wakers without identity are kept until they are asked to come again.
pub(super) const POLLERS_MIN: usize = 32;
/// What that grows to, if they do come again.
const POLLERS_MAX: usize = 4096;
/// How many wakers are taken in one go.
pub(super) const BATCH: usize = 8;

/// A future's place among the waiters. Its owner gives it back with [`Side::release`].
#[derive(Debug, Default)]
pub(crate) struct Key(
    /// Zero: none. Otherwise one more than the slot's number.
    usize,
);

impl Key {
    /// The slot's number; the key names none any more.
    pub(super) fn take(&mut self) -> Option<usize> {
        mem::take(&mut self.0).checked_sub(1)
    }
}

/// A place for a keyed waiter.
#[derive(Debug)]
pub(super) enum Slot {
    /// Nobody's; the next free one.
    Free(Option<usize>),
    /// A future's; its waker while it waits.
    Held(Option<Waker>),
}

/// What became of a waker.
#[must_use]
pub(super) enum Put {
    /// It is there.
    Stored,
    /// It has to be cloned first, outside the lock.
    NeedsClone,
    /// Too many without identity.
    Crowded,
}

/// Where one round of waking stands.
pub(super) struct Sweep {
    owner: bool,
    /// The next slot, and the end as it was at the event.
    slots: core::ops::Range<usize>,
    /// How many without identity are still to be taken, the oldest first.
    pollers: usize,
}

/// Everybody who waits for one direction.
#[derive(Debug)]
pub(super) struct Waiters {
    owner: Option<Waker>,
    /// Slot 0, in place: most sources have one waiter.
    first: Slot,
    /// The slots from 1.
    pub(super) rest: Vec<Slot>,
    /// The first free slot.
    free: Option<usize>,
    pub(super) pollers: Vec<Waker>,
    pub(super) pollers_max: usize,
}

impl Default for Waiters {
    fn default() -> Self {
        Waiters {
            owner: None,
            first: Slot::Free(None),
            rest: Vec::new(),
            free: Some(0),
            pollers: Vec::new(),
            pollers_max: POLLERS_MIN,
        }
    }
}

impl Waiters {
    fn slot(&mut self, index: usize) -> Option<&mut Slot> {
        match index.checked_sub(1) {
            None => Some(&mut self.first),
            Some(index) => self.rest.get_mut(index),
        }
    }

    /// Puts `waker` in the place of `who`. What it replaces is left in `spare`.
    pub(super) fn put(
        &mut self,
        who: &mut Who<'_>,
        waker: &Waker,
        spare: &mut Option<Waker>,
    ) -> Put {
        match who {
            Who::Owner => fill(&mut self.owner, waker, spare),
            Who::Keyed(key) => {
                if key.0 == 0 {
                    key.0 = self.claim() + 1;
                }
                match self.slot(key.0 - 1) {
                    Some(Slot::Held(held)) => fill(held, waker, spare),
                    _ => unreachable!("a key names a held slot until it is released"),
                }
            }
            Who::Anyone if self.pollers.iter().any(|known| known.will_wake(waker)) => Put::Stored,
            Who::Anyone => self.push(spare),
        }
    }

    /// Adds a waker without identity.
    fn push(&mut self, spare: &mut Option<Waker>) -> Put {
        if self.pollers.len() >= self.pollers_max {
            self.pollers_max = (self.pollers_max * 2).min(POLLERS_MAX);
            return Put::Crowded;
        }
        match spare.take() {
            Some(waker) => self.pollers.push(waker),
            None => return Put::NeedsClone,
        }
        Put::Stored
    }

    /// A free slot, now held.
    fn claim(&mut self) -> usize {
        let Some(index) = self.free else {
            self.rest.push(Slot::Held(None));
            return self.rest.len();
        };
        let slot = self.slot(index).expect("a free slot exists");
        let Slot::Free(next) = mem::replace(slot, Slot::Held(None)) else {
            unreachable!("the free list holds free slots")
        };
        self.free = next;
        index
    }

    /// Frees a slot and hands out its waker, to be dropped outside the lock.
    pub(super) fn vacate(&mut self, index: usize) -> Option<Waker> {
        let free = self.free;
        let slot = self.slot(index)?;
        let Slot::Held(waker) = mem::replace(slot, Slot::Free(free)) else {
            unreachable!("a key is released once")
        };
        self.free = Some(index);
        waker
    }

    /// Everybody who is there now.
    pub(super) fn sweep(&self) -> Sweep {
        Sweep { owner: true, slots: 0..self.rest.len() + 1, pollers: self.pollers.len() }
    }

    /// Moves wakers of `sweep` to `batch`; `true` if there may be more.
    pub(super) fn take(&mut self, sweep: &mut Sweep, batch: &mut [Option<Waker>; BATCH]) -> bool {
        let mut room = batch.iter_mut();
        if mem::take(&mut sweep.owner) && self.owner.is_some() {
            *room.next().expect("the batch is empty") = self.owner.take();
        }
        while room.len() > 0 {
            let Some(index) = sweep.slots.next() else { break };
            if let Some(Slot::Held(held @ Some(_))) = self.slot(index) {
                *room.next().expect("there was room") = held.take();
            }
        }
        let count = sweep.pollers.min(room.len()).min(self.pollers.len());
        for (to, waker) in room.by_ref().zip(self.pollers.drain(..count)) {
            *to = Some(waker);
        }
        sweep.pollers -= count;
        if self.pollers.is_empty() {
            sweep.pollers = 0;
        }
        !sweep.slots.is_empty() || sweep.pollers > 0
    }
}

/// Makes `place` hold `waker`; a clone comes from `spare`, the old one goes there.
fn fill(place: &mut Option<Waker>, waker: &Waker, spare: &mut Option<Waker>) -> Put {
    if place.as_ref().is_some_and(|held| held.will_wake(waker)) {
        return Put::Stored;
    }
    match spare.take() {
        Some(new) => *spare = place.replace(new),
        None => return Put::NeedsClone,
    }
    Put::Stored
}
