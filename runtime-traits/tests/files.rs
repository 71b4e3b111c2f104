//! Files that the runtime makes by other means: a disk that does nothing until the test says so.
#![cfg(all(feature = "fs", any(unix, windows)))]

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::SeekFrom;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use runtime_traits::fs::{File, OpenOptions};
use runtime_traits::hooks::{Boxed, FileDone, FileKind, FileObject, FileOp, Fs, IoBuf, OpenHow};
use runtime_traits::io::{self, AsyncRead, AsyncWrite, ErrorKind};

#[path = "support/toy.rs"]
mod toy;
use toy::{Count, Part, Toy, counted};

/// What one operation came to, and who waits for that.
#[derive(Default)]
struct Outcome {
    done: Option<FileDone>,
    waker: Option<Waker>,
    /// How often a poll wakes its own waker and answers *pending*.
    gives_way: usize,
}

/// An operation that was begun and waits for the test.
struct Held {
    op: FileOp,
    outcome: Arc<Mutex<Outcome>>,
}

impl Held {
    fn end(self, res: io::Result<u64>, read: &[u8]) {
        let buf = self.op.into_buf().map(|buf| {
            let mut bytes = buf.into_vec();
            bytes.extend_from_slice(read);
            IoBuf::from(bytes)
        });
        let mut done = FileDone::new(res);
        done.buf = buf;
        let mut outcome = self.outcome.lock().unwrap();
        outcome.done = Some(done);
        let waker = outcome.waker.take();
        drop(outcome);
        waker.into_iter().for_each(Waker::wake);
    }

    fn brings(self, bytes: &[u8]) {
        self.end(Ok(bytes.len() as u64), bytes);
    }
}

#[derive(Default)]
struct Slow {
    kind: FileKind,
    /// What is at hand, from offset 0.
    at_hand: Vec<u8>,
    gives_way: usize,
    held: Mutex<VecDeque<Held>>,
}

impl Slow {
    fn next(&self) -> Held {
        self.held.lock().unwrap().pop_front().expect("an operation was begun")
    }

    fn is_idle(&self) -> bool {
        self.held.lock().unwrap().is_empty()
    }
}

impl FileObject for Slow {
    fn kind(&self) -> FileKind {
        self.kind
    }

    fn try_read_at(&self, buf: &mut [u8], at: u64) -> Option<io::Result<usize>> {
        let rest = self.at_hand.get(usize::try_from(at).ok()?..)?;
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Some(Ok(n))
    }

    fn run(self: Arc<Self>, op: FileOp) -> Boxed<'static, FileDone> {
        let outcome = Outcome { gives_way: self.gives_way, ..Outcome::default() };
        let outcome = Arc::new(Mutex::new(outcome));
        self.held.lock().unwrap().push_back(Held { op, outcome: outcome.clone() });
        Box::pin(poll_fn(move |cx| {
            // As an operation that goes on by itself, it keeps its file.
            let _file = &self;
            let mut outcome = outcome.lock().unwrap();
            if let Some(done) = outcome.done.take() {
                return Poll::Ready(done);
            }
            if outcome.gives_way > 0 {
                outcome.gives_way -= 1;
                drop(outcome);
                cx.waker().wake_by_ref();
            } else {
                outcome.waker = Some(cx.waker().clone());
            }
            Poll::Pending
        }))
    }
}

/// Opens the one file, at whatever path begins with `slow`.
struct Disk {
    file: Arc<Slow>,
    opened: Mutex<Vec<OpenHow>>,
}

impl Fs for Disk {
    fn open<'a>(
        &'a self,
        path: &'a Path,
        how: &'a OpenHow,
    ) -> Option<Boxed<'a, io::Result<Arc<dyn FileObject>>>> {
        if !path.starts_with("slow") {
            return None;
        }
        self.opened.lock().unwrap().push(how.clone());
        Some(Box::pin(async { Ok(self.file.clone() as Arc<dyn FileObject>) }))
    }

    fn adopt(&self, file: std::fs::File) -> Result<Arc<dyn FileObject>, std::fs::File> {
        if file.metadata().is_ok_and(|facts| facts.is_dir()) {
            Ok(self.file.clone())
        } else {
            Err(file)
        }
    }
}

