//! IO-10: operations that own their buffer.

use std::future::Future;
use std::io::{self, Read, Write};
use std::iter;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

use runtime_traits::net::TcpStream;
use socket2::SockRef;

use super::kinds::IoCalls;
use crate::clauses::tcp::steps::{bytes_at, in_task, once, until_woken, wrong_at};
use crate::clauses::tcp::transport::{Boxed, Peer, std_pair};
use crate::rig::{Rig, await_outside};
use crate::rt::Rt;
use crate::toolbox::fence::fence;
use crate::toolbox::{Tally, hand_poll};

fn connection(rig: &Rig<'_>, rt: &Rt) -> (Arc<TcpStream>, std::net::TcpStream) {
    let (ours, peer) = rig.setup("a connection of std's", std_pair());
    let ours = rt.enter(|| TcpStream::try_from(ours));
    (Arc::new(ours.unwrap_or_else(|e| panic!("IO-10: a socket of std's: {e}"))), peer)
}

/// Starts a read, and cancels it when `when` is ready.
pub(super) async fn cancelled(
    stream: Arc<TcpStream>,
    buf: Vec<u8>,
    when: Boxed<'static, ()>,
) -> (io::Result<usize>, Vec<u8>) {
    let mut reading = stream.read_owned(buf);
    if let Poll::Ready(done) = once(&mut reading).await {
        return done;
    }
    let _ = when.await;
    reading.cancel().await
}

/// The beginning of a buffer, which reading leaves alone.
const KEPT: &[u8] = b"kept";

fn buffer() -> Vec<u8> {
    let mut buf = KEPT.to_vec();
    buf.reserve_exact(64);
    buf
}

/// IO-10: the buffer comes back with the result: if the operation was done, if it failed, and if it was
/// cancelled; and what a cancelled operation had done is not lost.
///
/// Method: reads append to what a buffer holds, writes give back what they were given; after a reset
/// both fail, and the buffer is there. A read is cancelled before anything came, and one after
/// something did: whether that one reports bytes or leaves them for the next read, none is missing.
///
/// If this fails, look for a completion that is thrown away because it was to be cancelled.
pub(super) fn io_10_the_buffer_comes_back(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<IoCalls>();
    let (stream, mut peer) = connection(rig, &rt);
    in_task(rig, &rt, "IO-10: operations with buffers", async move {
        peer.write_all(&bytes_at(0, 5)).expect("a peer sends");
        let (n, buf) = stream.read_owned(buffer()).await;
        let n = n.unwrap_or_else(|error| panic!("IO-10: reading: {error}"));
        check(&buf, n, 0);
        let mut place = n;
        while place < 5 {
            place += finish(&stream, place).await;
        }
        let (n, buf) = stream.write_owned(b"hello".to_vec()).await;
        assert_eq!(buf, b"hello", "IO-10: the buffer of a write");
        let mut heard = vec![0; n.unwrap_or_else(|error| panic!("IO-10: writing: {error}"))];
        peer.read_exact(&mut heard).expect("a peer reads");
        assert!(b"hello".starts_with(&heard), "IO-10: the peer heard {heard:?}");

        let now: Boxed<'static, ()> = Box::pin(async { Ok(()) });
        let (n, buf) = (calls.cancelled)(stream.clone(), buffer(), now).await;
        assert!(n.is_err(), "IO-10: nothing had come, and a cancelled read gave {n:?}");
        assert_eq!(buf, KEPT, "IO-10: the buffer of a read that was cancelled");

        for place in 5..30 {
            let mut sender = peer.try_clone().expect("a second descriptor of the peer");
            let sent: Boxed<'static, ()> = Box::pin(async move {
                sender.write_all(&bytes_at(place, 1))?;
                until_woken().await;
                Ok(())
            });
            let (n, buf) = (calls.cancelled)(stream.clone(), buffer(), sent).await;
            match n {
                Ok(n) => check(&buf, n, place),
                Err(_) => {
                    assert_eq!(buf, KEPT, "IO-10: the buffer of a read that was cancelled");
                    assert_eq!(finish(&stream, place).await, 1, "IO-10: byte {place}");
                }
            }
        }
        peer.set_resets().expect("an option of the socket");
        drop(peer);
        let (n, buf) = stream.read_owned(buffer()).await;
        assert!(n.is_err(), "IO-10: reading after a reset gave {n:?}");
        assert_eq!(buf, KEPT, "IO-10: the buffer of a read that failed");
        let (n, buf) = stream.write_owned(b"hello".to_vec()).await;
        assert!(n.is_err(), "IO-10: writing after a reset gave {n:?}");
        assert_eq!(buf, b"hello", "IO-10: the buffer of a write that failed");
    });
    rig.shutdown(rt);
}

