//! Whole values: `GET`, `SET`, `MGET`, `MSET`, `APPEND`, `STRLEN`.

use super::Fault;
use super::expiry::{Unit, deadline};
use crate::journal::Transaction;
use crate::op::{Bytes, Millis, Op, Value};
use crate::resp::{Args, Replies, integer};
use crate::store::Entry;

type Done = Result<(), Fault>;

fn reply_value(entry: Option<&Entry>, replies: &mut Replies) {
    match entry {
        Some(entry) => replies.value(&entry.value),
        None => replies.nil(),
    }
}

pub(super) fn get(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    reply_value(transaction.get(&args[1]), replies);
    Ok(())
}

pub(super) fn mget(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let keys = args.from(1);
    replies.array(keys.len());
    keys.iter().for_each(|key| reply_value(transaction.get(key), replies));
    Ok(())
}

pub(super) fn strlen(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let length = transaction.get(&args[1]).map_or(0, |entry| entry.value.len());
    replies.integer(length as i64);
    Ok(())
}

/// Stores a value, or deletes the key if it would be expired.
pub(super) fn store(
    key: &[u8],
    value: Value,
    expires: Option<Millis>,
    transaction: &mut Transaction<'_>,
) {
    if expires.is_some_and(|expires| expires <= transaction.now) {
        delete(key, transaction);
    } else {
        transaction.apply(Op::Set { key: Bytes::from(key), value, expires });
    }
}

/// Deletes a key; returns whether there was one.
pub(super) fn delete(key: &[u8], transaction: &mut Transaction<'_>) -> bool {
    let there = transaction.get(key).is_some();
    if there {
        transaction.apply(Op::Delete { key: Bytes::from(key) });
    }
    there
}

pub(super) fn mset(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    if args.len() % 2 == 0 {
        return Err(Fault::arity("mset"));
    }
    for index in (1..args.len()).step_by(2) {
        store(&args[index], Value::from(&args[index + 1]), None, transaction);
    }
    replies.simple("OK");
    Ok(())
}

pub(super) fn append(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let (key, tail) = (&args[1], &args[2]);
    let length = transaction.get(key).map(|entry| entry.value.len());
    let total = length.unwrap_or(0) + tail.len();
    if total > transaction.value_max {
        return Err(Fault::new("ERR string exceeds maximum allowed size (proto-max-bulk-len)"));
    }
    match length {
        // Also if the key is stored but has expired: the old value must not come back (C2).
        None => store(key, Value::from(tail), None, transaction),
        Some(_) if tail.is_empty() => {}
        Some(length) => {
            let (key, tail) = (Bytes::from(key), Value::from(tail));
            transaction.apply(Op::Append { key, at: length as u64, tail });
        }
    }
    replies.integer(total as i64);
    Ok(())
}

/// What follows key and value of `SET`.
#[derive(Default)]
struct Options<'a> {
    only_new: bool,
    only_old: bool,
    get: bool,
    keep_deadline: bool,
    time: Option<(TimeOption, &'a [u8])>,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>) -> Result<Options<'a>, Fault> {
        let mut options = Options::default();
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if is("nx") && !options.only_old {
                options.only_new = true;
            } else if is("xx") && !options.only_new {
                options.only_old = true;
            } else if is("get") {
                options.get = true;
            } else if is("keepttl") && options.time.is_none() {
                options.keep_deadline = true;
            } else {
                let option = TimeOption::named(word).ok_or(Fault::syntax())?;
                let number = words.next().ok_or(Fault::syntax())?;
                options.set_time(option, number)?;
            }
        }
        Ok(options)
    }

    /// The same option may come again; the last one counts.
    fn set_time(&mut self, option: TimeOption, number: &'a [u8]) -> Result<(), Fault> {
        if self.keep_deadline || self.time.is_some_and(|(other, _)| other != option) {
            return Err(Fault::syntax());
        }
        self.time = Some((option, number));
        Ok(())
    }

    /// Whether it matters what the key has now.
    fn need_old(&self) -> bool {
        self.only_new || self.only_old || self.get || self.keep_deadline
    }

    fn expires(&self, now: Millis) -> Result<Option<Millis>, Fault> {
        self.time.map(|(option, number)| option.expires(number, now)).transpose()
    }
}

/// In what and from where on `SET` counts the time that a key lives.
#[derive(Clone, Copy, PartialEq, Eq)]
struct TimeOption {
    unit: Unit,
    from_now: bool,
}

impl TimeOption {
    fn named(word: &[u8]) -> Option<TimeOption> {
        let (unit, from_now) = match word.to_ascii_lowercase().as_slice() {
            b"ex" => (Unit::Seconds, true),
            b"px" => (Unit::Millis, true),
            b"exat" => (Unit::Seconds, false),
            b"pxat" => (Unit::Millis, false),
            _ => return None,
        };
        Some(TimeOption { unit, from_now })
    }

    fn expires(self, number: &[u8], now: Millis) -> Result<Millis, Fault> {
        let number = integer(number).ok_or(Fault::no_integer())?;
        let base = if self.from_now { now } else { 0 };
        let expires = deadline(number, self.unit, base).filter(|_| number > 0);
        let expires = expires.and_then(|expires| u64::try_from(expires).ok());
        expires.ok_or_else(|| Fault::expire_time("set"))
    }
}

pub(super) fn set(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let (key, value) = (&args[1], &args[2]);
    if args.len() == 3 {
        store(key, Value::from(value), None, transaction);
        replies.simple("OK");
        return Ok(());
    }
    let options = Options::parse(args.from(3))?;
    let expires = options.expires(transaction.now)?;
    let old = options.need_old().then(|| transaction.get(key).cloned()).flatten();
    let refused = options.only_new && old.is_some() || options.only_old && old.is_none();
    if !refused {
        let kept = old.as_ref().and_then(|old| old.expires).filter(|_| options.keep_deadline);
        store(key, Value::from(value), expires.or(kept), transaction);
    }
    match refused {
        _ if options.get => reply_value(old.as_ref(), replies),
        true => replies.nil(),
        false => replies.simple("OK"),
    }
    Ok(())
}
