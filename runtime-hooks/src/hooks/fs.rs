//! Files of a runtime's own making: io_uring, a simulated disk, a sandbox.
//!
//! ```text
//!  open(path, how) ──┐
//!                    ├─▶ dyn FileObject ──▶ try_read_at: what is at hand, now, without a box
//!  adopt(std file) ──┘                 └──▶ run(op): everything else, a boxed future
//! ```
//!
//! The object has no cursor, no buffers and no order: those are `fs::File`'s, in `runtime-traits`, the
//! same for every runtime.

use alloc::sync::Arc;
use std::path::Path;
use std::{fs, io};

use super::{Boxed, IoBuf};

/// Opens files where the ready-made ones (system calls on the runtime's [`Blocking`](super::Blocking)
/// threads) are not wanted.
///
/// Every method answers "not mine" unless it is written, and the ready-made part is used. Functions on
/// paths (`rename`, `metadata`) are always the ready-made part's, for std alone can make a `Metadata`.
pub trait Fs: Send + Sync {
    /// Opens a file. The error is that of the system; `None` leaves the path to the ready-made part.
    fn open<'a>(
        &'a self,
        path: &'a Path,
        how: &'a OpenHow,
    ) -> Option<Boxed<'a, io::Result<Arc<dyn FileObject>>>> {
        let _ = (path, how);
        None
    }

    /// Takes over a file that std opened. Where its cursor stands has been asked already.
    ///
    /// # Errors
    ///
    /// Gives it back: not mine.
    fn adopt(&self, file: fs::File) -> Result<Arc<dyn FileObject>, fs::File> {
        Err(file)
    }
}

/// How the bytes of a file are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FileKind {
    /// By their offset, for reads and writes: a regular file, a block device.
    #[default]
    Positional,
    /// Reads by offset; a write goes to the end, wherever that is then (`O_APPEND`).
    Append,
    /// In order, and once: a FIFO, a terminal. Reads and writes do not meet.
    Stream,
}

/// What to do with a file. The bytes travel in a buffer that is the operation's until it is done.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileOp {
    /// Reads at an offset into the buffer's spare capacity; `0` is the end.
    ReadAt {
        /// Where to.
        buf: IoBuf,
        /// Offset in bytes from the start of the file.
        at: u64,
    },
    /// Writes the buffer's bytes at an offset; may write fewer.
    WriteAt {
        /// What.
        buf: IoBuf,
        /// Offset in bytes from the start of the file.
        at: u64,
    },
    /// Reads the next bytes of a stream into the buffer's spare capacity; waits until there are some.
    Read {
        /// Where to.
        buf: IoBuf,
    },
    /// Writes the buffer's bytes next in a stream, or at the end of a file opened to append, and then
    /// answers [where that ends](FileDone::at); may write fewer.
    Write {
        /// What.
        buf: IoBuf,
    },
    /// How long the file is, in bytes.
    Len,
    /// Cuts the file, or lengthens it by zeros, to so many bytes.
    SetLen(u64),
    /// Waits until contents and metadata are on the device.
    SyncAll,
    /// Waits until the contents are on the device.
    SyncData,
}

impl FileOp {
    /// The buffer on loan, back: for operations that could not begin.
    pub fn into_buf(self) -> Option<IoBuf> {
        match self {
            FileOp::ReadAt { buf, .. }
            | FileOp::WriteAt { buf, .. }
            | FileOp::Read { buf }
            | FileOp::Write { buf } => Some(buf),
            FileOp::Len | FileOp::SetLen(_) | FileOp::SyncAll | FileOp::SyncData => None,
        }
    }
}

/// How an operation on a file ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct FileDone {
    /// Bytes moved, or the length asked for, or the error.
    pub res: io::Result<u64>,
    /// The buffer that the operation was given; without it, what it held counts as lost.
    pub buf: Option<IoBuf>,
    /// After a [`FileOp::Write`] to append: the offset where the written bytes end.
    pub at: Option<u64>,
}

impl FileDone {
    /// A result without a buffer.
    pub fn new(res: io::Result<u64>) -> FileDone {
        FileDone { res, buf: None, at: None }
    }

    /// With the buffer that comes back.
    pub fn with_buf(mut self, buf: IoBuf) -> FileDone {
        self.buf = Some(buf);
        self
    }

    /// With the place where the written bytes end.
    pub fn with_at(mut self, at: u64) -> FileDone {
        self.at = Some(at);
        self
    }
}

/// What lies beneath `fs::File` when the runtime makes files of its own.
///
/// # Contract
///
/// - No method blocks the thread.
/// - An operation that has begun goes on when its future is dropped, and holds the file open.
/// - What a read brought is what its buffer was [advanced](IoBuf::advance) by, whatever the count says.
/// - `Interrupted` and `WouldBlock` are answered by trying again, not handed on.
/// - After the runtime's end operations finish with an error, and give their buffers back.
pub trait FileObject: Send + Sync {
    /// How its bytes are found; the same at every call.
    fn kind(&self) -> FileKind {
        FileKind::Positional
    }

    /// Reads at an offset what is at hand, without waiting: in memory, say. `None`: that has to be
    /// asked by [`run`](FileObject::run), which `Some(Ok(0))` is taken for too.
    ///
    /// Called under a lock of the caller's: it wakes nobody.
    fn try_read_at(&self, buf: &mut [u8], at: u64) -> Option<io::Result<usize>> {
        let _ = (buf, at);
        None
    }

    /// Begins an operation. It need not be polled to go on.
    fn run(self: Arc<Self>, op: FileOp) -> Boxed<'static, FileDone>;

    /// The file beneath, if there is one: metadata, permissions and locks are asked of that.
    fn std(&self) -> Option<&fs::File> {
        None
    }
}

/// How to open a file: what std's `OpenOptions` holds and does not tell.
///
/// Numbers are those of the system. Fields of another system than this one are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct OpenHow {
    /// To read.
    pub read: bool,
    /// To write.
    pub write: bool,
    /// Writes go to the end.
    pub append: bool,
    /// What it held is cut off.
    pub truncate: bool,
    /// It is made if it is not there.
    pub create: bool,
    /// It is made, and must not be there.
    pub create_new: bool,
    /// Unix: the permission bits of a file that is made, before the umask; `None` is `0o666`.
    pub mode: Option<u32>,
    /// Further flags: of `open` on Unix (where std's type is an `i32`), of `CreateFileW` on Windows.
    pub custom_flags: u32,
    /// Windows: `dwDesiredAccess`, instead of what `read`, `write` and `append` make.
    pub access_mode: Option<u32>,
    /// Windows: `dwShareMode`.
    pub share_mode: Option<u32>,
    /// Windows: `dwFileAttributes`.
    pub attributes: u32,
    /// Windows: the quality-of-service part of `dwFlagsAndAttributes`.
    pub security_qos_flags: u32,
}

impl OpenHow {
    /// All off.
    pub const fn new() -> OpenHow {
        OpenHow {
            read: false,
            write: false,
            append: false,
            truncate: false,
            create: false,
            create_new: false,
            mode: None,
            custom_flags: 0,
            access_mode: None,
            share_mode: None,
            attributes: 0,
            security_qos_flags: 0,
        }
    }
}
