//! Sockets over completion: a runtime that knows no readiness, only operations that own their
//! buffers.
//!
//! The proactor runs each operation on a thread of its own and is as unpleasant as the contract
//! allows: results come out of order and late (also after whoever asked is gone), reads and writes
//! are short, and while it owns a buffer it scribbles over the spare bytes and checks that nobody
//! else does. Under AddressSanitizer the scribbling finds buffers that were freed too early.
//!
//! What it chooses comes from a seed, printed when a test fails.
#![cfg(all(feature = "net", unix))]

use std::collections::HashMap;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};

use runtime_traits::hooks::{Completion, Done, IoBuf, Op, OpId, Source, Token};
use runtime_traits::net::{TcpListener, TcpStream, UdpSocket};
use runtime_traits::{Gone, io, spawn};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

#[path = "support/toy.rs"]
mod toy;
use toy::{Part, Toy, counted, give_way};

/// What the spare bytes of a buffer hold while the driver owns it.
const CANARY: u8 = 0xA5;

// ---- the proactor --------------------------------------------------------------------------

/// A driver whose operations are threads.
struct Proactor(Arc<Shared>);

struct Shared {
    table: Mutex<Table>,
    /// An operation's thread has ended.
    thread_ended: Condvar,
    random: AtomicU64,
    /// Buffers that somebody else wrote to while the driver owned them.
    violations: AtomicUsize,
    /// Operations that ended with nobody to ask for them.
    abandoned: AtomicUsize,
}

#[derive(Default)]
struct Table {
    next: u64,
    sources: HashMap<u64, Source>,
    ops: HashMap<u64, Flight>,
    threads: usize,
    ended: bool,
}

/// An operation, as the front end sees it.
struct Flight {
    /// A byte here ends the thread's wait.
    cancel: UnixStream,
    waker: Option<Waker>,
    done: Option<Done>,
    abandoned: bool,
}

impl Proactor {
    fn new(seed: u64) -> Proactor {
        Proactor(Arc::new(Shared {
            table: Mutex::default(),
            thread_ended: Condvar::new(),
            random: AtomicU64::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            violations: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
        }))
    }

    /// Ends the runtime: cancels what is in flight and waits until the last buffer is back.
    fn end(&self) {
        let mut table = self.0.table.lock().unwrap();
        table.ended = true;
        for flight in table.ops.values() {
            // Full means that it was cancelled already.
            let _ = (&flight.cancel).write(&[1]);
        }
        while table.threads > 0 {
            table = self.0.thread_ended.wait(table).unwrap();
        }
    }

    /// Ends the runtime, and says whether it was treated well.
    fn check(&self) {
        self.end();
        assert_eq!(self.0.violations.load(Ordering::SeqCst), 0, "somebody wrote to a lent buffer");
        let table = self.0.table.lock().unwrap();
        assert!(table.ops.is_empty(), "{} results were never asked for", table.ops.len());
        assert!(table.sources.is_empty(), "{} sources are left", table.sources.len());
    }

    fn in_flight(&self) -> usize {
        self.0.table.lock().unwrap().ops.len()
    }
}

impl Shared {
    /// A number below `end`.
    fn random(&self, end: u64) -> u64 {
        let step = |x: u64| {
            let x = x ^ (x << 13);
            let x = x ^ (x >> 7);
            Some(x ^ (x << 17))
        };
        self.random.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap() % end
    }

    /// The thread of one operation.
    fn run(&self, id: u64, op: Op, source: &Source, cancelled: &UnixStream) {
        let done = self.perform(op, source, cancelled);
        // Late and out of order.
        for _ in 0..self.random(100) {
            std::thread::yield_now();
        }
        let mut unwanted = Some(done);
        let mut table = self.table.lock().unwrap();
        let flight = table.ops.get_mut(&id).expect("it is kept until it is done");
        let waker = if flight.abandoned {
            self.abandoned.fetch_add(1, Ordering::SeqCst);
            table.ops.remove(&id).and_then(|flight| flight.waker)
        } else {
            flight.done = unwanted.take();
            flight.waker.take()
        };
        drop(table);
        if let Some(waker) = waker {
            waker.wake();
        }
        drop(unwanted);
    }

