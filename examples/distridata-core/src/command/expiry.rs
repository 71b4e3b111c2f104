//! When keys end: `EXPIRE` and `TTL` in their units, `PERSIST`.

use super::{Fault, strings};
use crate::journal::Transaction;
use crate::op::{Bytes, Millis, Op};
use crate::resp::{Args, Replies, integer};

type Done = Result<(), Fault>;

/// What a client counts time in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
}

/// The point in time that is `number` units after `base`, if there is one. It may lie before 1970.
pub(super) fn deadline(number: i64, unit: Unit, base: Millis) -> Option<i64> {
    let millis = match unit {
        Unit::Seconds => number.checked_mul(1000)?,
        Unit::Millis => number,
    };
    millis.checked_add_unsigned(base)
}

pub(super) fn expire(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let base = transaction.now;
    expire_at("expire", Unit::Seconds, base, args, transaction, replies)
}

pub(super) fn pexpire(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let base = transaction.now;
    expire_at("pexpire", Unit::Millis, base, args, transaction, replies)
}

pub(super) fn expireat(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    expire_at("expireat", Unit::Seconds, 0, args, transaction, replies)
}

pub(super) fn pexpireat(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    expire_at("pexpireat", Unit::Millis, 0, args, transaction, replies)
}

fn expire_at(
    name: &str,
    unit: Unit,
    base: Millis,
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let condition = Condition::parse(args.from(3))?;
    let number = integer(&args[2]).ok_or(Fault::no_integer())?;
    let expires = deadline(number, unit, base).ok_or_else(|| Fault::expire_time(name))?;
    // Before 1970 is in the past like any other time in the past.
    let expires = u64::try_from(expires).unwrap_or(0);
    replies.integer(i64::from(expire_key(&args[1], expires, &condition, transaction)));
    Ok(())
}

/// Returns whether the key expires then, or is deleted because that time is over.
fn expire_key(
    key: &[u8],
    expires: Millis,
    condition: &Condition,
    transaction: &mut Transaction<'_>,
) -> bool {
    let Some(before) = transaction.get(key).map(|entry| entry.expires) else { return false };
    if !condition.holds(before, expires) {
        return false;
    }
    if expires <= transaction.now {
        return strings::delete(key, transaction);
    }
    if before != Some(expires) {
        transaction.apply(Op::Expire { key: Bytes::from(key), expires: Some(expires) });
    }
    true
}

/// What follows the time of `EXPIRE`: `NX`, `XX`, `GT`, `LT`.
#[derive(Default)]
struct Condition {
    is_new: bool,
    is_old: bool,
    is_later: bool,
    is_earlier: bool,
}

impl Condition {
    fn parse(args: Args<'_>) -> Result<Condition, Fault> {
        let mut condition = Condition::default();
        for word in args.iter() {
            match word.to_ascii_lowercase().as_slice() {
                b"nx" => condition.is_new = true,
                b"xx" => condition.is_old = true,
                b"gt" => condition.is_later = true,
                b"lt" => condition.is_earlier = true,
                _ => return Err(Fault::option(word)),
            }
        }
        condition.checked()
    }

    fn checked(self) -> Result<Condition, Fault> {
        if self.is_new && (self.is_old || self.is_later || self.is_earlier) {
            return Err(Fault::new(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if self.is_later && self.is_earlier {
            return Err(Fault::new("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(self)
    }

    /// A key without a deadline lives for ever: nothing is later.
    fn holds(&self, before: Option<Millis>, after: Millis) -> bool {
        !(self.is_new && before.is_some()
            || self.is_old && before.is_none()
            || self.is_later && before.is_none_or(|before| after <= before)
            || self.is_earlier && before.is_some_and(|before| after >= before))
    }
}

pub(super) fn persist(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let key = &args[1];
    let expires = transaction.get(key).and_then(|entry| entry.expires);
    if expires.is_some() {
        transaction.apply(Op::Expire { key: Bytes::from(key), expires: None });
    }
    replies.integer(i64::from(expires.is_some()));
    Ok(())
}

pub(super) fn ttl(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let now = transaction.now;
    reply_time(args, transaction, replies, |expires| in_seconds(expires - now))
}

pub(super) fn pttl(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let now = transaction.now;
    reply_time(args, transaction, replies, |expires| expires - now)
}

pub(super) fn expiretime(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    reply_time(args, transaction, replies, in_seconds)
}

pub(super) fn pexpiretime(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    reply_time(args, transaction, replies, |expires| expires)
}

/// Rounded to the nearest, as redis does.
fn in_seconds(millis: Millis) -> Millis {
    millis.saturating_add(500) / 1000
}

/// Answers -2 for no key, -1 for a key that never expires. What `get` shows expires after now.
fn reply_time(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
    shown: impl FnOnce(Millis) -> Millis,
) -> Done {
    replies.integer(match transaction.get(&args[1]).map(|entry| entry.expires) {
        None => -2,
        Some(None) => -1,
        Some(Some(expires)) => i64::try_from(shown(expires)).unwrap_or(i64::MAX),
    });
    Ok(())
}
