//! UDP-5: batches.

use std::net::UdpSocket;
use std::task::Poll;

use runtime_traits::net::{Arrival, Outgoing};

use super::boundaries::{bound, std_socket};
#[cfg(target_os = "linux")]
use super::calls::Datagrams;
use super::calls::UdpCalls;
use crate::clauses::tcp::steps::{bytes_at, in_task, once, until_woken, wrong_at};
use crate::rig::Rig;

/// How many datagrams go each way, and of what sizes.
const MANY: usize = 150;

fn size(nth: usize) -> usize {
    [0, 1, 700, 8, 0, 1472][nth % 6]
}

/// How many of them a batch has at most: also more than one call moves.
const BATCHES: [usize; 5] = [1, 7, 100, 64, 2];

/// UDP-5: a batch that is sent counts the datagrams that were, from the front; each of them arrives once,
/// whole.
///
/// Method: 150 datagrams of several sizes, some of them empty, are sent by batches of one to a hundred: to
/// a peer, and to addresses. What a batch has not counted is sent again by the next. Std receives as many
/// as were counted, after each batch, and they must be the next ones. An empty batch is 0 at once.
///
/// If this fails, look for a count of the batch and not of what was sent.
pub(super) fn udp_5_what_is_sent_is_counted(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<UdpCalls>();
    let (peer, peer_at) = std_socket(rig);
    in_task(rig, &rt, "UDP-5: batches to be sent", async move {
        let (socket, _) = bound("UDP-5", &calls).await;
        let none = socket.send_batch(&[]).await;
        assert!(matches!(none, Ok(0)), "UDP-5: sending a batch of none gave {none:?}");
        let contents: Vec<Vec<u8>> = (0..MANY).map(|nth| bytes_at(nth, size(nth))).collect();
        for connected in [false, true] {
            if connected {
                let done = socket.connect(peer_at).await;
                assert!(done.is_ok(), "UDP-5: connecting gave {done:?}");
            }
            let batch = |bytes| match connected {
                true => Outgoing::new(bytes),
                false => Outgoing::new(bytes).to(peer_at),
            };
            let all: Vec<Outgoing<'_>> = contents.iter().map(|bytes| batch(&bytes[..])).collect();
            let (mut sent, mut turn) = (0, 0);
            while sent < MANY {
                let len = BATCHES[turn % BATCHES.len()].min(MANY - sent);
                let n = socket.send_batch(&all[sent..sent + len]).await;
                let n = n.unwrap_or_else(|e| panic!("UDP-5: sending from {sent} on gave {e}"));
                assert!((1..=len).contains(&n), "UDP-5: a batch of {len} reported {n}");
                (sent..sent + n).for_each(|nth| heard(&peer, nth));
                (sent, turn) = (sent + n, turn + 1);
            }
        }
        nothing_more(&peer);
    });
    rig.shutdown(rt);
}

/// Std receives datagram `nth`.
fn heard(peer: &UdpSocket, nth: usize) {
    let mut buf = [0; 2000];
    let n = peer.recv(&mut buf).expect("std receives");
    assert_eq!(n, size(nth), "UDP-5: how long datagram {nth} is that std received");
    assert_eq!(wrong_at(nth, &buf[..n]), None, "UDP-5: datagram {nth} has a wrong byte for std");
}

/// A datagram between two sockets of one machine has arrived when it was sent.
fn nothing_more(peer: &UdpSocket) {
    peer.set_nonblocking(true).expect("a socket's mode");
    let more = peer.recv(&mut [0; 2000]);
    assert!(more.is_err(), "UDP-5: more was sent than was counted: {more:?}");
}

/// UDP-5: a batch that is received counts what came, from the front, and tells who sent it; what does not
/// fit is cut off; and what was not taken is there for the next.
///
/// Method: std sends some, and batches of other sizes receive until all have come: each datagram once, in
/// order. Every third place has room for ten bytes only. Places that are not counted stay as they were.
/// First a batch waits, and is woken by one datagram.
///
/// If this fails, look for a batch that is taken off the socket and not counted.
pub(super) fn udp_5_what_is_received_is_counted(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<UdpCalls>();
    let (peer, from) = std_socket(rig);
    in_task(rig, &rt, "UDP-5: batches to be received", async move {
        let (socket, at) = bound("UDP-5", &calls).await;
        let none = socket.recv_batch(&mut []).await;
        assert!(matches!(none, Ok(0)), "UDP-5: receiving a batch of none gave {none:?}");
        let send = |nth| peer.send_to(&bytes_at(nth, size(nth)), at).expect("std sends");
        let (mut sent, mut got, mut turn) = (0, 0, 0);
        while got < MANY {
            // Few at a time: the queue of a socket has room for some.
            let more = if got == sent { [1, 40, 9][turn % 3].min(MANY - sent) } else { 0 };
            let mut rooms: Vec<_> =
                (0..BATCHES[turn % BATCHES.len()]).map(|place| vec![0; room(place)]).collect();
            let mut batch: Vec<_> = rooms.iter_mut().map(|room| Arrival::new(room)).collect();
            let mut receiving = socket.recv_batch(&mut batch);
            let n = if turn == 0 {
                let early = once(&mut receiving).await;
                assert!(early.is_pending(), "UDP-5: nothing was sent, and a batch gave {early:?}");
                (sent..sent + more).for_each(|nth| _ = send(nth));
                receiving.await
            } else {
                (sent..sent + more).for_each(|nth| _ = send(nth));
                receiving.await
            };
            sent += more;
            let n = n.unwrap_or_else(|e| panic!("UDP-5: receiving from {got} on gave {e}"));
            let left = sent - got;
            assert!((1..=left).contains(&n), "UDP-5: {left} were there, and a batch has {n}");
            for (place, arrival) in batch.iter().enumerate() {
                if place >= n {
                    let untouched = arrival.bytes().is_empty() && arrival.from().is_none();
                    assert!(untouched, "UDP-5: place {place} of {n} has a datagram");
                    continue;
                }
                let (nth, bytes) = (got + place, arrival.bytes());
                let len = size(nth).min(room(place));
                assert_eq!(bytes.len(), len, "UDP-5: how long datagram {nth} is");
                assert_eq!(wrong_at(nth, bytes), None, "UDP-5: datagram {nth} has a wrong byte");
                assert_eq!(arrival.from(), Some(from), "UDP-5: who sent datagram {nth}");
            }
            (got, turn) = (got + n, turn + 1);
        }
    });
    rig.shutdown(rt);
}

