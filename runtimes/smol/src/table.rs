//! Numbered slots: what a [`Key`](runtime_traits::hooks::Key) and a
//! [`Token`](runtime_traits::hooks::Token) name.
//!
//! ```text
//!   key = generation ┊ index + 1
//!                        │
//!   chunks  [ 64 ] [ 128 ] [ 256 ] …      made once, never moved, never freed before the table
//!              │
//!             slot:  Mutex { generation, value }      next free ──▶ slot ──▶ …
//!                                                       ▲
//!   free    one list for each of a few groups of threads┘
//! ```
//!
//! Values stay where they are and are used again, so a value may keep what it has allocated. After
//! the table has grown to the number of keys in use at once, nothing here allocates.
//!
//! # Invariants
//!
//! - **B1** An index is on at most one free list, and on none while a key names it.
//! - **B2** The generation of a slot is raised when its key ends, so that key never matches again.
//!
//! A slot's lock is held while its value is used. The holder of a key is its only user, so nobody
//! waits for that lock but for whoever walks over [all](Table::each).

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Slots in the first chunk; each further one has twice as many.
const FIRST: u64 = 64;
/// As many chunks as 32-bit indices need.
const CHUNKS: usize = 26;
/// Free lists. More than a few buy nothing: threads that share one are rarely in it at once.
const LISTS: usize = 8;

/// A growing set of values, each named by a number that is never used twice.
pub(crate) struct Table<T> {
    chunks: [OnceLock<Box<[Slot<T>]>>; CHUNKS],
    /// Heads of the free lists: a counter against stale exchanges, and an index plus one.
    free: [AtomicU64; LISTS],
    /// Indices given out so far.
    used: AtomicU32,
}

struct Slot<T> {
    /// The next on the same free list, as an index plus one.
    next: AtomicU32,
    content: Mutex<Content<T>>,
}

#[derive(Default)]
struct Content<T> {
    generation: u32,
    value: T,
}

impl<T: Default> Table<T> {
    pub(crate) fn new() -> Table<T> {
        Table {
            chunks: [const { OnceLock::new() }; CHUNKS],
            free: [const { AtomicU64::new(0) }; LISTS],
            used: AtomicU32::new(0),
        }
    }

    /// A fresh key, after `fill` has prepared the value that it names. Keys are never zero.
    pub(crate) fn insert(&self, fill: impl FnOnce(&mut T)) -> u64 {
        let index = self.reuse().unwrap_or_else(|| self.used.fetch_add(1, Ordering::Relaxed));
        let mut content = self.slot(index).lock();
        fill(&mut content.value);
        u64::from(content.generation) << 32 | u64::from(index + 1)
    }

    /// What `key` names, while it does.
    pub(crate) fn with<R>(&self, key: u64, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut content = self.find(key)?.1;
        Some(f(&mut content.value))
    }

    /// Ends `key`, after `empty` has cleared the value.
    pub(crate) fn remove<R>(&self, key: u64, empty: impl FnOnce(&mut T) -> R) -> Option<R> {
        let (index, mut content) = self.find(key)?;
        content.generation = content.generation.wrapping_add(1); // B2
        let result = empty(&mut content.value);
        drop(content);
        self.give_back(index);
        Some(result)
    }

    /// Calls `f` with every value, also those that no key names.
    #[allow(dead_code, reason = "not every runtime has to wake its waiters itself")]
    pub(crate) fn each(&self, mut f: impl FnMut(&mut T)) {
        for index in 0..self.used.load(Ordering::Acquire) {
            f(&mut self.slot(index).lock().value);
        }
    }

    fn find(&self, key: u64) -> Option<(u32, MutexGuard<'_, Content<T>>)> {
        let index = (key as u32).checked_sub(1)?;
        let (chunk, at) = place(index);
        let content = self.chunks.get(chunk)?.get()?[at].lock();
        (content.generation == (key >> 32) as u32).then_some((index, content))
    }

    fn slot(&self, index: u32) -> &Slot<T> {
        let (chunk, at) = place(index);
        let make = || (0..FIRST << chunk).map(|_| Slot::default()).collect();
        &self.chunks[chunk].get_or_init(make)[at]
    }