    fn perform(&self, op: Op, source: &Source, cancelled: &UnixStream) -> Done {
        let socket = socket2::SockRef::from(&**source);
        match op {
            Op::Read { mut buf, .. } => {
                let room = self.scribble(&mut buf);
                let mut bytes = vec![0; room.min(1 + self.random(20_000) as usize)];
                let res =
                    until_done(source, PollFlags::IN, cancelled, || (&*socket).read(&mut bytes));
                self.check_canaries(&mut buf);
                Done::new(res.map(|n| append(&mut buf, &bytes[..n]))).with_buf(buf)
            }
            Op::Write { mut buf, .. } => {
                self.scribble(&mut buf);
                let before = buf.filled().to_vec();
                let some = &before[..(1 + self.random(20_000) as usize).min(before.len())];
                let res = until_done(source, PollFlags::OUT, cancelled, || socket.send(some));
                self.check_canaries(&mut buf);
                if buf.filled() != before {
                    self.violations.fetch_add(1, Ordering::SeqCst);
                }
                Done::new(res.map(|n| n as u32)).with_buf(buf)
            }
            Op::Connect { to, .. } => {
                let _ = socket.connect(&to.into());
                let connected = || match socket.take_error()? {
                    Some(error) => Err(error),
                    None if socket.peer_addr().is_ok() => Ok(0),
                    None => Err(io::ErrorKind::WouldBlock.into()),
                };
                Done::new(until_done(source, PollFlags::OUT, cancelled, connected))
            }
            Op::Accept { .. } => {
                let accept = || socket.accept().map(|(accepted, _)| accepted);
                match until_done(source, PollFlags::IN, cancelled, accept) {
                    Ok(accepted) => Done::new(Ok(0)).with_accepted(Arc::new(accepted.into())),
                    Err(error) => Done::new(Err(error)),
                }
            }
            _ => Done::new(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// Fills the spare bytes with canaries; answers how many there are.
    fn scribble(&self, buf: &mut IoBuf) -> usize {
        let (start, room) = buf.spare();
        // SAFETY: the spare capacity is ours to write while we own the buffer.
        unsafe { start.write_bytes(CANARY, room) };
        room
    }

    fn check_canaries(&self, buf: &mut IoBuf) {
        let (start, room) = buf.spare();
        // SAFETY: `scribble` initialised all of it, and we have owned the buffer since.
        let spare = unsafe { std::slice::from_raw_parts(start, room) };
        if spare.iter().any(|byte| *byte != CANARY) {
            self.violations.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Puts what was read into the spare bytes.
fn append(buf: &mut IoBuf, bytes: &[u8]) -> u32 {
    let (start, room) = buf.spare();
    assert!(bytes.len() <= room);
    // SAFETY: there is that much room, in a block that is ours alone.
    unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    // SAFETY: just written.
    unsafe { buf.advance(bytes.len()) };
    bytes.len() as u32
}

/// Tries until it does not block. What is done when the cancel comes, is done.
fn until_done<R>(
    source: &Source,
    flags: PollFlags,
    cancelled: &UnixStream,
    mut call: impl FnMut() -> io::Result<R>,
) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        let mut fds = [PollFd::new(source, flags), PollFd::new(cancelled, PollFlags::IN)];
        if poll(&mut fds, None).is_ok() && !fds[1].revents().is_empty() {
            return call().map_err(|_| Errno::CANCELED.into());
        }
    }
}

// SAFETY: C1, C2: a buffer is owned by the operation's thread from `submit` until it is put into
// `Flight::done` or dropped by that thread; `end` waits for the threads. C3: `append`.
unsafe impl Completion for Proactor {
    fn register(&self, source: Source) -> io::Result<Token> {
        let mut table = self.0.table.lock().unwrap();
        table.next += 1;
        let token = table.next;
        table.sources.insert(token, source);
        Ok(Token(token))
    }

    fn deregister(&self, token: Token) {
        let gone = self.0.table.lock().unwrap().sources.remove(&token.0);
        assert!(gone.is_some(), "deregistered once");
    }

    fn submit(&self, op: Op) -> Result<OpId, (Op, io::Error)> {
        let token = match &op {
            Op::Read { io, .. } | Op::Write { io, .. } => io,
            Op::Connect { io, .. } | Op::Accept { io } => io,
            _ => return Err((op, io::ErrorKind::Unsupported.into())),
        };
        let (cancel, cancelled) = UnixStream::pair().unwrap();
        cancel.set_nonblocking(true).unwrap();
        let mut table = self.0.table.lock().unwrap();
        if table.ended {
            return Err((op, Gone.into()));
        }
        let source = table.sources[&token.0].clone();
        table.next += 1;
        let id = table.next;
        let flight = Flight { cancel, waker: None, done: None, abandoned: false };
        table.ops.insert(id, flight);
        table.threads += 1;
        drop(table);
        let shared = self.0.clone();
        std::thread::spawn(move || {
            shared.run(id, op, &source, &cancelled);
            drop(source);
            shared.table.lock().unwrap().threads -= 1;
            shared.thread_ended.notify_all();
        });
        Ok(OpId(id))
    }

    fn poll_done(&self, id: OpId, cx: &mut Context<'_>) -> Poll<Done> {
        let mut table = self.0.table.lock().unwrap();
        let flight = table.ops.get_mut(&id.0).expect("in flight, or done and not yet asked for");
        match flight.done.take() {
            Some(done) => {
                table.ops.remove(&id.0);
                Poll::Ready(done)
            }
            None => {
                let old = flight.waker.replace(cx.waker().clone());
                drop(table);
                drop(old);
                Poll::Pending
            }
        }
    }

    fn cancel(&self, id: OpId) {
        let table = self.0.table.lock().unwrap();
        let _ = (&table.ops[&id.0].cancel).write(&[1]);
    }

    fn abandon(&self, id: OpId) {
        let mut table = self.0.table.lock().unwrap();
        let flight = table.ops.get_mut(&id.0).expect("in flight, or done and not yet asked for");
        flight.abandoned = true;
        let waker = flight.waker.take();
        let done = flight.done.take();
        if done.is_some() {
            table.ops.remove(&id.0);
            self.0.abandoned.fetch_add(1, Ordering::SeqCst);
        } else if self.0.random(2) == 0 {
            // A driver may ask the kernel to hurry; it need not.
            let _ = (&table.ops[&id.0].cancel).write(&[1]);
        }
        drop(table);
        drop((waker, done));
    }
}

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
    for seed in 0..20 {
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
        let sent = numbers(200_000);
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
                Poll::Pending => match poll_flush_for(&ours, 2_000).await {
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
            assert!(poll_once(Pin::new(&mut read), Waker::noop()).is_pending());
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
        let (ours, mut theirs) = pair().await;
        for size in [16, 256, 4096] {
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
        drop((ours, theirs));
        while toy.part.in_flight() > 0 {
            give_way(1).await;
        }
        assert_eq!(toy.part.0.abandoned.load(Ordering::SeqCst), 3);
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
