//! Who listens to which channel.
//!
//! ```text
//!  publish ──▶ Channels ──one shared message──▶ Mailbox (bounded) ──take_into──▶ Replies
//!                  └─ whom to wake: Delivery ──wake──▶ event of the mailbox
//! ```
//!
//! Under a lock, [`Channels::publish`] puts a message into the mailboxes; after it, the caller wakes.
//! A mailbox that is full is *too slow*: it takes nothing more, and its client is to be
//! disconnected (promise D5).
//!
//! Not here: the lock around the channels, and the connection that a mailbox belongs to (`server`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::op::{Bytes, Value};
use crate::resp::Replies;

mod mailbox;

pub(crate) use mailbox::Mailbox;

/// The number of a connection.
pub(crate) type ClientId = u64;

/// What a subscription counts besides its name.
const SUBSCRIPTION_COST: usize = 128;

/// All channels that somebody listens to.
#[derive(Debug)]
pub(crate) struct Channels {
    channels: HashMap<Bytes, HashMap<ClientId, Arc<Mailbox>>>,
    clients: HashMap<ClientId, Client>,
    names_max: usize,
}

#[derive(Debug, Default)]
struct Client {
    channels: HashSet<Bytes>,
    /// Bytes of their names, and [`SUBSCRIPTION_COST`] for each.
    cost: usize,
}

impl Channels {
    /// No channels. A client may listen to so many that their names need `names_max` bytes.
    pub(crate) fn new(names_max: usize) -> Channels {
        Channels { channels: HashMap::new(), clients: HashMap::new(), names_max }
    }

    /// Lets a client listen to a channel; returns to how many it listens then.
    ///
    /// `None`, and nothing has changed, if there would be too many.
    pub(crate) fn subscribe(
        &mut self,
        client: ClientId,
        mailbox: &Arc<Mailbox>,
        channel: &[u8],
    ) -> Option<usize> {
        let cost = channel.len() + SUBSCRIPTION_COST;
        let one = self.clients.entry(client).or_default();
        if one.channels.contains(channel) {
            return Some(one.channels.len());
        }
        if one.cost + cost > self.names_max {
            self.forget_if_idle(client);
            return None;
        }
        let name = match self.channels.get_key_value(channel) {
            Some((name, _)) => name.clone(),
            None => Bytes::from(channel),
        };
        one.cost += cost;
        one.channels.insert(name.clone());
        let count = one.channels.len();
        self.channels.entry(name).or_default().insert(client, mailbox.clone());
        Some(count)
    }

    /// Lets a client listen no more; returns to how many channels it still listens.
    pub(crate) fn unsubscribe(&mut self, client: ClientId, channel: &[u8]) -> usize {
        let Some(one) = self.clients.get_mut(&client) else { return 0 };
        if one.channels.remove(channel) {
            one.cost -= channel.len() + SUBSCRIPTION_COST;
        }
        let count = one.channels.len();
        self.drop_listener(client, channel);
        self.forget_if_idle(client);
        count
    }

    /// Lets a client listen to nothing more; returns to what it did.
    pub(crate) fn leave(&mut self, client: ClientId) -> Vec<Bytes> {
        let Some(one) = self.clients.remove(&client) else { return Vec::new() };
        for channel in &one.channels {
            self.drop_listener(client, channel);
        }
        one.channels.into_iter().collect()
    }

    fn drop_listener(&mut self, client: ClientId, channel: &[u8]) {
        let Some(listeners) = self.channels.get_mut(channel) else { return };
        listeners.remove(&client);
        if listeners.is_empty() {
            self.channels.remove(channel);
        }
    }

    fn forget_if_idle(&mut self, client: ClientId) {
        if self.clients.get(&client).is_some_and(|one| one.channels.is_empty()) {
            self.clients.remove(&client);
        }
    }

    /// Returns to how many channels a client listens.
    pub(crate) fn count(&self, client: ClientId) -> usize {
        self.clients.get(&client).map_or(0, |one| one.channels.len())
    }

    /// Puts a message into the mailboxes of all who listen.
    pub(crate) fn publish(&self, channel: &[u8], message: &[u8]) -> Delivery {
        let Some(listeners) = self.channels.get(channel) else { return Delivery(Vec::new()) };
        let message = encoded(channel, message);
        let reached = listeners.values().filter(|mailbox| mailbox.push(&message));
        Delivery(reached.cloned().collect())
    }
}

/// The message as a client receives it.
fn encoded(channel: &[u8], message: &[u8]) -> Value {
    let mut replies = Replies::new();
    replies.array(3);
    replies.bulk(b"message");
    replies.bulk(channel);
    replies.bulk(message);
    Value::from(replies.into_copied())
}

/// Whom a message has reached and who does not know it yet.
#[derive(Debug)]
#[must_use = "the receivers are not woken yet"]
pub(crate) struct Delivery(Vec<Arc<Mailbox>>);

