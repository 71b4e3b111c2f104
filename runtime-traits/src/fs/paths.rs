//! Functions on paths: std's code, one job each.
//!
//! What a function does, what follows links, and every error is as std documents it under the same
//! name. All need a current runtime at their first poll, and answer `Unsupported` where there is none or
//! it has no fs.

use std::borrow::ToOwned;
use std::fs::{self, Metadata, Permissions};
use std::path::{Path, PathBuf};
use std::string::String;
use std::vec::Vec;

use super::jobs::job;
use crate::hooks::Kind;
use crate::io;

/// Functions of one path or two, of std's name, as one short job.
macro_rules! on_a_thread {
    ($($(#[$attr:meta])* $path:path => $name:ident($($arg:ident),+) -> $ret:ty;)*) => {$(
        $(#[$attr])*
        pub async fn $name($($arg: impl AsRef<Path>),+) -> io::Result<$ret> {
            $(let $arg = $arg.as_ref().to_owned();)+
            job(Kind::ShortIo, move || $path($($arg),+)).await
        }
    )*};
}

on_a_thread! {
    /// The absolute path, without links and dots.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn same(one: &str, two: &str) -> io::Result<bool> {
    ///     Ok(fs::canonicalize(one).await? == fs::canonicalize(two).await?)
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
    fs::canonicalize => canonicalize(path) -> PathBuf;

    /// Makes a directory; its parent is there.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn make(path: &str) -> io::Result<()> {
    ///     fs::create_dir(path).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As std's.
    fs::create_dir => create_dir(path) -> ();

    /// Makes a directory and those above it, as far as they are missing.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn make(path: &str) -> io::Result<()> {
    ///     fs::create_dir_all(path).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As std's.
    fs::create_dir_all => create_dir_all(path) -> ();

    /// Gives a file a second name.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn keep(file: &str, also: &str) -> io::Result<()> {
    ///     fs::hard_link(file, also).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As std's.
    fs::hard_link => hard_link(original, link) -> ();

    /// Length, times, permissions; of what a link leads to.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn len(path: &str) -> io::Result<u64> {
    ///     Ok(fs::metadata(path).await?.len())
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
    fs::metadata => metadata(path) -> Metadata;

    /// As [`metadata`], of the link itself.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn is_link(path: &str) -> io::Result<bool> {
    ///     Ok(fs::symlink_metadata(path).await?.is_symlink())
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
    fs::symlink_metadata => symlink_metadata(path) -> Metadata;

    /// All that a file holds.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn key(path: &str) -> io::Result<Vec<u8>> {
    ///     fs::read(path).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running: the file is read to its end, for nobody.
    ///
    /// # Errors
    ///
    /// As std's.
    fs::read => read(path) -> Vec<u8>;

    /// As [`read`], for text.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn settings(path: &str) -> io::Result<String> {
    ///     fs::read_to_string(path).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running, as [`read`].
    ///
    /// # Errors
    ///
    /// `InvalidData` if it is not UTF-8; as std's.
    fs::read_to_string => read_to_string(path) -> String;

    /// Where a link leads.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn target(link: &str) -> io::Result<std::path::PathBuf> {
    ///     fs::read_link(link).await
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
    fs::read_link => read_link(path) -> PathBuf;

    /// Removes an empty directory.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn tidy(path: &str) -> io::Result<()> {
    ///     fs::remove_dir(path).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As std's.
    fs::remove_dir => remove_dir(path) -> ();

    /// Removes the name of a file. Whoever has it open keeps it.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn forget(path: &str) -> io::Result<()> {
    ///     fs::remove_file(path).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As std's.
    fs::remove_file => remove_file(path) -> ();

    /// Gives a file or directory another name; what had it before is replaced, in one step.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn publish(draft: &str, path: &str) -> io::Result<()> {
    ///     fs::rename(draft, path).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As std's.
    fs::rename => rename(from, to) -> ();

    /// Whether something is there; an error if that cannot be told.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn is_new(path: &str) -> io::Result<bool> {
    ///     Ok(!fs::exists(path).await?)
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
    fs::exists => exists(path) -> bool;

    /// The same, by the name that [`Path`] has for it.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn is_new(path: &str) -> io::Result<bool> {
    ///     Ok(!fs::try_exists(path).await?)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// As [`exists`].
    fs::exists => try_exists(path) -> bool;
}

#[cfg(unix)]
on_a_thread! {
    /// Makes `link`, which leads to `original`.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn current(version: &str) -> io::Result<()> {
    ///     fs::symlink(version, "current").await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As those of `std::os::unix::fs`.
    std::os::unix::fs::symlink => symlink(original, link) -> ();

    /// Makes a directory the root of the whole process.
    ///
    /// ```
    /// # use runtime_traits::{fs, io};
    /// async fn confine(path: &str) -> io::Result<()> {
    ///     fs::chroot(path).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As those of `std::os::unix::fs`.
    std::os::unix::fs::chroot => chroot(path) -> ();
}

#[cfg(windows)]
on_a_thread! {
    /// Makes `link`, which leads to the directory `original`.
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As those of `std::os::windows::fs`.
    std::os::windows::fs::symlink_dir => symlink_dir(original, link) -> ();

    /// Makes `link`, which leads to the file `original`.
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// As those of `std::os::windows::fs`.
    std::os::windows::fs::symlink_file => symlink_file(original, link) -> ();
}

/// Makes or replaces a file that holds `contents`, which are copied once.
///
/// ```
/// # use runtime_traits::{fs, io};
/// async fn save(path: &str, text: &str) -> io::Result<()> {
///     fs::write(path, text).await
/// }
/// ```
///
/// # Cancellation
///
/// Leaves running.
///
/// # Errors
///
/// As std's; a part may be written then.
pub async fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let (path, contents) = (path.as_ref().to_owned(), contents.as_ref().to_vec());
    job(Kind::ShortIo, move || fs::write(path, contents)).await
}

/// Copies contents and permissions of a file; answers how many bytes.
///
/// ```
/// # use runtime_traits::{fs, io};
/// async fn backup(path: &str) -> io::Result<u64> {
///     fs::copy(path, format!("{path}.bak")).await
/// }
/// ```
///
/// # Cancellation
///
/// Leaves running to its end.
///
/// # Errors
///
/// As std's; a part may be copied then. A copy that a signal interrupts, which std tells, is begun anew,
/// unless `to` is no regular file: what it was given it cannot give back.
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    job(Kind::LongIo, move || uninterrupted_copy(&from, &to)).await
}

