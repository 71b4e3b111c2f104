//! A table whose look-ups take no lock and allocate nothing.
//!
//! [`Table`] gives out keys for values that stay where they are: chunks of doubling size are added
//! and never moved or freed before the table, so that `&T` may be lent to any thread. Only
//! [`Table::insert`] and [`Table::remove`] take the lock, of the list of free places.
//!
//! ```text
//!  key = generation << 32 | index          index + 64 = 0b 1 c c c c c c c …
//!                                                          └ its highest bit names the chunk,
//!  chunks  [64] [128] [256] [512] …                          the rest is the place in it
//! ```
//!
//! # Values are reused, not dropped
//!
//! A place holds a `T` for ever. `insert` hands a `&T` to the caller, who makes it fresh through
//! its interior mutability; `remove` hands it over once more, to be emptied.
//!
//! **The window.** [`Table::get`] compares generations when it is called. A thread that then takes
//! its time may act on a value that was removed meanwhile, or even on its successor in the same
//! place. So a `T` must be such that this does no harm: it may cost a spurious wake, and it must
//! not lose one, mix up results, or leave something behind that counts on `remove` having run.
//! What cannot be made so is to be checked again under a lock inside of `T`.
//!
//! # Invariants
//!
//! - **K1** The generation of a place is odd while a key to it is alive, even otherwise; it only
//!   ever goes up by one (and wraps, after 2^31 lives of one place).
//! - **K2** The index of a place is in `free.list`, or not below `free.fresh`, or owned by the
//!   thread inside `insert` or `remove`, or its generation is odd. Exactly one of these.
//! - **K3** Between two lives, values are seen by their owner (K2) and by those in the window.

use crate::sync::{Mutex, lock};
use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Places in the first chunk, as a power of two.
const FIRST_BITS: u32 = 6;
const FIRST: u64 = 1 << FIRST_BITS;
/// Enough for every index of 32 bits but the last few.
const CHUNKS: usize = (32 - FIRST_BITS) as usize;
/// How many places there can be.
const PLACES_MAX: u64 = FIRST * ((1 << CHUNKS) - 1);

/// Values by key; see the file's head.
pub struct Table<T> {
    chunks: [OnceLock<Box<[Place<T>]>>; CHUNKS],
    free: Mutex<Free>,
}

/// A value that outlives its keys.
#[derive(Default)]
struct Place<T> {
    generation: AtomicU32,
    value: T,
}

/// Which places are free (K2).
struct Free {
    /// Given back; the last one first, since it is warm.
    list: Vec<u32>,
    /// The first one never used.
    fresh: u32,
}

impl<T: Default> Table<T> {
    /// Makes an empty table without memory of its own.
    pub const fn new() -> Table<T> {
        let free = Mutex::new(Free { list: Vec::new(), fresh: 0 });
        Table { chunks: [const { OnceLock::new() }; CHUNKS], free }
    }

    /// Takes a place, has `init` make its value fresh, and returns the key, which is never 0.
    ///
    /// `None` if all of some four billion places are taken. `init` runs outside of the lock.
    pub fn insert(&self, init: impl FnOnce(&T)) -> Option<u64> {
        let index = lock(&self.free).take()?;
        let (chunk, offset) = split(index);
        let places = self.chunks[chunk].get_or_init(|| new_chunk(chunk));
        let place = &places[offset];
        init(&place.value);
        // `Release` pairs with `Acquire` in `get`: who finds the key alive sees the fresh value.
        let generation = place.generation.load(Ordering::Relaxed).wrapping_add(1);
        place.generation.store(generation, Ordering::Release);
        Some(key_of(index, generation))
    }

    /// The value of a key that is alive. See *the window* in the file's head.
    pub fn get(&self, key: u64) -> Option<&T> {
        let place = self.place(key as u32)?;
        (is_alive(key) && place.generation.load(Ordering::Acquire) == generation_of(key))
            .then_some(&place.value)
    }

    /// The key now alive at an index, the low half of a key.
    pub fn key_at(&self, index: u32) -> Option<u64> {
        let generation = self.place(index)?.generation.load(Ordering::Acquire);
        Some(key_of(index, generation)).filter(|key| is_alive(*key))
    }

    /// Ends the life of a key and returns what `empty` makes of its value; `None` if it had ended.
    ///
    /// Of several threads that remove one key, one succeeds. `empty` runs outside of the lock, with
    /// the key dead already and the place not yet free.
    pub fn remove<R>(&self, key: u64, empty: impl FnOnce(&T) -> R) -> Option<R> {
        let place = self.place(key as u32).filter(|_| is_alive(key))?;
        let (old, new) = (generation_of(key), generation_of(key).wrapping_add(1));
        let (won, lost) = (Ordering::AcqRel, Ordering::Relaxed);
        place.generation.compare_exchange(old, new, won, lost).ok()?;
        let emptied = empty(&place.value);
        lock(&self.free).list.push(key as u32);
        Some(emptied)
    }

    /// Shows all keys that are alive and their values; those that come or go meanwhile, perhaps.
    pub fn for_each(&self, mut visit: impl FnMut(u64, &T)) {
        let fresh = lock(&self.free).fresh;
        for key in (0..fresh).filter_map(|index| self.key_at(index)) {
            self.get(key).into_iter().for_each(|value| visit(key, value));
        }
    }

