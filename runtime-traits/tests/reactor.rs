//! Sockets and `Async` over readiness, on a reactor of one thread.
#![cfg(all(feature = "net", unix))]

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use runtime_traits::hooks::Dir;
use runtime_traits::io::{self, Async, AsyncRead, AsyncWrite, Waiter};
use runtime_traits::net::{OwnedReadHalf, TcpListener, TcpStream, UdpSocket, lookup_host};
use runtime_traits::spawn;

#[path = "support/poll_reactor.rs"]
mod poll_reactor;
#[path = "support/toy.rs"]
mod toy;
use poll_reactor::PollReactor;
use toy::{Part, Toy, counted, give_way};

fn toy() -> Arc<Toy<PollReactor>> {
    Toy::new(PollReactor::new())
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

async fn read_trait<R: AsyncRead + Unpin>(mut reader: R, buf: &mut [u8]) -> io::Result<usize> {
    std::future::poll_fn(|cx| Pin::new(&mut reader).poll_read(cx, buf)).await
}

async fn write_trait<W: AsyncWrite + Unpin>(mut writer: W, buf: &[u8]) -> io::Result<usize> {
    std::future::poll_fn(|cx| Pin::new(&mut writer).poll_write(cx, buf)).await
}

// ---- TCP -----------------------------------------------------------------------------------

#[test]
fn an_echo_of_many_bytes_comes_back_in_order() {
    toy().run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let n = io::copy(&stream, &stream).await.unwrap();
            stream.shutdown(Shutdown::Write).await.unwrap();
            n
        });
        let (reader, writer) = TcpStream::connect(at).await.unwrap().into_split();
        let sent: Vec<u8> = (0..3_000_000u32).map(|i| (i / 7) as u8).collect();
        let expected = sent.clone();
        let writing = spawn(async move { writer.write_all(&sent).await.unwrap() });
        let mut received = Vec::new();
        reader.read_to_end(&mut received).await.unwrap();
        writing.await.unwrap();
        assert!(received == expected, "{} of {} bytes", received.len(), expected.len());
        assert_eq!(server.await.unwrap(), expected.len() as u64);
    });
}

/// TCP-1.
#[test]
fn a_refused_connection_is_refused() {
    toy().run(async {
        let bound = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = bound.local_addr().unwrap();
        drop(bound);
        let error = TcpStream::connect(at).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn connect_tries_each_address_in_turn() {
    toy().run(async {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let both = [closed, open.local_addr().unwrap()];
        let stream = TcpStream::connect(both).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), both[1]);
    });
}

/// TCP-2, IO-1.
#[test]
fn data_comes_before_the_end_and_the_end_is_stable() {
    toy().run(async {
        let (ours, mut theirs) = pair().await;
        theirs.write_all(b"last words").unwrap();
        drop(theirs);
        let mut buf = [0; 4];
        let mut all = Vec::new();
        while let n @ 1.. = ours.read(&mut buf).await.unwrap() {
            all.extend_from_slice(&buf[..n]);
        }
        assert_eq!(all, b"last words");
        for _ in 0..3 {
            assert_eq!(ours.read(&mut buf).await.unwrap(), 0);
        }
    });
}

/// IO-2.
#[test]
fn empty_reads_and_writes_are_done_at_once() {
    toy().run(async {
        let (ours, mut theirs) = pair().await;
        assert_eq!(ours.read(&mut []).await.unwrap(), 0);
        assert_eq!(ours.write(&[]).await.unwrap(), 0);
        assert_eq!(read_trait(&ours, &mut []).await.unwrap(), 0);
        theirs.write_all(b"x").unwrap();
        assert_eq!(ours.read(&mut []).await.unwrap(), 0);
        let mut buf = [0; 2];
        assert_eq!(ours.read(&mut buf).await.unwrap(), 1);
    });
}

/// REACTOR-7: both readers of one stream finish.
#[test]
fn two_readers_of_one_stream_both_finish() {
    for by_trait in [false, true] {
        toy().run(async {
            let (ours, mut theirs) = pair().await;
            let ours = Arc::new(ours);
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    let ours = ours.clone();
                    spawn(async move {
                        let mut byte = [0];
                        match by_trait {
                            true => read_trait(&*ours, &mut byte).await.unwrap(),
                            false => ours.read(&mut byte).await.unwrap(),
                        };
                        byte[0]
                    })
                })
                .collect();
            give_way(4).await; // both wait
            theirs.write_all(b"ab").unwrap();
            let mut got = Vec::new();
            for reader in readers {
                got.push(reader.await.unwrap());
            }
            got.sort_unstable();
            assert_eq!(got, b"ab");
        });
    }
}

