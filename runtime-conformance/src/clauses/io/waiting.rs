//! IO-3 and IO-8: waiting.

use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use runtime_traits::io::{AsyncRead, AsyncWrite};

use super::kinds::{AnyStream, each_kind, read, write};
use crate::clauses::reactor::signals::Storm;
use crate::clauses::tcp::steps::{bytes_at, wrong_at};
use crate::rig::Rig;
use crate::toolbox::fence::GiveWay;
use crate::toolbox::{Tally, WakerLab, within_watchdog};

/// A waker whose wakes can be awaited.
fn lab() -> (WakerLab, Arc<Tally>) {
    let woken = Arc::new(Tally::new());
    let tell = woken.clone();
    (WakerLab::new().on_wake(move || tell.add()), woken)
}

/// IO-3: a read that is pending has taken nothing, and its waker is woken when something comes.
///
/// Method: for every kind of stream, a read is polled by hand, with a waker of ours; it is pending.
/// The peer sends: our waker must be woken, and the read then finds what was sent, from its first byte
/// on. Twenty times; and once for the end.
///
/// If this fails with a hang, look for a poll that is pending and has left its waker nowhere.
pub(super) fn io_3_a_pending_read_is_woken(rig: &Rig<'_>) {
    let rt = rig.rt();
    each_kind(
        rig,
        &rt,
        "IO-3: the wake of a pending read",
        |kind, mut stream, mut peer| async move {
            for place in 0..20 {
                let (lab, woken) = lab();
                park(&format!("IO-3: {kind:?}"), &mut stream, &lab.waker());
                peer.write_all(&bytes_at(3 * place, 3)).expect("a peer sends");
                woken.reached(1).await;
                let mut buf = [0; 3];
                let mut got = 0;
                while got < 3 {
                    let n = read(&mut stream, &mut buf[got..]).await;
                    let n = n.unwrap_or_else(|error| panic!("IO-3: {kind:?}: {error}"));
                    assert!(n > 0, "IO-3: {kind:?}: woken, and at the end");
                    got += n;
                }
                let wrong = wrong_at(3 * place, &buf);
                assert!(wrong.is_none(), "IO-3: {kind:?}: a wrong byte at {wrong:?}");
            }
            let (lab, woken) = lab();
            park(&format!("IO-3: {kind:?}"), &mut stream, &lab.waker());
            drop(peer);
            woken.reached(1).await;
            let end = read(&mut stream, &mut [0]).await;
            assert!(matches!(end, Ok(0)), "IO-3: {kind:?}: the end gave {end:?}");
        },
    );
    rig.shutdown(rt);
}

/// Polls a read of nothing.
fn park(what: &str, stream: &mut AnyStream, waker: &Waker) {
    let polled = Pin::new(stream).poll_read(&mut Context::from_waker(waker), &mut [0; 8]);
    assert!(polled.is_pending(), "{what}: nothing had come, and a read gave {polled:?}");
}

/// IO-3: a write that is pending has sent nothing, and its waker is woken when there is room.
///
/// Method: for every kind of stream, writes are polled by hand until one is pending, and stays so when it
/// is tried again later (a task may have to give way first). What was reported until then is what the
/// peer gets, and not a byte more; then our waker must have been woken, and the write is done.
///
/// If this fails, look for a write that is pending after a part of it was sent.
pub(super) fn io_3_a_pending_write_is_woken(rig: &Rig<'_>) {
    let rt = rig.rt();
    each_kind(
        rig,
        &rt,
        "IO-3: the wake of a pending write",
        |kind, mut stream, mut peer| async move {
            let (mut sent, mut in_a_row) = (0, 0);
            let (mut lab, mut woken) = lab();
            while in_a_row < 3 {
                (lab, woken) = self::lab();
                let bytes = bytes_at(sent, 4096);
                let waker = lab.waker();
                let polled =
                    Pin::new(&mut stream).poll_write(&mut Context::from_waker(&waker), &bytes);
                match polled {
                    Poll::Ready(Ok(n)) => (sent, in_a_row) = (sent + n, 0),
                    Poll::Ready(Err(error)) => panic!("IO-3: {kind:?}: writing gave {error}"),
                    Poll::Pending => {
                        in_a_row += 1;
                        GiveWay::default().await;
                    }
                }
            }
            let all = sent;
            let drains = thread::spawn(move || {
                let mut got = vec![0; all];
                peer.read_exact(&mut got).map(|()| (got, peer))
            });
            let drained = within_watchdog("IO-3: the peer to get what was sent", || drains.join());
            let (got, mut peer) = drained.expect("it reads").expect("as much as was reported");
            let wrong = wrong_at(0, &got);
            assert!(wrong.is_none(), "IO-3: {kind:?}: the peer got a wrong byte at {wrong:?}");
            woken.reached(1).await;
            drop(lab);
            let n = write(&mut stream, &bytes_at(sent, 100)).await;
            assert!(matches!(n, Ok(1..)), "IO-3: {kind:?}: with room again, a write gave {n:?}");
            let mut next = vec![0; n.unwrap_or_default()];
            peer.read_exact(&mut next).expect("a peer reads what was sent");
            let wrong = wrong_at(sent, &next);
            assert!(wrong.is_none(), "IO-3: {kind:?}: a pending write had sent byte {wrong:?}");
        },
    );
    rig.shutdown(rt);
}

/// How many bytes go back and forth in a storm, for each kind of stream.
const ROUNDS: usize = 150;

/// IO-8: neither `WouldBlock` nor `Interrupted` gets out of an operation.
///
/// Method: for every kind of stream, bytes go to a peer, who sends them back one by one, while another
/// process interrupts this one all the time.
pub(super) fn io_8_would_block_and_interrupted_stay_inside(rig: &Rig<'_>) {
    let rt = rig.rt();
    let storm = rig.setup("a shell that sends signals", Storm::begin());
    each_kind(rig, &rt, "IO-8: bytes there and back", |kind, mut stream, mut peer| async move {
        let echo = thread::spawn(move || {
            let mut byte = [0];
            while let Ok(1) = peer.read(&mut byte) {
                peer.write_all(&byte).expect("the stream is read to its end");
            }
        });
        for place in 0..ROUNDS {
            let n = write(&mut stream, &bytes_at(place, 1)).await;
            inside(&format!("IO-8: {kind:?}, writing"), &n);
            let mut byte = [0];
            let n = read(&mut stream, &mut byte).await;
            inside(&format!("IO-8: {kind:?}, reading"), &n);
            assert_eq!(wrong_at(place, &byte), None, "IO-8: {kind:?}: byte {place}");
        }
        drop(stream);
        within_watchdog("IO-8: the peer to end", || echo.join()).expect("it echoes");
    });
    rig.witness("interruptions", storm.end(), 1);
    rig.shutdown(rt);
}

fn inside(what: &str, moved: &std::io::Result<usize>) {
    let got_out = moved
        .as_ref()
        .is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted));
    assert!(!got_out, "{what}: {moved:?} got out");
    assert!(matches!(moved, Ok(1)), "{what}: gave {moved:?}");
}
