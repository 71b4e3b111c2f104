//! Console events: a table of those who listen.
//!
//! The system starts a thread for each event and calls the handler there. That is an ordinary thread,
//! so the handler may lock and wake: no reactor is needed, and no descriptor.
//!
//! # Invariants
//!
//! - **C1** An event is noted in a seat before its side is woken, so that a poll either sees it or is
//!   woken by it.
//! - **C2** Wakers run after the lock of the table is released.
//!
//! Not here, and a gap: nobody tells a listener that its runtime has ended.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::task::{Context, Poll, ready};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::thread;
use std::vec::Vec;

use super::SignalKind;
use crate::io::source::poll_proceed;
use crate::io::waiters::{Side, Who};
use crate::{Handle, io};

/// Who listens now.
static TABLE: Mutex<Vec<Weak<Seat>>> = Mutex::new(Vec::new());
/// The kinds that were ever listened for, a bit for each: their default effect is gone.
static TAKEN: AtomicU32 = AtomicU32::new(0);

/// A listener's place in the table.
struct Seat {
    kind: SignalKind,
    /// Whether there was one since the last time.
    rung: AtomicBool,
    side: Side,
}

/// A listener.
pub(super) struct Watch {
    handle: Handle,
    seat: Arc<Seat>,
}

impl Watch {
    /// Listens; tasks of the runtime of `handle` are to hear it.
    pub(super) fn new(handle: Handle, kind: SignalKind) -> io::Result<Watch> {
        let bit = bit(kind.as_raw()).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "there is no such console event")
        })?;
        install()?;
        let seat = Arc::new(Seat { kind, rung: AtomicBool::new(false), side: Side::new() });
        let mut table = table();
        table.retain(|seat| seat.strong_count() > 0);
        table.push(Arc::downgrade(&seat));
        TAKEN.fetch_or(bit, Ordering::SeqCst);
        drop(table);
        Ok(Watch { handle, seat })
    }

    pub(super) fn side(&self) -> &Side {
        &self.seat.side
    }

    /// Ready when there was one since the last time.
    pub(super) fn poll(&self, who: Who<'_>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(poll_proceed(&self.handle, cx));
        self.seat.side.poll(who, cx, |_| match self.seat.rung.swap(false, Ordering::SeqCst) {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        })
    }
}

fn table() -> MutexGuard<'static, Vec<Weak<Seat>>> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bit of a console event, if it is one.
fn bit(number: i32) -> Option<u32> {
    matches!(number, 0 | 1 | 2 | 5 | 6).then(|| 1 << number)
}

/// Rings the seats of `kind`; answers whether the default effect is gone.
fn ring(kind: SignalKind) -> bool {
    let seats: Vec<_> = table().iter().filter_map(Weak::upgrade).collect();
    for seat in seats.iter().filter(|seat| seat.kind == kind) {
        seat.rung.store(true, Ordering::SeqCst);
        seat.side.wake_all();
    }
    bit(kind.as_raw()).is_some_and(|bit| TAKEN.load(Ordering::SeqCst) & bit != 0)
}

/// What the system calls, on a thread of its own.
///
/// Nothing in it panics: waking contains the panics of wakers.
unsafe extern "system" fn handler(event: u32) -> i32 {
    let kind = SignalKind::from_raw(event as i32);
    if !ring(kind) {
        return 0;
    }
    if !matches!(kind, SignalKind::CTRL_C | SignalKind::CTRL_BREAK) {
        // When the handler returns the system ends the process: so it does not, and the program has
        // the time that the system grants.
        loop {
            thread::park();
        }
    }
    1
}

/// Has the handler called, from the first listener on.
fn install() -> io::Result<()> {
    static ONCE: Once = Once::new();
    static DONE: AtomicBool = AtomicBool::new(false);
    ONCE.call_once(|| {
        // SAFETY: `handler` has the signature that the system wants, lives as long as the program, and
        // may be called on any thread.
        let done = unsafe { SetConsoleCtrlHandler(Some(handler), 1) } != 0;
        DONE.store(done, Ordering::SeqCst);
    });
    match DONE.load(Ordering::SeqCst) {
        true => Ok(()),
        false => Err(io::Error::other("the system takes no handler of console events")),
    }
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn SetConsoleCtrlHandler(
        handler: Option<unsafe extern "system" fn(u32) -> i32>,
        add: i32,
    ) -> i32;
}
