//! What the unit tests share: random numbers that come back, and random ops.

use crate::op::{Bytes, Epoch, Op, Value};

/// Numbers that look random and are the same for the same seed (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }

    /// At most `length_max` bytes.
    pub(crate) fn bytes(&mut self, length_max: u64) -> Vec<u8> {
        (0..self.below(length_max + 1)).map(|_| self.next() as u8).collect()
    }
}

/// One of a few keys, so that ops meet.
pub(crate) fn random_key(random: &mut Random) -> Bytes {
    Bytes::from(format!("key {}", random.below(12)).as_bytes())
}

fn random_expires(random: &mut Random) -> Option<u64> {
    (random.below(3) == 0).then(|| random.below(1 << 48))
}

/// Any op, possible or not.
pub(crate) fn random_op(random: &mut Random) -> Op {
    let key = random_key(random);
    match random.below(20) {
        0..6 => {
            let value = Value::from(random.bytes(12));
            Op::Set { key, value, expires: random_expires(random) }
        }
        6..12 => Op::Append { key, at: random.below(24), tail: Value::from(random.bytes(6)) },
        12..15 => Op::Expire { key, expires: random_expires(random) },
        15..18 => Op::Delete { key },
        18 => Op::Clear,
        _ => Op::Epoch(Epoch { id: random.next(), start: random.below(1 << 40) }),
    }
}
