//! Sockets over completion: a runtime that knows no readiness, only operations that own their
//! buffers.
//!
//! The proactor is as unpleasant as the contract allows. What it chooses comes from a seed, printed
//! when a test fails.
#![cfg(all(feature = "net", unix))]

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use runtime_conformance_proactor::Proactor;
use runtime_traits::hooks::Completion;
use runtime_traits::net::unix::{UnixDatagram, UnixListener, UnixStream};
use runtime_traits::net::{TcpListener, TcpStream, UdpSocket};
use runtime_traits::{io, spawn};
use rustix::io::Errno;

#[path = "support/toy.rs"]
mod toy;
use toy::{Part, Toy, counted, give_way};

impl Part for Proactor {
    fn name(&self) -> &'static str {
        "proactor"
    }
    fn completion(&self) -> Option<&dyn Completion> {
        Some(self)
    }
}

/// Runs a test on runtimes of many seeds, and looks at each afterwards.
fn with_seeds<F: Future<Output = ()>>(test: impl Fn(Arc<Toy<Proactor>>) -> F) {
    for seed in 0..10 {
        let _named = Named(seed);
        let toy = Toy::new(Proactor::new(seed));
        toy.run(test(toy.clone()));
        toy.part.check();
    }
}

/// Names the seed of a test that fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with seed {}", self.0);
        }
    }
}

// ---- helpers -------------------------------------------------------------------------------

fn poll_once<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// A connection of ours, and its other end as std's.
async fn pair() -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (theirs, _) = listener.accept().unwrap();
    (ours, theirs)
}

fn numbers(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i / 3 % 251) as u8).collect()
}

// ---- tests ---------------------------------------------------------------------------------

#[test]
fn an_echo_comes_back_in_order() {
    with_seeds(async |_| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let server = spawn(async move {
            let (stream, from) = listener.accept().await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), from);
            let n = io::copy(&stream, &stream).await.unwrap();
            stream.shutdown(Shutdown::Write).await.unwrap();
            n
        });
        let (reader, writer) = TcpStream::connect(at).await.unwrap().into_split();
        let sent = numbers(100_000);
        let expected = sent.clone();
        let writing = spawn(async move { writer.write_all(&sent).await.unwrap() });
        let mut received = Vec::new();
        reader.read_to_end(&mut received).await.unwrap();
        writing.await.unwrap();
        assert!(received == expected, "{} of {} bytes", received.len(), expected.len());
        assert_eq!(server.await.unwrap(), expected.len() as u64);
    });
}

#[test]
fn a_refused_connection_is_refused() {
    with_seeds(async |_| {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = TcpStream::connect(closed).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    });
}

