//! Directories: making them, and what is in them.
//!
//! Entries come in batches, a job each: a thread that is woken for every name costs more than the name.

use core::fmt;
use core::future::{Future as _, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::borrow::ToOwned;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, FileType, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_core::Stream;

use super::jobs::{self, job};
use crate::hooks::Kind;
use crate::io::source::current;
use crate::task::JoinHandle;
use crate::task::poll_proceed_on;
use crate::{Handle, io};

/// How many entries are read at once.
const BATCH: usize = 64;

/// What is in a directory, without `.` and `..`, in no order.
///
/// ```
/// # use runtime_traits::{fs, io};
/// async fn names(path: &str) -> io::Result<Vec<std::ffi::OsString>> {
///     let (mut entries, mut names) = (fs::read_dir(path).await?, Vec::new());
///     while let Some(entry) = entries.next_entry().await? {
///         names.push(entry.file_name());
///     }
///     Ok(names)
/// }
/// ```
///
/// # Cancellation
///
/// Safe.
///
/// # Errors
///
/// As std's; `Unsupported` if there is no runtime or it has no fs.
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let (handle, path) = (current()?, path.as_ref().to_owned());
    let batch = jobs::start(&handle, Kind::ShortIo, move || Ok(Batch::read(fs::read_dir(path)?)))?;
    let batch: io::Result<Batch> = batch.await?;
    Ok(ReadDir { handle, state: State::There(batch?) })
}

/// The entries of a directory: a [`Stream`], from [`read_dir`].
pub struct ReadDir {
    handle: Handle,
    state: State,
}

enum State {
    There(Batch),
    Coming(JoinHandle<Batch>),
}

/// Entries that were read, and the rest of the directory.
#[derive(Default)]
struct Batch {
    entries: VecDeque<io::Result<DirEntry>>,
    /// `None`: it has no more.
    rest: Option<fs::ReadDir>,
}

impl Batch {
    /// Blocks.
    fn read(mut rest: fs::ReadDir) -> Batch {
        let entries = rest.by_ref().take(BATCH).map(|entry| entry.map(DirEntry::new));
        let entries: VecDeque<_> = entries.collect();
        // A failed entry may be followed by others, fewer than asked for by none.
        let rest = (entries.len() == BATCH).then_some(rest);
        Batch { entries, rest }
    }
}

impl ReadDir {
    /// The next entry, `None` after the last.
    ///
    /// ```
    /// # use runtime_traits::{fs::ReadDir, io};
    /// async fn count(entries: &mut ReadDir) -> io::Result<usize> {
    ///     let mut n = 0;
    ///     while entries.next_entry().await?.is_some() {
    ///         n += 1;
    ///     }
    ///     Ok(n)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: the entry is there for the next call.
    ///
    /// # Errors
    ///
    /// As std's, for one entry; the next call goes on. The runtime has ended.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_entry(cx)).await.transpose()
    }

    fn poll_entry(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<DirEntry>>> {
        ready!(poll_proceed_on(&self.handle, cx));
        loop {
            match &mut self.state {
                State::There(batch) => {
                    if let Some(entry) = batch.entries.pop_front() {
                        return Poll::Ready(Some(entry));
                    }
                    let Some(rest) = batch.rest.take() else { return Poll::Ready(None) };
                    match jobs::start(&self.handle, Kind::ShortIo, move || Batch::read(rest)) {
                        Ok(coming) => self.state = State::Coming(coming),
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                }
                State::Coming(coming) => match ready!(Pin::new(coming).poll(cx)) {
                    Ok(batch) => self.state = State::There(batch),
                    Err(error) => {
                        self.state = State::There(Batch::default());
                        return Poll::Ready(Some(Err(error.into())));
                    }
                },
            }
        }
    }
}

impl Stream for ReadDir {
    type Item = io::Result<DirEntry>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_entry(cx)
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadDir").finish_non_exhaustive()
    }
}

/// Something in a directory.
#[derive(Clone)]
pub struct DirEntry {
    entry: Arc<fs::DirEntry>,
    /// What the directory itself says, which most do.
    file_type: Option<FileType>,
}

impl DirEntry {
    /// Blocks where the directory does not say what it is.
    fn new(entry: fs::DirEntry) -> DirEntry {
        DirEntry { file_type: entry.file_type().ok(), entry: Arc::new(entry) }
    }

    /// The path: that of the directory, as it was given, and the name.
    pub fn path(&self) -> PathBuf {
        self.entry.path()
    }

    /// The name.
    pub fn file_name(&self) -> OsString {
        self.entry.file_name()
    }

    /// Length, times, permissions; of a link itself.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn len(entry: &fs::DirEntry) -> io::Result<u64> {
    ///     Ok(entry.metadata().await?.len())
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// As std's.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let entry = self.entry.clone();
        job(Kind::ShortIo, move || entry.metadata()).await
    }

    /// File, directory or link; known already, as a rule.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn is_dir(entry: &fs::DirEntry) -> io::Result<bool> {
    ///     Ok(entry.file_type().await?.is_dir())
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// As std's.
    pub async fn file_type(&self) -> io::Result<FileType> {
        if let Some(file_type) = self.file_type {
            return Ok(file_type);
        }
        let entry = self.entry.clone();
        job(Kind::ShortIo, move || entry.file_type()).await
    }

    /// The inode's number.
    #[cfg(unix)]
    pub fn ino(&self) -> u64 {
        std::os::unix::fs::DirEntryExt::ino(&*self.entry)
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt(f)
    }
}

/// How to make a directory; as std's, but `create` is async.
///
/// ```
/// use runtime_traits::{fs::DirBuilder, io};
///
/// async fn make(path: &str) -> io::Result<()> {
///     DirBuilder::new().recursive(true).create(path).await
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct DirBuilder {
    recursive: bool,
    #[cfg(unix)]
    mode: Option<u32>,
}

impl DirBuilder {
    /// One directory, with the usual permissions.
    pub fn new() -> DirBuilder {
        DirBuilder::default()
    }

    /// Whether those above are made too, and one that is there is no error.
    pub fn recursive(&mut self, recursive: bool) -> &mut DirBuilder {
        self.recursive = recursive;
        self
    }

    /// The permission bits, before the umask.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut DirBuilder {
        self.mode = Some(mode);
        self
    }

    /// Makes the directory.
    ///
    /// ```
    /// # use runtime_traits::{fs::DirBuilder, io};
    /// async fn make(path: &str) -> io::Result<()> {
    ///     DirBuilder::new().create(path).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As std's; `Unsupported` if there is no runtime or it has no fs.
    pub async fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let (path, mut builder) = (path.as_ref().to_owned(), fs::DirBuilder::new());
        builder.recursive(self.recursive);
        #[cfg(unix)]
        if let Some(mode) = self.mode {
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
        }
        job(Kind::ShortIo, move || builder.create(path)).await
    }
}
