//! A group: what is written by one write, and what many replies wait for.

use std::fmt;
use std::sync::{Arc, OnceLock};

use event_listener::Event;

/// Why a group was not written. What it had changed is undone.
#[derive(Clone, Debug)]
pub(crate) struct NotWritten(Arc<str>);

impl NotWritten {
    pub(crate) fn because(reason: impl fmt::Display) -> NotWritten {
        NotWritten(reason.to_string().into())
    }
}

impl fmt::Display for NotWritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotWritten {}

/// Tells everybody who waits for a group how it ended. It ends once.
#[derive(Default)]
pub(crate) struct Group {
    end: OnceLock<Result<(), NotWritten>>,
    ended: Event,
}

impl Group {
    pub(crate) fn end(&self, how: Result<(), NotWritten>) {
        let first = self.end.set(how).is_ok();
        debug_assert!(first, "a group ends once");
        self.ended.notify(usize::MAX);
    }

    /// Waits until the group is written, or undone.
    ///
    /// # Cancellation
    ///
    /// Safe.
    pub(crate) async fn ended(&self) -> Result<(), NotWritten> {
        loop {
            if let Some(end) = self.end.get() {
                return end.clone();
            }
            // First listen, then look again: an end in between is seen by one of the two.
            let listener = self.ended.listen();
            if self.end.get().is_none() {
                listener.await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn those_who_came_before_and_those_who_come_later_hear_of_the_end() {
        let group = Group::default();
        let mut early = pin!(group.ended());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(early.as_mut().poll(&mut cx).is_pending());
        group.end(Err(NotWritten::because("no space")));
        for end in [early.as_mut().poll(&mut cx), pin!(group.ended()).poll(&mut cx)] {
            let Poll::Ready(Err(reason)) = end else {
                panic!("still waiting, or written: {end:?}")
            };
            assert_eq!(reason.to_string(), "no space");
        }
    }
}
