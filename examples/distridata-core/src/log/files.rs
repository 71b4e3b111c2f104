//! The seam to the file system: all that the log ever asks of it.
//!
//! Two small object-safe traits, so that tests can put a file system underneath that forgets, tears
//! and fails ([`sim`](super::sim)). The real one is [`SystemDir`]. Everything blocks.
//!
//! What the log relies on, and nothing else:
//!
//! - **F1** What was written before a successful [`File::sync_data`] is there after a power loss, the
//!   length included.
//! - **F2** A name that was created, renamed or removed before a successful [`Dir::sync`] stays so.
//! - **F3** A rename is atomic: whoever looks later finds the old file or the new one, never neither.
//! - **F4** A file stays readable through its [`File`] though its name is gone.
//!
//! Nothing is known about what was not synced: any part of it may be there, in any order.

use std::io::{self, ErrorKind};
use std::sync::Arc;

pub use super::system::SystemDir;

/// A directory with plain files, no directories below it. Names are never paths.
pub trait Dir: Send + Sync {
    /// Lists the names of all files, in any order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file that is there, for reading and writing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Creates an empty file; one that is there is emptied.
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Gives a file a new name, in place of whatever had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Takes a name away.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Waits until all names are on the disk as they are now.
    fn sync(&self) -> io::Result<()>;
}

/// An open file. Several threads may read while one writes elsewhere in it.
pub trait File: Send + Sync {
    /// Writes some of `bytes`, at least one, and answers how many.
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize>;

    /// Reads some bytes and answers how many; 0 only at the end of the file.
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize>;

    /// Waits until contents and length are on the disk.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts the file to `len` bytes.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// Returns the length in bytes.
    fn size(&self) -> io::Result<u64>;
}

/// Writes all of `bytes`. After an error any part of them may be there.
pub(crate) fn write_all_at(file: &dyn File, mut bytes: &[u8], mut position: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, position) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => {
                bytes = &bytes[n..];
                position += n as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills `buf`; a file that ends before is an error.
pub(crate) fn read_exact_at(
    file: &dyn File,
    mut buf: &mut [u8],
    mut position: u64,
) -> io::Result<()> {
    while !buf.is_empty() {
        match file.read_at(buf, position) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                buf = &mut buf[n..];
                position += n as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Appends exactly `len` bytes of the file to `buf`; after an error `buf` is as before.
pub(crate) fn read_into(
    file: &dyn File,
    buf: &mut Vec<u8>,
    len: usize,
    position: u64,
) -> io::Result<()> {
    let before = buf.len();
    buf.resize(before + len, 0);
    let read = read_exact_at(file, &mut buf[before..], position);
    if read.is_err() {
        buf.truncate(before);
    }
    read
}

/// A file under a temporary name. Dropping it takes the name away, unless it got its final one.
pub(crate) struct Temp {
    dir: Arc<dyn Dir>,
    file: Arc<dyn File>,
    name: String,
    renamed: bool,
}

/// What the names of temporary files end with; recovery removes them.
pub(crate) const TEMP: &str = ".tmp";

impl Temp {
    /// Creates `name` with [`TEMP`] at its end.
    pub(crate) fn create(dir: &Arc<dyn Dir>, name: &str) -> io::Result<Temp> {
        let name = format!("{name}{TEMP}");
        let file = dir.create(&name)?;
        Ok(Temp { dir: Arc::clone(dir), file, name, renamed: false })
    }

    pub(crate) fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// Gives the file its final name. The caller has synced the file and will sync the directory.
    pub(crate) fn rename(mut self, name: &str) -> io::Result<Arc<dyn File>> {
        self.dir.rename(&self.name, name)?;
        self.renamed = true;
        Ok(Arc::clone(&self.file))
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.renamed {
            // If this fails, recovery removes it.
            let _ = self.dir.remove(&self.name);
        }
    }
}
