//! REACTOR-3: reading and writing one source are two things.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use runtime_traits::io::Async;

use super::readiness::{drain, is_full, pair, read_byte, register, round_trips};
use crate::clauses::tcp::steps::{byte_at, in_task, once};
use crate::rig::Rig;
use crate::toolbox::Tally;
use crate::toolbox::fence::{GiveWay, fence};

const TOGGLES: usize = 200;
/// How often an operation may be tried again while nothing concerns it: a runtime may be wrong about
/// readiness now and then, and not all the time.
const SPURIOUS_MAX: usize = 50;

/// REACTOR-3: a reader that waits is neither satisfied nor forgotten while the other direction fills
/// and drains, and does not try over and over.
///
/// Method: a reader parks. A writer of the same source fills the buffer until it has to wait, the peer
/// takes all, the writer goes on; two hundred times. The reader has read nothing. While many tasks
/// run and nothing comes, its operation is tried only a bounded number of times. Then a byte comes, and
/// is read.
///
/// If this fails, look for one waker, one count or one flag that serves both directions.
pub(super) fn reactor_3_room_does_not_disturb_a_reader(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (ours, mut theirs) = pair(rig);
    rig.setup("making a socket non-blocking", theirs.set_nonblocking(true));
    let ours = Arc::new(rt.enter(|| register("REACTOR-3", ours)));
    let tries = Arc::new(AtomicUsize::new(0));
    let (reader, tried) = (ours.clone(), tries.clone());
    let (read, begun) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
    let (is_read, has_begun) = (read.clone(), begun.clone());
    let reader = rt.spawn(async move {
        let mut byte = [0];
        let mut reading = Box::pin(reader.read_with(|mut stream| {
            tried.fetch_add(1, Ordering::SeqCst);
            stream.read(&mut byte)
        }));
        let early = once(&mut reading).await;
        assert!(early.is_pending(), "REACTOR-3: a read was ready with {early:?} at first");
        has_begun.add();
        let done = reading.await;
        assert!(matches!(done, Ok(1)), "REACTOR-3: the read gave {done:?}");
        assert_eq!(byte, *b"x", "REACTOR-3: the byte that was read");
        is_read.add();
    });
    let handle = rt.handle().clone();
    in_task(rig, &rt, "REACTOR-3: a writer to go on, then a reader", async move {
        begun.reached(1).await;
        let bytes = [7; 4096];
        for _ in 0..TOGGLES {
            fill_and_wait(&ours, &bytes, &mut theirs).await;
        }
        assert_eq!(read.count(), 0, "REACTOR-3: a read was satisfied by room for writing");
        let before = tries.load(Ordering::SeqCst);
        fence(&handle, 2).await;
        round_trips("REACTOR-3", 10).await;
        let more = tries.load(Ordering::SeqCst) - before;
        assert!(more <= SPURIOUS_MAX, "REACTOR-3: an idle reader tried {more} times");
        theirs.write_all(b"x").expect("std writes");
        read.reached(1).await;
    });
    drop(rig.drive(&rt, "REACTOR-3: the reader to end", reader));
    rig.shutdown(rt);
}

/// Writes until that has to wait, then lets the peer take all, and waits for the write to be done.
async fn fill_and_wait(ours: &Async<UnixStream>, bytes: &[u8], theirs: &mut UnixStream) {
    loop {
        let mut writing = Box::pin(ours.write_with(|mut stream| stream.write(bytes)));
        match once(&mut writing).await {
            Poll::Ready(wrote) => assert!(matches!(wrote, Ok(1..)), "REACTOR-3: {wrote:?}"),
            Poll::Pending => {
                drain(theirs);
                let wrote = writing.await;
                assert!(matches!(wrote, Ok(1..)), "REACTOR-3: a write that waited: {wrote:?}");
                return;
            }
        }
    }
}

/// REACTOR-3: a writer that waits is neither satisfied nor forgotten while bytes come in.
///
/// Method: the other way round: a writer parks on a full buffer; two hundred bytes come in, one after
/// the other, and are read. Then the peer takes what was written, and the writer goes on.
pub(super) fn reactor_3_bytes_do_not_disturb_a_writer(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (ours, mut theirs) = pair(rig);
    rig.setup("making a socket non-blocking", theirs.set_nonblocking(true));
    let ours = Arc::new(rt.enter(|| register("REACTOR-3", ours)));
    let (writer, full) = (ours.clone(), Arc::new(Tally::new()));
    let (wrote, is_parked) = (Arc::new(Tally::new()), full.clone());
    let has_written = wrote.clone();
    let writer = rt.spawn(async move {
        loop {
            let mut writing = Box::pin(writer.write_with(|mut stream| stream.write(&[7; 4096])));
            let polled = once(&mut writing).await;
            if polled.is_pending() && is_full(&writer) {
                is_parked.add();
                let done = writing.await;
                assert!(matches!(done, Ok(1..)), "REACTOR-3: the write gave {done:?}");
                has_written.add();
                return;
            }
            GiveWay::default().await;
        }
    });
    in_task(rig, &rt, "REACTOR-3: a reader beside a parked writer, then the writer", async move {
        full.reached(1).await;
        for place in 0..TOGGLES {
            theirs.write_all(&[byte_at(place)]).expect("std writes");
            assert_eq!(read_byte("REACTOR-3", &ours).await, byte_at(place), "REACTOR-3: a byte");
        }
        assert_eq!(wrote.count(), 0, "REACTOR-3: a write was satisfied by bytes to read");
        drain(&mut theirs);
        wrote.reached(1).await;
    });
    drop(rig.drive(&rt, "REACTOR-3: the writer to end", writer));
    rig.shutdown(rt);
}
