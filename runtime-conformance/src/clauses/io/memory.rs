//! IO-11: `duplex`, and `copy_bidirectional` between two of them.
//!
//! No byte of these leaves the process; what is asked of the runtime is to poll whoever is woken.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use runtime_traits::io::{AsyncRead, AsyncWrite, split};

use super::kinds::{AnyStream, IoCalls, close, read, write};
use crate::clauses::tcp::steps::{bytes_at, in_task, wrong_at};
use crate::rig::Rig;
use crate::rt::{Join, Rt};
use crate::toolbox::{Random, Tally, WakerLab};

/// What goes each way, and how much of it is under way at most.
const ALL: usize = 20_000;
const CAPACITY: usize = 64;

/// IO-11: bytes arrive once and in order, both ways at once, however small the room between.
///
/// Method: both ends are split, and four tasks send and receive, in pieces of random sizes, mostly larger
/// than what fits. Each byte is checked; then the end, three times.
///
/// If this fails with a hang, look for a waker that is left while the other end has made room.
pub(super) fn io_11_bytes_arrive_once_and_in_order(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<IoCalls>();
    let mut random = rig.random();
    let (one, other) = (calls.duplex)(CAPACITY);
    let mut tasks = Vec::new();
    for end in [one, other] {
        let (reader, writer) = split(end);
        let (sends, receives) = (random.below(u64::MAX), random.below(u64::MAX));
        tasks.push(rt.spawn(send(writer, Random::new(sends))));
        tasks.push(rt.spawn(receive(reader, Random::new(receives))));
    }
    for task in tasks {
        let done = rig.drive(&rt, "IO-11: bytes both ways at once", task);
        assert!(done.is_ok(), "IO-11: a task of the test ended {done:?}");
    }
    rig.shutdown(rt);
}

async fn send(writer: impl AsyncWrite + Unpin, mut random: Random) {
    let (mut writer, mut sent, all) = (writer, 0, bytes_at(0, ALL));
    while sent < ALL {
        let len = (1 + random.below(200) as usize).min(ALL - sent);
        let n = write(&mut writer, &all[sent..sent + len]).await;
        let n = n.unwrap_or_else(|error| panic!("IO-11: writing at {sent} gave {error}"));
        assert!((1..=len).contains(&n), "IO-11: a write of {len} reported {n}");
        sent += n;
    }
    let closed = poll_fn(|cx| Pin::new(&mut writer).poll_close(cx)).await;
    assert!(closed.is_ok(), "IO-11: closing gave {closed:?}");
}

async fn receive(reader: impl AsyncRead + Unpin, mut random: Random) {
    let (mut reader, mut got, mut buf) = (reader, 0, [0; 100]);
    while got < ALL {
        let room = 1 + random.below(100) as usize;
        let n = read(&mut reader, &mut buf[..room]).await;
        let n = n.unwrap_or_else(|error| panic!("IO-11: reading at {got} gave {error}"));
        assert!(n > 0, "IO-11: the end came after {got} of {ALL} bytes");
        assert_eq!(wrong_at(got, &buf[..n]), None, "IO-11: a wrong byte after {got}");
        got += n;
    }
    for nth in 1..=3 {
        let end = read(&mut reader, &mut buf).await;
        assert!(matches!(end, Ok(0)), "IO-11: read {nth} at the end gave {end:?}");
    }
}

/// Writes the test's stream until that would wait; how much went in.
fn fill(stream: &mut AnyStream, lab: &WakerLab) -> usize {
    let (mut sent, waker) = (0, lab.waker());
    loop {
        let bytes = bytes_at(sent, 24);
        match Pin::new(&mut *stream).poll_write(&mut Context::from_waker(&waker), &bytes) {
            Poll::Ready(Ok(n)) => sent += n,
            Poll::Ready(Err(error)) => panic!("IO-11: writing at {sent} gave {error}"),
            Poll::Pending => return sent,
        }
        assert!(sent <= CAPACITY, "IO-11: {sent} bytes are under way, with room for {CAPACITY}");
    }
}

/// A waker whose wakes can be awaited.
fn lab() -> (WakerLab, Arc<Tally>) {
    let woken = Arc::new(Tally::new());
    let tell = woken.clone();
    (WakerLab::new().on_wake(move || tell.add()), woken)
}

