//! SHUTDOWN-4: those outside who wait for the runtime.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(unix)]
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;
use std::thread;

use runtime_traits::Gone;
use runtime_traits::time::{Duration, Sleep, sleep, timeout, try_sleep};

use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::{Stress, Tally, foreign, within_watchdog};

/// Far enough that nobody lives to see it.
const HOUR: Duration = Duration::from_secs(3600);
/// How often somebody begins to wait while a runtime ends, and how many at once.
const RACES: usize = 40;
const RACERS: usize = 3;

/// SHUTDOWN-4: whoever waits for a timer on an executor of nobody's is told when the runtime ends: by
/// an error, or by the panic that `sleep` documents. Whoever begins to wait afterwards as well.
///
/// Method: threads wait for an hour, by `poll_elapsed`, by the future, and inside a timeout. When all
/// have been polled the runtime ends, and each must come back, not with "elapsed". Then one more.
///
/// If this fails, look for wakers that are dropped with the timer instead of woken.
pub(super) fn shutdown_4_timers_outside_are_told(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (polled, after) = (Tally::new(), rt.clone());
    let nap = || rt.enter(|| sleep(HOUR));
    let (elapsed, plain) = (nap(), nap());
    let within = rt.enter(|| timeout(HOUR, std::future::pending::<()>()));
    thread::scope(|scope| {
        let polled = &polled;
        scope.spawn(move || {
            let outcome = waits(polled, "a timer, by `poll_elapsed`", by_elapsed(elapsed));
            assert!(outcome.is_err(), "SHUTDOWN-4: an hour passed when the runtime ended");
        });
        // These say it by a panic, or in their output: all that is asked is that they come back.
        scope.spawn(move || back(polled, "a timer", plain));
        scope.spawn(move || back(polled, "a timeout", async { _ = within.await }));
        foreign::block_on(polled.reached(3));
        rig.shutdown(rt);
    });
    if let Ok(late) = after.enter(|| try_sleep(HOUR)) {
        back(&polled, "a timer that was made afterwards", async { _ = by_elapsed(late).await });
    }
}

/// Awaits `future` here; adds to `polled` when it has been polled once.
fn waits<F: Future>(polled: &Tally, what: &str, future: F) -> F::Output {
    within_watchdog(&format!("SHUTDOWN-4: {what}, when its runtime ended"), || {
        let mut future = std::pin::pin!(future);
        let mut first = true;
        foreign::block_on(poll_fn(|cx| {
            let answer = future.as_mut().poll(cx);
            if std::mem::replace(&mut first, false) {
                polled.add();
            }
            answer
        }))
    })
}

/// As [`waits`], with a panic as good as an answer.
fn back(polled: &Tally, what: &str, future: impl Future<Output = ()>) {
    let _ = catch_unwind(AssertUnwindSafe(|| waits(polled, what, future)));
}

async fn by_elapsed(mut nap: Sleep) -> Result<(), Gone> {
    poll_fn(|cx| nap.poll_elapsed(cx)).await
}

/// SHUTDOWN-4: the same for those who begin to wait while the runtime ends.
///
/// Method: threads make a timer and wait for it, while another ends the runtime after a random pause.
/// How many of them waited, and were not refused at once, is the witness.
///
/// If this fails, look for a flag that is read before the entry is made, with the wakes in between.
pub(super) fn shutdown_4_timers_that_race_with_the_end_are_told(rig: &Rig<'_>) {
    let mut stress = Stress::new(rig.random(), rig.rounds(RACES));
    let waited = AtomicUsize::new(0);
    while stress.again() {
        let owner = rig.rt();
        let begun = Tally::new();
        let racers: Vec<(Rt, u64)> =
            (0..RACERS).map(|_| (owner.clone(), stress.random().below(64))).collect();
        thread::scope(|scope| {
            for (rt, pause) in &racers {
                let (begun, waited) = (&begun, &waited);
                scope.spawn(move || {
                    begun.add();
                    (0..*pause * 8).for_each(|_| std::hint::spin_loop());
                    race(rt, waited);
                });
            }
            foreign::block_on(begun.reached(RACERS));
            stress.perturb();
            rig.shutdown(owner);
        });
    }
    rig.witness("waited", waited.load(Ordering::SeqCst) as u64, 1);
}