/// CANCEL-8, TCP-7: a dropped read holds nothing, wakes nobody, and loses nothing.
#[test]
fn a_dropped_read_releases_its_waker_and_loses_nothing() {
    toy().run(async {
        let (ours, mut theirs) = pair().await;
        let (count, waker) = counted();
        let mut buf = [0; 8];
        for round in 0..100u8 {
            let mut sibling = pin!(ours.readable());
            let (sibling_count, sibling_waker) = counted();
            assert!(poll_once(sibling.as_mut(), &sibling_waker).is_pending());
            {
                let mut read = pin!(ours.read(&mut buf));
                assert!(poll_once(read.as_mut(), &waker).is_pending());
            }
            assert_eq!(Arc::strong_count(&count), 2, "released");
            theirs.write_all(&[round]).unwrap();
            sibling.await.unwrap();
            drop(sibling_count);
            assert_eq!(ours.read(&mut buf).await.unwrap(), 1);
            assert_eq!(buf[0], round);
        }
        assert_eq!(count.0.load(Ordering::SeqCst), 0, "nobody is woken after the drop");
    });
}

/// LEAK-2.
#[test]
fn every_pending_operation_releases_its_waker_on_drop() {
    toy().run(async {
        let (ours, _theirs) = pair().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (unix, _other) = UnixStream::pair().unwrap();
        let unix = Async::new(unix).unwrap();
        let (count, waker) = counted();
        let mut buf = [0; 8];
        macro_rules! releases {
            ($($operation:expr),* $(,)?) => {$({
                let mut operation = Box::pin($operation);
                assert!(poll_once(operation.as_mut(), &waker).is_pending(), stringify!($operation));
                assert!(poll_once(operation.as_mut(), &waker).is_pending(), stringify!($operation));
                drop(operation);
                assert_eq!(Arc::strong_count(&count), 2, stringify!($operation));
            })*};
        }
        releases!(
            ours.read(&mut buf),
            ours.peek(&mut buf),
            ours.readable(),
            ours.read_owned(Vec::with_capacity(8)),
            listener.accept(),
            udp.recv(&mut buf),
            udp.recv_from(&mut buf),
            udp.peek_from(&mut buf),
            unix.readable(),
            unix.read_with(|unix| (&*unix).read(&mut [0])),
        );
        let mut waiter = unix.waiter(Dir::Read);
        assert!(waiter.poll_ready(&mut Context::from_waker(&waker)).is_pending());
        drop(waiter);
        assert_eq!(Arc::strong_count(&count), 2, "Waiter");
        drop((ours, listener, udp, unix));
    });
}

/// IO-9, TCP-3.
#[test]
fn halves_reunite_with_their_own_only() {
    toy().run(async {
        let (first, mut peer) = pair().await;
        let (second, _peer) = pair().await;
        let (reader, writer) = first.into_split();
        let (other_reader, other_writer) = second.into_split();
        let io::ReuniteError(reader, other_writer) = reader.reunite(other_writer).unwrap_err();
        let first = reader.reunite(writer).unwrap();
        other_reader.reunite(other_writer).unwrap();
        first.write_all(b"still open").await.unwrap();
        let mut buf = [0; 10];
        peer.read_exact(&mut buf).unwrap();
    });
}

#[test]
fn dropping_the_half_that_writes_ends_writing_unless_forgotten() {
    toy().run(async {
        let (ours, mut theirs) = pair().await;
        let (reader, writer) = ours.into_split();
        writer.write_all(b"bye").await.unwrap();
        drop(writer);
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"bye");
        theirs.write_all(b"answer").unwrap();
        drop(theirs);
        let mut answer = Vec::new();
        reader.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");

        let (ours, theirs) = pair().await;
        let (reader, writer): (OwnedReadHalf, _) = ours.into_split();
        writer.forget();
        theirs.set_nonblocking(true).unwrap();
        let error = (&theirs).read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(reader);
    });
}

#[test]
fn a_stream_that_was_shut_down_can_be_shut_down_again() {
    toy().run(async {
        let (ours, theirs) = pair().await;
        ours.shutdown(Shutdown::Write).await.unwrap();
        ours.shutdown(Shutdown::Write).await.unwrap();
        drop(theirs);
        assert_eq!(ours.read(&mut [0]).await.unwrap(), 0);
        ours.shutdown(Shutdown::Both).await.unwrap();
        ours.shutdown(Shutdown::Both).await.unwrap();
        assert!(ours.write(b"x").await.is_err());
    });
}

