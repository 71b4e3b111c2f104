//! UNIX-1: what the table of TCP does not ask.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::os::unix::net::{SocketAddr, UnixStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::thread;

use runtime_traits::net::unix::UnixStream;

use super::transport::{UnixCalls, of_unix};
use crate::clauses::fs::place::Place;
use crate::clauses::tcp::origin;
use crate::clauses::tcp::steps::{byte_at, bytes_at, in_task, noting_pending, once};
use crate::clauses::tcp::transport::{Peer, Role};
use crate::rig::Rig;
use crate::toolbox::{Gate, within_watchdog};

/// UNIX-1: a writer that waits for room fails when its peer goes.
///
/// Method: for each way to come by a connection, bytes are written until the writer was seen pending; then
/// the peer goes, without having read. The write must end, with the error of a broken pipe or a reset.
///
/// If this fails with a hang, look for a hang-up that only readers are told of.
pub(super) fn unix_1_a_parked_writer_hears_that_the_peer_goes(rig: &Rig<'_>) {
    let table = of_unix(rig);
    let waited = Arc::new(AtomicU64::new(0));
    for role in Role::ALL {
        let (transport, waits) = (table.transport.clone(), waited.clone());
        let what = format!("UNIX-1: a writer whose peer goes ({role:?})");
        in_task(rig, &table.rt, &what.clone(), async move {
            let (conn, peer) = role.ends("UNIX-1", &*transport).await;
            let full = Arc::new(Gate::new("UNIX-1: a writer to be pending"));
            let told = full.clone();
            let goes = thread::spawn(move || {
                told.wait();
                drop::<Box<dyn Peer>>(peer);
            });
            let bytes = bytes_at(0, 4096);
            let kind = loop {
                let note = || {
                    waits.fetch_add(1, Ordering::SeqCst);
                    full.open();
                };
                if let Err(error) = noting_pending(conn.write(&bytes), note).await {
                    break error.kind();
                }
            };
            let fine = matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
            assert!(fine, "{what}: the write ended with {kind:?}");
            within_watchdog("UNIX-1: the peer to have gone", || goes.join()).expect("it goes");
        });
    }
    rig.witness("writes that waited", waited.load(Ordering::SeqCst), 1);
    table.end();
}

/// UNIX-1: sockets are close-on-exec and non-blocking, wherever they come from.
///
/// Method: as TCP-8.
pub(super) fn unix_1_sockets_are_close_on_exec_and_non_blocking(rig: &Rig<'_>) {
    let table = of_unix(rig);
    let transport = table.transport.clone();
    in_task(rig, &table.rt, "UNIX-1: sockets of all origins", async move {
        origin::connections("UNIX-1", &*transport).await;
    });
    table.end();
}

const CONNECTIONS: u8 = 50;

/// UNIX-1: dropping a pending accept loses no connection.
///
/// Method: fifty times an accept is polled while nobody connects; std connects; the accept is dropped. The
/// next one must have that connection: what std writes then is read from it.
pub(super) fn unix_1_a_dropped_accept_loses_nothing(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    let calls = rt.calls::<UnixCalls>();
    let what = "UNIX-1: a connection that was made between dropped accepts";
    in_task(rig, &rt, what, async move {
        let at = SocketAddr::from_pathname(place.at("listens")).expect("a short path");
        let listener = calls.0.bind(&at);
        let listener = listener.unwrap_or_else(|error| panic!("UNIX-1: a listener: {error}"));
        for nth in 0..CONNECTIONS {
            let mut early = listener.accept();
            let polled = once(&mut early).await.is_pending();
            assert!(polled, "UNIX-1: accept {nth} was ready, and nobody had connected");
            let mut client = StdStream::connect_addr(&at).expect("std connects");
            drop(early);
            let accepted = match once(&mut listener.accept()).await {
                Poll::Ready(accepted) => accepted,
                Poll::Pending => listener.accept().await,
            };
            let conn = accepted.unwrap_or_else(|error| panic!("UNIX-1: accept {nth}: {error}"));
            client.write_all(&[nth]).expect("std writes");
            let mut byte = [0];
            let read = conn.read(&mut byte).await;
            assert!(matches!(read, Ok(1)), "UNIX-1: what accept {nth} gave read {read:?}");
            assert_eq!(byte, [nth], "UNIX-1: whom accept {nth} gave");
        }
    });
    rig.shutdown(rt);
}

/// How often a byte goes there and back.
const ROUNDS: usize = 500;

/// UNIX-1: both ends of a pair may be in one runtime, on different threads.
///
/// Method: a byte goes there and back five hundred times between two tasks; then one of them ends writing,
/// and the other sees that and goes. Once by `UnixStream::pair`, once by two that std made.
///
/// If this fails with a hang, look for two sources that are taken for one.
pub(super) fn unix_1_both_ends_may_be_here(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<UnixCalls>();
    let pair = rt.enter(UnixStream::pair);
    let (one, other) = pair.unwrap_or_else(|error| panic!("UNIX-1: a pair gave {error}"));
    let echo = rt.spawn(async move {
        let mut byte = [0];
        while other.read(&mut byte).await.unwrap_or_else(|e| panic!("UNIX-1: echo: {e}")) > 0 {
            let sent = other.write_all(&byte).await;
            assert!(sent.is_ok(), "UNIX-1: the echo's write gave {sent:?}");
        }
    });
    in_task(rig, &rt, "UNIX-1: a byte there and back, in one runtime", async move {
        for place in 0..ROUNDS {
            let sent = one.write_all(&[byte_at(place)]).await;
            assert!(sent.is_ok(), "UNIX-1: writing byte {place} gave {sent:?}");
            let mut byte = [0];
            let read = one.read(&mut byte).await;
            assert!(matches!(read, Ok(1)), "UNIX-1: reading byte {place} gave {read:?}");
            assert_eq!(byte[0], byte_at(place), "UNIX-1: byte {place}");
        }
        let ended = one.shutdown(Shutdown::Write).await;
        assert!(ended.is_ok(), "UNIX-1: ending writing gave {ended:?}");
        let end = one.read(&mut [0]).await;
        assert!(matches!(end, Ok(0)), "UNIX-1: after the echo had gone a read gave {end:?}");
        drop(echo.await);
    });
    let (one, other) = rig.setup("a pair of std's", StdStream::pair());
    let ends = rt.enter(|| Ok((calls.0.adopt(one)?, calls.0.adopt(other)?)));
    let (one, other) = ends.unwrap_or_else(|e: std::io::Error| panic!("UNIX-1: a socket: {e}"));
    let sender = rt.spawn(async move {
        let wrote = one.write(b"x").await;
        assert!(matches!(wrote, Ok(1)), "UNIX-1: writing to the other end here gave {wrote:?}");
    });
    in_task(rig, &rt, "UNIX-1: a byte, and the end, in one runtime", async move {
        let mut byte = [0];
        let read = other.read(&mut byte).await;
        assert!(matches!(read, Ok(1)), "UNIX-1: reading from the other end here gave {read:?}");
        let end = other.read(&mut byte).await;
        assert!(matches!(end, Ok(0)), "UNIX-1: after the other end had gone a read gave {end:?}");
        drop(sender.await);
    });
    rig.shutdown(rt);
}
