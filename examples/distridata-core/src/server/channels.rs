//! What a client that listens to channels is told, and when it is let go.
//!
//! Its messages wait in a mailbox. They are sent when there is nothing else to do, at the latest when
//! the client leaves a channel; a mailbox that is full ends the connection (D5).

use std::sync::Arc;

use event_listener::EventListener;
use runtime_traits::io;

use crate::node::Shared;
use crate::pubsub::Mailbox;
use crate::resp::{Args, Replies};

/// An error once the client misses messages; never, as long as it does not.
pub(super) async fn overflow(mailbox: &Mailbox) -> io::Result<usize> {
    loop {
        let news: EventListener = mailbox.listen();
        if mailbox.is_too_slow() {
            return Err(io::Error::other("the client does not take its messages"));
        }
        news.await;
    }
}

/// PING is answered like a message to whom messages come.
pub(super) fn pong(replies: &mut Replies, message: Option<&[u8]>, has_subscribed: bool) {
    match (message, has_subscribed) {
        (message, true) => {
            replies.array(2);
            replies.bulk(b"pong");
            replies.bulk(message.unwrap_or_default());
        }
        (Some(message), false) => replies.bulk(message),
        (None, false) => replies.simple("PONG"),
    }
}

/// Listens to these channels, too.
pub(super) fn subscribe(
    shared: &Shared,
    number: u64,
    mailbox: &Arc<Mailbox>,
    channels: Args<'_>,
    replies: &mut Replies,
) {
    for channel in channels.iter() {
        match shared.channels().subscribe(number, mailbox, channel) {
            Some(count) => confirm(replies, b"subscribe", Some(channel), count),
            None => replies.error("ERR too many channels"),
        }
    }
}

/// What was published before the client has left comes before the answer.
pub(super) fn unsubscribe(
    shared: &Shared,
    number: u64,
    mailbox: Option<&Mailbox>,
    channels: Args<'_>,
    replies: &mut Replies,
) {
    let take = |replies: &mut Replies| mailbox.is_some_and(|mailbox| mailbox.take_into(replies));
    for channel in channels.iter() {
        let count = shared.channels().unsubscribe(number, channel);
        take(replies);
        confirm(replies, b"unsubscribe", Some(channel), count);
    }
    if !channels.is_empty() {
        return;
    }
    let left = shared.channels().leave(number);
    take(replies);
    for (at, channel) in left.iter().enumerate() {
        confirm(replies, b"unsubscribe", Some(channel), left.len() - at - 1);
    }
    if left.is_empty() {
        confirm(replies, b"unsubscribe", None, 0);
    }
}

fn confirm(replies: &mut Replies, what: &[u8], channel: Option<&[u8]>, count: usize) {
    replies.array(3);
    replies.bulk(what);
    match channel {
        Some(channel) => replies.bulk(channel),
        None => replies.nil(),
    }
    replies.integer(count as i64);
}
