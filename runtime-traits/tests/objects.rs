//! Sockets that the runtime makes by other means: a network inside the process.
#![cfg(all(feature = "net", any(unix, windows)))]

use std::collections::VecDeque;
use std::future::Future;
use std::net::{Shutdown, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use runtime_traits::hooks::{Boxed, ByteStream, Datagram, Listen, Net, ReadCursor};
use runtime_traits::net::{Arrival, Outgoing, TcpListener, TcpStream, UdpSocket, lookup_host};
use runtime_traits::{io, spawn};

#[path = "support/toy.rs"]
mod toy;
use toy::{Part, Toy, counted, give_way};

/// The address of the server. Everything else is not this network's.
const HERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 7);
const CLIENT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)), 8);

/// A queue that keeps one waker, the latest, as the hooks do.
struct Lane<T> {
    items: VecDeque<T>,
    closed: bool,
    waker: Option<Waker>,
}

/// One direction, shared by both ends.
struct Pipe<T>(Mutex<Lane<T>>);

impl<T> Pipe<T> {
    fn new() -> Arc<Pipe<T>> {
        Arc::new(Pipe(Mutex::new(Lane { items: VecDeque::new(), closed: false, waker: None })))
    }

    fn change(&self, change: impl FnOnce(&mut Lane<T>)) {
        let mut lane = self.0.lock().unwrap();
        change(&mut lane);
        let waker = lane.waker.take();
        drop(lane);
        waker.into_iter().for_each(Waker::wake);
    }

    /// What `take` finds, or waits.
    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&mut Lane<T>) -> Option<R>,
    ) -> Poll<R> {
        let mut lane = self.0.lock().unwrap();
        // Less than a hook may do: a poll that is ready forgets the waker of another.
        lane.waker = None;
        match take(&mut lane) {
            Some(found) => Poll::Ready(found),
            None => {
                lane.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

struct End {
    here: SocketAddr,
    there: SocketAddr,
    incoming: Arc<Pipe<u8>>,
    outgoing: Arc<Pipe<u8>>,
}

impl ByteStream for End {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadCursor<'_>) -> Poll<io::Result<()>> {
        self.incoming.poll(cx, |lane| {
            if lane.items.is_empty() {
                return lane.closed.then_some(Ok(()));
            }
            let n = buf.remaining().min(lane.items.len()).min(3);
            buf.put(&lane.items.drain(..n).collect::<Vec<_>>());
            Some(Ok(()))
        })
    }

    fn poll_write(&self, _: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.outgoing.change(|lane| lane.items.extend(bufs[0].iter()));
        Poll::Ready(Ok(bufs[0].len()))
    }

    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&self, _: Shutdown, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.change(|lane| lane.closed = true);
        Poll::Ready(Ok(()))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.here)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.there)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.outgoing.change(|lane| lane.closed = true);
    }
}

/// Connections and datagrams that nobody has taken yet.
struct Inside {
    waiting: Arc<Pipe<End>>,
    datagrams: Arc<Pipe<(Vec<u8>, SocketAddr)>>,
}

impl Inside {
    fn toy() -> Arc<Toy<Inside>> {
        Toy::new(Inside { waiting: Pipe::new(), datagrams: Pipe::new() })
    }
}

impl Net for Inside {
    fn connect(&self, to: SocketAddr) -> Option<Boxed<'_, io::Result<Box<dyn ByteStream>>>> {
        (to == HERE).then(|| {
            let (up, down) = (Pipe::new(), Pipe::new());
            let theirs =
                End { here: HERE, there: CLIENT, incoming: up.clone(), outgoing: down.clone() };
            let ours = End { here: CLIENT, there: HERE, incoming: down, outgoing: up };
            self.waiting.change(|lane| lane.items.push_back(theirs));
            Box::pin(async { Ok(Box::new(ours) as Box<dyn ByteStream>) }) as Boxed<'_, _>
        })
    }

    fn listen(&self, at: SocketAddr) -> Option<Boxed<'_, io::Result<Box<dyn Listen>>>> {
        let waiting = self.waiting.clone();
        (at == HERE).then(|| {
            Box::pin(async { Ok(Box::new(Listener(waiting)) as Box<dyn Listen>) }) as Boxed<'_, _>
        })
    }

    fn bind(&self, at: SocketAddr) -> Option<Boxed<'_, io::Result<Box<dyn Datagram>>>> {
        let pipe = self.datagrams.clone();
        Some(Box::pin(async move { Ok(Box::new(Socket(at, pipe)) as Box<dyn Datagram>) }))
    }

    fn resolve<'a>(
        &'a self,
        host: &'a str,
        _: u16,
    ) -> Option<Boxed<'a, io::Result<Vec<SocketAddr>>>> {
        (host == "here").then(|| Box::pin(async { Ok(vec![HERE]) }) as Boxed<'_, _>)
    }
}

