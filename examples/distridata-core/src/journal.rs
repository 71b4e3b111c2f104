//! The group commit as plain data: what is not yet safe, and how to take it back.
//!
//! ```text
//!  Transaction::apply ──▶ pending group ──take_group──▶ taken groups ──kept(n)──▶ forgotten
//!                              └───────────── roll_back ─────┘
//! ```
//!
//! Commands change the store at once; their ops gather in the *pending group*. Whoever writes the
//! log takes the group, writes it as one frame, and says `kept`. Groups are numbered from 1 in the
//! order in which they are written. If one cannot be written, all that are not yet safe are undone:
//! the later ones build on it.
//!
//! # Invariants
//!
//! - **J1** The store is what it was after the last group that was kept, plus the taken groups, plus
//!   the pending one, in this order. Undoing all undos, newest first, leads back.
//! - **J2** A group that failed is never mistaken for another: numbers are used once.
//!
//! Not here: bytes on disk (`log`), waiting (`engine`).

use std::collections::VecDeque;
use std::mem;

use crate::op::{Millis, Op};
use crate::store::{Entry, Store, Undo};

#[cfg(test)]
mod tests;

/// The groups that are not yet safe.
#[derive(Debug)]
pub(crate) struct Journal {
    payload: Vec<u8>,
    undos: Vec<Undo>,
    /// The number of the pending group.
    number: u64,
    taken: VecDeque<Taken>,
    /// An empty buffer for the next payload.
    spare: Vec<u8>,
}

#[derive(Debug)]
struct Taken {
    number: u64,
    undos: Vec<Undo>,
}

/// What is to be written as one frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// By which it is kept.
    pub(crate) number: u64,
    /// Its ops, encoded.
    pub(crate) payload: Vec<u8>,
}

/// Buffers larger than this are not kept for the next group.
const SPARE_MAX: usize = 1 << 20;

impl Default for Journal {
    fn default() -> Journal {
        Journal::new()
    }
}

impl Journal {
    /// A journal in which everything is safe.
    pub(crate) fn new() -> Journal {
        Journal {
            payload: Vec::new(),
            undos: Vec::new(),
            number: 1,
            taken: VecDeque::new(),
            spare: Vec::new(),
        }
    }

    /// Returns how many bytes wait to be taken.
    pub(crate) fn pending_len(&self) -> usize {
        self.payload.len()
    }

    /// Returns the latest group that is not yet safe: who has seen the store now waits for it.
    pub(crate) fn latest(&self) -> Option<u64> {
        if self.payload.is_empty() {
            return self.taken.back().map(|group| group.number);
        }
        Some(self.number)
    }

    /// Returns the pending group if there is something in it, and begins another.
    pub(crate) fn take_group(&mut self) -> Option<Group> {
        if self.payload.is_empty() {
            return None;
        }
        let number = self.number;
        self.number += 1;
        self.taken.push_back(Taken { number, undos: mem::take(&mut self.undos) });
        let payload = mem::replace(&mut self.payload, mem::take(&mut self.spare));
        Some(Group { number, payload })
    }

    /// Takes back a payload that has been written, to use its memory again.
    pub(crate) fn reuse(&mut self, mut payload: Vec<u8>) {
        if payload.capacity() <= SPARE_MAX && payload.capacity() > self.spare.capacity() {
            payload.clear();
            self.spare = payload;
        }
    }

    /// Forgets how to undo the groups up to `group`, because they are safe.
    ///
    /// What is returned is to be dropped where nobody waits.
    pub(crate) fn kept(&mut self, group: u64) -> Vec<Undo> {
        let mut forgotten = Vec::new();
        while self.taken.front().is_some_and(|taken| taken.number <= group) {
            let undos = self.taken.pop_front().map(|taken| taken.undos).unwrap_or_default();
            if forgotten.is_empty() {
                forgotten = undos;
            } else {
                forgotten.extend(undos);
            }
        }
        forgotten
    }

    /// Undoes everything that is not yet safe, the pending group included.
    ///
    /// Its number is used up even if it was empty, so that there is no doubt what a later one means.
    pub(crate) fn roll_back(&mut self, store: &mut Store) {
        let pending = mem::take(&mut self.undos);
        let taken = mem::take(&mut self.taken).into_iter().flat_map(|group| group.undos);
        for undo in taken.chain(pending).collect::<Vec<_>>().into_iter().rev() {
            store.undo(undo);
        }
        self.payload = Vec::new();
        self.number += 1;
    }
}

/// One command's view of the data: reads at one point in time, and changes that are journalled.
#[derive(Debug)]
pub(crate) struct Transaction<'a> {
    /// The data.
    pub(crate) store: &'a mut Store,
    /// Where changes are noted.
    pub(crate) journal: &'a mut Journal,
    /// The time, for all that the command does.
    pub(crate) now: Millis,
    /// How long a value may become.
    pub(crate) value_max: usize,
}

impl Transaction<'_> {
    /// Returns what `key` has, unless it has expired.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.store.get(key, self.now)
    }

    /// Changes the data, and notes what is to be logged and how to undo it.
    ///
    /// An op that changes nothing is logged all the same: it is the command that knows better.
    pub(crate) fn apply(&mut self, op: Op) {
        op.encode(&mut self.journal.payload);
        let undo = self.store.apply(op);
        if !undo.is_nothing() {
            self.journal.undos.push(undo);
        }
    }
}
