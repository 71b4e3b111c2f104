//! A directory for one test, and FIFOs.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Removed with all in it, when it is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Where the system keeps temporary files.
    pub(crate) fn new() -> Scratch {
        Scratch::beneath(&std::env::temp_dir())
    }

    /// In memory, where `RWF_NOWAIT` is not known: each read there is a job.
    #[cfg(target_os = "linux")]
    pub(crate) fn in_memory() -> Scratch {
        Scratch::beneath(Path::new("/dev/shm"))
    }

    fn beneath(base: &Path) -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("integration-fs-{}-{count}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A new file of these contents.
    pub(crate) fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, contents).unwrap();
        path
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn fifo(&self, name: &str) -> PathBuf {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let path = self.path(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
