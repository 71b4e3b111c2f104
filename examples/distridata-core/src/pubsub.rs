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

pub use mailbox::Mailbox;

/// The number of a connection.
pub type ClientId = u64;

/// What a subscription counts besides its name.
const SUBSCRIPTION_COST: usize = 128;

/// All channels that somebody listens to.
#[derive(Debug)]
pub struct Channels {
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
    pub fn new(names_max: usize) -> Channels {
        Channels { channels: HashMap::new(), clients: HashMap::new(), names_max }
    }

    /// Lets a client listen to a channel; returns to how many it listens then.
    ///
    /// `None`, and nothing has changed, if there would be too many.
    pub fn subscribe(
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
    pub fn unsubscribe(&mut self, client: ClientId, channel: &[u8]) -> usize {
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
    pub fn leave(&mut self, client: ClientId) -> Vec<Bytes> {
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
    pub fn count(&self, client: ClientId) -> usize {
        self.clients.get(&client).map_or(0, |one| one.channels.len())
    }

    /// Puts a message into the mailboxes of all who listen.
    pub fn publish(&self, channel: &[u8], message: &[u8]) -> Delivery {
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
pub struct Delivery(Vec<Arc<Mailbox>>);

impl Delivery {
    /// Wakes them, outside of all locks; returns how many there are.
    pub fn wake(self) -> usize {
        for mailbox in &self.0 {
            mailbox.wake();
        }
        self.0.len()
    }
}
