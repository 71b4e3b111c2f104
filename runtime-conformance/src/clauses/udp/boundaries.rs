//! UDP-1 to UDP-3: what arrives, whole, once.
//!
//! Between two sockets of one machine nothing is lost as long as the receiver's queue has room, so a
//! datagram that std has sent can be awaited.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::task::Poll;

#[cfg(target_os = "linux")]
use std::io::ErrorKind;

use super::calls::{Datagrams, UdpCalls};
use crate::clauses::tcp::steps::{bytes_at, in_task, once, until_woken, wrong_at};
use crate::clauses::tcp::transport::ANYWHERE;
use crate::rig::Rig;

/// A socket of the runtime's, and where it is.
pub(super) async fn bound(id: &str, calls: &UdpCalls) -> (Arc<dyn Datagrams>, SocketAddr) {
    let socket = calls.0.bind().await.unwrap_or_else(|error| panic!("{id}: a socket: {error}"));
    let at = socket.address().unwrap_or_else(|error| panic!("{id}: its address: {error}"));
    (socket, at)
}

/// A socket of std's, and where it is.
pub(super) fn std_socket(rig: &Rig<'_>) -> (UdpSocket, SocketAddr) {
    let socket = rig.setup("a socket of std's", UdpSocket::bind(ANYWHERE));
    let at = rig.setup("its address", socket.local_addr());
    (socket, at)
}

const SIZES: [usize; 6] = [0, 1, 1472, 0, 9000, 3];

/// UDP-1: each datagram is received by one call, whole, with the address of its sender; an empty one
/// counts; one that does not fit is cut off, and its rest is gone.
///
/// Method: datagrams of several sizes, two of them empty, are sent by std and received, first all
/// after each other, then each as it comes; then with a buffer of ten bytes. And back: each is sent by
/// the runtime and received by std.
///
/// If this fails, look for an empty datagram that is taken for *nothing there*, or for the end.
pub(super) fn udp_1_datagrams_stay_whole(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<UdpCalls>();
    let (peer, from) = std_socket(rig);
    in_task(rig, &rt, "UDP-1: datagrams that were sent", async move {
        let (socket, at) = bound("UDP-1", &calls).await;
        let send = |size| {
            let sent = peer.send_to(&bytes_at(size, size), at).expect("std sends");
            assert_eq!(sent, size, "std sends whole datagrams");
        };
        SIZES.into_iter().for_each(send);
        for size in SIZES {
            receive(&*socket, 9500, size, from).await;
        }
        for size in SIZES {
            send(size);
            receive(&*socket, 9500, size, from).await;
        }
        for size in SIZES {
            send(size);
        }
        for size in SIZES {
            receive(&*socket, 10, size, from).await;
        }
        for size in SIZES {
            let sent = socket.send_to(&bytes_at(size, size), from).await;
            assert!(matches!(sent, Ok(n) if n == size), "UDP-1: sending {size} gave {sent:?}");
            let mut buf = [0; 9500];
            let (n, whom) = peer.recv_from(&mut buf).expect("std receives");
            assert_eq!((n, whom), (size, at), "UDP-1: what std received of {size} bytes");
            let wrong = wrong_at(size, &buf[..n]);
            assert!(wrong.is_none(), "UDP-1: of {size} bytes std got a wrong one at {wrong:?}");
        }
    });
    rig.shutdown(rt);
}

/// Receives the datagram of `size` bytes with `room` for it.
async fn receive(socket: &dyn Datagrams, room: usize, size: usize, from: SocketAddr) {
    let mut buf = vec![0; room];
    let received = socket.recv_from(&mut buf).await;
    let (n, whom) = received.unwrap_or_else(|error| panic!("UDP-1: receiving {size}: {error}"));
    assert_eq!(n, size.min(room), "UDP-1: received of {size} bytes, with room for {room}");
    assert_eq!(whom, from, "UDP-1: who sent {size} bytes");
    let wrong = wrong_at(size, &buf[..n]);
    assert!(wrong.is_none(), "UDP-1: of {size} bytes the one at {wrong:?} is a wrong one");
}

/// UDP-1: an empty datagram is received by somebody who was already waiting.
///
/// Method: a receive is pending; std sends an empty datagram; the receive is ready with no bytes and
/// the sender's address. Ten times, with a whole datagram after each.
pub(super) fn udp_1_an_empty_datagram_wakes_who_waits(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<UdpCalls>();
    let (peer, from) = std_socket(rig);
    in_task(rig, &rt, "UDP-1: an empty datagram", async move {
        let (socket, at) = bound("UDP-1", &calls).await;
        for _ in 0..10 {
            let mut buf = [0; 8];
            let mut waits = socket.recv_from(&mut buf);
            let early = once(&mut waits).await;
            assert!(early.is_pending(), "UDP-1: received {early:?}, and nothing had been sent");
            peer.send_to(&[], at).expect("std sends");
            let received = waits.await;
            let fine = matches!(received, Ok((0, whom)) if whom == from);
            assert!(fine, "UDP-1: an empty datagram was received as {received:?}");
            peer.send_to(&bytes_at(5, 5), at).expect("std sends");
            receive(&*socket, 8, 5, from).await;
        }
    });
    rig.shutdown(rt);
}