/// TCP-6.
#[test]
fn accept_drains_a_burst() {
    toy().run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..100).map(|_| std::net::TcpStream::connect(at).unwrap()).collect();
        for _ in 0..50 {
            listener.accept().await.unwrap();
        }
        let mut incoming = listener.incoming();
        for _ in 0..50 {
            let next = std::future::poll_fn(|cx| {
                futures_core::Stream::poll_next(Pin::new(&mut incoming), cx)
            });
            next.await.unwrap().unwrap();
        }
        let mut more = pin!(listener.accept());
        assert!(poll_once(more.as_mut(), Waker::noop()).is_pending());
        drop(clients);
    });
}

/// TCP-8: whatever the origin, sockets are non-blocking; and they are given back as std's are.
#[test]
fn std_streams_come_and_go() {
    let toy = toy();
    toy.run(async {
        let (ours, mut theirs) = pair().await;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let blocking = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let from_std = TcpStream::try_from(blocking).unwrap();
        let mut buf = [0];
        let mut read = pin!(from_std.read(&mut buf));
        assert!(poll_once(read.as_mut(), Waker::noop()).is_pending(), "does not block");

        let number = ours.as_source().unwrap().as_raw_fd();
        let std = std::net::TcpStream::try_from(ours).unwrap();
        assert_eq!(std.as_raw_fd(), number, "no duplicate");
        theirs.write_all(b"x").unwrap();
        assert_eq!((&std).read(&mut [0]).unwrap(), 1);

        let listener = TcpListener::try_from(listener).unwrap();
        let _ = std::net::TcpListener::try_from(listener).unwrap();
    });
    assert_eq!(toy.part.registered(), 0, "dropped sockets are deregistered");
}

#[test]
fn owned_buffers_work_by_readiness() {
    toy().run(async {
        let (ours, mut theirs) = pair().await;
        theirs.write_all(b"there").unwrap();
        let mut buf = Vec::with_capacity(64);
        buf.extend_from_slice(b"hello ");
        let (result, buf) = ours.read_owned(buf).await;
        assert_eq!((result.unwrap(), &buf[..]), (5, &b"hello there"[..]));
        let (result, buf) = ours.write_owned(buf).await;
        assert_eq!((result.unwrap(), buf.len()), (11, 11));
        let mut read = ours.read_owned(buf);
        assert!(poll_once(Pin::new(&mut read), Waker::noop()).is_pending());
        let (result, buf) = read.cancel().await;
        assert!(result.is_err());
        assert_eq!(buf, b"hello there");
    });
}

#[test]
fn uninitialised_bytes_are_read_into() {
    toy().run(async {
        let (ours, mut theirs) = pair().await;
        theirs.write_all(b"abc").unwrap();
        let mut buf = Vec::<u8>::with_capacity(8);
        let n = ours.read_uninit(buf.spare_capacity_mut()).await.unwrap();
        // SAFETY: that many were initialised.
        unsafe { buf.set_len(n) };
        assert_eq!(buf, b"abc");
    });
}

/// IO-7.
#[test]
fn vectored_operations_skip_what_is_empty() {
    toy().run(async {
        let (ours, mut theirs) = pair().await;
        let bufs = [io::IoSlice::new(b""), io::IoSlice::new(b"ab"), io::IoSlice::new(b"c")];
        let n =
            std::future::poll_fn(|cx| Pin::new(&mut &ours).poll_write_vectored(cx, &bufs)).await;
        assert_eq!(n.unwrap(), 3);
        let mut buf = [0; 3];
        theirs.read_exact(&mut buf).unwrap();
        theirs.write_all(b"xyz").unwrap();
        let (mut a, mut b) = ([0; 1], [0; 2]);
        let mut bufs = [
            io::IoSliceMut::new(&mut []),
            io::IoSliceMut::new(&mut a),
            io::IoSliceMut::new(&mut b),
        ];
        ours.readable().await.unwrap();
        let n = std::future::poll_fn(|cx| Pin::new(&mut &ours).poll_read_vectored(cx, &mut bufs));
        assert_eq!(n.await.unwrap(), 3);
        assert_eq!((&a, &b), (b"x", b"yz"));
    });
}

