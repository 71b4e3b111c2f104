//! Files and directories, as std has them.
//!
//! Names, arguments and results are std's; what waits is `async`. Types that only hold facts
//! ([`Metadata`], [`Permissions`], [`FileType`], [`FileTimes`]) are std's own.
//!
//! ```
//! use runtime_traits::{fs, io};
//!
//! async fn count(path: &str) -> io::Result<u64> {
//!     let n = fs::read_to_string(path).await?.trim().parse().map_err(io::Error::other)?;
//!     fs::write(path, format!("{}\n", n + 1)).await?;
//!     Ok(n)
//! }
//! ```
//!
//! Files are opened by the runtime's [`Fs`](crate::hooks::Fs) hook, if it has one that takes the path;
//! else by std on its [`Blocking`](crate::hooks::Blocking) threads. A runtime with neither answers
//! `ErrorKind::Unsupported`, naming runtime and capability. A file stays with its runtime, wherever it
//! is polled. Locks are there on Unix only.
//!
//! # When something goes wrong
//!
//! Errors are the system's, with std's kinds.
//!
//! | | |
//! |---|---|
//! | the disk is full, or a limit is reached | `StorageFull`, `QuotaExceeded`, `FileTooLarge`; what fitted is there. A method's write tells it at once; what is [written behind](File#two-ways-to-write) is kept and tried again |
//! | a permission is missing | `PermissionDenied`; whoever has the file open is asked no more |
//! | a file is removed, or renamed, while it is open | it goes on; by its name it is `NotFound` |
//! | nobody has the other end of a FIFO | opening it waits for somebody, and holds one of the runtime's blocking threads; the end of the runtime, without a limit of time, waits for that too. With `O_NONBLOCK` (`custom_flags`) opening to write answers `ENXIO` |
//! | the reader of a FIFO has gone | `BrokenPipe` |
//! | no descriptor is left | the system's error (`EMFILE`), of what opens; open files go on |
//! | a signal interrupts a call | nothing: it is made again (but see [`copy`]) |
//! | a buffer is empty, or has more than 2 GiB | nothing is moved; a part is moved, and told |
//!
//! # Files
//!
//! ```text
//!  paths  dir      open ──▶ file (methods)  traits  lock
//!    │     │        │          └──────────────┤
//!    │     │        │       flight (shares, waits, drives) ── state (what is next: plain data)
//!    │     │        │          │
//!    │     │        │     dyn FileObject ◀─ the runtime's, or
//!    └─────┴────────┴───────▶ jobs (one job each) ── sys, cached (system calls)
//! ```
#![cfg(any(unix, windows))]

pub use std::fs::{FileTimes, FileType, Metadata, Permissions};

#[cfg_attr(not(all(target_os = "linux", not(runtime_no_preadv2))), path = "fs/cached/none.rs")]
mod cached;
mod dir;
mod file;
mod flight;
mod jobs;
#[cfg(unix)]
mod lock;
mod open;
mod paths;
mod state;
mod sys;
mod traits;

pub use dir::{DirBuilder, DirEntry, ReadDir, read_dir};
pub use file::File;
#[cfg(unix)]
pub use file::fchown;
#[cfg(unix)]
pub use lock::TryLockError;
pub use open::OpenOptions;
pub use paths::{
    canonicalize, copy, create_dir, create_dir_all, exists, hard_link, metadata, read, read_link,
    read_to_string, remove_dir, remove_dir_all, remove_file, rename, set_permissions,
    symlink_metadata, try_exists, write,
};
#[cfg(unix)]
pub use paths::{chown, chroot, lchown, symlink};
#[cfg(windows)]
pub use paths::{symlink_dir, symlink_file};
