//! Sockets on every runtime: what std's promise, and what several tasks on one may expect.

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::BorrowedFd;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::thread;

use runtime_traits::Handle;
use runtime_traits::io::{self, AsyncRead, AsyncWrite};
use runtime_traits::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use runtime_traits::task::{TaskGroup, yield_now};

use support::{
    Gate, MANY, Random, alone, announced, on_every_runtime, pair, poll_once, with_every_runtime,
    with_peer,
};

/// The byte at a place of a stream that is told apart from its neighbours.
fn byte_at(place: u64) -> u8 {
    (place ^ place >> 8 ^ place >> 16 ^ place >> 24) as u8
}

/// Checks that `bytes` are those at `place`, and moves on.
#[track_caller]
fn expect(place: &mut u64, bytes: &[u8]) {
    for byte in bytes {
        assert_eq!(*byte, byte_at(*place), "at {place}");
        *place += 1;
    }
}

fn numbered(place: u64, len: usize) -> Vec<u8> {
    (place..place + len as u64).map(byte_at).collect()
}

/// As many descriptors as this process may have.
fn all_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

fn small_buffers(stream: &TcpStream) {
    let socket = stream.as_source().unwrap();
    rustix::net::sockopt::set_socket_send_buffer_size(socket, 32 * 1024).unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(socket, 32 * 1024).unwrap();
}

fn is_nonblocking(socket: BorrowedFd<'_>) -> bool {
    rustix::fs::fcntl_getfl(socket).unwrap().contains(rustix::fs::OFlags::NONBLOCK)
}

