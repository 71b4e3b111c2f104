//! The log: one endless sequence of bytes, with absolute offsets, the same on every node.
//!
//! ```text
//!      0                       X             Y                 synced   end
//!      │   (forgotten)         │             │                  │        │
//!      └ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ┼─ segment ───┼──────┬─ segment ─┼────────┤◀── append
//!                              │             │      │           └ synced │
//!                          snapshot-X  consistent at Y                   written
//! ```
//!
//! A *frame* is what is appended at once. Frames lie in *segments*, files that follow each other
//! without a gap. A *snapshot* stands for all that came before its offset; it was taken while writes
//! went on, so it is a state that once was only together with the log up to where it is consistent.
//!
//! # What it promises
//!
//! - **L1** What was synced is there after a crash, in order, and nothing that was not appended.
//! - **L2** What was appended is there after the process was killed.
//! - **L3** An append that answers an error did not happen, and when there is room again the next one
//!   works. A log that cannot keep this is *broken*: it refuses until it is opened again.
//! - **L4** Damage is not taken for data: it is refused with the place, or cut if asked to. Only the
//!   torn end that a crash leaves is cut unasked, and reported.
//! - **L5** Rotating, taking a snapshot, installing one and starting again leave the old state or the
//!   new one, wherever they are interrupted.
//! - **L6** A reader that has begun can always go on, until the log is replaced by another one.
//!
//! Not promised: after a sync that failed, what was not synced before may be there or not. And the
//! kernel forgets after a failed sync which pages it lost, so a process that is started again may
//! read what the disk does not have.
//!
//! Everything here blocks; the engine calls it where blocking is allowed. Programs need [`files`]
//! alone. The rest is public for the tests of whole nodes, which put a file system that fails
//! underneath and speak for other nodes.
//!
//! | module | what it is | effects |
//! |---|---|---|
//! | [`files`] | the seam to the file system, and the real one | blocks |
//! | [`frame`] | how a payload lies in the log | none |
//! | `header` | names and headers of files | none |
//! | `scan` | frames out of a file | through `files` |
//! | `recovery`, `report` | opening | through `files` |
//! | `segment`, `tail` | the log in memory, and its readers | through `files` |
//! | `snapshot`, `incoming` | snapshots written, read and received | through `files` |
//! | [`sim`] | a file system for tests that forgets, tears and fails | none |

pub mod files;
pub mod frame;
mod header;
mod incoming;
mod recovery;
mod report;
mod scan;
mod segment;
pub mod sim;
mod snapshot;
mod system;
mod tail;

use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;

pub use incoming::{CheckError, Incoming, Received};
pub use report::{Cause, Cut, OpenError, Options, Replay, Report};
pub use snapshot::{SnapshotFile, SnapshotWriter};
pub use tail::{Read, Reader, Tail};

#[cfg(test)]
mod tests;

use files::{Dir, write_all_at};
use frame::{Frames, PAYLOAD_MAX, encode};
use segment::{Next, Segment, prepare};
use tail::State;

/// Above this, the buffer for a frame is given back after use.
const BUFFER_KEPT: usize = 1 << 20;

/// The write side of the log. There is one.
pub struct Log {
    dir: Arc<dyn Dir>,
    tail: Arc<Tail>,
    last: Arc<Segment>,
    /// Up to here it is on the disk.
    synced: u64,
    /// Why nothing can be appended any more.
    broken: Option<String>,
    /// Nobody knows whether this log counts or the one that was to replace it.
    doubtful: bool,
    buffer: Vec<u8>,
}