    /// How many keys are alive, give or take those that come or go meanwhile.
    pub fn len(&self) -> usize {
        let free = lock(&self.free);
        free.fresh as usize - free.list.len()
    }

    /// Whether no key is alive.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn place(&self, index: u32) -> Option<&Place<T>> {
        let (chunk, offset) = split(index);
        self.chunks.get(chunk)?.get()?.get(offset)
    }
}

impl<T: Default> Default for Table<T> {
    fn default() -> Table<T> {
        Table::new()
    }
}

impl<T: Default> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Free {
    fn take(&mut self) -> Option<u32> {
        self.list.pop().or_else(|| {
            let fresh = Some(self.fresh).filter(|index| u64::from(*index) < PLACES_MAX)?;
            self.fresh += 1;
            Some(fresh)
        })
    }
}

/// The chunk an index lies in, and its place there.
fn split(index: u32) -> (usize, usize) {
    let position = u64::from(index) + FIRST;
    let chunk = position.ilog2() - FIRST_BITS;
    (chunk as usize, (position - (FIRST << chunk)) as usize)
}

fn new_chunk<T: Default>(chunk: usize) -> Box<[Place<T>]> {
    (0..FIRST << chunk).map(|_| Place::default()).collect()
}

fn key_of(index: u32, generation: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(index)
}

fn generation_of(key: u64) -> u32 {
    (key >> 32) as u32
}

/// Whether a key is of an odd generation (K1).
fn is_alive(key: u64) -> bool {
    generation_of(key) % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        collections::HashSet,
        sync::atomic::{AtomicU64, AtomicUsize},
        thread,
    };

    #[test]
    fn every_index_has_a_place_of_its_own() {
        assert_eq!(split(0), (0, 0));
        assert_eq!(split(63), (0, 63));
        assert_eq!(split(64), (1, 0));
        assert_eq!(split(191), (1, 127));
        assert_eq!(split(192), (2, 0));
        assert_eq!(split(PLACES_MAX as u32 - 1).0, CHUNKS - 1);
    }

    #[test]
    fn a_key_finds_its_value_until_it_is_removed() {
        let table = Table::<AtomicU64>::new();
        let keys: Vec<_> = (0..1000)
            .map(|n| table.insert(|value| value.store(n, Ordering::Relaxed)).unwrap())
            .collect();
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(table.get(*key).unwrap().load(Ordering::Relaxed), n as u64);
            assert_eq!(table.key_at(*key as u32), Some(*key));
        }
        assert_eq!(table.len(), 1000);
        assert_eq!(table.remove(keys[5], |value| value.load(Ordering::Relaxed)), Some(5));
        assert!(table.get(keys[5]).is_none());
        assert!(table.key_at(keys[5] as u32).is_none());
        assert!(table.remove(keys[5], |_| ()).is_none());
        assert_eq!(table.len(), 999);
    }

    #[test]
    fn a_place_is_reused_under_another_key() {
        let table = Table::<AtomicU64>::new();
        let old = table.insert(|_| ()).unwrap();
        table.remove(old, |_| ()).unwrap();
        let new = table.insert(|_| ()).unwrap();
        assert_eq!(old as u32, new as u32);
        assert_ne!(old, new);
        assert!(table.get(old).is_none() && table.get(new).is_some());
    }

    #[test]
    fn made_up_keys_find_nothing() {
        let table = Table::<AtomicU64>::new();
        let key = table.insert(|_| ()).unwrap();
        for wrong in [0, 1, u64::MAX, key + 1, key + (2 << 32), key - (1 << 32)] {
            assert!(table.get(wrong).is_none(), "{wrong:x}");
            assert!(table.remove(wrong, |_| ()).is_none());
        }
    }

    #[test]
    fn all_that_live_are_shown() {
        let table = Table::<AtomicU64>::new();
        let keys: Vec<_> = (0..100).map(|_| table.insert(|_| ()).unwrap()).collect();
        table.remove(keys[7], |_| ()).unwrap();
        let mut shown = HashSet::new();
        table.for_each(|key, _| assert!(shown.insert(key)));
        assert_eq!(shown, keys.into_iter().enumerate().filter(|k| k.0 != 7).map(|k| k.1).collect());
    }

    #[test]
    fn a_key_is_removed_once_and_no_place_is_given_twice() {
        let table = Table::<AtomicUsize>::new();
        let removed = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        // K2: were the place owned twice, the second owner would find a 1.
                        let fresh = |owners: &AtomicUsize| {
                            assert_eq!(owners.fetch_add(1, Ordering::AcqRel), 0);
                        };
                        let key = table.insert(fresh).unwrap();
                        let empty = |owners: &AtomicUsize| {
                            assert_eq!(owners.fetch_sub(1, Ordering::AcqRel), 1);
                        };
                        let both = [table.remove(key, empty), table.remove(key, empty)];
                        removed.fetch_add(both.iter().flatten().count(), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(removed.into_inner(), 4_000);
        assert!(table.is_empty());
    }
}
