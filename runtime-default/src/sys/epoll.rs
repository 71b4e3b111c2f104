//! Linux: one epoll set, edge-triggered, and an eventfd that serves as its bell.
//!
//! A source costs one `epoll_ctl` when it is added and one when it is removed, none in between:
//! both directions are asked for at once and reported at their edges. A wait is one system call,
//! `epoll_pwait2`, whose timeout is in nanoseconds. Where the kernel (before 5.11) or a sandbox
//! does not know that call, `epoll_wait` takes over, with milliseconds rounded *up* (P4).
//!
//! # The bell
//!
//! ```text
//!  notify: rung false→true ──▶ write(bell)        wait: … bell among the events ──▶ rung := false
//!          rung already true ─▶ nothing
//! ```
//!
//! The bell is watched edge-triggered, and each write to an eventfd is an edge even when its
//! counter was not zero, so it is never read: a wake costs one system call, not two. The counter
//! grows by one per *answered* ring and would need some 10^19 of them to overflow.
//!
//! - **B1** While `rung` is set, an edge of the bell is pending or about to be written.
//! - **B2** `rung` is cleared only by a `wait` that is about to return. A `notify` that finds it
//!   set is thus answered by a return that is still to come (P2); one that finds it clear rings.

use super::{BorrowedSource, Event, Want};
use crate::mutants;
use rustix::{
    buffer::spare_capacity,
    event::{EventfdFlags, Timespec, epoll, eventfd},
    io::Errno,
};
use std::{
    ffi::c_int,
    io,
    os::fd::{AsRawFd, OwnedFd},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Bits of a key that come back in an event.
pub(super) const KEY_BITS: u32 = 64;
/// The bell's own key; tables hand out no such key.
const BELL: u64 = u64::MAX;
/// Events taken per wait; what is left over is taken by the next one.
const EVENTS_MAX: usize = 256;

/// The epoll set and its bell.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    bell: OwnedFd,
    /// See B1 and B2.
    rung: AtomicBool,
    /// `epoll_pwait2` is not to be had here.
    coarse: AtomicBool,
}