/// How much room a place of a batch has.
fn room(place: usize) -> usize {
    if place % 3 == 2 { 10 } else { 2000 }
}

const DROPS: usize = 100;

/// UDP-5: dropping a pending batch loses no datagram.
///
/// Method: as UDP-3; each time three datagrams come, and three must be received.
pub(super) fn udp_5_a_dropped_batch_loses_nothing(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<UdpCalls>();
    let (peer, _) = std_socket(rig);
    in_task(rig, &rt, "UDP-5: datagrams that were sent between dropped batches", async move {
        let (socket, at) = bound("UDP-5", &calls).await;
        for round in 0..DROPS {
            let mut rooms = [[0; 16]; 4];
            let mut batch: Vec<_> = rooms.iter_mut().map(|room| Arrival::new(room)).collect();
            let mut early = socket.recv_batch(&mut batch);
            let polled = once(&mut early).await;
            assert!(polled.is_pending(), "UDP-5: before round {round} a batch gave {polled:?}");
            for nth in 3 * round..3 * round + 3 {
                peer.send_to(&nth.to_le_bytes(), at).expect("std sends");
            }
            if round % 2 == 1 {
                until_woken().await;
            }
            drop(early);
            let (mut got, mut next) = (0, 3 * round);
            while got < 3 {
                let mut receiving = socket.recv_batch(&mut batch);
                let polled = once(&mut receiving).await;
                drop(receiving);
                let received = match polled {
                    Poll::Ready(received) => received,
                    Poll::Pending => socket.recv_batch(&mut batch).await,
                };
                let n = received.unwrap_or_else(|e| panic!("UDP-5: round {round} gave {e}"));
                for arrival in &batch[..n] {
                    let bytes = arrival.bytes();
                    assert_eq!(bytes, next.to_le_bytes(), "UDP-5: which one datagram {next} was");
                    next += 1;
                }
                got += n;
            }
            assert_eq!(got, 3, "UDP-5: how many came in round {round}");
        }
    });
    rig.shutdown(rt);
}

/// UDP-5: an error that stops a batch half-way is told by the next.
///
/// Method: a socket is connected to a port at which nobody hears it, and sends a batch. However many it
/// counts, the news must be told: by this batch, or by the next to be received. Then the socket is connected
/// to a live peer and works; so it was told, and is over.
///
/// If this fails with a hang, look for an error that was taken off the socket to end a batch, and dropped.
#[cfg(target_os = "linux")]
pub(super) fn udp_5_an_error_half_way_is_told(rig: &Rig<'_>) {
    use std::io::ErrorKind;

    let rt = rig.rt();
    let calls = rt.calls::<UdpCalls>();
    let (live, live_at) = std_socket(rig);
    in_task(rig, &rt, "UDP-5: the news of an unreachable peer, after a batch", async move {
        let (socket, _) = bound("UDP-5", &calls).await;
        for round in 0..3 {
            let (_deaf, nobody) = super::boundaries::a_deaf_port();
            let done = socket.connect(nobody).await;
            assert!(done.is_ok(), "UDP-5: connecting gave {done:?}");
            let sent = send_after_news(&*socket, &[Outgoing::new(b"to nobody"); 4]).await;
            assert!(matches!(sent, Ok(1..)), "UDP-5: a batch to nobody gave {sent:?}");
            let told = socket.recv_batch(&mut [Arrival::new(&mut [0; 8])]).await;
            let kind = told.as_ref().map_err(std::io::Error::kind);
            let expected = Err(ErrorKind::ConnectionRefused);
            assert_eq!(kind, expected, "UDP-5: round {round}, the batch after {sent:?}");
        }
        let done = socket.connect(live_at).await;
        assert!(done.is_ok(), "UDP-5: connecting to somebody gave {done:?}");
        let sent = send_after_news(&*socket, &[Outgoing::new(b"ping")]).await;
        assert!(matches!(sent, Ok(1)), "UDP-5: a batch to somebody gave {sent:?}");
        assert_eq!(live.recv(&mut [0; 8]).expect("std receives"), 4, "UDP-5: what somebody heard");
    });
    rig.shutdown(rt);
}

/// Sends a batch, after the news of earlier ones: each datagram to nobody may have its own.
#[cfg(target_os = "linux")]
async fn send_after_news(socket: &dyn Datagrams, batch: &[Outgoing<'_>]) -> std::io::Result<usize> {
    for _ in 0..12 {
        match socket.send_batch(batch).await {
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
            done => return done,
        }
    }
    socket.send_batch(batch).await
}
