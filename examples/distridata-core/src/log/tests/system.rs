//! The real file system.

use super::*;
use crate::log::files::SystemDir;
use crate::log::system::create;
use std::path::{Path, PathBuf};

/// A directory that is removed in the end.
struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> TempDir {
        let path = format!("distridata-log-{name}-{}", std::process::id());
        TempDir(std::env::temp_dir().join(path))
    }

    fn open(&self) -> Log {
        let dir = Arc::new(SystemDir::open(self.path()).unwrap());
        Log::open(dir, &Options::default(), &mut |_| Ok(())).unwrap().0
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_directory_has_one_owner() {
    let dir = TempDir::new("owner");
    let log = dir.open();
    let error = SystemDir::open(dir.path()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy);
    let (text, pid) = (error.to_string(), std::process::id());
    assert!(text.contains(&format!("in use by another process (pid {pid})")), "{text}");
    drop(log);
    SystemDir::open(dir.path()).unwrap();
}

#[test]
fn a_log_on_disk_comes_back() {
    let dir = TempDir::new("back");
    let mut log = dir.open();
    append(&mut log, 1, 0..5);
    let start = snapshot(&mut log, 1, 5).unwrap();
    append(&mut log, 1, 5..7);
    log.sync().unwrap();
    log.tail().forget_before(start).unwrap();
    drop(log);
    let mut seen = Seen::default();
    let system = Arc::new(SystemDir::open(dir.path()).unwrap());
    let replayed = Log::open(system, &Options::default(), &mut |replay| {
        seen.replay(replay);
        Ok(())
    });
    let (log, report) = replayed.unwrap();
    assert_eq!((seen.count, report.frames, log.end()), (7, 2, offset(7)));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3, "lock, snapshot, segment");
}

#[test]
fn a_slow_reader_reads_files_without_names() {
    let dir = TempDir::new("slow");
    let mut log = dir.open();
    append(&mut log, 1, 0..5);
    let mut reader = log.tail().start(0).unwrap();
    let start = snapshot(&mut log, 1, 5).unwrap();
    log.tail().forget_before(start).unwrap();
    let mut bytes = Vec::new();
    let _ = reader.read(&mut bytes, usize::MAX, u64::MAX).unwrap();
    assert_eq!(bytes.len() as u64, offset(5));
}

#[test]
fn a_place_that_cannot_be_a_directory_is_named() {
    let text = SystemDir::open("/dev/null/data").unwrap_err().to_string();
    assert!(text.contains("/dev/null/data cannot be created"), "{text}");
}

#[test]
fn the_names_of_all_directories_that_were_created_are_synced() {
    let dir = TempDir::new("nested");
    let root = dir.path().to_owned();
    let synced = |path: &str| {
        let mut synced = Vec::new();
        let mut sync = |path: &Path| {
            synced.push(path.to_owned());
            Ok(())
        };
        create(&root.join(path), &mut sync).unwrap();
        assert!(root.join(path).is_dir());
        synced
    };
    let temp = std::env::temp_dir();
    assert_eq!(synced("a/b"), [root.join("a"), root.clone(), temp], "each in its parent");
    assert_eq!(synced("a/b"), [root.join("a")], "whoever created it may not have come to that");
    let here = PathBuf::from("src");
    let mut seen = Vec::new();
    create(&here, &mut |path| {
        seen.push(path.to_owned());
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, [Path::new(".")], "a path without a parent");
}