    /// An index from this thread's free list, or from any other.
    fn reuse(&self) -> Option<u32> {
        let mine = my_list();
        (0..LISTS).find_map(|n| self.pop(&self.free[(mine + n) % LISTS]))
    }

    fn pop(&self, list: &AtomicU64) -> Option<u32> {
        let mut head = list.load(Ordering::Acquire);
        loop {
            let index = (head as u32).checked_sub(1)?;
            let rest = self.slot(index).next.load(Ordering::Relaxed);
            // `Acquire` pairs with the `Release` of `give_back`, which wrote `next` before.
            match list.compare_exchange_weak(
                head,
                advanced(head, rest),
                Ordering::Acquire,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(index),
                Err(now) => head = now,
            }
        }
    }

    fn give_back(&self, index: u32) {
        let list = &self.free[my_list()];
        let next = &self.slot(index).next;
        let mut head = list.load(Ordering::Relaxed);
        loop {
            next.store(head as u32, Ordering::Relaxed);
            let with_us = advanced(head, index + 1);
            match list.compare_exchange_weak(head, with_us, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

impl<T: Default> Default for Slot<T> {
    fn default() -> Self {
        Slot { next: AtomicU32::new(0), content: Mutex::default() }
    }
}

impl<T> Slot<T> {
    /// A waker's `clone` may panic in here; the value is as good as before.
    fn lock(&self) -> MutexGuard<'_, Content<T>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The head that follows `head`: `first` in front, and a count that differs.
fn advanced(head: u64, first: u32) -> u64 {
    (head >> 32).wrapping_add(1) << 32 | u64::from(first)
}

/// Chunk and position of an index.
fn place(index: u32) -> (usize, usize) {
    let shifted = u64::from(index) + FIRST;
    let chunk = shifted.ilog2() - FIRST.ilog2();
    (chunk as usize, (shifted - (FIRST << chunk)) as usize)
}

/// The free list that this thread uses.
fn my_list() -> usize {
    thread_local! {
        static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed) % LISTS);
        }
        mine.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_a_place_of_its_own() {
        assert_eq!([0, 63, 64, 191, 192].map(place), [(0, 0), (0, 63), (1, 0), (1, 127), (2, 0)]);
        assert!(place(u32::MAX).0 <= CHUNKS);
    }

    #[test]
    fn a_removed_key_names_nothing_even_when_its_slot_is_used_again() {
        let table = Table::<u32>::new();
        let first = table.insert(|value| *value = 1);
        assert_eq!(table.remove(first, |value| *value), Some(1));
        let second = table.insert(|value| *value = 2);
        assert_eq!(first as u32, second as u32, "the slot is used again");
        assert_eq!(table.with(first, |value| *value), None);
        assert_eq!(table.remove(first, |value| *value), None);
        assert_eq!(table.with(second, |value| *value), Some(2));
    }

    #[test]
    fn unknown_keys_are_ignored() {
        let table = Table::<u32>::new();
        assert_eq!([0, 1, 1 << 32, u64::MAX].map(|key| table.with(key, |_| ())), [None; 4]);
    }

    #[test]
    fn what_one_thread_frees_another_uses_again() {
        let table = Table::<()>::new();
        for _ in 0..4 {
            let keys: Vec<_> = (0..100).map(|_| table.insert(|_| ())).collect();
            std::thread::scope(|scope| {
                let free =
                    || keys.iter().for_each(|key| assert!(table.remove(*key, |_| ()).is_some()));
                scope.spawn(free);
            });
        }
        assert_eq!(table.used.load(Ordering::Relaxed), 100);
    }

    #[test]
    fn threads_never_share_a_slot() {
        let table = Table::<u32>::new();
        std::thread::scope(|scope| {
            for thread in 1..=3 {
                let table = &table;
                scope.spawn(move || {
                    for _ in 0..2_000 {
                        let keys = [0; 3].map(|_: u32| {
                            table.insert(|value| assert_eq!(std::mem::replace(value, thread), 0))
                        });
                        for key in keys {
                            assert_eq!(table.remove(key, std::mem::take), Some(thread));
                        }
                    }
                });
            }
        });
    }
}
