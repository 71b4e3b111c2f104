//! The data: what each key has, when it ends, and who wrote the log.
//!
//! ```text
//!  key ──shard_of──▶ shard 0 … 4095 ──SipHash──▶ entry: value, point in time when it expires
//!                                                           │
//!                                 deadlines: ordered (point in time, key)
//! ```
//!
//! Shards are small so that a walk over everything (`SCAN`, snapshots) can be cut into steps that
//! stay valid while the data changes, and so that no table is ever rehashed as a whole. The shard
//! of a key is the same on every machine; the order inside is not, because strangers choose keys.
//!
//! # Invariants
//!
//! - **S1** `deadlines` has `(t, key)` exactly if `key` is stored and expires at `t`.
//! - **S2** `len` is the sum over the shards.
//! - **S3** `undo(apply(op))` changes nothing. Undos are undone in reverse order.
//! - **S4** `epochs` is ordered by `start` and holds the last [`EPOCHS_MAX`].
//!
//! What is expired stays stored until an op deletes it; only [`Store::get`] hides it. Not here: who
//! may see what is not yet safe (`journal`), and what commands mean (`command`).

use std::collections::hash_map::{Entry as Slot, RandomState};
use std::collections::{BTreeSet, HashMap};
use std::mem;

use crate::op::{Bytes, Epoch, Millis, Op, Value, encode_set};

mod digest;
mod glob;
#[cfg(test)]
mod tests;
mod undo;

pub(crate) use glob::glob;
pub(crate) use undo::Undo;

/// How many shards there are.
pub(crate) const SHARDS: usize = 4096;

/// How many epochs are remembered.
pub(crate) const EPOCHS_MAX: usize = 64;

/// A table this small is not worth shrinking.
const SHRINK_MIN: usize = 256;

/// What a key has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its bytes.
    pub(crate) value: Value,
    /// When it ends, if it does.
    pub(crate) expires: Option<Millis>,
}

impl Entry {
    /// Returns whether the entry has ended at `now`.
    pub(crate) fn is_expired(&self, now: Millis) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

type Shard = HashMap<Bytes, Entry>;

/// All data.
#[derive(Debug)]
pub(crate) struct Store {
    keys: Keys,
    epochs: Vec<Epoch>,
}

/// What [`Op::Clear`] takes away.
#[derive(Debug)]
struct Keys {
    shards: Box<[Shard]>,
    deadlines: BTreeSet<(Millis, Bytes)>,
    len: usize,
}

impl Keys {
    fn new() -> Keys {
        let hashing = RandomState::new();
        let shards = (0..SHARDS).map(|_| HashMap::with_hasher(hashing.clone())).collect();
        Keys { shards, deadlines: BTreeSet::new(), len: 0 }
    }

    fn shard_mut(&mut self, key: &[u8]) -> &mut Shard {
        &mut self.shards[shard_of(key)]
    }

    fn get_mut(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.shard_mut(key).get_mut(key)
    }

    /// Stores `entry`; returns the key as it is stored, and what it had.
    fn put(&mut self, key: Bytes, entry: Entry) -> (Bytes, Option<Entry>) {
        let expires = entry.expires;
        let (key, before) = match self.shard_mut(&key).entry(key) {
            Slot::Occupied(mut slot) => (slot.key().clone(), Some(slot.insert(entry))),
            Slot::Vacant(slot) => {
                let key = slot.key().clone();
                slot.insert(entry);
                (key, None)
            }
        };
        self.len += usize::from(before.is_none());
        let expired_before = before.as_ref().and_then(|before| before.expires);
        self.move_deadline(&key, expired_before, expires);
        (key, before)
    }

    fn remove(&mut self, key: &Bytes) -> Option<Entry> {
        let shard = self.shard_mut(key);
        let before = shard.remove(key)?;
        if shard.capacity() > SHRINK_MIN && shard.capacity() > 8 * shard.len() {
            shard.shrink_to(2 * shard.len());
        }
        self.len -= 1;
        self.move_deadline(key, before.expires, None);
        Some(before)
    }

    /// Keeps S1.
    fn move_deadline(&mut self, key: &Bytes, from: Option<Millis>, to: Option<Millis>) {
        if from == to {
            return;
        }
        if let Some(from) = from {
            self.deadlines.remove(&(from, key.clone()));
        }
        if let Some(to) = to {
            self.deadlines.insert((to, key.clone()));
        }
    }
}

/// The shard of a key, the same on every machine. Which one decides nothing but the order of a walk.
fn shard_of(key: &[u8]) -> usize {
    let mut words = key.chunks_exact(8);
    let hash = words.by_ref().fold(0, |hash, eight| shard_step(hash, digest::word(eight)));
    shard_step(hash, digest::word(words.remainder())) as usize % SHARDS
}

/// Multiplies by the golden ratio, so that the high bits depend on all, and folds them down.
fn shard_step(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ (hash >> 32)
}

impl Default for Store {
    fn default() -> Store {
        Store::new()
    }
}

impl Store {
    /// A store without keys and epochs.
    pub(crate) fn new() -> Store {
        Store { keys: Keys::new(), epochs: Vec::new() }
    }

