//! Timers as plain data: a hashed, hierarchical wheel.
//!
//! No thread, no lock, no clock: time is an argument, in nanoseconds since an origin the owner
//! chose. The wheel keeps wakers by deadline, says when the next is due, and hands out those that
//! are; who sleeps and who wakes is the owner's business.
//!
//! # How it works
//!
//! Time is cut into *ticks* of 2^16 ns (66 µs). A deadline's tick has 48 bits, eight digits of six
//! bits. The level of an entry is the highest digit in which its tick differs from the `cursor`
//! (the tick reached so far), and its slot is that digit:
//!
//! ```text
//!             level 7   …   level 2    level 1    level 0
//!  cursor   =    0      …      0          3          17
//!  a tick   =    0      …      0          3          40      differs first at 0 → slot 40
//!  another  =    0      …      0          5           2      differs first at 1 → slot  5
//! ```
//!
//! Everything on a lower level is due before everything on a higher one, and on one level slots
//! are due in their order. So the next slot is found with two bit scans and no look at an entry.
//! When the cursor reaches a slot above level 0, its entries *cascade*: they are linked again and
//! land lower. An entry cascades seven times at most, however far time jumps.
//!
//! Two shortcuts pay for themselves. Each slot remembers the smallest deadline linked into it, so
//! that the owner can sleep until the deadline itself, not until a cascade. And a later deadline
//! only rewrites a word ([`Wheel::reset`]): the entry stays where it is and is linked anew when its
//! old slot comes up. Both make [`Wheel::next_deadline`] a lower bound after a `reset` or `remove`:
//! the owner may wake for nothing, at most once per old deadline and level.
//!
//! # Invariants
//!
//! - **W1** An entry linked on level `l` agrees with the cursor in all digits above `l`; its own
//!   digit `l` is above the cursor's if `l > 0`, and not below it if `l == 0`.
//! - **W2** No occupied slot starts before the cursor, and none starts after the deadline of an
//!   entry in it, unless that deadline had passed when it was linked.
//! - **W3** `slots[s].min` is at most the deadline of each entry in `s`; a bit of `occupied` is set
//!   exactly while its slot has entries.
//! - **W4** [`Wheel::advance`] fires an entry only if its deadline is at most `now`, to the
//!   nanosecond; it leaves none behind of which that is true.
//! - **W5** A deadline of `u64::MAX` is *never*: such an entry is pending and not linked.

mod slab;
#[cfg(test)]
mod tests;

use slab::{Entry, NIL, Place, Slab};
use std::{fmt, task::Waker};

/// Nanoseconds per tick, as a power of two.
const TICK_BITS: u32 = 16;
/// Bits per digit: 64 slots per level, one word of `occupied`.
const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
/// Together with the tick, these cover 64 bits.
const LEVELS: usize = 8;
/// A deadline that never comes (W5).
pub const NEVER: u64 = u64::MAX;

/// Wakers by deadline; see the file's head.
pub struct Wheel {
    /// The tick reached. All of time before it has been dealt with.
    cursor: u64,
    /// One bit per slot that has entries (W3).
    occupied: [u64; LEVELS],
    slots: Box<[Slot]>,
    entries: Slab,
    /// Entries of one tick on their way out; kept for its memory.
    due: Vec<u32>,
}

/// A ring of entries with its earliest deadline.
#[derive(Clone, Copy)]
struct Slot {
    head: u32,
    min: u64,
}

/// What became of a timer that has not been removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerState {
    /// Its deadline has not been reached by any [`Wheel::advance`].
    Pending,
    /// It was handed out, or would have been, had it a waker.
    Fired,
}

impl Wheel {
    /// Makes an empty wheel whose time is 0.
    pub fn new() -> Wheel {
        let empty = Slot { head: NIL, min: NEVER };
        Wheel {
            cursor: 0,
            occupied: [0; LEVELS],
            slots: vec![empty; LEVELS * SLOTS].into_boxed_slice(),
            entries: Slab::new(),
            due: Vec::new(),
        }
    }

    /// Adds a timer and returns its key, which is never 0.
    ///
    /// A deadline in the past is due at the next [`advance`](Wheel::advance), also one to the same
    /// instant as the last.
    pub fn insert(&mut self, at: u64, waker: Waker) -> u64 {
        let (index, key) = self.entries.take(at, waker);
        self.link(index);
        key
    }

