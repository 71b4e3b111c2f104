//! Commands that need neither data nor connection: what clients ask before they begin.

use super::{Fault, table};
use crate::resp::{Args, Replies, integer};
use crate::store::glob;

type Done = Result<(), Fault>;

pub(super) fn ok(_: Args<'_>, replies: &mut Replies) -> Done {
    replies.simple("OK");
    Ok(())
}

pub(super) fn nil(_: Args<'_>, replies: &mut Replies) -> Done {
    replies.nil();
    Ok(())
}

pub(super) fn echo(args: Args<'_>, replies: &mut Replies) -> Done {
    replies.bulk(&args[1]);
    Ok(())
}

/// There is one database, number 0.
pub(super) fn select(args: Args<'_>, replies: &mut Replies) -> Done {
    match integer(&args[1]) {
        Some(0) => ok(args, replies),
        Some(_) => Err(Fault::new("ERR DB index is out of range")),
        None => Err(Fault::no_integer()),
    }
}

/// Clients ask for descriptions and do well without.
pub(super) fn command(args: Args<'_>, replies: &mut Replies) -> Done {
    let Some(word) = args.get(1) else {
        replies.array(0);
        return Ok(());
    };
    match word.to_ascii_lowercase().as_slice() {
        b"count" if args.len() == 2 => replies.integer(table::count() as i64),
        b"count" => return Err(Fault::arity("command|count")),
        b"docs" | b"info" | b"list" => replies.array(0),
        _ => return Err(Fault::subcommand("command", word)),
    }
    Ok(())
}

/// What `CONFIG GET` finds, for clients that print it.
const SETTINGS: [(&str, &str); 3] = [("save", ""), ("appendonly", "yes"), ("maxmemory", "0")];

pub(super) fn config(args: Args<'_>, replies: &mut Replies) -> Done {
    if !args[1].eq_ignore_ascii_case(b"get") {
        return Err(Fault::subcommand("config", &args[1]));
    }
    let patterns = args.from(2);
    if patterns.is_empty() {
        return Err(Fault::arity("config|get"));
    }
    let is_asked = |name: &str| {
        patterns.iter().any(|pattern| glob(&pattern.to_ascii_lowercase(), name.as_bytes()))
    };
    let found = SETTINGS.iter().filter(|(name, _)| is_asked(name));
    let found: Vec<_> = found.flat_map(|(name, value)| [name, value]).collect();
    replies.array(found.len());
    found.iter().for_each(|text| replies.bulk(text.as_bytes()));
    Ok(())
}
