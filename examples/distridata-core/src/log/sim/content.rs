//! The bytes of one file: as they are, as they were synced, and the changes between the two.

use super::Crash;

#[derive(Clone, Default)]
pub(super) struct Content {
    pub(super) now: Vec<u8>,
    pub(super) synced: Vec<u8>,
    pub(super) changes: Vec<Change>,
}

#[derive(Clone)]
pub(super) enum Change {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

/// Numbers by chance (SplitMix64), the same ones for the same seed.
#[derive(Debug, Clone)]
pub struct Chance(pub u64);

impl Chance {
    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.number() % limit as u64) as usize
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write(position, written) => put(bytes, *position as usize, written),
            Change::Truncate(len) => bytes.resize(*len as usize, 0),
        }
    }
}

/// Writes into `bytes`; a gap is filled with zeros.
fn put(bytes: &mut Vec<u8>, position: usize, written: &[u8]) {
    let end = position + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[position..end].copy_from_slice(written);
}

impl Content {
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.changes.push(change);
    }

    pub(super) fn sync(&mut self) {
        let synced = &mut self.synced;
        self.changes.drain(..).for_each(|change| change.apply(synced));
    }

    pub(super) fn unsynced(&self) -> u64 {
        let len = |change: &Change| match change {
            Change::Write(_, bytes) => bytes.len() as u64,
            Change::Truncate(_) => 0,
        };
        self.changes.iter().map(len).sum()
    }

    pub(super) fn after(&self, how: Crash, chance: &mut Chance) -> Content {
        match how {
            Crash::Kill => self.clone(),
            Crash::Lose => Content::settled(self.synced.clone()),
            Crash::Cut(bytes) => Content::settled(self.cut(bytes as usize)),
            Crash::Tear(_) => Content::settled(self.torn(chance)),
        }
    }

    fn settled(bytes: Vec<u8>) -> Content {
        Content { now: bytes.clone(), synced: bytes, changes: Vec::new() }
    }

    fn cut(&self, mut left: usize) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for change in &self.changes {
            match change {
                Change::Write(position, written) if written.len() > left => {
                    put(&mut bytes, *position as usize, &written[..left]);
                    break;
                }
                Change::Write(_, written) => left -= written.len(),
                Change::Truncate(_) => {}
            }
            change.apply(&mut bytes);
        }
        bytes
    }

    /// Keeps pages of the writes by chance; where a page is missing there is what was before.
    fn torn(&self, chance: &mut Chance) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        let page = [8, 32, 512, 4096][chance.below(4)];
        let kept_of_8 = [0, 1, 4, 7, 8][chance.below(5)];
        for change in &self.changes {
            match change {
                Change::Truncate(_) if chance.below(2) == 0 => change.apply(&mut bytes),
                Change::Truncate(_) => {}
                Change::Write(position, written) => {
                    for (at, part) in pages(*position as usize, written, page) {
                        match chance.below(8) {
                            n if n < kept_of_8 => put(&mut bytes, at, part),
                            // The length has grown, and the page is not there.
                            7 if bytes.len() < at => bytes.resize(at, 0),
                            _ => {}
                        }
                    }
                }
            }
        }
        bytes
    }
}

/// Cuts a write at the borders of pages.
fn pages(position: usize, mut rest: &[u8], page: usize) -> Vec<(usize, &[u8])> {
    let (mut at, mut parts) = (position, Vec::new());
    while !rest.is_empty() {
        let (part, after) = rest.split_at((page - at % page).min(rest.len()));
        parts.push((at, part));
        at += part.len();
        rest = after;
    }
    parts
}
