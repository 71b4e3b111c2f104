//! IO-1 and IO-6: how streams end.

use std::io::Read;
use std::thread;

use super::kinds::{close, each_kind, flush, read, write};
use crate::clauses::tcp::steps::{bytes_at, wrong_at};
use crate::rig::Rig;
use crate::toolbox::within_watchdog;

/// Some bytes: more than a buffer of the test's, less than the kernel's.
const SOME: usize = 5000;

/// IO-1: a read into a buffer with room answers 0 at the end only, and from then on always.
///
/// Method: for every kind of stream, a peer sends five thousand bytes and goes. Reads of a hundred bytes
/// answer at least one each until all have come; then five reads in a row answer 0.
///
/// If this fails, look for a stream that answers *nothing there* with 0, or tells its end once.
pub(super) fn io_1_zero_means_the_end_and_stays_so(rig: &Rig<'_>) {
    let rt = rig.rt();
    each_kind(
        rig,
        &rt,
        "IO-1: the bytes and then the end",
        |kind, mut stream, mut peer| async move {
            let sender = thread::spawn(move || peer.write_all(&bytes_at(0, SOME)));
            let (mut got, mut buf) = (0, [0; 100]);
            while got < SOME {
                let n = read(&mut stream, &mut buf).await;
                let n = n.unwrap_or_else(|error| panic!("IO-1: {kind:?}, after {got}: {error}"));
                assert!(n > 0, "IO-1: {kind:?}: 0 after {got} of {SOME} bytes");
                let wrong = wrong_at(got, &buf[..n]);
                assert!(wrong.is_none(), "IO-1: {kind:?}: a wrong byte at {wrong:?}");
                got += n;
            }
            for nth in 1..=5 {
                let n = read(&mut stream, &mut buf).await;
                assert!(matches!(n, Ok(0)), "IO-1: {kind:?}: read {nth} at the end gave {n:?}");
            }
            let sent = within_watchdog("IO-1: the peer to end", || sender.join());
            assert!(matches!(sent, Ok(Ok(()))), "IO-1: {kind:?}: the peer: {sent:?}");
        },
    );
    rig.shutdown(rt);
}

/// IO-6: closing sends what was written, ends that direction, and may be done twice; afterwards writes
/// fail.
///
/// Method: for every kind of stream, bytes are written in pieces, without a flush, and the stream is
/// closed: the peer gets all of them and the end. The same once more, flushed before. A second close is
/// no error; a write after it is one.
///
/// If this fails, look for a close that is not passed on to a flush, or a wrapper that ends by itself.
pub(super) fn io_6_closing_sends_everything_and_ends(rig: &Rig<'_>) {
    let rt = rig.rt();
    for flushed in [false, true] {
        let what = "IO-6: what was written before a close";
        each_kind(rig, &rt, what, move |kind, mut stream, mut peer| async move {
            let hears = thread::spawn(move || {
                let mut all = Vec::new();
                peer.read_to_end(&mut all).map(|_| (all, peer))
            });
            let all = bytes_at(0, SOME);
            let mut sent = 0;
            while sent < SOME {
                let piece = &all[sent..(sent + 777).min(SOME)];
                let n = write(&mut stream, piece).await;
                sent += n.unwrap_or_else(|error| panic!("IO-6: {kind:?}, writing: {error}"));
            }
            if flushed {
                let flushed = flush(&mut stream).await;
                assert!(flushed.is_ok(), "IO-6: {kind:?}: flushing gave {flushed:?}");
            }
            let closed = close(&mut stream).await;
            assert!(closed.is_ok(), "IO-6: {kind:?}: closing gave {closed:?}");
            let heard = within_watchdog("IO-6: the peer to hear the end", || hears.join());
            let (heard, peer) = heard.expect("it reads").expect("a peer reads to the end");
            assert_eq!(heard.len(), SOME, "IO-6: {kind:?}: how much the peer heard");
            let wrong = wrong_at(0, &heard);
            assert!(wrong.is_none(), "IO-6: {kind:?}: the peer heard a wrong byte at {wrong:?}");
            let again = close(&mut stream).await;
            assert!(again.is_ok(), "IO-6: {kind:?}: closing a second time gave {again:?}");
            let late = write(&mut stream, b"x").await;
            assert!(late.is_err(), "IO-6: {kind:?}: writing after the close gave {late:?}");
            drop(peer);
        });
    }
    rig.shutdown(rt);
}
