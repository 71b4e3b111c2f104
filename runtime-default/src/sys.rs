//! The operating system, as seen by the reactor.
//!
//! Each backend is one file with the same two items; `reactor` uses them through this module and
//! never names a platform:
//!
//! - `Poller`: `new`, `add`, `rearm`, `remove`, `wait(&mut Events, at_most)`, `is_one_shot`, and
//!   `notify`, which ends the current or the next `wait` from any thread;
//! - `Events`: a reusable buffer, iterated as [`Event`].
//!
//! `--cfg runtime_force_poll` picks the portable backend on Linux too, so that CI tests it there; `--cfg
//! shuttle` one without a system.
//!
//! # Invariants (of every backend)
//!
//! - **P1** All methods may be called from any thread, also while another is inside `wait`. At
//!   most one thread is inside `wait` (the driver sees to that).
//! - **P2** A `notify` is not lost: if it returned before a `wait` began, that `wait` returns at
//!   once, unless an earlier `wait` ended after the `notify` began. Many may merge into one.
//! - **P3** What becomes ready after `add` (or `rearm`, for a one-shot backend) is reported by
//!   some later `wait`; what was ready already counts as becoming ready then.
//! - **P4** `wait` never returns early because a timeout was rounded down (it may for a signal).
//!
//! Not here: what a key means, whom to wake, deadlines.

#[cfg(all(any(target_os = "linux", target_os = "android"), not(any(runtime_force_poll, shuttle))))]
mod epoll;
#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    not(any(runtime_force_poll, shuttle))
))]
use epoll as backend;

#[cfg(all(
    any(not(any(target_os = "linux", target_os = "android")), runtime_force_poll),
    not(shuttle)
))]
mod portable;
#[cfg(all(
    any(not(any(target_os = "linux", target_os = "android")), runtime_force_poll),
    not(shuttle)
))]
use portable as backend;

#[cfg(shuttle)]
mod model;
#[cfg(shuttle)]
use model as backend;

pub(crate) use backend::{Events, Poller};

/// What can be watched: a descriptor the caller keeps open, and open it stays until `remove`.
#[cfg(unix)]
pub(crate) type BorrowedSource<'a> = std::os::fd::BorrowedFd<'a>;
/// What can be watched: a socket the caller keeps open, and open it stays until `remove`.
#[cfg(windows)]
pub(crate) type BorrowedSource<'a> = std::os::windows::io::BorrowedSocket<'a>;

/// One report of the poller about one source.
///
/// A hang-up or an error sets both directions: both waiters must find out, by trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    /// The key given to [`Poller::add`]; only its low half if not [`KEYS_ARE_WHOLE`].
    pub(crate) key: u64,
    /// Reading is worth a try.
    pub(crate) readable: bool,
    /// Writing is worth a try.
    pub(crate) writable: bool,
    /// It may have hung up: this is reported once, so readiness must not be forgotten on account of
    /// a short read. Backends that cannot tell say so always.
    pub(crate) closed: bool,
}

/// Which directions somebody waits for; looked at by one-shot backends only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Want {
    /// Report when reading is worth a try.
    pub(crate) read: bool,
    /// Report when writing is worth a try.
    pub(crate) write: bool,
}

/// Whether [`Event::key`] carries all 64 bits; `polling` keys are pointer-sized.
pub(crate) const KEYS_ARE_WHOLE: bool = backend::KEY_BITS == 64;

#[cfg(all(test, unix))]
mod tests;
