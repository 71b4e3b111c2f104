//! Messages for one client that it has not taken yet.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use event_listener::{Event, EventListener};

use crate::op::Value;
use crate::resp::Replies;

/// What a message counts besides its bytes.
const MESSAGE_COST: usize = 64;

/// A bounded queue of messages: so many bytes, or a single message. What is shared with other mailboxes counts in full.
#[derive(Debug)]
pub(crate) struct Mailbox {
    queue: Mutex<Queue>,
    event: Event,
    max: usize,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Value>,
    cost: usize,
    is_too_slow: bool,
}

impl Mailbox {
    /// An empty mailbox for at most so many bytes, or one message if that is longer.
    pub(crate) fn new(max: usize) -> Mailbox {
        Mailbox { queue: Mutex::default(), event: Event::new(), max }
    }

    /// Nothing that can panic is done under this lock.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message, or notes that the client is too slow; `false` if it was too slow before.
    pub(super) fn push(&self, message: &Value) -> bool {
        let mut queue = self.queue();
        if queue.is_too_slow {
            return false;
        }
        let cost = message.len() + MESSAGE_COST;
        // One message always fits: that it is long is not the fault of those who listen.
        if queue.cost > 0 && queue.cost + cost > self.max {
            queue.is_too_slow = true;
            return true;
        }
        queue.cost += cost;
        queue.messages.push_back(message.clone());
        true
    }

    pub(super) fn wake(&self) {
        self.event.notify(usize::MAX);
    }

    /// Completes after the next message that comes, or when the client became too slow.
    ///
    /// Listen first, then look.
    pub(crate) fn listen(&self) -> EventListener {
        self.event.listen()
    }

    /// Returns whether a message did not fit. It stays so: the client has missed something.
    pub(crate) fn is_too_slow(&self) -> bool {
        self.queue().is_too_slow
    }

    /// Moves all messages to `replies`; returns whether there were any.
    pub(crate) fn take_into(&self, replies: &mut Replies) -> bool {
        let messages = {
            let mut queue = self.queue();
            queue.cost = 0;
            std::mem::take(&mut queue.messages)
        };
        messages.iter().for_each(|message| replies.raw(message));
        !messages.is_empty()
    }
}
