//! IO-12: `Unblock`.
//!
//! The object that blocks is the test's own: it does so at a gate, and misbehaves as it is told to.

use std::io::{self, Error, ErrorKind, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use runtime_traits::io::AsyncWrite;

use super::kinds::{AnyStream, IoCalls, close, flush, read, write};
use crate::clauses::tcp::steps::{bytes_at, in_task, once, until_woken, wrong_at};
use crate::rig::Rig;
use crate::toolbox::{Gate, Random};

/// An object that blocks.
struct Object {
    random: Random,
    /// What was written, and flushed or not.
    taken: Arc<Mutex<Vec<u8>>>,
    /// Blocks the next write.
    gate: Arc<Mutex<Option<Arc<Gate>>>>,
    /// How many bytes it takes before writes fail, and how many of them do.
    fails: Arc<Mutex<(usize, usize)>>,
    /// How far it was read.
    read: usize,
    /// How long it is to a reader.
    len: usize,
}

/// What the test keeps of it.
#[derive(Clone)]
struct Kept {
    taken: Arc<Mutex<Vec<u8>>>,
    gate: Arc<Mutex<Option<Arc<Gate>>>>,
    fails: Arc<Mutex<(usize, usize)>>,
}

impl Object {
    fn new(random: Random) -> (Object, Kept) {
        let kept = Kept {
            taken: Arc::default(),
            gate: Arc::default(),
            fails: Arc::new(Mutex::new((usize::MAX, 0))),
        };
        let Kept { taken, gate, fails } = kept.clone();
        (Object { random, taken, gate, fails, read: 0, len: 0 }, kept)
    }

    /// Every so often a call is interrupted: `Unblock` tries again.
    fn interrupted(&mut self) -> io::Result<()> {
        if self.random.below(5) == 0 { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Write for Object {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gate = lock(&self.gate).take();
        if let Some(gate) = gate {
            gate.wait();
        }
        self.interrupted()?;
        let mut taken = lock(&self.taken);
        let mut fails = lock(&self.fails);
        if taken.len() >= fails.0 && fails.1 > 0 {
            fails.1 -= 1;
            return Err(Error::other("the object of the test fails"));
        }
        let room = if fails.1 > 0 { fails.0 - taken.len() } else { usize::MAX };
        let n = (1 + self.random.below(4000) as usize).min(bytes.len()).min(room);
        taken.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.interrupted()
    }
}

impl Read for Object {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.interrupted()?;
        let left = (self.len - self.read).min(buf.len());
        let n = left.min(1 + self.random.below(300) as usize);
        buf[..n].copy_from_slice(&bytes_at(self.read, n));
        self.read += n;
        Ok(n)
    }
}

/// Says when a flush was `Ok` though not all that was accepted was written.
fn check(what: &str, kept: &Kept, accepted: &[u8]) {
    let taken = lock(&kept.taken);
    let same = taken.iter().zip(accepted).take_while(|(one, other)| one == other).count();
    let (taken, accepted) = (taken.len(), accepted.len());
    let all = same == taken && taken == accepted;
    assert!(
        all,
        "IO-12: {what} was Ok: {accepted} bytes accepted, {taken} written, {same} of them right"
    );
}

/// How much is written, in pieces of random sizes.
const ROUNDS: usize = 20;

/// IO-12: what was accepted is written, once and in order; a write that was dropped while it was pending
/// has written nothing.
///
/// Method: twenty times, an object is written to that stops at a gate, and then takes a part at a time and is
/// interrupted. While it stops, another write is polled, with other bytes, and dropped; if it was ready,
/// its bytes count as accepted. Then the gate opens, some more is written, and that is flushed: the object
/// must have what was accepted, all of it, in this order.
///
/// If this fails, look for a write that is kept though nobody was told so.
pub(super) fn io_12_bytes_are_written_in_order(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<IoCalls>();
    let mut random = rig.random();
    let (object, kept) = Object::new(Random::new(random.below(u64::MAX)));
    let waited = in_task(rig, &rt, "IO-12: bytes that were accepted to be written", async move {
        let mut stream = (calls.unblock)(Box::new(object));
        let (mut accepted, mut waited) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            let gate = Arc::new(Gate::new("IO-12: the test to open a gate for a write"));
            *lock(&kept.gate) = Some(gate.clone());
            let piece = bytes_at(accepted.len(), 1 + random.below(10_000) as usize);
            let n = accept(&mut stream, &piece, &gate).await;
            accepted.extend_from_slice(&piece[..n]);
            let other = [b'!'; 50];
            let polled = std::future::poll_fn(|cx| {
                Poll::Ready(Pin::new(&mut stream).poll_write(cx, &other))
            });
            match polled.await {
                Poll::Pending => waited += 1,
                Poll::Ready(Ok(n)) => accepted.extend_from_slice(&other[..n]),
                Poll::Ready(Err(error)) => panic!("IO-12: a write beside another gave {error}"),
            }
            gate.open();
            for _ in 0..random.below(4) {
                let piece = bytes_at(accepted.len(), 1 + random.below(10_000) as usize);
                let n = accept(&mut stream, &piece, &gate).await;
                accepted.extend_from_slice(&piece[..n]);
            }
            let flushed = flush(&mut stream).await;
            assert!(flushed.is_ok(), "IO-12: flushing gave {flushed:?}");
            check("a flush", &kept, &accepted);
        }
        let closed = close(&mut stream).await;
        assert!(closed.is_ok(), "IO-12: closing gave {closed:?}");
        check("closing", &kept, &accepted);
        waited
    });
    rig.witness("writes that waited for another", waited, 1);
    rig.shutdown(rt);
}

/// Writes; if that waits, the gate is opened.
async fn accept(stream: &mut AnyStream, piece: &[u8], gate: &Gate) -> usize {
    let mut writing = Box::pin(write(stream, piece));
    let wrote = match once(&mut writing).await {
        Poll::Ready(wrote) => wrote,
        Poll::Pending => {
            gate.open();
            writing.await
        }
    };
    let n = wrote.unwrap_or_else(|error| panic!("IO-12: writing gave {error}"));
    assert!((1..=piece.len()).contains(&n), "IO-12: a write of {} reported {n}", piece.len());
    n
}

/// IO-12: that bytes which were accepted could not be written is told, and no flush is `Ok` while they are
/// missing.
///
/// Method: an object takes so many bytes and then fails, once, twice, or always. Bytes are written until one
/// write fails or all are accepted, then flushed four times, and closed. Whenever a flush or the close is
/// `Ok`, the object has all that was accepted; if the object failed at all, somebody was told.
///
/// If this fails, look for bytes that are forgotten with the error that is told.
pub(super) fn io_12_a_failure_is_told(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<IoCalls>();
    let mut random = rig.random();
    for times in [1, 2, usize::MAX] {
        for room in [0, 1, 5000, 70_000] {
            let (object, kept) = Object::new(Random::new(random.below(u64::MAX)));
            *lock(&kept.fails) = (room, times);
            let what = format!("IO-12: an object that fails after {room} bytes");
            in_task(rig, &rt, &what.clone(), async move {
                let mut stream = (calls.unblock)(Box::new(object));
                let (mut accepted, mut told) = (Vec::new(), 0);
                while accepted.len() < 100_000 {
                    let piece = bytes_at(accepted.len(), 9000);
                    match write(&mut stream, &piece).await {
                        Ok(n) => accepted.extend_from_slice(&piece[..n]),
                        Err(_) => {
                            told += 1;
                            break;
                        }
                    }
                }
                for nth in 1..=4 {
                    match flush(&mut stream).await {
                        Ok(()) => check(&format!("flush {nth}"), &kept, &accepted),
                        Err(_) => told += 1,
                    }
                }
                match close(&mut stream).await {
                    Ok(()) => check("closing", &kept, &accepted),
                    Err(_) => told += 1,
                }
                let failed = *lock(&kept.fails) != (room, times);
                assert!(told > 0 || !failed, "{what}: nobody was told");
            });
        }
    }
    rig.shutdown(rt);
}

/// How much is read.
const LEN: usize = 20_000;

/// IO-12: bytes are read in order, and those that a dropped read left are the next one's.
///
/// Method: reads with buffers of random sizes, most of them polled once and dropped, every other after it
/// was woken; those that are awaited must have the bytes in order, none missing, and then the end. One read
/// is polled with room, and the next has less.
///
/// If this fails, look for bytes that go with the future, or with the larger buffer.
pub(super) fn io_12_bytes_are_read_in_order(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<IoCalls>();
    let mut random = rig.random();
    let (mut object, _) = Object::new(Random::new(random.below(u64::MAX)));
    object.len = LEN;
    let pending = in_task(rig, &rt, "IO-12: bytes after dropped reads", async move {
        let mut stream = (calls.unblock)(Box::new(object));
        let (mut got, mut pending, mut buf) = (0, 0, [0; 400]);
        let took = |got: &mut usize, n: usize, buf: &[u8]| {
            let wrong = wrong_at(*got, &buf[..n]);
            assert!(wrong.is_none(), "IO-12: after {got} of {LEN} bytes a wrong one at {wrong:?}");
            *got += n;
        };
        for turn in 0.. {
            let room = 1 + random.below(400) as usize;
            let mut early = Box::pin(read(&mut stream, &mut buf[..room]));
            match once(&mut early).await {
                Poll::Pending => {
                    pending += 1;
                    if turn % 2 == 1 {
                        until_woken().await;
                    }
                    drop(early);
                }
                Poll::Ready(read) => {
                    drop(early);
                    let n = read.unwrap_or_else(|e| panic!("IO-12: reading at {got} gave {e}"));
                    took(&mut got, n, &buf);
                }
            }
            let room = 1 + random.below(100) as usize;
            let n = read(&mut stream, &mut buf[..room]).await;
            let n = n.unwrap_or_else(|error| panic!("IO-12: reading at {got} gave {error}"));
            if n == 0 {
                break;
            }
            took(&mut got, n, &buf);
        }
        assert_eq!(got, LEN, "IO-12: how much was read before the end");
        pending
    });
    rig.witness("reads that were pending", pending, 1);
    rig.shutdown(rt);
}