impl Part for Inside {
    fn name(&self) -> &'static str {
        "inside"
    }
    fn net(&self) -> Option<&dyn Net> {
        Some(self)
    }
}

struct Listener(Arc<Pipe<End>>);

impl Listen for Listener {
    fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn ByteStream>, SocketAddr)>> {
        self.0.poll(cx, |lane| {
            let end = lane.items.pop_front()?;
            let from = end.there;
            Some(Ok((Box::new(end) as Box<dyn ByteStream>, from)))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(HERE)
    }
}

/// Everything that is sent comes back.
struct Socket(SocketAddr, Arc<Pipe<(Vec<u8>, SocketAddr)>>);

impl Datagram for Socket {
    fn poll_send(
        &self,
        _: &mut Context<'_>,
        bytes: &[u8],
        to: Option<SocketAddr>,
    ) -> Poll<io::Result<usize>> {
        self.1.change(|lane| lane.items.push_back((bytes.to_vec(), to.unwrap_or(HERE))));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        self.1.poll(cx, |lane| {
            let (bytes, from) = lane.items.pop_front()?;
            buf.put(&bytes);
            Some(Ok(from))
        })
    }

    fn connect(&self, _: SocketAddr) -> io::Result<()> {
        Ok(())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0)
    }
}

#[test]
fn an_echo_comes_back_through_a_name_of_the_runtimes_own() {
    Inside::toy().run(async {
        let listener = TcpListener::bind(HERE).await.unwrap();
        let server = spawn(async move {
            let (stream, from) = listener.accept().await.unwrap();
            assert_eq!((from, listener.local_addr().unwrap()), (CLIENT, HERE));
            io::copy(&stream, &stream).await.unwrap();
            stream.shutdown(Shutdown::Write).await.unwrap();
        });
        assert_eq!(lookup_host("here:7").await.unwrap().collect::<Vec<_>>(), [HERE]);
        let (reader, writer) = TcpStream::connect("here:7").await.unwrap().into_split();
        writer.write_all(b"there and back").await.unwrap();
        drop(writer);
        let mut echo = Vec::new();
        reader.read_to_end(&mut echo).await.unwrap();
        assert_eq!(echo, b"there and back");
        assert_eq!(reader.peer_addr().unwrap(), HERE);
        server.await.unwrap();
    });
}

/// REACTOR-7 for hooks that keep one waker, and forget it when a poll is ready.
#[test]
fn several_readers_of_one_object_all_finish() {
    Inside::toy().run(async {
        let ours = Arc::new(TcpStream::connect(HERE).await.unwrap());
        let (theirs, _) = TcpListener::bind(HERE).await.unwrap().accept().await.unwrap();
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let ours = ours.clone();
                spawn(async move { ours.read(&mut [0]).await.unwrap() })
            })
            .collect();
        give_way(4).await;
        theirs.write_all(b"abcd").await.unwrap();
        for reader in readers {
            assert_eq!(reader.await.unwrap(), 1);
        }
        let (count, waker) = counted();
        {
            let mut buf = [0];
            let mut read = pin!(ours.read(&mut buf));
            let polled = Future::poll(read.as_mut(), &mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        assert_eq!(Arc::strong_count(&count), 2, "released");
    });
}

