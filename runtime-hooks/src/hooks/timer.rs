//! The clock, and waking at a deadline.

use core::task::{Context, Poll};
use core::time::Duration;

use crate::{Gone, Instant};

/// Names a pending deadline inside a runtime: an index and a generation, whose meaning is the
/// runtime's business. `Key::NONE` names nothing.
///
/// A key owns its entry: [`Timer::forget`] must be called before it is dropped, as `Sleep` does.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    /// No entry.
    pub const NONE: Key = Key(0);

    /// The key with this number; `0` is [`Key::NONE`].
    pub const fn from_raw(raw: u64) -> Key {
        Key(raw)
    }

    /// Its number.
    pub const fn raw(&self) -> u64 {
        self.0
    }

    /// Whether it names nothing.
    pub const fn is_none(&self) -> bool {
        self.0 == 0
    }

    /// The key, leaving [`Key::NONE`].
    pub const fn take(&mut self) -> Key {
        core::mem::replace(self, Key::NONE)
    }
}

/// A clock that wakes tasks.
///
/// Library code does not call this; it awaits a `Sleep`.
///
/// | key | deadline | [`poll_until`](Timer::poll_until) |
/// |---|---|---|
/// | none | reached | `Ready(Ok)`, no entry is made |
/// | none | ahead | makes an entry, `Pending` |
/// | names an entry | as before, not reached | replaces the waker if it differs, `Pending` |
/// | names an entry | another than before | re-arms in place, as above |
/// | names an entry | reached | releases the entry, key is none, `Ready(Ok)` |
/// | any | the runtime ended | releases, `Ready(Err(Gone))` |
///
/// # Contract
///
/// - **TIME-1** (must) Never `Ready(Ok)` while `now() < at`.
/// - **TIME-2** (must) A deadline that is reached is `Ready` at the first poll.
/// - **TIME-3** (must) Extreme deadlines neither panic nor fire nor disturb others.
/// - **TIME-4** (must) An earlier deadline, armed from any thread, interrupts a driver that sleeps
///   for a later one.
/// - **TIME-5** (must) After `forget` returned, the entry's waker is released, and not woken for a
///   deadline that still lay ahead. So is the waker that a poll with another deadline replaces.
/// - **TIME-6** (must) Another deadline is allowed in every state of an entry, also when it has fired
///   or is just firing; the last one counts.
/// - **TIME-7** (must) The waker of the latest poll is the one that is woken.
/// - **TIME-8** (must) Entries with equal deadlines each wake. Deadlines fire in their order.
/// - **TIME-9** (must) Near deadlines work on a clock that has run for years, also while a very far
///   one is pending.
/// - **TIME-10** (must) `now` is monotone across threads.
/// - **TIME-11** (should) Waiting for a deadline uses no CPU time, not even in the last millisecond.
/// - A runtime with a fixed number of entries that has none left wakes the caller at once and answers
///   `Pending`: late is allowed, never is not.
/// - Keys are numbers, so a foreign one can be made up ([`Key::from_raw`]): it may disturb timers,
///   never memory.
/// - Nothing here allocates, but for growing the runtime's table of entries.
///
/// Left open on purpose: how late a wake may be, and the thread it comes from.
pub trait Timer: Send + Sync {
    /// The current instant of this clock.
    fn now(&self) -> Instant;

    /// Whether `at` is reached; otherwise arranges that `cx` is woken then. `slack` is how much later
    /// a wake may come for the sake of batching.
    fn poll_until(
        &self,
        key: &mut Key,
        at: Instant,
        slack: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>>;

    /// Withdraws the entry and releases its waker. Leaves [`Key::NONE`]; may be called with it.
    fn forget(&self, key: &mut Key);
}
