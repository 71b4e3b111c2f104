//! Snapshot files: written while writes go on, read while the log grows.
//!
//! ```text
//!  header │ chunk │ chunk │ … │ footer
//!         └────────── body ───────────┘   what a follower is sent
//!
//!  chunk:  a frame whose offset is its place in the body
//!  footer: magic 8 │ offset u64 │ consistent_at u64 │ chunks u64 │ bytes of chunks u64 │ crc u32
//! ```
//!
//! A snapshot is of no use alone: it was taken while the log grew from `offset` to `consistent_at`,
//! and is a state that once was only together with the log between the two.
//!
//! A file gets its name when it is whole and on the disk. So one that is not whole is damaged.

use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use super::files::{File, Temp, read_exact_at, read_into, write_all_at};
use super::frame::{PAYLOAD_MAX, encode, u32_at, u64_at};
use super::header::{HEADER, Header, Kind};
use super::tail::Tail;

const MAGIC: &[u8; 8] = b"DDATAEND";

/// Bytes of the footer.
pub(crate) const FOOTER: u64 = 44;

/// How much a writer gathers before it writes.
const BATCH: usize = 256 * 1024;

/// What stands at the end of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) offset: u64,
    pub(crate) consistent_at: u64,
    pub(crate) chunks: u64,
    /// Bytes of the chunks: the body without this footer.
    pub(crate) len: u64,
}

impl Footer {
    fn encode(&self) -> [u8; FOOTER as usize] {
        let mut bytes = [0; FOOTER as usize];
        bytes[..8].copy_from_slice(MAGIC);
        let fields = [self.offset, self.consistent_at, self.chunks, self.len];
        for (field, to) in fields.into_iter().zip(bytes[8..40].chunks_exact_mut(8)) {
            to.copy_from_slice(&field.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[..40]);
        bytes[40..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; FOOTER as usize]) -> Option<Footer> {
        let good = bytes[..8] == MAGIC[..] && u32_at(bytes, 40) == crc32fast::hash(&bytes[..40]);
        good.then(|| Footer {
            offset: u64_at(bytes, 8),
            consistent_at: u64_at(bytes, 16),
            chunks: u64_at(bytes, 24),
            len: u64_at(bytes, 32),
        })
    }

    /// Reads the footer of the snapshot at `offset`; `None` if there is none or it does not fit.
    pub(crate) fn read(file: &dyn File, offset: u64) -> io::Result<Option<Footer>> {
        let size = file.size()?;
        if size < HEADER + FOOTER {
            return Ok(None);
        }
        let mut bytes = [0; FOOTER as usize];
        read_exact_at(file, &mut bytes, size - FOOTER)?;
        let footer = Footer::decode(&bytes);
        Ok(footer.filter(|footer| footer.offset == offset && footer.fits(size)))
    }

    fn fits(&self, size: u64) -> bool {
        self.len == size - HEADER - FOOTER && self.consistent_at >= self.offset
    }
}

/// A whole snapshot. It stays readable while this is held.
pub struct SnapshotFile {
    file: Arc<dyn File>,
    footer: Footer,
}

impl SnapshotFile {
    pub(crate) fn new(file: Arc<dyn File>, footer: Footer) -> Arc<SnapshotFile> {
        Arc::new(SnapshotFile { file, footer })
    }

    /// Returns where the log goes on after this snapshot.
    pub fn offset(&self) -> u64 {
        self.footer.offset
    }

    /// Returns up to where the log is needed for a state that once was.
    pub fn consistent_at(&self) -> u64 {
        self.footer.consistent_at
    }

    /// Returns the length of the body in bytes: what a follower is sent.
    pub fn body_len(&self) -> u64 {
        self.footer.len + FOOTER
    }

    /// Appends at most `max` bytes of the body from `position` on to `buf`; 0 at its end.
    pub fn read_at(&self, buf: &mut Vec<u8>, max: usize, position: u64) -> io::Result<usize> {
        let left = self.body_len().saturating_sub(position);
        let len = usize::try_from(left).unwrap_or(max).min(max);
        read_into(&*self.file, buf, len, HEADER + position)?;
        Ok(len)
    }
}

impl fmt::Debug for SnapshotFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotFile").field("footer", &self.footer).finish_non_exhaustive()
    }
}

/// A snapshot that is being written. Dropping it unfinished removes the file.
#[must_use]
pub struct SnapshotWriter {
    tail: Arc<Tail>,
    temp: Temp,
    header: Header,
    batch: Vec<u8>,
    frame: Vec<u8>,
    chunks: u64,
    len: u64,
}

impl SnapshotWriter {
    pub(crate) fn new(tail: Arc<Tail>, offset: u64) -> io::Result<SnapshotWriter> {
        if !tail.start(offset).is_some_and(|reader| reader.is_at_a_base()) {
            let text = format!("no segment begins at {offset}; rotate first");
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        let generation = tail.state().generation;
        let header = Header { kind: Kind::Snapshot, generation, offset };
        let name = format!("{}.{}", header.name(), tail.temp_number());
        let temp = Temp::create(&tail.dir, &name)?;
        let batch = header.encode().to_vec();
        Ok(SnapshotWriter { tail, temp, header, batch, frame: Vec::new(), chunks: 0, len: 0 })
    }

    /// Adds a chunk. After an error the snapshot cannot be finished any more; drop it.
    pub fn chunk(&mut self, payload: &[u8]) -> io::Result<()> {
        if payload.len() > PAYLOAD_MAX {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the chunk is too long"));
        }
        encode(&mut self.frame, self.len, payload);
        self.batch.extend_from_slice(&self.frame);
        self.chunks += 1;
        self.len += self.frame.len() as u64;
        if self.batch.len() < BATCH { Ok(()) } else { self.flush() }
    }

    /// Writes what was gathered; it stands at the end of all that was added.
    fn flush(&mut self) -> io::Result<()> {
        let position = HEADER + self.len - self.batch.len() as u64;
        write_all_at(&**self.temp.file(), &self.batch, position)?;
        self.batch.clear();
        Ok(())
    }

    /// Ends the snapshot, makes it durable, and makes it the newest one.
    ///
    /// The caller has synced the log up to `consistent_at`. An error leaves everything as it
    /// was; so does a log that was replaced in the meantime, which is an error, too.
    ///
    /// # Panics
    ///
    /// If `consistent_at` is less than the snapshot's own offset.
    pub fn finish(mut self, consistent_at: u64) -> io::Result<()> {
        let offset = self.header.offset;
        assert!(consistent_at >= offset, "a snapshot is consistent at {offset} or later");
        let footer = Footer { offset, consistent_at, chunks: self.chunks, len: self.len };
        self.flush()?;
        write_all_at(&**self.temp.file(), &footer.encode(), HEADER + self.len)?;
        self.temp.file().sync_data()?;
        self.publish(footer)
    }

    fn publish(self, footer: Footer) -> io::Result<()> {
        let tail = self.tail;
        let _names = tail.names();
        if tail.state().generation != self.header.generation {
            return Err(io::Error::other("the log was replaced while its snapshot was written"));
        }
        let file = self.temp.rename(&self.header.name())?;
        tail.dir.sync()?;
        let mut state = tail.state();
        if state.snapshot.as_ref().is_none_or(|old| old.offset() <= footer.offset) {
            state.snapshot = Some(SnapshotFile::new(file, footer));
        }
        Ok(())
    }
}

impl fmt::Debug for SnapshotWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotWriter").field("header", &self.header).finish_non_exhaustive()
    }
}
