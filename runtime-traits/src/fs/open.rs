//! [`OpenOptions`], and who opens a file.

use std::borrow::ToOwned;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::File;
use super::jobs::{self, Pooled};
use crate::hooks::{FileObject, Kind, OpenHow};
use crate::io::source::current;
use crate::{Handle, io};

/// How to open a file; as std's, but `open` is async.
///
/// ```
/// use runtime_traits::{fs::OpenOptions, io};
///
/// async fn log(path: &str, line: &str) -> io::Result<()> {
///     let file = OpenOptions::new().append(true).create(true).open(path).await?;
///     file.write_all(line.as_bytes()).await
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    how: OpenHow,
}

/// Methods that set one field.
macro_rules! settings {
    ($($(#[$attr:meta])* $name:ident: $ty:ty = $value:expr;)*) => {$(
        $(#[$attr])*
        pub fn $name(&mut self, $name: $ty) -> &mut OpenOptions {
            self.how.$name = $value;
            self
        }
    )*};
}

impl OpenOptions {
    /// All off.
    pub fn new() -> OpenOptions {
        OpenOptions { how: OpenHow::new() }
    }

    settings! {
        /// To read.
        read: bool = read;
        /// To write. What is there is overwritten from the start, and what is behind stays.
        write: bool = write;
        /// To write at the end, wherever that is at each write.
        append: bool = append;
        /// To cut off what it held.
        truncate: bool = truncate;
        /// To make it if it is not there.
        create: bool = create;
        /// To make it; it is an error if it is there.
        create_new: bool = create_new;
    }

    #[cfg(unix)]
    settings! {
        /// The permission bits of a file that is made, before the umask.
        mode: u32 = Some(mode);
        /// Further flags for the system's `open`. Those of the access mode are passed over. What was
        /// opened with `O_NONBLOCK` answers `WouldBlock` to reads that would wait: it is better off in
        /// `io::Async`.
        custom_flags: i32 = custom_flags as u32;
    }

    #[cfg(windows)]
    settings! {
        /// `dwDesiredAccess`, instead of what the other options make of it.
        access_mode: u32 = Some(access_mode);
        /// `dwShareMode`.
        share_mode: u32 = Some(share_mode);
        /// Further flags for `CreateFileW`.
        custom_flags: u32 = custom_flags;
        /// `dwFileAttributes`.
        attributes: u32 = attributes;
        /// The quality-of-service part of `dwFlagsAndAttributes`.
        security_qos_flags: u32 = security_qos_flags;
    }

    /// Opens a file. The runtime is the one that is current at the first poll.
    ///
    /// ```
    /// # use runtime_traits::{fs::{File, OpenOptions}, io};
    /// async fn data(path: &str) -> io::Result<File> {
    ///     OpenOptions::new().read(true).write(true).create(true).open(path).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running: an open that has begun ends, and what it opened is closed. A FIFO whose other end
    /// nobody has holds a thread till then.
    ///
    /// # Errors
    ///
    /// Those of std's; `Unsupported` if there is no runtime or it has no fs.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let handle = current()?;
        let object = self.object(&handle, path.as_ref()).await?;
        Ok(File::new(handle, object, 0))
    }

    /// By the runtime's own hook, or else by std on a thread.
    async fn object(&self, handle: &Handle, path: &Path) -> io::Result<Arc<dyn FileObject>> {
        if let Some(opening) = handle.runtime().fs().and_then(|fs| fs.open(path, &self.how)) {
            return opening.await;
        }
        let (options, path) = (options(&self.how), path.to_owned());
        let (on, append) = (handle.clone(), self.how.append);
        let open = move || Pooled::adopt(on, options.open(path)?, append);
        jobs::start(handle, Kind::ShortIo, open)?.await?
    }
}

/// The same for std.
fn options(how: &OpenHow) -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.read(how.read).write(how.write).append(how.append);
    options.truncate(how.truncate).create(how.create).create_new(how.create_new);
    platform(how, &mut options);
    options
}

#[cfg(unix)]
fn platform(how: &OpenHow, options: &mut fs::OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.custom_flags(how.custom_flags as i32);
    if let Some(mode) = how.mode {
        options.mode(mode);
    }
}

#[cfg(windows)]
fn platform(how: &OpenHow, options: &mut fs::OpenOptions) {
    use std::os::windows::fs::OpenOptionsExt as _;
    options.custom_flags(how.custom_flags).attributes(how.attributes);
    if how.security_qos_flags != 0 {
        options.security_qos_flags(how.security_qos_flags);
    }
    if let Some(access) = how.access_mode {
        options.access_mode(access);
    }
    if let Some(share) = how.share_mode {
        options.share_mode(share);
    }
}
