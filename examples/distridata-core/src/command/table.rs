//! The commands: names, numbers of arguments, and what does them.

use super::{Command, Fault, Run, expiry, keys, numbers, plain, server, strings};
use crate::resp::{Args, Replies};

/// One command.
pub(super) struct Row {
    /// In small letters.
    pub(super) name: &'static str,
    /// How many arguments it takes with its name; if negative, at least so many.
    arity: i32,
    pub(super) does: Does,
}

/// How a command is done.
pub(super) enum Does {
    Read(Run),
    Write(Run),
    Plain(fn(Args<'_>, &mut Replies) -> Result<(), Fault>),
    Parse(for<'a> fn(Args<'a>) -> Result<Command<'a>, Fault>),
}

use Does::{Parse, Plain, Read, Write};

const fn row(name: &'static str, arity: i32, does: Does) -> Row {
    Row { name, arity, does }
}

/// The most frequent ones first: the table is searched from its beginning.
static TABLE: &[Row] = &[
    row("get", 2, Read(strings::get)),
    row("set", -3, Write(strings::set)),
    row("ping", -1, Parse(server::ping)),
    row("mget", -2, Read(strings::mget)),
    row("mset", -3, Write(strings::mset)),
    row("incr", 2, Write(numbers::incr)),
    row("del", -2, Write(keys::del)),
    row("exists", -2, Read(keys::exists)),
    row("append", 3, Write(strings::append)),
    row("expire", -3, Write(expiry::expire)),
    row("publish", 3, Parse(server::publish)),
    row("decr", 2, Write(numbers::decr)),
    row("incrby", 3, Write(numbers::incrby)),
    row("decrby", 3, Write(numbers::decrby)),
    row("strlen", 2, Read(strings::strlen)),
    row("ttl", 2, Read(expiry::ttl)),
    row("pttl", 2, Read(expiry::pttl)),
    row("pexpire", -3, Write(expiry::pexpire)),
    row("expireat", -3, Write(expiry::expireat)),
    row("pexpireat", -3, Write(expiry::pexpireat)),
    row("expiretime", 2, Read(expiry::expiretime)),
    row("pexpiretime", 2, Read(expiry::pexpiretime)),
    row("persist", 2, Write(expiry::persist)),
    row("unlink", -2, Write(keys::del)),
    row("type", 2, Read(keys::kind)),
    row("keys", 2, Read(keys::keys)),
    row("scan", -2, Read(keys::scan)),
    row("dbsize", 1, Read(keys::dbsize)),
    row("flushall", -1, Write(keys::flushall)),
    row("flushdb", -1, Write(keys::flushall)),
    row("echo", 2, Plain(plain::echo)),
    row("select", 2, Plain(plain::select)),
    row("command", -1, Plain(plain::command)),
    row("config", -2, Plain(plain::config)),
    row("client", -2, Parse(server::client)),
    row("hello", -1, Parse(server::hello)),
    row("quit", -1, Parse(server::quit)),
    row("subscribe", -2, Parse(server::subscribe)),
    row("unsubscribe", -1, Parse(server::unsubscribe)),
    row("info", -1, Parse(server::info)),
    row("digest", 1, Parse(server::digest)),
    row("compact", 1, Parse(server::compact)),
    row("bgrewriteaof", 1, Parse(server::compact)),
    row("replicate", -1, Parse(server::replicate)),
];

/// Returns how many commands there are.
pub(super) fn count() -> usize {
    TABLE.len()
}

impl Row {
    /// Finds a command by its name, in large or small letters.
    pub(super) fn named(name: &[u8]) -> Option<&'static Row> {
        let is_it = |row: &&Row| row.name.as_bytes().eq_ignore_ascii_case(name);
        TABLE.iter().find(is_it)
    }

    /// Returns whether the command can have so many arguments, with its name.
    pub(super) fn takes(&self, count: usize) -> bool {
        let least = self.arity.unsigned_abs() as usize;
        if self.arity < 0 { count >= least } else { count == least }
    }
}