    /// Moves a timer to another deadline; `false` if there is no such timer.
    ///
    /// Legal in every state: one that has fired is pending again, without a waker until
    /// [`replace_waker`](Wheel::replace_waker). Moving a pending one to a later time costs one write.
    pub fn reset(&mut self, key: u64, at: u64) -> bool {
        let Some(index) = self.entries.index_of(key) else { return false };
        let entry = &mut self.entries[index];
        let later = at >= entry.at;
        entry.at = at;
        // A linked entry may stay in a slot that comes before its deadline (W2), never after.
        if !(later && matches!(entry.place, Place::Slot(_))) {
            self.unlink(index);
            self.link(index);
        }
        true
    }

    /// Whether the timer exists and has a waker that wakes the same task as `waker`.
    pub fn will_wake(&self, key: u64, waker: &Waker) -> bool {
        let entry = self.entries.index_of(key).map(|index| &self.entries[index]);
        entry.and_then(|entry| entry.waker.as_ref()).is_some_and(|own| own.will_wake(waker))
    }

    /// Gives the timer this waker, and back what is left over: the old one, or `waker` itself if
    /// there is no such timer.
    ///
    /// To be dropped outside the caller's lock, as the clone was to be made outside of it.
    #[must_use = "drop it outside the lock"]
    pub fn replace_waker(&mut self, key: u64, waker: Waker) -> Option<Waker> {
        match self.entries.index_of(key) {
            Some(index) => self.entries[index].waker.replace(waker),
            None => Some(waker),
        }
    }

    /// The deadline of a timer, fired or not.
    pub fn deadline(&self, key: u64) -> Option<u64> {
        self.entries.index_of(key).map(|index| self.entries[index].at)
    }

    /// Whether a timer has fired; `None` if there is no such timer.
    pub fn state(&self, key: u64) -> Option<TimerState> {
        let index = self.entries.index_of(key)?;
        Some(match self.entries[index].place {
            Place::Fired => TimerState::Fired,
            _ => TimerState::Pending,
        })
    }

    /// Removes a timer and returns its waker, to be dropped outside the caller's lock.
    ///
    /// Its key is dead from here on; an unknown or dead key is no error.
    #[must_use = "drop it outside the lock"]
    pub fn remove(&mut self, key: u64) -> Option<Waker> {
        let index = self.entries.index_of(key)?;
        self.unlink(index);
        self.entries.give_back(index)
    }

    /// Takes the wakers of all timers, which count as fired; for the end of a runtime.
    pub fn fire_all(&mut self, out: &mut Vec<Waker>) {
        for index in self.entries.indices() {
            if self.entries[index].place != Place::Free {
                self.unlink(index);
                self.fire(index, out);
            }
        }
    }

    /// How many timers there are, fired ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no timer at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When to call [`advance`](Wheel::advance) next; `None` if nothing is ever due.
    ///
    /// Exact, or too early: see the file's head. An `advance` to this instant makes progress.
    pub fn next_deadline(&self) -> Option<u64> {
        self.next_slot().map(|(_, slot)| self.slots[slot].min)
    }

    /// Moves time to `now` and collects the wakers of all timers that are due, by deadline.
    ///
    /// Timers with the same deadline come in the order of their creation, unless they were reset.
    /// A fired timer stays, as [`TimerState::Fired`], until it is removed. Time does not go back:
    /// an earlier `now` than the last does nothing.
    pub fn advance(&mut self, now: u64, out: &mut Vec<Waker>) {
        let now_tick = now >> TICK_BITS;
        while let Some((start, slot)) = self.next_slot() {
            let later_in_this_tick = slot < SLOTS && self.slots[slot].min > now;
            if start > now_tick || later_in_this_tick {
                break;
            }
            // Nothing is linked before `start`, so W1 and W2 survive the move.
            self.cursor = start;
            self.turn_out(slot, now, out);
        }
        self.cursor = self.cursor.max(now_tick);
    }