/// A hook in the middle of an event: the bytes are there, the waker is not yet woken, and a poll that
/// is ready makes the hook forget it. Whoever waits is told by the front end.
#[test]
fn a_ready_poll_that_makes_the_hook_forget_wakes_the_others() {
    let toy = Inside::toy();
    toy.run(async {
        let ours = TcpStream::connect(HERE).await.unwrap();
        let theirs = toy.part.waiting.0.lock().unwrap().items.pop_front().unwrap();
        let (count, waker) = counted();
        let mut buf = [0];
        let mut waits = pin!(ours.read(&mut buf));
        let polled = Future::poll(waits.as_mut(), &mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        theirs.outgoing.0.lock().unwrap().items.extend(b"ab");
        assert_eq!(ours.read(&mut [0]).await.unwrap(), 1);
        assert_eq!(count.0.load(std::sync::atomic::Ordering::SeqCst), 1);
        assert_eq!(waits.await.unwrap(), 1);
    });
}

#[test]
fn owned_buffers_and_datagrams_work_too() {
    Inside::toy().run(async {
        let ours = TcpStream::connect(HERE).await.unwrap();
        let (theirs, _) = TcpListener::bind(HERE).await.unwrap().accept().await.unwrap();
        theirs.write_all(b"abc").await.unwrap();
        let (result, buf) = ours.read_owned(vec![b'>'; 1]).await;
        assert!(result.unwrap() <= 3 && buf.starts_with(b">"));

        let socket = UdpSocket::bind(CLIENT).await.unwrap();
        socket.send_to(b"", HERE).await.unwrap();
        socket.send(b"xyz").await.unwrap();
        assert_eq!(socket.recv_from(&mut [0; 9]).await.unwrap(), (0, HERE));
        assert_eq!(socket.try_recv(&mut [0; 9]).unwrap(), 3);
        let error = socket.try_recv(&mut [0; 9]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    });
}

#[test]
fn what_needs_a_socket_beneath_says_so() {
    Inside::toy().run(async {
        let ours = TcpStream::connect(HERE).await.unwrap();
        assert!(ours.as_source().is_none());
        for error in [
            ours.set_nodelay(true).unwrap_err(),
            ours.readable().await.unwrap_err(),
            ours.peek(&mut [0]).await.unwrap_err(),
            std::net::TcpStream::try_from(ours).unwrap_err(),
            TcpStream::connect(CLIENT).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        }
    });
}

/// IO-4: a stream in safe code that puts another cursor in the place of ours makes no byte of our
/// buffer count as read.
#[test]
#[should_panic(expected = "exchanged the read cursor")]
fn a_stream_that_exchanges_the_cursor_is_found_out() {
    struct Evil;
    impl ByteStream for Evil {
        fn poll_read(&self, _: &mut Context<'_>, buf: &mut ReadCursor<'_>) -> Poll<io::Result<()>> {
            *buf = ReadCursor::new(Box::leak(Box::new([0; 64])));
            buf.put(&[1; 64]);
            Poll::Ready(Ok(()))
        }
        fn poll_write(
            &self,
            _: &mut Context<'_>,
            _: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
        fn poll_flush(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
        fn poll_shutdown(&self, _: Shutdown, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }
    struct EvilNet;
    impl Net for EvilNet {
        fn connect(&self, _: SocketAddr) -> Option<Boxed<'_, io::Result<Box<dyn ByteStream>>>> {
            Some(Box::pin(async { Ok(Box::new(Evil) as Box<dyn ByteStream>) }))
        }
    }
    impl Part for EvilNet {
        fn name(&self) -> &'static str {
            "evil"
        }
        fn net(&self) -> Option<&dyn Net> {
            Some(self)
        }
    }
    Toy::new(EvilNet).run(async {
        let stream = TcpStream::connect(HERE).await.unwrap();
        let mut read = stream.read_owned(Vec::with_capacity(128));
        let _ = Pin::new(&mut read).poll(&mut Context::from_waker(Waker::noop()));
    });
}

/// UDP-5: batches go through the hook one by one.
#[test]
fn batches_of_datagrams_pass_through_an_object() {
    Inside::toy().run(async {
        let socket = UdpSocket::bind(HERE).await.unwrap();
        let batch = [Outgoing::new(b"one"), Outgoing::new(b"").to(CLIENT), Outgoing::new(b"three")];
        assert_eq!(socket.send_batch(&batch).await.unwrap(), 3);
        let (mut bufs, mut got) = ([[0; 4]; 4], Vec::new());
        let mut places: Vec<_> = bufs.iter_mut().map(|buf| Arrival::new(buf)).collect();
        assert_eq!(socket.recv_batch(&mut places).await.unwrap(), 3);
        got.extend(places[..3].iter().map(|one| (one.bytes().to_vec(), one.from().unwrap())));
        assert_eq!(got, [(b"one".to_vec(), HERE), (Vec::new(), CLIENT), (b"thre".to_vec(), HERE)]);
        let mut waits = pin!(socket.recv_batch(&mut places));
        let polled = waits.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    });
}