/// Reads on, as everybody else does.
async fn finish(stream: &TcpStream, place: usize) -> usize {
    let mut buf = [0; 8];
    let n = stream.read(&mut buf).await;
    let n = n.unwrap_or_else(|error| panic!("IO-10: reading byte {place}: {error}"));
    assert!(n > 0, "IO-10: byte {place} is missing");
    assert_eq!(wrong_at(place, &buf[..n]), None, "IO-10: what was read from {place} on");
    n
}

/// A buffer to which `n` bytes from `place` on were appended.
fn check(buf: &[u8], n: usize, place: usize) {
    assert_eq!(buf.len(), KEPT.len() + n, "IO-10: the length of a buffer after a read of {n}");
    assert!(buf.starts_with(KEPT), "IO-10: what a buffer held before a read: {buf:?}");
    let wrong = wrong_at(place, &buf[KEPT.len()..]);
    assert!(wrong.is_none(), "IO-10: a wrong byte at {wrong:?}");
}

// ── dropped ─────────────────────────────────────────────────────────────────────────────────────

/// Reads in flight at once, on so many connections: more than a queue of the kernel's takes.
const FLYING: usize = 200;
const CONNECTIONS: usize = 8;
const EACH: usize = FLYING / CONNECTIONS;
/// The room of each read.
const ROOM: usize = 64;
const CANARY: u8 = 0xa5;
/// What comes for reads that were dropped.
const LATE: u8 = 0xee;

type Ends = (Arc<TcpStream>, std::net::TcpStream);

fn connections(rig: &Rig<'_>, rt: &Rt) -> Vec<Ends> {
    (0..CONNECTIONS).map(|_| connection(rig, rt)).collect()
}

/// A read that is in flight.
type Flying = Pin<Box<dyn Future<Output = (io::Result<usize>, Vec<u8>)> + Send>>;

/// Starts a read; nothing has come, so it is with the driver.
fn fly(stream: &Arc<TcpStream>, buf: Vec<u8>, waker: &Waker) -> Flying {
    let stream = stream.clone();
    let mut reading: Flying = Box::pin(async move { stream.read_owned(buf).await });
    let polled = hand_poll(&mut reading, waker);
    assert!(polled.is_pending(), "IO-10: nothing had come, and a read gave {polled:?}");
    reading
}

/// As many on each connection, told to nobody.
fn fly_all(ends: &[Ends]) -> Vec<Flying> {
    let streams = ends.iter().flat_map(|(stream, _)| iter::repeat_n(stream, EACH));
    streams.map(|stream| fly(stream, buffer(), Waker::noop())).collect()
}

/// As many bytes as all reads of each connection have room for.
fn send_all(ends: &[Ends], byte: impl Fn(usize) -> u8) {
    for (i, (_, peer)) in ends.iter().enumerate() {
        let _ = (&*peer).write_all(&[byte(i); EACH * ROOM]); // it may have gone with its operation
    }
}

/// Blocks as large as those that were given up, full of a pattern.
struct Canaries(Vec<Vec<u8>>);

impl Canaries {
    fn new() -> Canaries {
        let full = || vec![CANARY; KEPT.len() + ROOM];
        Canaries(iter::repeat_with(full).take(2 * FLYING).collect())
    }

    fn check(&self, when: &str) {
        let intact = self.0.iter().flatten().all(|byte| *byte == CANARY);
        assert!(intact, "IO-10: memory that was given back was written to {when}");
    }
}

/// How many of the bytes that came for a stream somebody has taken.
fn taken(stream: &TcpStream) -> usize {
    let source = stream.as_source().expect("it was made of a socket");
    let mut rest = [MaybeUninit::uninit(); EACH * ROOM];
    EACH * ROOM - SockRef::from(&source).peek(&mut rest).unwrap_or(0) // nothing there is an error
}

/// Wakes whoever awaits the count.
struct Told(Tally);

impl Told {
    fn new() -> Arc<Told> {
        Arc::new(Told(Tally::new()))
    }
}

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        self.0.add();
    }
}

