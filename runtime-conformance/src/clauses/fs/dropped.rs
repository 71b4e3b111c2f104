//! FS-3 and FS-5: operations that are given up.

use std::future::{Future, poll_fn};
use std::io::Write;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};

use runtime_traits::fs::File;
use runtime_traits::io::{self, AsyncRead, AsyncSeek, AsyncWrite, SeekFrom};

use super::place::Place;
use crate::clauses::tcp::steps::{byte_at, bytes_at, in_task, once, until_woken, wrong_at};
use crate::rig::{Rig, await_outside};
use crate::toolbox::fence::GiveWay;
use crate::toolbox::hand_poll;

/// What a file holds at first.
const LEN: usize = 8192;
/// What it is lengthened to, and what it holds in the end.
const LONGER: usize = LEN + 100;
/// Where the cursor is when an operation begins.
const START: u64 = 100;
/// What is written: a byte that is nowhere in the file.
const NEW: [u8; 64] = [b'*'; 64];

/// An operation on a file. What it answers is of no interest.
type Flying = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// What an operation that was dropped may have moved the cursor to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Leaves {
    /// Where it was.
    Cursor,
    /// Anywhere from there on.
    Behind,
    /// Where it was, or behind what is written.
    Written,
    /// Where it was, or where it was sent.
    Sought,
}