impl Part for Disk {
    fn name(&self) -> &'static str {
        "disk"
    }
    fn fs(&self) -> Option<&dyn Fs> {
        Some(self)
    }
}

/// Runs `test` with a file over `slow`.
fn with_file<F: Future<Output = ()>>(slow: Slow, test: impl FnOnce(File, Arc<Slow>) -> F) {
    let file = Arc::new(slow);
    let toy = Toy::new(Disk { file: file.clone(), opened: Mutex::default() });
    toy.run(async {
        let opened = OpenOptions::new().read(true).write(true).open("slow").await.unwrap();
        test(opened, file).await;
    });
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn write_behind(mut file: &File, bytes: &[u8]) -> Poll<io::Result<usize>> {
    Pin::new(&mut file).poll_write(&mut Context::from_waker(Waker::noop()), bytes)
}

fn full() -> io::Result<u64> {
    Err(ErrorKind::StorageFull.into())
}

#[test]
fn the_hook_is_told_how_to_open_and_which_paths_are_not_its() {
    let file = Arc::new(Slow::default());
    let toy = Toy::new(Disk { file: file.clone(), opened: Mutex::default() });
    toy.run(async {
        File::open("slow").await.unwrap();
        let mut options = File::options();
        options.append(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600).custom_flags(7);
        let opened = options.open("slow/2").await.unwrap();
        assert!(opened.as_std().is_none());
        assert_eq!(opened.metadata().await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(opened.into_std().await.unwrap_err().kind(), ErrorKind::Unsupported);
        // Not its: the system's, and it is not there.
        assert_eq!(File::open("fast").await.unwrap_err().kind(), ErrorKind::NotFound);
        #[cfg(unix)]
        {
            let here = std::fs::File::open(std::env::current_dir().unwrap()).unwrap();
            assert!(File::from_std(here).unwrap().as_std().is_none());
        }
        let program = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
        assert!(File::from_std(program).unwrap().as_std().is_some());
    });
    let opened = toy.part.opened.lock().unwrap();
    let mut how = OpenHow::new();
    how.read = true;
    assert_eq!(opened[0], how);
    let mut how = OpenHow::new();
    (how.append, how.create_new) = (true, true);
    #[cfg(unix)]
    {
        (how.mode, how.custom_flags) = (Some(0o600), 7);
    }
    assert_eq!(opened[1], how);
}

#[test]
fn what_is_at_hand_is_read_at_once() {
    let slow = Slow { at_hand: b"012345".into(), ..Slow::default() };
    with_file(slow, async |file, slow| {
        let mut four = [0; 4];
        assert_eq!(poll(pin!(file.read(&mut four))).map(Result::unwrap), Poll::Ready(4));
        assert_eq!(poll(pin!(file.read(&mut four))).map(Result::unwrap), Poll::Ready(2));
        assert_eq!(poll(pin!(file.read_at(&mut four, 3))).map(Result::unwrap), Poll::Ready(3));
        assert!(slow.is_idle());
        // The end is never taken on trust.
        let mut read = pin!(file.read(&mut four));
        assert!(poll(read.as_mut()).is_pending());
        slow.next().brings(b"67");
        assert_eq!(poll(read).map(Result::unwrap), Poll::Ready(2));
    });
}

/// FS-5, by causality: the read is under way when it is dropped, and lands afterwards.
#[test]
fn a_dropped_read_moves_no_cursor_and_makes_no_end() {
    with_file(Slow::default(), async |file, slow| {
        for lands_first in [false, true] {
            let mut four = [0; 4];
            let mut read = Box::pin(file.read(&mut four));
            assert!(poll(read.as_mut()).is_pending());
            let under_way = slow.next();
            if lands_first {
                under_way.brings(b"");
                drop(read);
            } else {
                drop(read);
                let mut other = [0; 4];
                // One at a time: it waits for the landing.
                let mut next = Box::pin(file.read(&mut other));
                assert!(poll(next.as_mut()).is_pending() && slow.is_idle());
                under_way.brings(b"");
                assert!(poll(next.as_mut()).is_pending());
                slow.next().brings(b"ab");
                assert_eq!(next.await.unwrap(), 2);
                file.rewind().await.unwrap();
                continue;
            }
            assert_eq!(file.stream_position().await.unwrap(), 0);
            let mut read = Box::pin(file.read(&mut four));
            assert!(poll(read.as_mut()).is_pending());
            slow.next().brings(b"ab");
            assert_eq!(read.await.unwrap(), 2);
            assert_eq!(file.stream_position().await.unwrap(), 2);
        }
    });
}

#[test]
fn whoever_waits_is_woken_and_their_wakers_are_let_go() {
    with_file(Slow::default(), async |file, slow| {
        let (count, waker) = counted();
        let mut cx = Context::from_waker(&waker);
        let (mut one, mut two) = ([0; 1], [0; 1]);
        let mut first = Box::pin(file.read(&mut one));
        let mut second = Box::pin(file.read(&mut two));
        assert!(first.as_mut().poll(&mut cx).is_pending());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        slow.next().brings(b"1");
        assert!(woken(&count) >= 1);
        // Dropped with its answer there: the other goes on.
        let before = woken(&count);
        assert!(second.as_mut().poll(&mut cx).is_pending());
        drop(first);
        assert!(woken(&count) > before);
        assert!(second.as_mut().poll(&mut cx).is_pending());
        slow.next().brings(b"2");
        assert_eq!(second.await.unwrap(), 1);
        let mut flush = Box::pin(file.flush());
        assert!(write_behind(&file, b"x").is_ready());
        assert!(flush.as_mut().poll(&mut cx).is_pending());
        drop(flush);
        drop(waker);
        assert_eq!(Arc::strong_count(&count), 1);
        slow.next().end(Ok(1), b"");
    });
}

fn woken(count: &Arc<Count>) -> usize {
    count.0.load(std::sync::atomic::Ordering::SeqCst)
}

/// What was written behind goes on though nobody polls the file, nor has it any more.
#[test]
fn a_file_that_is_gone_is_written_to_the_end() {
    with_file(Slow::default(), async |file, slow| {
        assert!(matches!(write_behind(&file, b"abcdef"), Poll::Ready(Ok(6))));
        drop(file);
        for (part, at, rest) in [(2, 0, "abcdef"), (3, 2, "cdef"), (1, 5, "f")] {
            let under_way = slow.next();
            match &under_way.op {
                FileOp::WriteAt { buf, at: asked } => {
                    assert_eq!((buf.filled(), *asked), (rest.as_bytes(), at));
                }
                other => panic!("{other:?}"),
            }
            under_way.end(Ok(part), b"");
        }
        assert!(slow.is_idle());
        // The test's and the toy's: the file has let go of it.
        assert_eq!(Arc::strong_count(&slow), 2);
    });
}

#[test]
fn a_failed_write_is_kept_and_tried_again() {
    with_file(Slow::default(), async |mut file, slow| {
        assert!(matches!(write_behind(&file, b"abc"), Poll::Ready(Ok(3))));
        assert!(write_behind(&file, b"def").is_pending());
        slow.next().end(full(), b"");
        assert!(matches!(write_behind(&file, b"def"), Poll::Ready(Err(_))));
        for _ in 0..2 {
            let mut flush = Box::pin(file.flush());
            assert!(poll(flush.as_mut()).is_pending());
            slow.next().end(full(), b"");
            assert_eq!(flush.await.unwrap_err().kind(), ErrorKind::StorageFull);
        }
        let mut close = Box::pin(poll_fn(|cx| Pin::new(&mut file).poll_close(cx)));
        assert!(poll(close.as_mut()).is_pending());
        let last = slow.next();
        assert!(matches!(&last.op, FileOp::WriteAt { buf, at: 0 } if buf.filled() == b"abc"));
        last.end(Ok(3), b"");
        close.await.unwrap();
        assert_eq!(file.read(&mut [0]).await.unwrap_err().to_string(), "the file was closed");
    });
}

/// A hook whose operations wake from inside their poll (a budget does) neither deadlocks nor stops.
#[test]
fn a_hook_may_wake_inside_a_poll() {
    let slow = Slow { gives_way: 3, ..Slow::default() };
    with_file(slow, async |file, slow| {
        let mut two = [0; 2];
        let mut read = Box::pin(file.read(&mut two));
        assert!(poll(read.as_mut()).is_pending());
        slow.next().brings(b"ab");
        assert_eq!(poll(read.as_mut()).map(Result::unwrap), Poll::Ready(2));
    });
}

/// A hook that counts what it did not bring, or brings more than there is room for.
#[test]
fn a_read_reports_what_lies_in_the_buffer() {
    with_file(Slow::default(), async |file, slow| {
        let mut two = [0; 2];
        let mut read = Box::pin(file.read(&mut two));
        assert!(poll(read.as_mut()).is_pending());
        slow.next().end(Ok(99), b"a");
        assert_eq!(read.await.unwrap(), 1);
        let mut read = Box::pin(file.read_at(&mut two, 0));
        assert!(poll(read.as_mut()).is_pending());
        slow.next().end(Ok(0), b"abcdef");
        assert_eq!(read.await.unwrap(), 2);
        let mut write = Box::pin(file.write(b"xyz"));
        assert!(poll(write.as_mut()).is_pending());
        slow.next().end(Ok(99), b"");
        assert_eq!(write.await.unwrap(), 3);
    });
}

/// Reads wait for days, and writes go by.
#[test]
fn a_stream_of_the_runtime_s_own() {
    let slow = Slow { kind: FileKind::Stream, ..Slow::default() };
    with_file(slow, async |file, slow| {
        let mut four = [0; 4];
        let mut read = Box::pin(file.read(&mut four));
        assert!(poll(read.as_mut()).is_pending());
        let reading = slow.next();
        let mut write = Box::pin(file.write(b"xyz"));
        assert!(poll(write.as_mut()).is_pending());
        slow.next().end(Ok(3), b"");
        assert_eq!(write.await.unwrap(), 3);
        drop(read);
        reading.brings(b"abcd");
        let mut reader = &file;
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(Pin::new(&mut reader).poll_read(&mut cx, &mut four), Poll::Ready(Ok(4))));
        assert_eq!(&four, b"abcd");
        let error = file.seek(SeekFrom::Start(0)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSeekable);
        assert!(slow.is_idle());
    });
}

/// The budget is asked by each read, also by those that need not wait (FAIR-4).
#[test]
fn reads_of_what_is_at_hand_give_way() {
    let file = Arc::new(Slow { at_hand: vec![7; 64], ..Slow::default() });
    let disk = Disk { file, opened: Mutex::default() };
    let toy = Toy::with_budget(disk, 10);
    toy.run(async {
        let file = File::open("slow").await.unwrap();
        let mut ways = 0;
        for _ in 0..60 {
            let mut byte = [0];
            let mut read = Box::pin(file.read(&mut byte));
            poll_fn(|cx| {
                let polled = read.as_mut().poll(cx);
                ways += usize::from(polled.is_pending());
                polled
            })
            .await
            .unwrap();
        }
        assert!(ways >= 5, "{ways}");
    });
}
