//! One number for one entry, the same on every machine and build.
//!
//! As FNV-1a with 128 bits, but by words of eight bytes: it finds differences between replicas,
//! it does not resist somebody who wants two states to look equal.

use super::Entry;

const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

pub(super) fn entry(key: &[u8], entry: &Entry) -> u128 {
    let hash = bytes(bytes(BASIS, key), &entry.value);
    let hash = match entry.expires {
        Some(expires) => word(word(hash, 1), expires),
        None => word(hash, 0),
    };
    // The sum over entries must not be a sum over words: mix high and low bits once more.
    let hash = (hash ^ (hash >> 64)).wrapping_mul(PRIME | 1 << 127 | 1 << 61);
    hash ^ (hash >> 67)
}

/// The length first: `("ab", "c")` is not `("a", "bc")`.
fn bytes(hash: u128, bytes: &[u8]) -> u128 {
    let mut hash = word(hash, bytes.len() as u64);
    let mut words = bytes.chunks_exact(8);
    for eight in &mut words {
        hash = word(hash, little_endian(eight));
    }
    word(hash, little_endian(words.remainder()))
}

/// At most eight bytes as a number.
fn little_endian(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

fn word(hash: u128, word: u64) -> u128 {
    (hash ^ u128::from(word)).wrapping_mul(PRIME)
}