fn uninterrupted_copy(from: &Path, to: &Path) -> io::Result<u64> {
    loop {
        match fs::copy(from, to) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted && to.is_file() => {}
            done => return done,
        }
    }
}

/// Removes a directory and all in it. Follows no links.
///
/// ```
/// # use runtime_traits::{fs, io};
/// async fn clean(build: &str) -> io::Result<()> {
///     fs::remove_dir_all(build).await
/// }
/// ```
///
/// # Cancellation
///
/// Leaves running to its end.
///
/// # Errors
///
/// As std's; a part may be gone then.
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    job(Kind::LongIo, move || fs::remove_dir_all(path)).await
}

/// Changes the permissions of a file or directory.
///
/// ```
/// # use runtime_traits::{fs, io};
/// async fn protect(path: &str) -> io::Result<()> {
///     let mut permissions = fs::metadata(path).await?.permissions();
///     permissions.set_readonly(true);
///     fs::set_permissions(path, permissions).await
/// }
/// ```
///
/// # Cancellation
///
/// Leaves running.
///
/// # Errors
///
/// As std's.
pub async fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    job(Kind::ShortIo, move || fs::set_permissions(path, permissions)).await
}

/// Changes owner and group, of those that are given.
///
/// ```
/// # use runtime_traits::{fs, io};
/// async fn give(path: &str, user: u32) -> io::Result<()> {
///     fs::chown(path, Some(user), None).await
/// }
/// ```
///
/// # Cancellation
///
/// Leaves running.
///
/// # Errors
///
/// As those of `std::os::unix::fs`.
#[cfg(unix)]
pub async fn chown(path: impl AsRef<Path>, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    job(Kind::ShortIo, move || std::os::unix::fs::chown(path, uid, gid)).await
}

/// As [`chown`], of a link itself.
///
/// ```
/// # use runtime_traits::{fs, io};
/// async fn give(link: &str, user: u32) -> io::Result<()> {
///     fs::lchown(link, Some(user), None).await
/// }
/// ```
///
/// # Cancellation
///
/// Leaves running.
///
/// # Errors
///
/// As those of `std::os::unix::fs`.
#[cfg(unix)]
pub async fn lchown(path: impl AsRef<Path>, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    job(Kind::ShortIo, move || std::os::unix::fs::lchown(path, uid, gid)).await
}
