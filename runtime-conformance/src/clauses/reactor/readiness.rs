//! REACTOR-1 to REACTOR-3: what is ready is reported, and only that.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use runtime_traits::io::{self, Async};

use crate::clauses::tcp::steps::{byte_at, in_task, once};
use crate::rig::{Rig, await_outside};
use crate::toolbox::fence::{GiveWay, fence};
use crate::toolbox::{Stress, Tally, foreign, kernel, within_watchdog};

/// A pair of sockets, the first for the runtime.
pub(super) fn pair(rig: &Rig<'_>) -> (UnixStream, UnixStream) {
    rig.setup("a pair of sockets", UnixStream::pair())
}

/// Registers with the current runtime.
pub(super) fn register<T: io::AsSource>(id: &str, source: T) -> Async<T> {
    Async::new(source).unwrap_or_else(|error| panic!("{id}: registering a source: {error}"))
}

/// Reads one byte.
pub(super) async fn read_byte(id: &str, stream: &Async<UnixStream>) -> u8 {
    let mut byte = [0];
    let read = stream.read_with(|mut stream| stream.read(&mut byte)).await;
    assert!(matches!(read, Ok(1)), "{id}: reading one byte gave {read:?}");
    byte[0]
}

/// Bytes there and back through the reactor: events that were there before have been seen then.
pub(super) async fn round_trips(id: &str, times: usize) {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let (ours, theirs) = (register(id, ours), register(id, theirs));
    for place in 0..times {
        let byte = [byte_at(place)];
        let wrote = ours.write_with(|mut s| s.write(&byte)).await;
        assert!(matches!(wrote, Ok(1)), "{id}: writing one byte gave {wrote:?}");
        assert_eq!(read_byte(id, &theirs).await, byte[0], "{id}: the byte that came");
    }
}

/// REACTOR-1: a source that is ready when it is registered is reported, without anything new.
///
/// Method: the peer writes; the source is registered; its reader, and its writer, are awaited. Nothing
/// else happens. Then the same once more with what is still there.
///
/// If this fails with a hang, look for an edge that is waited for and was before the registration.
pub(super) fn reactor_1_what_was_ready_before_is_reported(rig: &Rig<'_>) {
    let rt = rig.rt();
    for _ in 0..10 {
        let (ours, mut theirs) = pair(rig);
        rig.setup("writing to a socket", theirs.write_all(b"ab"));
        in_task(rig, &rt, "REACTOR-1: a source that was ready before", async move {
            let ours = register("REACTOR-1", ours);
            let ready = ours.readable().await;
            assert!(ready.is_ok(), "REACTOR-1: what was readable before gave {ready:?}");
            let ready = ours.writable().await;
            assert!(ready.is_ok(), "REACTOR-1: what was writable before gave {ready:?}");
            assert_eq!(read_byte("REACTOR-1", &ours).await, b'a', "REACTOR-1: the first byte");
            let ready = ours.readable().await;
            assert!(ready.is_ok(), "REACTOR-1: what is still readable gave {ready:?}");
            assert_eq!(read_byte("REACTOR-1", &ours).await, b'b', "REACTOR-1: the second byte");
        });
        drop(theirs);
    }
    rig.shutdown(rt);
}

/// REACTOR-1: what became ready after the registration, and before anybody awaited it, is reported to
/// the first who does.
///
/// Method: the source is registered, the peer writes, and bytes go through the reactor on another
/// pair, so that the event has been seen and nobody was there for it. Then the reader is awaited.
pub(super) fn reactor_1_what_became_ready_unawaited_is_reported(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (ours, mut theirs) = pair(rig);
    in_task(rig, &rt, "REACTOR-1: a source that became ready unawaited", async move {
        let ours = register("REACTOR-1", ours);
        theirs.write_all(b"x").expect("std writes");
        round_trips("REACTOR-1", 10).await;
        let ready = ours.readable().await;
        assert!(ready.is_ok(), "REACTOR-1: what became readable gave {ready:?}");
        assert_eq!(read_byte("REACTOR-1", &ours).await, b'x', "REACTOR-1: the byte");
    });
    rig.shutdown(rt);
}