impl Log {
    /// Opens the log in `dir`, and gives all that it holds to `replay`, in order.
    ///
    /// An empty directory is an empty log. What was given to `replay` before an error is not to be
    /// believed.
    pub fn open(
        dir: Arc<dyn Dir>,
        options: &Options,
        replay: &mut dyn FnMut(Replay<'_>) -> Result<(), Cause>,
    ) -> Result<(Log, Report), OpenError> {
        let (state, last, report) = recovery::open(&dir, options, replay)?;
        let synced = last.end();
        let tail = Tail::new(Arc::clone(&dir), state);
        let (broken, doubtful, buffer) = (None, false, Vec::new());
        Ok((Log { dir, tail, last, synced, broken, doubtful, buffer }, report))
    }

    /// Returns where the log ends: the offset of the next frame.
    pub fn end(&self) -> u64 {
        self.last.end()
    }

    /// Returns up to where the log is on the disk.
    pub fn synced(&self) -> u64 {
        self.synced
    }

    /// Returns the read side.
    pub fn tail(&self) -> Arc<Tail> {
        Arc::clone(&self.tail)
    }

    /// Appends a frame with this payload, and answers where the log ends then.
    ///
    /// It has reached the kernel: a killed process loses nothing. One write for one frame.
    pub fn append(&mut self, payload: &[u8]) -> io::Result<u64> {
        self.check_unbroken()?;
        if payload.len() > PAYLOAD_MAX {
            let text = format!("{} bytes are too long for a frame", payload.len());
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        encode(&mut buffer, self.end(), payload);
        let written = self.write(&buffer);
        if buffer.capacity() <= BUFFER_KEPT {
            self.buffer = buffer;
        }
        written
    }

    /// Appends frames that another node made, unchanged, and answers where the log ends then.
    pub fn append_frames(&mut self, frames: &Frames<'_>) -> io::Result<u64> {
        self.check_unbroken()?;
        if frames.start() != self.end() {
            let (start, end) = (frames.start(), self.end());
            let text = format!("frames begin at offset {start}, and the log ends at {end}");
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        self.write(frames.bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let end = self.end();
        let position = self.last.position(end);
        if let Err(error) = write_all_at(&*self.last.file, bytes, position) {
            if let Err(cut) = self.last.file.truncate(position) {
                self.break_with(format!("a write failed ({error}) and could not be undone: {cut}"));
            }
            return Err(error);
        }
        self.last.set_end(end + bytes.len() as u64);
        Ok(self.end())
    }

    /// Waits until all that was appended is on the disk, and answers up to where that is.
    pub fn sync(&mut self) -> io::Result<u64> {
        let pending = self.begin_sync();
        self.end_sync(pending.run())
    }

    /// Says what has to be synced, so that it can be done while others append.
    pub fn begin_sync(&self) -> Unsynced {
        Unsynced { segment: Arc::clone(&self.last), end: self.end() }
    }

    /// Takes notice of a sync that was done, and answers up to where the log is on the disk.
    ///
    /// A log that broke by a write still syncs what was appended before.
    pub fn end_sync(&mut self, synced: Synced) -> io::Result<u64> {
        if self.doubtful {
            self.check_unbroken()?;
        }
        if let Err(error) = synced.result {
            self.break_with(format!("a sync failed: {error}"));
            return Err(error);
        }
        if synced.generation == self.last.generation {
            self.synced = self.synced.max(synced.end.min(self.end()));
        }
        Ok(self.synced)
    }

    /// Takes back what was appended and is not on the disk, so far as that is possible.
    ///
    /// For a log that broke when what was appended was not yet acknowledged to anybody: it most
    /// likely is not there then when the log is opened again.
    pub fn discard_unsynced(&mut self) -> io::Result<u64> {
        let synced = self.synced.max(self.last.base);
        if synced < self.end() {
            self.last.set_end(synced);
            let cut = self.last.file.truncate(self.last.position(synced));
            if let Err(error) = cut {
                self.break_with(format!("what was not synced could not be taken back: {error}"));
                return Err(error);
            }
        }
        Ok(synced)
    }

    /// Seals the last segment and begins a new one; answers where.
    ///
    /// A snapshot can be taken from there. An empty segment stays the last one.
    pub fn rotate(&mut self) -> io::Result<u64> {
        self.check_unbroken()?;
        let end = self.sync()?;
        if end == self.last.base {
            return Ok(end);
        }
        let (header, temp) = prepare(&self.dir, self.last.generation, end)?;
        let file = match temp.rename(&header.name()) {
            Err(error) if is_full(&error) => return Err(error),
            renamed => self.or_break("a new segment could not be named", renamed)?,
        };
        let synced = self.dir.sync();
        self.or_break("the name of a new segment could not be synced", synced)?;
        let segment = Segment::new(header, file, 0);
        self.last.set_next(Next::Segment(Arc::clone(&segment)));
        self.last = segment;
        Ok(end)
    }

    /// Begins to write a snapshot at `offset`, which [`rotate`](Log::rotate) has answered.
    ///
    /// It may be written and finished on another thread while the log grows.
    pub fn snapshot_writer(&self, offset: u64) -> io::Result<SnapshotWriter> {
        SnapshotWriter::new(self.tail(), offset)
    }

    /// Begins to receive the snapshot at `offset` that another node has.
    pub fn incoming(&self, offset: u64) -> io::Result<Incoming> {
        Incoming::new(&self.tail, offset)
    }

    /// Replaces the whole log by a snapshot that was received; it then ends where that begins.
    ///
    /// The old state stays in force until the new one is durable. Readers of the old log come to
    /// its end and are told that it is over.
    pub fn install(&mut self, received: Received) -> io::Result<()> {
        self.replace(received.offset(), Some(received))
    }

    /// Replaces the whole log by an empty one at offset 0.
    pub fn reset(&mut self) -> io::Result<()> {
        self.replace(0, None)
    }

    fn replace(&mut self, base: u64, received: Option<Received>) -> io::Result<()> {
        self.check_unbroken()?;
        let tail = self.tail();
        let _names = tail.names();
        let generation = self.last.generation + 1;
        if received.as_ref().is_some_and(|received| received.header.generation != generation) {
            return Err(io::Error::other("the log was replaced since the snapshot began to come"));
        }
        let old = tail.dir.list()?;
        let (header, temp) = prepare(&self.dir, generation, base)?;
        let mut kept = vec![header.name()];
        let mut snapshot = None;
        if let Some(received) = received {
            kept.push(received.header.name());
            snapshot = Some(received.snapshot());
            // From here on the new generation is what counts.
            match received.temp.rename(&received.header.name()) {
                Err(error) if is_full(&error) => return Err(error),
                named => self.commit(named)?,
            };
        }
        let named = temp.rename(&header.name());
        let file = self.commit(named)?;
        let segment = Segment::new(header, file, 0);
        self.last.set_next(Next::Over);
        self.last = Arc::clone(&segment);
        self.synced = base;
        let new = State { generation, first: segment, snapshot };
        drop(std::mem::replace(&mut *tail.state(), new)); // closes files, when readers may go on
        remove_others(&*self.dir, &old, &kept);
        Ok(())
    }

    /// Makes a name durable. If that fails nobody knows which generation counts.
    fn commit<T>(&mut self, renamed: io::Result<T>) -> io::Result<T> {
        let done = renamed.and_then(|value| self.dir.sync().map(|()| value));
        self.doubtful |= done.is_err();
        self.or_break("the log could not be replaced", done)
    }

    fn or_break<T>(&mut self, what: &str, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.break_with(format!("{what}: {error}"));
        }
        result
    }

    fn break_with(&mut self, why: String) {
        self.broken.get_or_insert(why);
    }

    fn check_unbroken(&self) -> io::Result<()> {
        match &self.broken {
            None => Ok(()),
            Some(why) => Err(io::Error::other(format!(
                "the log takes no more writes: {why}; see to the disk and start again"
            ))),
        }
    }
}

/// Removes files of the generation before. What stays is removed when the log is opened.
fn remove_others(dir: &dyn Dir, names: &[String], kept: &[String]) {
    let old = names.iter().filter(|name| header::parse_name(name).is_some());
    for name in old.filter(|name| !kept.contains(name)) {
        let _ = dir.remove(name);
    }
}

/// Returns `true` for errors after which nothing was done, because there was no room for it.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (end, synced, broken) = (self.end(), self.synced, &self.broken);
        f.debug_struct("Log")
            .field("end", &end)
            .field("synced", &synced)
            .field("broken", broken)
            .finish_non_exhaustive()
    }
}

/// What was appended and has to be synced.
#[must_use]
pub struct Unsynced {
    segment: Arc<Segment>,
    end: u64,
}

impl Unsynced {
    /// Syncs it. The log need not be locked meanwhile.
    pub fn run(self) -> Synced {
        let result = self.segment.sync();
        Synced { generation: self.segment.generation, end: self.end, result }
    }
}

/// How a sync went; the log has to be told, by [`Log::end_sync`].
#[must_use]
pub struct Synced {
    generation: u64,
    end: u64,
    result: io::Result<()>,
}
