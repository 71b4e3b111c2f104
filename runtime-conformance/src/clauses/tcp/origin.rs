//! TCP-8: sockets are made alike, wherever they come from.

use std::sync::Arc;

use super::steps::in_task;
use super::table::read_to_end;
#[cfg(unix)]
use super::transport::{Role, Transport};
use super::transport::{TcpCalls, std_pair};
use crate::rig::Rig;
use crate::toolbox::Tally;

/// TCP-8: sockets are close-on-exec and non-blocking: made by connecting, by accepting, by listening,
/// and out of one of std's, which blocks.
///
/// Method: the kernel is asked. A stream that shows no socket has none to be asked about.
///
/// If this fails, look for an `accept` without flags, or a conversion that takes the socket as it is.
#[cfg(unix)]
pub(super) fn tcp_8_sockets_are_close_on_exec_and_non_blocking(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<TcpCalls>();
    in_task(rig, &rt, "TCP-8: sockets of all origins", async move {
        let listener = calls.0.bind().await.unwrap_or_else(|e| panic!("TCP-8: a listener: {e}"));
        check("TCP-8", "Listening", listener.source());
        connections("TCP-8", &calls).await;
    });
    rig.shutdown(rt);
}

/// The same of connections, of all roles: TCP-8, and UNIX-1 again.
#[cfg(unix)]
pub(crate) async fn connections(id: &str, transport: &dyn Transport) {
    for role in Role::ALL {
        let (conn, _peer) = role.ends(id, transport).await;
        check(id, &format!("{role:?}"), conn.source());
    }
}

#[cfg(unix)]
fn check(id: &str, what: &str, source: Option<std::os::fd::BorrowedFd<'_>>) {
    use rustix::fs::{OFlags, fcntl_getfl};
    use rustix::io::{FdFlags, fcntl_getfd};
    let Some(source) = source else { return };
    let (mode, flags) = (fcntl_getfl(source), fcntl_getfd(source));
    let is_so = mode.is_ok_and(|mode| mode.contains(OFlags::NONBLOCK));
    assert!(is_so, "{id}: a socket ({what}) is not non-blocking: {mode:?}");
    let is_so = flags.is_ok_and(|flags| flags.contains(FdFlags::CLOEXEC));
    assert!(is_so, "{id}: a socket ({what}) is not close-on-exec: {flags:?}");
}

/// TCP-8: a socket of std's in blocking mode does not stall the threads that run tasks.
///
/// Method: as many such sockets as there are workers, and one more, are read while there is nothing to
/// be read. Once every read has begun, another task must run to its end. Only then the peers go.
///
/// If this fails with a hang, look for a conversion that leaves the mode as it is.
pub(super) fn tcp_8_a_blocking_socket_stalls_nobody(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<TcpCalls>();
    let streams = rt.handle().info().workers + 1;
    let (begun, mut peers, mut reads) = (Arc::new(Tally::new()), Vec::new(), Vec::new());
    for _ in 0..streams {
        let (ours, theirs) = rig.setup("a connection of std's", std_pair());
        peers.push(theirs);
        let (calls, begun) = (calls.clone(), begun.clone());
        reads.push(rt.spawn(async move {
            let adopted = calls.0.adopt(ours);
            let conn = adopted.unwrap_or_else(|e| panic!("TCP-8: a socket of std's: {e}"));
            begun.add();
            assert_eq!(read_to_end("TCP-8", &*conn).await, b"", "TCP-8: nobody had written");
        }));
    }
    let ticker = rt.clone();
    in_task(rig, &rt, "TCP-8: a task beside reads of sockets that std left blocking", async move {
        begun.reached(streams).await;
        for _ in 0..100 {
            drop(ticker.spawn(async {}).await);
        }
    });
    drop(peers);
    for read in reads {
        drop(rig.drive(&rt, "TCP-8: a read to see the end", read));
    }
    rig.shutdown(rt);
}
