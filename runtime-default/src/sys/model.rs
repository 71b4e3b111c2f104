//! A poller for models: it has a bell and reports no events.

use super::{BorrowedSource, Event, Want};
use crate::sync::{Condvar, Mutex, lock, model};
use std::{io, sync::PoisonError, time::Duration};

/// Bits of a key that come back in an event.
pub(super) const KEY_BITS: u32 = 64;

/// The bell.
#[derive(Debug)]
pub(crate) struct Poller {
    rung: Mutex<bool>,
    bell: Condvar,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Poller> {
        Ok(Poller { rung: Mutex::new(false), bell: Condvar::new() })
    }

    pub(crate) fn add(&self, _: BorrowedSource<'_>, _key: u64) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn rearm(&self, _: BorrowedSource<'_>, _key: u64, _: Want) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn is_one_shot(&self) -> bool {
        false
    }

    pub(crate) fn remove(&self, _: BorrowedSource<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Sleeps until the bell rings or the time is over (see `sync::model`).
    pub(crate) fn wait(&self, _: &mut Events, at_most: Option<Duration>) -> io::Result<()> {
        let mut rung = lock(&self.rung);
        while !*rung {
            match at_most {
                Some(Duration::ZERO) => break,
                Some(delay) if model::time_passes() => {
                    drop(rung);
                    model::pass(delay);
                    rung = lock(&self.rung);
                    break;
                }
                _ => rung = self.bell.wait(rung).unwrap_or_else(PoisonError::into_inner),
            }
        }
        *rung = false;
        Ok(())
    }

    pub(crate) fn notify(&self) {
        *lock(&self.rung) = true;
        self.bell.notify_one();
    }
}

/// Nothing.
pub(crate) struct Events;

impl Events {
    pub(crate) fn new() -> Events {
        Events
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> {
        std::iter::empty()
    }
}
