//! REACTOR-1 and REACTOR-2: what is ready is reported.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use runtime_traits::io::{self, Async};

use crate::clauses::tcp::steps::{byte_at, in_task};
use crate::rig::{Rig, await_outside};
use crate::toolbox::{Stress, foreign, kernel, within_watchdog};

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

/// Whether the kernel says that nothing can be written; pending alone may be a task giving way.
pub(super) fn is_full<T>(stream: &Async<T>) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut asked = [PollFd::new(stream, PollFlags::OUT)];
    matches!(poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
}
