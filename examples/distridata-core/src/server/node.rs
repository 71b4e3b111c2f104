//! What a node says of itself, and what a follower says of itself to it.

use std::time::Duration;

use super::connection::{LOADING, not_written};
use crate::node::Shared;
use crate::replication::feeder::Hello;
use crate::resp::{Args, Replies};

pub(super) fn hello(shared: &Shared, number: u64, replies: &mut Replies) {
    let role = if shared.is_follower() { "replica" } else { "master" };
    let version = env!("CARGO_PKG_VERSION");
    replies.array(14);
    for (name, value) in [("server", "distridata"), ("version", version), ("mode", "standalone")] {
        replies.bulk(name.as_bytes());
        replies.bulk(value.as_bytes());
    }
    for (name, value) in [("proto", 2), ("id", number as i64)] {
        replies.bulk(name.as_bytes());
        replies.integer(value);
    }
    replies.bulk(b"role");
    replies.bulk(role.as_bytes());
    replies.bulk(b"modules");
    replies.array(0);
}

/// Where the log ends, a digest of all that is stored, and how many keys there are: equal on all
/// nodes when writes rest.
pub(super) async fn digest(shared: &Shared, replies: &mut Replies) {
    let engine = &shared.engine;
    let seen = engine.with(|transaction, is_whole| {
        let store = &transaction.store;
        is_whole.then(|| (engine.safe(), store.digest(), store.len()))
    });
    let Some((mut offset, digest, keys)) = seen.result else { return replies.error(LOADING) };
    if let Some(group) = seen.ticket {
        if let Err(reason) = group.ended().await {
            return replies.error(&not_written(&reason));
        }
        offset = engine.safe();
    }
    replies.array(3);
    replies.integer(offset as i64);
    replies.bulk(format!("{digest:032x}").as_bytes());
    replies.integer(keys as i64);
}

/// The arguments of REPLICATE: version, epoch, offset, heartbeat in milliseconds.
pub(super) fn parse_hello(args: Args<'_>) -> Option<Hello> {
    let number = |at| std::str::from_utf8(args.get(at)?).ok()?.parse().ok();
    let heartbeat = Duration::from_millis(number(3)?);
    Some(Hello { version: number(0)?, epoch: number(1)?, offset: number(2)?, heartbeat })
}