/// Waits for a timer until the runtime ends.
fn race(rt: &Rt, waited: &AtomicUsize) {
    let Ok(mut nap) = rt.enter(|| try_sleep(HOUR)) else { return };
    let wait = poll_fn(|cx: &mut Context<'_>| {
        let answer = nap.poll_elapsed(cx);
        waited.fetch_add(usize::from(answer.is_pending()), Ordering::SeqCst);
        answer
    });
    let what = "SHUTDOWN-4: a timer that was made while its runtime ended";
    let _ = within_watchdog(what, || catch_unwind(AssertUnwindSafe(|| foreign::block_on(wait))));
}

/// SHUTDOWN-4: the same for sockets: readable, a read, writable, and an accept; registering
/// afterwards answers an error, if not at once, then when it is waited for.
///
/// If this fails, look for waiters that are forgotten with the table of sources.
#[cfg(unix)]
pub(super) fn shutdown_4_sockets_outside_are_told(rig: &Rig<'_>) {
    use std::io::Read;
    use std::net::TcpListener;
    use std::os::unix::net::UnixStream;

    use runtime_traits::io::Async;

    let rt = rig.rt();
    let (polled, after) = (Tally::new(), rt.clone());
    let pairs: Vec<_> = (0..3).map(|_| crate::usable::a_socket(rig, &rt)).collect();
    let (ours, theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let listener = a_listener(rig);
    let accepts = rig.setup("registering a listener", rt.enter(|| Async::new(listener)));
    fill(rig, ours[2].get_ref());
    thread::scope(|scope| {
        let (polled, ours, accepts) = (&polled, &ours, &accepts);
        let told = |what: &'static str, wait: BoxedWait<'_>| {
            let outcome = waits(polled, what, wait);
            assert!(outcome.is_err(), "SHUTDOWN-4: {what}: {outcome:?} when the runtime ended");
        };
        scope.spawn(move || told("a socket that is silent", Box::pin(ours[0].readable())));
        scope.spawn(move || {
            let read = async {
                ours[1].read_with(|mut socket: &UnixStream| socket.read(&mut [0])).await.map(drop)
            };
            told("a read", Box::pin(read));
        });
        scope.spawn(move || told("a socket that is full", Box::pin(ours[2].writable())));
        scope.spawn(move || {
            let accept = async { accepts.read_with(TcpListener::accept).await.map(drop) };
            told("an accept", Box::pin(accept));
        });
        foreign::block_on(polled.reached(4));
        rig.shutdown(rt);
    });
    let (late, _peer) = rig.setup("a pair of sockets", UnixStream::pair());
    if let Ok(late) = after.enter(|| Async::new(late)) {
        let outcome = waits(&polled, "a socket registered afterwards", late.readable());
        assert!(outcome.is_err(), "SHUTDOWN-4: a socket registered afterwards gave {outcome:?}");
    }
    drop(theirs);
}

/// Something that is waited for with an `io::Result`.
#[cfg(unix)]
type BoxedWait<'a> = Pin<Box<dyn Future<Output = std::io::Result<()>> + 'a>>;

#[cfg(unix)]
fn a_listener(rig: &Rig<'_>) -> std::net::TcpListener {
    rig.setup("a listener", std::net::TcpListener::bind(("127.0.0.1", 0)))
}

/// Writes until there is no room.
#[cfg(unix)]
fn fill(rig: &Rig<'_>, mut socket: &std::os::unix::net::UnixStream) {
    loop {
        match std::io::Write::write(&mut socket, &[0; 65536]) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
            Err(error) => rig.setup("filling a socket", Err(error)),
        }
    }
}

#[cfg(not(unix))]
pub(super) fn shutdown_4_sockets_outside_are_told(rig: &Rig<'_>) {
    rig.inconclusive("sockets are made for this on Unix only");
}
