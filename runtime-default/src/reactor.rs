//! Maps what the poller reports to wakers: the table of sources.
//!
//! ```text
//!  poll_io ──▶ hint says ready ──▶ op ──▶ Ok, or an error ─────────────────────▶ Ready
//!    ▲                │ no          └──▶ WouldBlock ──▶ (lock) hint changed since? ─┐
//!    │                └──────────────────────▶ (lock)           │ no             yes │
//!    │                                          hint := not ready, waker kept ▶ Pending
//!    └──────────────────────────────────────────────────────────────────────────────┘
//!
//!  op ──▶ Ok(Drained) ──▶ (lock) hint := not ready, if unchanged and not hung up ──▶ Ready
//!
//!  event ──▶ (lock) hint := ready, anew; waker taken ──▶ (no lock) wake
//! ```
//!
//! A source's *hint* is one word per direction: whether a try may succeed, and a count of the
//! events so far. It is read without a lock, so a try that succeeds takes none. It changes only
//! under the lock of its source, and a `WouldBlock` clears it only if it is the very word that was
//! read before the try: a newer event has another count, and is never erased.
//!
//! # Invariants
//!
//! - **R1** The hint is "not ready" only if, since the last event, a try said `WouldBlock`, or one said
//!   `Drained` and no hang-up was ever reported.
//! - **R2** Deciding to wait (hint compared and cleared, waker kept) is one critical section;
//!   delivering an event (hint set, waker taken) is another. Whichever is second sees the first.
//! - **R3** A kept waker is taken by the next event of its direction, by the waker of a later
//!   `Pending` poll, or by `deregister` or `shutdown`; a `Ready` poll leaves it.
//! - **R4** Each critical section compares the token first, so one who comes late (see *the window*
//!   in `table`) changes nothing of a successor.
//! - **R5** From before it is given to the poller until after it was taken from it, a source is
//!   owned here, so its descriptor cannot be closed or its number reused.
//! - **R6** No foreign code runs under a lock: not `op`, not a waker, not the destructor of either.
//!
//! Not here: several waiters per direction (the socket's business), sleeping (`driver`).

#[cfg(all(test, unix))]
mod tests;

use crate::{
    contain::contain,
    hooks::{self, After, Dir, Gone, Source, Token},
    sync::{Mutex, lock},
    sys::{self, Event, Events, Poller, Want},
    table::Table,
};
use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering, fence},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

/// The bit of a hint that says "try".
const READY: u64 = 1;
/// The bit that says "hung up": that is reported once, so a short read does not clear the hint.
const CLOSED: u64 = 2;
/// The count is above.
const ONE_EVENT: u64 = 4;

/// Watches sources and runs system calls when they can make progress.
pub struct Reactor {
    poller: Arc<Poller>,
    sources: Table<Watched>,
    ended: AtomicBool,
}

/// One source. Reused by the table, so everything about one life is in [`Life`].
#[derive(Default)]
struct Watched {
    /// Per direction; written only under the lock of `life` (R2).
    hints: [AtomicU64; 2],
    life: Mutex<Life>,
}

/// What belongs to one registration.
#[derive(Default)]
struct Life {
    /// The key in the table; 0 before and after.
    token: u64,
    source: Option<Source>,
    /// Per direction, the latest that waits.
    wakers: [Option<Waker>; 2],
}

/// What came of the decision to wait.
#[must_use]
enum Parked {
    /// The waker is kept. To be dropped without a lock: the one it took the place of.
    Yes { _old: Option<Waker> },
    /// An event came since the try: try again.
    Newer,
    /// The registration ended.
    Dead,
}

impl Reactor {
    /// Makes a reactor over a poller.
    pub(crate) fn new(poller: Arc<Poller>) -> Reactor {
        Reactor { poller, sources: Table::new(), ended: AtomicBool::new(false) }
    }

