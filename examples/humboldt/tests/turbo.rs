//! Turbo: by its own types, and by the names and addresses that humboldt's `Net` takes.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use humboldt::network::{TurboListener, TurboStream};
use runtime_traits::net::{TcpListener, TcpStream, lookup_host};
use runtime_traits::task::yield_now;
use runtime_traits::{Handle, io, spawn};

mod support;
use support::{noting, poll_now, poll_with, runtime};

/// Two ends. Names are the process's, so each test has one of its own.
async fn pair(name: &str) -> (TurboStream, TurboStream) {
    let listener = TurboListener::bind((name, 1)).await.unwrap();
    let one = TurboStream::connect((name, 1)).await.unwrap();
    (one, listener.accept().await.unwrap().0)
}

#[humboldt::test]
async fn an_echo_comes_back_by_each_way() {
    let listener = TurboListener::bind("echo.turbo:7").await.unwrap();
    let at = listener.local_addr().unwrap();
    let echo = spawn(async move {
        for _ in 0..3 {
            let (stream, from) = listener.accept().await.unwrap();
            assert_eq!(from, SocketAddr::new(at.ip(), 0));
            io::copy(&*stream, &*stream).await.unwrap();
        }
    });
    let turbo = TurboStream::connect("echo.turbo:7").await.unwrap();
    let by_name = TcpStream::connect("echo.turbo:7").await.unwrap();
    let by_address = TcpStream::connect(at).await.unwrap();
    for stream in [&*turbo, &by_name, &by_address] {
        stream.write_all(b"there and back").await.unwrap();
        stream.shutdown(Shutdown::Write).await.unwrap();
        let mut came = Vec::new();
        stream.read_to_end(&mut came).await.unwrap();
        assert_eq!(came, b"there and back");
    }
    echo.await.unwrap();
}

/// Code that knows only `runtime-traits` listens and connects; the two ways meet.
#[humboldt::test]
async fn a_plain_listener_serves_turbo_too() {
    let listener = TcpListener::bind(("plain.turbo", 7)).await.unwrap();
    let stream = TurboStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    accepted.write_all(b"hello").await.unwrap();
    let mut came = [0; 5];
    stream.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"hello");
}

#[humboldt::test]
async fn a_name_is_an_address_of_its_own() {
    let engine: SocketAddr = "[fd74:7572:626f:656e:6769:6e65::]:7".parse().unwrap();
    assert_eq!(lookup_host("engine.turbo:7").await.unwrap().collect::<Vec<_>>(), [engine]);
    assert_eq!(lookup_host(("engine.turbo", 7)).await.unwrap().collect::<Vec<_>>(), [engine]);
    for text in ["elevenchars.turbo:1", "localhost:1", "127.0.0.1:1", "[fd74::1]:1"] {
        let error = TurboStream::connect(text).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{text}: {error}");
        let error = TurboListener::bind(text).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{text}: {error}");
    }
}

#[humboldt::test]
async fn other_addresses_are_the_ready_made_sockets() {
    for name in ["127.0.0.1:0", "localhost:0"] {
        let listener = TcpListener::bind(name).await.unwrap();
        let at = listener.local_addr().unwrap();
        assert!(listener.as_source().is_some());
        let ours = TcpStream::connect(at).await.unwrap();
        let (theirs, from) = listener.accept().await.unwrap();
        assert_eq!((ours.peer_addr().unwrap(), ours.local_addr().unwrap()), (at, from));
        ours.set_nodelay(true).unwrap(); // TCP's
        assert!(std::net::TcpStream::try_from(theirs).is_ok());
    }
    assert!(
        Handle::current()
            .runtime()
            .net()
            .unwrap()
            .connect((Ipv4Addr::LOCALHOST, 1).into())
            .is_none()
    );
}

// ── who listens ─────────────────────────────────────────────────────────────────────────────────

#[humboldt::test]
async fn nobody_listens_or_somebody_does_already() {
    let refused = TurboStream::connect("nobody.turbo:1").await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let listener = TurboListener::bind("somebody.turbo:1").await.unwrap();
    let in_use = TurboListener::bind("somebody.turbo:1").await.unwrap_err();
    assert_eq!(in_use.kind(), io::ErrorKind::AddrInUse);
    let _other_port = TurboListener::bind("somebody.turbo:2").await.unwrap();
    drop(listener);
    let refused = TcpStream::connect("somebody.turbo:1").await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    TurboListener::bind("somebody.turbo:1").await.unwrap();
}

#[humboldt::test]
async fn port_0_is_any_that_is_free() {
    let one = TurboListener::bind("any.turbo:0").await.unwrap().local_addr().unwrap();
    assert_ne!(one.port(), 0);
    let one = TurboListener::bind(one).await.unwrap();
    let other = TurboListener::bind("any.turbo:0").await.unwrap();
    let (at, port) = (one.local_addr().unwrap(), other.local_addr().unwrap().port());
    assert_ne!(at.port(), port);
    assert_eq!(other.local_addr().unwrap(), SocketAddr::new(at.ip(), port));
}

#[humboldt::test]
async fn several_tasks_accept_at_one_listener() {
    let listener = Arc::new(TurboListener::bind("several.turbo:1").await.unwrap());
    let acceptors = (0..8).map(|_| {
        let listener = listener.clone();
        spawn(async move { listener.accept().await.unwrap().0.write_all(b"x").await.unwrap() })
    });
    let acceptors: Vec<_> = acceptors.collect();
    for _ in 0..8 {
        let stream = TurboStream::connect("several.turbo:1").await.unwrap();
        assert_eq!(stream.read(&mut [0; 2]).await.unwrap(), 1);
    }
    for acceptor in acceptors {
        acceptor.await.unwrap();
    }
}