impl Delivery {
    /// Wakes them, outside of all locks; returns how many there are.
    pub(crate) fn wake(self) -> usize {
        for mailbox in &self.0 {
            mailbox.wake();
        }
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(mailbox: &Mailbox) -> String {
        let mut replies = Replies::new();
        mailbox.take_into(&mut replies);
        String::from_utf8(replies.into_copied()).unwrap().replace("\r\n", " ")
    }

    fn mailbox() -> Arc<Mailbox> {
        Arc::new(Mailbox::new(1000))
    }

    #[test]
    fn messages_reach_those_who_listen() {
        let mut channels = Channels::new(10_000);
        let (one, two) = (mailbox(), mailbox());
        assert_eq!(channels.subscribe(1, &one, b"a"), Some(1));
        assert_eq!(channels.subscribe(1, &one, b"b"), Some(2));
        assert_eq!(channels.subscribe(1, &one, b"b"), Some(2));
        assert_eq!(channels.subscribe(2, &two, b"b"), Some(1));
        assert_eq!(channels.publish(b"a", b"first").wake(), 1);
        assert_eq!(channels.publish(b"b", b"second").wake(), 2);
        assert_eq!(channels.publish(b"c", b"third").wake(), 0);
        assert_eq!(received(&two), "*3 $7 message $1 b $6 second ");
        assert_eq!(received(&one), "*3 $7 message $1 a $5 first *3 $7 message $1 b $6 second ");
        assert_eq!(received(&one), "");
    }

    #[test]
    fn who_leaves_leaves_nothing_behind() {
        let mut channels = Channels::new(10_000);
        let one = mailbox();
        for name in [b"a", b"b", b"c"] {
            let _ = channels.subscribe(1, &one, name);
        }
        assert_eq!(channels.unsubscribe(1, b"b"), 2);
        assert_eq!(channels.unsubscribe(1, b"b"), 2);
        assert_eq!(channels.unsubscribe(9, b"a"), 0);
        assert_eq!(channels.publish(b"b", b"").wake(), 0);
        assert_eq!((channels.count(1), channels.leave(1).len(), channels.count(1)), (2, 2, 0));
        assert!(channels.channels.is_empty() && channels.clients.is_empty());
        assert_eq!(Arc::strong_count(&one), 1);
    }

    #[test]
    fn names_have_a_limit() {
        let mut channels = Channels::new(2 * SUBSCRIPTION_COST + 10);
        let one = mailbox();
        assert_eq!(channels.subscribe(1, &one, &[0; 300]), None);
        assert!(channels.channels.is_empty() && channels.clients.is_empty());
        assert_eq!(channels.subscribe(1, &one, b"12345"), Some(1));
        assert_eq!(channels.subscribe(1, &one, b"123456"), None);
        assert_eq!(channels.subscribe(1, &one, b"abcde"), Some(2));
        assert_eq!(channels.subscribe(1, &one, b""), None);
        assert_eq!(channels.unsubscribe(1, b"abcde"), 1);
        assert_eq!(channels.subscribe(1, &one, b""), Some(2));
    }

    #[test]
    fn d5_who_does_not_read_is_too_slow() {
        let mut channels = Channels::new(10_000);
        let (slow, quick) = (mailbox(), mailbox());
        let _ = channels.subscribe(1, &slow, b"a");
        let _ = channels.subscribe(2, &quick, b"a");
        let mut reached = Vec::new();
        for _ in 0..4 {
            reached.push(channels.publish(b"a", &[0; 300]).wake());
            assert!(quick.take_into(&mut Replies::new()));
        }
        // The one that does not fit wakes the client, too, so that it can be disconnected.
        assert_eq!(reached, [2, 2, 2, 1]);
        assert!(slow.is_too_slow() && !quick.is_too_slow());
    }

    #[test]
    fn a_long_message_makes_nobody_slow() {
        let mut channels = Channels::new(10_000);
        let one = mailbox();
        let _ = channels.subscribe(1, &one, b"a");
        assert_eq!(channels.publish(b"a", &[0; 5000]).wake(), 1);
        assert!(!one.is_too_slow() && one.take_into(&mut Replies::new()));
    }

    #[test]
    fn a_message_is_encoded_once_and_shared() {
        let mut channels = Channels::new(10_000);
        let boxes: Vec<_> = (0..3).map(|_| Arc::new(Mailbox::new(1 << 20))).collect();
        for (client, mailbox) in boxes.iter().enumerate() {
            let _ = channels.subscribe(client as ClientId, mailbox, b"a");
        }
        let _ = channels.publish(b"a", &[7; 100_000]).wake();
        let pointers: HashSet<*const u8> = boxes
            .iter()
            .map(|mailbox| {
                let mut replies = Replies::new();
                mailbox.take_into(&mut replies);
                replies.chunk().as_ptr()
            })
            .collect();
        assert_eq!(pointers.len(), 1);
    }

    #[test]
    fn waking_ends_the_wait_of_who_listened_before() {
        let mut channels = Channels::new(10_000);
        let one = mailbox();
        let _ = channels.subscribe(1, &one, b"a");
        let listener = one.listen();
        let delivery = channels.publish(b"a", b"x");
        let mut wait = Box::pin(listener);
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        delivery.wake();
        assert!(wait.as_mut().poll(&mut cx).is_ready());
    }
}