    /// Waits for events and collects the wakers they are for, to be woken without a lock.
    pub(crate) fn wait(
        &self,
        events: &mut Events,
        at_most: Option<Duration>,
        out: &mut Vec<Waker>,
    ) -> io::Result<()> {
        self.poller.wait(events, at_most)?;
        events.iter().for_each(|event| self.deliver(event, out));
        Ok(())
    }

    /// Wakes all who wait, and answers every later poll with [`Gone`].
    pub fn shutdown(&self) {
        self.ended.store(true, Ordering::Relaxed);
        // Pairs with the fence in `register`: either we find its key, or it finds `ended`.
        fence(Ordering::SeqCst);
        let mut wakers = Vec::new();
        self.sources.for_each(|_, watched| {
            wakers.extend(lock(&watched.life).wakers.iter_mut().filter_map(Option::take));
        });
        wake_all(wakers);
    }

    /// How many sources are registered.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether no source is registered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds the source of an event.
    fn deliver(&self, event: Event, out: &mut Vec<Waker>) {
        let Some(key) = self.key_of(event) else { return };
        let Some(watched) = self.sources.get(key) else { return };
        self.note(watched, key, event, out);
    }

    /// Notes an event and takes the wakers it is for.
    fn note(&self, watched: &Watched, key: u64, event: Event, out: &mut Vec<Waker>) {
        let mut life = lock(&watched.life);
        if life.token != key {
            return; // R4
        }
        for (row, hit) in [event.readable, event.writable].into_iter().enumerate() {
            if hit {
                watched.set_ready(row, event.closed);
                out.extend(life.wakers[row].take());
            }
        }
        // The report disarmed both directions; the other may still be waited for.
        self.rearm(&life);
    }

    /// The key of an event, from its index alone where the poller cannot carry more.
    fn key_of(&self, event: Event) -> Option<u64> {
        if sys::KEYS_ARE_WHOLE { Some(event.key) } else { self.sources.key_at(event.key as u32) }
    }

    /// Decides whether to wait (R2), `seen` being the hint before the try.
    fn park(&self, watched: &Watched, token: Token, dir: Dir, seen: u64, waker: Waker) -> Parked {
        let mut life = lock(&watched.life);
        // `ended` needs no order of its own: `shutdown` takes this lock after setting it, so who
        // does not see it here keeps its waker in time to be found.
        if life.token != token.0 || self.ended.load(Ordering::Relaxed) {
            return Parked::Dead;
        }
        let hint = &watched.hints[dir.index()];
        if hint.load(Ordering::Relaxed) != seen {
            return Parked::Newer;
        }
        hint.store(seen & !READY, Ordering::Relaxed);
        let old = life.wakers[dir.index()].replace(waker);
        self.rearm(&life);
        Parked::Yes { _old: old }
    }

    /// Forgets readiness that an operation used up, `seen` being the hint before it (R1).
    fn drained(&self, watched: &Watched, token: Token, dir: Dir, seen: u64) {
        if seen & CLOSED != 0 {
            return;
        }
        let life = lock(&watched.life);
        let hint = &watched.hints[dir.index()];
        if life.token == token.0 && hint.load(Ordering::Relaxed) == seen {
            hint.store(seen & !READY, Ordering::Relaxed);
        }
    }

    /// Tells a one-shot poller what is waited for. Under the lock of `life`, so that no older wish
    /// overtakes a newer one; a system call, but only where there is no other way.
    fn rearm(&self, life: &Life) {
        let want = Want { read: life.wakers[0].is_some(), write: life.wakers[1].is_some() };
        if self.poller.is_one_shot() && want != Want::default() {
            if let Some(source) = &life.source {
                // An error would be the poller's own end; then every turn reports it.
                let _ = self.poller.rearm(borrow(source), life.token, want);
            }
        }
    }

    /// Enters a source in the table, as if ready in both directions; `None` if the table is full.
    fn enter(&self, source: Source) -> Option<u64> {
        let key = self.sources.insert(|_| ())?;
        let watched = self.sources.get(key)?;
        let mut life = lock(&watched.life);
        (life.token, life.source) = (key, Some(source));
        watched.forget_closed();
        (0..2).for_each(|row| watched.set_ready(row, false));
        Some(key)
    }

