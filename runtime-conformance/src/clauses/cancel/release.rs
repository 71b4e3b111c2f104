//! CANCEL-8: a pending future that is dropped lets go of its waker, and of nothing else.

use std::future::Future;
use std::net::{SocketAddr, TcpStream as Peer, UdpSocket as UdpPeer};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::thread;
use std::time::Duration;

use runtime_traits::net::{TcpListener, TcpStream, UdpSocket};
use runtime_traits::time::sleep;

use crate::rig::{Rig, await_outside, let_time_pass_until, timer};
use crate::rt::Rt;
use crate::toolbox::{AtDrop, Tally, WakerLab, fence};

/// Polls `future` once, when it has to wait, and drops it. Its waker must be free then; whether it is
/// woken later is asked afterwards.
fn poll_and_drop<F: Future>(what: &str, future: F) -> WakerLab {
    let lab = WakerLab::new();
    let mut future = Box::pin(future);
    poll(what, &mut future, &lab);
    drop(future);
    let alive = lab.alive();
    assert!(alive == 0, "CANCEL-8: {what} was dropped, and {alive} of its wakers are still held");
    lab
}

/// Polls a future that has to wait, with a waker of `lab`.
fn poll<F: Future>(what: &str, future: &mut Pin<Box<F>>, lab: &WakerLab) {
    let polled = future.as_mut().poll(&mut Context::from_waker(&lab.waker()));
    assert!(polled.is_pending(), "CANCEL-8: {what} was ready before its event");
}

fn assert_unwoken(what: &str, lab: &WakerLab) {
    let wakes = lab.wakes();
    assert!(wakes == 0, "CANCEL-8: {what} was dropped, and woken {wakes} times afterwards");
}

/// CANCEL-8: a join handle that is dropped while pending releases its waker.
///
/// Method: the handle of a waiting task is polled with two wakers in turn and dropped. Then the task
/// ends, whichever way. A fence later neither waker was woken, and nobody holds one.
///
/// If this fails, look for a handle that leaves its waker with the task.
pub(super) fn cancel_8_a_dropped_join_handle_lets_go(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (may_end, ended) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
    let (waits_for, says) = (may_end.clone(), ended.clone());
    let at_drop = AtDrop::new(move || says.add());
    let mut handle = Box::pin(rt.spawn(async move {
        let _at_drop = at_drop;
        waits_for.reached(1).await;
    }));
    let first = WakerLab::new();
    poll("a join handle", &mut handle, &first);
    let second = poll_and_drop("a join handle", handle);
    let alive = first.alive();
    assert!(alive == 0, "CANCEL-8: {alive} superseded wakers of a dropped handle are still held");
    may_end.add();
    rig.drive(&rt, "CANCEL-8: a task whose handle was dropped to end", async {
        ended.reached(1).await;
        fence::fence(rt.handle(), rt.handle().info().workers).await;
    });
    assert_unwoken("a join handle", &first);
    assert_unwoken("a join handle", &second);
    rig.shutdown(rt);
}

/// CANCEL-8: a timer that is dropped while pending releases its waker.
///
/// Method: of two timers with one deadline, one is polled and dropped; the clock passes the deadline,
/// and the other one fires. The dropped one's waker stays as it was. If the clock reads the deadline
/// when it has just been dropped, the machine stood still, and a longer delay is tried.
///
/// If this fails, look for an entry that stays in the wheel until its time has come.
pub(super) fn cancel_8_a_dropped_timer_lets_go(rig: &Rig<'_>) {
    let rt = rig.rt();
    let hang = "CANCEL-8: the timer beside one that was dropped";
    let in_time =
        DELAYS_MS.iter().any(|&ms| rig.drive(&rt, hang, drop_one(&rt, Duration::from_millis(ms))));
    if !in_time {
        rig.inconclusive("the machine stood still for as long as a timer waits");
    }
    rig.shutdown(rt);
}

/// How long timers wait that are to be dropped before.
const DELAYS_MS: &[u64] = &[20, 200, 2000];

/// `false`: the deadline came before the drop.
async fn drop_one(rt: &Rt, delay: Duration) -> bool {
    let new = || rt.enter(|| sleep(delay));
    let (sibling, dropped) = (new(), new());
    let (deadline, last) = (dropped.deadline(), sibling.deadline().max(dropped.deadline()));
    let mut dropped = Box::pin(dropped);
    let lab = WakerLab::new();
    let pending = dropped.as_mut().poll(&mut Context::from_waker(&lab.waker())).is_pending();
    drop(dropped);
    let alive = lab.alive();
    if !pending || timer(rt.handle()).now() >= deadline {
        return false;
    }
    assert!(alive == 0, "CANCEL-8: a timer was dropped, and {alive} wakers are still held");
    sibling.await;
    let_time_pass_until(rt.handle(), last);
    fence::fence(rt.handle(), rt.handle().info().workers).await;
    assert_unwoken("a timer", &lab);
    true
}

