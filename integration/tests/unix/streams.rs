//! UNIX-1: streams and listeners keep what TCP's keep.

use std::future::poll_fn;
use std::io::{ErrorKind, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use runtime_traits::hooks::{ByteStream, ReadCursor};
use runtime_traits::io::{self, Async, AsyncRead, AsyncWrite};
use runtime_traits::net::Shutdown;
use runtime_traits::net::unix::{UnixListener, UnixStream};
use runtime_traits::task::TaskGroup;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::support::{Gate, Random, announced, on_every_runtime, poll_once, with_every_runtime};
use crate::{Dir, connected};

/// The byte at a place of a stream that is told apart from its neighbours.
fn byte_at(place: usize) -> u8 {
    (place ^ place >> 8 ^ place >> 16) as u8
}

fn numbered(place: usize, len: usize) -> Vec<u8> {
    (place..place + len).map(byte_at).collect()
}

fn flags(socket: BorrowedFd<'_>) -> (bool, bool) {
    let nonblocking = rustix::fs::fcntl_getfl(socket).unwrap();
    let on_exec = rustix::io::fcntl_getfd(socket).unwrap();
    (
        nonblocking.contains(rustix::fs::OFlags::NONBLOCK),
        on_exec.contains(rustix::io::FdFlags::CLOEXEC),
    )
}

/// Sends `bytes`, and with them a descriptor that nobody takes.
fn send_with_a_descriptor(socket: &std::os::unix::net::UnixStream, bytes: &[u8]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let one = [socket.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&one)));
    let bytes = [std::io::IoSlice::new(bytes)];
    sendmsg(socket, &bytes, &mut control, SendFlags::empty()).unwrap();
}