    /// Returns what `key` has, unless it has expired.
    pub(crate) fn get(&self, key: &[u8], now: Millis) -> Option<&Entry> {
        self.stored(key).filter(|entry| !entry.is_expired(now))
    }

    /// Returns what `key` has, expired or not.
    pub(crate) fn stored(&self, key: &[u8]) -> Option<&Entry> {
        self.keys.shards[shard_of(key)].get(key)
    }

    /// Returns how many keys are stored, with those that have expired and are not yet deleted.
    pub(crate) fn len(&self) -> usize {
        self.keys.len
    }

    /// Returns whether nothing is stored.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns who wrote the log, the latest last.
    pub(crate) fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    /// Does what `op` says and returns how to take it back.
    pub(crate) fn apply(&mut self, op: Op) -> Undo {
        match op {
            Op::Set { key, value, expires } => {
                let (key, before) = self.keys.put(key, Entry { value, expires });
                Undo::entry(key, before)
            }
            Op::Append { key, at, tail } => self.append(key, at, &tail),
            Op::Expire { key, expires } => self.expire(key, expires),
            Op::Delete { key } => match self.keys.remove(&key) {
                Some(before) => Undo::entry(key, Some(before)),
                None => Undo::nothing(),
            },
            Op::Clear if self.is_empty() => Undo::nothing(),
            Op::Clear => Undo::clear(mem::replace(&mut self.keys, Keys::new())),
            Op::Epoch(epoch) => self.begin_epoch(epoch),
        }
    }

    /// Appends if the value has exactly the length at which the tail belongs (O2).
    fn append(&mut self, key: Bytes, at: u64, tail: &[u8]) -> Undo {
        match self.keys.get_mut(&key) {
            Some(entry) if entry.value.len() as u64 == at && !tail.is_empty() => {
                let length = entry.value.len();
                entry.value.append(tail);
                Undo::length(key, length)
            }
            _ => Undo::nothing(),
        }
    }

    fn expire(&mut self, key: Bytes, expires: Option<Millis>) -> Undo {
        let Some(entry) = self.keys.get_mut(&key) else { return Undo::nothing() };
        let before = mem::replace(&mut entry.expires, expires);
        if before == expires {
            return Undo::nothing();
        }
        self.keys.move_deadline(&key, before, expires);
        Undo::expires(key, before)
    }

    /// Keeps S4. A second epoch at the same place replaces the first: that one wrote nothing.
    fn begin_epoch(&mut self, epoch: Epoch) -> Undo {
        if self.epochs.contains(&epoch) {
            return Undo::nothing();
        }
        let before = self.epochs.clone();
        match self.epochs.binary_search_by_key(&epoch.start, |epoch| epoch.start) {
            Ok(place) => self.epochs[place] = epoch,
            Err(place) => self.epochs.insert(place, epoch),
        }
        let surplus = self.epochs.len().saturating_sub(EPOCHS_MAX);
        self.epochs.drain(..surplus);
        Undo::epochs(before)
    }

    /// Returns when the next key expires or has expired.
    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        self.keys.deadlines.first().map(|(expires, _)| *expires)
    }

    /// Returns at most `max` keys that have expired, the earliest first.
    pub(crate) fn expired(&self, now: Millis, max: usize) -> Vec<Bytes> {
        let expired = self.keys.deadlines.iter().take_while(|(expires, _)| *expires <= now);
        expired.take(max).map(|(_, key)| key.clone()).collect()
    }

    /// Walks over one shard, in no particular order, expired keys included.
    ///
    /// # Panics
    ///
    /// If `shard` is not below [`SHARDS`].
    pub(crate) fn shard(&self, shard: usize) -> impl ExactSizeIterator<Item = (&Bytes, &Entry)> {
        self.keys.shards[shard].iter()
    }

    /// Writes one shard as ops at the end of `chunks`, for a snapshot; after `chunk_len` bytes
    /// another chunk begins.
    ///
    /// # Panics
    ///
    /// If `shard` is not below [`SHARDS`].
    pub(crate) fn shard_ops(&self, shard: usize, chunk_len: usize, chunks: &mut Vec<Vec<u8>>) {
        let mut chunk = chunks.pop().unwrap_or_default();
        for (key, entry) in self.shard(shard) {
            if chunk.len() >= chunk_len {
                chunks.push(mem::take(&mut chunk));
            }
            encode_set(key, &entry.value, entry.expires, &mut chunk);
        }
        chunks.push(chunk);
    }

    /// Writes the epochs as ops at the end of `out`, for a snapshot.
    pub(crate) fn epoch_ops(&self, out: &mut Vec<u8>) {
        for epoch in &self.epochs {
            Op::Epoch(*epoch).encode(out);
        }
    }

    /// Returns a number that is equal for equal keys, values and points of expiry.
    ///
    /// It does not depend on machine, build or order. Epochs do not count.
    pub(crate) fn digest(&self) -> u128 {
        let entries = self.keys.shards.iter().flatten();
        let digests = entries.map(|(key, entry)| digest::entry(key, entry));
        digests.fold(0, u128::wrapping_add)
    }
}
