//! A directory of the case's own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, process};

use crate::rig::Rig;

/// A directory, removed with its contents when this is dropped. (A case that fails ends its process
/// there and then, and leaves its own to the system.)
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(rig: &Rig<'_>) -> Place {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Short: the path of a Unix socket has room for a hundred bytes.
        let path = env::temp_dir().join(format!("rc-{}-{number}", process::id()));
        let _ = fs::remove_dir_all(&path); // of a process that had the number before
        rig.setup("a temporary directory", fs::create_dir(&path));
        Place(path)
    }

    /// The path of something in it.
    pub(crate) fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// The path of a file in it that holds `bytes`.
    pub(crate) fn file(&self, rig: &Rig<'_>, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.at(name);
        rig.setup("a file", fs::write(&path, bytes));
        path
    }

    /// The path of a FIFO in it.
    #[cfg(unix)]
    pub(crate) fn fifo(&self, rig: &Rig<'_>, name: &str) -> PathBuf {
        let path = self.at(name);
        let made = process::Command::new("mkfifo").arg(&path).status();
        let made = made.and_then(|status| match status.success() {
            true => Ok(()),
            false => Err(std::io::Error::other(format!("mkfifo: {status}"))),
        });
        rig.setup("a FIFO", made);
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // it is a temporary one
    }
}
