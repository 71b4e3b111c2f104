//! REACTOR-4: ends and errors reach whoever waits, in either direction, and the operation that follows
//! tells the truth.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use runtime_traits::io::{self, Async};
use socket2::SockRef;

use super::readiness::{is_full, pair, register, round_trips};
use crate::clauses::tcp::steps::{in_task, once};
use crate::clauses::tcp::transport::std_pair;
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::Tally;

/// A pipe, as files: reader and writer.
fn pipe(rig: &Rig<'_>) -> (File, File) {
    let made = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC);
    let (reader, writer) = rig.setup("a pipe", made.map_err(io::Error::from));
    (reader.into(), writer.into())
}

/// Writes until it fails, and says how. Calls `parked` when it has to wait for room.
///
/// A macro, because a closure over a borrowed source cannot be named by a trait bound.
macro_rules! write_until_error {
    ($stream:expr, $parked:expr) => {
        loop {
            let mut writing = Box::pin($stream.write_with(|mut s| s.write(&[7; 4096])));
            let polled = once(&mut writing).await;
            // Pending with room left: the task gives way.
            if polled.is_pending() && is_full(&*$stream) {
                $parked;
            }
            let wrote = match polled {
                Poll::Ready(wrote) => wrote,
                Poll::Pending => writing.await,
            };
            if let Err(error) = wrote {
                break error.kind();
            }
        }
    };
}

/// REACTOR-4: a writer that waits at a full pipe is told that its reader has gone.
///
/// Method: a pipe is filled until a write has to wait; bytes go through the reactor elsewhere, so the
/// wait has begun; the reader is closed. The write must fail with `BrokenPipe`.
///
/// If this fails with a hang, look for an error that is reported without *writable*.
pub(super) fn reactor_4_a_writer_hears_that_the_reader_went(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (reader, writer) = pipe(rig);
    let parked = Arc::new(Tally::new());
    let (writer, is_parked) = (rt.enter(|| register("REACTOR-4", writer)), parked.clone());
    let write = rt.spawn(async move { write_until_error!(&writer, is_parked.add()) });
    in_task(rig, &rt, "REACTOR-4: a writer whose reader has gone", async move {
        parked.reached(1).await;
        round_trips("REACTOR-4", 5).await;
        drop(reader);
        let kind = write.await;
        assert!(
            matches!(kind, Ok(ErrorKind::BrokenPipe)),
            "REACTOR-4: writing to nobody: {kind:?}"
        );
    });
    rig.shutdown(rt);
}

/// REACTOR-4: a reader that waits at an empty pipe is told that its writer has gone; what was written
/// before comes first.
///
/// Method: first the writer leaves while a read waits: it must be ready with the end. Then a writer
/// leaves bytes and goes before anybody reads: they must come, in reads of two bytes, and then the end.
///
/// If this fails, look for a hang-up that is reported without *readable*, or one that ends the reading
/// though bytes are left.
pub(super) fn reactor_4_a_reader_hears_that_the_writer_went(rig: &Rig<'_>) {
    let rt = rig.rt();
    let ((ours, writer), (later, mut leaves)) = (pipe(rig), pipe(rig));
    let ours = rt.enter(|| register("REACTOR-4", ours));
    let parked = Arc::new(Tally::new());
    let is_parked = parked.clone();
    let read = rt.spawn(async move {
        let mut byte = [0];
        let mut reading = Box::pin(ours.read_with(|mut pipe| pipe.read(&mut byte)));
        let early = once(&mut reading).await;
        assert!(early.is_pending(), "REACTOR-4: an empty pipe was read: {early:?}");
        is_parked.add();
        reading.await
    });
    in_task(rig, &rt, "REACTOR-4: a reader whose writer has gone", async move {
        parked.reached(1).await;
        round_trips("REACTOR-4", 5).await;
        drop(writer);
        let end = read.await;
        assert!(matches!(end, Ok(Ok(0))), "REACTOR-4: reading from nobody gave {end:?}");

        let later = register("REACTOR-4", later);
        leaves.write_all(b"abcde").expect("std writes");
        drop(leaves);
        round_trips("REACTOR-4", 5).await;
        for expected in ["ab", "cd", "e", "", ""] {
            let mut buf = [0; 2];
            let read = later.read_with(|mut pipe| pipe.read(&mut buf)).await;
            let n = read.unwrap_or_else(|error| panic!("REACTOR-4: {error}"));
            assert_eq!(&buf[..n], expected.as_bytes(), "REACTOR-4: read after the writer went");
        }
    });
    rig.shutdown(rt);
}