/// Name, what it may leave, and how it is begun. By the trait a poll that is given up cannot be told
/// from one that will come again; so by the trait reading and seeking may leave what they had done.
type Operation = (&'static str, Leaves, fn(Arc<File>) -> Flying);

const OPERATIONS: &[Operation] = &[
    ("read", Leaves::Cursor, |file| {
        Box::pin(async move { file.read(&mut [0; 64]).await.map(drop) })
    }),
    ("read_exact", Leaves::Behind, |file| {
        Box::pin(async move { file.read_exact(&mut [0; 64]).await })
    }),
    ("read_to_end", Leaves::Behind, |file| {
        Box::pin(async move { file.read_to_end(&mut Vec::new()).await.map(drop) })
    }),
    ("read_at", Leaves::Cursor, |file| {
        Box::pin(async move { file.read_at(&mut [0; 64], START).await.map(drop) })
    }),
    ("write", Leaves::Written, |file| Box::pin(async move { file.write(&NEW).await.map(drop) })),
    ("write_all", Leaves::Written, |file| Box::pin(async move { file.write_all(&NEW).await })),
    ("write_at", Leaves::Cursor, |file| {
        Box::pin(async move { file.write_at(&NEW, START).await.map(drop) })
    }),
    ("flush", Leaves::Cursor, |file| Box::pin(async move { file.flush().await })),
    ("seek", Leaves::Sought, |file| {
        Box::pin(async move { file.seek(SeekFrom::End(-10)).await.map(drop) })
    }),
    ("set_len", Leaves::Cursor, |file| Box::pin(async move { file.set_len(LONGER as u64).await })),
    ("sync_all", Leaves::Cursor, |file| Box::pin(async move { file.sync_all().await })),
    ("sync_data", Leaves::Cursor, |file| Box::pin(async move { file.sync_data().await })),
    ("metadata", Leaves::Cursor, |file| Box::pin(async move { file.metadata().await.map(drop) })),
    ("poll_read", Leaves::Behind, |file| {
        Box::pin(poll_fn(move |cx| Pin::new(&mut &*file).poll_read(cx, &mut [0; 64]).map_ok(drop)))
    }),
    ("poll_write", Leaves::Written, |file| {
        Box::pin(poll_fn(move |cx| Pin::new(&mut &*file).poll_write(cx, &NEW).map_ok(drop)))
    }),
    ("poll_flush", Leaves::Cursor, |file| {
        Box::pin(poll_fn(move |cx| Pin::new(&mut &*file).poll_flush(cx)))
    }),
    ("poll_seek", Leaves::Sought, |file| {
        Box::pin(poll_fn(move |cx| {
            Pin::new(&mut &*file).poll_seek(cx, SeekFrom::End(-10)).map_ok(drop)
        }))
    }),
];

/// A file that holds the test's stream, opened to read and write, with its cursor at [`START`].
async fn opened(id: &str, path: &PathBuf) -> File {
    std::fs::write(path, bytes_at(0, LEN)).expect("std writes a file");
    let file = File::options().read(true).write(true).open(path).await;
    let file = file.unwrap_or_else(|error| panic!("{id}: opening a file gave {error}"));
    let sought = file.seek(SeekFrom::Start(START)).await;
    assert!(matches!(sought, Ok(START)), "{id}: seeking in a new file gave {sought:?}");
    file
}

/// FS-3: an operation that was dropped leaves a file that works; where its cursor is then is written on
/// its page.
///
/// Method: each operation is polled once and dropped; and once more, dropped when it has been woken. Then
/// the cursor is asked, the whole file is read, its end is written and flushed, and it is closed. What was
/// being written may be there in part; everything else must be as it was. As witness, some of the
/// operations were pending.
///
/// If this fails, look for an answer that is taken for that of the next operation, or a state that is left
/// when its future is, and polled again.
pub(super) fn fs_3_a_dropped_operation_leaves_a_file_that_works(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    let pending = Arc::new(AtomicU64::new(0));
    for &(name, leaves, begin) in OPERATIONS {
        for woken in [false, true] {
            let what = format!("FS-3: {name}, dropped{}", if woken { " when woken" } else { "" });
            let (path, pending) = (place.at("dropped"), pending.clone());
            in_task(rig, &rt, &what.clone(), async move {
                let file = Arc::new(opened("FS-3", &path).await);
                let mut flying = begin(file.clone());
                let was_pending = once(&mut flying).await.is_pending();
                if was_pending {
                    pending.fetch_add(1, Ordering::SeqCst);
                }
                if was_pending && woken {
                    until_woken().await;
                }
                drop(flying);
                check_cursor(&what, &file, leaves, was_pending).await;
                check_works(&what, file, &path).await;
            });
        }
    }
    rig.witness("operations that were pending", pending.load(Ordering::SeqCst), 1);
    rig.shutdown(rt);
}

async fn check_cursor(what: &str, file: &File, leaves: Leaves, was_pending: bool) {
    let at = file.stream_position().await;
    let at = at.unwrap_or_else(|error| panic!("{what}: asking for the cursor gave {error}"));
    let fine = match leaves {
        _ if !was_pending => true, // it was done, so this is not about it
        Leaves::Cursor => at == START,
        Leaves::Behind => (START..=LEN as u64).contains(&at),
        Leaves::Written => at == START || at == START + NEW.len() as u64,
        Leaves::Sought => at == START || at == LEN as u64 - 10,
    };
    assert!(fine, "{what}: the cursor was at {START}, and is at {at} ({leaves:?})");
}

async fn check_works(what: &str, file: Arc<File>, path: &PathBuf) {
    let file = Arc::into_inner(file).expect("the operation was dropped");
    let sought = file.seek(SeekFrom::Start(0)).await;
    assert!(matches!(sought, Ok(0)), "{what}: seeking afterwards gave {sought:?}");
    let mut all = Vec::new();
    let read = file.read_to_end(&mut all).await;
    // What was dropped may go on, and make the file longer now or later.
    let fine = matches!(read, Ok(n) if (LEN..=LONGER).contains(&n) && n == all.len());
    assert!(fine, "{what}: reading the file afterwards gave {read:?}");
    let written = START as usize..START as usize + NEW.len();
    let is_right = |at: usize, byte: u8| match at {
        LEN.. => byte == 0,
        _ => byte == byte_at(at) || written.contains(&at),
    };
    let wrong = all.iter().enumerate().find(|(at, byte)| !is_right(*at, **byte));
    assert!(wrong.is_none(), "{what}: a wrong byte in the file afterwards: {wrong:?}");
    let sought = file.seek(SeekFrom::Start(LEN as u64)).await;
    assert!(sought.is_ok(), "{what}: seeking to the end gave {sought:?}");
    let wrote = file.write_all(&bytes_at(LEN, LONGER - LEN)).await;
    assert!(wrote.is_ok(), "{what}: writing afterwards gave {wrote:?}");
    let closed = file.close().await;
    assert!(closed.is_ok(), "{what}: closing afterwards gave {closed:?}");
    let there = std::fs::read(path).expect("std reads a file");
    assert_eq!(there.len(), LONGER, "{what}: the length of the file in the end");
    assert_eq!(wrong_at(LEN, &there[LEN..]), None, "{what}: what was written afterwards");
}

/// FS-3: what is in flight when the runtime ends comes back, with a result or an error; and so does
/// whatever is asked of the file then.
///
/// Method: each operation is polled once, on a file of its own; the runtime ends; each is awaited, where
/// there is no runtime. Then each file is read, written and flushed: it answers, and nothing panics.
///
/// If this fails with a hang, look for a thread that ends without a word to those who wait for it.
pub(super) fn fs_3_the_end_leaves_a_file_that_answers(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    let paths: Vec<_> = (0..OPERATIONS.len()).map(|nth| place.at(format!("ended-{nth}"))).collect();
    let files = in_task(rig, &rt, "FS-3: files to be opened", async move {
        let mut files = Vec::new();
        for path in &paths {
            files.push(Arc::new(opened("FS-3", path).await));
        }
        files
    });
    let mut flying = Vec::new();
    for (file, &(name, _, begin)) in files.iter().zip(OPERATIONS) {
        let mut operation = begin(file.clone());
        if hand_poll(&mut operation, Waker::noop()).is_pending() {
            flying.push((name, operation));
        }
    }
    rig.witness("operations in flight at the end", flying.len() as u64, 1);
    rig.shutdown(rt);
    for (name, operation) in flying {
        let _ =
            await_outside(&format!("FS-3: {name}, in flight at the end, to come back"), operation);
    }
    for (file, &(name, _, _)) in files.iter().zip(OPERATIONS) {
        let asked = async {
            let _ = file.read(&mut [0; 8]).await;
            let _ = file.read_at(&mut [0; 8], 0).await;
            let _ = file.write(b"late").await;
            let _ = file.flush().await;
        };
        await_outside(&format!("FS-3: a file to answer when all has ended, after {name}"), asked);
    }
}

/// How many reads are dropped; …
const DROPS: usize = 60;
/// … and at most, if a thread is always done before the read is pending.
const DROPS_MAX: usize = 3000;

/// FS-5: a read that was dropped has moved no cursor, and has made no end that is not there.
///
/// Method: sixty times a read is polled once and dropped, every other time after it was woken: so it had
/// its answer, and that was not asked for. Every third time there is something to be read; else the read
/// is at the end, and then std appends. The next read, by another clone, must begin where the first did.
/// A read that was ready is no read that was dropped, and counts.
///
/// If this fails, look for an answer that is kept for whoever comes next.
pub(super) fn fs_5_a_dropped_read_moves_nothing(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    let path = place.file(rig, "followed", b"");
    let appends = std::fs::OpenOptions::new().append(true).open(&path);
    let (mut appends, mut random) = (rig.setup("a file to append to", appends), rig.random());
    let pending = in_task(rig, &rt, "FS-5: bytes after a dropped read", async move {
        let file = File::open(&path).await;
        let file = file.unwrap_or_else(|error| panic!("FS-5: opening a file gave {error}"));
        let clone = file.try_clone().unwrap_or_else(|error| panic!("FS-5: a clone: {error}"));
        let (mut place, mut len, mut pending) = (0, 0, 0);
        let mut append = |len: &mut usize| {
            appends.write_all(&bytes_at(*len, 5)).expect("std appends");
            *len += 5;
        };
        for nth in 0..DROPS_MAX {
            if nth >= DROPS && pending > 0 {
                break;
            }
            if nth % 3 == 0 {
                append(&mut len);
            }
            for _ in 0..random.below(20) {
                GiveWay::default().await; // so that threads are met as they come and go
            }
            let mut buf = [0; 5];
            let mut early = Box::pin(file.read(&mut buf));
            match once(&mut early).await {
                Poll::Pending => {
                    pending += 1;
                    if nth % 2 == 1 {
                        until_woken().await;
                    }
                    drop(early);
                }
                Poll::Ready(read) => {
                    drop(early);
                    place += check("a read that was ready", read, &buf, place, len);
                }
            }
            append(&mut len);
            while place < len {
                let mut buf = [0; 7];
                let read = clone.read(&mut buf).await;
                let n = check("after a dropped read, the next", read, &buf, place, len);
                assert!(n > 0, "FS-5: the end was reported at {place} of {len} bytes");
                place += n;
            }
        }
        let end = file.read(&mut [0; 5]).await;
        assert!(matches!(end, Ok(0)), "FS-5: at the end a read gave {end:?}");
        pending
    });
    rig.witness("reads that were pending", pending, 1);
    rig.shutdown(rt);
}

/// FS-5: a read of a stream that was dropped leaves its bytes to the next, and the end is none when
/// somebody writes again.
///
/// Method: a FIFO. Twenty times a read is polled when there is nothing, and dropped, once before and once
/// after something is written; the next read must have all of it. When the writer has gone reads are at
/// the end; then another one opens it and writes.
///
/// If this fails, look for a read whose bytes go with the future that asked for them.
#[cfg(unix)]
pub(super) fn fs_5_a_dropped_read_of_a_stream_loses_nothing(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    let path = place.fifo(rig, "stream");
    // Both ends: so that neither opening waits.
    let open = std::fs::OpenOptions::new().read(true).write(true).open(&path);
    let mut both = rig.setup("both ends of a FIFO", open);
    in_task(rig, &rt, "FS-5: bytes of a FIFO after a dropped read", async move {
        let file = File::open(&path).await;
        let file = file.unwrap_or_else(|error| panic!("FS-5: opening a FIFO gave {error}"));
        let mut place = 0;
        for nth in 0..20 {
            let mut buf = [0; 5];
            let mut early = Box::pin(file.read(&mut buf));
            let polled = once(&mut early).await;
            assert!(polled.is_pending(), "FS-5: nothing was written, and a read gave {polled:?}");
            if nth % 2 == 0 {
                drop(early);
                both.write_all(&bytes_at(place, 5)).expect("std writes");
            } else {
                both.write_all(&bytes_at(place, 5)).expect("std writes");
                until_woken().await;
                drop(early);
            }
            let to = place + 5;
            while place < to {
                let mut buf = [0; 2];
                let read = file.read(&mut buf).await;
                let n = check("after a dropped read, the next", read, &buf, place, to);
                assert!(n > 0, "FS-5: the end was reported at {place} of {to} bytes");
                place += n;
            }
        }
        drop(both);
        for again in [true, false] {
            let end = file.read(&mut [0; 5]).await;
            assert!(matches!(end, Ok(0)), "FS-5: when all writers had gone a read gave {end:?}");
            if again {
                let writer = std::fs::OpenOptions::new().write(true).open(&path);
                writer.and_then(|mut to| to.write_all(b"again")).expect("std writes");
                let mut buf = [0; 8];
                let read = file.read(&mut buf).await;
                let fine = matches!(read, Ok(5)) && buf.starts_with(b"again");
                assert!(fine, "FS-5: when somebody wrote again a read gave {read:?}: {buf:?}");
            }
        }
    });
    rig.shutdown(rt);
}

/// What a read gave, if that was right.
fn check(what: &str, read: io::Result<usize>, buf: &[u8], place: usize, len: usize) -> usize {
    let n = read.unwrap_or_else(|error| panic!("FS-5: {what} at {place} of {len} gave {error}"));
    let wrong = wrong_at(place, &buf[..n]);
    assert!(wrong.is_none(), "FS-5: {what} at {place} of {len} gave a wrong byte at {wrong:?}");
    n
}
