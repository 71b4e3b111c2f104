//! A segment in memory: an open file, how far it is good, and what comes after it.
//!
//! ```text
//!  Tail::first ──▶ Segment ──next──▶ Segment ──next──▶ Segment ◀── Log::last
//!                     ▲                                   (no next yet)
//!                   Reader, slow: holds this one, and through it all that follow
//! ```
//!
//! - **S1** Only the log writes, and only behind `len`; what lies before `len` never changes. So
//!   readers need no lock.
//! - **S2** `len` is stored after the bytes were written, `next` is set after the last such store.
//! - **S3** A segment that has a next one is synced.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::files::{Dir, File, Temp, write_all_at};
use super::header::{HEADER, Header, Kind};

pub(crate) struct Segment {
    pub(crate) generation: u64,
    pub(crate) base: u64,
    pub(crate) file: Arc<dyn File>,
    /// Bytes of good frames.
    len: AtomicU64,
    next: OnceLock<Next>,
    /// One sync at a time, and none after a failed one: the kernel reports an error once only.
    sync_failed: Mutex<bool>,
}

/// How the log goes on after a segment.
pub(crate) enum Next {
    Segment(Arc<Segment>),
    /// Not at all: the log was replaced by another one.
    Over,
}

impl Segment {
    pub(crate) fn new(header: Header, file: Arc<dyn File>, len: u64) -> Arc<Segment> {
        Arc::new(Segment {
            generation: header.generation,
            base: header.offset,
            file,
            len: AtomicU64::new(len),
            next: OnceLock::new(),
            sync_failed: Mutex::new(false),
        })
    }

    pub(crate) fn end(&self) -> u64 {
        // `Acquire` pairs with the `Release` in `set_end`: the bytes before it are there (S2).
        self.base + self.len.load(Ordering::Acquire)
    }

    /// Publishes that the bytes before `end` are there.
    pub(crate) fn set_end(&self, end: u64) {
        // `Release` pairs with the `Acquire` in `end`.
        self.len.store(end - self.base, Ordering::Release);
    }

    /// Returns where in the file the byte at `offset` is.
    pub(crate) fn position(&self, offset: u64) -> u64 {
        HEADER + (offset - self.base)
    }

    pub(crate) fn next(&self) -> Option<&Next> {
        self.next.get()
    }

    /// Says how the log goes on. The first call counts.
    pub(crate) fn set_next(&self, next: Next) {
        let _ = self.next.set(next);
    }

    /// Waits until all that was written is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let mut failed = self.sync_failed.lock().unwrap_or_else(PoisonError::into_inner);
        if *failed {
            return Err(io::Error::other("an earlier sync of this file failed"));
        }
        let result = self.file.sync_data();
        *failed = result.is_err();
        result
    }
}

/// A chain may be long: dropping it must not take a stack frame per segment.
impl Drop for Segment {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(Next::Segment(segment)) = next {
            next = Arc::into_inner(segment).and_then(|mut segment| segment.next.take());
        }
    }
}

/// Writes the file of an empty segment, synced, still under a temporary name.
pub(crate) fn prepare(
    dir: &Arc<dyn Dir>,
    generation: u64,
    base: u64,
) -> io::Result<(Header, Temp)> {
    let header = Header { kind: Kind::Segment, generation, offset: base };
    let temp = Temp::create(dir, &header.name())?;
    write_all_at(&**temp.file(), &header.encode(), 0)?;
    temp.file().sync_data()?;
    Ok((header, temp))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::sim::SimDir;

    #[test]
    fn a_long_chain_is_dropped_without_a_deep_stack() {
        let file = SimDir::new().create("file").unwrap();
        let segment = |base| {
            let header = Header { kind: Kind::Segment, generation: 1, offset: base };
            Segment::new(header, Arc::clone(&file), 1)
        };
        let first = segment(0);
        let mut last = Arc::clone(&first);
        for base in 1..200_000 {
            let next = segment(base);
            last.set_next(Next::Segment(Arc::clone(&next)));
            last = next;
        }
        drop(first);
        assert_eq!((Arc::strong_count(&last), Arc::strong_count(&file)), (1, 2));
    }
}
