//! The `Reactor` hook, on socket pairs.
#![cfg(unix)]

mod support;

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use runtime_tokio::{Builder, Handle, Runtime};
use runtime_traits::Gone;
use runtime_traits::hooks::{After, Dir, Reactor, Source, Token};
use support::{Wakes, alone, wait_for};

/// One end, registered, and the other.
struct Pair {
    handle: Handle,
    token: Token,
    ours: UnixStream,
    source: Source,
    theirs: UnixStream,
}

impl Pair {
    fn new(handle: &Handle) -> Pair {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let source: Source = Arc::new(ours.try_clone().unwrap().into());
        let token = reactor(handle).register(Arc::clone(&source)).unwrap();
        Pair { handle: handle.clone(), token, ours, source, theirs }
    }

    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut n = 0;
        let mut op = || {
            (&self.ours).read(buf).map(|read| {
                n = read;
                After::More
            })
        };
        let polled = reactor(&self.handle).poll_io(self.token, Dir::Read, cx, &mut op);
        polled.map_ok(|()| n)
    }

    fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut n = 0;
        let mut op = || {
            (&self.ours).write(buf).map(|written| {
                n = written;
                After::More
            })
        };
        let polled = reactor(&self.handle).poll_io(self.token, Dir::Write, cx, &mut op);
        polled.map_ok(|()| n)
    }

    async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_read(cx, buf)).await
    }

    async fn write_all(&self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let n = std::future::poll_fn(|cx| self.poll_write(cx, buf)).await?;
            buf = &buf[n..];
        }
        Ok(())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        reactor(&self.handle).deregister(self.token);
    }
}

fn reactor(handle: &Handle) -> &dyn Reactor {
    handle.runtime().reactor().unwrap()
}

fn many() -> Runtime {
    Builder::new().worker_threads(2).build().unwrap()
}

#[test]
fn what_is_ready_before_it_is_awaited_is_reported_at_once() {
    let rt = many();
    let mut pair = Pair::new(&rt.handle());
    pair.theirs.write_all(b"x").unwrap();
    // Without an event: nobody may have looked at the poller yet.
    let polled = pair.poll_read(&mut Context::from_waker(Waker::noop()), &mut [0; 8]);
    assert!(matches!(polled, Poll::Ready(Ok(1))), "{polled:?}");
}

#[test]
fn an_event_wakes_whoever_waits() {
    for rt in [many(), Builder::new().current_thread().build().unwrap()] {
        let mut pair = Pair::new(&rt.handle());
        let mut theirs = pair.theirs.try_clone().unwrap();
        rt.block_on(async {
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(pair.poll_read(cx, &mut [0; 8]).is_pending());
            let writer = thread::spawn(move || theirs.write_all(b"four").unwrap());
            assert_eq!(pair.read(&mut [0; 8]).await.unwrap(), 4);
            writer.join().unwrap();
            pair.write_all(b"back").await.unwrap();
        });
        let mut buf = [0; 4];
        pair.theirs.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"back");
    }
}

#[test]
fn no_byte_of_a_long_conversation_is_lost() {
    let rt = many();
    let pair = Pair::new(&rt.handle());
    let mut theirs = pair.theirs.try_clone().unwrap();
    let echo = thread::spawn(move || {
        let mut byte = [0];
        while theirs.read(&mut byte).unwrap() == 1 {
            theirs.write_all(&byte).unwrap();
        }
    });
    let task = rt.spawn(async move {
        for n in 0..5_000 {
            let mut byte = [0];
            pair.write_all(&[n as u8]).await.unwrap();
            assert_eq!(pair.read(&mut byte).await.unwrap(), 1);
            assert_eq!(byte[0], n as u8);
        }
        pair.ours.shutdown(std::net::Shutdown::Both).unwrap();
    });
    alone(task).unwrap();
    echo.join().unwrap();
}

#[test]
fn directions_are_independent() {
    let rt = many();
    let pair = Pair::new(&rt.handle());
    let (wakes, waker) = Wakes::new();
    assert!(pair.poll_read(&mut Context::from_waker(&waker), &mut [0; 8]).is_pending());
    // Fill the pipe, then let the other side drain it: only writing has events.
    let big = vec![7; 1 << 20];
    let mut theirs = pair.theirs.try_clone().unwrap();
    let expected = big.len();
    let drain = thread::spawn(move || theirs.read_exact(&mut vec![0; expected]).unwrap());
    alone(pair.write_all(&big)).unwrap();
    drain.join().unwrap();
    // The reader may have been woken for nothing, but nothing was read, and its byte arrives.
    let before = wakes.get();
    if pair.poll_read(&mut Context::from_waker(&waker), &mut [0; 8]).is_pending() {
        (&pair.theirs).write_all(b"x").unwrap();
        wakes.wait(before);
    }
    assert_eq!(wait_for(|cx| pair.poll_read(cx, &mut [0; 8])).unwrap(), 1);
}

