//! UNIX-3: datagrams, whole, once; and queues that are full.

use std::future::Future;
use std::io::ErrorKind;
use std::os::unix::net::{SocketAddr, UnixDatagram as StdDatagram};
use std::sync::Arc;
use std::task::Poll;

use super::transport::{Posts, UnixCalls};
use crate::clauses::fs::place::Place;
use crate::clauses::tcp::steps::{bytes_at, in_task, once, until_woken, wrong_at};
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::fence::GiveWay;

/// A socket of the runtime's, made of one of std's.
fn ours(rt: &Rt, socket: StdDatagram) -> Arc<dyn Posts> {
    let calls = rt.calls::<UnixCalls>();
    let socket = rt.enter(|| calls.0.datagram(socket));
    socket.unwrap_or_else(|error| panic!("UNIX-3: a socket of std's gave {error}"))
}

/// Small: all of them wait at once, and some systems have room for four thousand bytes.
const SIZES: [usize; 6] = [0, 1, 700, 0, 1472, 3];

/// UNIX-3: each datagram is received by one call, whole, in order, with its sender; an empty one counts;
/// one that does not fit is cut off.
///
/// Method: as UDP-1: all after each other, then each as it comes, then with a buffer of ten bytes; and
/// back. Last, an empty one is received by somebody who waits.
///
/// If this fails, look for an empty datagram that is taken for the end.
pub(super) fn unix_3_datagrams_stay_whole(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    let address = |name: &str| SocketAddr::from_pathname(place.at(name)).expect("a short path");
    let (at, from) = (address("ours"), address("peer"));
    let peer = rig.setup("a socket of std's", StdDatagram::bind_addr(&from));
    let socket = ours(&rt, rig.setup("a socket of std's", StdDatagram::bind_addr(&at)));
    in_task(rig, &rt, "UNIX-3: datagrams that were sent", async move {
        let send = |size| {
            let sent = peer.send_to_addr(&bytes_at(size, size), &at).expect("std sends");
            assert_eq!(sent, size, "std sends whole datagrams");
        };
        SIZES.into_iter().for_each(send);
        for size in SIZES {
            receive(&*socket, 2000, size, &from).await;
        }
        for (room, size) in [2000, 10].into_iter().flat_map(|room| SIZES.map(|size| (room, size))) {
            send(size);
            receive(&*socket, room, size, &from).await;
        }
        for size in SIZES {
            let sent = socket.send_to(&bytes_at(size, size), &from).await;
            assert!(matches!(sent, Ok(n) if n == size), "UNIX-3: sending {size} gave {sent:?}");
            let mut buf = [0; 2000];
            let (n, whom) = peer.recv_from(&mut buf).expect("std receives");
            assert_eq!(n, size, "UNIX-3: what std received of {size} bytes");
            assert_eq!(whom.as_pathname(), at.as_pathname(), "UNIX-3: who std says has sent");
            assert_eq!(wrong_at(size, &buf[..n]), None, "UNIX-3: a wrong byte for std, of {size}");
        }
        let mut buf = [0; 8];
        let mut waits = socket.recv_from(&mut buf);
        let early = once(&mut waits).await;
        assert!(early.is_pending(), "UNIX-3: received {early:?}, and nothing had been sent");
        send(0);
        let received = waits.await;
        assert!(
            matches!(received, Ok((0, _))),
            "UNIX-3: an empty one was received as {received:?}"
        );
    });
    rig.shutdown(rt);
}

/// Receives the datagram of `size` bytes with `room` for it.
async fn receive(socket: &dyn Posts, room: usize, size: usize, from: &SocketAddr) {
    let mut buf = vec![0; room];
    let received = socket.recv_from(&mut buf).await;
    let (n, whom) = received.unwrap_or_else(|error| panic!("UNIX-3: receiving {size}: {error}"));
    assert_eq!(n, size.min(room), "UNIX-3: received of {size} bytes, with room for {room}");
    assert_eq!(whom.as_pathname(), from.as_pathname(), "UNIX-3: who sent {size} bytes");
    assert_eq!(wrong_at(size, &buf[..n]), None, "UNIX-3: of {size} bytes, a wrong one");
}

const DROPS: usize = 100;

/// UNIX-3: dropping a pending receive loses no datagram.
///
/// Method: as UDP-3.
pub(super) fn unix_3_a_dropped_receive_loses_nothing(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (socket, peer) = rig.setup("a pair of datagram sockets", StdDatagram::pair());
    let socket = ours(&rt, socket);
    in_task(rig, &rt, "UNIX-3: a datagram that was sent between dropped receives", async move {
        for nth in 0..DROPS {
            let mut buf = [0; 16];
            let mut early = socket.recv_from(&mut buf);
            let polled = once(&mut early).await;
            assert!(polled.is_pending(), "UNIX-3: before datagram {nth} was sent: {polled:?}");
            peer.send(&nth.to_le_bytes()).expect("std sends");
            if nth % 2 == 1 {
                until_woken().await;
            }
            drop(early);
            let mut buf = [0; 16];
            let polled = once(&mut socket.recv_from(&mut buf)).await;
            let received = match polled {
                Poll::Ready(received) => received,
                Poll::Pending => socket.recv_from(&mut buf).await,
            };
            assert!(matches!(received, Ok((8, _))), "UNIX-3: datagram {nth} came as {received:?}");
            assert_eq!(buf[..8], nth.to_le_bytes(), "UNIX-3: which one datagram {nth} was");
        }
    });
    rig.shutdown(rt);
}

/// How a sender knows its receiver.
#[derive(Debug, Clone, Copy)]
enum To {
    Peer,
    Address,
}

