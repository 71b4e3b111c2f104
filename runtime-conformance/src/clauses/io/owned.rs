//! IO-10: operations that own their buffer.

use std::future::Future;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::task::Poll;

use runtime_traits::net::TcpStream;

use super::kinds::IoCalls;
use crate::clauses::tcp::steps::{bytes_at, in_task, once, until_woken, wrong_at};
use crate::clauses::tcp::transport::{Boxed, Peer, std_pair};
use crate::rig::Rig;
use crate::rt::Rt;

fn connection(rig: &Rig<'_>, rt: &Rt) -> (Arc<TcpStream>, std::net::TcpStream) {
    let (ours, peer) = rig.setup("a connection of std's", std_pair());
    let ours = rt.enter(|| TcpStream::try_from(ours));
    (Arc::new(ours.unwrap_or_else(|e| panic!("IO-10: a socket of std's: {e}"))), peer)
}

/// Starts a read, and cancels it when `when` is ready.
pub(super) async fn cancelled(
    stream: Arc<TcpStream>,
    buf: Vec<u8>,
    when: Boxed<'static, ()>,
) -> (io::Result<usize>, Vec<u8>) {
    let mut reading = stream.read_owned(buf);
    if let Poll::Ready(done) = once(&mut reading).await {
        return done;
    }
    let _ = when.await;
    reading.cancel().await
}

/// The beginning of a buffer, which reading leaves alone.
const KEPT: &[u8] = b"kept";

fn buffer() -> Vec<u8> {
    let mut buf = KEPT.to_vec();
    buf.reserve_exact(64);
    buf
}

/// IO-10: the buffer comes back with the result: if the operation was done, if it failed, and if it was
/// cancelled; and what a cancelled operation had done is not lost.
///
/// Method: reads append to what a buffer holds, writes give back what they were given; after a reset
/// both fail, and the buffer is there. A read is cancelled before anything came, and one after
/// something did: whether that one reports bytes or leaves them for the next read, none is missing.
///
/// If this fails, look for a completion that is thrown away because it was to be cancelled.
pub(super) fn io_10_the_buffer_comes_back(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<IoCalls>();
    let (stream, mut peer) = connection(rig, &rt);
    in_task(rig, &rt, "IO-10: operations with buffers", async move {
        peer.write_all(&bytes_at(0, 5)).expect("a peer sends");
        let (n, buf) = stream.read_owned(buffer()).await;
        let n = n.unwrap_or_else(|error| panic!("IO-10: reading: {error}"));
        check(&buf, n, 0);
        let mut place = n;
        while place < 5 {
            place += finish(&stream, place).await;
        }
        let (n, buf) = stream.write_owned(b"hello".to_vec()).await;
        assert_eq!(buf, b"hello", "IO-10: the buffer of a write");
        let mut heard = vec![0; n.unwrap_or_else(|error| panic!("IO-10: writing: {error}"))];
        peer.read_exact(&mut heard).expect("a peer reads");
        assert!(b"hello".starts_with(&heard), "IO-10: the peer heard {heard:?}");

        let now: Boxed<'static, ()> = Box::pin(async { Ok(()) });
        let (n, buf) = (calls.cancelled)(stream.clone(), buffer(), now).await;
        assert!(n.is_err(), "IO-10: nothing had come, and a cancelled read gave {n:?}");
        assert_eq!(buf, KEPT, "IO-10: the buffer of a read that was cancelled");

        for place in 5..30 {
            let mut sender = peer.try_clone().expect("a second descriptor of the peer");
            let sent: Boxed<'static, ()> = Box::pin(async move {
                sender.write_all(&bytes_at(place, 1))?;
                until_woken().await;
                Ok(())
            });
            let (n, buf) = (calls.cancelled)(stream.clone(), buffer(), sent).await;
            match n {
                Ok(n) => check(&buf, n, place),
                Err(_) => {
                    assert_eq!(buf, KEPT, "IO-10: the buffer of a read that was cancelled");
                    assert_eq!(finish(&stream, place).await, 1, "IO-10: byte {place}");
                }
            }
        }
        peer.set_resets().expect("an option of the socket");
        drop(peer);
        let (n, buf) = stream.read_owned(buffer()).await;
        assert!(n.is_err(), "IO-10: reading after a reset gave {n:?}");
        assert_eq!(buf, KEPT, "IO-10: the buffer of a read that failed");
        let (n, buf) = stream.write_owned(b"hello".to_vec()).await;
        assert!(n.is_err(), "IO-10: writing after a reset gave {n:?}");
        assert_eq!(buf, b"hello", "IO-10: the buffer of a write that failed");
    });
    rig.shutdown(rt);
}

/// Reads on, as everybody else does.
async fn finish(stream: &TcpStream, place: usize) -> usize {
    let mut buf = [0; 8];
    let n = stream.read(&mut buf).await;
    let n = n.unwrap_or_else(|error| panic!("IO-10: reading byte {place}: {error}"));
    assert!(n > 0, "IO-10: byte {place} is missing");
    assert_eq!(wrong_at(place, &buf[..n]), None, "IO-10: what was read from {place} on");
    n
}

/// A buffer to which `n` bytes from `place` on were appended.
fn check(buf: &[u8], n: usize, place: usize) {
    assert_eq!(buf.len(), KEPT.len() + n, "IO-10: the length of a buffer after a read of {n}");
    assert!(buf.starts_with(KEPT), "IO-10: what a buffer held before a read: {buf:?}");
    let wrong = wrong_at(place, &buf[KEPT.len()..]);
    assert!(wrong.is_none(), "IO-10: a wrong byte at {wrong:?}");
}

/// Many at once: more than a queue of the kernel's takes.
const FLYING: usize = 200;
const CANARY: u8 = 0xa5;

/// IO-10: an operation that was dropped while the driver had its buffer writes nowhere any more; nor do
/// those that are in flight when the runtime ends.
///
/// Method: two hundred reads are polled once and dropped; buffers of the same size are allocated, full of
/// a pattern; then all peers write. The pattern must be intact. Then as many are left in flight at the
/// end.
pub(super) fn io_10_a_dropped_operation_writes_nowhere(rig: &Rig<'_>) {
    let rt = rig.rt();
    let ends: Vec<_> = (0..FLYING).map(|_| connection(rig, &rt)).collect();
    let canaries = in_task(rig, &rt, "IO-10: reads to be polled", async move {
        for (stream, _) in &ends {
            let mut reading = stream.read_owned(Vec::with_capacity(64));
            let _ = once(&mut reading).await;
        }
        let canaries: Vec<_> = (0..2 * FLYING).map(|_| vec![CANARY; 64]).collect();
        for (_, peer) in &ends {
            let _ = (&*peer).write_all(&[1; 64]); // it may have gone with its operation
        }
        canaries
    });
    let (stream, peer) = connection(rig, &rt);
    let mut flying = Box::pin(async move { stream.read_owned(Vec::with_capacity(64)).await });
    let waker = std::task::Waker::noop();
    let _ = flying.as_mut().poll(&mut std::task::Context::from_waker(waker));
    rig.shutdown(rt);
    let _ = (&peer).write_all(&[1; 64]);
    let intact = canaries.iter().flatten().all(|byte| *byte == CANARY);
    assert!(intact, "IO-10: memory that was given back was written to");
    drop(flying);
}
