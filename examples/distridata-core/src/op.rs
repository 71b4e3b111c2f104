//! The changes that are logged, and their bytes.
//!
//! An [`Op`] says what *is* afterwards, never what is to be added or how much longer something is
//! to live (promise D4). So ops may be replayed over a state that already holds some of them:
//!
//! - **O1** For each key, the last `Set`, `Delete` or `Clear` decides; what came before it on the
//!   way does not matter.
//! - **O2** `Append` says at which length it applies. A value that is longer already has the tail,
//!   or will be replaced by a later op (O1); a shorter or missing one will be replaced, too. Both
//!   are left alone.
//! - **O3** Bytes that are no op are [`Malformed`]: decoding neither panics nor reserves memory for
//!   more than was received.
//!
//! ```text
//!  tag  key length  key  [value length  value]  [point in time, length or number …]
//! ```
//!
//! All numbers are of variable length (`wire`). Not here: what an op does to the data (`store`),
//! and frames with checksums around many ops (`log`).

use std::fmt;

mod bytes;
mod wire;

pub(crate) use bytes::{Bytes, Value};
use wire::{put_bytes, put_number, take_bytes, take_number, take_tag};

/// A point in time: milliseconds since 1970, UTC.
pub(crate) type Millis = u64;

/// One change of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// The key has this value, and expires then or never.
    Set {
        /// Which one.
        key: Bytes,
        /// What it has from now on.
        value: Value,
        /// When it ends, if it does.
        expires: Option<Millis>,
    },
    /// The value, now `at` bytes long, goes on with `tail`.
    Append {
        /// Which one.
        key: Bytes,
        /// The length before.
        at: u64,
        /// What follows.
        tail: Value,
    },
    /// The key, if there is one, expires then or never.
    Expire {
        /// Which one.
        key: Bytes,
        /// When it ends, if it does.
        expires: Option<Millis>,
    },
    /// There is no such key.
    Delete {
        /// Which one.
        key: Bytes,
    },
    /// There is no key.
    Clear,
    /// Another primary writes from here on.
    Epoch(Epoch),
}

/// The part of the log that one primary wrote without interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    /// A random number, so that no two are the same.
    pub(crate) id: u64,
    /// The offset in the log where it begins.
    pub(crate) start: u64,
}

const SET: u8 = 1;
const SET_EXPIRES: u8 = 2;
const APPEND: u8 = 3;
const EXPIRE: u8 = 4;
const PERSIST: u8 = 5;
const DELETE: u8 = 6;
const CLEAR: u8 = 7;
const EPOCH: u8 = 8;

impl Op {
    /// Writes the op's bytes at the end of `out`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Op::Set { key, value, expires } => encode_set(key, value, *expires, out),
            Op::Append { key, at, tail } => {
                put_key(APPEND, key, out);
                put_number(*at, out);
                put_bytes(tail, out);
            }
            Op::Expire { key, expires: Some(expires) } => {
                put_key(EXPIRE, key, out);
                put_number(*expires, out);
            }
            Op::Expire { key, expires: None } => put_key(PERSIST, key, out),
            Op::Delete { key } => put_key(DELETE, key, out),
            Op::Clear => out.push(CLEAR),
            Op::Epoch(Epoch { id, start }) => {
                out.push(EPOCH);
                put_number(*id, out);
                put_number(*start, out);
            }
        }
    }

    /// Reads the op at the beginning of `input` and moves `input` behind it.
    pub(crate) fn decode(input: &mut &[u8]) -> Result<Op, Malformed> {
        Ok(match take_tag(input)? {
            SET => Op::Set { key: take_key(input)?, value: take_value(input)?, expires: None },
            SET_EXPIRES => Op::Set {
                key: take_key(input)?,
                value: take_value(input)?,
                expires: Some(take_number(input)?),
            },
            APPEND => Op::Append {
                key: take_key(input)?,
                at: take_number(input)?,
                tail: take_value(input)?,
            },
            EXPIRE => Op::Expire { key: take_key(input)?, expires: Some(take_number(input)?) },
            PERSIST => Op::Expire { key: take_key(input)?, expires: None },
            DELETE => Op::Delete { key: take_key(input)? },
            CLEAR => Op::Clear,
            EPOCH => Op::Epoch(Epoch { id: take_number(input)?, start: take_number(input)? }),
            _ => return Err(Malformed),
        })
    }
}

/// Writes the bytes of [`Op::Set`] without making one.
pub(crate) fn encode_set(key: &[u8], value: &[u8], expires: Option<Millis>, out: &mut Vec<u8>) {
    put_key(if expires.is_some() { SET_EXPIRES } else { SET }, key, out);
    put_bytes(value, out);
    if let Some(expires) = expires {
        put_number(expires, out);
    }
}

fn put_key(tag: u8, key: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    put_bytes(key, out);
}

fn take_key(input: &mut &[u8]) -> Result<Bytes, Malformed> {
    take_bytes(input).map(Bytes::from)
}

fn take_value(input: &mut &[u8]) -> Result<Value, Malformed> {
    take_bytes(input).map(Value::from)
}

/// What [`Op::decode`] answers when the bytes are no op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the bytes are no change of this version's; they were damaged, or written by a later one",
        )
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, random_op};

    fn encoded(op: &Op) -> Vec<u8> {
        let mut out = Vec::new();
        op.encode(&mut out);
        out
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let mut random = Random::new(1);
        for _ in 0..2_000 {
            let op = random_op(&mut random);
            let bytes = encoded(&op);
            let mut input = &bytes[..];
            assert_eq!(Op::decode(&mut input), Ok(op));
            assert!(input.is_empty());
        }
    }

    #[test]
    fn a_part_of_an_op_is_malformed() {
        let mut random = Random::new(2);
        for _ in 0..200 {
            let bytes = encoded(&random_op(&mut random));
            for length in 0..bytes.len() {
                assert_eq!(Op::decode(&mut &bytes[..length]), Err(Malformed));
            }
        }
    }

    #[test]
    fn o3_garbage_is_malformed_or_an_op_but_no_panic() {
        let mut random = Random::new(3);
        let mut ops = 0;
        for _ in 0..20_000 {
            let mut bytes = random.bytes(24);
            if let Some(first) = bytes.first_mut() {
                *first %= 10;
            }
            ops += usize::from(Op::decode(&mut &bytes[..]).is_ok());
        }
        assert!(ops > 0, "witness: some garbage happens to be an op");
    }

    #[test]
    fn o3_a_length_without_its_bytes_reserves_nothing() {
        let mut bytes = vec![SET];
        put_number(u64::MAX, &mut bytes);
        assert_eq!(Op::decode(&mut &bytes[..]), Err(Malformed));
    }
}