    /// Ends a registration and returns what it held; `None` if there is none.
    fn leave(&self, token: Token) -> Option<Life> {
        self.sources.remove(token.0, |watched| std::mem::take(&mut *lock(&watched.life)))
    }

    /// The error for a poll of something that is not registered.
    fn dead(&self, token: Token) -> io::Error {
        if self.ended.load(Ordering::Relaxed) {
            return Gone.into();
        }
        let text = format!("source {:#x} is not registered with this reactor (any more)", token.0);
        io::Error::new(io::ErrorKind::NotConnected, text)
    }
}

impl hooks::Reactor for Reactor {
    fn register(&self, source: Source) -> io::Result<Token> {
        let full = || io::Error::new(io::ErrorKind::OutOfMemory, "the table of sources is full");
        let key = self.enter(source.clone()).ok_or_else(full)?;
        if let Err(error) = self.poller.add(borrow(&source), key) {
            drop(self.leave(Token(key)));
            return Err(error);
        }
        // Pairs with the fence in `shutdown`.
        fence(Ordering::SeqCst);
        if self.ended.load(Ordering::Relaxed) {
            self.deregister(Token(key));
            return Err(Gone.into());
        }
        Ok(Token(key))
    }

    fn poll_io(
        &self,
        token: Token,
        dir: Dir,
        cx: &mut Context<'_>,
        op: &mut dyn FnMut() -> io::Result<After>,
    ) -> Poll<io::Result<()>> {
        let watched = match self.sources.get(token.0) {
            Some(watched) if !self.ended.load(Ordering::Relaxed) => watched,
            _ => return Poll::Ready(Err(self.dead(token))),
        };
        loop {
            // `Acquire` pairs with `set_ready`: a try that follows an event happens after it.
            let seen = watched.hints[dir.index()].load(Ordering::Acquire);
            if seen & READY != 0 {
                match op() {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    outcome => {
                        if let Ok(After::Drained) = outcome {
                            self.drained(watched, token, dir, seen);
                        }
                        return Poll::Ready(outcome.map(|_| ()));
                    }
                }
            }
            match self.park(watched, token, dir, seen, cx.waker().clone()) {
                Parked::Yes { .. } => return Poll::Pending,
                Parked::Newer => {}
                Parked::Dead => return Poll::Ready(Err(self.dead(token))),
            }
        }
    }

    fn deregister(&self, token: Token) {
        let Some(life) = self.leave(token) else { return };
        if let Some(source) = &life.source {
            // It was added and is open (R5), so there is nothing an error could tell.
            let _ = self.poller.remove(borrow(source));
        }
        // A waiter finds out that there is nothing to wait for.
        wake_all(life.wakers.into_iter().flatten());
    }
}

impl Watched {
    /// A new life begins, under its lock.
    fn forget_closed(&self) {
        for hint in &self.hints {
            hint.store(hint.load(Ordering::Relaxed) & !CLOSED, Ordering::Relaxed);
        }
    }

    /// Sets the hint of a direction, under the lock of `life`.
    fn set_ready(&self, row: usize, closed: bool) {
        let closed = if closed { CLOSED } else { 0 };
        let now = self.hints[row].load(Ordering::Relaxed);
        let next = now.wrapping_add(ONE_EVENT) | READY | closed;
        self.hints[row].store(next, Ordering::Release);
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor").field("sources", &self.len()).finish_non_exhaustive()
    }
}

/// Wakes each; one that panics keeps none from being woken.
pub(crate) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(|waker| contain(|| waker.wake()));
}

#[cfg(unix)]
fn borrow(source: &Source) -> sys::BorrowedSource<'_> {
    std::os::fd::AsFd::as_fd(source)
}

#[cfg(windows)]
fn borrow(source: &Source) -> sys::BorrowedSource<'_> {
    std::os::windows::io::AsSocket::as_socket(source)
}
