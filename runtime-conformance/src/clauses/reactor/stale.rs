//! REACTOR-5: readiness that is none of a source's, or none at all, completes nothing.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::thread;

use runtime_traits::io::Async;

use super::readiness::{pair, register, round_trips};
use crate::clauses::tcp::steps::{in_task, once};
use crate::rig::Rig;
use crate::toolbox::fence::{GiveWay, fence};
use crate::toolbox::within_watchdog;

/// How often a number is asked for, if the system does not give it at once.
const TRIES: usize = 500;

/// REACTOR-5: a source whose number was another's before is left alone by what happens to the other.
///
/// Method: a source is registered, and the very descriptor that is registered is duplicated, so that
/// what it refers to lives on; it is deregistered and closed. Another pair's end is registered, until
/// it is registered under the same number. Its read parks. Then the old pair becomes readable. The
/// read must still be pending when bytes have gone through the reactor elsewhere, and read its own
/// byte when that comes.
///
/// If this fails, look for sources that the kernel is not told to forget, because they are about to be
/// closed, and for events that are told apart by the number alone.
pub(super) fn reactor_5_a_reused_number_hears_nothing_of_the_old(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (old, mut old_peer) = pair(rig);
    let (new, mut new_peer) = pair(rig);
    let handle = rt.handle().clone();
    let reused = in_task(rig, &rt, "REACTOR-5: the reader of a source", async move {
        let old = register("REACTOR-5", old);
        let number = registered_as(&old);
        let lives_on = old.as_fd().try_clone_to_owned().expect("a duplicate of a descriptor");
        let waited = once(&mut Box::pin(old.readable())).await;
        assert!(waited.is_pending(), "REACTOR-5: nothing had come, and is readable: {waited:?}");
        let old = old.into_inner();
        let Some(new) = under(number, new).await else { return false };
        let mut byte = [0];
        let mut reading = Box::pin(new.read_with(|mut stream| stream.read(&mut byte)));
        let early = once(&mut reading).await;
        assert!(early.is_pending(), "REACTOR-5: nothing had come, and was read: {early:?}");
        old_peer.write_all(b"old").expect("std writes");
        round_trips("REACTOR-5", 10).await;
        fence(&handle, 2).await;
        let still = once(&mut reading).await;
        assert!(still.is_pending(), "REACTOR-5: an event of another source completed {still:?}");
        new_peer.write_all(b"n").expect("std writes");
        let read = reading.await;
        assert!(matches!(read, Ok(1)), "REACTOR-5: its own byte was read as {read:?}");
        assert_eq!(byte, *b"n", "REACTOR-5: the byte that was read");
        drop((old, lives_on));
        true
    });
    if !reused {
        rig.inconclusive("the system did not give the number again");
    }
    rig.shutdown(rt);
}

/// The number under which the runtime knows it.
fn registered_as<T>(source: &Async<T>) -> RawFd {
    source.as_fd().as_raw_fd()
}

/// `stream`, registered under this number: the system gives the lowest that is free, so lower ones are
/// filled up.
async fn under(number: RawFd, mut stream: UnixStream) -> Option<Async<UnixStream>> {
    let mut fillers = Vec::new();
    for _ in 0..TRIES {
        let registered = register("REACTOR-5", stream);
        let got = registered_as(&registered);
        if got == number {
            return Some(registered);
        }
        stream = registered.into_inner();
        if got < number {
            fillers.push(File::open("/dev/null").expect("a descriptor"));
        }
        GiveWay::default().await; // a descriptor may be closed a little later
    }
    None
}

/// How often the operation finds nothing, though something is there.
const NOTHING: usize = 8;

/// REACTOR-5: an operation that finds nothing although the source is ready is tried again at the next
/// event, and its *would block* never gets out.
///
/// Method: the operation is ours; eight times it answers *would block* although bytes are there, each
/// time asking the peer, who sends from a thread, for one more. Then it reads.
///
/// If this fails, look for a second *would block* that is taken for a result.
pub(super) fn reactor_5_spurious_readiness_stays_inside(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (ours, mut theirs) = pair(rig);
    let (ask, asked) = std::sync::mpsc::channel::<()>();
    let sender = thread::spawn(move || {
        for () in asked.iter() {
            let _ = theirs.write_all(b"x"); // the task may have read enough, and gone
        }
    });
    in_task(rig, &rt, "REACTOR-5: an operation that found nothing at first", async move {
        let ours = register("REACTOR-5", ours);
        let (mut tried, mut buf) = (0, [0; 64]);
        let read = ours.read_with(|mut stream| {
            tried += 1;
            if tried <= NOTHING {
                ask.send(()).expect("the thread lives as long as this");
                return Err(ErrorKind::WouldBlock.into());
            }
            stream.read(&mut buf)
        });
        let read = read.await;
        assert!(matches!(read, Ok(1..)), "REACTOR-5: after {tried} tries the read gave {read:?}");
        assert!(tried > NOTHING, "REACTOR-5: {read:?} after {tried} tries, none of which read");
        drop(ask);
        ours
    });
    within_watchdog("REACTOR-5: the thread to end", || sender.join()).expect("it sends");
    rig.shutdown(rt);
}
