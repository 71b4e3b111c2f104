//! `Unblock` over jobs that are run by hand: when one is started, what it is told to be, and what
//! becomes of it if it never runs.
#![cfg(feature = "std")]

use std::future::Future;
use std::io::{Cursor, ErrorKind, SeekFrom};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use runtime_traits::hooks::{Blocking, Info, Kind, Ran, Runnable, Runtime, Spawn, Tag, Task, Why};
use runtime_traits::io::{
    AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _, Unblock, unblock,
};
use runtime_traits::{Handle, Refused};

/// A runtime that keeps its jobs until they are run by hand.
#[derive(Default)]
struct Desk {
    tag: Tag,
    jobs: Mutex<Vec<(Task, Kind)>>,
}

impl Runtime for Desk {
    fn tag(&self) -> &Tag {
        &self.tag
    }
    fn info(&self) -> Info {
        Info::new("desk")
    }
    fn spawner(&self) -> &dyn Spawn {
        self
    }
    fn blocking(&self) -> Option<&dyn Blocking> {
        Some(self)
    }
}

impl Spawn for Desk {
    fn schedule(&self, _: Runnable, _: Why) {
        panic!("there are jobs only");
    }
}

impl Blocking for Desk {
    fn spawn(&self, job: Task, kind: Kind) -> Result<(), (Task, Refused)> {
        self.jobs.lock().unwrap().push((job, kind));
        Ok(())
    }
}

impl Desk {
    /// Takes the one job that was started.
    #[track_caller]
    fn job(&self) -> (Task, Kind) {
        let mut jobs = self.jobs.lock().unwrap();
        assert_eq!(jobs.len(), 1, "one job at a time");
        jobs.remove(0)
    }

    /// Runs the one job that was started; answers its kind.
    #[track_caller]
    fn work(&self) -> Kind {
        let (job, kind) = self.job();
        assert!(!matches!(job.into_runnable().run(), Ran::Yielded(_)));
        kind
    }

    /// Drops the one job that was started, as a runtime does that ends.
    #[track_caller]
    fn end(&self) {
        drop(self.job());
    }

    fn is_idle(&self) -> bool {
        self.jobs.lock().unwrap().is_empty()
    }

    /// Polls with this runtime current.
    fn poll<F: Future + Unpin>(self: &Arc<Self>, future: &mut F) -> Poll<F::Output> {
        let handle = Handle::from_arc(self.clone());
        handle.enter(|| pin!(future).poll(&mut Context::from_waker(Waker::noop())))
    }

    /// Polls, does `step`, polls again: that must be ready.
    #[track_caller]
    fn finish<F: Future>(self: &Arc<Self>, future: F, step: impl FnOnce(&Desk)) -> F::Output {
        let mut future = pin!(future);
        assert!(self.poll(&mut future).is_pending());
        step(self);
        self.ready(future)
    }

    /// Polls once: that must be ready, with no job left.
    #[track_caller]
    fn ready<F: Future>(self: &Arc<Self>, future: F) -> F::Output {
        match self.poll(&mut pin!(future)) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    }
}

fn run(desk: &Desk) {
    desk.work();
}

fn next<T>(stream: &mut Unblock<T>) -> impl Future<Output = Option<T::Item>>
where
    T: Iterator + Send + 'static,
    T::Item: Send + 'static,
{
    std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_next(cx))
}

#[test]
fn jobs_are_of_the_kind_that_may_wait_long() {
    let desk = Arc::new(Desk::default());
    let mut file = Unblock::new(Cursor::new(*b"abc"));
    let kind = |kind| move |desk: &Desk| assert_eq!(desk.work(), kind);
    assert_eq!(desk.finish(file.read(&mut [0; 3]), kind(Kind::LongIo)).unwrap(), 3);
    assert_eq!(desk.finish(unblock(|| Ok(1)), kind(Kind::ShortIo)).unwrap(), 1);
    let stdin = runtime_traits::io::stdin();
    assert!(desk.poll(&mut pin!(stdin.read(&mut [0]))).is_pending());
    assert_eq!(desk.job().1, Kind::Dedicated);
    // Nobody reads so much that what the program says would wait.
    let stderr = runtime_traits::io::stderr();
    desk.finish(stderr.write_all(b"\n"), kind(Kind::ShortIo)).unwrap();
    desk.finish(stderr.flush(), kind(Kind::ShortIo)).unwrap();
}

#[test]
fn a_job_is_started_when_it_is_needed_and_not_before() {
    let desk = Arc::new(Desk::default());
    let mut file = Unblock::new(Cursor::new(b"abcdef".to_vec()));
    let mut buf = [0; 4];
    assert!(desk.poll(&mut pin!(file.read(&mut buf))).is_pending());
    desk.work();
    for n in [1, 2, 1] {
        assert_eq!(desk.ready(file.read(&mut buf[..n])).unwrap(), n, "of the dropped read's");
        assert!(desk.is_idle(), "nothing is read ahead");
    }
    assert_eq!(desk.finish(file.read(&mut buf), run).unwrap(), 2);
    assert_eq!(desk.finish(file.read(&mut buf), run).unwrap(), 0);
    assert!(desk.is_idle());
}

#[test]
fn a_write_is_accepted_at_once_and_one_at_a_time() {
    let desk = Arc::new(Desk::default());
    let mut file = Unblock::new(Vec::new());
    assert_eq!(desk.ready(file.write(&[1; 100_000])).unwrap(), 64 * 1024);
    assert_eq!(desk.finish(file.write(&[2; 5]), run).unwrap(), 5);
    let mut flush = pin!(file.flush());
    assert!(desk.poll(&mut flush).is_pending());
    desk.work();
    desk.finish(&mut flush, run).unwrap();
    desk.ready(file.flush()).unwrap();
    let written = desk.ready(file.into_inner());
    assert_eq!((written.len(), written[64 * 1024]), (64 * 1024 + 5, 2));
}

#[test]
fn a_job_that_never_ran_is_started_again() {
    let (first, second) = (Arc::new(Desk::default()), Arc::new(Desk::default()));
    let mut file = Unblock::new(Cursor::new(b"abcdef".to_vec()));
    let mut buf = [0; 2];

    assert!(first.poll(&mut pin!(file.read(&mut buf))).is_pending());
    first.end();
    assert_eq!(second.finish(file.read(&mut buf), run).unwrap(), 2);

    assert_eq!(first.ready(file.write(b"xy")).unwrap(), 2);
    first.end();
    // The bytes first, then what was asked for.
    let mut seek = pin!(file.seek(SeekFrom::Current(1)));
    assert!(second.poll(&mut seek).is_pending());
    second.work();
    assert!(second.poll(&mut seek).is_pending());
    second.end();
    assert_eq!(first.finish(&mut seek, run).unwrap(), 5);
    assert_eq!(first.finish(file.read(&mut buf), run).unwrap(), 1);

    let error = first.finish(file.with_mut(|_| ()), Desk::end).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe, "its closure is gone");
    assert_eq!(first.ready(file.into_inner()).into_inner(), b"abxyef");
}

#[test]
fn an_iterator_that_was_not_asked_is_asked_again() {
    let desk = Arc::new(Desk::default());
    let mut numbers = Unblock::new(0..40);
    assert!(desk.poll(&mut pin!(next(&mut numbers))).is_pending());
    desk.end();
    assert_eq!(desk.finish(next(&mut numbers), run), Some(0));
    for n in 1..32 {
        assert_eq!(desk.ready(next(&mut numbers)), Some(n));
        assert!(desk.is_idle());
    }
    assert_eq!(desk.finish(next(&mut numbers), run), Some(32));
}