/// A sender of the runtime's, and a receiver of std's.
fn ends(
    rig: &Rig<'_>,
    rt: &Rt,
    place: &Place,
    to: To,
) -> (Arc<dyn Posts>, StdDatagram, SocketAddr) {
    let path = place.at(format!("{to:?}"));
    let at = SocketAddr::from_pathname(&path).expect("a short path");
    let (sender, receiver) = match to {
        To::Peer => rig.setup("a pair of datagram sockets", StdDatagram::pair()),
        To::Address => (
            rig.setup("a socket of std's", StdDatagram::unbound()),
            rig.setup("a socket of std's", StdDatagram::bind_addr(&at)),
        ),
    };
    (ours(rt, sender), receiver, at)
}

async fn send(sender: &dyn Posts, to: To, bytes: &[u8], at: &SocketAddr) -> std::io::Result<usize> {
    match to {
        To::Peer => sender.send(bytes).await,
        To::Address => sender.send_to(bytes, at).await,
    }
}

/// More datagrams than a queue holds.
#[cfg(target_os = "linux")]
const MANY: usize = 1000;

/// UNIX-3: a sender that met a full queue goes on when it drains; all arrive, in order.
///
/// Method: a thousand numbered datagrams are sent, to a peer, and to an address by a socket that is not
/// connected. When the sender was seen pending std begins to receive. Each must be the next.
///
/// If this fails with a hang, look for a sender that waits for room of its own, when the queue of the
/// other is full: of that its own socket tells nothing unless it is connected.
#[cfg(target_os = "linux")]
pub(super) fn unix_3_a_full_queue_holds_the_sender_up_and_no_longer(rig: &Rig<'_>) {
    use crate::clauses::tcp::steps::noting_pending;
    use crate::toolbox::{Gate, within_watchdog};
    use std::thread;

    let (rt, place) = (rig.rt(), Place::new(rig));
    for (to, witness) in [
        (To::Peer, "sends to a peer that waited"),
        (To::Address, "sends to an address that waited"),
    ] {
        let (sender, receiver, at) = ends(rig, &rt, &place, to);
        let full = Arc::new(Gate::new("UNIX-3: a sender to be pending"));
        let told = full.clone();
        let drains = thread::spawn(move || {
            told.wait();
            for nth in 0..MANY {
                let mut buf = [0; 16];
                let n = receiver.recv(&mut buf).expect("std receives");
                assert_eq!(buf[..n], nth.to_le_bytes(), "UNIX-3: what std received, to be {nth}");
            }
        });
        let what = format!("UNIX-3: a sender to go on when the queue drains ({to:?})");
        let waited = in_task(rig, &rt, &what, async move {
            let mut waited = 0;
            for nth in 0..MANY {
                let bytes = nth.to_le_bytes();
                let note = || {
                    waited += 1;
                    full.open();
                };
                let sent = noting_pending(send(&*sender, to, &bytes, &at), note).await;
                assert!(matches!(sent, Ok(8)), "UNIX-3: datagram {nth} ({to:?}) gave {sent:?}");
            }
            full.open(); // a queue that holds everything
            waited
        });
        let drained = within_watchdog("UNIX-3: std to receive all", || drains.join());
        drained.expect("it receives");
        rig.witness(witness, waited, 1);
    }
    rig.shutdown(rt);
}

/// UNIX-3: sending to a receiver that has gone is an error, also if the sender was waiting for room.
///
/// Method: to a peer and to an address, datagrams are sent until one waits, or is refused for want of room;
/// then the receiver goes. The send must end with an error, and so must the next; to an address where there
/// is nothing it is `NotFound`.
///
/// If this fails with a hang, look for a hang-up that wakes nobody who writes.
pub(super) fn unix_3_a_receiver_that_went_is_told(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    for to in [To::Peer, To::Address] {
        let (sender, receiver, at) = ends(rig, &rt, &place, to);
        let what = format!("UNIX-3: a send to a receiver that went ({to:?})");
        in_task(rig, &rt, &what.clone(), async move {
            let mut receiver = Some(receiver);
            let parked = loop {
                let mut sending = Box::pin(send(&*sender, to, b"never read", &at));
                match polled(&mut sending).await {
                    Poll::Pending => {
                        drop(receiver.take());
                        break sending.await;
                    }
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => {
                        drop(receiver.take());
                        break Err(error);
                    }
                }
            };
            let refused = |kind| {
                let kinds = [
                    ErrorKind::ConnectionRefused,
                    ErrorKind::ConnectionReset,
                    ErrorKind::BrokenPipe,
                    ErrorKind::NotConnected,
                ];
                kinds.contains(&kind)
            };
            assert!(parked.is_err(), "{what}: the one that waited gave {parked:?}");
            let next = send(&*sender, to, b"late", &at).await.map_err(|error| error.kind());
            assert!(next.is_err_and(refused), "{what}: the next one gave {next:?}");
            if let To::Address = to {
                std::fs::remove_file(at.as_pathname().expect("a path")).expect("its file");
                let nobody = sender.send_to(b"x", &at).await.map_err(|error| error.kind());
                assert_eq!(nobody, Err(ErrorKind::NotFound), "{what}: sending to nothing");
            }
        });
    }
    rig.shutdown(rt);
}

/// Polls until it is ready, or was pending three times in a row: once may be for the budget.
async fn polled<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    for _ in 0..2 {
        if let Poll::Ready(output) = once(future).await {
            return Poll::Ready(output);
        }
        GiveWay::default().await;
    }
    once(future).await
}
