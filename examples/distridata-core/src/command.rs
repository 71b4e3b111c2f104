//! What the commands mean.
//!
//! ```text
//!  args ──parse──▶ Command::Plain ───────── reply ──────▶ Replies     needs nothing
//!                  Command::Data ──── run(Transaction) ──▶ Replies     needs the data
//!                  Command::Connection ──▶ server                      needs connection or node
//! ```
//!
//! One row of `table` per command: its name, how many arguments it takes, and the function that
//! does it. Words and numbers of errors are those of redis 7.0.
//!
//! # Invariants
//!
//! - **C1** A command that answers with an error has changed nothing.
//! - **C2** What is logged is absolute (promise D4): a deadline instead of a delay, the sum instead of
//!   the increment, and a whole value for a key that has expired but is still stored.
//! - **C3** A write that changes nothing logs nothing. `SET` and `MSET` are logged always: comparing
//!   the values would cost more than it gains.
//!
//! Not here: the bytes of requests and replies (`resp`), what is stored (`store`).

use crate::journal::Transaction;
use crate::resp::{Args, Replies};

mod expiry;
mod fault;
mod keys;
mod numbers;
mod plain;
mod server;
mod strings;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use fault::Fault;
pub(crate) use server::Connection;
use table::{Does, Row};

/// A command whose name is known and whose number of arguments is possible.
#[derive(Debug)]
pub(crate) enum Command<'a> {
    /// Needs nothing but its arguments.
    Plain(Plain<'a>),
    /// Reads or writes data.
    Data(Data<'a>),
    /// Is about the connection or the node; whoever has them answers it.
    Connection(Connection<'a>),
}

/// A command that is answered from its arguments alone.
#[derive(Debug)]
pub(crate) struct Plain<'a> {
    args: Args<'a>,
    reply: fn(Args<'_>, &mut Replies) -> Result<(), Fault>,
}

/// A command about the data.
#[derive(Debug)]
pub(crate) struct Data<'a> {
    args: Args<'a>,
    writes: bool,
    run: Run,
}

/// Does a command. It answers once, or not at all if it returns a fault.
type Run = fn(Args<'_>, &mut Transaction<'_>, &mut Replies) -> Result<(), Fault>;

impl<'a> Command<'a> {
    /// Finds out what `args` ask for.
    pub(crate) fn parse(args: Args<'a>) -> Result<Command<'a>, Fault> {
        let name = args.get(0).unwrap_or_default();
        let row = Row::named(name).ok_or_else(|| Fault::unknown(name, args.from(1)))?;
        if !row.takes(args.len()) {
            return Err(Fault::arity(row.name));
        }
        match row.does {
            Does::Read(run) => Ok(Command::Data(Data { args, writes: false, run })),
            Does::Write(run) => Ok(Command::Data(Data { args, writes: true, run })),
            Does::Plain(reply) => Ok(Command::Plain(Plain { args, reply })),
            Does::Parse(parse) => parse(args),
        }
    }
}

impl Plain<'_> {
    /// Answers.
    pub(crate) fn reply(&self, replies: &mut Replies) {
        if let Err(fault) = (self.reply)(self.args, replies) {
            replies.error(fault.text());
        }
    }
}

impl Data<'_> {
    /// Returns whether the command may change something: a follower refuses it.
    pub(crate) fn writes(&self) -> bool {
        self.writes
    }

    /// Does it and answers once. An error is an answer, too (C1).
    pub(crate) fn run(&self, transaction: &mut Transaction<'_>, replies: &mut Replies) {
        if let Err(fault) = (self.run)(self.args, transaction, replies) {
            replies.error(fault.text());
        }
    }
}