/// REACTOR-4: waiters of both directions of a socket are told that the peer has gone.
///
/// Method: a writer waits at a full buffer and a reader at an empty one, in two tasks; the peer goes,
/// with bytes unread. The write must fail; the read must see the end or the reset.
///
/// If this fails with a hang, look for a hang-up that wakes readers alone.
pub(super) fn reactor_4_both_directions_hear_of_a_hang_up(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (ours, theirs) = pair(rig);
    let ours = Arc::new(rt.enter(|| register("REACTOR-4", ours)));
    both_hear(rig, &rt, ours, move || drop(theirs));
    rig.shutdown(rt);
}

/// REACTOR-4: waiters of both directions of a connection are told that it was reset.
///
/// Method: as before, with TCP; the peer resets. What it had sent before the end of a second connection
/// comes first.
pub(super) fn reactor_4_both_directions_hear_of_a_reset(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (ours, theirs) = rig.setup("a connection of std's", std_pair());
    let ours = Arc::new(rt.enter(|| register("REACTOR-4", ours)));
    both_hear(rig, &rt, ours, move || {
        SockRef::from(&theirs).set_linger(Some(Duration::ZERO)).expect("an option of the socket");
        drop(theirs);
    });
    let (ours, mut theirs) = rig.setup("a connection of std's", std_pair());
    in_task(rig, &rt, "REACTOR-4: what came before a half-close", async move {
        let ours = register("REACTOR-4", ours);
        theirs.write_all(b"abc").expect("std writes");
        theirs.shutdown(Shutdown::Write).expect("std ends writing");
        round_trips("REACTOR-4", 5).await;
        for expected in ["ab", "c", ""] {
            let mut buf = [0; 2];
            let read = ours.read_with(|mut stream: &TcpStream| stream.read(&mut buf)).await;
            let n = read.unwrap_or_else(|error| panic!("REACTOR-4: {error}"));
            assert_eq!(&buf[..n], expected.as_bytes(), "REACTOR-4: read after the end came");
        }
    });
    rig.shutdown(rt);
}

/// A writer and a reader park, the writer first; `go` is called; both are ready with what that means.
fn both_hear<T>(rig: &Rig<'_>, rt: &Rt, ours: Arc<Async<T>>, go: impl FnOnce() + Send + 'static)
where
    T: Send + Sync + 'static,
    for<'a> &'a T: Read + Write,
{
    let (full, parked) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
    let (writer, is_full_now) = (ours.clone(), full.clone());
    let write = rt.spawn(async move { write_until_error!(&writer, is_full_now.add()) });
    let (reader, is_parked) = (ours.clone(), parked.clone());
    let read = rt.spawn(async move {
        full.reached(1).await;
        let mut byte = [0];
        let mut reading = Box::pin(reader.read_with(|mut stream| stream.read(&mut byte)));
        let early = once(&mut reading).await;
        assert!(early.is_pending(), "REACTOR-4: nothing had come, and was read: {early:?}");
        is_parked.add();
        reading.await.map_err(|error| error.kind())
    });
    in_task(rig, rt, "REACTOR-4: a reader and a writer whose peer has gone", async move {
        parked.reached(1).await;
        round_trips("REACTOR-4", 5).await;
        go();
        let read = read.await;
        let fine = matches!(read, Ok(Ok(0) | Err(ErrorKind::ConnectionReset)));
        assert!(fine, "REACTOR-4: the reader whose peer has gone got {read:?}");
        let write = write.await;
        let fine = matches!(write, Ok(ErrorKind::BrokenPipe | ErrorKind::ConnectionReset));
        assert!(fine, "REACTOR-4: the writer whose peer has gone got {write:?}");
    });
    drop(ours);
}
