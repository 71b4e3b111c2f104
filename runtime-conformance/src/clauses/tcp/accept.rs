//! TCP-6 and TCP-7: accepting, and futures that are dropped.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Poll;
use std::thread;

use super::steps::{byte_at, in_task, once, until_woken};
use super::table::Table;
use super::transport::{Accepts, Conn, Peer, Role, TcpCalls};
use crate::rig::Rig;
use crate::toolbox::within_watchdog;

/// How many connections wait at once: fewer than any system's queue holds.
const BURST: usize = 100;

/// TCP-6: a burst of connections is accepted whole; one that was reset in the queue disturbs nobody.
///
/// Method: an accept is polled once and kept. In the same poll of the task a hundred connections are
/// made by std, so that they may all be one event; the first of them is reset. Then that accept and
/// ninety-nine others are awaited: as many connections, from those whom std says it has connected.
///
/// If this fails with a hang, look for an accept that waits for an event after each success.
pub(super) fn tcp_6_a_burst_is_drained(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<TcpCalls>();
    in_task(rig, &rt, "TCP-6: the last of a burst of connections", async move {
        let listener = bind("TCP-6", &calls).await;
        let at = listener.address().expect("a listener has an address");
        let mut first = listener.accept();
        assert!(once(&mut first).await.is_pending(), "TCP-6: accepted, and nobody had connected");
        drop(reset_one(at));
        let clients: Vec<_> = (0..BURST).map(|_| TcpStream::connect(at)).collect();
        let clients: Vec<_> = clients.into_iter().map(|c| c.expect("std connects")).collect();
        let mut expected: HashSet<SocketAddr> =
            clients.iter().map(|c| c.local_addr().expect("an address")).collect();
        let mut accepted = vec![first.await];
        while !expected.is_empty() {
            match accepted.pop() {
                // The one that was reset may be reported, as itself or as an error of its own.
                Some(Ok((_, from))) => _ = expected.remove(&from),
                Some(Err(error)) => assert!(
                    expected.len() == BURST,
                    "TCP-6: after {} connections: {error}",
                    BURST - expected.len()
                ),
                None => accepted.push(listener.accept().await),
            }
        }
    });
    rig.shutdown(rt);
}

/// A connection that is reset before anybody accepts it.
fn reset_one(at: SocketAddr) -> std::io::Result<()> {
    TcpStream::connect(at)?.set_resets()
}

async fn bind(id: &str, calls: &TcpCalls) -> Box<dyn Accepts> {
    calls.0.bind().await.unwrap_or_else(|error| panic!("{id}: a listener: {error}"))
}

/// TCP-6: to run out of descriptors is reported by `accept`, disturbs no other task, and is over when
/// some are free again; the connection that was waiting is accepted then.
///
/// Method: a connection waits. The process's limit is lowered to what is open, and what is left below
/// it is filled. The accept must fail, saying so. A second task then frees descriptors (it has to
/// get to run), and the accept is tried again.
///
/// If this fails, look for an error that is swallowed and waited out, or for a listener that goes on
/// by itself.
#[cfg(unix)]
pub(super) fn tcp_6_a_limit_is_reported_and_recovered_from(rig: &Rig<'_>) {
    use crate::toolbox::Tally;
    use std::sync::Arc;

    let rt = rig.rt();
    let calls = rt.calls::<TcpCalls>();
    let listener =
        in_task(rig, &rt, "TCP-6: a listener", async move { bind("TCP-6", &calls).await });
    let at = listener.address().expect("a listener has an address");
    let client = rig.setup("a connection of std's", TcpStream::connect(at));
    let (failed, freed) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
    let (told, free) = (failed.clone(), freed.clone());
    let fillers = rig.setup("running out of descriptors", limits::exhaust());
    let frees = rt.spawn(async move {
        told.reached(1).await;
        drop(fillers);
        free.add();
    });
    let waiting_for = "TCP-6: an accept without descriptors to fail, then to recover";
    in_task(rig, &rt, waiting_for, async move {
        match listener.accept().await {
            Ok(_) => panic!("TCP-6: accepted without a descriptor to be had"),
            Err(error) => assert!(
                limits::is_exhausted(&error),
                "TCP-6: without a descriptor to be had, accepting gave {error}"
            ),
        }
        failed.add();
        freed.reached(1).await;
        let (_conn, from) = listener
            .accept()
            .await
            .unwrap_or_else(|error| panic!("TCP-6: with descriptors to be had again: {error}"));
        let expected = client.local_addr().expect("an address");
        assert_eq!(from, expected, "TCP-6: whom the second accept accepted");
        drop(frees.await);
    });
    rig.shutdown(rt);
}

/// The limit on descriptors.
#[cfg(unix)]
mod limits {
    use std::fs::File;
    use std::io;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    /// How many are left to be filled.
    const SOME: u64 = 16;

