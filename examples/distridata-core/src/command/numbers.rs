//! Values that are integers: `INCR`, `DECR`, `INCRBY`, `DECRBY`.

use super::{Fault, strings};
use crate::journal::Transaction;
use crate::op::Value;
use crate::resp::{Args, Replies, integer};

type Done = Result<(), Fault>;

pub(super) fn incr(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    add(&args[1], 1, transaction, replies)
}

pub(super) fn decr(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    add(&args[1], -1, transaction, replies)
}

pub(super) fn incrby(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let by = integer(&args[2]).ok_or(Fault::no_integer())?;
    add(&args[1], by, transaction, replies)
}

pub(super) fn decrby(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let by = integer(&args[2]).ok_or(Fault::no_integer())?;
    let by = by.checked_neg().ok_or(Fault::new("ERR decrement would overflow"))?;
    add(&args[1], by, transaction, replies)
}

/// Adds; the key expires when it would have.
fn add(key: &[u8], by: i64, transaction: &mut Transaction<'_>, replies: &mut Replies) -> Done {
    let (old, expires) = match transaction.get(key) {
        Some(entry) => (integer(&entry.value).ok_or(Fault::no_integer())?, entry.expires),
        None => (0, None),
    };
    let overflow = Fault::new("ERR increment or decrement would overflow");
    let new = old.checked_add(by).ok_or(overflow)?;
    strings::store(key, Value::from(new.to_string().into_bytes()), expires, transaction);
    replies.integer(new);
    Ok(())
}