/// CANCEL-8: waiting for readiness lets go when it is dropped, and other waiters of the same source
/// still hear of the event.
///
/// Method: of three waits on one socket, the first and the last are dropped; then a byte comes. The one
/// in the middle must hear of it, the others must not.
///
/// If this fails, look for a list of waiters that is cleared as a whole, or from which the wrong one
/// is taken.
#[cfg(unix)]
pub(super) fn cancel_8_a_dropped_wait_for_readiness_lets_go(rig: &Rig<'_>) {
    use runtime_traits::io::Async;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    let rt = rig.rt();
    let (ours, mut theirs) = rig.setup("a pair of sockets", UnixStream::pair());
    rig.setup("making a socket non-blocking", ours.set_nonblocking(true));
    let ours = rt.enter(|| Async::new(ours));
    let ours = ours.unwrap_or_else(|error| panic!("CANCEL-8: registering a socket: {error}"));
    let what = "a wait for readiness";
    rig.drive_while(&rt, "CANCEL-8: a socket to become readable", || {
        let (lab, mut last) = (WakerLab::new(), Box::pin(ours.readable()));
        let first = poll_and_drop(what, ours.readable());
        let mut sibling = Box::pin(ours.readable());
        let of_sibling = WakerLab::new();
        poll(what, &mut sibling, &of_sibling);
        poll(what, &mut last, &lab);
        drop(last);
        theirs.write_all(b"x").expect("a socket takes a byte");
        let ready = await_outside("CANCEL-8: the other wait for readiness", sibling);
        assert!(ready.is_ok(), "CANCEL-8: waiting for readiness gave {ready:?}");
        assert_unwoken(what, &first);
        assert_unwoken(what, &lab);
        assert!(lab.alive() == 0, "CANCEL-8: {what} was dropped, and its waker is still held");
    });
    drop(ours);
    rig.shutdown(rt);
}

/// CANCEL-8: accepting and reading let go when they are dropped, and what came is there for the next.
///
/// Method: for each, one future is polled and dropped, then the event is caused, then another of the
/// same kind must have it. And of two that wait for one connection, the one that is woken is dropped
/// without another poll: the connection belongs to the other.
///
/// If this fails, look for a wake that goes to one waiter and is not passed on when that one goes, or
/// for an operation that takes its result before it is polled.
pub(super) fn cancel_8_dropped_tcp_futures_let_go(rig: &Rig<'_>) {
    let rt = rig.rt();
    let bound = rig.drive(&rt, "CANCEL-8: a listener", TcpListener::bind("127.0.0.1:0"));
    let listener = rig.setup("listening on the loopback", bound);
    let address = rig.setup("a listener's address", listener.local_addr());
    rig.drive_while(&rt, "CANCEL-8: TCP futures beside dropped ones", || {
        let lab = poll_and_drop("accepting", listener.accept());
        let (mut peer, stream) = connection(address, &listener);
        assert_unwoken("accepting", &lab);
        the_one_that_stays_accepts(address, &listener);
        reading(&mut peer, &stream);
    });
    drop(listener);
    rig.shutdown(rt);
}

fn connection(address: SocketAddr, listener: &TcpListener) -> (Peer, TcpStream) {
    let peer = Peer::connect(address).expect("connecting over the loopback");
    let accepted =
        await_outside("CANCEL-8: accepting after another was dropped", listener.accept());
    let (stream, _) = accepted.unwrap_or_else(|error| panic!("CANCEL-8: accepting gave {error}"));
    (peer, stream)
}

fn the_one_that_stays_accepts(address: SocketAddr, listener: &TcpListener) {
    let labs = [WakerLab::new(), WakerLab::new()];
    let mut accepts = labs.each_ref().map(|lab| {
        let mut accept = Box::pin(listener.accept());
        poll("accepting", &mut accept, lab);
        Some(accept)
    });
    let _peer = Peer::connect(address).expect("connecting over the loopback");
    let woken = loop {
        match labs.iter().position(|lab| lab.wakes() > 0) {
            Some(woken) => break woken,
            None => thread::sleep(Duration::from_micros(50)), // the watchdog ends this
        }
    };
    accepts[woken] = None;
    let stays = accepts.into_iter().flatten().next().expect("one of two is left");
    let accepted = await_outside("CANCEL-8: the accepting that was not woken first", stays);
    assert!(accepted.is_ok(), "CANCEL-8: accepting gave {accepted:?}");
}

fn reading(peer: &mut Peer, stream: &TcpStream) {
    use std::io::Write;
    let mut lost = [0; 4];
    let lab = poll_and_drop("reading", stream.read(&mut lost));
    peer.write_all(b"abc").expect("a connection takes three bytes");
    let mut bytes = [0; 3];
    let read = await_outside(
        "CANCEL-8: reading after another read was dropped",
        stream.read_exact(&mut bytes),
    );
    assert!(read.is_ok() && &bytes == b"abc", "CANCEL-8: read {bytes:?} of `abc`, {read:?}");
    assert_unwoken("reading", &lab);
}

/// CANCEL-8: receiving lets go when it is dropped, and the datagram is there for the next.
///
/// Method: as for reading.
///
/// If this fails, look for a datagram that waits in the future that was dropped.
pub(super) fn cancel_8_a_dropped_receive_lets_go(rig: &Rig<'_>) {
    let rt = rig.rt();
    let bound = rig.drive(&rt, "CANCEL-8: a socket", UdpSocket::bind("127.0.0.1:0"));
    let socket = rig.setup("a socket on the loopback", bound);
    let address = rig.setup("a socket's address", socket.local_addr());
    let peer = rig.setup("a peer's socket", UdpPeer::bind("127.0.0.1:0"));
    rig.drive_while(&rt, "CANCEL-8: a datagram beside a dropped receive", || {
        let mut lost = [0; 8];
        let lab = poll_and_drop("receiving", socket.recv_from(&mut lost));
        peer.send_to(b"abc", address).expect("the loopback takes a datagram");
        let mut bytes = [0; 8];
        let receive = socket.recv_from(&mut bytes);
        let received = await_outside("CANCEL-8: receiving after another was dropped", receive);
        let length = received.map(|(length, _)| length);
        let whole = matches!(length, Ok(3)) && bytes.starts_with(b"abc");
        assert!(whole, "CANCEL-8: received {length:?}, {bytes:?} of `abc`");
        assert_unwoken("receiving", &lab);
    });
    drop(socket);
    rig.shutdown(rt);
}
