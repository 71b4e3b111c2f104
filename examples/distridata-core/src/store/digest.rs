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
        Some(expires) => step(step(hash, 1), expires),
        None => step(hash, 0),
    };
    mixed(hash)
}

/// The digest of a store is a sum: two values that change places must not keep it. So every bit
/// here depends on every bit of `hash`, and not by sums alone. Nothing is lost.
fn mixed(hash: u128) -> u128 {
    let (high, low) = ((hash >> 64) as u64, hash as u64);
    let low = mixed_half(low ^ high);
    let high = mixed_half(high ^ low.rotate_left(32));
    u128::from(high) << 64 | u128::from(low)
}

/// The last steps of MurmurHash3.
fn mixed_half(mut half: u64) -> u64 {
    half = (half ^ (half >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    half = (half ^ (half >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    half ^ (half >> 33)
}

/// The length first: `("ab", "c")` is not `("a", "bc")`.
fn bytes(hash: u128, bytes: &[u8]) -> u128 {
    let mut hash = step(hash, bytes.len() as u64);
    let mut words = bytes.chunks_exact(8);
    for eight in &mut words {
        hash = step(hash, word(eight));
    }
    step(hash, word(words.remainder()))
}

/// At most eight bytes as a number, the same on every machine.
pub(super) fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

fn step(hash: u128, word: u64) -> u128 {
    (hash ^ u128::from(word)).wrapping_mul(PRIME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Value;

    fn digest(key: u64, value: u64) -> u128 {
        let value = Value::from(&value.to_le_bytes()[..]);
        entry(&key.to_le_bytes(), &Entry { value, expires: None })
    }

    #[test]
    fn values_that_change_places_are_seen() {
        for a in 0..64 {
            for b in 0..a {
                let before = digest(a, a).wrapping_add(digest(b, b));
                assert_ne!(before, digest(a, b).wrapping_add(digest(b, a)), "{a} and {b}");
            }
        }
    }
}
