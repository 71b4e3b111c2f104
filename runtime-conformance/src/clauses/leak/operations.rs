//! LEAK-2: an operation that ended holds no waker.

use std::future::{Future, pending, poll_fn};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime_traits::net::{TcpListener, TcpStream, UdpSocket};
use runtime_traits::time::{sleep, timeout};
use socket2::SockRef;

use crate::Cap;
use crate::rig::Rig;
use crate::rt::{Join, Rt};
use crate::toolbox::fence::GiveWay;
use crate::toolbox::{Flag, Gate, Tally, WakerLab};
use crate::watchdog;

/// A waker that is counted, and whose wakes can be awaited.
struct Watched {
    lab: WakerLab,
    wakes: Arc<Tally>,
    waker: Waker,
}

impl Watched {
    fn new() -> Watched {
        let wakes = Arc::new(Tally::new());
        let count = wakes.clone();
        let lab = WakerLab::new().on_wake(move || count.add());
        let waker = lab.waker();
        Watched { lab, wakes, waker }
    }

    fn poll<F: Future>(&self, future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(&self.waker))
    }

    /// Waits until only this one is left: the thread that woke may not have put its clone away yet.
    async fn is_alone(&self, op: &str, how: &str) {
        let what = format!("LEAK-2: the release of the waker of `{op}`, which was {how}");
        let _waiting = watchdog::during(&what);
        while self.lab.alive() > 1 {
            GiveWay::default().await;
        }
    }
}

/// Does an operation twice, with a watched waker: it is dropped while pending; and it comes to its end,
/// for which `cause` provides, and is kept.
async fn ends_twice<F: Future>(op: &str, make: impl Fn() -> F, cause: impl FnOnce()) {
    let waited = try_ends_twice(op, make, cause).await;
    assert!(waited, "LEAK-2: `{op}` was ready before its cause");
}

/// The same for what ends by itself after a time, with more time if the machine was slower.
async fn ends_in_time<F: Future>(op: &str, make: impl Fn(Duration) -> F) {
    let mut moment = Duration::from_millis(3);
    while !try_ends_twice(op, || make(moment), || ()).await {
        moment *= 2;
    }
}

/// The same; `false` if there was nothing to wait for.
async fn try_ends_twice<F: Future>(op: &str, make: impl Fn() -> F, cause: impl FnOnce()) -> bool {
    let watched = Watched::new();
    {
        let mut future = pin!(make());
        if watched.poll(future.as_mut()).is_ready() {
            return false;
        }
    }
    watched.is_alone(op, "dropped").await;
    let watched = Watched::new();
    let mut future = pin!(make());
    if watched.poll(future.as_mut()).is_ready() {
        return false;
    }
    cause();
    let mut wakes = 0;
    loop {
        wakes += 1;
        watched.wakes.reached(wakes).await;
        if watched.poll(future.as_mut()).is_ready() {
            break;
        }
    }
    watched.is_alone(op, "completed").await;
    true
}

/// LEAK-2: neither a completed nor a dropped operation retains a waker: tasks, closures, timers.
///
/// Method: each operation is polled with a waker that is counted. First it is dropped while pending,
/// then done again and brought to its end, and its future is kept. Both times the count must come back
/// to the one that the test holds. Where a timer is ready before it could be polled, the machine was
/// slow, and it is done again with twice the time.
///
/// If this fails, look for a waker that is only replaced, and never taken out.
pub(super) fn leak_2_tasks_and_timers_keep_no_waker(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive(&rt, "LEAK-2: operations that are given up, and that end", async {
        let may_end = Arc::new(Flag::new());
        ends_twice("joining a task", || waiting(&rt, &may_end), || may_end.raise()).await;
        if rig.has(Cap::Time) {
            ends_in_time("sleep", |moment| rt.enter(|| sleep(moment))).await;
            let limit = |moment| rt.enter(|| timeout(moment, pending::<()>()));
            ends_in_time("timeout", limit).await;
        }
        if rig.has(Cap::Blk) {
            let gate = Arc::new(Gate::new("LEAK-2: the test, to open a gate"));
            let make = || {
                let gate = gate.clone();
                rt.spawn_blocking(move || gate.wait())
            };
            ends_twice("joining a closure", make, || gate.open()).await;
        }
    });
    rig.shutdown(rt);
}

/// The handle of a task that waits for the flag.
fn waiting(rt: &Rt, may_end: &Arc<Flag>) -> Join<()> {
    let may_end = may_end.clone();
    rt.spawn(async move {
        while !may_end.is_up() {
            GiveWay::default().await;
        }
    })
}

