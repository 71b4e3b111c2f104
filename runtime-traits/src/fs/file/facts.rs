//! What is known about a [`File`], and what the device has of it.

use std::fs::{FileTimes, Metadata, Permissions};
use std::time::SystemTime;

use super::File;
use crate::hooks::{FileOp, Kind};
use crate::io;

/// Length, times, permissions; and whether they last.
impl File {
    /// Flushes, then waits until contents and metadata are on the device.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn durable(file: &File) -> io::Result<()> {
    ///     file.sync_all().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// Those of earlier writes; the system's.
    pub async fn sync_all(&self) -> io::Result<()> {
        self.flush().await?;
        self.run(FileOp::SyncAll).await.map(drop)
    }

    /// As [`sync_all`](File::sync_all), for the contents alone.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn durable(file: &File) -> io::Result<()> {
    ///     file.sync_data().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As [`sync_all`](File::sync_all).
    pub async fn sync_data(&self) -> io::Result<()> {
        self.flush().await?;
        self.run(FileOp::SyncData).await.map(drop)
    }

    /// Cuts the file, or lengthens it by zeros, to `len` bytes. The cursor stays.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn sparse(file: &File) -> io::Result<()> {
    ///     file.set_len(1 << 40).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// An earlier write's that nobody was told; the system's.
    pub async fn set_len(&self, len: u64) -> io::Result<()> {
        self.settle().await?;
        self.run(FileOp::SetLen(len)).await.map(drop)
    }

    /// Length, times, permissions.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn len(file: &File) -> io::Result<u64> {
    ///     Ok(file.metadata().await?.len())
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// An earlier write's that nobody was told; the system's; `Unsupported` if the runtime's own file
    /// has none beneath.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        self.settle().await?;
        self.ask(Kind::ShortIo, |file| file.metadata()).await
    }

    /// Changes the permissions.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn protect(file: &File) -> io::Result<()> {
    ///     let mut permissions = file.metadata().await?.permissions();
    ///     permissions.set_readonly(true);
    ///     file.set_permissions(permissions).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As [`metadata`](File::metadata).
    pub async fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.settle().await?;
        self.ask(Kind::ShortIo, move |file| file.set_permissions(permissions)).await
    }

    /// Changes the times that are set in `times`.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn read_now(file: &fs::File) -> io::Result<()> {
    ///     let now = std::time::SystemTime::now();
    ///     file.set_times(fs::FileTimes::new().set_accessed(now)).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As [`metadata`](File::metadata).
    pub async fn set_times(&self, times: FileTimes) -> io::Result<()> {
        self.settle().await?;
        self.ask(Kind::ShortIo, move |file| file.set_times(times)).await
    }

    /// Changes the time of the last modification.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn touch(file: &File) -> io::Result<()> {
    ///     file.set_modified(std::time::SystemTime::now()).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As [`metadata`](File::metadata).
    pub async fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time)).await
    }
}

/// Changes owner and group of an open file, of those that are given.
///
/// ```
/// # use runtime_traits::{fs, io};
/// async fn give(file: &fs::File, user: u32) -> io::Result<()> {
///     fs::fchown(file, Some(user), None).await
/// }
/// ```
///
/// # Cancellation
///
/// Leaves running.
///
/// # Errors
///
/// As [`File::metadata`].
#[cfg(unix)]
pub async fn fchown(file: &File, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    file.settle().await?;
    file.ask(Kind::ShortIo, move |file| std::os::unix::fs::fchown(file, uid, gid)).await
}
