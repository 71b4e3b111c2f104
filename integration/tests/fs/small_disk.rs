//! A disk that fills up: a small one, mounted where only this test sees it.
//!
//! ```text
//!  unshare -m sh -c 'mount … && cat'      holds a mount namespace with a small tmpfs
//!       └─ /proc/<pid>/root/<dir>         is that disk, for the test
//! ```

use std::fs as std_fs;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use runtime_traits::fs::{self, File};
use runtime_traits::io::{self, AsyncWriteExt as _, BufWriter};
use runtime_traits::task::yield_now;

use crate::faults::{close, write_behind};
use crate::scratch::Scratch;
use crate::support::on_every_runtime;

/// Mounts, says so, and keeps the mount until its input ends.
const MOUNT: &str = "mount -t tmpfs -o size=1m,mode=700 small-disk \"$0\" && echo mounted && cat";

const KIB: usize = 1024;

/// A disk of 1 MiB, half of it taken.
struct SmallDisk {
    path: PathBuf,
    holder: Child,
    _mount_point: Scratch,
}

impl SmallDisk {
    fn new() -> SmallDisk {
        let mount_point = Scratch::new();
        let at = mount_point.path("");
        let mut command = Command::new("unshare");
        // Who is not root is root of a namespace of users.
        command.arg(if rustix::process::geteuid().is_root() { "-m" } else { "-Urm" });
        command.args(["sh", "-c", MOUNT]).arg(&at).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "mounted\n", "no small disk: `unshare` or `mount` may not");
        let path = format!("/proc/{}/root{}", holder.id(), at.display()).into();
        let disk = SmallDisk { path, holder, _mount_point: mount_point };
        std_fs::write(disk.path("ballast"), vec![0; 512 * KIB]).unwrap();
        disk
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Returns when at least `blocks` are free: what was removed is there until nobody has it open, and a
    /// write that nobody waits for may have.
    async fn has_room(&self, blocks: u64) {
        while self.free() < blocks {
            yield_now().await;
        }
    }

    fn free(&self) -> u64 {
        rustix::fs::statvfs(&self.path).unwrap().f_bfree
    }

    fn give_room(&self) {
        std_fs::remove_file(self.path("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

fn numbered(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n ^ n >> 8 ^ n >> 16) as u8).collect()
}

/// Writes by the method until the disk is full; how many bytes it took.
async fn fill(file: &File, bytes: &[u8]) -> usize {
    let mut taken = 0;
    loop {
        match file.write(&bytes[taken..]).await {
            Ok(n) => taken += n,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::StorageFull);
                return taken;
            }
        }
    }
}

on_every_runtime! {
    /// FS-2: what fitted is there and counted, what did not is told each time, and written when there
    /// is room.
    async fn what_does_not_fit_is_told_and_goes_in_when_there_is_room() {
        let disk = SmallDisk::new();
        let bytes = numbered(768 * KIB);
        let mut file = File::create(disk.path("a")).await.unwrap();
        let fitted = fill(&file, &bytes).await;
        assert!(0 < fitted && fitted < bytes.len());
        assert!(std_fs::read(disk.path("a")).unwrap() == bytes[..fitted]);
        assert_eq!(file.stream_position().await.unwrap(), fitted as u64);
        file.flush().await.unwrap(); // The error was the write's own.

        let rest = bytes.len() - fitted;
        assert_eq!(write_behind(&file, &bytes[fitted..]).await.unwrap(), rest);
        for _ in 0..2 {
            assert_eq!(file.flush().await.unwrap_err().kind(), ErrorKind::StorageFull);
        }
        assert_eq!(file.sync_all().await.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(close(&mut file).await.unwrap_err().kind(), ErrorKind::StorageFull);
        disk.give_room();
        close(&mut file).await.unwrap();
        assert!(std_fs::read(disk.path("a")).unwrap() == bytes, "each byte at its place, once");
    }

    /// Functions on paths, and whatever writes through the traits.
    async fn whatever_writes_says_that_the_disk_is_full() {
        let disk = SmallDisk::new();
        let outside = Scratch::new();
        let bytes = numbered(768 * KIB);
        let from = outside.file("from", &bytes);
        let room = disk.free();
        for round in 0..2 {
            let full = |result: io::Result<()>| match round {
                0 => assert_eq!(result.unwrap_err().kind(), ErrorKind::StorageFull),
                _ => result.unwrap(),
            };
            full(fs::write(disk.path("a"), &bytes).await);
            fs::remove_file(disk.path("a")).await.unwrap();
            disk.has_room(room).await;
            full(fs::copy(&from, disk.path("b")).await.map(drop));
            fs::remove_file(disk.path("b")).await.unwrap();
            disk.has_room(room).await;
            let (reader, to) = (File::open(&from).await.unwrap(), File::create(disk.path("c")).await);
            full(io::copy(&reader, &to.unwrap()).await.map(drop));
            fs::remove_file(disk.path("c")).await.unwrap();
            disk.has_room(room).await;
            let mut buffered = BufWriter::new(File::create(disk.path("d")).await.unwrap());
            let mut written = buffered.write_all(&bytes).await;
            if written.is_ok() {
                written = buffered.flush().await;
            }
            full(written);
            // What could not be written goes with the file.
            drop(buffered);
            fs::remove_file(disk.path("d")).await.unwrap();
            disk.has_room(room).await;
            if round == 0 {
                disk.give_room();
            }
        }
    }
}