// ── streams ─────────────────────────────────────────────────────────────────────────────────────

/// The reader begins when the writer waits.
#[humboldt::test]
async fn a_writer_waits_for_a_slow_reader() {
    let (one, other) = pair("slow.turbo").await;
    let sent: Vec<u8> = (0..4_000_000u32).map(|i| (i / 7) as u8).collect();
    let (mut full, chunk) = (0, vec![7; 64 * 1024]);
    while let Poll::Ready(written) = poll_now(one.write(&chunk)) {
        full += written.unwrap();
    }
    let bytes = sent.clone();
    let writing = spawn(async move { one.write_all(&bytes).await.unwrap() });
    let mut came = Vec::new();
    other.read_to_end(&mut came).await.unwrap();
    writing.await.unwrap();
    assert!(came[..full].iter().all(|byte| *byte == 7));
    assert!(came[full..] == sent, "{} of {} bytes", came.len() - full, sent.len());
}

#[humboldt::test]
async fn each_direction_ends_by_itself() {
    let (one, other) = pair("half.turbo").await;
    one.shutdown(Shutdown::Write).await.unwrap();
    one.shutdown(Shutdown::Write).await.unwrap();
    assert_eq!(other.read(&mut [0]).await.unwrap(), 0);
    other.write_all(b"still here").await.unwrap();
    drop(other);
    let mut came = Vec::new();
    one.read_to_end(&mut came).await.unwrap();
    assert_eq!(came, b"still here");
    assert_eq!(one.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(one.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

/// One waits to read, one to write, when the peer goes away.
#[humboldt::test]
async fn whoever_waits_is_told_that_the_peer_is_gone() {
    let (one, other) = pair("gone.turbo").await;
    let one = Arc::new(one);
    while poll_now(one.write(&[0; 64 * 1024])).is_ready() {}
    let (reader, writer) = (one.clone(), one);
    let reading = spawn(async move { reader.read(&mut [0]).await });
    let writing = spawn(async move { writer.write(&[0]).await });
    for _ in 0..4 {
        yield_now().await;
    }
    assert!(!reading.is_finished() && !writing.is_finished());
    drop(other);
    let error = writing.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    // The bytes that nobody read are lost with the peer, and the reader is told so or sees the end.
    match reading.await.unwrap() {
        Ok(n) => assert_eq!(n, 0),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
}

#[humboldt::test]
async fn several_tasks_read_one_stream() {
    let (one, other) = pair("split.turbo").await;
    let other = Arc::new(other);
    let readers = (0..4).map(|_| {
        let other = other.clone();
        spawn(async move { other.read(&mut [0]).await.unwrap() })
    });
    let readers: Vec<_> = readers.collect();
    one.write_all(b"abcd").await.unwrap();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 1);
    }
}

// ── other runtimes ──────────────────────────────────────────────────────────────────────────────

/// The streams are made, polled and dropped on a runtime of another kind, which has one thread. What
/// wakes is humboldt's driver, and what they are registered with is humboldt's reactor.
#[test]
fn a_stream_made_inside_another_runtime_is_driven_by_humboldt() {
    let other = runtime_default::Builder::new().current_thread().build().unwrap();
    let (waker, notes) = noting();
    other.block_on(async {
        let (one, two) = pair("inside.turbo").await;
        assert_eq!(Handle::current(), *other.handle());
        assert_eq!(other.handle().metrics().sources, Some(0));
        assert!(humboldt::handle().metrics().sources >= Some(2));
        let mut byte = [0];
        let mut reads = pin!(one.read(&mut byte));
        assert!(poll_with(reads.as_mut(), &waker).is_pending());
        two.write_all(b"x").await.unwrap();
        assert_eq!(notes.recv().unwrap(), "humboldt-driver-0");
        assert_eq!(reads.await.unwrap(), 1);
    });
}

/// Each on the crate's own humboldt, the plain way on none: that asks the runtime that is current.
#[test]
fn tasks_of_another_runtime_talk_by_turbo() {
    let other = runtime_default::Builder::new().worker_threads(2).build().unwrap();
    assert!(other.handle().runtime().net().is_none());
    other.block_on(async {
        let (one, two) = pair("direct.turbo").await;
        let task = spawn(async move {
            assert_eq!(Handle::current().info().name, "default");
            one.write_all(b"over there").await
        });
        let mut came = [0; 10];
        two.read_exact(&mut came).await.unwrap();
        task.await.unwrap().unwrap();
        assert_eq!(&came, b"over there");
    });
}

/// Whoever made it drives it: it is registered there, and deregistered when it is dropped.
#[test]
fn a_stream_belongs_to_the_humboldt_that_was_current() {
    let (_runtime, humboldt) = runtime(1);
    let (one, two) = humboldt.block_on(pair("belongs.turbo")).unwrap();
    assert_eq!(humboldt.metrics().sources, Some(2));
    drop((one, two));
    assert_eq!(humboldt.metrics().sources, Some(0));
}

/// Names are the process's: one humboldt connects to another.
#[test]
fn two_humboldts_meet() {
    let ((_one, one), (_other, other)) = (runtime(1), runtime(1));
    let listener = one.block_on(TurboListener::bind("meet.turbo:1")).unwrap().unwrap();
    let connecting = thread::spawn(move || {
        other.block_on(async {
            let stream = TurboStream::connect("meet.turbo:1").await.unwrap();
            stream.write_all(b"x").await.unwrap();
        })
    });
    let (stream, _) = one.block_on(listener.accept()).unwrap().unwrap();
    assert_eq!(one.block_on(stream.read(&mut [0; 2])).unwrap().unwrap(), 1);
    connecting.join().unwrap().unwrap();
}
