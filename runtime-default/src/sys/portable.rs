//! Everywhere else: the `polling` crate, over kqueue, event ports, poll(2) or Windows' IOCP.
//!
//! Where the system has edges they are used, as on Linux. Where it has not, a source is one-shot:
//! `add` watches nothing yet, [`Poller::rearm`] names the directions somebody waits for, and a
//! report disarms both until the next `rearm`. Naming only what is waited for matters: a socket
//! is nearly always writable, and asking for that too would use up the shot at once.

use super::{BorrowedSource, Event, Want};
use polling::PollMode;
use std::{io, time::Duration};

/// Bits of a key that come back in an event.
pub(super) const KEY_BITS: u32 = usize::BITS;

/// The system's poller.
#[derive(Debug)]
pub(crate) struct Poller {
    inner: polling::Poller,
    one_shot: bool,
}

impl Poller {
    /// Makes an empty set.
    pub(crate) fn new() -> io::Result<Poller> {
        let inner = polling::Poller::new()?;
        let one_shot = !inner.supports_edge();
        Ok(Poller { inner, one_shot })
    }

    /// Makes one without edges on any system, so that Linux tests what Windows runs.
    #[cfg(test)]
    pub(crate) fn new_one_shot() -> io::Result<Poller> {
        Ok(Poller { inner: polling::Poller::new()?, one_shot: true })
    }

    /// Watches `source` until [`remove`](Poller::remove); in a one-shot backend, from `rearm` on.
    pub(crate) fn add(&self, source: BorrowedSource<'_>, key: u64) -> io::Result<()> {
        let key = key as usize;
        let (interest, mode) = if self.one_shot {
            (polling::Event::none(key), PollMode::Oneshot)
        } else {
            (polling::Event::all(key), PollMode::Edge)
        };
        // SAFETY: `polling` asks that the source is deleted before it is closed. The reactor, the
        // only caller, owns a share of each source from before `add` until after `remove`.
        unsafe { self.inner.add_with_mode(&source, interest, mode) }
    }

    /// Arms a one-shot source anew for the directions in `want`; else nothing.
    pub(crate) fn rearm(&self, source: BorrowedSource<'_>, key: u64, want: Want) -> io::Result<()> {
        if !self.one_shot {
            return Ok(());
        }
        let interest = polling::Event::new(key as usize, want.read, want.write);
        self.inner.modify_with_mode(source, interest, PollMode::Oneshot)
    }

    /// Whether a report disarms its source, so that [`rearm`](Poller::rearm) matters.
    pub(crate) fn is_one_shot(&self) -> bool {
        self.one_shot
    }

    /// Stops watching. Events a concurrent `wait` took already may still be reported by it.
    pub(crate) fn remove(&self, source: BorrowedSource<'_>) -> io::Result<()> {
        self.inner.delete(source)
    }

    /// Sleeps until an event, a [`notify`](Poller::notify), or the end of `at_most`.
    pub(crate) fn wait(&self, events: &mut Events, at_most: Option<Duration>) -> io::Result<()> {
        events.list.clear();
        match self.inner.wait(&mut events.list, at_most) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Ends the current or the next [`wait`](Poller::wait). Any thread; many merge into one.
    pub(crate) fn notify(&self) {
        // `polling` rings only when its own flag was clear, so there is no counter to overflow;
        // what is left are errors of a descriptor that we own and that is open.
        let _ = self.inner.notify();
    }
}

/// A reusable buffer for what [`Poller::wait`] reports.
pub(crate) struct Events {
    list: polling::Events,
}

impl Events {
    /// Makes an empty buffer; it never grows.
    pub(crate) fn new() -> Events {
        Events { list: polling::Events::new() }
    }

    /// What the last wait reported.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> {
        self.list.iter().map(translate)
    }
}

/// One event of `polling` in our words.
fn translate(event: polling::Event) -> Event {
    let both = event.is_interrupt() || event.is_err() == Some(true);
    Event {
        key: event.key as u64,
        readable: event.readable || both,
        writable: event.writable || both,
        closed: true, // not every poller behind `polling` tells the end of one direction
    }
}
