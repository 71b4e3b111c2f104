//! A snapshot that comes from a primary: gathered in a temporary file, checked, then installed.
//!
//! ```text
//!  Log::incoming(X) ──▶ Incoming ──write…──▶ check ──▶ Received ──▶ Log::install
//!                       (not believed)                 (checked, on the disk)
//! ```
//!
//! Until it is installed nothing else of the log is touched; dropping either removes the file.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::files::{File, Temp, write_all_at};
use super::header::{HEADER, Header, Kind};
use super::report::Cause;
use super::scan::Scan;
use super::snapshot::{Footer, SnapshotFile};
use super::tail::Tail;

/// The body of a snapshot, so far as it has come.
#[must_use]
pub struct Incoming {
    temp: Temp,
    header: Header,
    len: u64,
}

impl Incoming {
    pub(crate) fn new(tail: &Tail, offset: u64) -> io::Result<Incoming> {
        // The first file of the next generation: its final name replaces everything.
        let generation = tail.state().generation + 1;
        let header = Header { kind: Kind::Snapshot, generation, offset };
        let name = format!("{}.{}", header.name(), tail.temp_number());
        let temp = Temp::create(&tail.dir, &name)?;
        write_all_at(&**temp.file(), &header.encode(), 0)?;
        Ok(Incoming { temp, header, len: 0 })
    }

    /// Appends bytes of the body, cut as they come. After an error, drop this.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        write_all_at(&**self.temp.file(), bytes, HEADER + self.len)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Checks the whole body and gives each chunk to `each`; then all is on the disk.
    ///
    /// What `each` was given before an error is not to be believed.
    pub fn check(
        self,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Cause>,
    ) -> Result<Received, CheckError> {
        let file = Arc::clone(self.temp.file());
        let Some(footer) = Footer::read(&*file, self.header.offset)? else {
            return Err(CheckError(Why::Damaged("it has no end")));
        };
        check_chunks(&*file, &footer, each)?;
        file.sync_data()?;
        Ok(Received { temp: self.temp, header: self.header, footer })
    }
}

/// Gives all chunks to `each`; an error if one is bad or missing.
pub(crate) fn check_chunks(
    file: &dyn File,
    footer: &Footer,
    each: &mut dyn FnMut(&[u8]) -> Result<(), Cause>,
) -> Result<(), CheckError> {
    let mut scan = Scan::new(file, HEADER, 0, HEADER + footer.len);
    let mut chunks = 0;
    while let Some(chunk) = scan.next()? {
        each(chunk.payload).map_err(|error| CheckError(Why::Refused(error)))?;
        chunks += 1;
    }
    match (scan.rest(), chunks == footer.chunks) {
        (0, true) => Ok(()),
        (0, false) => Err(CheckError(Why::Damaged("its number of chunks is wrong"))),
        _ => Err(CheckError(Why::Damaged("a chunk is bad"))),
    }
}

/// A snapshot that was checked and is on the disk, under a temporary name.
#[must_use]
pub struct Received {
    pub(crate) temp: Temp,
    pub(crate) header: Header,
    footer: Footer,
}

impl Received {
    /// Returns where the log goes on after this snapshot.
    pub fn offset(&self) -> u64 {
        self.footer.offset
    }

    /// Returns up to where the log is needed for a state that once was.
    pub fn consistent_at(&self) -> u64 {
        self.footer.consistent_at
    }

    pub(crate) fn snapshot(&self) -> Arc<SnapshotFile> {
        SnapshotFile::new(Arc::clone(self.temp.file()), self.footer)
    }
}

/// Why a snapshot is not taken.
#[derive(Debug)]
pub struct CheckError(pub(crate) Why);

#[derive(Debug)]
pub(crate) enum Why {
    Io(io::Error),
    Damaged(&'static str),
    Refused(Cause),
}

impl From<io::Error> for CheckError {
    fn from(error: io::Error) -> CheckError {
        CheckError(Why::Io(error))
    }
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Io(error) => write!(f, "the snapshot cannot be kept: {error}"),
            Why::Damaged(what) => write!(f, "the snapshot is damaged: {what}; fetch it again"),
            Why::Refused(error) => write!(f, "the snapshot cannot be taken over: {error}"),
        }
    }
}

impl Error for CheckError {}