/// SHUTDOWN-4.
#[test]
fn when_the_runtime_ends_whoever_waits_is_told() {
    let toy = toy();
    toy.run(async {
        let (ours, _theirs) = pair().await;
        let mut read = pin!(ours.read_owned(Vec::with_capacity(1)));
        assert!(poll_once(read.as_mut(), Waker::noop()).is_pending());
        let (count, waker) = counted();
        assert!(poll_once(read.as_mut(), &waker).is_pending());
        toy.part.end();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        let (result, _) = read.await;
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    });
}

// ---- names ---------------------------------------------------------------------------------

#[test]
fn names_are_looked_up_on_a_thread_and_addresses_on_none() {
    toy().run(async {
        let addrs = lookup_host("localhost:7").await.unwrap();
        assert!(addrs.into_iter().all(|addr| addr.ip().is_loopback() && addr.port() == 7));
        assert!(lookup_host("localhost").await.is_err());
    });
    let mut parsed = pin!(lookup_host("127.0.0.1:1"));
    let Poll::Ready(Ok(mut addrs)) = poll_once(parsed.as_mut(), Waker::noop()) else {
        panic!("an address needs no runtime");
    };
    assert_eq!(addrs.next().unwrap().port(), 1);
    let mut name = pin!(lookup_host("localhost:1"));
    let Poll::Ready(Err(error)) = poll_once(name.as_mut(), Waker::noop()) else {
        panic!("a name needs one");
    };
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
}

#[test]
fn a_runtime_without_net_says_so() {
    struct Bare;
    impl Part for Bare {
        fn name(&self) -> &'static str {
            "bare"
        }
    }
    Toy::new(Bare).run(async {
        let error = TcpListener::bind("127.0.0.1:0").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert_eq!(error.to_string(), "runtime `bare` has no net");
        let error = Async::new(UnixStream::pair().unwrap().0).unwrap_err();
        assert_eq!(error.to_string(), "runtime `bare` has no reactor");
    });
}

// ---- UDP -----------------------------------------------------------------------------------

/// UDP-1, UDP-3.
#[test]
fn datagrams_keep_their_boundaries() {
    toy().run(async {
        let (a, b) = (UdpSocket::bind("127.0.0.1:0").await, UdpSocket::bind("127.0.0.1:0").await);
        let (a, b) = (a.unwrap(), b.unwrap());
        let mut buf = [0; 2000];
        for size in [0, 1, 1472] {
            let mut dropped = Box::pin(b.recv(&mut buf));
            assert!(poll_once(dropped.as_mut(), Waker::noop()).is_pending());
            drop(dropped);
            a.send_to(&vec![7; size], b.local_addr().unwrap()).await.unwrap();
            let peeked = b.peek_from(&mut buf).await.unwrap();
            assert_eq!(peeked, (size, a.local_addr().unwrap()));
            assert_eq!(b.recv_from(&mut buf).await.unwrap(), peeked);
        }
        a.connect(b.local_addr().unwrap()).await.unwrap();
        a.send(b"to whom it may concern").await.unwrap();
        assert_eq!(b.recv(&mut buf[..7]).await.unwrap(), 7, "cut off");
        let error = b.try_recv(&mut buf).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let std = std::net::UdpSocket::try_from(a).unwrap();
        std.send(b"blocking").unwrap();
        assert_eq!(b.recv(&mut buf).await.unwrap(), 8);
    });
}

/// REACTOR-7.
#[test]
fn four_receivers_of_one_socket_all_finish() {
    toy().run(async {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let receivers: Vec<_> = (0..4)
            .map(|_| {
                let socket = socket.clone();
                spawn(async move { socket.recv(&mut [0; 8]).await.unwrap() })
            })
            .collect();
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..4 {
            give_way(2).await;
            sender.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        }
        for receiver in receivers {
            assert_eq!(receiver.await.unwrap(), 1);
        }
    });
}

// ---- Async ---------------------------------------------------------------------------------

/// REACTOR-1.
#[test]
fn what_was_ready_before_it_was_registered_is_ready() {
    toy().run(async {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"early").unwrap();
        let mut ours = Async::new(ours).unwrap();
        ours.readable().await.unwrap();
        let mut buf = [0; 8];
        assert_eq!(read_trait(&mut ours, &mut buf).await.unwrap(), 5);
        ours.writable().await.unwrap();
        assert_eq!(write_trait(&ours, b"late").await.unwrap(), 4);
        theirs.read_exact(&mut buf[..4]).unwrap();
        let ours = ours.into_inner();
        ours.set_nonblocking(false).unwrap();
    });
}

