//! No runtime is current.

use std::error::Error as _;
use std::io;
use std::thread;
use std::time::Duration;

use runtime_traits::io::Async;
use runtime_traits::net::{TcpListener, TcpStream, UdpSocket, lookup_host};
use runtime_traits::task::{self, TaskGroup, TrySpawnError};
use runtime_traits::time::{self, Instant, SleepError};
use runtime_traits::{Handle, NoRuntime};

use crate::support::{alone, on_every_runtime, panic_of, with_every_runtime};

/// What a text must name: the three ways to have a runtime.
fn names_the_ways_out(text: &str) {
    for way in ["from a task", "::main]", "Handle::enter"] {
        assert!(text.contains(way), "{text:?} does not name {way:?}");
    }
}

#[test]
fn panics_name_the_ways_out_and_the_place_of_the_call() {
    let hour = Duration::from_secs(3600);
    type Call = fn(Duration);
    let calls: [(&str, Call); 14] = [
        ("spawn", |_| drop(runtime_traits::spawn(async {}))),
        ("task::spawn", |_| drop(task::spawn(async {}))),
        ("spawn_local", |_| drop(task::spawn_local(async {}))),
        ("spawn_blocking", |_| drop(task::spawn_blocking(|| {}))),
        ("Builder::spawn", |_| drop(task::Builder::new().spawn(async {}))),
        ("Builder::spawn_local", |_| drop(task::Builder::new().spawn_local(async {}))),
        ("Builder::spawn_blocking", |_| drop(task::Builder::new().spawn_blocking(|| {}))),
        ("TaskGroup::spawn", |_| TaskGroup::new().spawn(async {})),
        ("sleep", |hour| drop(time::sleep(hour))),
        ("sleep_until", |_| drop(time::sleep_until(Instant::MAX))),
        ("interval", |hour| drop(time::interval(hour))),
        ("interval_at", |hour| drop(time::interval_at(Instant::MAX, hour))),
        ("Instant::now", |_| _ = Instant::now()),
        ("Handle::current", |_| drop(Handle::current())),
    ];
    let mut elsewhere = Vec::new();
    for (name, call) in calls {
        let (text, place) = panic_of(|| call(hour));
        names_the_ways_out(&text);
        if !place.ends_with("no_runtime.rs") {
            elsewhere.push(format!("{name}: {place}"));
        }
    }
    assert!(elsewhere.is_empty(), "the panic does not show the caller: {elsewhere:?}");
}

#[test]
fn what_can_answer_an_error_answers_a_typed_one() {
    assert_eq!(Handle::try_current(), Err(NoRuntime));
    assert_eq!(task::try_spawn(async {}).unwrap_err(), TrySpawnError::NoRuntime(NoRuntime));
    let sleep = time::try_sleep(Duration::ZERO).map(drop);
    assert_eq!(sleep, Err(SleepError::NoRuntime(NoRuntime)));
    names_the_ways_out(&NoRuntime.to_string());
    names_the_ways_out(&task::try_spawn(async {}).unwrap_err().to_string());
    names_the_ways_out(&sleep.unwrap_err().to_string());

    let elapsed = alone(time::timeout(Duration::from_secs(1), async {})).unwrap_err();
    assert!(!elapsed.is_timeout());
    names_the_ways_out(&elapsed.to_string());
    assert_eq!(io::Error::from(elapsed).kind(), io::ErrorKind::Unsupported);
}

#[test]
fn sockets_answer_unsupported_and_carry_the_reason() {
    fn check(what: &str, error: io::Error) {
        assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{what}: {error}");
        let reason = error.get_ref().unwrap_or_else(|| panic!("{what}: no reason: {error}"));
        assert!(reason.is::<NoRuntime>(), "{what}: {reason}");
        names_the_ways_out(&error.to_string());
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let stream = std::net::TcpStream::connect(at).unwrap();
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    check("connect", alone(TcpStream::connect(at)).unwrap_err());
    check("connect by name", alone(TcpStream::connect(("localhost", at.port()))).unwrap_err());
    check("bind", alone(TcpListener::bind("127.0.0.1:0")).unwrap_err());
    check("udp", alone(UdpSocket::bind("127.0.0.1:0")).err().unwrap());
    check("look up", alone(lookup_host("localhost:1")).map(drop).unwrap_err());
    #[cfg(unix)]
    {
        let (pipe, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        check("Async", Async::new(pipe).unwrap_err());
    }
    check("from std's stream", TcpStream::try_from(stream).unwrap_err());
    check("from std's listener", TcpListener::try_from(listener).unwrap_err());
    check("from std's udp", UdpSocket::try_from(datagrams).err().unwrap());
}

#[test]
fn errors_work_with_the_error_trait() {
    let error: Box<dyn std::error::Error + Send + Sync> = Box::new(NoRuntime);
    assert!(error.source().is_none());
    assert!(error.downcast_ref::<NoRuntime>().is_some());
    assert!(NoRuntime.source().is_none());
}

on_every_runtime! {
    /// What is current belongs to a thread: those that a task starts have none.
    async fn a_thread_that_a_task_starts_has_none() {
        assert!(Handle::try_current().is_ok());
        let theirs = thread::spawn(|| Handle::try_current().map(drop)).join().unwrap();
        assert_eq!(theirs, Err(NoRuntime));
    }
}

with_every_runtime! {
    /// Nothing is left behind on the thread, also not by a panic.
    fn none_is_left_when_a_scope_ends(start: Start) {
        let owner = start();
        let handle = owner.handle();
        assert_eq!(handle.enter(Handle::try_current).as_ref(), Ok(&handle));
        assert_eq!(Handle::try_current(), Err(NoRuntime));
        assert_eq!(owner.block_on(async { Handle::try_current() }).as_ref(), Ok(&handle));
        assert_eq!(Handle::try_current(), Err(NoRuntime));
        let (text, _) = panic_of(|| handle.enter(|| panic!("on purpose")));
        assert_eq!(text, "on purpose");
        assert_eq!(Handle::try_current(), Err(NoRuntime));
        let (text, _) = panic_of(|| owner.block_on(async { panic!("on purpose") }));
        assert_eq!(text, "on purpose");
        assert_eq!(Handle::try_current(), Err(NoRuntime));
    }
}