/// IO-10: an operation that was dropped while the driver had its buffer writes nowhere any more: neither
/// into what is allocated then, nor into what the driver gives to others.
///
/// Method: two hundred reads are polled once and dropped. Then there are blocks of the same size, full of
/// a pattern, and two hundred other reads, whose bytes come first and of which nobody asks: the driver
/// has to keep them. Then come the bytes of the reads that were dropped. The pattern must be intact, and
/// each of the other reads must have what came for it: no byte is missing, none is another's. As witness,
/// bytes left the sockets before anybody polled again: they were with the driver.
///
/// If this fails, look for a buffer, of the heap or of a pool, that is given away when the future goes
/// and not when the kernel is done.
pub(super) fn io_10_a_dropped_operation_writes_nowhere(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (gone, kept) = (connections(rig, &rt), connections(rig, &rt));
    let handle = rt.handle().clone();
    let by_itself = in_task(rig, &rt, "IO-10: reads that were not dropped", async move {
        drop(fly_all(&gone));
        let canaries = Canaries::new();
        let told: Vec<_> = iter::repeat_with(Told::new).take(FLYING).collect();
        let fly = |(i, told): (usize, &Arc<Told>)| {
            let at = i % CONNECTIONS;
            (at, fly(&kept[at].0, buffer(), &told.clone().into()))
        };
        let flying: Vec<_> = told.iter().enumerate().map(fly).collect();
        send_all(&kept, |at| at as u8);
        for told in told {
            told.0.reached(1).await;
        }
        let by_itself: Vec<usize> = kept.iter().map(|(stream, _)| taken(stream)).collect();
        send_all(&gone, |_| LATE);
        fence(&handle, 2).await;
        let mut read = [0; CONNECTIONS];
        for (at, flying) in flying {
            let (n, buf) = flying.await;
            let n = n.unwrap_or_else(|error| panic!("IO-10: a read that was kept: {error}"));
            read[at] += check_filled(&buf, n, at as u8);
        }
        canaries.check("when bytes came late");
        for (at, (stream, _)) in kept.iter().enumerate() {
            let taken = taken(stream);
            assert_eq!(read[at], taken, "IO-10: bytes read, of those that the driver took");
        }
        by_itself.into_iter().sum::<usize>()
    });
    rig.witness("bytes that the driver took", by_itself as u64, FLYING as u64);
    rig.shutdown(rt);
}

/// A buffer to which `n` bytes were appended, all the same.
fn check_filled(buf: &[u8], n: usize, byte: u8) -> usize {
    assert_eq!(buf.len(), KEPT.len() + n, "IO-10: the length of a buffer after a read of {n}");
    assert!(buf.starts_with(KEPT), "IO-10: what a buffer held before a read: {buf:?}");
    let other = buf[KEPT.len()..].iter().find(|other| **other != byte);
    assert!(other.is_none(), "IO-10: for a read came {byte:#x}, and it has {other:x?}");
    n
}

/// IO-10: what is in flight when the runtime ends writes nowhere afterwards, and what is still asked for
/// comes back: the buffer as it was, with an error.
///
/// Method: two hundred reads are in flight when the runtime ends. Half of them are dropped just before
/// and half are kept; then blocks of the same size are allocated, full of a pattern, and the peers write.
/// The pattern must be intact, and so must the buffers that come back. Bytes that came before say that
/// the driver was at work: they left the socket with nobody polling.
///
/// If this fails, look for an end that frees what the kernel may still write to: it has to wait, or to
/// leak.
pub(super) fn io_10_the_end_frees_nothing_in_flight(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (ends, live) = (connections(rig, &rt), connection(rig, &rt));
    let told = Told::new();
    let done = fly(&live.0, buffer(), &told.clone().into());
    let mut flying = fly_all(&ends);
    rig.setup("writing to a socket", (&live.1).write_all(&[1; EACH * ROOM]));
    rig.drive(&rt, "IO-10: a driver at work to complete a read", told.0.reached(1));
    let by_itself = taken(&live.0);
    for (i, reading) in flying.iter_mut().enumerate() {
        let polled = hand_poll(reading, Waker::noop());
        assert!(polled.is_pending(), "IO-10: nothing came for read {i}, and it gave {polled:?}");
    }
    flying.truncate(FLYING / 2);
    rig.shutdown(rt);
    let canaries = Canaries::new();
    send_all(&ends, |_| LATE);
    for reading in flying {
        let (n, buf) = await_outside("IO-10: a read in flight at the end to come back", reading);
        assert!(n.is_err(), "IO-10: nothing had come, and at the end a read gave {n:?}");
        assert_eq!(buf, KEPT, "IO-10: the buffer of a read that was in flight at the end");
    }
    let (n, buf) = await_outside("IO-10: a read that was done before the end", done);
    let n = n.unwrap_or_else(|error| panic!("IO-10: a read, done before the end: {error}"));
    check_filled(&buf, n, 1);
    canaries.check("after the end");
    rig.witness("bytes that the driver took", by_itself as u64, 1);
}