on_every_runtime! {
    async fn many_connections_are_echoed() {
        let dir = Dir::new();
        let listener = UnixListener::bind(dir.path("s")).unwrap();
        let server = runtime_traits::spawn(async move {
            let mut echoes = TaskGroup::new();
            for _ in 0..50 {
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
        for seed in 0..50 {
            let path = dir.path("s");
            clients.spawn(async move {
                let stream = UnixStream::connect(path).await.unwrap();
                let (mut random, mut place) = (Random(seed), 0);
                for _ in 0..10 {
                    let bytes = numbered(place, random.up_to(3000));
                    stream.write_all(&bytes).await.unwrap();
                    let mut back = vec![0; bytes.len()];
                    stream.read_exact(&mut back).await.unwrap();
                    assert!(back == bytes);
                    place += bytes.len();
                }
                stream.shutdown(Shutdown::Write).await.unwrap();
                assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
                place as u64
            });
        }
        let mut total = 0;
        while let Some(sent) = clients.join_next().await {
            total += sent.unwrap();
        }
        assert_eq!(server.await.unwrap(), total);
    }

    /// TCP-2: the end comes after all bytes, and every time.
    async fn the_end_comes_after_all_bytes() {
        let (ours, theirs) = connected().await;
        theirs.write_all(b"last words").await.unwrap();
        drop(theirs);
        let mut buf = [0; 4];
        assert_eq!(ours.peek(&mut buf).await.unwrap(), 4);
        let mut words = Vec::new();
        ours.read_to_end(&mut words).await.unwrap();
        assert_eq!(words, b"last words");
        for _ in 0..3 {
            ours.readable().await.unwrap();
            assert_eq!(ours.read(&mut buf).await.unwrap(), 0);
            assert_eq!(ours.try_read(&mut buf).unwrap(), 0);
        }
    }

    async fn half_a_connection_may_be_closed() {
        let (ours, theirs) = UnixStream::pair().unwrap();
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

    /// TCP-4: an error, and no signal.
    async fn writing_to_a_peer_that_has_gone_is_an_error() {
        let (ours, theirs) = connected().await;
        drop(theirs);
        assert_eq!(ours.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(ours.write_all(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        // A writer that waits hears of it, too.
        let (ours, theirs) = connected().await;
        let waits = Gate::default();
        let fill = async move {
            loop {
                if let Err(error) = ours.write(&[0; 1 << 16]).await {
                    return error;
                }
            }
        };
        let filled = runtime_traits::spawn(announced(waits.clone(), fill));
        waits.wait().await;
        drop(theirs);
        // What the peer has not read makes it a reset.
        let kind = filled.await.unwrap().kind();
        assert!(matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{kind}");
    }

    /// TCP-5: neither end reads until both writers wait for room.
    async fn back_pressure_in_both_directions() {
        const TOTAL: usize = 4 << 20;
        let (ours, theirs) = connected().await;
        let (waits, mut tasks) = ([Gate::default(), Gate::default()], TaskGroup::new());
        for (end, stream) in [ours, theirs].into_iter().enumerate() {
            let (reader, writer) = stream.into_split();
            let full = waits[end].clone();
            let bytes = numbered(end, TOTAL);
            tasks.spawn(announced(full, async move { writer.write_all(&bytes).await.unwrap() }));
            let both = waits.clone();
            tasks.spawn(async move {
                for full in both {
                    full.wait().await;
                }
                let mut got = Vec::new();
                reader.read_to_end(&mut got).await.unwrap();
                assert!(got == numbered(1 - end, TOTAL));
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }

    /// TCP-7.
    async fn a_dropped_read_loses_no_byte() {
        const TOTAL: usize = 50_000;
        let (ours, theirs) = connected().await;
        let (mut random, mut place, mut sent) = (Random(1), 0, 0);
        while place < TOTAL {
            let mut buf = vec![0; random.up_to(500)];
            let polled = {
                let mut read = pin!(ours.read(&mut buf));
                poll_once(read.as_mut()).await
                // Dropped here, waiting or not.
            };
            match polled {
                Poll::Ready(n) => {
                    let n = n.unwrap();
                    assert!(buf[..n] == numbered(place, n));
                    place += n;
                }
                Poll::Pending => {
                    let len = random.up_to(700);
                    theirs.write_all(&numbered(sent, len)).await.unwrap();
                    sent += len;
                    ours.readable().await.unwrap();
                }
            }
        }
    }

    async fn a_dropped_accept_loses_no_connection() {
        let dir = Dir::new();
        let listener = UnixListener::bind(dir.path("s")).unwrap();
        for n in 0..20 {
            assert!(poll_once(pin!(listener.accept())).await.is_pending());
            let mut client = std::os::unix::net::UnixStream::connect(dir.path("s")).unwrap();
            client.write_all(&[n]).unwrap();
            drop(listener.accept());
            let (stream, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
            assert_eq!(byte, [n]);
        }
    }

    /// Reads stop behind bytes that a descriptor came with, and no event tells that there are more.
    async fn what_lies_behind_a_seam_is_read_too() {
        let (theirs, ours) = std::os::unix::net::UnixStream::pair().unwrap();
        let ours = UnixStream::try_from(ours).unwrap();
        for _ in 0..3 {
            send_with_a_descriptor(&theirs, b"one");
            (&theirs).write_all(b"two").unwrap();
            let mut buf = [0; 100];
            assert_eq!(ours.read(&mut buf).await.unwrap(), 3, "there is a seam");
            assert_eq!((ours.read(&mut buf).await.unwrap(), &buf[..3]), (3, &b"two"[..]));
            // The same into several buffers.
            send_with_a_descriptor(&theirs, b"one");
            (&theirs).write_all(b"two").unwrap();
            for word in [b"one", b"two"] {
                let (mut first, mut second) = ([0; 2], [0; 100]);
                let mut bufs = [&mut first[..], &mut second].map(io::IoSliceMut::new);
                let read = poll_fn(|cx| Pin::new(&mut &ours).poll_read_vectored(cx, &mut bufs));
                assert_eq!(read.await.unwrap(), 3);
                assert_eq!((&first[..], second[0]), (&word[..2], word[2]));
            }
        }
    }

    /// The same for what a runtime carries by Unix sockets.
    async fn what_lies_behind_a_seam_is_read_by_an_object_too() {
        let (theirs, ours) = std::os::unix::net::UnixStream::pair().unwrap();
        let ours = Async::new(ours).unwrap();
        for _ in 0..3 {
            send_with_a_descriptor(&theirs, b"one");
            (&theirs).write_all(b"two").unwrap();
            for word in [b"one", b"two"] {
                let mut buf = [0; 100];
                let mut cursor = ReadCursor::new(&mut buf);
                poll_fn(|cx| ByteStream::poll_read(&ours, cx, &mut cursor)).await.unwrap();
                assert_eq!(cursor.filled(), word);
            }
        }
    }

    /// B155: both ends in one process, in two tasks.
    async fn ping_and_pong() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let pong = runtime_traits::spawn(async move {
            let mut byte = [0];
            while theirs.read(&mut byte).await.unwrap() == 1 {
                theirs.write_all(&byte).await.unwrap();
            }
        });
        for n in 0..=255 {
            ours.write_all(&[n]).await.unwrap();
            let mut byte = [0];
            ours.read_exact(&mut byte).await.unwrap();
            assert_eq!(byte, [n]);
        }
        drop(ours);
        pong.await.unwrap();
    }

    async fn several_tasks_accept_and_several_read() {
        let dir = Dir::new();
        let listener = Arc::new(UnixListener::bind(dir.path("s")).unwrap());
        let mut acceptors = Vec::new();
        for _ in 0..4 {
            let (listener, waits) = (listener.clone(), Gate::default());
            let accept = async move { listener.accept().await.unwrap().0 };
            acceptors.push(runtime_traits::spawn(announced(waits.clone(), accept)));
            waits.wait().await;
        }
        let mut clients: Vec<_> = (0..4)
            .map(|_| std::os::unix::net::UnixStream::connect(dir.path("s")).unwrap())
            .collect();
        let mut readers = Vec::new();
        for acceptor in acceptors {
            let stream = Arc::new(acceptor.await.unwrap());
            for _ in 0..2 {
                let (stream, waits) = (stream.clone(), Gate::default());
                let read = async move { stream.read(&mut [0]).await.unwrap() };
                readers.push(runtime_traits::spawn(announced(waits.clone(), read)));
                waits.wait().await;
            }
        }
        for client in &mut clients {
            client.write_all(b"ab").unwrap();
        }
        for reader in readers {
            assert_eq!(reader.await.unwrap(), 1);
        }
    }

    async fn halves_go_together_again_and_end_writing() {
        let (ours, theirs) = connected().await;
        let (reader, writer) = ours.into_split();
        writer.write_all(b"one").await.unwrap();
        assert!(reader.local_addr().unwrap().is_unnamed());
        assert!(reader.peer_addr().unwrap().as_pathname().is_some());
        let (other, _) = UnixStream::pair().unwrap();
        let (other, _writer) = other.into_split();
        let (other, writer) = {
            let io::ReuniteError(other, writer) = other.reunite(writer).unwrap_err();
            (other, writer)
        };
        drop(other);
        let mut whole = reader.reunite(writer).unwrap();
        {
            let (_, writer) = whole.split();
            writer.write_all(b"two").await.unwrap();
        }
        let (reader, writer) = whole.into_split();
        drop(writer);
        let mut got = Vec::new();
        theirs.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"onetwo");
        theirs.write_all(b"back").await.unwrap();
        reader.read_exact(&mut [0; 4]).await.unwrap();
    }

    async fn poll_traits_read_write_and_close() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let n = poll_fn(|cx| Pin::new(&mut ours).poll_write(cx, b"poll")).await.unwrap();
        assert_eq!(n, 4);
        poll_fn(|cx| Pin::new(&mut ours).poll_flush(cx)).await.unwrap();
        poll_fn(|cx| Pin::new(&mut ours).poll_close(cx)).await.unwrap();
        let mut buf = [0; 8];
        for expected in [4, 0] {
            let n = poll_fn(|cx| Pin::new(&mut &theirs).poll_read(cx, &mut buf)).await.unwrap();
            assert_eq!(n, expected);
        }
    }

    async fn buffers_may_go_along() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (written, buf) = ours.write_owned(b"hello".to_vec()).await;
        assert_eq!((written.unwrap(), &*buf), (5, &b"hello"[..]));
        let (read, buf) = theirs.read_owned(Vec::with_capacity(16)).await;
        assert_eq!((read.unwrap(), &*buf), (5, &b"hello"[..]));
    }

    async fn sockets_come_from_std_and_go_back() {
        let dir = Dir::new();
        let listener = std::os::unix::net::UnixListener::bind(dir.path("s")).unwrap();
        let listener = UnixListener::try_from(listener).unwrap();
        let client = std::os::unix::net::UnixStream::connect(dir.path("s")).unwrap();
        let client = UnixStream::try_from(client).unwrap();
        let (served, _) = listener.accept().await.unwrap();
        // TCP-8.
        for socket in [listener.as_source(), client.as_source(), served.as_source()] {
            assert_eq!(flags(socket.unwrap()), (true, true));
        }
        client.write_all(b"ours").await.unwrap();
        let mut buf = [0; 4];
        served.read_exact(&mut buf).await.unwrap();
        let mut client = std::os::unix::net::UnixStream::try_from(client).unwrap();
        let mut served = std::os::unix::net::UnixStream::try_from(served).unwrap();
        let listener = std::os::unix::net::UnixListener::try_from(listener).unwrap();
        for socket in [client.as_fd(), served.as_fd(), listener.as_fd()] {
            assert_eq!(flags(socket), (false, true));
        }
        client.write_all(b"std!").unwrap();
        served.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"std!");
    }

    /// Whoever made the other end.
    #[cfg(target_os = "linux")]
    async fn the_peer_is_known() {
        let (ours, theirs) = connected().await;
        for cred in [ours.peer_cred().unwrap(), theirs.peer_cred().unwrap()] {
            assert_eq!(cred.uid, rustix::process::getuid().as_raw());
            assert_eq!(cred.gid, rustix::process::getgid().as_raw());
            assert_eq!(cred.pid, Some(std::process::id() as i32));
        }
    }
}

with_every_runtime! {
    /// SHUTDOWN-4: whoever waits hears of the end.
    fn a_read_hears_of_the_end_of_its_runtime(start: Start) {
        let runtime = start();
        let (ours, _theirs) = runtime.block_on(connected());
        let waits = crate::support::waiting(async move { ours.read(&mut [0]).await });
        drop(runtime);
        assert_eq!(waits.join().unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}