/// UDP-2: that a connected peer is unreachable is told once for each datagram that found out, and the
/// socket goes on working; a socket that is not connected hears nothing of it.
///
/// Method: a socket is connected to a port at which nobody hears it, and sends. The next receive tells
/// `ConnectionRefused`. The socket is then connected to a live peer, and the two exchange a datagram.
/// Then the same with a socket that is not connected: the dead port costs it nothing.
///
/// If this fails, look for an error that is kept on the socket, or one that is taken off and not told.
#[cfg(target_os = "linux")]
pub(super) fn udp_2_an_unreachable_peer_is_reported_and_survived(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<UdpCalls>();
    let (live, live_at) = std_socket(rig);
    in_task(rig, &rt, "UDP-2: news of an unreachable peer, then of a live one", async move {
        let (socket, _) = bound("UDP-2", &calls).await;
        for round in 0..3 {
            let refused = unreachable(&*socket).await;
            assert_eq!(refused, ErrorKind::ConnectionRefused, "UDP-2: round {round}, receiving");
            connect(&*socket, live_at).await;
            let sent = socket.send(b"ping").await;
            assert!(matches!(sent, Ok(4)), "UDP-2: after an unreachable peer, sending: {sent:?}");
            let mut buf = [0; 8];
            let (n, at) = live.recv_from(&mut buf).expect("std receives");
            live.send_to(&buf[..n], at).expect("std sends");
            let back = socket.recv_from(&mut buf).await.map(|(n, _)| n);
            assert!(matches!(back, Ok(4)), "UDP-2: after an unreachable peer, receiving: {back:?}");
        }
        let (free, free_at) = bound("UDP-2", &calls).await;
        let (_deaf, nobody) = a_deaf_port();
        let sent = free.send_to(b"to nobody", nobody).await;
        assert!(matches!(sent, Ok(9)), "UDP-2: an unconnected socket, sending: {sent:?}");
        live.send_to(b"pong", free_at).expect("std sends");
        let got = free.recv_from(&mut [0; 8]).await;
        assert!(matches!(got, Ok((4, _))), "UDP-2: an unconnected socket, receiving: {got:?}");
    });
    rig.shutdown(rt);
}

/// A port at which nobody hears us: who has it listens to another peer alone. So nobody else can get
/// it meanwhile.
#[cfg(target_os = "linux")]
pub(super) fn a_deaf_port() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(ANYWHERE).expect("a socket of std's");
    socket.connect("127.0.0.1:9").expect("a peer, who need not be there");
    let at = socket.local_addr().expect("its address");
    (socket, at)
}

#[cfg(target_os = "linux")]
async fn connect(socket: &dyn Datagrams, to: SocketAddr) {
    let done = socket.connect(to).await;
    assert!(done.is_ok(), "UDP-2: connecting gave {done:?}");
}

/// Sends to nobody; what the next receive says.
#[cfg(target_os = "linux")]
async fn unreachable(socket: &dyn Datagrams) -> ErrorKind {
    let (_deaf, nobody) = a_deaf_port();
    connect(socket, nobody).await;
    let sent = socket.send(b"to nobody").await;
    assert!(matches!(sent, Ok(9)), "UDP-2: the first datagram to nobody: {sent:?}");
    match socket.recv_from(&mut [0; 8]).await {
        Ok(got) => panic!("UDP-2: received {got:?} from nobody"),
        Err(error) => error.kind(),
    }
}

const DROPS: usize = 300;

/// UDP-3: dropping a pending receive loses no datagram.
///
/// Method: three hundred times, a receive is polled while there is nothing; std sends the next datagram
/// of a sequence; and the receive is dropped, every other time after it was woken. The next receive is
/// polled once and dropped unless it was ready. Then the datagram is awaited: it must be the one
/// that was sent.
///
/// If this fails, look for a receive that takes a datagram before it is ready.
pub(super) fn udp_3_a_dropped_receive_loses_nothing(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<UdpCalls>();
    let (peer, from) = std_socket(rig);
    in_task(rig, &rt, "UDP-3: a datagram that was sent between dropped receives", async move {
        let (socket, at) = bound("UDP-3", &calls).await;
        for nth in 0..DROPS {
            let mut buf = [0; 16];
            let mut early = socket.recv_from(&mut buf);
            let polled = once(&mut early).await;
            assert!(polled.is_pending(), "UDP-3: before datagram {nth} was sent: {polled:?}");
            peer.send_to(&nth.to_le_bytes(), at).expect("std sends");
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
            let fine = matches!(received, Ok((8, whom)) if whom == from);
            assert!(fine, "UDP-3: datagram {nth} was received as {received:?}");
            assert_eq!(buf[..8], nth.to_le_bytes(), "UDP-3: which one datagram {nth} was");
        }
    });
    rig.shutdown(rt);
}