    /// All descriptors that this process may have beside those that it has. The limit is lowered
    /// first, and stays so: the process ends with the case.
    pub(super) fn exhaust() -> io::Result<Vec<File>> {
        let next = rustix::io::dup(File::open("/dev/null")?)?;
        let highest = std::os::fd::AsRawFd::as_raw_fd(&next).unsigned_abs();
        let limit = Rlimit {
            current: Some(u64::from(highest) + SOME),
            maximum: getrlimit(Resource::Nofile).maximum,
        };
        setrlimit(Resource::Nofile, limit)?;
        let mut fillers = vec![File::from(next)];
        loop {
            match File::open("/dev/null") {
                Ok(filler) => fillers.push(filler),
                Err(error) if is_exhausted(&error) => return Ok(fillers),
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn is_exhausted(error: &io::Error) -> bool {
        use rustix::io::Errno;
        matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
    }
}

const DROPS: usize = 300;

/// Dropping a pending read loses no byte: TCP-7, and UNIX-1 again.
///
/// Method: three hundred times, a read is polled while there is nothing; the peer sends the next byte
/// of a sequence; and the read is dropped, every other time after it was woken. So the runtime knows of
/// the byte when the next read is polled, once, and dropped unless it was ready. Then the byte is
/// awaited. It must be the one that was sent.
///
/// If this fails, look for a read that takes bytes off the socket before it is ready, or that leaves
/// an event with a waiter who is gone.
pub(crate) fn a_dropped_read_loses_nothing(table: Table<'_, '_>) {
    let (id, transport) = (table.id, table.transport.clone());
    let ends = async move { Role::Connected.ends(id, &*transport).await };
    let (conn, peer) = in_task(table.rig, &table.rt, &format!("{id}: a connection"), ends);
    let (sender, next) = on_demand(peer);
    let waiting_for = format!("{id}: a byte that was sent between dropped reads");
    in_task(table.rig, &table.rt, &waiting_for, async move {
        for place in 0..DROPS {
            let mut byte = [0];
            let mut early = conn.read(&mut byte);
            let polled = once(&mut early).await;
            assert!(polled.is_pending(), "{id}: before byte {place} was sent, a read: {polled:?}");
            next.send_one();
            if place % 2 == 1 {
                until_woken().await;
            }
            drop(early);
            let byte = match dropped_read(id, &*conn).await {
                Some(byte) => byte,
                None => read_one(id, &*conn).await,
            };
            assert_eq!(byte, byte_at(place), "{id}: byte {place} of the sequence");
        }
    });
    let joined = within_watchdog(&format!("{id}: the peer to end"), || sender.join());
    joined.expect("the peer sends what it is asked for");
    table.end();
}

/// Polls a read once and drops it: what it gave, if it was ready.
async fn dropped_read(id: &str, conn: &dyn Conn) -> Option<u8> {
    let mut byte = [0];
    let polled = once(&mut conn.read(&mut byte)).await;
    match polled {
        Poll::Pending => None,
        Poll::Ready(Ok(1)) => Some(byte[0]),
        Poll::Ready(other) => panic!("{id}: a read gave {other:?}"),
    }
}

async fn read_one(id: &str, conn: &dyn Conn) -> u8 {
    let mut byte = [0];
    let read = conn.read(&mut byte).await;
    assert!(matches!(read, Ok(1)), "{id}: a read gave {read:?}");
    byte[0]
}

/// Asks a peer for one byte at a time.
pub(super) struct OnDemand {
    ask: Sender<()>,
    sent: Receiver<()>,
}

impl OnDemand {
    /// Returns when the next byte has been sent. Blocks the thread for a moment.
    pub(super) fn send_one(&self) {
        self.ask.send(()).expect("the peer lives as long as this");
        self.sent.recv().expect("the peer sends what it is asked for");
    }
}

/// A thread that sends the test's stream byte by byte, when it is asked to.
pub(super) fn on_demand(mut peer: Box<dyn Peer>) -> (thread::JoinHandle<()>, OnDemand) {
    let ((ask, asked), (tell, sent)) = (channel(), channel());
    let sends = move || {
        for (place, ()) in asked.iter().enumerate() {
            peer.write_all(&[byte_at(place)]).expect("a peer sends");
            let _ = tell.send(());
        }
    };
    (thread::spawn(sends), OnDemand { ask, sent })
}

const CONNECTIONS: usize = 50;

/// TCP-7: dropping a pending accept loses no connection.
///
/// Method: as for reads, with connections that std makes.
pub(super) fn tcp_7_a_dropped_accept_loses_nothing(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<TcpCalls>();
    in_task(rig, &rt, "TCP-7: a connection that was made between dropped accepts", async move {
        let listener = bind("TCP-7", &calls).await;
        let at = listener.address().expect("a listener has an address");
        for nth in 0..CONNECTIONS {
            let early = once(&mut listener.accept()).await;
            assert!(early.is_pending(), "TCP-7: accept {nth} was ready, and nobody had connected");
            let client = TcpStream::connect(at).expect("std connects");
            let polled = once(&mut listener.accept()).await;
            let accepted = match polled {
                Poll::Ready(accepted) => accepted,
                Poll::Pending => listener.accept().await,
            };
            let from = accepted.map(|(_, from)| from);
            let from = from.unwrap_or_else(|error| panic!("TCP-7: accept {nth}: {error}"));
            assert_eq!(from, client.local_addr().expect("an address"), "TCP-7: accept {nth}");
        }
    });
    rig.shutdown(rt);
}
