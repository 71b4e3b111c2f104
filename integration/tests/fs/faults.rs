//! Full disks, limits, files that are gone, permissions, FIFOs that nobody serves.

use std::fs as std_fs;
use std::future::poll_fn;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::pin::{Pin, pin};
use std::thread;

use runtime_traits::fs::{self, File};
use runtime_traits::io::{self, AsyncWrite};
use runtime_traits::process::Command;
use runtime_traits::task::yield_now;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::alone::in_a_shells_child;
use crate::scratch::Scratch;
use crate::support::{Gate, alone, announced, on_every_runtime, poll_once, with_every_runtime};

pub(crate) async fn write_behind(mut file: &File, bytes: &[u8]) -> io::Result<usize> {
    poll_fn(|cx| Pin::new(&mut file).poll_write(cx, bytes)).await
}

pub(crate) async fn close(file: &mut File) -> io::Result<()> {
    poll_fn(|cx| Pin::new(&mut *file).poll_close(cx)).await
}

on_every_runtime! {
    /// FS-2 on a full disk: the error is told, and no flush after it is `Ok`.
    async fn a_full_disk_is_told_until_the_bytes_are_gone() {
        let mut file = File::options().write(true).open("/dev/full").await.unwrap();
        assert_eq!(file.write(b"x").await.unwrap_err().kind(), ErrorKind::StorageFull);
        // The error was this write's own; nothing is left behind.
        file.flush().await.unwrap();
        assert_eq!(write_behind(&file, b"abc").await.unwrap(), 3);
        for _ in 0..4 {
            assert_eq!(file.flush().await.unwrap_err().kind(), ErrorKind::StorageFull);
        }
        assert_eq!(file.sync_all().await.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(file.write(b"x").await.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(close(&mut file).await.unwrap_err().kind(), ErrorKind::StorageFull);
        // What it knows is told once; facts can be asked.
        file.metadata().await.unwrap();
        assert_eq!(file.close().await.unwrap_err().kind(), ErrorKind::StorageFull);
    }

    async fn whatever_is_next_tells_the_error() {
        let file = File::options().read(true).write(true).open("/dev/full").await.unwrap();
        write_behind(&file, b"abc").await.unwrap();
        assert_eq!(file.metadata().await.unwrap_err().kind(), ErrorKind::StorageFull);
        file.metadata().await.unwrap();
        assert_eq!(file.flush().await.unwrap_err().kind(), ErrorKind::StorageFull);
        let mut byte = [1];
        assert_eq!(file.read(&mut byte).await.unwrap(), 1);
        assert_eq!(byte, [0]);
    }

    async fn a_file_that_is_removed_is_still_ours() {
        let scratch = Scratch::new();
        let path = scratch.file("a", "0123");
        let file = File::options().read(true).write(true).open(&path).await.unwrap();
        fs::remove_file(&path).await.unwrap();
        assert_eq!(File::open(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
        file.write_all(b"ab").await.unwrap();
        write_behind(&file, b"cd").await.unwrap();
        file.sync_all().await.unwrap();
        let mut all = [0; 4];
        file.read_exact_at(&mut all, 0).await.unwrap();
        assert_eq!(&all, b"abcd");
        file.close().await.unwrap();
    }

    async fn permission_denied_is_std_s() {
        let scratch = Scratch::new();
        let path = scratch.file("a", "");
        let none = std_fs::Permissions::from_mode(0o000);
        fs::set_permissions(&path, none).await.unwrap();
        // Whoever runs this as root is let in, here as there.
        let (ours, theirs) = (File::open(&path).await, std_fs::File::open(&path));
        assert_eq!(ours.err().map(|e| e.kind()), theirs.err().map(|e| e.kind()));
        // Root neither.
        let error = fs::hard_link(scratch.path(""), scratch.path("b")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let error = fs::remove_file("/proc/self/status").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }

    async fn files_that_have_no_end_of_their_own() {
        // procfs: of length 0, and not empty.
        let status = fs::read_to_string("/proc/self/status").await.unwrap();
        assert!(status.contains("Pid:"));
        let mut text = String::new();
        File::open("/proc/self/status").await.unwrap().read_to_string(&mut text).await.unwrap();
        assert!(text.contains("Pid:"));
    }

    /// FS-1: opening and reading a FIFO wait for others; tasks go on.
    async fn a_fifo_without_a_writer_stops_no_task() {
        let scratch = Scratch::new();
        let path = scratch.fifo("fifo");
        let waits = Gate::default();
        let opening = runtime_traits::spawn(announced(waits.clone(), {
            let path = path.clone();
            async move { File::open(path).await }
        }));
        waits.wait().await;
        for _ in 0..1000 {
            yield_now().await;
        }
        assert!(!opening.is_finished());
        let mut writer = thread::spawn(move || std_fs::OpenOptions::new().write(true).open(path).unwrap())
            .join()
            .unwrap();
        let fifo = opening.await.unwrap().unwrap();

        let waits = Gate::default();
        let reading = runtime_traits::spawn(announced(waits.clone(), async move {
            let mut buf = [0; 16];
            let n = fifo.read(&mut buf).await?;
            let end = fifo.read(&mut [0; 4]).await?;
            io::Result::Ok((buf[..n].to_vec(), end, fifo))
        }));
        waits.wait().await;
        for _ in 0..1000 {
            yield_now().await;
        }
        assert!(!reading.is_finished());
        writer.write_all(b"hello").unwrap();
        drop(writer);
        let (bytes, end, fifo) = reading.await.unwrap().unwrap();
        assert_eq!((&bytes[..], end), (&b"hello"[..], 0));
        assert_eq!(fifo.seek(io::SeekFrom::Start(0)).await.unwrap_err().kind(), ErrorKind::NotSeekable);
        assert_eq!(fifo.read_at(&mut [0], 0).await.unwrap_err().kind(), ErrorKind::NotSeekable);
    }

    /// Opening to write waits for a reader, on a thread; tasks go on.
    async fn a_fifo_without_a_reader_stops_no_task() {
        let scratch = Scratch::new();
        let path = scratch.fifo("fifo");
        let waits = Gate::default();
        let open = {
            let path = path.clone();
            async move { File::options().write(true).open(path).await }
        };
        let opening = runtime_traits::spawn(announced(waits.clone(), open));
        waits.wait().await;
        for _ in 0..1000 {
            yield_now().await;
        }
        assert!(!opening.is_finished());
        let reader = path.clone();
        let mut reader = thread::spawn(move || std_fs::File::open(reader).unwrap()).join().unwrap();
        let fifo = opening.await.unwrap().unwrap();
        fifo.write_all(b"abc").await.unwrap();
        let mut three = [0; 3];
        reader.read_exact(&mut three).unwrap();
        assert_eq!(&three, b"abc");
        leave_without_reader(&path, reader);
        drop(fifo);
        // Whoever does not want to wait says so to the system.
        let mut at_once = File::options();
        at_once.write(true).custom_flags(OFlags::NONBLOCK.bits() as i32);
        let error = at_once.open(&path).await.unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::NXIO));
    }

    async fn a_fifo_without_a_reader_says_so() {
        let scratch = Scratch::new();
        let path = scratch.fifo("fifo");
        // Both ends, so that the open does not wait.
        let mut reader = std_fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let file = File::options().write(true).open(&path).await.unwrap();
        file.write_all(b"abc").await.unwrap();
        let mut three = [0; 3];
        reader.read_exact(&mut three).unwrap();
        leave_without_reader(&path, reader);
        assert_eq!(file.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        write_behind(&file, b"abc").await.unwrap();
        for _ in 0..2 {
            assert_eq!(file.flush().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        }
    }
}

/// Drops the last reader, and waits: another test's child has a copy of it from its `fork` to its `exec`.
fn leave_without_reader(path: &Path, reader: std_fs::File) {
    let writer = std_fs::OpenOptions::new().write(true).open(path).unwrap();
    drop(reader);
    // No event is asked for: that the other end is gone is told always.
    let mut events = [PollFd::new(&writer, PollFlags::empty())];
    poll(&mut events, None).unwrap();
    assert_eq!(events[0].revents(), PollFlags::ERR);
}

/// A FIFO's both ends in one file, of the kind that answers `EAGAIN` instead of waiting.
fn impatient(path: &Path) -> std_fs::File {
    let mut options = std_fs::OpenOptions::new();
    options.read(true).write(true).custom_flags(OFlags::NONBLOCK.bits() as i32);
    options.open(path).unwrap()
}

on_every_runtime! {
    /// That the file was opened not to wait is the system's business: a read waits all the same.
    async fn a_stream_that_does_not_wait_is_waited_for() {
        let scratch = Scratch::new();
        let path = scratch.fifo("fifo");
        let mut feeds = impatient(&path);
        let fifo = File::from_std(impatient(&path)).unwrap();
        let mut three = [0; 3];
        for _ in 0..3 {
            let mut reading = pin!(fifo.read_exact(&mut three));
            assert!(poll_once(reading.as_mut()).await.is_pending());
            for _ in 0..1000 {
                yield_now().await;
            }
            feeds.write_all(b"abc").unwrap();
            reading.await.unwrap();
        }
        assert_eq!(&three, b"abc");
    }

    /// As much as a pipe does not hold.
    async fn a_stream_that_does_not_wait_is_written_in_full() {
        let scratch = Scratch::new();
        let path = scratch.fifo("fifo");
        let mut reader = std_fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let fifo = File::from_std(impatient(&path)).unwrap();
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
        let mut writing = pin!(fifo.write_all(&bytes));
        assert!(poll_once(writing.as_mut()).await.is_pending());
        for _ in 0..1000 {
            yield_now().await;
        }
        let n = bytes.len();
        let reading = thread::spawn(move || {
            let mut all = vec![0; n];
            reader.read_exact(&mut all).map(|()| all)
        });
        writing.await.unwrap();
        assert_eq!(reading.join().unwrap().unwrap(), bytes);
    }
}

with_every_runtime! {
    /// A read of such a stream looks up, and sees that the runtime ends.
    fn a_stream_that_does_not_wait_holds_up_no_end(start: Start) {
        let scratch = Scratch::new();
        let path = scratch.fifo("fifo");
        let owner = start();
        let fifo = owner.block_on(async {
            let fifo = File::from_std(impatient(&path)).unwrap();
            // Given up, it goes on.
            {
                let mut buf = [0; 4];
                let mut reading = pin!(fifo.read(&mut buf));
                assert!(poll_once(reading.as_mut()).await.is_pending());
            }
            for _ in 0..1000 {
                yield_now().await;
            }
            fifo
        });
        drop(owner);
        assert_eq!(alone(fifo.read(&mut [0])).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}

/// How long a file of this process may become, in bytes.
fn limit(len: Option<u64>) {
    let former = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: len.or(former.maximum), ..former }).unwrap();
}

async fn what_did_not_fit_is_written_when_there_is_room() {
    let scratch = Scratch::new();
    let path = scratch.path("a");
    let file = File::create(&path).await.unwrap();
    limit(Some(4096));
    let bytes: Vec<u8> = (0..10_000_u32).map(|n| n as u8).collect();
    assert_eq!(write_behind(&file, &bytes).await.unwrap(), bytes.len());
    for _ in 0..2 {
        assert_eq!(file.flush().await.unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
    assert_eq!(std_fs::read(&path).unwrap(), bytes[..4096]);
    limit(None);
    // The rest, at its place, once.
    file.flush().await.unwrap();
    assert_eq!(std_fs::read(&path).unwrap(), bytes);
    file.write_all(b"end").await.unwrap();
    file.close().await.unwrap();
    assert_eq!(std_fs::read(&path).unwrap(), [&bytes[..], b"end"].concat());
}

async fn nothing_is_permitted() {
    fn denied<T>(result: io::Result<T>, what: &str) {
        assert_eq!(result.map(drop).unwrap_err().kind(), ErrorKind::PermissionDenied, "{what}");
    }
    let scratch = Scratch::new();
    let (file, dir) = (scratch.file("a", "secret"), scratch.path("d"));
    let open = File::options().read(true).write(true).open(&file).await.unwrap();
    fs::create_dir(&dir).await.unwrap();
    fs::write(dir.join("x"), "").await.unwrap();
    for path in [&file, &dir] {
        fs::set_permissions(path, std_fs::Permissions::from_mode(0o000)).await.unwrap();
    }
    denied(File::open(&file).await, "to read");
    denied(File::options().append(true).open(&file).await, "to write");
    denied(File::create(dir.join("y")).await, "to make");
    denied(fs::read(&file).await, "read");
    denied(fs::write(&file, "x").await, "write");
    denied(fs::copy(&file, scratch.path("b")).await, "copy");
    denied(fs::read_dir(&dir).await, "list");
    denied(fs::metadata(dir.join("x")).await, "look");
    denied(fs::exists(dir.join("x")).await, "whether it is there cannot be told");
    denied(fs::remove_file(dir.join("x")).await, "remove");
    denied(fs::rename(dir.join("x"), scratch.path("x")).await, "rename");
    denied(fs::remove_dir_all(&dir).await, "remove all");
    denied(Command::new(&file).spawn(), "run");
    // Who has it open is asked no more, and nothing of all that was done.
    open.write_all(b"S").await.unwrap();
    let mut text = String::new();
    open.rewind().await.unwrap();
    open.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "Secret");
    fs::set_permissions(&dir, std_fs::Permissions::from_mode(0o700)).await.unwrap();
    assert!(fs::exists(dir.join("x")).await.unwrap());
}

with_every_runtime! {
    fn a_limit_is_lifted_and_the_retry_succeeds(start: Start) {
        // Of what is over the limit a signal tells; ignored, it is an error.
        in_a_shells_child("trap '' XFSZ", || {
            start().block_on(what_did_not_fit_is_written_when_there_is_room());
        });
    }

    /// Root may do everything, so the test has no privileges.
    fn permission_denied_is_told_and_harms_nothing(start: Start) {
        let first = match rustix::process::geteuid().is_root() {
            true => "exec unshare -U --map-user=1000 \"$0\" \"$@\"",
            false => ":",
        };
        in_a_shells_child(first, || start().block_on(nothing_is_permitted()));
    }
}
