//! What a program does with files, as std has it.

use std::collections::BTreeSet;
use std::fs as std_fs;
use std::future::poll_fn;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::pin::{Pin, pin};
use std::time::{Duration, SystemTime};

use runtime_traits::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use runtime_traits::io::{self, AsyncRead, AsyncSeek, AsyncWrite};

use crate::scratch::Scratch;
use crate::support::{Gate, announced, on_every_runtime, poll_once};

async fn write(mut to: impl AsyncWrite + Unpin, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = poll_fn(|cx| Pin::new(&mut to).poll_write(cx, bytes)).await?;
        bytes = &bytes[n..];
    }
    Ok(())
}

async fn flush(mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    poll_fn(|cx| Pin::new(&mut to).poll_flush(cx)).await
}

on_every_runtime! {
    /// FAIR-4: also where the bytes are at hand, and on runtimes without a budget of their own.
    async fn a_loop_over_cached_reads_gives_way() {
        let scratch = Scratch::new();
        let path = scratch.path("cached");
        std_fs::write(&path, [7; 64]).unwrap();
        // A task's: the main future may have no budget.
        let task = runtime_traits::spawn(async move {
            let file = File::open(&path).await.unwrap();
            let mut busy = pin!(async {
                for _ in 0..100_000 {
                    assert_eq!(file.read_at(&mut [0], 5).await.unwrap(), 1);
                }
            });
            poll_once(busy.as_mut()).await.is_pending()
        });
        assert!(task.await.unwrap(), "it ran through in one poll");
    }

    async fn what_is_written_is_read() {
        let scratch = Scratch::new();
        let path = scratch.path("a");
        let file = File::create(&path).await.unwrap();
        assert_eq!(file.write(b"hello ").await.unwrap(), 6);
        file.write_all(b"world\n").await.unwrap();
        // No flush: a method returns when the system has the bytes.
        assert_eq!(std_fs::read(&path).unwrap(), b"hello world\n");
        file.sync_all().await.unwrap();
        file.sync_data().await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 12);
        assert!(file.read(&mut [0; 4]).await.is_err(), "opened to write only");
        file.close().await.unwrap();

        let file = File::open(&path).await.unwrap();
        let mut word = [0; 5];
        file.read_exact(&mut word).await.unwrap();
        assert_eq!(&word, b"hello");
        assert_eq!(file.stream_position().await.unwrap(), 5);
        let mut rest = String::from(">");
        assert_eq!(file.read_to_string(&mut rest).await.unwrap(), 7);
        assert_eq!(rest, "> world\n");
        assert_eq!(file.read(&mut word).await.unwrap(), 0);
        assert_eq!(file.read_exact(&mut word).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        file.rewind().await.unwrap();
        let mut all = Vec::new();
        assert_eq!(file.read_to_end(&mut all).await.unwrap(), 12);
        assert_eq!((all.len(), &all[..]), (12, &b"hello world\n"[..]));
        assert!(file.write(b"x").await.is_err(), "opened to read only");
    }

    async fn large_contents_pass_whole() {
        let scratch = Scratch::new();
        let path = scratch.path("large");
        // More than one job moves, and no multiple of it.
        let bytes: Vec<u8> = (0..5_000_001_u32).map(|n| (n ^ n >> 8 ^ n >> 16) as u8).collect();
        let file = File::options().read(true).write(true).create(true).open(&path).await.unwrap();
        file.write_all(&bytes).await.unwrap();
        assert!(std_fs::read(&path).unwrap() == bytes);
        file.rewind().await.unwrap();
        let mut back = Vec::new();
        file.read_to_end(&mut back).await.unwrap();
        assert!(back == bytes);
        // By the traits, too.
        file.set_len(0).await.unwrap();
        file.rewind().await.unwrap();
        write(&file, &bytes).await.unwrap();
        flush(&file).await.unwrap();
        assert!(std_fs::read(&path).unwrap() == bytes);
        let (from, to) = (File::open(&path).await.unwrap(), scratch.path("copy"));
        let copied = io::copy(&from, File::create(to).await.unwrap()).await.unwrap();
        assert_eq!(copied, bytes.len() as u64);
        assert!(std_fs::read(scratch.path("copy")).unwrap() == bytes);
    }

    /// FS-2: after a flush, others see the bytes; after a close, too.
    async fn flush_and_close_make_it_visible() {
        let scratch = Scratch::new();
        let path = scratch.path("a");
        for round in 0..20 {
            let mut file = File::create(&path).await.unwrap();
            write(&mut file, b"one ").await.unwrap();
            write(&mut file, b"two").await.unwrap();
            if round % 2 == 0 {
                flush(&mut file).await.unwrap();
            } else {
                poll_fn(|cx| Pin::new(&mut file).poll_close(cx)).await.unwrap();
                poll_fn(|cx| Pin::new(&mut file).poll_close(cx)).await.unwrap();
                assert!(file.write(b"x").await.is_err(), "it is closed");
                assert!(file.as_std().is_none());
            }
            assert_eq!(std_fs::read(&path).unwrap(), b"one two");
        }
    }

    async fn empty_buffers_move_nothing() {
        let scratch = Scratch::new();
        let path = scratch.file("a", "12");
        let file = File::options().read(true).write(true).open(&path).await.unwrap();
        let mut at_once = pin!(async {
            assert_eq!(file.read(&mut []).await.unwrap(), 0);
            assert_eq!(file.write(&[]).await.unwrap(), 0);
            assert_eq!(file.read_at(&mut [], 1 << 40).await.unwrap(), 0);
            assert_eq!(file.write_at(&[], 1 << 40).await.unwrap(), 0);
            file.write_all(&[]).await.unwrap();
            file.read_exact(&mut []).await.unwrap();
        });
        assert!(poll_once(at_once.as_mut()).await.is_ready());
        assert_eq!(file.read(&mut [0; 9]).await.unwrap(), 2);
        assert_eq!(std_fs::read(&path).unwrap(), b"12");
    }

    async fn places_beside_the_cursor() {
        let scratch = Scratch::new();
        let path = scratch.file("a", "0123456789");
        let file = File::options().read(true).write(true).open(&path).await.unwrap();
        let mut buf = [0; 3];
        assert_eq!(file.read_at(&mut buf, 4).await.unwrap(), 3);
        assert_eq!(&buf, b"456");
        assert_eq!(file.write_at(b"xy", 8).await.unwrap(), 2);
        file.write_all_at(b"AB", 0).await.unwrap();
        file.read_exact_at(&mut buf, 7).await.unwrap();
        assert_eq!(&buf, b"7xy");
        assert_eq!(file.read_exact_at(&mut buf, 8).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(file.read_at(&mut buf, 10).await.unwrap(), 0);
        assert_eq!(file.stream_position().await.unwrap(), 0);
        file.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"AB2");
    }

    async fn appending() {
        let scratch = Scratch::new();
        let path = scratch.file("log", "1\n");
        let file = OpenOptions::new().read(true).append(true).open(&path).await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), 0);
        file.write_all(b"2\n").await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), 4);
        // Somebody else appends; ours comes behind.
        std_fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"3\n").unwrap();
        file.rewind().await.unwrap();
        write(&file, b"4\n").await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), 8);
        assert_eq!(std_fs::read(&path).unwrap(), b"1\n2\n3\n4\n");
        file.rewind().await.unwrap();
        let mut first = [0; 2];
        file.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"1\n");
    }

    async fn clones_share_the_cursor() {
        let scratch = Scratch::new();
        let path = scratch.file("a", "abcdef");
        let (one, mut byte) = (File::open(&path).await.unwrap(), [0; 2]);
        let two = one.try_clone().unwrap();
        one.read_exact(&mut byte).await.unwrap();
        two.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"cd");
        one.close().await.unwrap();
        two.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"ef");
    }

    async fn to_std_and_back_with_the_cursor() {
        let scratch = Scratch::new();
        let path = scratch.file("a", "0123456789");
        let mut blocking = std_fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        blocking.seek(SeekFrom::Start(3)).unwrap();
        let file = File::from_std(blocking).unwrap();
        let mut two = [0; 2];
        file.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"34");
        write(&file, b"xx").await.unwrap();
        let mut blocking = file.into_std().await.unwrap();
        assert_eq!(blocking.stream_position().unwrap(), 7);
        let mut rest = String::new();
        blocking.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "789");
        assert_eq!(std_fs::read(&path).unwrap(), b"01234xx789");
        let appending = std_fs::OpenOptions::new().append(true).open(&path).unwrap();
        File::try_from(appending).unwrap().write_all(b"!").await.unwrap();
        assert_eq!(std_fs::read(&path).unwrap(), b"01234xx789!");
    }

    /// Reads and seeks by the poll traits, in turns.
    async fn the_traits_read_and_seek() {
        let scratch = Scratch::new();
        let path = scratch.file("a", "0123456789");
        let mut file = File::open(&path).await.unwrap();
        for (to, at) in [(SeekFrom::End(-4), 6), (SeekFrom::Start(1), 1), (SeekFrom::Current(2), 5)] {
            let sought = poll_fn(|cx| Pin::new(&mut file).poll_seek(cx, to)).await.unwrap();
            assert_eq!(sought, at);
            let mut two = [0; 2];
            let n = poll_fn(|cx| Pin::new(&mut file).poll_read(cx, &mut two)).await.unwrap();
            assert_eq!(two[..n], b"0123456789"[at as usize..][..n]);
            let back = SeekFrom::Start(at + 2);
            poll_fn(|cx| Pin::new(&mut file).poll_seek(cx, back)).await.unwrap();
            if at == 1 {
                assert_eq!(file.stream_position().await.unwrap(), 3);
            }
        }
    }

    async fn many_tasks_write_one_file() {
        let scratch = Scratch::new();
        let path = scratch.path("a");
        let file = std::sync::Arc::new(File::create(&path).await.unwrap());
        let mut tasks = Vec::new();
        for name in 0..20_u8 {
            let file = file.clone();
            tasks.push(runtime_traits::spawn(async move {
                for _ in 0..20 {
                    assert_eq!(file.write(&[name; 10]).await.unwrap(), 10);
                    write(&*file, &[name; 10]).await.unwrap();
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        file.flush().await.unwrap();
        let bytes = std_fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 20 * 20 * 20);
        let mut count = [0; 20];
        for run in bytes.chunks(10) {
            assert!(run.iter().all(|byte| byte == &run[0]), "writes are torn");
            count[usize::from(run[0])] += 1;
        }
        assert_eq!(count, [40; 20]);
    }

    async fn facts_and_permissions() {
        let scratch = Scratch::new();
        let path = scratch.path("a");
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o640).open(&path).await.unwrap();
        assert_eq!(options.open(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(File::create_new(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(file.metadata().await.unwrap().mode() & 0o777 & !0o640, 0);
        file.set_permissions(fs::Permissions::from_mode(0o600)).await.unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().mode() & 0o777, 0o644);
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        file.set_modified(then).await.unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().modified().unwrap(), then);
        file.set_times(fs::FileTimes::new().set_accessed(then)).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().accessed().unwrap(), then);
        file.set_len(1 << 20).await.unwrap();
        assert_eq!(std_fs::metadata(&path).unwrap().len(), 1 << 20);
        let own = file.metadata().await.unwrap();
        fs::fchown(&file, Some(own.uid()), None).await.unwrap();
        fs::chown(&path, None, Some(own.gid())).await.unwrap();
        fs::lchown(&path, None, None).await.unwrap();
    }

    async fn paths() {
        let scratch = Scratch::new();
        let (a, b, link) = (scratch.path("a"), scratch.path("b"), scratch.path("link"));
        assert!(!fs::exists(&a).await.unwrap());
        fs::write(&a, "text").await.unwrap();
        assert!(fs::try_exists(&a).await.unwrap());
        assert_eq!(fs::read(&a).await.unwrap(), b"text");
        assert_eq!(fs::read_to_string(&a).await.unwrap(), "text");
        assert_eq!(fs::copy(&a, &b).await.unwrap(), 4);
        fs::rename(&b, scratch.path("c")).await.unwrap();
        assert_eq!(fs::read(&b).await.unwrap_err().kind(), ErrorKind::NotFound);
        fs::symlink(&a, &link).await.unwrap();
        assert_eq!(fs::read_link(&link).await.unwrap(), a);
        assert!(fs::symlink_metadata(&link).await.unwrap().is_symlink());
        assert!(fs::metadata(&link).await.unwrap().is_file());
        let real = std_fs::canonicalize(&a).unwrap();
        assert_eq!(fs::canonicalize(&link).await.unwrap(), real);
        fs::hard_link(&a, &b).await.unwrap();
        assert_eq!(fs::metadata(&b).await.unwrap().nlink(), 2);
        fs::remove_file(&b).await.unwrap();
        fs::write(&b, [0xFF]).await.unwrap();
        assert_eq!(fs::read_to_string(&b).await.unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(fs::chroot(scratch.path("none")).await.unwrap_err().kind(), ErrorKind::NotFound);
    }

    async fn directories() {
        let scratch = Scratch::new();
        let dir = scratch.path("dir");
        fs::create_dir(&dir).await.unwrap();
        assert_eq!(fs::create_dir(&dir).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        fs::create_dir_all(dir.join("x/y")).await.unwrap();
        DirBuilder::new().recursive(true).mode(0o700).create(dir.join("x/z")).await.unwrap();
        assert_eq!(fs::metadata(dir.join("x/z")).await.unwrap().mode() & 0o777, 0o700);
        // More than two batches, and not a multiple of one.
        let names: BTreeSet<_> = (0..150).map(|n| format!("file {n}")).collect();
        for name in &names {
            std_fs::write(dir.join(name), name).unwrap();
        }
        let (mut entries, mut seen) = (fs::read_dir(&dir).await.unwrap(), BTreeSet::new());
        while let Some(entry) = entries.next_entry().await.unwrap() {
            let (name, file_type) = (entry.file_name(), entry.file_type().await.unwrap());
            assert_eq!(entry.path(), dir.join(&name));
            if file_type.is_dir() {
                assert_eq!(name, "x");
                continue;
            }
            let metadata = entry.metadata().await.unwrap();
            assert_eq!((metadata.len(), metadata.ino()), (name.len() as u64, entry.ino()));
            assert!(seen.insert(name.into_string().unwrap()));
        }
        assert!(entries.next_entry().await.unwrap().is_none());
        assert_eq!(seen, names);
        assert!(fs::read_dir(dir.join("none")).await.is_err());
        assert_ne!(fs::remove_dir(&dir).await.unwrap_err().kind(), ErrorKind::NotFound);
        fs::remove_dir_all(&dir).await.unwrap();
        assert!(!dir.exists());
        fs::create_dir(&dir).await.unwrap();
        assert!(fs::read_dir(&dir).await.unwrap().next_entry().await.unwrap().is_none());
        fs::remove_dir(&dir).await.unwrap();
    }

    async fn locks_exclude_each_other() {
        let scratch = Scratch::new();
        let path = scratch.file("a", "");
        let (one, two) = (File::open(&path).await.unwrap(), File::open(&path).await.unwrap());
        one.lock_shared().await.unwrap();
        two.try_lock_shared().await.unwrap();
        assert!(matches!(two.try_lock().await, Err(TryLockError::WouldBlock)));
        two.unlock().await.unwrap();
        one.unlock().await.unwrap();
        one.lock().await.unwrap();
        let error = io::Error::from(two.try_lock_shared().await.unwrap_err());
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let waits = Gate::default();
        let second = announced(waits.clone(), async move { two.lock().await.map(|()| two) });
        let second = runtime_traits::spawn(second);
        waits.wait().await;
        assert!(!second.is_finished());
        one.unlock().await.unwrap();
        let two = second.await.unwrap().unwrap();
        assert!(matches!(one.try_lock().await, Err(TryLockError::WouldBlock)));
        two.unlock().await.unwrap();
        one.try_lock().await.unwrap();
    }

    /// Whoever was dropped while it waited for a lock does not hold it afterwards.
    async fn a_lock_that_nobody_waits_for_is_given_back() {
        let scratch = Scratch::new();
        let path = scratch.file("a", "");
        let (one, two) = (File::open(&path).await.unwrap(), File::open(&path).await.unwrap());
        for _ in 0..10 {
            one.lock().await.unwrap();
            {
                // Held: the first try ends without a lock, and the second waits, if it gets that far.
                let mut lock = pin!(two.lock());
                assert!(poll_once(lock.as_mut()).await.is_pending());
            }
            one.unlock().await.unwrap();
            // Both arrive and are given back: else this would hang.
            one.lock().await.unwrap();
            one.unlock().await.unwrap();
            {
                let mut lock = pin!(two.lock());
                let _ = poll_once(lock.as_mut()).await.map(Result::unwrap);
            }
            two.unlock().await.unwrap();
        }
    }
}