/// LEAK-2: the same for sockets, which stay open.
///
/// Method: as above. Sockets pass wakes on to several waiters, so the one that they keep for an event
/// may be their own; what is counted is the operation's.
///
/// If this fails, look for a list of waiters that is emptied only by events.
pub(super) fn leak_2_sockets_keep_no_waker(rig: &Rig<'_>) {
    let rt = rig.rt();
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let hang = "LEAK-2: operations on sockets that are given up, and that end";
    rig.drive(&rt, hang, async {
        let listener = rt.enter(|| TcpListener::bind(local)).await;
        let listener = rig.setup("a listener", listener);
        let address = rig.setup("its address", listener.local_addr());
        let peer = std::cell::OnceCell::new();
        let connect = || {
            let _ = peer.set(std::net::TcpStream::connect(address));
        };
        ends_twice("accept", || listener.accept(), connect).await;
        let (_peer, stream) = connected(rig, &rt, &listener, address).await;
        stream_ops(&_peer, &stream).await;
        let udp = rt.enter(|| UdpSocket::bind(local)).await;
        let udp = rig.setup("a socket", udp);
        let to = rig.setup("its address", udp.local_addr());
        let from = rig.setup("another", std::net::UdpSocket::bind(local));
        let receive = || async {
            let mut byte = [0];
            udp.recv_from(&mut byte).await.map(drop)
        };
        ends_twice("recv_from", receive, || _ = from.send_to(b"x", to)).await;
    });
    rig.shutdown(rt);
}

/// Two ends of a connection, the first of them blocking.
async fn connected(
    rig: &Rig<'_>,
    rt: &Rt,
    listener: &TcpListener,
    address: SocketAddr,
) -> (std::net::TcpStream, TcpStream) {
    let peer = rig.setup("a connection", std::net::TcpStream::connect(address));
    // The first in the queue is the one of before, if that was not taken.
    let expected = rig.setup("its address", peer.local_addr());
    loop {
        let accepted = rt.enter(|| listener.accept()).await;
        let (stream, from) = rig.setup("its other end", accepted);
        if from == expected {
            return (peer, stream);
        }
    }
}

async fn stream_ops(peer: &std::net::TcpStream, stream: &TcpStream) {
    use std::io::Write;
    let send = || _ = { peer }.write_all(b"x");
    let mut byte = [0];
    if has_readiness(stream) {
        ends_twice("readable", || stream.readable(), send).await;
        let taken = stream.read(&mut byte).await;
        assert!(matches!(taken, Ok(1)), "LEAK-2: reading a byte gave {taken:?}");
    }
    let read = || async {
        let mut byte = [0];
        stream.read(&mut byte).await.map(drop)
    };
    ends_twice("read", read, send).await;
    // Full, so that a write waits; the peer then takes all there is.
    tighten(peer, stream);
    let full = poll_fn(|cx| Poll::Ready(fill(stream, cx))).await;
    assert!(full, "LEAK-2: a socket took more than 64 MiB that nobody read");
    let write = || async { stream.write(&[0; 1024]).await.map(drop) };
    ends_twice("write", write, || drain(peer)).await;
}

/// A stream of the runtime's own making has none.
fn has_readiness(stream: &TcpStream) -> bool {
    let first = pin!(stream.readable()).poll(&mut Context::from_waker(Waker::noop()));
    !matches!(first, Poll::Ready(Err(error)) if error.kind() == ErrorKind::Unsupported)
}

/// Writes until it would wait.
fn fill(stream: &TcpStream, cx: &mut Context<'_>) -> bool {
    let chunk = [0; 64 * 1024];
    let mut left: usize = 64 * 1024 * 1024;
    while left > 0 {
        match pin!(stream.write(&chunk)).poll(cx) {
            Poll::Pending => return true,
            Poll::Ready(Ok(taken)) => left = left.saturating_sub(taken.max(1)),
            Poll::Ready(Err(error)) => panic!("LEAK-2: writing gave {error}"),
        }
    }
    false
}

/// The size of the buffers that are filled: a write may be of one byte.
const BUFFER: usize = 32 * 1024;

/// Makes the buffers small. Where it cannot be done, filling them takes longer.
fn tighten(peer: &std::net::TcpStream, stream: &TcpStream) {
    let _ = SockRef::from(peer).set_recv_buffer_size(BUFFER);
    if let Some(source) = stream.as_source() {
        let _ = SockRef::from(&source).set_send_buffer_size(BUFFER);
    }
}

/// Reads, on a thread of its own, until the other end closes.
fn drain(peer: &std::net::TcpStream) {
    use std::io::Read;
    let peer = peer.try_clone();
    std::thread::spawn(move || {
        let Ok(mut peer) = peer else { return };
        let mut chunk = [0; 64 * 1024];
        while peer.read(&mut chunk).is_ok_and(|read| read > 0) {}
    });
}
