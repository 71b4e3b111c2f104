//! What the commands mean.
//!
//! ```text
//!  args ──parse──▶ Command::Plain ───────── reply ──▶ Replies          needs nothing
//!                  Command::Data ──── run(Transaction) ──▶ Replies     needs the data
//!                  Command::Connection ──▶ server                      needs the connection, the node
//! ```
//!
//! One row of `TABLE` per command: its name, how many arguments it takes, and the function that
//! does it. Words and numbers of errors are those of redis 7.

use crate::journal::Transaction;
use crate::resp::{Args, Replies};

mod fault;

pub use fault::Fault;

/// A command that has a name we know and a possible number of arguments.
#[derive(Debug)]
pub enum Command<'a> {
    /// Needs nothing: `plain.reply(&mut replies)`.
    Plain(Plain<'a>),
    /// Reads or writes data: `data.run(&mut transaction, &mut replies)`.
    Data(Data<'a>),
    /// Is about the connection or the node.
    Connection(Connection<'a>),
}

/// A command that is answered from its arguments alone.
#[derive(Debug)]
pub struct Plain<'a> {
    args: Args<'a>,
}

/// A command about the data.
#[derive(Debug)]
pub struct Data<'a> {
    args: Args<'a>,
    writes: bool,
}

/// A command about the connection or the node; whoever has them answers it.
#[derive(Clone, Copy, Debug)]
pub enum Connection<'a> {
    /// `PING [message]`: a client that has subscribed gets another answer than others.
    Ping(Option<&'a [u8]>),
    /// `SUBSCRIBE channel …`.
    Subscribe(Args<'a>),
    /// `UNSUBSCRIBE [channel …]`: without arguments, from all.
    Unsubscribe(Args<'a>),
    /// `PUBLISH channel message`.
    Publish {
        /// Where.
        channel: &'a [u8],
        /// What.
        message: &'a [u8],
    },
    /// `INFO [section]`.
    Info(Option<&'a [u8]>),
    /// `CLIENT ID`.
    ClientId,
    /// `HELLO [2 …]`.
    Hello,
    /// `QUIT`.
    Quit,
    /// `DIGEST`: [`crate::store::Store::digest`] in hexadecimal digits.
    Digest,
    /// `COMPACT` or `BGREWRITEAOF`: a snapshot, then a shorter log.
    Compact,
    /// `REPLICATE …`: the arguments behind the name.
    Replicate(Args<'a>),
}

impl<'a> Command<'a> {
    /// Finds out what `args` ask for.
    pub fn parse(args: Args<'a>) -> Result<Command<'a>, Fault> {
        let _ = args;
        Err(Fault::new("ERR not yet"))
    }
}

impl Plain<'_> {
    /// Answers.
    pub fn reply(&self, replies: &mut Replies) {
        let _ = self.args;
        replies.simple("OK");
    }
}

impl Data<'_> {
    /// Returns whether the command may change something, so that followers refuse it.
    pub fn writes(&self) -> bool {
        self.writes
    }

    /// Does it and answers; an error is an answer, too, and changes nothing.
    pub fn run(&self, transaction: &mut Transaction<'_>, replies: &mut Replies) {
        let _ = (self.args, transaction, replies);
    }
}