/// IO-11: an end that is closed or dropped is the end for the other, after its last byte; and who writes to
/// it fails.
///
/// Method: an end is filled by hand, until a write is pending: no more than the capacity has gone in. It is
/// read a little, and the writer must have been woken. Then the writer is closed, or dropped: the other
/// reads what went in, and then the end. Last, a writer is parked, and the reader goes: it must be woken, and
/// fail with `BrokenPipe`, and so must every later write.
///
/// If this fails, look for an end that is told before the bytes are out.
pub(super) fn io_11_ends_are_ends(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<IoCalls>();
    in_task(rig, &rt, "IO-11: the wakes and ends of a duplex", async move {
        for closed in [true, false] {
            let (mut one, mut other) = (calls.duplex)(CAPACITY);
            let (lab, woken) = lab();
            let sent = fill(&mut one, &lab);
            assert!(sent > 0, "IO-11: nothing goes in");
            let mut buf = [0; 10];
            let n = read(&mut other, &mut buf).await;
            let n = n.unwrap_or_else(|error| panic!("IO-11: reading gave {error}"));
            assert_eq!(wrong_at(0, &buf[..n]), None, "IO-11: a wrong byte at the beginning");
            woken.reached(1).await;
            if closed {
                let done = close(&mut one).await;
                assert!(done.is_ok(), "IO-11: closing gave {done:?}");
                let late = write(&mut one, b"late").await.map_err(|error| error.kind());
                assert_eq!(late, Err(ErrorKind::BrokenPipe), "IO-11: writing after closing");
            } else {
                drop(one);
            }
            let mut got = n;
            loop {
                let n = read(&mut other, &mut buf).await;
                let n = n.unwrap_or_else(|error| panic!("IO-11: reading at {got} gave {error}"));
                assert_eq!(wrong_at(got, &buf[..n]), None, "IO-11: a wrong byte after {got}");
                got += n;
                if n == 0 {
                    break;
                }
            }
            assert_eq!(got, sent, "IO-11: bytes before the end, of those that went in");
        }
        let (mut one, other) = (calls.duplex)(CAPACITY);
        let (lab, woken) = lab();
        fill(&mut one, &lab);
        drop(other);
        woken.reached(1).await;
        for nth in 1..=2 {
            let wrote = write(&mut one, b"x").await.map_err(|error| error.kind());
            assert_eq!(wrote, Err(ErrorKind::BrokenPipe), "IO-11: write {nth} to nobody");
        }
    });
    rig.shutdown(rt);
}

/// A conversation of one side: the first speaks, ends, and hears the answer; the second hears to the end,
/// and answers.
async fn converse(mut stream: AnyStream, first: bool, says: usize, hears: usize) {
    for speaks in [first, !first] {
        if speaks {
            let (mut sent, all) = (0, bytes_at(says, says));
            while sent < says {
                let n = write(&mut stream, &all[sent..]).await;
                sent += n.unwrap_or_else(|error| panic!("IO-11: speaking at {sent} gave {error}"));
            }
            let closed = close(&mut stream).await;
            assert!(closed.is_ok(), "IO-11: ending what one says gave {closed:?}");
        } else {
            let (mut heard, mut buf) = (Vec::new(), [0; 50]);
            loop {
                let n = read(&mut stream, &mut buf).await;
                match n.unwrap_or_else(|error| panic!("IO-11: hearing gave {error}")) {
                    0 => break,
                    n => heard.extend_from_slice(&buf[..n]),
                }
            }
            assert_eq!(heard.len(), hears, "IO-11: how much was heard through a proxy");
            assert_eq!(wrong_at(hears, &heard), None, "IO-11: a wrong byte through a proxy");
        }
    }
}

/// IO-11: a proxy passes on both ways, and each end by itself; and says how much went each way.
///
/// Method: a client speaks and ends, a server answers after the end, through `copy_bidirectional` between
/// two duplexes with little room; and the other way round.
///
/// If this fails, look for a copy that is over when one way is.
pub(super) fn io_11_both_ways_and_both_ends_are_passed_on(rig: &Rig<'_>) {
    const UP: usize = 700;
    const DOWN: usize = 500;
    let rt = rig.rt();
    let calls = rt.calls::<IoCalls>();
    for client_is_first in [true, false] {
        let (client, front) = (calls.duplex)(CAPACITY);
        let (back, server) = (calls.duplex)(CAPACITY);
        let proxy = rt.spawn((calls.both_ways)(front, back));
        let sides = [
            rt.spawn(converse(client, client_is_first, UP, DOWN)),
            rt.spawn(converse(server, !client_is_first, DOWN, UP)),
        ];
        for side in sides {
            ended(rig, &rt, side);
        }
        let copied = rig.drive(&rt, "IO-11: a proxy to be over", proxy);
        let fine = matches!(copied, Ok(Ok((700, 500))));
        assert!(fine, "IO-11: a proxy that passed on {UP} and {DOWN} answered {copied:?}");
    }
    rig.shutdown(rt);
}

fn ended(rig: &Rig<'_>, rt: &Rt, side: Join<()>) {
    let done = rig.drive(rt, "IO-11: a conversation through a proxy", side);
    assert!(done.is_ok(), "IO-11: a side of a conversation ended {done:?}");
}
