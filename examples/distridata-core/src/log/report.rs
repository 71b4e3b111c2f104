//! What opening a log is told, and what it answers.

use std::error::Error;
use std::fmt;
use std::io;

use super::frame::Frame;
use super::header::VERSION;

/// Why the caller's own code could not take over what it was given.
pub type Cause = Box<dyn Error + Send + Sync>;

/// How to open a log.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Drops everything from the first damaged byte of the log on, instead of refusing to open.
    pub cut_damaged: bool,
}

/// What the log gives back when it is opened, in order: at most one snapshot, then frames.
#[derive(Debug, Clone, Copy)]
pub enum Replay<'a> {
    /// A snapshot begins. The next things are its chunks.
    Snapshot {
        /// Where the log goes on after it.
        offset: u64,
        /// Up to where the log is needed for a state that once was.
        consistent_at: u64,
    },
    /// A chunk of the snapshot.
    Chunk(&'a [u8]),
    /// A frame of the log.
    Frame(Frame<'a>),
}

/// What was found when the log was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The offset of the snapshot that was replayed.
    pub snapshot: Option<u64>,
    /// How many frames were replayed.
    pub frames: u64,
    /// Where the log ends.
    pub end: u64,
    /// What was cut off at the end.
    pub cut: Option<Cut>,
    /// The log ends before the snapshot is consistent: what was replayed is no state that ever was,
    /// and is not to be shown before the log has reached this offset.
    pub incomplete_until: Option<u64>,
    /// Files that were of no use any more and were removed.
    pub removed: Vec<String>,
}

/// Bytes that were cut off the end of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cut {
    /// The file that now is the last one or, if all of it was dropped, was the first to go.
    pub file: String,
    /// Where the log was cut.
    pub offset: u64,
    /// How many bytes were dropped, in all files.
    pub bytes: u64,
    /// `true`: they were damaged, and `cut_damaged` was set. `false`: the last write was torn.
    pub damaged: bool,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.damaged { "damaged" } else { "not written to the end" };
        let Cut { file, offset, bytes, .. } = self;
        write!(f, "{file}: cut at offset {offset}: dropped {bytes} bytes that were {what}")
    }
}

/// Why a log cannot be opened. Nothing was changed then, unless it is an error of the disk.
#[derive(Debug)]
pub struct OpenError(Kind);

#[derive(Debug)]
enum Kind {
    Io { file: Option<String>, doing: &'static str, error: io::Error },
    Newer { file: String, version: u32 },
    DamagedLog { file: String, offset: u64, position: u64, what: String },
    DamagedSnapshot { file: String, what: String },
    Refused { file: String, offset: Option<u64>, error: Cause },
}

impl OpenError {
    pub(crate) fn io(doing: &'static str, error: io::Error) -> OpenError {
        OpenError(Kind::Io { file: None, doing, error })
    }

    pub(crate) fn file(file: &str, doing: &'static str, error: io::Error) -> OpenError {
        OpenError(Kind::Io { file: Some(file.to_owned()), doing, error })
    }

    pub(crate) fn newer(file: &str, version: u32) -> OpenError {
        OpenError(Kind::Newer { file: file.to_owned(), version })
    }

    /// `position` is the byte in the file.
    pub(crate) fn log(
        file: &str,
        offset: u64,
        position: u64,
        what: impl Into<String>,
    ) -> OpenError {
        let (file, what) = (file.to_owned(), what.into());
        OpenError(Kind::DamagedLog { file, offset, position, what })
    }

    pub(crate) fn snapshot(file: &str, what: impl Into<String>) -> OpenError {
        OpenError(Kind::DamagedSnapshot { file: file.to_owned(), what: what.into() })
    }

    pub(crate) fn refused(file: &str, offset: Option<u64>, error: Cause) -> OpenError {
        OpenError(Kind::Refused { file: file.to_owned(), offset, error })
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Io { file: Some(file), doing, error } => write!(f, "{file}: {doing}: {error}"),
            Kind::Io { file: None, doing, error } => write!(f, "{doing}: {error}"),
            Kind::Newer { file, version } => write!(
                f,
                "{file} is of format version {version}, and this program knows version {VERSION}; \
                 nothing was changed; start the program that wrote it, or a newer one"
            ),
            Kind::DamagedLog { file, offset, position, what } => write!(
                f,
                "{file} is damaged at offset {offset} of the log (byte {position} of the file): \
                 {what}; nothing was changed; take the data from another node or a backup, or start \
                 once with --cut-damaged to drop everything from this offset on"
            ),
            Kind::DamagedSnapshot { file, what } => write!(
                f,
                "{file} is damaged: {what}; nothing was changed; the log before it is gone, so take \
                 the data from a backup, or empty the directory and start as a follower"
            ),
            Kind::Refused { file, offset: Some(offset), error } => {
                write!(f, "{file}: the frame at offset {offset} cannot be replayed: {error}")
            }
            Kind::Refused { file, offset: None, error } => {
                write!(f, "{file}: a chunk cannot be replayed: {error}")
            }
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Io { error, .. } => Some(error),
            Kind::Refused { error, .. } => Some(&**error),
            _ => None,
        }
    }
}
