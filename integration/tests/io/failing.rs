//! What goes wrong is told, once, and never followed by a false `Ok`.

use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use runtime_traits::JoinError;
use runtime_traits::io::{
    self, AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _, Unblock, unblock,
};

use crate::objects::{Disk, numbered};
use crate::support::{alone, on_every_runtime, poll_once, text, with_every_runtime};

/// Panics at every call but the first `.1`.
struct Panics<T>(T, usize);

impl<T> Panics<T> {
    fn step(&mut self) -> &mut T {
        self.1 = self.1.checked_sub(1).expect("of course");
        &mut self.0
    }
}

impl<T: Read> Read for Panics<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.step().read(buf)
    }
}

impl<T: Write> Write for Panics<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let buf = &buf[..buf.len().min(2)];
        self.step().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<T: Seek> Seek for Panics<T> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.step().seek(to)
    }
}

/// The text of a panic that comes as an error.
#[track_caller]
fn panicked(error: io::Error) -> String {
    assert_eq!(error.kind(), ErrorKind::Other);
    let error = error.downcast::<JoinError>().expect("a task's");
    text(&*error.into_panic())
}

on_every_runtime! {
    async fn io_12_a_full_disk_is_told_until_there_is_room() {
        let disk = Disk::new(Vec::new());
        let (bytes, room) = (Arc::clone(&disk.shared), Arc::clone(&disk.room));
        room.store(10, SeqCst);
        let mut file = Unblock::new(disk);
        file.write_all(&numbered(0, 25)).await.unwrap();
        for _ in 0..3 {
            // Each tries again, and each is told.
            assert_eq!(file.flush().await.unwrap_err().kind(), ErrorKind::StorageFull);
        }
        assert_eq!(file.close().await.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(file.write(b"more").await.unwrap_err().kind(), ErrorKind::StorageFull);
        room.store(usize::MAX, SeqCst);
        file.flush().await.unwrap();
        assert_eq!(*bytes.lock().unwrap(), numbered(0, 25));
        file.write_all(&numbered(25, 5)).await.unwrap();
        file.close().await.unwrap();
        assert_eq!(*bytes.lock().unwrap(), numbered(0, 30), "nothing twice, nothing of the refused");
    }

    /// Its *Cancellation* heading: lost are the bytes that are kept after a failure, and nothing else.
    async fn what_had_failed_goes_with_the_object_when_that_is_dropped() {
        let disk = Disk::new(Vec::new());
        let (bytes, room) = (Arc::clone(&disk.shared), Arc::clone(&disk.room));
        room.store(10, SeqCst);
        let mut file = Unblock::new(disk);
        file.write_all(&numbered(0, 25)).await.unwrap();
        assert_eq!(file.flush().await.unwrap_err().kind(), ErrorKind::StorageFull);
        room.store(usize::MAX, SeqCst);
        drop(file);
        // The object was idle, so it is gone: nobody is left who could write the rest.
        let bytes = Arc::try_unwrap(bytes).expect("the last").into_inner().unwrap();
        assert_eq!(bytes, numbered(0, 10));
    }

    async fn the_next_operation_tells_whichever_it_is() {
        let disk = Disk::new(numbered(0, 3));
        let (bytes, room) = (Arc::clone(&disk.shared), Arc::clone(&disk.room));
        room.store(0, SeqCst);
        let mut file = Unblock::new(disk);
        file.write_all(b"xyz").await.unwrap();
        assert_eq!(file.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(file.read(&mut [0]).await.unwrap(), 1, "told once");
        assert_eq!(file.seek(SeekFrom::Start(0)).await.unwrap_err().kind(), ErrorKind::StorageFull);
        room.store(usize::MAX, SeqCst);
        assert_eq!(file.seek(SeekFrom::End(0)).await.unwrap(), 4, "written before");
        assert_eq!(bytes.lock().unwrap()[1..], *b"xyz");
    }

    async fn nothing_is_written_after_closing() {
        let mut file = Unblock::new(Disk::new(Vec::new()));
        file.write_all(b"all").await.unwrap();
        file.close().await.unwrap();
        file.close().await.unwrap();
        assert_eq!(file.write(b"!").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        file.flush().await.unwrap();
        assert_eq!(*file.into_inner().await.shared.lock().unwrap(), b"all");
    }

    async fn a_writer_that_takes_nothing_is_an_error() {
        let mut file = Unblock::new(std::io::Cursor::new([0; 4]));
        file.write_all(b"12345").await.unwrap();
        assert_eq!(file.flush().await.unwrap_err().kind(), ErrorKind::WriteZero);
        assert_eq!(file.flush().await.unwrap_err().kind(), ErrorKind::WriteZero);
        assert_eq!(file.into_inner().await.into_inner(), *b"1234");
    }

    async fn a_panic_of_the_reader_is_an_error_and_the_object_is_kept() {
        let mut file = Unblock::new(Panics(Disk::new(numbered(0, 100)), 0));
        assert_eq!(panicked(file.read(&mut [0; 9]).await.unwrap_err()), "of course");
        assert_eq!(panicked(file.seek(SeekFrom::End(0)).await.unwrap_err()), "of course");
        file.get_mut().await.1 = usize::MAX;
        let mut buf = [0; 9];
        file.read_exact(&mut buf).await.unwrap();
        assert_eq!(buf[..], numbered(0, 9));
    }

    async fn a_panic_of_the_writer_is_told_and_its_bytes_are_kept() {
        let disk = Disk::new(Vec::new());
        let bytes = Arc::clone(&disk.shared);
        let mut file = Unblock::new(Panics(disk, 3));
        file.write_all(b"abcdefgh").await.unwrap();
        assert_eq!(panicked(file.flush().await.unwrap_err()), "of course");
        assert_eq!(panicked(file.flush().await.unwrap_err()), "of course", "no false Ok");
        file.get_mut().await.1 = usize::MAX;
        file.close().await.unwrap();
        assert_eq!(*bytes.lock().unwrap(), b"abcdefgh", "each byte once");
    }

    async fn a_panic_of_a_closure_is_an_error() {
        let error = unblock(|| -> io::Result<()> { panic!("of course") }).await.unwrap_err();
        assert_eq!(panicked(error), "of course");
        assert_eq!(unblock(|| Ok(3)).await.unwrap(), 3);
        let full = || -> io::Result<()> { Err(ErrorKind::StorageFull.into()) };
        assert_eq!(unblock(full).await.unwrap_err().kind(), ErrorKind::StorageFull);
        let mut file = Unblock::new(1);
        let error = file.with_mut(|_| -> () { panic!("of course") }).await.unwrap_err();
        assert_eq!(panicked(error), "of course");
        assert_eq!(file.with_mut(|n| *n + 1).await.unwrap(), 2);
    }

    async fn an_error_of_a_dropped_read_is_for_the_next() {
        struct Fails(bool);
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                if std::mem::take(&mut self.0) { Err(ErrorKind::TimedOut.into()) } else { Ok(0) }
            }
        }
        let mut file = Unblock::new(Fails(true));
        // It is pending at first, on every runtime: the job is elsewhere. (If it were not, it told.)
        let polled = poll_once(pin!(file.read(&mut [0]))).await;
        if polled.is_pending() {
            assert_eq!(file.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::TimedOut);
        }
        assert_eq!(file.read(&mut [0]).await.unwrap(), 0);
    }
}

with_every_runtime! {
    fn a_runtime_that_has_ended_refuses_and_the_object_is_kept(start: Start) {
        let owner = start();
        let handle = owner.handle();
        drop(owner);
        let disk = Disk::new(numbered(0, 4));
        let bytes = Arc::clone(&disk.shared);
        let mut file = Unblock::new(disk);
        let ended = |result: io::Result<usize>| {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::BrokenPipe);
        };
        alone(handle.wrap(async {
            ended(file.read(&mut [0]).await);
            ended(file.write(b"never").await);
            ended(file.seek(SeekFrom::End(0)).await.map(|at| at as usize));
            ended(file.with_mut(|_| 1).await);
            ended(unblock(|| Ok(1)).await);
        }));
        let owner = start();
        owner.block_on(async {
            assert_eq!(file.seek(SeekFrom::End(0)).await.unwrap(), 4);
            file.write_all(b"!").await.unwrap();
            file.flush().await.unwrap();
        });
        assert_eq!(bytes.lock().unwrap()[4..], *b"!", "what was refused was not accepted");
    }
}

#[test]
fn without_a_runtime_it_says_so() {
    let mut file = Unblock::new(Disk::new(numbered(0, 4)));
    alone(async {
        let error = file.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("no runtime is current"), "{error}");
        assert_eq!(file.write(b"x").await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(unblock(|| Ok(1)).await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(io::stdin().read(&mut [0]).await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(file.into_inner().await.shared.lock().unwrap().len(), 4);
    });
}
