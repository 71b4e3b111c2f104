//! Reads that need no thread, because the bytes are in memory (Linux).
//!
//! `preadv2` with `RWF_NOWAIT` answers what is in the page cache, and an error instead of waiting for a
//! device. What each answer means is decided by [`judge`], from the answer alone:
//!
//! | answer | because | meaning |
//! |---|---|---|
//! | `n` | cached, at least in part | a short read |
//! | `0` | the end; or, on Linux 5.9 and 5.10, nothing of the kind | ask a thread |
//! | `EAGAIN` | not cached; the kernel has begun to read ahead | ask a thread, never in a loop |
//! | `EOPNOTSUPP`, `EINVAL` | tmpfs, procfs, a terminal; an old kernel | not for this file |
//! | `ENOSYS`, `EPERM` | an old kernel; a filter of system calls | not for this process |
//! | any other | an error, which a thread will meet again | ask a thread |
//!
//! Files opened with `O_DIRECT` are not asked: they would read the device, and wait. A filter that kills
//! is met by `--cfg runtime_no_preadv2`, which puts `cached/none.rs` in this file's place.

use std::fs::File;
use std::io::{IoSliceMut, Result};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

/// The most that is copied on the spot, in bytes: about 22 µs.
const INLINE_MAX: usize = 256 * 1024;

/// Set once the system has said that it has no such call.
static OFF: AtomicBool = AtomicBool::new(false);

/// Whether a file is worth trying.
#[derive(Debug)]
pub(super) struct Cached {
    off: AtomicBool,
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Read(usize),
    AskThread,
    NotThisFile,
    NotThisProcess,
}

fn judge(answer: rustix::io::Result<usize>) -> Verdict {
    match answer {
        Ok(n @ 1..) => Verdict::Read(n),
        Err(Errno::OPNOTSUPP | Errno::INVAL) => Verdict::NotThisFile,
        Err(Errno::NOSYS | Errno::PERM) => Verdict::NotThisProcess,
        Ok(_) | Err(_) => Verdict::AskThread,
    }
}

impl Cached {
    /// Asks the flags that `file` was opened with.
    pub(super) fn new(file: &File) -> Cached {
        let direct = fcntl_getfl(file).map_or(true, |flags| flags.contains(OFlags::DIRECT));
        Cached { off: AtomicBool::new(direct) }
    }

    /// Reads what is in memory, `None` if that is nothing, as far as we know.
    pub(super) fn read(&self, file: &File, buf: &mut [u8], at: u64) -> Option<Result<usize>> {
        // Flags that only say "do not try": nothing else hangs on them, hence `Relaxed`.
        let off = OFF.load(Ordering::Relaxed) || self.off.load(Ordering::Relaxed);
        // Beyond, the number means something else to the system.
        if off || i64::try_from(at).is_err() {
            return None;
        }
        let room = buf.len().min(INLINE_MAX);
        let mut bufs = [IoSliceMut::new(&mut buf[..room])];
        match judge(preadv2(file, &mut bufs, at, ReadWriteFlags::NOWAIT)) {
            Verdict::Read(n) => return Some(Ok(n)),
            Verdict::AskThread => {}
            Verdict::NotThisFile => self.off.store(true, Ordering::Relaxed),
            Verdict::NotThisProcess => OFF.store(true, Ordering::Relaxed),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn each_answer_has_its_meaning() {
        let table = [
            (Ok(1), Verdict::Read(1)),
            (Ok(INLINE_MAX), Verdict::Read(INLINE_MAX)),
            (Ok(0), Verdict::AskThread),
            (Err(Errno::AGAIN), Verdict::AskThread),
            (Err(Errno::INTR), Verdict::AskThread),
            (Err(Errno::IO), Verdict::AskThread),
            (Err(Errno::ISDIR), Verdict::AskThread),
            (Err(Errno::OPNOTSUPP), Verdict::NotThisFile),
            (Err(Errno::INVAL), Verdict::NotThisFile),
            (Err(Errno::NOSYS), Verdict::NotThisProcess),
            (Err(Errno::PERM), Verdict::NotThisProcess),
        ];
        for (answer, verdict) in table {
            assert_eq!(judge(answer), verdict, "{answer:?}");
        }
    }

    #[test]
    fn what_was_just_written_is_at_hand_where_the_system_can_tell() {
        let path = std::env::temp_dir().join(std::format!("cached-{}", std::process::id()));
        let mut file = File::create_new(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all(b"12345").unwrap();
        let cached = Cached::new(&file);
        let mut buf = [0; 8];
        // `None`: a file system that cannot tell. No answer is wrong.
        if let Some(n) = cached.read(&file, &mut buf, 1) {
            assert_eq!(&buf[..n.unwrap()], b"2345");
        }
        assert!(cached.read(&file, &mut buf, 5).is_none(), "the end is not believed");
        assert!(cached.read(&file, &mut buf, u64::MAX).is_none());
    }

    #[test]
    fn a_file_that_cannot_tell_is_asked_once() {
        let file = File::open("/proc/self/status").unwrap();
        let cached = Cached::new(&file);
        assert!(cached.read(&file, &mut [0; 8], 0).is_none());
        assert!(cached.off.load(Ordering::Relaxed));
    }
}
