//! A join handle off the home thread of its task.
//!
//! It may not fill the join slot, which the owner reads without asking anybody. So it says what it
//! wants (`away`), and where it waits it leaves a *relay* for the owner to wake: the first time in the
//! ask slot of the cell, from where the owner moves it to the join slot. From then on the handle
//! changes the waker inside the relay, wherever it is.
//!
//! The outcome is the handle's once it sees `DONE` (T1); that it does by itself, as at home.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::mem;
use core::task::Waker;

use super::away::Away;
use super::cell::{Raw, drop_quietly};
use super::local::{ask_slot, away, away_of, tell};
use crate::hooks::Why;
use crate::sync::Lock;

/// What a join handle has left abroad.
pub(super) struct Abroad(Option<Arc<Relay>>);

impl Abroad {
    pub(super) fn new() -> Abroad {
        Abroad(None)
    }

    /// Where the handle speaks, if it may not touch the state: abroad, and wherever the owner may have
    /// its relay.
    ///
    /// # Safety
    ///
    /// The cell is alive for `'a`.
    #[inline]
    unsafe fn away<'a>(&self, raw: Raw) -> Option<&'a Away> {
        // SAFETY: alive, says the caller.
        unsafe { if self.0.is_some() { away_of(raw) } else { away(raw) } }
    }

    /// Asks the task to stop; `false`: that is to be done as everybody does it.
    ///
    /// # Safety
    ///
    /// The caller is the handle.
    pub(super) unsafe fn abort(&self, raw: Raw) -> bool {
        // SAFETY: the handle keeps the cell alive.
        unsafe { self.away(raw).is_some_and(|away| tell(raw, away.abort(), Why::Cancelled)) }
    }

    /// Waits for the end with `waker`, since that was not seen: whether it has to. `None`: as everybody
    /// does.
    ///
    /// # Safety
    ///
    /// The caller is the handle.
    pub(super) unsafe fn wait(&mut self, raw: Raw, waker: &Waker) -> Option<bool> {
        // SAFETY: the handle keeps the cell alive.
        let away = unsafe { self.away(raw) }?;
        match &self.0 {
            Some(relay) => Some(relay.wait(waker)),
            // SAFETY: passed on.
            None => unsafe { self.ask(raw, away, waker) },
        }
    }

    /// The first time.
    ///
    /// # Safety
    ///
    /// The caller is the handle, and has not asked before.
    unsafe fn ask(&mut self, raw: Raw, away: &Away, waker: &Waker) -> Option<bool> {
        let relay = Arc::new(Relay::new(waker.clone()));
        // SAFETY: nobody has asked, so the slot is empty and ours (O6).
        unsafe { ask_slot(raw).with_mut(|slot| _ = (*slot).write(relay.clone().into())) };
        // SAFETY: the handle keeps the cell alive.
        if unsafe { tell(raw, away.ask(), Why::Woken) } {
            self.0 = Some(relay);
            return Some(true);
        }
        // SAFETY: nobody was told, so the slot is still ours, and full.
        drop_quietly(unsafe { ask_slot(raw).with(|slot| (*slot).assume_init_read()) });
        None
    }

    /// The handle goes; `false`: as everybody's does.
    ///
    /// # Safety
    ///
    /// The caller is the handle, and if this is `true` is so no longer. The outcome is there if the
    /// task is done and it was not `taken`.
    #[inline]
    pub(super) unsafe fn let_go(&mut self, raw: Raw, taken: bool) -> bool {
        // SAFETY: the handle keeps the cell alive.
        match unsafe { self.away(raw) } {
            // SAFETY: passed on.
            Some(away) => unsafe { self.say_goodbye(raw, away, taken) },
            None => false,
        }
    }

    /// The same, abroad.
    ///
    /// # Safety
    ///
    /// As [`Abroad::let_go`].
    #[cold]
    unsafe fn say_goodbye(&mut self, raw: Raw, away: &Away, taken: bool) -> bool {
        if let Some(relay) = &self.0 {
            relay.forget();
        }
        // SAFETY: done, so the outcome is ours (T1); who drops it again finds nothing. Then the
        // handle's reference is given up: the owner does that.
        unsafe {
            if !taken && raw.header().state.is_done() {
                raw.drop_outcome();
            }
            tell(raw, away.detach(), Why::Cancelled)
        }
    }
}

/// Stands for whoever waits, and changes.
struct Relay(Lock<Told>);

/// What a relay knows.
enum Told {
    /// Nothing: this one waits, if anybody.
    No(Option<Waker>),
    /// The end.
    Yes,
}

impl Relay {
    fn new(waker: Waker) -> Relay {
        Relay(Lock::new(Told::No(Some(waker))))
    }

    /// Waits with this waker from now on; `false`: it was woken before.
    fn wait(&self, waker: &Waker) -> bool {
        let new = waker.clone();
        let (waiting, old) = self.0.with(|told| match told {
            Told::No(waiting) => (true, waiting.replace(new)),
            Told::Yes => (false, Some(new)),
        });
        old.into_iter().for_each(drop_quietly);
        waiting
    }

    /// Nobody waits.
    fn forget(&self) {
        let old = self.0.with(|told| match told {
            Told::No(waiting) => waiting.take(),
            Told::Yes => None,
        });
        old.into_iter().for_each(drop_quietly);
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        if let Told::No(Some(waker)) = self.0.with(|told| mem::replace(told, Told::Yes)) {
            waker.wake();
        }
    }
}
