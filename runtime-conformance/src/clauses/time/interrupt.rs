//! TIME-4: an earlier deadline interrupts a driver that sleeps for a later one.

use std::future::{Future, poll_fn};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Instant;

use runtime_traits::time::{Duration, Sleep};

use super::{HOUR, now, poll_once, sleep_on};
use crate::Cap;
use crate::rig::{Rig, await_outside};
use crate::rt::Rt;
use crate::toolbox::{Stress, hand_poll, kernel};

/// How often the driver is interrupted, each time in another way.
const ROUNDS: usize = 32;
/// For how long we look whether everybody sleeps before we go on without having seen it.
const LOOKING: Duration = Duration::from_millis(20);
/// The deadline that comes too late if the driver does not hear of it.
const SOON: Duration = Duration::from_millis(2);

/// TIME-4: a timer that is made for, or reset to, an earlier deadline from any thread interrupts a
/// driver that already sleeps for a later one.
///
/// Method: one timer waits for an hour, and a source for a byte that never comes. When every thread of the
/// process sleeps, says the kernel, somebody wants to be woken in 2 ms: a thread that belongs to no
/// runtime, or a task; with a new timer, or with one that is moved here from an hour. If the driver is
/// not told, that is a hang. The witness counts how often all threads were seen asleep.
///
/// With a virtual clock nobody sleeps: there the earlier one must come before the hour.
///
/// If this fails, look for a decision "need I wake the driver?" that compares with an old deadline, or
/// that is only taken for new timers, or on the runtime's own threads.
pub(super) fn time_4_an_earlier_deadline_interrupts_the_driver(rig: &Rig<'_>) {
    if rig.has(Cap::Simtime) {
        return the_earlier_comes_first(rig);
    }
    let rt = rig.rt();
    let later = rt.enter(|| an_hour(&rt));
    let silent = rig.has(Cap::Fd).then(|| wait_for_a_byte(rig, &rt));
    let of: &Rt = &rt;
    let asleep =
        rig.drive_while(of, "TIME-4: an earlier deadline than the driver sleeps for", || {
            (0..ROUNDS).map(|round| u64::from(interrupt(of, round))).sum()
        });
    rig.witness("everybody asleep", asleep, ROUNDS as u64 / 4);
    drop((later, silent));
    rig.shutdown(rt);
}

/// A timer that is pending. By hand: a task that waits may be polled meanwhile, which is TASK-8's.
fn an_hour(rt: &Rt) -> Sleep {
    let mut timer = sleep_on(rt, HOUR);
    let first = poll_once(&mut timer, Waker::noop());
    assert!(first.is_pending(), "TIME-4: an hour passed at once");
    timer
}

/// Wants to be woken soon, in one of four ways; whether everybody was seen asleep before.
fn interrupt(rt: &Rt, round: usize) -> bool {
    let moves = round % 2 == 1;
    let mut timer = if moves { an_hour(rt) } else { sleep_on(rt, HOUR) };
    let asleep = everybody_sleeps();
    if moves {
        timer.reset(now(rt) + SOON);
    } else {
        timer = sleep_on(rt, SOON);
    }
    match round / 2 % 2 {
        0 => await_outside("TIME-4: a timer armed by a thread while the driver slept", timer),
        _ => {
            let task = rt.spawn(timer);
            let hang = "TIME-4: a timer armed by a task while the driver slept";
            let outcome = await_outside(hang, task);
            outcome.unwrap_or_else(|error| panic!("TIME-4: a task that slept ended: {error}"));
        }
    }
    asleep
}

/// Waits until no thread but this one runs, for a moment at most.
fn everybody_sleeps() -> bool {
    let me = kernel::this_thread().unwrap_or_default();
    let others_sleep =
        || kernel::threads().iter().all(|thread| thread.id == me || thread.state == 'S');
    let late = Instant::now() + LOOKING;
    loop {
        thread::yield_now();
        if others_sleep() {
            return true;
        }
        if Instant::now() >= late {
            return false;
        }
    }
}

