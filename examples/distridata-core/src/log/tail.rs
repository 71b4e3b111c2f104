//! The read side of the log: for other threads, while the log grows.
//!
//! A [`Reader`] holds its segment, and through it all that follow. So it can always go on, though
//! [`Tail::forget_before`] has taken the names of its files away; a slow reader costs disk, never
//! memory.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::files::{Dir, read_into};
use super::header::parse_name;
use super::segment::{Next, Segment};
use super::snapshot::SnapshotFile;

/// What is kept of the log, for readers. Clones of the `Arc` all see the same.
pub struct Tail {
    pub(crate) dir: Arc<dyn Dir>,
    state: Mutex<State>,
    /// Held by whoever gives names to snapshots or takes names away; never while readers wait.
    names: Mutex<()>,
    temp_count: AtomicU64,
}

pub(crate) struct State {
    pub(crate) generation: u64,
    pub(crate) first: Arc<Segment>,
    pub(crate) snapshot: Option<Arc<SnapshotFile>>,
}

impl Tail {
    pub(crate) fn new(dir: Arc<dyn Dir>, state: State) -> Arc<Tail> {
        let (names, temp_count) = (Mutex::new(()), AtomicU64::new(0));
        Arc::new(Tail { dir, state: Mutex::new(state), names, temp_count })
    }

    /// Begins to read at `offset`; `None` if that is older than what is kept, or beyond the end.
    pub fn start(&self, offset: u64) -> Option<Reader> {
        let mut segment = Arc::clone(&self.state().first);
        if offset < segment.base {
            return None;
        }
        while let Some(Next::Segment(next)) = segment.next() {
            if offset < next.base {
                break;
            }
            segment = Arc::clone(next);
        }
        (offset <= segment.end()).then_some(Reader { segment, offset })
    }

    /// Returns where the oldest kept bytes begin.
    pub fn first_offset(&self) -> u64 {
        self.state().first.base
    }

    /// Returns the newest snapshot, and a reader that goes on where it ends.
    ///
    /// Both stay readable for as long as they are held.
    pub fn newest_snapshot(&self) -> Option<(Arc<SnapshotFile>, Reader)> {
        let snapshot = self.state().snapshot.clone()?;
        // Nothing from the newest snapshot on is ever forgotten; if it was replaced right now,
        // there is a newer one.
        match self.start(snapshot.offset()) {
            Some(reader) => Some((snapshot, reader)),
            None => self.newest_snapshot(),
        }
    }

    /// Takes away the names of segments and snapshots that end at or before `offset`.
    ///
    /// What the newest snapshot needs is kept, whatever `offset` is. Who reads them reads on. An
    /// error leaves some of them; that is no harm, and the next call tries again.
    pub fn forget_before(&self, offset: u64) -> io::Result<()> {
        let _names = self.names();
        let Some(needed) = self.state().snapshot.as_ref().map(|snapshot| snapshot.offset()) else {
            return Ok(());
        };
        let first = self.advance(offset.min(needed));
        let mut result = Ok(());
        for name in self.dir.list()? {
            if parse_name(&name).is_some_and(|(_, at)| at < first) {
                result = result.and(self.dir.remove(&name));
            }
        }
        result
    }

    /// Moves on to the segment that holds `offset`, and answers where it begins.
    fn advance(&self, offset: u64) -> u64 {
        let mut state = self.state();
        let mut first = Arc::clone(&state.first);
        while let Some(Next::Segment(next)) = first.next() {
            if offset < next.base {
                break;
            }
            first = Arc::clone(next);
        }
        let base = first.base;
        let old = std::mem::replace(&mut state.first, first);
        drop(state);
        drop(old); // closes files, which may take a while
        base
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn names(&self) -> MutexGuard<'_, ()> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a number that no other temporary file of this process has.
    pub(crate) fn temp_number(&self) -> u64 {
        // `Relaxed`: all additions to one number are in one order; nothing is read because of it.
        self.temp_count.fetch_add(1, Ordering::Relaxed)
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("first_offset", &self.first_offset()).finish_non_exhaustive()
    }
}

/// What a [`Reader`] got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Read {
    /// So many bytes were put into the buffer; 0 if there are none yet.
    Bytes(usize),
    /// There will never be more: the log was replaced by another one.
    Over,
}

/// Reads the bytes of the log in order, across segments.
pub struct Reader {
    segment: Arc<Segment>,
    offset: u64,
}

impl Reader {
    /// Returns where in the log the next byte comes from.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns `true` if a segment begins here.
    pub(crate) fn is_at_a_base(&self) -> bool {
        self.offset == self.segment.base
    }

    /// Appends at most `max` bytes to `buf`, none at or behind the offset `until`.
    ///
    /// The bytes may end inside a frame. After an error nothing was read.
    pub fn read(&mut self, buf: &mut Vec<u8>, max: usize, until: u64) -> io::Result<Read> {
        loop {
            let end = self.segment.end().min(until);
            if self.offset < end {
                return self.read_here(buf, max, end);
            }
            let next = match self.segment.next() {
                _ if self.offset >= until => return Ok(Read::Bytes(0)),
                None => return Ok(Read::Bytes(0)),
                Some(Next::Over) => return Ok(Read::Over),
                Some(Next::Segment(next)) => Arc::clone(next),
            };
            // The segment may have grown after we looked; since `next` is set it does no more.
            match self.offset.cmp(&self.segment.end()) {
                Less => {}
                Equal => self.segment = next,
                Greater => return Err(io::Error::other("what was read last was discarded")),
            }
        }
    }

    fn read_here(&mut self, buf: &mut Vec<u8>, max: usize, end: u64) -> io::Result<Read> {
        let len = usize::try_from(end - self.offset).unwrap_or(max).min(max);
        read_into(&*self.segment.file, buf, len, self.segment.position(self.offset))?;
        self.offset += len as u64;
        Ok(Read::Bytes(len))
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("offset", &self.offset).finish_non_exhaustive()
    }
}
