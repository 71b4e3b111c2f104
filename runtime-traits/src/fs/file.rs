//! [`File`]: the methods that std's has.
//!
//! `reading`, `writing` and `facts` have what is done with an open one; beside this file, `open` has the
//! options, `lock` the locks, `traits` the poll traits.

use core::fmt;
use std::fs;
use std::io::SeekFrom;
use std::path::Path;
use std::sync::Arc;

use super::flight::{Call, Shared};
use super::jobs::{self, Pooled};
use super::open::OpenOptions;
use crate::hooks::{FileDone, FileKind, FileObject, FileOp, Kind};
use crate::io::source::current;
use crate::{Handle, io};

mod facts;
mod reading;
mod writing;

#[cfg(unix)]
pub use facts::fchown;

/// An open file.
///
/// Every method takes `&self`, and tasks may share a file: one operation at the cursor is under way at
/// a time, the others wait; [`read_at`](File::read_at) and [`write_at`](File::write_at) do not. The
/// cursor is ours, not the system's, and moves when bytes are handed out.
///
/// ```
/// use runtime_traits::{fs::File, io};
///
/// async fn note(path: &str, text: &str) -> io::Result<()> {
///     let file = File::create(path).await?;
///     file.write_all(text.as_bytes()).await?;
///     file.sync_all().await
/// }
/// ```
///
/// # Two ways to write
///
/// The methods [`write`](File::write) and [`write_all`](File::write_all) return when the system has the
/// bytes, and their errors are their own. Through [`AsyncWrite`](io::AsyncWrite), where a poll that was
/// pending may come again with other bytes, a write takes its bytes at once and writes them *behind*:
/// call `flush` or `close` before the file is dropped. An error of what was written behind is told once,
/// by the next operation on the file, whichever. Its bytes are kept, and the next flush, close, sync or
/// write tries them again; so a second flush is `Ok` only if they arrived.
///
/// # When it is dropped
///
/// Nothing waits. What is under way goes on, and the descriptor is closed after it; bytes whose write
/// had failed, or had fallen short after its call was dropped, are lost, and so is what no thread had
/// begun when the runtime ends.
///
/// # Files that are no files
///
/// A FIFO, a terminal and other devices are *streams*: no offsets, reads and writes under way at the
/// same time, and a read that was dropped leaves its bytes to the next. A read that nobody feeds holds
/// one of the runtime's blocking threads, also after it was dropped. The runtime's end waits for it,
/// unless the stream was opened with `O_NONBLOCK` (with which, too, operations wait).
///
/// # Contract
///
/// - **FS-1** (must) No operation blocks a thread that polls tasks.
/// - **FS-2** (must) After a flush that is `Ok` other opens see the bytes; a write that failed is told,
///   and no `Ok` of a flush or close follows while its bytes are missing.
/// - **FS-3** (must) An operation that is dropped leaves a file that works, or says why not.
/// - **FS-4** (should) Results are those of `std::fs`: offsets beyond 4 GiB, kinds of errors, the end.
/// - **FS-5** (must) A dropped read moves no cursor and makes no end that is not there.
/// - **IO-2** (must) An empty buffer moves nothing, at once, and ends nothing.
/// - **IO-4** (must) A read reports what lies in the buffer, also if what is beneath lies about it.
pub struct File {
    /// `None`: closed.
    shared: Option<Arc<Shared>>,
}

