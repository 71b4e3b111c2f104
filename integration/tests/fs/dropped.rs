//! Operations that are given up half-way (FS-3, FS-5).
//!
//! A job may be done before the first poll looks, so an operation that is polled once may be done too.
//! Both ways are right; that the other way works is shown with files that wait for the test
//! (`runtime-traits/tests/files.rs`).

use std::fs as std_fs;
use std::future::{Future, poll_fn};
use std::io::{ErrorKind, SeekFrom, Write as _};
use std::pin::{Pin, pin};
use std::sync::Arc;

use runtime_traits::fs::{self, File, TryLockError};
use runtime_traits::io::{AsyncRead, AsyncSeek, AsyncWrite};
use runtime_traits::task::yield_now;
use rustix::fs::{FlockOperation, flock};

use crate::scratch::Scratch;
use crate::support::{Gate, alone, announced, on_every_runtime, poll_once, with_every_runtime};

/// Polls once and drops; whether it was pending.
async fn given_up(future: impl Future) -> bool {
    let mut future = pin!(future);
    poll_once(future.as_mut()).await.is_pending()
}

fn append(path: &std::path::Path, bytes: &[u8]) {
    std_fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

on_every_runtime! {
    /// Where nothing is known to be in memory, each read is a job.
    async fn a_dropped_read_moves_no_cursor() {
        let scratch = Scratch::in_memory();
        let path = scratch.file("a", "0123456789");
        let file = File::open(&path).await.unwrap();
        for _ in 0..20 {
            let at = if given_up(file.read(&mut [0; 4])).await { 0 } else { 4 };
            assert_eq!(file.stream_position().await.unwrap(), at);
            file.rewind().await.unwrap();
        }
        let mut four = [0; 4];
        file.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"0123");
    }

    /// FS-5: the end that a dropped read met is not kept.
    async fn a_dropped_read_makes_no_end() {
        for scratch in [Scratch::in_memory(), Scratch::new()] {
            let path = scratch.file("a", "");
            let file = File::open(&path).await.unwrap();
            for round in 0..20_u8 {
                given_up(file.read(&mut [0; 4])).await;
                append(&path, &[round]);
                let mut byte = [0; 4];
                assert_eq!(file.read(&mut byte).await.unwrap(), 1);
                assert_eq!(byte[0], round);
            }
        }
    }

    async fn whatever_was_dropped_the_file_works() {
        let scratch = Scratch::in_memory();
        let path = scratch.file("a", "0123456789");
        let file = File::options().read(true).write(true).open(&path).await.unwrap();
        for _ in 0..5 {
            given_up(file.read(&mut [0; 4])).await;
            given_up(file.seek(SeekFrom::End(0))).await;
            given_up(file.read_at(&mut [0; 4], 2)).await;
            given_up(file.write_at(b"2", 2)).await;
            given_up(file.read_exact(&mut [0; 4])).await;
            given_up(file.sync_all()).await;
            given_up(file.sync_data()).await;
            given_up(file.metadata()).await;
            given_up(file.set_len(10)).await;
            given_up(file.flush()).await;
            given_up(file.unlock()).await;
            given_up(fs::read(&path)).await;
            given_up(fs::read_dir(scratch.path(""))).await;
            given_up(File::open(&path)).await;
        }
        file.rewind().await.unwrap();
        let mut all = Vec::new();
        file.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"0123456789");
    }

    /// A write that has begun is written, once, and the next comes behind it. (One that gave way, for
    /// the task's budget was used up, has not begun.)
    async fn a_dropped_write_goes_on() {
        let scratch = Scratch::new();
        let path = scratch.path("a");
        let file = File::create(&path).await.unwrap();
        let (mut so_far, mut begun) = (Vec::new(), 0);
        for round in 0..50_u8 {
            given_up(file.write(&[round; 100])).await;
            file.write_all(b"|").await.unwrap();
            let without = [&so_far[..], b"|"].concat();
            let with = [&so_far[..], &[round; 100], b"|"].concat();
            so_far = std_fs::read(&path).unwrap();
            begun += usize::from(so_far == with);
            assert!(so_far == with || so_far == without, "round {round}");
        }
        assert!(begun > 0);
        file.flush().await.unwrap();
        assert_eq!(std_fs::read(&path).unwrap(), so_far);
    }

    /// A trait's read that was given up is there for the next poll, but not for a method.
    async fn a_poll_that_was_given_up() {
        let scratch = Scratch::in_memory();
        let path = scratch.file("a", "0123");
        let mut file = File::open(&path).await.unwrap();
        let mut buf = [0; 2];
        if !given_up(poll_fn(|cx| Pin::new(&mut file).poll_read(cx, &mut [0; 4]))).await {
            file.rewind().await.unwrap();
        }
        assert_eq!(file.stream_position().await.unwrap(), 0);
        assert_eq!(file.read(&mut buf).await.unwrap(), 2);
        assert_eq!(&buf, b"01");
        if !given_up(poll_fn(|cx| Pin::new(&mut file).poll_seek(cx, SeekFrom::End(0)))).await {
            file.seek(SeekFrom::Start(2)).await.unwrap();
        }
        assert_eq!(file.read(&mut buf).await.unwrap(), 2);
        assert_eq!(&buf, b"23");
    }

    /// A poll has no name: of two tasks, one that reads and one that seeks, neither throws away for ever
    /// what was brought for the other.
    async fn two_tasks_that_poll_one_file_both_get_on() {
        let scratch = Scratch::in_memory();
        let file = Arc::new(File::open(scratch.file("a", "0123456789")).await.unwrap());
        let other = file.clone();
        let seeking = runtime_traits::spawn(async move {
            let mut file = &*other;
            for _ in 0..200 {
                let seek = poll_fn(|cx| Pin::new(&mut file).poll_seek(cx, SeekFrom::End(-1)));
                assert_eq!(seek.await.unwrap(), 9);
            }
        });
        let reading = runtime_traits::spawn(async move {
            let mut file = &*file;
            let mut byte = [0];
            for _ in 0..200 {
                let n = poll_fn(|cx| Pin::new(&mut file).poll_read(cx, &mut byte)).await.unwrap();
                assert!(n == 0 || byte[0].is_ascii_digit());
            }
        });
        seeking.await.unwrap();
        reading.await.unwrap();
    }

    /// Bytes of a stream are nobody's until they are handed out.
    async fn a_dropped_read_of_a_fifo_loses_nothing() {
        let scratch = Scratch::new();
        let path = scratch.fifo("fifo");
        let fifo = File::options().read(true).write(true).open(&path).await.unwrap();
        for round in 0..20_u8 {
            assert!(given_up(fifo.read(&mut [0; 9])).await);
            fifo.write_all(&[round; 5]).await.unwrap();
            let mut five = [0; 5];
            fifo.read_exact(&mut five).await.unwrap();
            assert_eq!(five, [round; 5]);
        }
    }

    /// A dropped read that is still under way will have bytes that std's file could not get at.
    async fn a_fifo_that_is_being_read_is_not_given_to_std() {
        let scratch = Scratch::new();
        let path = scratch.fifo("fifo");
        let fifo = File::options().read(true).write(true).open(&path).await.unwrap();
        let feeds = File::options().write(true).open(&path).await.unwrap();
        assert!(given_up(fifo.read(&mut [0; 9])).await);
        let clone = fifo.try_clone().unwrap();
        let (sought, given) = (clone.seek(SeekFrom::Start(0)).await, fifo.into_std().await);
        // Now the job ends, whatever was answered.
        feeds.write_all(b"012").await.unwrap();
        assert_eq!(sought.unwrap_err().kind(), ErrorKind::NotSeekable);
        assert_eq!(given.unwrap_err().kind(), ErrorKind::ResourceBusy);
        let mut three = [0; 3];
        clone.read_exact(&mut three).await.unwrap();
        assert_eq!(&three, b"012");
        clone.into_std().await.unwrap();
    }

    /// What is in flight goes on when the file is dropped, and the descriptor goes with it.
    async fn a_file_dropped_after_a_write_is_written() {
        let scratch = Scratch::new();
        for round in 0..20 {
            let path = scratch.path(&format!("{round}"));
            let mut file = File::create(&path).await.unwrap();
            file.lock().await.unwrap();
            let n = poll_fn(|cx| Pin::new(&mut file).poll_write(cx, b"behind")).await.unwrap();
            assert_eq!(n, 6);
            drop(file);
            // The lock is gone with the descriptor, after the write.
            let check = File::open(&path).await.unwrap();
            check.lock().await.unwrap();
            assert_eq!(std_fs::read(&path).unwrap(), b"behind");
        }
    }

    /// Whoever gave up waiting does not take away the lock that the same file gets later.
    async fn a_lock_outlives_a_call_that_was_given_up() {
        let scratch = Scratch::new();
        let path = scratch.file("a", "");
        let (one, two) = (File::open(&path).await.unwrap(), File::open(&path).await.unwrap());
        let (two, other) = (Arc::new(two), one.try_clone().unwrap());
        for _ in 0..10 {
            one.lock().await.unwrap();
            {
                let mut lock = pin!(two.lock());
                for _ in 0..200 {
                    assert!(poll_once(lock.as_mut()).await.is_pending());
                    yield_now().await;
                }
            }
            let again = two.clone();
            let waits = Gate::default();
            let again = announced(waits.clone(), async move { again.lock().await });
            let again = runtime_traits::spawn(again);
            waits.wait().await;
            one.unlock().await.unwrap();
            again.await.unwrap().unwrap();
            for _ in 0..20 {
                assert!(matches!(other.try_lock().await, Err(TryLockError::WouldBlock)));
            }
            two.unlock().await.unwrap();
        }
    }
}