    /// The occupied slot that starts first, with its first tick.
    fn next_slot(&self) -> Option<(u64, usize)> {
        let level = self.occupied.iter().position(|bits| *bits != 0)?;
        let digit = self.occupied[level].trailing_zeros() as usize;
        let shift = DIGIT_BITS * level as u32;
        // W1: the digits above are the cursor's, those below are 0 where a slot starts.
        let above = self.cursor >> (shift + DIGIT_BITS) << (shift + DIGIT_BITS);
        Some((above | (digit as u64) << shift, level * SLOTS + digit))
    }

    /// Empties a slot that the cursor has reached: fires what is due, links the rest anew.
    fn turn_out(&mut self, slot: usize, now: u64, out: &mut Vec<Waker>) {
        let mut due = std::mem::take(&mut self.due);
        let mut rest = self.detach(slot);
        while let Some(index) = rest {
            let entry = &self.entries[index];
            rest = (entry.next != NIL).then_some(entry.next);
            // What is due but in a higher level, or was moved to a later tick, is linked anew
            // first: it comes out in its order.
            if slot < SLOTS && entry.at <= now && entry.at >> TICK_BITS <= self.cursor {
                due.push(index);
            } else {
                self.link(index);
            }
        }
        // A ring has the order of creation, which a stable sort keeps among equals.
        due.sort_by_key(|index| self.entries[*index].at);
        due.drain(..).for_each(|index| self.fire(index, out));
        self.due = due;
    }

    /// Marks an unlinked entry as fired and hands its waker out.
    fn fire(&mut self, index: u32, out: &mut Vec<Waker>) {
        let entry = &mut self.entries[index];
        entry.place = Place::Fired;
        out.extend(entry.waker.take());
    }

    /// The slot for a deadline, as seen from the cursor (W1).
    fn slot_for(&self, at: u64) -> usize {
        let tick = (at >> TICK_BITS).max(self.cursor);
        let level = (tick ^ self.cursor).checked_ilog2().unwrap_or(0) / DIGIT_BITS;
        let digit = tick >> (DIGIT_BITS * level) & (SLOTS as u64 - 1);
        level as usize * SLOTS + digit as usize
    }

    /// Puts an entry that is in no slot into that of its deadline, last in its ring.
    fn link(&mut self, index: u32) {
        let at = self.entries[index].at;
        if at == NEVER {
            self.entries[index].place = Place::Nowhere; // W5
            return;
        }
        let slot = self.slot_for(at);
        let Slot { head, min } = self.slots[slot];
        let (head, last) =
            if head == NIL { (index, index) } else { (head, self.entries[head].prev) };
        self.entries[last].next = index;
        self.entries[head].prev = index;
        let entry = &mut self.entries[index];
        (entry.prev, entry.next, entry.place) = (last, head, Place::Slot(slot as u16));
        self.slots[slot] = Slot { head, min: min.min(at) };
        self.occupied[slot / SLOTS] |= 1 << (slot % SLOTS);
    }

    /// Takes an entry out of its slot, if it is in one.
    fn unlink(&mut self, index: u32) {
        let Entry { prev, next, place: Place::Slot(slot), .. } = self.entries[index] else {
            return;
        };
        let slot = usize::from(slot);
        self.entries[index].place = Place::Nowhere;
        if next == index {
            return self.clear(slot);
        }
        self.entries[prev].next = next;
        self.entries[next].prev = prev;
        if self.slots[slot].head == index {
            self.slots[slot].head = next;
        }
    }

    /// Empties a slot and returns its first entry; the last one's `next` is [`NIL`].
    fn detach(&mut self, slot: usize) -> Option<u32> {
        let head = self.slots[slot].head;
        if head == NIL {
            return None;
        }
        self.clear(slot);
        let last = self.entries[head].prev;
        self.entries[last].next = NIL;
        Some(head)
    }

    /// Marks a slot as having no entries (W3).
    fn clear(&mut self, slot: usize) {
        self.slots[slot] = Slot { head: NIL, min: NEVER };
        self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
    }
}

impl Default for Wheel {
    fn default() -> Wheel {
        Wheel::new()
    }
}

impl fmt::Debug for Wheel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (timers, next) = (self.len(), self.next_deadline());
        f.debug_struct("Wheel").field("timers", &timers).field("next", &next).finish()
    }
}