const TRIES: usize = 20;
/// So long an operation goes on after the event, every other time: the driver has then seen it.
const LINGER: Duration = Duration::from_millis(1);

/// REACTOR-2: readiness that comes after the operation found nothing, and before the wait, is not lost.
///
/// Method: the operation is ours: it reads and finds nothing; it lets the peer write; and it answers
/// *would block*, as it found. Every other time it goes on for a moment, so that the event is there
/// before the answer. The byte must be read, since nothing else will happen.
///
/// If this fails with a hang, look for readiness that is cleared by an answer which is older than the
/// event.
pub(super) fn reactor_2_readiness_that_comes_during_the_try(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (ours, mut theirs) = pair(rig);
    in_task(rig, &rt, "REACTOR-2: a byte that came while the read was tried", async move {
        let ours = register("REACTOR-2", ours);
        for place in 0..TRIES {
            let (mut byte, mut told) = ([0], false);
            let read = ours.read_with(|mut stream| {
                let read = stream.read(&mut byte);
                if !told && read.as_ref().is_err_and(would_block) {
                    told = true;
                    theirs.write_all(&[byte_at(place)]).expect("std writes");
                    linger(place);
                }
                read
            });
            let read = read.await;
            assert!(matches!(read, Ok(1)), "REACTOR-2: byte {place} was read as {read:?}");
            assert_eq!(byte[0], byte_at(place), "REACTOR-2: byte {place}");
            assert!(told, "REACTOR-2: byte {place} was read before it was sent");
        }
    });
    rig.shutdown(rt);
}