#[test]
fn hang_up_wakes_both_directions() {
    let rt = many();
    let mut pair = Pair::new(&rt.handle());
    let (readers, reader) = Wakes::new();
    let (writers, writer) = Wakes::new();
    assert!(pair.poll_read(&mut Context::from_waker(&reader), &mut [0; 8]).is_pending());
    while pair.poll_write(&mut Context::from_waker(&writer), &[0; 4096]).is_ready() {}
    let (_, other) = UnixStream::pair().unwrap();
    drop(std::mem::replace(&mut pair.theirs, other));
    readers.wait(0);
    writers.wait(0);
    let error = wait_for(|cx| pair.poll_write(cx, &[0; 4096])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert!(!error.get_ref().is_some_and(|inner| inner.is::<Gone>()), "the system's own error");
}

#[test]
fn interrupted_calls_are_repeated_and_errors_reported() {
    let rt = many();
    let pair = Pair::new(&rt.handle());
    let cx = &mut Context::from_waker(Waker::noop());
    let mut answers = vec![Err(ErrorKind::NotADirectory), Err(ErrorKind::Interrupted)];
    let mut op = || answers.pop().unwrap().map_err(io::Error::from);
    let polled = reactor(&pair.handle).poll_io(pair.token, Dir::Read, cx, &mut op);
    assert!(matches!(&polled, Poll::Ready(Err(e)) if e.kind() == ErrorKind::NotADirectory));
}

#[test]
fn regular_files_are_refused() {
    let rt = many();
    let file: OwnedFd = std::fs::File::open("Cargo.toml").unwrap().into();
    let source = Arc::new(file);
    let refused = reactor(&rt.handle()).register(Arc::clone(&source));
    assert!(refused.is_err() || cfg!(not(any(target_os = "linux", target_os = "android"))));
    if refused.is_err() {
        assert_eq!(Arc::strong_count(&source), 1, "a failed registration keeps nothing");
    }
}

#[test]
fn deregistering_releases_the_source_and_the_wakers() {
    let rt = many();
    let pair = Pair::new(&rt.handle());
    let source = Arc::clone(&pair.source);
    let (wakes, waker) = Wakes::new();
    assert!(pair.poll_read(&mut Context::from_waker(&waker), &mut [0; 8]).is_pending());
    let (handle, token) = (pair.handle.clone(), pair.token);
    drop(pair);
    assert_eq!(Arc::strong_count(&wakes), 2);
    assert_eq!(Arc::strong_count(&source), 1);
    // The token names nothing any more, and may be given back again.
    let polled =
        reactor(&handle).poll_io(token, Dir::Read, &mut Context::from_waker(&waker), &mut || {
            panic!("an operation on an unknown token")
        });
    assert!(matches!(polled, Poll::Ready(Err(_))));
    reactor(&handle).deregister(token);
    assert!(source.as_fd().try_clone_to_owned().is_ok(), "not closed early");
}

#[test]
fn when_the_runtime_ends_waiters_elsewhere_are_told() {
    let rt = many();
    let handle = rt.handle();
    let pair = Pair::new(&handle);
    let (wakes, waker) = Wakes::new();
    assert!(pair.poll_read(&mut Context::from_waker(&waker), &mut [0; 8]).is_pending());
    drop(rt);
    wakes.wait(0);
    let is_gone = |error: io::Error| error.get_ref().is_some_and(|inner| inner.is::<Gone>());
    assert!(is_gone(wait_for(|cx| pair.poll_read(cx, &mut [0; 8])).unwrap_err()));
    assert!(is_gone(reactor(&handle).register(Arc::clone(&pair.source)).unwrap_err()));
}

/// Polls on this thread whenever it was woken, like the `block_on` of any small executor.
fn foreign_block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// BLOCKON-4: tokio's budget ends with the task's poll, which cannot return.
#[test]
fn an_executor_inside_a_task_outlasts_the_budget() {
    let runtime = Builder::new().worker_threads(1).build().unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"x").unwrap();
    let ours = runtime.handle().enter(|| runtime_traits::io::Async::new(ours)).unwrap();
    let task = runtime.spawn(async move {
        ours.readable().await.unwrap();
        ours.readable().await.unwrap();
        for _ in 0..500 {
            foreign_block_on(ours.readable()).unwrap();
        }
    });
    runtime.block_on(task).unwrap();
}