/// Opening.
impl File {
    /// Opens a file to read it.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn first_bytes(path: &str) -> io::Result<[u8; 4]> {
    ///     let mut magic = [0; 4];
    ///     File::open(path).await?.read_exact(&mut magic).await?;
    ///     Ok(magic)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running: an open that has begun ends, and what it opened is closed. A FIFO that nobody
    /// writes holds a thread till then.
    ///
    /// # Errors
    ///
    /// Those of std's; `Unsupported` if there is no runtime or it has no fs.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(path).await
    }

    /// Opens a file to write it, empty.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn empty(path: &str) -> io::Result<()> {
    ///     File::create(path).await.map(drop)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running, as [`open`](File::open).
    ///
    /// # Errors
    ///
    /// As [`open`](File::open).
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path).await
    }

    /// Makes a file, to read and write it; there must be none.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn lock_file(path: &str) -> io::Result<bool> {
    ///     match File::create_new(path).await {
    ///         Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
    ///         made => made.map(|_| true),
    ///     }
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running, as [`open`](File::open).
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; as [`open`](File::open).
    pub async fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path).await
    }

    /// Options for opening a file, all off.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over a file that std opened, with its cursor. The runtime is the current one.
    ///
    /// # Errors
    ///
    /// `Unsupported` if there is no runtime or it has no fs; the file is closed then.
    pub fn from_std(file: fs::File) -> io::Result<File> {
        let handle = current()?;
        // A stream has none.
        let cursor = io::Seek::stream_position(&mut &file).unwrap_or(0);
        let adopted = match handle.runtime().fs() {
            Some(hook) => hook.adopt(file),
            None => Err(file),
        };
        let object = adopted.or_else(|file| Pooled::adopt(handle.clone(), file, false))?;
        Ok(File::new(handle, object, cursor))
    }

    pub(super) fn new(handle: Handle, object: Arc<dyn FileObject>, cursor: u64) -> File {
        File { shared: Some(Shared::new(handle, object, cursor)) }
    }

    /// The file as std's, with the cursor, after a flush. It is another descriptor of the same open
    /// file; ours is closed.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn to_blocking(file: File) -> io::Result<std::fs::File> {
    ///     file.into_std().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Lossy: the file is closed.
    ///
    /// # Errors
    ///
    /// Those of earlier writes; `ResourceBusy` if bytes of a stream were read and not handed out, or a
    /// read of it is under way, also one that was dropped; `Unsupported` if the runtime's own file has none
    /// beneath. The file is closed then.
    pub async fn into_std(self) -> io::Result<fs::File> {
        self.flush().await?;
        let shared = self.shared()?;
        let is_stream = shared.object().kind() == FileKind::Stream;
        let (cursor, ours) =
            shared.peek(|state| (state.cursor(), state.ahead() > 0 || state.is_reading()));
        if is_stream && ours {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        let mut file = beneath(&**shared.object())?.try_clone()?;
        if !is_stream {
            io::Seek::seek(&mut file, SeekFrom::Start(cursor))?;
        }
        Ok(file)
    }

    /// Another `File` for the same open file; the cursor, too, is the same. No descriptor is used up:
    /// the file is closed with the last of its clones.
    ///
    /// # Errors
    ///
    /// The file was closed.
    pub fn try_clone(&self) -> io::Result<File> {
        Ok(File { shared: Some(self.shared()?.clone()) })
    }

    /// The file beneath, for what std can do with it at once. `None` if the runtime has files of its
    /// own, or if this one was closed. Its cursor is not ours.
    pub fn as_std(&self) -> Option<&fs::File> {
        self.shared.as_ref()?.object().std()
    }

    /// Flushes, and closes this clone; with the last one, the file.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn done(file: File) -> io::Result<()> {
    ///     file.close().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Lossy: the file is dropped, with what could not be written.
    ///
    /// # Errors
    ///
    /// Those of earlier writes; what could not be written is lost. To try again, flush before.
    pub async fn close(mut self) -> io::Result<()> {
        self.flush().await?;
        let shared = self.shared.take();
        // Closing may wait for a server (NFS), and the system frees what was removed.
        if let Some(handle) = shared.as_ref().map(|shared| shared.handle().clone()) {
            if handle.runtime().blocking().is_some() {
                let closed = jobs::start(&handle, Kind::ShortIo, move || drop(shared))?;
                // Refused is closed, too.
                let _ = closed.await;
            }
        }
        Ok(())
    }
}

/// What the methods are made of.
impl File {
    pub(super) fn shared(&self) -> io::Result<&Arc<Shared>> {
        self.shared.as_ref().ok_or_else(|| io::Error::other("the file was closed"))
    }

    /// For the traits: nothing is left to flush.
    pub(super) fn forget(&mut self) {
        self.shared = None;
    }

    /// Waits until nothing is being written, and tells what went wrong.
    async fn settle(&self) -> io::Result<()> {
        Call::new(self.shared()?).wait(|shared, _, who, cx| shared.poll_settle(who, cx)).await
    }

    /// Runs an operation that needs no turn.
    async fn run(&self, op: FileOp) -> io::Result<FileDone> {
        let done = self.shared()?.object().clone().run(op).await;
        match done.res {
            Err(error) => Err(error),
            Ok(_) => Ok(done),
        }
    }

    /// Asks std's file, on a thread.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        kind: Kind,
        question: impl FnOnce(&fs::File) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let shared = self.shared()?;
        let object = shared.object().clone();
        jobs::start(shared.handle(), kind, move || question(beneath(&*object)?))?.await?
    }
}

pub(super) fn beneath(object: &dyn FileObject) -> io::Result<&fs::File> {
    object.std().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::Unsupported,
            "the runtime's own file has none of the system's",
        )
    })
}

impl TryFrom<fs::File> for File {
    type Error = io::Error;

    fn try_from(file: fs::File) -> io::Result<File> {
        File::from_std(file)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("File").field(&self.as_std()).finish()
    }
}
