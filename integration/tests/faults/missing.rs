//! The runtime lacks a capability. It is played by a runtime that has tasks and `block_on`, and
//! nothing else.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use runtime_traits::entry::Config;
use runtime_traits::fs::{self, File};
use runtime_traits::hooks::{BlockOn, Info, Ran, Runnable, Runtime, Spawn, Tag, Why};
use runtime_traits::io::Async;
use runtime_traits::net::{TcpListener, TcpStream, UdpSocket, lookup_host};
use runtime_traits::task;
use runtime_traits::time::{self, Instant, SleepError};
use runtime_traits::{Capability, Handle, Refused, Unsupported};

use crate::support::panic_of;

const NAME: &str = "tiny";

#[derive(Default)]
struct Tiny {
    tag: Tag,
    /// Whether it can block, too.
    blocks: bool,
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Runnable>,
    main_woken: bool,
}

impl Runtime for Tiny {
    fn tag(&self) -> &Tag {
        &self.tag
    }
    fn info(&self) -> Info {
        Info::new(NAME)
    }
    fn spawner(&self) -> &dyn Spawn {
        self
    }
    fn block_on(&self) -> Option<&dyn BlockOn> {
        if self.blocks { Some(self) } else { None }
    }
}

impl Spawn for Tiny {
    fn schedule(&self, job: Runnable, _: Why) {
        self.queue.state.lock().unwrap().jobs.push_back(job);
        self.queue.changed.notify_one();
    }
}

impl BlockOn for Tiny {
    fn block_on(&self, mut main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        let waker = Waker::from(self.queue.clone());
        self.queue.state.lock().unwrap().main_woken = true;
        loop {
            if let Some(job) = self.queue.next() {
                if let Ran::Yielded(job) = job.run() {
                    self.schedule(job, Why::Woken);
                }
            } else if main.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Ready(()) {
                return Ok(());
            }
        }
    }
}

impl Queue {
    /// A job, or `None` for the main future, whichever is due.
    fn next(&self) -> Option<Runnable> {
        let mut state = self.state.lock().unwrap();
        loop {
            if std::mem::take(&mut state.main_woken) {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap();
        }
    }
}

impl Wake for Queue {
    fn wake(self: Arc<Self>) {
        self.state.lock().unwrap().main_woken = true;
        self.changed.notify_one();
    }
}

fn tiny() -> Handle {
    Handle::from_arc(Arc::new(Tiny { blocks: true, ..Tiny::default() }))
}

fn run<F: Future>(future: F) -> F::Output {
    tiny().block_on(future).unwrap()
}

fn lacks(capability: Capability) -> Unsupported {
    Unsupported::new(NAME, capability)
}

/// Names the runtime and the capability.
fn names_both(text: &str, capability: Capability) {
    assert!(text.contains(NAME) && text.contains(capability.name()), "{text:?}: {capability}");
}

fn io_error(error: io::Error, capability: Capability) {
    assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
    let reason = error.get_ref().and_then(|reason| reason.downcast_ref::<Unsupported>());
    assert_eq!(reason, Some(&lacks(capability)), "{error}");
    names_both(&error.to_string(), capability);
}

#[test]
fn what_is_there_works() {
    assert_eq!(run(async { runtime_traits::spawn(async { 4 }).await.unwrap() }), 4);
}

#[test]
fn time_is_missing() {
    run(async {
        let sleep = time::try_sleep(Duration::ZERO).map(drop).unwrap_err();
        assert_eq!(sleep, SleepError::Unsupported(lacks(Capability::Timer)));
        names_both(&sleep.to_string(), Capability::Timer);
        let calls: [fn(); 5] = [
            || drop(time::sleep(Duration::ZERO)),
            || drop(time::sleep_until(Instant::ZERO)),
            || drop(time::interval(Duration::from_secs(1))),
            || drop(time::interval_at(Instant::ZERO, Duration::from_secs(1))),
            || _ = Instant::now(),
        ];
        for call in calls {
            names_both(&panic_of(call).0, Capability::Timer);
        }
        let elapsed = time::timeout(Duration::MAX, async {}).await.unwrap_err();
        assert!(!elapsed.is_timeout());
        names_both(&elapsed.to_string(), Capability::Timer);
        assert_eq!(io::Error::from(elapsed).kind(), io::ErrorKind::Unsupported);
        assert_eq!(Instant::from_std(&Handle::current(), std::time::Instant::now()), None);
    });
}

#[test]
fn sockets_are_missing() {
    run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let stream = std::net::TcpStream::connect(at).unwrap();
        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        io_error(TcpStream::connect(at).await.unwrap_err(), Capability::Net);
        io_error(TcpListener::bind("127.0.0.1:0").await.unwrap_err(), Capability::Net);
        io_error(UdpSocket::bind("127.0.0.1:0").await.err().unwrap(), Capability::Net);
        io_error(TcpStream::try_from(stream).unwrap_err(), Capability::Net);
        io_error(TcpListener::try_from(listener).unwrap_err(), Capability::Net);
        io_error(UdpSocket::try_from(datagrams).err().unwrap(), Capability::Net);
        let name = lookup_host("localhost:1").await.map(drop).unwrap_err();
        io_error(name, Capability::Blocking);
        #[cfg(unix)]
        {
            let (pipe, _other) = std::os::unix::net::UnixStream::pair().unwrap();
            io_error(Async::new(pipe).unwrap_err(), Capability::Reactor);
        }
    });
}

#[test]
fn files_are_missing() {
    run(async {
        let here = std::env::current_dir().unwrap();
        io_error(File::open(&here).await.unwrap_err(), Capability::Fs);
        io_error(fs::read(&here).await.unwrap_err(), Capability::Fs);
        io_error(fs::read_dir(&here).await.unwrap_err(), Capability::Fs);
        let opened = std::fs::File::open(&here).unwrap();
        io_error(File::from_std(opened).unwrap_err(), Capability::Fs);
    });
}

#[test]
fn other_kinds_of_tasks_are_missing() {
    run(async {
        let blocking = task::spawn_blocking::<_, ()>(|| unreachable!("nobody runs it"));
        let blocking = blocking.await.unwrap_err();
        assert_eq!(blocking.unsupported(), Some(lacks(Capability::Blocking)));
        names_both(&blocking.to_string(), Capability::Blocking);
        assert_eq!(io::Error::from(blocking).kind(), io::ErrorKind::Unsupported);
        let local = task::spawn_local(async {}).await.unwrap_err();
        assert_eq!(local.unsupported(), Some(lacks(Capability::Local)));
        names_both(&local.to_string(), Capability::Local);
    });
}

#[test]
fn blocking_on_a_future_is_missing() {
    let handle = Handle::from_arc(Arc::new(Tiny::default()));
    let error = handle.block_on(async {}).unwrap_err();
    names_both(&error.to_string(), Capability::BlockOn);
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::Unsupported);
}

#[test]
fn what_a_program_requires_is_listed_at_its_start() {
    let config = Config::from_fn(|config| {
        config.require("timer").require("block_on").require("net").require("fs");
    });
    let (text, _) = panic_of(|| config.check(&tiny()));
    assert!(text.contains(NAME) && text.contains("timer, net, fs"), "{text}");
    assert!(!text.contains("block_on"), "{text}");
}
