//! Commands about the connection or the node, as far as their arguments go.

use super::{Command, Fault, Plain, plain};
use crate::resp::{Args, integer};

/// A command about the connection or the node; whoever has them answers it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Connection<'a> {
    /// `PING [message]`: a client that has subscribed gets another answer than others.
    Ping(Option<&'a [u8]>),
    /// `SUBSCRIBE channel …`: the channels.
    Subscribe(Args<'a>),
    /// `UNSUBSCRIBE [channel …]`: the channels; none means all.
    Unsubscribe(Args<'a>),
    /// `PUBLISH channel message`.
    Publish {
        /// Where.
        channel: &'a [u8],
        /// What.
        message: &'a [u8],
    },
    /// `INFO [section …]`: the sections; none means all.
    Info(Args<'a>),
    /// `CLIENT ID`.
    ClientId,
    /// `HELLO [2 …]`.
    Hello,
    /// `QUIT`.
    Quit,
    /// `DIGEST`: [`crate::store::Store::digest`], in hexadecimal digits.
    Digest,
    /// `COMPACT` or `BGREWRITEAOF`: a snapshot, then a shorter log.
    Compact,
    /// `REPLICATE …`: the arguments behind the name.
    Replicate(Args<'a>),
}

type Parsed<'a> = Result<Command<'a>, Fault>;

pub(super) fn ping(args: Args<'_>) -> Parsed<'_> {
    match args.len() {
        1 | 2 => Ok(Command::Connection(Connection::Ping(args.get(1)))),
        _ => Err(Fault::arity("ping")),
    }
}

pub(super) fn subscribe(args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Connection(Connection::Subscribe(args.from(1))))
}

pub(super) fn unsubscribe(args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Connection(Connection::Unsubscribe(args.from(1))))
}

pub(super) fn publish(args: Args<'_>) -> Parsed<'_> {
    let (channel, message) = (args.get(1).unwrap_or_default(), args.get(2).unwrap_or_default());
    Ok(Command::Connection(Connection::Publish { channel, message }))
}

pub(super) fn info(args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Connection(Connection::Info(args.from(1))))
}

pub(super) fn quit(_: Args<'_>) -> Parsed<'_> {
    Ok(Command::Connection(Connection::Quit))
}

pub(super) fn digest(_: Args<'_>) -> Parsed<'_> {
    Ok(Command::Connection(Connection::Digest))
}

pub(super) fn compact(_: Args<'_>) -> Parsed<'_> {
    Ok(Command::Connection(Connection::Compact))
}

pub(super) fn replicate(args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Connection(Connection::Replicate(args.from(1))))
}

/// Names of clients are accepted and forgotten.
pub(super) fn client(args: Args<'_>) -> Parsed<'_> {
    let word = args.get(1).unwrap_or_default();
    let (name, count) = match word.to_ascii_lowercase().as_slice() {
        b"id" => ("client|id", 2),
        b"getname" => ("client|getname", 2),
        b"setname" => ("client|setname", 3),
        b"setinfo" => ("client|setinfo", 4),
        _ => return Err(Fault::subcommand("client", word)),
    };
    if args.len() != count {
        return Err(Fault::arity(name));
    }
    Ok(match name {
        "client|id" => Command::Connection(Connection::ClientId),
        "client|getname" => Command::Plain(Plain { args, reply: plain::nil }),
        _ => Command::Plain(Plain { args, reply: plain::ok }),
    })
}

/// Only the second version of the protocol is spoken; there are no users and passwords.
pub(super) fn hello(args: Args<'_>) -> Parsed<'_> {
    if let Some(version) = args.get(1) {
        let no_integer = Fault::new("ERR Protocol version is not an integer or out of range");
        if integer(version).ok_or(no_integer)? != 2 {
            return Err(Fault::new("NOPROTO unsupported protocol version"));
        }
    }
    let is_name = |word: &[u8]| word.eq_ignore_ascii_case(b"setname");
    match (args.get(2), args.len()) {
        (None, _) => Ok(Command::Connection(Connection::Hello)),
        (Some(word), 4) if is_name(word) => Ok(Command::Connection(Connection::Hello)),
        (Some(word), _) => Err(Fault::hello(word)),
    }
}