fn would_block(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

/// Widens the window every other time; orders nothing.
fn linger(place: usize) {
    if place % 2 == 1 {
        thread::sleep(LINGER);
    }
}

/// REACTOR-2: the same for writing: room that is made while a write is tried.
///
/// Method: as for reading. The write finds the buffer full, lets the peer take everything, and answers
/// *would block*.
pub(super) fn reactor_2_room_that_comes_during_the_try(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (ours, mut theirs) = pair(rig);
    rig.setup("making a socket non-blocking", theirs.set_nonblocking(true));
    in_task(rig, &rt, "REACTOR-2: room that came while a write was tried", async move {
        let ours = register("REACTOR-2", ours);
        let bytes = [7; 4096];
        for nth in 0..TRIES {
            let mut drained = false;
            while !drained {
                let wrote = ours.write_with(|mut stream| {
                    let wrote = stream.write(&bytes);
                    if !drained && wrote.as_ref().is_err_and(would_block) {
                        drained = true;
                        drain(&mut theirs);
                        linger(nth);
                    }
                    wrote
                });
                let wrote = wrote.await;
                assert!(matches!(wrote, Ok(1..)), "REACTOR-2: write {nth} gave {wrote:?}");
            }
        }
    });
    rig.shutdown(rt);
}

/// Takes everything there is.
pub(super) fn drain(stream: &mut UnixStream) -> usize {
    let (mut all, mut buf) = (0, [0; 4096]);
    while let Ok(n @ 1..) = stream.read(&mut buf) {
        all += n;
    }
    all
}

const PING_PONGS: usize = 5000;
/// How often somebody has to have slept for this to have shown anything.
const PARKS_MIN: u64 = 100;

/// REACTOR-2: bytes go back and forth between a task and a thread of std's.
///
/// Method: thousands of times, with random pauses on the other side, so that the answer comes now
/// before, now in, now after the wait. Green can be luck; the witness is how often threads slept.
///
/// If this fails with a hang, look for a wake between the last look and the sleep that is not kept.
pub(super) fn reactor_2_ping_pong_with_a_thread(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (ours, mut theirs) = pair(rig);
    let mut stress = Stress::new(rig.random(), rig.rounds(PING_PONGS));
    let parks = kernel::voluntary_switches();
    let echo = thread::spawn(move || {
        let mut byte = [0];
        while matches!(theirs.read(&mut byte), Ok(1)) {
            stress.perturb();
            theirs.write_all(&byte).expect("the task reads until it has all");
        }
    });
    let mut rounds = Stress::new(rig.random(), rig.rounds(PING_PONGS));
    in_task(rig, &rt, "REACTOR-2: a byte that comes back from a thread", async move {
        let ours = register("REACTOR-2", ours);
        let mut place = 0;
        while rounds.again() {
            let byte = [byte_at(place)];
            let wrote = ours.write_with(|mut stream| stream.write(&byte)).await;
            assert!(matches!(wrote, Ok(1)), "REACTOR-2: sending byte {place} gave {wrote:?}");
            assert_eq!(read_byte("REACTOR-2", &ours).await, byte[0], "REACTOR-2: byte {place}");
            place += 1;
        }
        let _ = ours.get_ref().shutdown(Shutdown::Both); // so that the thread sees the end
    });
    within_watchdog("REACTOR-2: the thread to see the end", || echo.join()).expect("it echoes");
    rig.witness("times that a thread slept", kernel::voluntary_switches() - parks, PARKS_MIN);
    rig.shutdown(rt);
}

const OUTSIDE: usize = 1000;

/// REACTOR-2: two ends of a pair, both of the runtime, polled by two threads that belong to nobody.
///
/// Method: bytes go back and forth; the runtime is driven meanwhile.
///
/// If this fails with a hang, look for a wake that reaches only the runtime's own threads.
pub(super) fn reactor_2_ping_pong_outside(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (ours, theirs) = pair(rig);
    let register = |end| rt.enter(|| register("REACTOR-2", end));
    let (ours, theirs) = (register(ours), register(theirs));
    let rounds = rig.rounds(OUTSIDE);
    let parks = kernel::voluntary_switches();
    rig.drive_while(&rt, "REACTOR-2: two ends that are polled outside", || {
        thread::scope(|scope| {
            let second = scope.spawn(|| foreign::block_on(answer(theirs, rounds)));
            let ours = await_outside("REACTOR-2: the first end", ask(ours, rounds));
            let theirs = second.join().expect("REACTOR-2: the second end panicked");
            drop((ours, theirs));
        });
    });
    rig.witness("times that a thread slept", kernel::voluntary_switches() - parks, PARKS_MIN);
    rig.shutdown(rt);
}

/// Sends so many bytes, each when the one before has come back.
async fn ask(end: Async<UnixStream>, rounds: usize) -> Async<UnixStream> {
    for place in 0..rounds {
        let byte = [byte_at(place)];
        let wrote = end.write_with(|mut stream| stream.write(&byte)).await;
        assert!(matches!(wrote, Ok(1)), "REACTOR-2: sending byte {place} gave {wrote:?}");
        assert_eq!(read_byte("REACTOR-2", &end).await, byte[0], "REACTOR-2: byte {place}, back");
    }
    end
}

/// Sends back every byte, so many of them.
async fn answer(end: Async<UnixStream>, rounds: usize) -> Async<UnixStream> {
    for place in 0..rounds {
        let byte = [read_byte("REACTOR-2", &end).await];
        assert_eq!(byte[0], byte_at(place), "REACTOR-2: byte {place} at the second end");
        let wrote = end.write_with(|mut stream| stream.write(&byte)).await;
        assert!(matches!(wrote, Ok(1)), "REACTOR-2: answering byte {place} gave {wrote:?}");
    }
    end
}

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

/// Whether the kernel says that nothing can be written; pending alone may be a task giving way.
pub(super) fn is_full<T>(stream: &Async<T>) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut asked = [PollFd::new(stream, PollFlags::OUT)];
    matches!(poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
}
