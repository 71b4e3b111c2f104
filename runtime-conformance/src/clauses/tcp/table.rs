//! The clauses that every byte stream keeps, TCP's or another's: TCP-2 to TCP-5, and UNIX-1 again.
//!
//! Each function is one test; it is told the clause that it speaks for. The bodies run as tasks of the
//! runtime, the peers on threads of the test's own.

use std::future::{Future, poll_fn};
use std::io::{ErrorKind, IoSlice, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::thread;

use super::steps::{bytes_at, in_task, noting_pending, wrong_at};
use super::transport::{Conn, Peer, Reads, Role, Transport, Writes};
use crate::rig::Rig;
use crate::rt::Owned;
use crate::toolbox::{Gate, Random, within_watchdog};

/// A runtime with a transport, and the clause that is asked.
pub(crate) struct Table<'r, 'a> {
    pub(crate) id: &'static str,
    pub(crate) rig: &'r Rig<'a>,
    pub(crate) rt: Owned,
    pub(crate) transport: Arc<dyn Transport>,
}

impl Table<'_, '_> {
    /// Ends the runtime.
    pub(crate) fn end(self) {
        self.rig.shutdown(self.rt);
    }

    /// Calls `body` with a connection of each role, as a task; then joins what it answers.
    fn each_role<F, R>(&self, what: &str, body: F)
    where
        F: Fn(Role, Box<dyn Conn>, Box<dyn Peer>) -> R,
        R: Future<Output = ()> + Send + 'static,
    {
        for role in Role::ALL {
            let (id, transport) = (self.id, self.transport.clone());
            let waiting_for = format!("{id}: {what} ({role:?})");
            let made = async move { role.ends(id, &*transport).await };
            let (conn, peer) = in_task(self.rig, &self.rt, &waiting_for, made);
            in_task(self.rig, &self.rt, &waiting_for, body(role, conn, peer));
        }
    }
}

/// What the peer sends while it is read at the same time; more than all buffers hold.
const LONG: usize = 256 * 1024;
/// What fits into the buffers.
const SHORT: usize = 1000;

/// All bytes sent before the end are readable, then reads return 0, repeatedly.
///
/// Method: the peer sends in pieces of random sizes and closes at once. Once it has gone before the
/// first read (so the end is reported together with the data), and once it is read at the same time.
/// Reads are of random sizes, most of them smaller than what is there. Then three more reads.
///
/// If this fails, look for a hang-up that is taken for the end while bytes are left, or a short read
/// that is.
pub(crate) fn all_bytes_then_the_end(table: Table<'_, '_>) {
    let (id, mut random) = (table.id, table.rig.random());
    for len in [SHORT, LONG] {
        let seed = random.below(u64::MAX);
        table.each_role("all bytes and then the end", |role, conn, peer| async move {
            let sender = thread::spawn(move || send(peer, len, Random::new(seed)));
            let sent = |sender: thread::JoinHandle<()>| {
                within_watchdog(&format!("{id}: the peer to send"), || sender.join())
                    .unwrap_or_else(|_| panic!("{id}: the peer could not send ({role:?})"));
            };
            match len {
                SHORT => {
                    sent(sender);
                    receive(id, &*conn, len, Random::new(seed)).await;
                }
                _ => {
                    receive(id, &*conn, len, Random::new(seed)).await;
                    sent(sender);
                }
            }
        });
    }
    table.end();
}

/// Sends the test's stream up to `len`, in pieces, and closes.
fn send(mut peer: Box<dyn Peer>, len: usize, mut random: Random) {
    let mut sent = 0;
    while sent < len {
        let piece = (1 + random.below(3000) as usize).min(len - sent);
        peer.write_all(&bytes_at(sent, piece)).expect("a peer sends");
        sent += piece;
    }
}

/// Reads the test's stream up to `len`, then its end, four times.
async fn receive(id: &str, conn: &dyn Conn, len: usize, mut random: Random) {
    let (mut got, mut buf) = (0, [0; 4096]);
    while got < len {
        let room_max = if random.below(4) == 0 { 8 } else { 4096 };
        let room = 1 + random.below(room_max) as usize;
        let read = conn.read(&mut buf[..room]).await;
        let n = read.unwrap_or_else(|e| panic!("{id}: after {got} of {len} bytes: {e}"));
        assert!(n > 0, "{id}: the end was reported after {got} of {len} bytes");
        assert!(n <= room, "{id}: a read into {room} bytes reported {n}");
        let wrong = wrong_at(got, &buf[..n]);
        assert!(wrong.is_none(), "{id}: of {len} bytes, that at {wrong:?} is a wrong one");
        got += n;
    }
    for nth in 1..=4 {
        let read = conn.read(&mut buf).await;
        assert!(matches!(read, Ok(0)), "{id}: read {nth} after the last byte gave {read:?}");
    }
}

/// Ending writing ends that direction alone.
///
/// Method: three conversations for each role. (1) The runtime speaks, ends writing, and the peer, who
/// answers only after the end, is heard. (2) The peer speaks and ends writing; the runtime hears the
/// end and answers. (3) As (1), but the half that writes is dropped instead. Ending twice is no panic,
/// and answers `Ok` or `NotConnected`.
///
/// If this fails, look for a `shutdown` that a wrapper does not pass on, or one of both directions.
pub(crate) fn half_close(table: Table<'_, '_>) {
    let id = table.id;
    table.each_role("the answer to a half-closed connection", |_, conn, peer| async move {
        let answers = thread::spawn(move || answer_after_the_end(id, peer));
        write_all(id, &*conn, b"question").await;
        let ended = conn.end_writing().await;
        assert!(ended.is_ok(), "{id}: ending writing gave {ended:?}");
        assert_eq!(read_to_end(id, &*conn).await, b"answer", "{id}: what came after the end");
        let kind = conn.end_writing().await.map_err(|error| error.kind());
        let fine = matches!(kind, Ok(()) | Err(ErrorKind::NotConnected));
        assert!(fine, "{id}: ending writing a second time gave {kind:?}");
        join(id, answers);
    });
    table.each_role("the end that the peer made, and to answer it", |_, conn, peer| async move {
        let asks = thread::spawn(move || ask_and_end(id, peer));
        assert_eq!(read_to_end(id, &*conn).await, b"question", "{id}: what came before the end");
        write_all(id, &*conn, b"answer").await;
        drop(conn);
        join(id, asks);
    });
    table.each_role("the answer after the writing half was dropped", |_, conn, peer| async move {
        let answers = thread::spawn(move || answer_after_the_end(id, peer));
        let (reader, writer) = conn.into_split();
        write_all(id, &*writer, b"question").await;
        drop(writer);
        assert_eq!(read_to_end(id, &*reader).await, b"answer", "{id}: what came after the end");
        join(id, answers);
    });
    table.end();
}

fn answer_after_the_end(id: &str, mut peer: Box<dyn Peer>) {
    let mut heard = Vec::new();
    let end = peer.read_to_end(&mut heard);
    assert!(end.is_ok(), "{id}: instead of an end the peer saw {end:?}");
    assert_eq!(heard, b"question", "{id}: what the peer heard before the end");
    peer.write_all(b"answer").expect("the other direction is open");
}

fn ask_and_end(id: &str, mut peer: Box<dyn Peer>) {
    peer.write_all(b"question").expect("a peer sends");
    peer.end_writing().expect("a peer ends");
    let mut heard = Vec::new();
    let end = peer.read_to_end(&mut heard);
    assert!(end.is_ok() && heard == b"answer", "{id}: the peer heard {heard:?}, then {end:?}");
}

fn join(id: &str, peer: thread::JoinHandle<()>) {
    let joined = within_watchdog(&format!("{id}: the peer to finish"), || peer.join());
    joined.unwrap_or_else(|_| panic!("{id}: the peer panicked"));
}

/// Writing to a peer that has gone gives an error, and the process lives.
///
/// Method: a broken pipe's signal has its default effect, which is death. The peer goes with bytes
/// unread, so that the connection is reset. Writes go on until one fails, which must be soon and with
/// `BrokenPipe` or `ConnectionReset`; then some more, gathered ones too.
///
/// If this fails with a signal, look for a system call without `MSG_NOSIGNAL`.
pub(crate) fn writing_to_nobody(table: Table<'_, '_>) {
    let id = table.id;
    runtime_conformance_waker::broken_pipes_kill();
    table.each_role("a write to a peer that has gone to fail", |role, conn, peer| async move {
        write_all(id, &*conn, b"never read").await;
        drop(peer);
        let bytes = [7; 4096];
        let mut failed = None;
        for _ in 0..WRITES_MAX {
            match conn.write(&bytes).await {
                Ok(_) => {}
                Err(error) => {
                    failed = Some(error.kind());
                    break;
                }
            }
        }
        let fine = |kind| {
            let aborted = cfg!(windows) && matches!(kind, Some(ErrorKind::ConnectionAborted));
            matches!(kind, Some(ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)) || aborted
        };
        assert!(fine(failed), "{id}: writing to nobody ({role:?}) gave {failed:?}");
        let gathered = conn.write_vectored(&[IoSlice::new(b"a"), IoSlice::new(b"b")]).await;
        let kind = gathered.as_ref().err().map(|error| error.kind());
        assert!(fine(kind), "{id}: a gathered write to nobody ({role:?}) gave {gathered:?}");
        let again = conn.write(&bytes).await;
        assert!(again.is_err(), "{id}: a third write to nobody ({role:?}) gave {again:?}");
    });
    table.end();
}

/// More than any buffer takes, if the peer's end were still there.
const WRITES_MAX: usize = 100_000;

/// A full buffer makes writes wait; when it drains they go on, and nothing is lost in either
/// direction.
///
/// Method: a reader parks; then a writer writes until it is seen pending; only then does the peer
/// begin to read. The reader stays parked until the writer has got all of its first part out, so
/// the writer's wake cannot have been the reader's. From then on both directions are full at the same
/// time. Each byte is checked at both ends.
///
/// If this fails with a hang, look for one waker that both directions share; if with wrong bytes, for
/// a write that moved some before it was pending.
pub(crate) fn back_pressure(table: Table<'_, '_>) {
    let (id, waited) = (table.id, Arc::new(AtomicU64::new(0)));
    table.each_role("a writer with a full buffer to go on", |_, conn, peer| {
        let (conn, waited): (Arc<dyn Conn>, _) = (conn.into(), waited.clone());
        async move {
            let gates = Arc::new(Gates {
                full: Gate::new("back-pressure: a writer to be pending"),
                over: Gate::new("back-pressure: all bytes to be received"),
            });
            let (seen, reader) = (gates.clone(), conn.clone());
            let peer = thread::spawn(move || drain_then_both(id, peer, &gates));
            let received = Box::pin(async move { receive_half(id, &*reader).await });
            let sent = Box::pin(async {
                let waits = send_half(id, &*conn, &seen.full).await;
                waited.fetch_add(waits, Ordering::SeqCst);
            });
            both(received, sent).await;
            seen.over.open();
            join(id, peer);
        }
    });
    table.rig.witness("writes that waited", waited.load(Ordering::SeqCst), 1);
    table.end();
}

/// Polls both, the first one first.
async fn both(one: impl Future<Output = ()> + Unpin, two: impl Future<Output = ()> + Unpin) {
    let (mut one, mut two) = (Some(one), Some(two));
    poll_fn(|cx| {
        if one.as_mut().is_some_and(|one| Pin::new(one).poll(cx).is_ready()) {
            one = None;
        }
        if two.as_mut().is_some_and(|two| Pin::new(two).poll(cx).is_ready()) {
            two = None;
        }
        match one.is_none() && two.is_none() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

/// Sends the test's stream, and opens `full` when it has to wait; how often it had to.
async fn send_half(id: &str, conn: &dyn Conn, full: &Gate) -> u64 {
    let (mut sent, mut waits, all) = (0, 0, bytes_at(0, LONG));
    while sent < LONG {
        let rest = &all[sent..(sent + 4096).min(LONG)];
        let note = || {
            waits += 1;
            full.open();
        };
        let wrote = noting_pending(conn.write(rest), note).await;
        let n = wrote.unwrap_or_else(|error| panic!("{id}: a write that waited: {error}"));
        assert!((1..=rest.len()).contains(&n), "{id}: a write of {} reported {n}", rest.len());
        sent += n;
    }
    full.open(); // buffers that hold everything: there is no back-pressure to be seen
    waits
}

async fn receive_half(id: &str, conn: &dyn Conn) {
    let (mut got, mut buf) = (0, [0; 4096]);
    while got < LONG {
        let n = conn.read(&mut buf).await.unwrap_or_else(|e| panic!("{id}: after {got}: {e}"));
        assert!(n > 0, "{id}: the end was reported after {got} of {LONG} bytes");
        let wrong = wrong_at(got, &buf[..n]);
        assert!(wrong.is_none(), "{id}: the byte received at {wrong:?} is a wrong one");
        got += n;
    }
}

/// What the two ends tell each other beside the connection.
struct Gates {
    /// The runtime's writer was pending.
    full: Gate,
    /// The runtime has all, so the peer may go.
    over: Gate,
}

/// The peer: reads a first part after the writer was pending, then reads and writes.
fn drain_then_both(id: &'static str, mut peer: Box<dyn Peer>, gates: &Gates) {
    gates.full.wait();
    let mut got = check_exactly(id, &mut *peer, 0, LONG / 2);
    let mut writer = peer.another().expect("a second descriptor of the peer");
    let writes = thread::spawn(move || writer.write_all(&bytes_at(0, LONG)));
    got += check_exactly(id, &mut *peer, got, LONG - got);
    assert_eq!(got, LONG, "{id}: bytes that reached the peer");
    writes.join().expect("it only writes").unwrap_or_else(|error| panic!("{id}: {error}"));
    gates.over.wait();
}

fn check_exactly(id: &str, peer: &mut dyn Peer, from: usize, len: usize) -> usize {
    let mut bytes = vec![0; len];
    let read = peer.read_exact(&mut bytes);
    read.unwrap_or_else(|error| panic!("{id}: the peer got less than {}: {error}", from + len));
    let wrong = wrong_at(from, &bytes);
    assert!(wrong.is_none(), "{id}: the peer got a byte at {wrong:?} that is a wrong one");
    len
}

pub(crate) async fn write_all(id: &str, conn: &(impl Writes + ?Sized), mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let wrote = conn.write(bytes).await;
        let n = wrote.unwrap_or_else(|error| panic!("{id}: a write failed: {error}"));
        assert!((1..=bytes.len()).contains(&n), "{id}: a write of {} gave {n}", bytes.len());
        bytes = &bytes[n..];
    }
}

pub(crate) async fn read_to_end(id: &str, conn: &(impl Reads + ?Sized)) -> Vec<u8> {
    let (mut all, mut buf) = (Vec::new(), [0; 64]);
    loop {
        let read = conn.read(&mut buf).await;
        match read.unwrap_or_else(|error| panic!("{id}: a read failed: {error}")) {
            0 => return all,
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}