/// TCP-7: what a dropped read brought, the next one finds.
#[test]
fn a_read_dropped_in_flight_loses_nothing() {
    with_seeds(async |_| {
        let (ours, mut theirs) = pair().await;
        let (count, waker) = counted();
        let mut received = Vec::new();
        let mut buf = [0; 16];
        for round in 0..50u8 {
            {
                let mut read = pin!(ours.read(&mut buf));
                assert!(poll_once(read.as_mut(), &waker).is_pending());
            }
            assert_eq!(Arc::strong_count(&count), 2, "released");
            theirs.write_all(&[round, round]).unwrap();
            give_way(usize::from(round % 5)).await;
            while received.len() < 2 * (usize::from(round) + 1) {
                let n = ours.read(&mut buf).await.unwrap();
                received.extend_from_slice(&buf[..n]);
            }
        }
        assert_eq!(received, (0..50).flat_map(|n| [n, n]).collect::<Vec<u8>>());
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn peeked_bytes_are_read_again_and_the_end_is_stable() {
    with_seeds(async |_| {
        let (ours, mut theirs) = pair().await;
        theirs.write_all(b"ab").unwrap();
        drop(theirs);
        let mut buf = [0; 8];
        ours.readable().await.unwrap();
        assert!(ours.peek(&mut buf).await.unwrap() >= 1);
        assert_eq!(buf[0], b'a');
        ours.read_exact(&mut buf[..2]).await.unwrap();
        assert_eq!(&buf[..2], b"ab");
        for _ in 0..3 {
            assert_eq!(ours.read(&mut buf).await.unwrap(), 0);
            assert_eq!(ours.read(&mut []).await.unwrap(), 0);
        }
    });
}

#[test]
fn two_readers_of_one_stream_both_finish() {
    with_seeds(async |_| {
        let (ours, mut theirs) = pair().await;
        let ours = Arc::new(ours);
        let read = |ours: Arc<TcpStream>| async move {
            let mut byte = [0];
            ours.read(&mut byte).await.unwrap();
            byte[0]
        };
        let readers = [spawn(read(ours.clone())), spawn(read(ours.clone()))];
        give_way(3).await;
        theirs.write_all(b"ab").unwrap();
        let mut got = Vec::new();
        for reader in readers {
            got.push(reader.await.unwrap());
        }
        got.sort_unstable();
        assert_eq!(got, b"ab");
    });
}

/// A write that was taken goes on though nobody polls the stream again, and though it is dropped.
#[test]
fn what_was_written_leaves_also_when_the_stream_is_dropped() {
    with_seeds(async |toy| {
        let (ours, mut theirs) = pair().await;
        let sent = numbers(60_000);
        ours.write_all(&sent).await.unwrap();
        drop(ours);
        let mut received = Vec::new();
        theirs.read_to_end(&mut received).unwrap();
        assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
        while toy.part.in_flight() > 0 {
            give_way(1).await;
        }
    });
}

#[test]
fn the_half_that_writes_ends_writing_after_what_was_written() {
    with_seeds(async |_| {
        let (ours, mut theirs) = pair().await;
        let (reader, writer) = ours.into_split();
        let sent = numbers(30_000);
        writer.write_all(&sent).await.unwrap();
        drop(writer);
        let mut received = Vec::new();
        theirs.read_to_end(&mut received).unwrap();
        assert!(received == sent);
        theirs.write_all(b"answer").unwrap();
        drop(theirs);
        let mut answer = Vec::new();
        reader.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
    });
}

/// IO-6: no write is taken, and lost, after the end.
#[test]
fn a_write_after_the_end_of_writing_fails() {
    with_seeds(async |_| {
        let (ours, mut theirs) = pair().await;
        ours.write_all(b"last").await.unwrap();
        ours.shutdown(Shutdown::Write).await.unwrap();
        ours.shutdown(Shutdown::Write).await.unwrap();
        assert_eq!(ours.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let mut received = Vec::new();
        theirs.read_to_end(&mut received).unwrap();
        assert_eq!(received, b"last");
    });
}

/// TCP-4, TCP-5.
#[test]
fn a_failed_write_is_told_by_the_next_and_a_full_one_waits() {
    with_seeds(async |_| {
        let (ours, theirs) = pair().await;
        theirs.set_nonblocking(true).unwrap();
        let chunk = numbers(64 * 1024);
        let mut written = 0;
        // Fill what there is, until a write has to wait.
        loop {
            let mut write = pin!(ours.write(&chunk));
            match poll_once(write.as_mut(), Waker::noop()) {
                Poll::Ready(n) => written += n.unwrap(),
                Poll::Pending if written > 8_000_000 => break,
                Poll::Pending => match poll_flush_for(&ours, 20).await {
                    true => {}
                    false => break,
                },
            }
        }
        drop(theirs); // unread bytes: a reset
        let error = loop {
            match ours.write(&chunk).await {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        assert!(matches!(error.kind(), BrokenPipe | ConnectionReset), "{error}");
        for _ in 0..3 {
            assert_eq!(
                ours.write(&chunk).await.unwrap_err().kind(),
                BrokenPipe,
                "and from then on"
            );
        }
        let (result, back) = ours.write_owned(vec![1]).await;
        assert_eq!((result.unwrap_err().kind(), back), (BrokenPipe, vec![1]));
    });
}

/// Whether a flush comes to an end within `n` polls.
async fn poll_flush_for(stream: &TcpStream, n: usize) -> bool {
    let mut flush = pin!(stream.flush());
    for _ in 0..n {
        if poll_once(flush.as_mut(), Waker::noop()).is_ready() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

/// IO-10.
#[test]
fn owned_buffers_go_to_the_driver_and_come_back() {
    with_seeds(async |_| {
        let (ours, mut theirs) = pair().await;
        theirs.write_all(b"there").unwrap();
        let mut buf = Vec::with_capacity(64);
        buf.extend_from_slice(b"hello ");
        let place = buf.as_ptr();
        while buf.len() < 11 {
            let (result, back) = ours.read_owned(buf).await;
            result.unwrap();
            buf = back;
        }
        assert_eq!(buf, b"hello there");
        assert_eq!(buf.as_ptr(), place, "not copied");
        let (result, buf) = ours.write_owned(buf).await;
        let n = result.unwrap();
        assert!(n >= 1 && buf == b"hello there");
        let mut echoed = vec![0; n];
        theirs.read_exact(&mut echoed).unwrap();
        assert_eq!(echoed, &buf[..n]);
        let (result, buf) = ours.read_owned(Vec::new()).await;
        assert_eq!((result.unwrap(), buf.len()), (0, 0), "no room, nothing read");
    });
}

/// IO-10: the buffer comes back on cancel, and a result that was there is not lost.
#[test]
fn a_cancelled_owned_read_gives_its_buffer_back() {
    with_seeds(async |_| {
        let (ours, mut theirs) = pair().await;
        let mut sent = Vec::new();
        let mut received = Vec::new();
        for round in 0..20u8 {
            let mut read = ours.read_owned(Vec::with_capacity(100));
            // What an earlier round left may be there at once.
            if let Poll::Ready((n, buf)) = poll_once(Pin::new(&mut read), Waker::noop()) {
                assert_eq!(n.unwrap(), buf.len());
                received.extend_from_slice(&buf);
                continue;
            }
            if round % 2 == 0 {
                theirs.write_all(&[round; 3]).unwrap();
                sent.extend_from_slice(&[round; 3]);
            }
            let (result, buf) = read.cancel().await;
            assert_eq!(buf.capacity(), 100);
            match result {
                Ok(n) => assert_eq!(n, buf.len()),
                Err(error) => assert_eq!(Errno::from_io_error(&error), Some(Errno::CANCELED)),
            }
            received.extend_from_slice(&buf);
        }
        drop(theirs);
        ours.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, sent);
        let read = ours.read_owned(vec![1, 2, 3]);
        let (result, buf) = read.cancel().await;
        assert!(result.is_err());
        assert_eq!(buf, [1, 2, 3], "never started");
    });
}

/// IO-10: whoever asked is gone, the memory is used for something else, the driver goes on.
#[test]
fn an_owned_operation_dropped_in_flight_touches_nothing_of_ours() {
    with_seeds(async |toy| {
        for size in [16, 256, 4096] {
            let (ours, mut theirs) = pair().await;
            let (count, waker) = counted();
            let mut read = ours.read_owned(Vec::with_capacity(size));
            assert!(poll_once(Pin::new(&mut read), &waker).is_pending());
            drop(read);
            assert_eq!(Arc::strong_count(&count), 2, "released");
            let others: Vec<Vec<u8>> = (0..32).map(|i| vec![i; size]).collect();
            theirs.write_all(&vec![0xEE; size]).unwrap();
            give_way(10).await;
            for (i, other) in others.iter().enumerate() {
                assert!(other.iter().all(|byte| usize::from(*byte) == i), "overwritten");
            }
        }
        while toy.part.in_flight() > 0 {
            give_way(1).await;
        }
        assert_eq!(toy.part.abandoned(), 3);
    });
}

/// An accept that was dropped stays in flight; its connection goes to the next.
#[test]
fn a_dropped_accept_loses_no_connection() {
    with_seeds(async |_| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        for _ in 0..5 {
            {
                let mut accept = pin!(listener.accept());
                assert!(poll_once(accept.as_mut(), Waker::noop()).is_pending());
            }
            let client = std::net::TcpStream::connect(at).unwrap();
            give_way(3).await;
            let (_, from) = listener.accept().await.unwrap();
            assert_eq!(from, client.local_addr().unwrap());
        }
        // One is in flight when the listener goes: what it accepts is closed.
        let mut accept = pin!(listener.accept());
        assert!(poll_once(accept.as_mut(), Waker::noop()).is_pending());
    });
}

/// IO-10: at the end of the runtime, operations in flight resolve and free nothing early.
#[test]
fn a_runtime_that_ends_with_operations_in_flight_tells_and_frees_nothing_early() {
    with_seeds(async |toy| {
        let (ours, _theirs) = pair().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut owned = ours.read_owned(Vec::with_capacity(4096));
        assert!(poll_once(Pin::new(&mut owned), Waker::noop()).is_pending());
        {
            let mut buf = [0; 8];
            let mut staged = pin!(ours.read(&mut buf));
            assert!(poll_once(staged.as_mut(), Waker::noop()).is_pending());
            let mut accept = pin!(listener.accept());
            assert!(poll_once(accept.as_mut(), Waker::noop()).is_pending());
            toy.part.end();
            assert!(staged.await.is_err());
            assert!(accept.await.is_err());
        }
        let (result, buf) = owned.await;
        assert!(result.is_err());
        assert_eq!(buf.capacity(), 4096);
        let error = ours.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(TcpListener::bind("127.0.0.1:0").await.unwrap().accept().await.is_err());
    });
}

#[test]
fn std_streams_come_and_go() {
    with_seeds(async |_| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let std = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        let ours = TcpStream::try_from(std).unwrap();
        ours.write_all(b"x").await.unwrap();
        theirs.read_exact(&mut [0]).unwrap();
        ours.flush().await.unwrap();
        let std = std::net::TcpStream::try_from(ours).unwrap();
        theirs.write_all(b"y").unwrap();
        assert_eq!((&std).read(&mut [0]).unwrap(), 1);

        let ours = TcpStream::try_from(std).unwrap();
        {
            let mut buf = [0];
            let mut read = pin!(ours.read(&mut buf));
            assert!(poll_once(read.as_mut(), Waker::noop()).is_pending());
        }
        let busy = std::net::TcpStream::try_from(ours).unwrap_err();
        assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
    });
}

#[test]
fn datagrams_need_readiness() {
    with_seeds(async |_| {
        let error = UdpSocket::bind("127.0.0.1:0").await.unwrap_err();
        assert_eq!(error.to_string(), "runtime `proactor` has no net");
    });
}

#[test]
fn the_socket_beneath_can_be_seen() {
    with_seeds(async |_| {
        let (ours, _theirs) = pair().await;
        ours.set_nodelay(true).unwrap();
        assert!(ours.nodelay().unwrap());
        assert!(ours.as_source().unwrap().as_fd().try_clone_to_owned().is_ok());
    });
}

// ---- Unix sockets --------------------------------------------------------------------------

/// A directory for a socket file, removed when dropped.
struct Dir(std::path::PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::SeqCst);
        let path = std::env::temp_dir().join(format!("completion-{}-{n}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Dir(path)
    }

    fn socket(&self) -> std::path::PathBuf {
        self.0.join("s")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// UNIX-1.
#[test]
fn a_unix_stream_carries_what_a_tcp_stream_does() {
    with_seeds(async |_| {
        let dir = Dir::new();
        let listener = UnixListener::bind(dir.socket()).unwrap();
        let server = spawn(async move {
            let (stream, from) = listener.accept().await.unwrap();
            assert!(from.is_unnamed());
            let n = io::copy(&stream, &stream).await.unwrap();
            stream.shutdown(Shutdown::Write).await.unwrap();
            n
        });
        let (reader, writer) = UnixStream::connect(dir.socket()).await.unwrap().into_split();
        assert_eq!(reader.peer_addr().unwrap().as_pathname(), Some(&*dir.socket()));
        let sent = numbers(100_000);
        let expected = sent.clone();
        let writing = spawn(async move { writer.write_all(&sent).await.unwrap() });
        let mut received = Vec::new();
        reader.read_to_end(&mut received).await.unwrap();
        writing.await.unwrap();
        assert!(received == expected, "{} of {} bytes", received.len(), expected.len());
        assert_eq!(server.await.unwrap(), expected.len() as u64);
    });
}

#[test]
fn a_dropped_read_of_a_unix_stream_loses_nothing_and_its_peer_may_go() {
    with_seeds(async |_| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut buf = [0; 16];
        for round in 0..20u8 {
            {
                let mut read = pin!(ours.read(&mut buf));
                assert!(poll_once(read.as_mut(), Waker::noop()).is_pending());
            }
            theirs.write_all(&[round]).await.unwrap();
            give_way(usize::from(round % 3)).await;
            assert_eq!((ours.read(&mut buf).await.unwrap(), buf[0]), (1, round));
        }
        drop(theirs);
        assert_eq!(ours.read(&mut buf).await.unwrap(), 0);
        // A write is taken, and the next one told.
        let _ = ours.write(b"x").await;
        assert_eq!(ours.flush().await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(ours.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    });
}

/// UNIX-2. Unix datagrams need readiness, as UDP's.
#[test]
fn errors_of_unix_sockets_are_the_real_ones() {
    with_seeds(async |_| {
        let dir = Dir::new();
        let missing = UnixStream::connect(dir.socket()).await.unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        drop(UnixListener::bind(dir.socket()).unwrap());
        let refused = UnixStream::connect(dir.socket()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let error = UnixDatagram::bind(dir.0.join("d")).unwrap_err();
        assert_eq!(error.to_string(), "runtime `proactor` has no net");
        assert!(!dir.0.join("d").exists());
    });
}