with_every_runtime! {
    /// The runtime ends; the file says so, and goes on saying so.
    fn a_file_outlives_its_runtime(start: Start) {
        let scratch = Scratch::in_memory();
        let path = scratch.file("a", "0123");
        let owner = start();
        let mut file = owner.block_on(async { File::options().read(true).write(true).open(&path).await }).unwrap();
        drop(owner);
        alone(async {
            for _ in 0..3 {
                assert_eq!(file.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
                assert!(file.write(b"x").await.is_err());
                assert!(file.metadata().await.is_err());
                assert!(file.read_at(&mut [0], 0).await.is_err());
            }
            assert_eq!(file.seek(SeekFrom::Start(1)).await.unwrap(), 1);
            assert!(file.seek(SeekFrom::End(0)).await.is_err());
            file.flush().await.unwrap();
            // Taken to be written behind, and never written: no flush is `Ok` from here on.
            poll_fn(|cx| Pin::new(&mut file).poll_write(cx, b"x")).await.unwrap();
            for _ in 0..3 {
                assert!(file.flush().await.is_err());
            }
            assert!(file.close().await.is_err());
        });
        assert_eq!(std_fs::read(&path).unwrap(), b"0123");
    }

    /// A task of another runtime waits for a file of one that ends.
    fn who_waits_when_the_runtime_ends_is_told(start: Start) {
        let scratch = Scratch::new();
        let fifo = scratch.fifo("fifo");
        let owner = start();
        let open = async { File::options().read(true).write(true).open(&fifo).await };
        let file = Arc::new(owner.block_on(open).unwrap());
        let (reader, waits) = (file.clone(), Gate::default());
        let gate = waits.clone();
        let reading = std::thread::spawn(move || {
            alone(announced(gate, async { reader.read(&mut [0; 4]).await }))
        });
        waits.pass();
        // The job is in `read`: it is let go, for the runtime waits for it.
        let end = std::thread::spawn(move || drop(owner));
        std_fs::OpenOptions::new().write(true).open(&fifo).unwrap().write_all(b"abc").unwrap();
        end.join().unwrap();
        // Begun, it has its bytes; not begun, it is told.
        match reading.join().unwrap() {
            Ok(n) => assert_eq!(n, 3),
            Err(error) => assert_eq!(error.kind(), ErrorKind::BrokenPipe),
        }
    }

    /// Nobody gives the lock back, and the runtime ends all the same.
    fn who_waits_for_a_lock_holds_up_no_end(start: Start) {
        let scratch = Scratch::new();
        let path = scratch.file("a", "");
        let holds = std_fs::File::open(&path).unwrap();
        flock(&holds, FlockOperation::LockExclusive).unwrap();
        for gives_up in [true, false] {
            let owner = start();
            let file = owner.block_on(File::open(&path)).unwrap();
            let mut lock = Box::pin(file.lock());
            owner.block_on(async {
                for _ in 0..200 {
                    assert!(poll_once(lock.as_mut()).await.is_pending());
                    yield_now().await;
                }
            });
            if gives_up {
                drop(lock);
                drop(owner);
            } else {
                drop(owner);
                assert_eq!(alone(lock).unwrap_err().kind(), ErrorKind::BrokenPipe);
            }
        }
    }
}
