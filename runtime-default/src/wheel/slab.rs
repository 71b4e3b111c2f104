//! The memory of the wheel: entries in one `Vec`, found by key.
//!
//! A key is an index and a generation, so that one kept too long finds nothing rather than a
//! stranger. Entries that were given back are chained by `next` and taken again, last in, first
//! out; the memory grows to the most timers there ever were and stays.
//!
//! Not here: what `prev`, `next` and `place` mean for entries in use; see the wheel.

use std::{
    ops::{Index, IndexMut, Range},
    task::Waker,
};

/// No index.
pub(super) const NIL: u32 = u32::MAX;

/// One timer, or a free place for one.
pub(super) struct Entry {
    /// The deadline.
    pub(super) at: u64,
    /// Whom to wake; taken when fired.
    pub(super) waker: Option<Waker>,
    /// Neighbours in the ring of its slot.
    pub(super) prev: u32,
    pub(super) next: u32,
    pub(super) place: Place,
    /// Changes whenever the entry is given back; never 0.
    generation: u32,
}

/// Where an entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Not in use.
    Free,
    /// In use and pending, but in no slot.
    Nowhere,
    /// In the ring of this slot.
    Slot(u16),
    /// Handed out.
    Fired,
}

/// All entries.
pub(super) struct Slab {
    entries: Vec<Entry>,
    /// Head of the chain of free entries.
    free: u32,
    len: usize,
}

impl Slab {
    pub(super) fn new() -> Slab {
        Slab { entries: Vec::new(), free: NIL, len: 0 }
    }

    /// Takes an entry and returns its index and key; it is [`Place::Nowhere`].
    pub(super) fn take(&mut self, at: u64, waker: Waker) -> (u32, u64) {
        if self.free == NIL {
            self.grow();
        }
        let index = self.free;
        let entry = &mut self.entries[index as usize];
        self.free = entry.next;
        self.len += 1;
        (entry.at, entry.waker, entry.place) = (at, Some(waker), Place::Nowhere);
        (index, u64::from(entry.generation) << 32 | u64::from(index))
    }

    /// Gives an entry in no slot back, and its waker to the caller.
    pub(super) fn give_back(&mut self, index: u32) -> Option<Waker> {
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.checked_add(1).unwrap_or(1);
        (entry.place, entry.next) = (Place::Free, self.free);
        self.free = index;
        self.len -= 1;
        entry.waker.take()
    }

    /// The index of a key that is alive.
    pub(super) fn index_of(&self, key: u64) -> Option<u32> {
        let (index, generation) = (key as u32, (key >> 32) as u32);
        let entry = self.entries.get(index as usize)?;
        (entry.generation == generation && entry.place != Place::Free).then_some(index)
    }

    /// How many entries are in use.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All indices, free ones too.
    pub(super) fn indices(&self) -> Range<u32> {
        0..self.entries.len() as u32
    }

    /// Adds one free entry.
    fn grow(&mut self) {
        let index = u32::try_from(self.entries.len()).ok().filter(|index| *index != NIL);
        let (at, waker, place) = (0, None, Place::Free);
        let fresh = Entry { at, waker, prev: NIL, next: NIL, place, generation: 1 };
        self.free = index.expect("a wheel holds fewer than 2^32 - 1 timers");
        self.entries.push(fresh);
    }
}

impl Index<u32> for Slab {
    type Output = Entry;

    fn index(&self, index: u32) -> &Entry {
        &self.entries[index as usize]
    }
}

impl IndexMut<u32> for Slab {
    fn index_mut(&mut self, index: u32) -> &mut Entry {
        &mut self.entries[index as usize]
    }
}
