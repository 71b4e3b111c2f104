//! System calls on files that std does not have, one arm for each platform.
//!
//! - `kind`: what kind of file it is; does not wait.
//! - `read_at`, `write_at`: at an offset, the kernel's cursor stays (Windows moves it; nobody looks).
//! - `read`: the next bytes of a stream.
//! - `wait_ready`: blocks until a stream that was opened not to wait is ready, or the time is up.
//!
//! Both reads append to a vector, as much as its spare capacity holds.

#[cfg(unix)]
mod arm {
    use core::time::Duration;
    use std::fs::File;
    use std::io::{Error, ErrorKind, Result, Seek as _};
    use std::os::unix::fs::FileExt as _;
    use std::thread;
    use std::vec::Vec;

    use rustix::buffer::spare_capacity;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};

    use crate::hooks::{Dir, FileKind};

    /// How long a stream is waited for that nobody can ask whether it is ready.
    const PAUSE: Duration = Duration::from_millis(10);

    /// Character devices are streams even if they seek: many consume what is read.
    pub(in crate::fs) fn kind(mut file: &File) -> Result<FileKind> {
        let stream = match FileType::from_raw_mode(fstat(file)?.st_mode as _) {
            FileType::RegularFile | FileType::BlockDevice => file.stream_position().is_err(),
            FileType::Directory => false,
            _ => true,
        };
        Ok(match stream {
            true => FileKind::Stream,
            false if fcntl_getfl(file)?.contains(OFlags::APPEND) => FileKind::Append,
            false => FileKind::Positional,
        })
    }

    pub(in crate::fs) fn read_at(file: &File, bytes: &mut Vec<u8>, at: u64) -> Result<usize> {
        Ok(rustix::io::pread(file, spare_capacity(bytes), at)?)
    }

    pub(in crate::fs) fn read(file: &File, bytes: &mut Vec<u8>) -> Result<usize> {
        Ok(rustix::io::read(file, spare_capacity(bytes))?)
    }

    pub(in crate::fs) fn write_at(file: &File, bytes: &[u8], at: u64) -> Result<usize> {
        file.write_at(bytes, at)
    }

    /// Errors and hang-up count as ready: the next call tells which.
    pub(in crate::fs) fn wait_ready(file: &File, dir: Dir, limit: Duration) -> Result<()> {
        let flags = match dir {
            Dir::Read => PollFlags::IN,
            Dir::Write => PollFlags::OUT,
        };
        let limit = Timespec::try_from(limit).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
        let mut asked = [PollFd::new(file, flags)];
        poll(&mut asked, Some(&limit))?;
        // Apple's knows no terminals.
        if asked[0].revents().contains(PollFlags::NVAL) {
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}

#[cfg(windows)]
mod arm {
    use core::time::Duration;
    use std::fs::File;
    use std::io::{ErrorKind, Read as _, Result, Seek as _};
    use std::os::windows::fs::FileExt as _;
    use std::vec::Vec;

    use crate::hooks::{Dir, FileKind};

    /// A handle does not tell whether it appends: one that std opened so is taken for positional, and
    /// the system appends all the same. `OpenOptions` knows better.
    pub(in crate::fs) fn kind(mut file: &File) -> Result<FileKind> {
        let seeks =
            file.metadata().is_ok_and(|facts| facts.is_file()) && file.stream_position().is_ok();
        Ok(if seeks { FileKind::Positional } else { FileKind::Stream })
    }

    pub(in crate::fs) fn read_at(file: &File, bytes: &mut Vec<u8>, at: u64) -> Result<usize> {
        fill(bytes, |room| file.seek_read(room, at))
    }

    pub(in crate::fs) fn read(mut file: &File, bytes: &mut Vec<u8>) -> Result<usize> {
        fill(bytes, |room| file.read(room))
    }

    pub(in crate::fs) fn write_at(file: &File, bytes: &[u8], at: u64) -> Result<usize> {
        file.seek_write(bytes, at)
    }

    /// std opens no handle that way, and there is no call that waits for one.
    pub(in crate::fs) fn wait_ready(_: &File, _: Dir, _: Duration) -> Result<()> {
        Err(ErrorKind::WouldBlock.into())
    }

    fn fill(bytes: &mut Vec<u8>, read: impl FnOnce(&mut [u8]) -> Result<usize>) -> Result<usize> {
        let len = bytes.len();
        bytes.resize(bytes.capacity(), 0);
        let read = read(&mut bytes[len..]);
        bytes.truncate(len + read.as_ref().map_or(0, |n| *n));
        read
    }
}

pub(super) use arm::{kind, read, read_at, wait_ready, write_at};
