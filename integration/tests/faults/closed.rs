//! A source is closed under a waiter, by the peer, by this end, by its last owner; or was never there.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::Poll;

use runtime_traits::hooks::ReadCursor;
use runtime_traits::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use runtime_traits::task::JoinHandle;

use crate::support::{Gate, announced, on_every_runtime, pair, reset, with_peer};

/// An address where nobody listens, and nobody can while the first is held.
fn refusing() -> (OwnedFd, SocketAddr) {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
    let held = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&held, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = SocketAddrV4::try_from(getsockname(&held).unwrap()).unwrap();
    (held, at.into())
}

/// A task that waits to read one byte of `stream`; comes back when it does.
async fn reading(stream: &Arc<TcpStream>) -> JoinHandle<io::Result<usize>> {
    let (stream, waits) = (stream.clone(), Gate::default());
    let read = async move { stream.read(&mut [0]).await };
    let task = runtime_traits::spawn(announced(waits.clone(), read));
    waits.wait().await;
    task
}

/// A task that writes until there is no more room; comes back when it waits.
async fn writing(stream: &Arc<TcpStream>) -> JoinHandle<io::Error> {
    let (stream, waits) = (stream.clone(), Gate::default());
    let write = async move {
        loop {
            if let Err(error) = stream.write(&[7; 65536]).await {
                return error;
            }
        }
    };
    let task = runtime_traits::spawn(announced(waits.clone(), write));
    waits.wait().await;
    task
}

fn is_broken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

on_every_runtime! {
    async fn a_connection_is_refused() {
        let (_held, at) = refusing();
        let error = TcpStream::connect(at).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        // The next of several addresses is tried.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let stream = TcpStream::connect([at, good]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        let error = TcpStream::connect([at, at]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    async fn many_connections_are_refused_at_once() {
        let (_held, at) = refusing();
        let tasks: Vec<_> =
            (0..50).map(|_| runtime_traits::spawn(TcpStream::connect(at))).collect();
        for task in tasks {
            let error = task.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
    }

    async fn a_datagram_is_refused() {
        let gone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(gone.local_addr().unwrap()).await.unwrap();
        drop(gone);
        socket.send(b"anybody?").await.unwrap();
        let error = socket.recv(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    async fn the_peer_closes_under_readers() {
        let (ours, peer) = with_peer().await;
        let ours = Arc::new(ours);
        let readers = [reading(&ours).await, reading(&ours).await, reading(&ours).await];
        drop(peer);
        for reader in readers {
            assert_eq!(reader.await.unwrap().unwrap(), 0, "the end");
        }
        assert_eq!(ours.read(&mut [0]).await.unwrap(), 0, "and it stays the end");
    }

    /// What the peer sent before it closed is not lost.
    async fn what_was_sent_before_the_close_arrives() {
        let (ours, mut peer) = with_peer().await;
        let ours = Arc::new(ours);
        let reader = reading(&ours).await;
        peer.write_all(b"last words").unwrap();
        drop(peer);
        assert_eq!(reader.await.unwrap().unwrap(), 1);
        let mut rest = Vec::new();
        assert_eq!(ours.read_to_end(&mut rest).await.unwrap(), 9);
        assert_eq!(rest, b"ast words");
    }

    async fn the_peer_resets_under_readers() {
        let (ours, peer) = with_peer().await;
        let ours = Arc::new(ours);
        let readers = [reading(&ours).await, reading(&ours).await];
        reset(peer);
        // The system tells it once; whoever comes later finds the end.
        let mut told = 0;
        for reader in readers {
            match reader.await.unwrap() {
                Ok(n) => assert_eq!(n, 0),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                    told += 1;
                }
            }
        }
        assert_eq!(told, 1);
    }

    async fn the_peer_resets_under_a_writer() {
        let (ours, peer) = with_peer().await;
        let ours = Arc::new(ours);
        let writer = writing(&ours).await;
        reset(peer);
        let error = writer.await.unwrap();
        assert!(is_broken(&error), "{error}");
        let error = ours.write(b"more").await.unwrap_err();
        assert!(is_broken(&error), "{error}");
    }

    /// Both directions wait; the reset ends both.
    async fn the_peer_resets_under_both() {
        let (ours, peer) = with_peer().await;
        let ours = Arc::new(ours);
        let (reader, writer) = (reading(&ours).await, writing(&ours).await);
        reset(peer);
        let read = reader.await.unwrap();
        assert!(read.is_err() || read.is_ok_and(|n| n == 0));
        assert!(is_broken(&writer.await.unwrap()));
    }

    async fn this_end_is_shut_down_under_a_reader() {
        for how in [Shutdown::Read, Shutdown::Both] {
            let (ours, _peer) = with_peer().await;
            let ours = Arc::new(ours);
            let readers = [reading(&ours).await, reading(&ours).await];
            ours.shutdown(how).await.unwrap();
            for reader in readers {
                assert_eq!(reader.await.unwrap().unwrap(), 0);
            }
        }
    }

    async fn this_end_is_shut_down_under_a_writer() {
        let (ours, _peer) = with_peer().await;
        let ours = Arc::new(ours);
        let writer = writing(&ours).await;
        // Not `shutdown`, which has an order of its own with writes: by the socket.
        rustix::net::shutdown(ours.as_source().unwrap(), rustix::net::Shutdown::Write).unwrap();
        let error = writer.await.unwrap();
        assert!(is_broken(&error), "{error}");
    }

    /// Aborting one that waits takes nothing from the other.
    async fn one_of_two_waiters_is_aborted() {
        let (ours, mut peer) = with_peer().await;
        let ours = Arc::new(ours);
        let (first, second) = (reading(&ours).await, reading(&ours).await);
        assert!(first.cancel().await.unwrap_err().is_cancelled());
        peer.write_all(b"x").unwrap();
        assert_eq!(second.await.unwrap().unwrap(), 1);
    }

    /// A task that polls a stream which others own, until its last owner drops it elsewhere: the
    /// task is woken, and finds out.
    async fn its_last_owner_drops_it_under_a_waiter() {
        let (ours, mut peer) = with_peer().await;
        let ours = Arc::new(ours);
        let (weak, waits) = (Arc::downgrade(&ours), Gate::default());
        let waiter = std::future::poll_fn(move |cx| {
            let Some(stream) = weak.upgrade() else { return Poll::Ready("it is gone") };
            let mut buf = [0];
            let polled = stream.poll_read_cursor(cx, &mut ReadCursor::new(&mut buf));
            polled.map(|_| "it was read")
        });
        let waiter = runtime_traits::spawn(announced(waits.clone(), waiter));
        waits.wait().await;
        runtime_traits::spawn(async move { drop(ours) }).await.unwrap();
        assert_eq!(peer.read(&mut [0]).unwrap(), 0, "it is closed at once, whoever waited");
        assert_eq!(waiter.await.unwrap(), "it is gone");
    }

    /// The number of a closed descriptor is used again at once: no event reaches the wrong one.
    async fn numbers_are_used_again() {
        for _ in 0..100 {
            let (ours, theirs) = pair().await;
            let ours = Arc::new(ours);
            let reader = reading(&ours).await;
            drop(ours);
            theirs.write_all(b"1").await.unwrap();
            drop(theirs);
            let (next, peer) = pair().await;
            let next = Arc::new(next);
            let quiet = reading(&next).await;
            assert_eq!(reader.await.unwrap().unwrap(), 1);
            assert!(!quiet.is_finished());
            peer.write_all(b"2").await.unwrap();
            assert_eq!(quiet.await.unwrap().unwrap(), 1);
        }
    }
}
