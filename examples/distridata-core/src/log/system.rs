//! The real file system: a directory that one process has for itself.
//!
//! The lock is `flock` on a file `LOCK` in the directory: the kernel releases it when the process
//! ends, however it ends. The process id inside is for the message only.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::iter;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};

use super::files::{Dir, File};

const LOCK: &str = "LOCK";

/// A directory of the operating system, locked against other processes until this is dropped.
#[derive(Debug)]
pub struct SystemDir {
    path: PathBuf,
    /// The directory itself, to sync it.
    handle: fs::File,
    /// Holds the lock while it is open.
    _lock: fs::File,
}

impl SystemDir {
    /// Opens and locks the directory; creates it if it is missing.
    ///
    /// If another process (or another `SystemDir` of this one) has it, the error is of kind
    /// [`ErrorKind::ResourceBusy`] and says who.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<SystemDir> {
        let path = path.into();
        create(&path, &mut sync_names)
            .map_err(|error| explain(&path, "cannot be created", &error))?;
        let handle =
            fs::File::open(&path).map_err(|error| explain(&path, "cannot be opened", &error))?;
        let lock = lock(&path)?;
        Ok(SystemDir { path, handle, _lock: lock })
    }
}

/// Creates the directory and those above it that are missing, and makes their names durable.
///
/// One that is there is synced as well: who created it may have been killed before that.
pub(super) fn create(
    path: &Path,
    sync_names: &mut dyn FnMut(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let above = path.ancestors().skip(1).take_while(|parent| !parent.as_os_str().is_empty());
    let missing = above.clone().take_while(|parent| !parent.is_dir()).count();
    fs::create_dir_all(path)?;
    let here = iter::once(Path::new("."));
    above.chain(here).take(missing + 1).try_for_each(sync_names)
}

fn sync_names(path: &Path) -> io::Result<()> {
    match fs::File::open(path) {
        // Nobody creates anything where he may not look, so this was there.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        opened => opened?.sync_all(),
    }
}

fn lock(path: &Path) -> io::Result<fs::File> {
    let name = path.join(LOCK);
    let options =
        fs::File::options().read(true).write(true).create(true).truncate(false).open(&name);
    let mut file = options.map_err(|error| explain(path, "cannot be locked", &error))?;
    if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        let error = io::Error::from(error);
        return Err(if error.kind() == ErrorKind::WouldBlock {
            in_use(path, &name)
        } else {
            explain(path, "cannot be locked", &error)
        });
    }
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

fn in_use(path: &Path, lock: &Path) -> io::Error {
    let pid = fs::read_to_string(lock).unwrap_or_default();
    let pid = Some(pid.trim()).filter(|pid| !pid.is_empty()).unwrap_or("unknown");
    let text = format!(
        "data directory {} is in use by another process (pid {pid}); stop it, or name another \
         directory",
        path.display()
    );
    io::Error::new(ErrorKind::ResourceBusy, text)
}

fn explain(path: &Path, what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("data directory {} {what}: {error}", path.display()))
}

impl Dir for SystemDir {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is no text is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let file = fs::File::options().read(true).write(true).open(self.path.join(name))?;
        Ok(Arc::new(SystemFile(file)))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut options = fs::File::options();
        let options = options.read(true).write(true).create(true).truncate(true);
        Ok(Arc::new(SystemFile(options.open(self.path.join(name))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }
}

struct SystemFile(fs::File);

impl File for SystemFile {
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        FileExt::write_at(&self.0, bytes, position)
    }

    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        FileExt::read_at(&self.0, buf, position)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}
