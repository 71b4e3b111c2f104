//! Keys, whatever they have: `DEL`, `EXISTS`, `TYPE`, `KEYS`, `SCAN`, `DBSIZE`, `FLUSHALL`.
//!
//! `SCAN` goes shard by shard; its cursor is the next shard. A key that is there all the time is
//! returned exactly once, however the data changes: a key never moves to another shard. `KEYS` answers
//! with a copy of all keys; `SCAN` never with many more than [`COUNT_MAX`] (D5).

use super::{Fault, strings};
use crate::journal::Transaction;
use crate::op::{Bytes, Op};
use crate::resp::{Args, Replies, integer};
use crate::store::{SHARDS, glob};

/// Keys that one `SCAN` looks at, and the rest of the last one's shard.
const COUNT_MAX: usize = 10_000;

type Done = Result<(), Fault>;

pub(super) fn del(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let deleted = args.from(1).iter().filter(|key| strings::delete(key, transaction)).count();
    replies.integer(deleted as i64);
    Ok(())
}

pub(super) fn exists(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let there = args.from(1).iter().filter(|key| transaction.get(key).is_some()).count();
    replies.integer(there as i64);
    Ok(())
}

pub(super) fn kind(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let there = transaction.get(&args[1]).is_some();
    replies.simple(if there { "string" } else { "none" });
    Ok(())
}

pub(super) fn dbsize(
    _: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    replies.integer(transaction.store.len() as i64);
    Ok(())
}

pub(super) fn flushall(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let is_known =
        |word: &[u8]| word.eq_ignore_ascii_case(b"async") || word.eq_ignore_ascii_case(b"sync");
    if args.len() > 2 || args.get(1).is_some_and(|word| !is_known(word)) {
        return Err(Fault::syntax());
    }
    if !transaction.store.is_empty() {
        transaction.apply(Op::Clear);
    }
    replies.simple("OK");
    Ok(())
}

/// The keys of one shard that have not expired and match.
fn matching<'a>(
    shard: usize,
    pattern: &'a [u8],
    transaction: &'a Transaction<'_>,
) -> impl Iterator<Item = &'a Bytes> {
    let living =
        transaction.store.shard(shard).filter(|(_, entry)| !entry.is_expired(transaction.now));
    living.map(|(key, _)| key).filter(move |key| pattern == b"*" || glob(pattern, key))
}

fn reply_keys(keys: &[&Bytes], replies: &mut Replies) {
    replies.array(keys.len());
    keys.iter().for_each(|key| replies.bulk(key));
}

pub(super) fn keys(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let found = (0..SHARDS).flat_map(|shard| matching(shard, &args[1], transaction));
    reply_keys(&found.collect::<Vec<_>>(), replies);
    Ok(())
}

/// What follows the cursor of `SCAN`.
struct Filter<'a> {
    pattern: &'a [u8],
    /// Go on with the next shard until so many keys were looked at.
    count: usize,
    /// All values are strings; another type has no keys.
    is_string: bool,
}

impl<'a> Filter<'a> {
    fn parse(args: Args<'a>) -> Result<Filter<'a>, Fault> {
        let mut filter = Filter { pattern: b"*", count: 10, is_string: true };
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let argument = words.next().ok_or(Fault::syntax())?;
            match word.to_ascii_lowercase().as_slice() {
                b"match" => filter.pattern = argument,
                b"count" => filter.count = count(argument)?.min(COUNT_MAX),
                b"type" => filter.is_string = argument.eq_ignore_ascii_case(b"string"),
                _ => return Err(Fault::syntax()),
            }
        }
        Ok(filter)
    }
}

fn count(argument: &[u8]) -> Result<usize, Fault> {
    let count = integer(argument).ok_or(Fault::no_integer())?;
    usize::try_from(count).ok().filter(|count| *count > 0).ok_or(Fault::syntax())
}

/// A cursor that no `SCAN` has given is taken for the end.
fn cursor(argument: &[u8]) -> Result<usize, Fault> {
    let digits = std::str::from_utf8(argument).ok().filter(|digits| !digits.starts_with('+'));
    let number = digits.and_then(|digits| digits.parse::<u64>().ok());
    let number = number.ok_or(Fault::new("ERR invalid cursor"))?;
    Ok(usize::try_from(number).unwrap_or(SHARDS))
}

pub(super) fn scan(
    args: Args<'_>,
    transaction: &mut Transaction<'_>,
    replies: &mut Replies,
) -> Done {
    let mut shard = cursor(&args[1])?;
    let filter = Filter::parse(args.from(2))?;
    let (mut found, mut seen) = (Vec::new(), 0);
    while shard < SHARDS && seen < filter.count {
        seen += transaction.store.shard(shard).len();
        if filter.is_string {
            found.extend(matching(shard, filter.pattern, transaction));
        }
        shard += 1;
    }
    replies.array(2);
    let next = if shard < SHARDS { shard } else { 0 };
    replies.bulk(next.to_string().as_bytes());
    reply_keys(&found, replies);
    Ok(())
}