#[test]
fn replacing_the_object_harms_nothing() {
    toy().run(async {
        let (first, mut first_peer) = UnixStream::pair().unwrap();
        let (second, _second_peer) = UnixStream::pair().unwrap();
        let mut io = Async::new(first).unwrap();
        drop(std::mem::replace(io.get_mut(), second));
        first_peer.write_all(b"x").unwrap();
        // The duplicate still is what it was.
        io.readable().await.unwrap();
        assert!(io.as_fd().as_raw_fd() >= 0);
    });
}

#[test]
fn a_waiter_keeps_one_waker() {
    toy().run(async {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let ours = Arc::new(Async::new(ours).unwrap());
        let mut waiter = Waiter::new(ours.clone(), Dir::Read);
        let (first, first_waker) = counted();
        let (second, second_waker) = counted();
        assert!(waiter.poll_ready(&mut Context::from_waker(&first_waker)).is_pending());
        assert!(waiter.poll_ready(&mut Context::from_waker(&second_waker)).is_pending());
        assert_eq!(Arc::strong_count(&first), 2, "superseded");
        theirs.write_all(b"x").unwrap();
        ours.readable().await.unwrap();
        let read = |cx: &mut Context<'_>| waiter.poll_with(cx, |unix| (&*unix).read(&mut [0]));
        assert_eq!(std::future::poll_fn(read).await.unwrap(), 1);
        assert!(second.0.load(Ordering::SeqCst) <= 1);
        assert_eq!(first.0.load(Ordering::SeqCst), 0);
    });
}

/// IO-6 for `Async`.
#[test]
fn closing_an_async_socket_ends_writing() {
    toy().run(async {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut ours = Async::new(ours).unwrap();
        for _ in 0..2 {
            std::future::poll_fn(|cx| Pin::new(&mut ours).poll_close(cx)).await.unwrap();
        }
        assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn generic_halves_reunite_with_their_own_only() {
    toy().run(async {
        let (ours, mut theirs) = pair().await;
        let (other, _peer) = pair().await;
        let (mut reader, writer) = io::split(ours);
        let (other_reader, other_writer) = io::split(other);
        let io::ReuniteError(other_reader, writer) = other_reader.reunite(writer).unwrap_err();
        theirs.write_all(b"x").unwrap();
        assert_eq!(read_trait(&mut reader, &mut [0]).await.unwrap(), 1);
        reader.reunite(writer).unwrap();
        other_reader.reunite(other_writer).unwrap();
    });
}

/// FAIR-4: a loop over data that is always there gives way when the runtime's budget asks for it.
#[test]
fn a_loop_over_ready_reads_gives_way_if_the_budget_says_so() {
    let toy = Toy::with_budget(PollReactor::new(), 16);
    toy.run(async {
        let (ours, mut theirs) = pair().await;
        theirs.write_all(&[0; 4096]).unwrap();
        ours.readable().await.unwrap();
        let mut bytes = pin!(async {
            for _ in 0..1000 {
                ours.read_exact(&mut [0]).await.unwrap();
            }
        });
        let (count, waker) = counted();
        let mut polls = 1;
        while poll_once(bytes.as_mut(), &waker).is_pending() {
            assert_eq!(count.0.load(Ordering::SeqCst), polls, "it was woken to go on");
            polls += 1;
        }
        assert!(polls > 30, "gave way {polls} times");
    });
}

#[test]
fn try_read_and_try_write_do_not_wait() {
    toy().run(async {
        let (ours, mut theirs) = pair().await;
        let error = ours.try_read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        theirs.write_all(b"x").unwrap();
        ours.readable().await.unwrap();
        assert_eq!(ours.try_read(&mut [0]).unwrap(), 1);
        assert_eq!(ours.try_write(b"y").unwrap(), 1);
        theirs.read_exact(&mut [0]).unwrap();
    });
}

#[test]
fn copy_makes_good_for_stingy_writers_and_stops_at_bad_ones() {
    /// Takes one byte at a time, or reports too many, or none.
    struct Odd(Vec<u8>, usize);
    impl AsyncWrite for Odd {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0.push(buf[0]);
            Poll::Ready(Ok(self.1))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    toy().run(async {
        let (mut one, mut none, mut many) = (Odd(vec![], 1), Odd(vec![], 0), Odd(vec![], 9999));
        assert_eq!(io::copy(&b"bytes"[..], &mut one).await.unwrap(), 5);
        assert_eq!(one.0, b"bytes");
        let error = io::copy(&b"bytes"[..], &mut none).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
        assert!(io::copy(&b"bytes"[..], &mut many).await.is_err());
    });
}