impl Poller {
    /// Makes an empty set.
    pub(crate) fn new() -> io::Result<Poller> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let edge_of_bell = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &bell, epoll::EventData::new_u64(BELL), edge_of_bell)?;
        Ok(Poller { epoll, bell, rung: AtomicBool::new(false), coarse: AtomicBool::new(false) })
    }

    /// Watches `source` in both directions until [`remove`](Poller::remove).
    ///
    /// The kernel's answer is passed on: `EPERM` for a regular file, `EEXIST` for a second time.
    pub(crate) fn add(&self, source: BorrowedSource<'_>, key: u64) -> io::Result<()> {
        debug_assert_ne!(key, BELL, "this key is taken");
        use epoll::EventFlags as Flags;
        let both = Flags::IN | Flags::OUT | Flags::PRI | Flags::RDHUP | Flags::ET;
        Ok(epoll::add(&self.epoll, source, epoll::EventData::new_u64(key), both)?)
    }

    /// Nothing to do: an edge-triggered source stays armed.
    pub(crate) fn rearm(&self, _: BorrowedSource<'_>, _key: u64, _: Want) -> io::Result<()> {
        Ok(())
    }

    /// Whether a report disarms its source, so that [`rearm`](Poller::rearm) matters.
    pub(crate) fn is_one_shot(&self) -> bool {
        false
    }

    /// Stops watching. Events a concurrent `wait` took already may still be reported by it.
    pub(crate) fn remove(&self, source: BorrowedSource<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, source)?)
    }

    /// Sleeps until an event, a [`notify`](Poller::notify), a signal, or the end of `at_most`.
    pub(crate) fn wait(&self, events: &mut Events, at_most: Option<Duration>) -> io::Result<()> {
        events.list.clear();
        let mut outcome = self.wait_kernel(events, at_most);
        while outcome == Err(Errno::INTR) && mutants::on("REACTOR-8") {
            outcome = self.wait_kernel(events, at_most);
        }
        match outcome {
            // A signal: the caller looks at its clock and comes again.
            Err(Errno::INTR) => return Ok(()),
            outcome => outcome?,
        }
        if events.list.iter().any(|event| event.data.u64() == BELL) {
            // B2. `AcqRel`: we see what those wrote who found `rung` set and did not ring.
            self.rung.swap(false, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Ends the current or the next [`wait`](Poller::wait). Any thread; many merge into one.
    pub(crate) fn notify(&self) {
        // `AcqRel` pairs with the swap in `wait`: either it sees our writes, or we see its `false`.
        if !self.rung.swap(true, Ordering::AcqRel) {
            // The only possible error is a full counter, and then the bell is ringing anyway.
            let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        }
    }

    /// The system call, in the finest form the kernel has.
    fn wait_kernel(&self, events: &mut Events, at_most: Option<Duration>) -> Result<(), Errno> {
        if !self.coarse.load(Ordering::Relaxed) {
            // A timeout beyond the kernel's reckoning is none.
            let timeout = at_most.and_then(|delay| Timespec::try_from(delay).ok());
            match epoll::wait(&self.epoll, spare_capacity(&mut events.list), timeout.as_ref()) {
                // `EPERM` is what older container sandboxes say of calls they do not know;
                // `epoll_pwait2` itself never does.
                Err(Errno::NOSYS | Errno::PERM) => self.coarse.store(true, Ordering::Relaxed),
                outcome => return outcome.map(drop),
            }
        }
        self.wait_coarse(events, at_most)
    }

    /// The system call every kernel has, which counts in milliseconds.
    fn wait_coarse(&self, events: &mut Events, at_most: Option<Duration>) -> Result<(), Errno> {
        let timeout = at_most.map_or(-1, millis_up);
        let room = events.list.capacity() as c_int;
        // SAFETY: `list` is empty (`wait` cleared it), so its buffer has room for `room` events,
        // which the kernel writes and nobody else looks at. `Event` has the layout of C's
        // `struct epoll_event`, as rustix passes it to the same kernel interface.
        let count =
            unsafe { epoll_wait(self.epoll.as_raw_fd(), events.list.as_mut_ptr(), room, timeout) };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
        };
        // SAFETY: the kernel wrote the first `count <= room` events.
        unsafe { events.list.set_len(count) };
        Ok(())
    }
}

// SAFETY: this is the signature of epoll_wait(2) in the C library std links anyway.
unsafe extern "C" {
    fn epoll_wait(epoll: c_int, events: *mut epoll::Event, room: c_int, timeout: c_int) -> c_int;
}

/// Whole milliseconds, rounded up so that no wait ends early (P4).
fn millis_up(delay: Duration) -> c_int {
    c_int::try_from(delay.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
}

/// A reusable buffer for what [`Poller::wait`] reports.
pub(crate) struct Events {
    list: Vec<epoll::Event>,
}

// SAFETY: what is not `Send` is the pointer that an event's data might be. We put in numbers and
// read them back as such; nothing is ever reached through an event.
unsafe impl Send for Events {}

impl Events {
    /// Makes an empty buffer; it never grows.
    pub(crate) fn new() -> Events {
        Events { list: Vec::with_capacity(EVENTS_MAX) }
    }

    /// What the last wait reported, the bell left out.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> {
        self.list.iter().filter(|event| event.data.u64() != BELL).map(translate)
    }
}

/// One kernel event in our words.
fn translate(event: &epoll::Event) -> Event {
    use epoll::EventFlags as Flags;
    // Copied out, since the struct is packed.
    let (flags, data) = (event.flags, event.data);
    let both = Flags::HUP | Flags::ERR | Flags::RDHUP;
    Event {
        key: data.u64(),
        readable: flags.intersects(both | Flags::IN | Flags::PRI),
        writable: flags.intersects(both | Flags::OUT),
        closed: flags.intersects(both),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, os::fd::AsFd, os::unix::net::UnixStream};

    #[test]
    fn milliseconds_are_rounded_up() {
        assert_eq!(millis_up(Duration::ZERO), 0);
        assert_eq!(millis_up(Duration::from_nanos(1)), 1);
        assert_eq!(millis_up(Duration::from_millis(5)), 5);
        assert_eq!(millis_up(Duration::from_nanos(5_000_001)), 6);
        assert_eq!(millis_up(Duration::MAX), c_int::MAX);
    }

    #[test]
    fn an_old_kernel_reports_the_same() {
        let poller = Poller::new().unwrap();
        poller.coarse.store(true, Ordering::Relaxed);
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        poller.add(ours.as_fd(), 9).unwrap();
        theirs.write_all(b"x").unwrap();
        let mut events = Events::new();
        poller.wait(&mut events, None).unwrap();
        assert_eq!(
            events.iter().collect::<Vec<_>>(),
            [Event { key: 9, readable: true, writable: true, closed: false }]
        );
        poller.wait(&mut events, Some(Duration::from_nanos(1))).unwrap();
        assert_eq!(events.iter().count(), 0);
    }

    #[test]
    fn a_delay_the_kernel_cannot_count_is_no_error() {
        let poller = Poller::new().unwrap();
        poller.notify();
        poller.wait(&mut Events::new(), Some(Duration::MAX)).unwrap();
    }
}