/// A future that waits for what never comes; its peer.
fn wait_for_a_byte(rig: &Rig<'_>, rt: &Rt) -> (Pin<Box<dyn Future<Output = ()>>>, TcpStream) {
    let listener = rig.setup("a listener", TcpListener::bind("127.0.0.1:0"));
    let address = rig.setup("its address", listener.local_addr());
    let ours = rig.setup("a connection", TcpStream::connect(address));
    let (peer, _) = rig.setup("its other end", listener.accept());
    let ours = rig.setup("a source", runtime_traits::io::Async::new_on(rt.handle(), ours));
    let mut silent = Box::pin(async move { _ = ours.readable().await });
    let first = hand_poll(&mut silent, Waker::noop());
    assert!(first.is_pending(), "TIME-4: a silent socket was readable");
    (silent, peer)
}

/// The same without a driver that sleeps: the clock is virtual.
fn the_earlier_comes_first(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive(&rt, "TIME-4: an earlier deadline than others wait for", async {
        for moves in [false, true] {
            let later = sleep_on(&rt, HOUR);
            let an_hour = later.deadline();
            let later = rt.spawn(later);
            let mut timer = sleep_on(&rt, HOUR + HOUR);
            if moves {
                let first = poll_fn(|cx| Poll::Ready(Pin::new(&mut timer).poll(cx))).await;
                assert!(first.is_pending(), "TIME-4: two hours passed at once");
            }
            timer.reset(now(&rt) + SOON);
            timer.await;
            let in_time = now(&rt) < an_hour;
            assert!(in_time, "TIME-4: a deadline 2 ms away came after one an hour away");
            later.abort();
        }
    });
    rig.shutdown(rt);
}

/// How many timers each thread arms, and what for.
const RACES: usize = 300;
const ARMERS: u64 = 3;
const SHORT_MIN: u64 = 20;
const SHORT_SPREAD: u64 = 400;

/// TIME-4: a deadline that is armed just while the driver goes to sleep is not lost.
///
/// Method: three threads arm timers of 20 to 420 µs, one after the other, with random pauses between,
/// beside an hour that is pending; a third of them are resets. So the driver lies down and is called
/// all the time, and arming falls into every moment of that. A lost deadline is a hang. The witness
/// counts how often threads went to sleep.
///
/// If this fails, look for a deadline that the driver computed before it released the lock, or
/// published after.
pub(super) fn time_4_nor_is_it_lost_while_the_driver_lies_down(rig: &Rig<'_>) {
    let rt = rig.rt();
    let later = rt.enter(|| an_hour(&rt));
    let before = kernel::voluntary_switches();
    let (mut random, rounds) = (rig.random(), rig.rounds(RACES));
    let of: &Rt = &rt;
    rig.drive_while(of, "TIME-4: timers armed by three threads", || {
        thread::scope(|scope| {
            for _ in 0..ARMERS {
                let seed = random.below(u64::MAX);
                scope.spawn(move || arm_again_and_again(of, seed, rounds));
            }
        });
    });
    // Where the kernel is silent there is nothing to count.
    let known = !kernel::threads().is_empty();
    let slept = kernel::voluntary_switches().saturating_sub(before);
    rig.witness("sleeps", if known { slept } else { u64::MAX }, 20);
    drop(later);
    rig.shutdown(rt);
}

fn arm_again_and_again(rt: &Rt, seed: u64, rounds: usize) {
    let mut stress = Stress::new(crate::toolbox::Random::new(seed), rounds);
    while stress.again() {
        let short = Duration::from_micros(SHORT_MIN + stress.random().below(SHORT_SPREAD));
        let timer = match stress.random().below(3) {
            0 => moved_here(rt, short),
            _ => sleep_on(rt, short),
        };
        await_outside("TIME-4: a timer armed by a thread while the driver lay down", timer);
        stress.perturb();
    }
}

/// A timer that was pending for an hour and is now for less.
fn moved_here(rt: &Rt, short: Duration) -> Sleep {
    let mut timer = an_hour(rt);
    timer.reset(now(rt) + short);
    timer
}
