//! A join handle off the home thread of its task.
//!
//! It may not fill the join slot, which the owner reads without asking anybody. So it says what it
//! wants (`away`), and where it waits it leaves a *relay* in the cell, for the owner to wake. From then
//! on it changes the waker inside the relay.
//!
//! The outcome is the handle's once it sees `DONE` (T1); that it does by itself, as at home.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::mem;
use core::task::Waker;

use super::away::Away;
use super::cell::{Raw, drop_quietly};
use super::local::{away, away_of, relay_of, tell};
use crate::hooks::Why;
use crate::sync::{Lock, UnsafeCell};

/// Where a handle leaves its relay, in the cell. Until `ASK` is heard the slot is the handle's; from then
/// on it is only read, by the handle and by the owner who heard that, until the cell is freed (O6).
pub(super) struct RelaySlot(UnsafeCell<Option<Arc<Relay>>>);

impl RelaySlot {
    #[inline]
    pub(super) fn new() -> RelaySlot {
        RelaySlot(UnsafeCell::new(None))
    }

    /// A waker of the relay, for the owner.
    ///
    /// # Safety
    ///
    /// The caller has received `ASK`.
    pub(super) unsafe fn waker(&self) -> Waker {
        // SAFETY: `ASK` was heard, so nobody writes.
        unsafe { self.relay() }.expect("it is there before `ASK` is said").clone().into()
    }

    /// # Safety
    ///
    /// The caller is the handle, or has received `ASK`.
    #[inline]
    unsafe fn relay(&self) -> Option<&Arc<Relay>> {
        // SAFETY: nobody writes but the handle, by an exclusive reference, until `ASK` is heard.
        self.0.with(|relay| unsafe { (*relay).as_ref() })
    }

    /// # Safety
    ///
    /// The caller is the handle, by an exclusive reference, and `ASK` was not heard.
    unsafe fn replace(&self, relay: Option<Arc<Relay>>) -> Option<Arc<Relay>> {
        // SAFETY: nobody else reads or writes, says the caller.
        self.0.with_mut(|slot| unsafe { mem::replace(&mut *slot, relay) })
    }

    /// Empties it, for a cell that is about to be freed. What is in the relay was forgotten or woken.
    ///
    /// # Safety
    ///
    /// Nobody else holds the cell.
    #[inline]
    pub(super) unsafe fn clear(&self) {
        // SAFETY: nobody else reads or writes, says the caller.
        self.0.with_mut(|slot| unsafe { *slot = None });
    }
}

/// Where the handle speaks, if it may not touch the state: abroad, and wherever the owner may have its
/// relay.
///
/// # Safety
///
/// The cell is alive for `'a`, and the caller its handle.
#[inline]
unsafe fn far<'a>(raw: Raw) -> Option<&'a Away> {
    // SAFETY: alive, says the caller, who is the handle.
    unsafe {
        let away_of = away_of(raw)?;
        if relay_of(raw).relay().is_some() { Some(away_of) } else { away(raw) }
    }
}

/// Asks the task to stop; `false`: that is to be done as everybody does it.
///
/// # Safety
///
/// The caller is the handle.
pub(super) unsafe fn abort(raw: Raw) -> bool {
    // SAFETY: the handle keeps the cell alive.
    unsafe { far(raw).is_some_and(|away| tell(raw, away.abort(), Why::Cancelled)) }
}

/// Waits for the end with `waker`, since that was not seen: whether it has to. `None`: as everybody
/// does.
///
/// # Safety
///
/// The caller is the handle, by an exclusive reference.
pub(super) unsafe fn wait(raw: Raw, waker: &Waker) -> Option<bool> {
    // SAFETY: the handle keeps the cell alive.
    unsafe {
        let away = far(raw)?;
        match relay_of(raw).relay() {
            Some(relay) => Some(relay.wait(waker)),
            None => ask(raw, away, waker),
        }
    }
}

/// The first time.
///
/// # Safety
///
/// As [`wait`]; and it has not asked before.
unsafe fn ask(raw: Raw, away: &Away, waker: &Waker) -> Option<bool> {
    let relay = Arc::new(Relay::new(waker.clone()));
    // SAFETY: the handle keeps the cell alive, and nobody has asked.
    unsafe {
        let none = relay_of(raw).replace(Some(relay));
        debug_assert!(none.is_none());
        if tell(raw, away.ask(), Why::Woken) {
            return Some(true);
        }
        // Nobody was told.
        if let Some(relay) = relay_of(raw).replace(None) {
            relay.forget();
        }
    }
    None
}

/// The handle goes; `false`: as everybody's does.
///
/// # Safety
///
/// The caller is the handle, and if this is `true` is so no longer. The outcome is there if the task is
/// done and it was not `taken`.
#[inline]
pub(super) unsafe fn let_go(raw: Raw, taken: bool) -> bool {
    // SAFETY: the handle keeps the cell alive.
    match unsafe { far(raw) } {
        // SAFETY: passed on.
        Some(away) => unsafe { say_goodbye(raw, away, taken) },
        None => false,
    }
}

/// The same, abroad.
///
/// # Safety
///
/// As [`let_go`].
#[cold]
unsafe fn say_goodbye(raw: Raw, away: &Away, taken: bool) -> bool {
    // SAFETY: the handle keeps the cell alive. If it is done the outcome is ours (T1); who drops it
    // again finds nothing. Then the handle's reference is given up: the owner does that.
    unsafe {
        if let Some(relay) = relay_of(raw).relay() {
            relay.forget();
        }
        if !taken && raw.header().state.is_done() {
            raw.drop_outcome();
        }
        tell(raw, away.detach(), Why::Cancelled)
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