on_every_runtime! {
    async fn many_connections_are_echoed() {
        all_descriptors();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let server = runtime_traits::spawn(async move {
            let mut echoes = TaskGroup::new();
            for _ in 0..100 {
                let (stream, _) = listener.accept().await.unwrap();
                echoes.spawn(async move { io::copy(&stream, &stream).await.unwrap() });
            }
            let mut total = 0;
            while let Some(copied) = echoes.join_next().await {
                total += copied.unwrap();
            }
            total
        });
        let mut clients = TaskGroup::new();
        for seed in 0..100 {
            clients.spawn(async move {
                let stream = TcpStream::connect(at).await.unwrap();
                let (mut random, mut place) = (Random(seed), seed << 20);
                for _ in 0..10 {
                    let bytes = numbered(place, random.up_to(3000));
                    stream.write_all(&bytes).await.unwrap();
                    let mut back = vec![0; bytes.len()];
                    stream.read_exact(&mut back).await.unwrap();
                    expect(&mut place, &back);
                }
                stream.shutdown(Shutdown::Write).await.unwrap();
                assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
                place - (seed << 20)
            });
        }
        let mut total = 0;
        while let Some(sent) = clients.join_next().await {
            total += sent.unwrap();
        }
        assert_eq!(server.await.unwrap(), total);
    }

    async fn two_tasks_that_read_one_stream_both_finish() {
        let (ours, theirs) = pair().await;
        let ours = Arc::new(ours);
        for _ in 0..50 {
            let mut tasks = Vec::new();
            for _ in 0..2 {
                let (ours, waits) = (ours.clone(), Gate::default());
                let read = async move {
                    let mut byte = [0];
                    assert_eq!(ours.read(&mut byte).await.unwrap(), 1);
                    byte[0]
                };
                tasks.push(runtime_traits::spawn(announced(waits.clone(), read)));
                waits.wait().await;
            }
            theirs.write_all(b"ab").await.unwrap();
            let mut got = Vec::new();
            for task in tasks {
                got.push(task.await.unwrap());
            }
            got.sort_unstable();
            assert_eq!(got, b"ab");
        }
    }

    /// By the poll trait on `&TcpStream`, where waiters have no identity.
    async fn many_pollers_of_one_stream_all_finish() {
        let (ours, theirs) = pair().await;
        let ours = Arc::new(ours);
        let (mut tasks, mut gates) = (TaskGroup::new(), Vec::new());
        for _ in 0..100 {
            let (ours, waits) = (ours.clone(), Gate::default());
            gates.push(waits.clone());
            tasks.spawn(announced(waits, async move {
                let mut byte = [0];
                poll_fn(|cx| Pin::new(&mut &*ours).poll_read(cx, &mut byte)).await.unwrap()
            }));
        }
        for gate in gates {
            gate.wait().await;
        }
        for _ in 0..100 {
            theirs.write_all(b"x").await.unwrap();
        }
        let mut read = 0;
        while let Some(n) = tasks.join_next().await {
            read += n.unwrap();
        }
        assert_eq!(read, 100);
    }

    /// Reads are dropped at random, before and after they were polled: no byte is lost or doubled.
    async fn a_dropped_read_loses_no_byte() {
        const TOTAL: u64 = 200_000;
        let (ours, theirs) = pair().await;
        let writer = runtime_traits::spawn(async move {
            let (mut random, mut place) = (Random(1), 0);
            while place < TOTAL {
                let len = (TOTAL - place).min(random.up_to(700) as u64);
                theirs.write_all(&numbered(place, len as usize)).await.unwrap();
                place += len;
                if random.up_to(3) == 1 {
                    yield_now().await;
                }
            }
        });
        let (mut random, mut place, mut dropped) = (Random(2), 0, 0);
        loop {
            let mut buf = vec![0; random.up_to(500)];
            let n = match random.up_to(4) {
                1 => {
                    drop(ours.read(&mut buf));
                    continue;
                }
                2 | 3 => {
                    let polled = poll_once(pin!(ours.read(&mut buf))).await;
                    let Poll::Ready(read) = polled else {
                        dropped += 1;
                        yield_now().await;
                        continue;
                    };
                    read.unwrap()
                }
                _ => ours.read(&mut buf).await.unwrap(),
            };
            if n == 0 {
                break;
            }
            expect(&mut place, &buf[..n]);
        }
        assert_eq!(place, TOTAL);
        writer.await.unwrap();
        let mut waits = pin!(ours.read(&mut []));
        assert!(poll_once(waits.as_mut()).await.is_ready(), "no room: nothing to wait for");
        assert!(dropped > 0, "inconclusive: no read was dropped while it waited");
    }

    /// Neither end reads until both writers wait for room; then 16 MiB pass in each direction.
    async fn back_pressure_in_both_directions() {
        const TOTAL: u64 = 16 << 20;
        let (ours, theirs) = pair().await;
        let (waits, mut tasks) = ([Gate::default(), Gate::default()], TaskGroup::new());
        for (n, stream) in [ours, theirs].into_iter().enumerate() {
            small_buffers(&stream);
            let (reader, writer) = stream.into_split();
            let (gate, both, base) = (waits[n].clone(), waits.clone(), (n as u64) << 32);
            tasks.spawn(async move {
                let mut place = base;
                announced(gate, async {
                    while place < base + TOTAL {
                        let bytes = numbered(place, 8192);
                        writer.write_all(&bytes).await.unwrap();
                        place += bytes.len() as u64;
                    }
                }).await;
            });
            tasks.spawn(async move {
                both[0].wait().await;
                both[1].wait().await;
                let base = (1 - n as u64) << 32;
                let (mut place, mut buf) = (base, vec![0; 5000]);
                loop {
                    match reader.read(&mut buf).await.unwrap() {
                        0 => break,
                        n => expect(&mut place, &buf[..n]),
                    }
                }
                assert_eq!(place - base, TOTAL);
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }

    async fn half_a_connection_may_be_closed() {
        let (ours, theirs) = pair().await;
        let server = runtime_traits::spawn(async move {
            let mut question = Vec::new();
            theirs.read_to_end(&mut question).await.unwrap();
            question.reverse();
            theirs.write_all(&question).await.unwrap();
        });
        ours.write_all(b"drawer").await.unwrap();
        ours.shutdown(Shutdown::Write).await.unwrap();
        ours.shutdown(Shutdown::Write).await.unwrap();
        assert_eq!(ours.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut answer = Vec::new();
        ours.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"reward");
        server.await.unwrap();
    }

    async fn a_burst_of_200_connections_is_accepted() {
        all_descriptors();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let mut clients = TaskGroup::new();
        for n in 0..200_u8 {
            clients.spawn(async move {
                let stream = TcpStream::connect(at).await.unwrap();
                stream.write_all(&[n]).await.unwrap();
                assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
            });
        }
        let mut seen = BTreeSet::new();
        for _ in 0..200 {
            let (stream, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
            seen.insert(byte[0]);
        }
        assert_eq!(seen.len(), 200);
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
        }
    }

    /// Several tasks accept on one listener: each connection goes to one of them.
    async fn several_tasks_accept_on_one_listener() {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let at = listener.local_addr().unwrap();
        let mut acceptors = Vec::new();
        for _ in 0..8 {
            let (listener, waits) = (listener.clone(), Gate::default());
            let accept = async move { listener.accept().await.unwrap().1 };
            acceptors.push(runtime_traits::spawn(announced(waits.clone(), accept)));
            waits.wait().await;
        }
        let clients: Vec<_> = (0..8).map(|_| std::net::TcpStream::connect(at).unwrap()).collect();
        let mut from = BTreeSet::new();
        for acceptor in acceptors {
            from.insert(acceptor.await.unwrap());
        }
        let to: BTreeSet<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        assert_eq!(from, to);
    }

    async fn an_accept_that_is_dropped_loses_no_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        for _ in 0..20 {
            assert!(poll_once(pin!(listener.accept())).await.is_pending());
            let client = std::net::TcpStream::connect(at).unwrap();
            drop(listener.accept());
            let (_stream, from) = listener.accept().await.unwrap();
            assert_eq!(from, client.local_addr().unwrap());
        }
    }

    async fn datagrams_keep_their_bounds() {
        let (one, two) = (
            UdpSocket::bind("127.0.0.1:0").await.unwrap(),
            UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        );
        let (first, second) = (one.local_addr().unwrap(), two.local_addr().unwrap());
        // Datagrams of no bytes are datagrams.
        for len in [0, 1, 0, 0, 1400, 0] {
            assert_eq!(one.send_to(&numbered(0, len), second).await.unwrap(), len);
            let mut buf = [9; 2000];
            assert_eq!(two.peek_from(&mut buf).await.unwrap(), (len, first));
            assert_eq!(two.recv_from(&mut buf).await.unwrap(), (len, first));
            expect(&mut 0, &buf[..len]);
        }
        assert_eq!(two.try_recv(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        // Waiting for one.
        let waits = Gate::default();
        let two = Arc::new(two);
        let receiver = two.clone();
        let task = runtime_traits::spawn(announced(waits.clone(), async move {
            receiver.recv_from(&mut [0; 8]).await.unwrap()
        }));
        waits.wait().await;
        one.send_to(&[], second).await.unwrap();
        assert_eq!(task.await.unwrap(), (0, first));
        // What does not fit is cut off, and the next starts afresh.
        one.connect(second).await.unwrap();
        assert_eq!(one.send(b"too long").await.unwrap(), 8);
        assert_eq!(one.send(b"next").await.unwrap(), 4);
        let mut buf = [0; 3];
        assert_eq!(two.recv(&mut buf).await.unwrap(), 3);
        assert_eq!(&buf, b"too");
        assert_eq!(two.recv(&mut buf).await.unwrap(), 3);
        assert_eq!(&buf, b"nex");
        assert_eq!(one.send(&[]).await.unwrap(), 0);
        assert_eq!(two.recv(&mut []).await.unwrap(), 0);
    }

    async fn datagrams_are_received_by_several_tasks() {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let at = socket.local_addr().unwrap();
        let mut receivers = Vec::new();
        for _ in 0..10 {
            let (socket, waits) = (socket.clone(), Gate::default());
            let recv = async move {
                let mut byte = [0];
                socket.recv(&mut byte).await.unwrap();
                byte[0]
            };
            receivers.push(runtime_traits::spawn(announced(waits.clone(), recv)));
            waits.wait().await;
        }
        for n in 0..10 {
            socket.send_to(&[n], at).await.unwrap();
        }
        let mut seen = BTreeSet::new();
        for receiver in receivers {
            seen.insert(receiver.await.unwrap());
        }
        assert_eq!(seen.len(), 10);
    }

    async fn halves_work_in_two_tasks_and_go_together_again() {
        let (ours, theirs) = pair().await;
        let (reader, writer) = ours.into_split();
        let echo = runtime_traits::spawn(async move {
            io::copy(&theirs, &theirs).await.unwrap();
        });
        let writes = runtime_traits::spawn(async move {
            for n in 0..200 {
                writer.write_all(&numbered(n * 100, 100)).await.unwrap();
            }
            writer
        });
        let reads = runtime_traits::spawn(async move {
            let (mut place, mut buf) = (0, [0; 77]);
            while place < 20_000 {
                let n = reader.read(&mut buf).await.unwrap();
                expect(&mut place, &buf[..n]);
            }
            reader
        });
        let whole = reads.await.unwrap().reunite(writes.await.unwrap()).unwrap();
        whole.write_all(b"!").await.unwrap();
        assert_eq!(whole.read(&mut [0]).await.unwrap(), 1, "reuniting ended nothing");
        // Dropping the half that writes ends writing, for the peer.
        let (reader, writer) = whole.into_split();
        drop(writer);
        assert_eq!(reader.read(&mut [0]).await.unwrap(), 0);
        echo.await.unwrap();
    }

    async fn a_waiting_half_does_not_hold_up_the_other() {
        let (ours, mut peer) = with_peer().await;
        let (reader, writer) = ours.into_split();
        let waits = Gate::default();
        let read = async move { reader.read(&mut [0]).await.unwrap() };
        let read = runtime_traits::spawn(announced(waits.clone(), read));
        waits.wait().await;
        drop(writer); // while the other waits
        assert_eq!(peer.read(&mut [0]).unwrap(), 0, "the end is seen");
        peer.write_all(b"x").unwrap();
        assert_eq!(read.await.unwrap(), 1);
    }

    async fn poll_traits_read_write_and_close() {
        let (mut ours, mut theirs) = pair().await;
        let n = poll_fn(|cx| Pin::new(&mut ours).poll_write(cx, b"poll")).await.unwrap();
        assert_eq!(n, 4);
        poll_fn(|cx| Pin::new(&mut ours).poll_flush(cx)).await.unwrap();
        poll_fn(|cx| Pin::new(&mut ours).poll_close(cx)).await.unwrap();
        let mut buf = [0; 8];
        let n = poll_fn(|cx| Pin::new(&mut theirs).poll_read(cx, &mut buf)).await.unwrap();
        assert_eq!(&buf[..n], b"poll");
        let n = poll_fn(|cx| Pin::new(&mut theirs).poll_read(cx, &mut buf)).await.unwrap();
        assert_eq!(n, 0);
    }

    async fn sockets_come_from_std_and_go_back() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let listener = TcpListener::try_from(listener).unwrap();
        assert!(is_nonblocking(listener.as_source().unwrap()));
        let client = std::net::TcpStream::connect(at).unwrap();
        let (served, _) = listener.accept().await.unwrap();
        let client = TcpStream::try_from(client).unwrap();
        client.write_all(b"ours").await.unwrap();
        let mut buf = [0; 4];
        served.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"ours");
        // Back: they block, as std's do.
        let mut client = std::net::TcpStream::try_from(client).unwrap();
        let mut served = std::net::TcpStream::try_from(served).unwrap();
        let listener = std::net::TcpListener::try_from(listener).unwrap();
        use std::os::fd::AsFd as _;
        for socket in [client.as_fd(), served.as_fd(), listener.as_fd()] {
            assert!(!is_nonblocking(socket));
        }
        client.write_all(b"std!").unwrap();
        served.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"std!");
        // And once more, on the same runtime.
        let listener = TcpListener::try_from(listener).unwrap();
        let again = TcpStream::connect(at).await.unwrap();
        let (peer, _) = listener.accept().await.unwrap();
        drop(again);
        assert_eq!(peer.read(&mut [0]).await.unwrap(), 0);

        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = datagrams.local_addr().unwrap();
        let datagrams = UdpSocket::try_from(datagrams).unwrap();
        datagrams.send_to(b"udp", at).await.unwrap();
        assert_eq!(datagrams.recv(&mut buf).await.unwrap(), 3);
        let datagrams = std::net::UdpSocket::try_from(datagrams).unwrap();
        assert!(!is_nonblocking(datagrams.as_fd()));
        datagrams.send_to(b"std", at).unwrap();
        assert_eq!(datagrams.recv(&mut buf).unwrap(), 3);
    }

    async fn names_are_looked_up() {
        let listener = TcpListener::bind(("localhost", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = TcpStream::connect(("localhost", port)).await.unwrap();
        let (served, _) = listener.accept().await.unwrap();
        assert_eq!(served.peer_addr().unwrap(), stream.local_addr().unwrap());
        let no_port = TcpStream::connect("localhost").await.unwrap_err();
        assert_eq!(no_port.kind(), ErrorKind::InvalidInput, "{no_port}");
    }

    /// A loop over a stream that is always ready gives way to other tasks (FAIR-4, a *should* that
    /// smol does not keep).
    async fn a_busy_stream_does_not_starve_others() {
        if Handle::current().info().name == "smol" {
            return;
        }
        let (ours, theirs) = pair().await;
        let steps = Arc::new(AtomicUsize::new(0));
        let counted = steps.clone();
        let other = runtime_traits::spawn(async move {
            for _ in 0..10 {
                counted.fetch_add(1, SeqCst);
                yield_now().await;
            }
        });
        let mut buf = [0];
        // On a runtime that never made this loop give way it would not end.
        while steps.load(SeqCst) < 10 {
            ours.write_all(b"x").await.unwrap();
            theirs.read_exact(&mut buf).await.unwrap();
        }
        other.await.unwrap();
    }
}

with_every_runtime! {
    /// A socket belongs to the runtime it was made on, whoever uses it.
    fn a_stream_may_be_used_by_tasks_of_another_runtime(start: Start) {
        for other in MANY {
            let (owner, other) = (start(), other());
            let (ours, theirs) = alone(owner.handle().wrap(pair()));
            let (ours, theirs) = (Arc::new(ours), Arc::new(theirs));
            let over = Gate::default();
            thread::scope(|scope| {
                // Those without threads of their own move while somebody is inside.
                scope.spawn(|| owner.block_on(over.wait()));
                let (used, answers) = (ours.clone(), theirs.clone());
                let echo = owner.handle().spawn(async move {
                    let mut buf = [0; 5];
                    answers.read_exact(&mut buf).await.unwrap();
                    answers.write_all(&buf).await.unwrap();
                });
                let name = owner.handle().info().name;
                let task = other.handle().spawn(async move {
                    used.write_all(b"hello").await.unwrap();
                    let mut buf = [0; 5];
                    used.read_exact(&mut buf).await.unwrap();
                    assert_eq!(&buf, b"hello");
                    format!("{used:?}").contains(name)
                });
                assert!(other.block_on(task).unwrap(), "it names the runtime it was made on");
                alone(echo).unwrap();
                over.open();
            });
            // It ends with its own runtime, not with the one that used it.
            drop(other);
            alone(ours.write(b"x")).unwrap();
            let waits = Gate::default();
            let third = MANY[0]();
            let read = announced(waits.clone(), async move { ours.read(&mut [0]).await });
            let task = third.handle().spawn(read);
            waits.pass();
            drop(owner);
            let error = third.block_on(task).unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            drop(theirs);
        }
    }

    /// Off one runtime, by std, and on another.
    fn a_stream_may_move_to_another_runtime(start: Start) {
        for other in MANY {
            let (owner, other) = (start(), other());
            let (ours, mut peer) = alone(owner.handle().wrap(with_peer()));
            let ours = std::net::TcpStream::try_from(ours).unwrap();
            drop(owner);
            other.block_on(async {
                let ours = TcpStream::try_from(ours).unwrap();
                ours.write_all(b"x").await.unwrap();
                peer.read_exact(&mut [0]).unwrap();
                peer.write_all(b"y").unwrap();
                assert_eq!(ours.read(&mut [0]).await.unwrap(), 1);
            });
        }
    }
}
