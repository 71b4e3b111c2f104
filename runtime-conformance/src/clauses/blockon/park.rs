//! BLOCKON-2 and BLOCKON-3: the thread sleeps, and is woken.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use runtime_traits::time::sleep;

use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::{Gate, Stress, Tally, cpu, kernel, within_watchdog};

// ── BLOCKON-2 ───────────────────────────────────────────────────────────────────────────────────

/// How many windows are measured at most, and how long each is.
const WINDOWS: usize = 12;
const WINDOW: Duration = Duration::from_millis(60);
/// The share of a spinning thread's CPU time that sleeping threads may use.
const SHARE_MAX: f64 = 0.2;
/// In so many windows they used more: then they do not sleep.
const BURNT: usize = 2;
/// In so many quiet windows they did not: then they do.
const SLEPT: usize = 4;
/// What the control gets of one CPU in a window that counts as quiet. A thread that spins and yields
/// gets nothing beside many others that do not, and cannot be told from one that sleeps.
const QUIET: f64 = 0.4;
/// How many threads the part with several has.
const THREADS: usize = 4;

/// BLOCKON-2: while nothing is ready, the thread sleeps.
///
/// Method: a root waits for a wake that comes from a plain thread at the end of a window of 60 ms.
/// What all threads of the process used meanwhile is compared with a control thread that spins in the
/// same window, so a busy machine slows both.
///
/// If this fails, look for a loop that yields where it should park, a timeout of zero, or an event
/// that is never cleared.
pub(super) fn blockon_2_a_thread_with_nothing_to_do_sleeps(rig: &Rig<'_>) {
    let rt = rig.rt();
    judge(rig, || {
        window(|end| rig.drive(&rt, "BLOCKON-2: a wake from a plain thread", end.reached(1)))
    });
    rig.shutdown(rt);
}

/// BLOCKON-2: the same while the root waits for a timer far away and for a silent socket.
///
/// If this fails, look for readiness that is reported again and again, and for a context that is
/// missing in `block_on`, so that waiting turns into asking.
#[cfg(unix)]
pub(super) fn blockon_2_a_thread_that_waits_for_events_sleeps(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (socket, _peer) = crate::usable::a_socket(rig, &rt);
    let mut far = rt.enter(|| sleep(Duration::from_secs(3600)));
    judge(rig, || {
        window(|end| {
            let (mut readable, mut end) = (pin!(socket.readable()), pin!(end.reached(1)));
            let main = poll_fn(|cx| {
                let early = Pin::new(&mut far).poll(cx).is_ready();
                let early = early || readable.as_mut().poll(cx).is_ready();
                assert!(!early, "BLOCKON-2: an hour passed, or a silent socket was readable");
                end.as_mut().poll(cx)
            });
            rig.drive(&rt, "BLOCKON-2: a wake from a plain thread", main);
        })
    });
    drop((socket, far));
    rig.shutdown(rt);
}

#[cfg(not(unix))]
pub(super) fn blockon_2_a_thread_that_waits_for_events_sleeps(rig: &Rig<'_>) {
    rig.inconclusive("sockets are made for this on Unix only");
}

/// BLOCKON-2: the same with four threads inside `block_on`.
///
/// If this fails, look for a thread that may not drive and asks all the time whether it may.
pub(super) fn blockon_2_several_threads_sleep(rig: &Rig<'_>) {
    let rt = rig.rt();
    judge(rig, || window(|end| drive_many(&rt, end)));
    rig.shutdown(rt);
}

/// Drives on several threads until `end`.
fn drive_many(rt: &Rt, end: &Tally) {
    let ends: Vec<_> = (0..THREADS).map(|_| Tally::new()).collect();
    within_watchdog("BLOCKON-2: four threads inside `block_on` to be woken", || {
        thread::scope(|scope| {
            for end in &ends {
                scope.spawn(|| rt.block_on(end.reached(1)));
            }
            crate::toolbox::foreign::block_on(end.reached(1));
            ends.iter().for_each(Tally::add);
        });
    });
}

/// Measures, and says what that means. A thread that sleeps uses no CPU time, however busy the machine
/// is: so two windows in which it did are enough for a verdict.
fn judge(rig: &Rig<'_>, mut window: impl FnMut() -> Option<Window>) {
    window(); // what starts at the first use is not part of it
    let (mut burnt, mut slept) = (Vec::new(), 0);
    for _ in 0..WINDOWS {
        match window() {
            Some(window) if window.share >= SHARE_MAX => burnt.push(window.share),
            Some(window) => slept += usize::from(window.is_quiet),
            None => {}
        }
        assert!(
            burnt.len() < BURNT,
            "BLOCKON-2: with nothing to do, the process used {burnt:.2?} times the CPU time of a \
             thread that spun beside it"
        );
        if slept == SLEPT {
            return;
        }
    }
    rig.inconclusive("the machine is too busy to tell threads that spin from threads that sleep");
}

/// What was seen in one window.
struct Window {
    /// What all threads but the control used, as a multiple of what that got.
    share: f64,
    is_quiet: bool,
}

/// Lets `idle` wait for a window, with a control beside it. `None`: nobody counts CPU time.
fn window(idle: impl FnOnce(&Tally)) -> Option<Window> {
    let (end, over) = (Tally::new(), AtomicBool::new(false));
    thread::scope(|scope| {
        let (says, control) = channel();
        let over = &over;
        let spinning = scope.spawn(move || {
            let _ = says.send(kernel::this_thread().ok());
            let begun = Instant::now();
            while !over.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            (cpu::of_this_thread(), begun.elapsed())
        });
        let control = control.recv().ok()?;
        let (me, at_end) = (kernel::this_thread().ok(), &end);
        let before = used_by_threads();
        scope.spawn(move || {
            thread::sleep(WINDOW); // the window itself
            over.store(true, Ordering::Relaxed);
            at_end.add();
        });
        // Looking takes time, too: this thread's own is taken right before and after.
        let mine = cpu::of_this_thread();
        idle(&end);
        let mine = cpu::of_this_thread().saturating_sub(mine);
        let after = used_by_threads();
        let (spun, lasted) = spinning.join().ok()?;
        let used = |(id, now): (&u32, &Duration)| {
            let since = before.get(id).copied().unwrap_or_default();
            let is_ours = Some(*id) == control || Some(*id) == me;
            if is_ours { Duration::ZERO } else { now.saturating_sub(since) }
        };
        let used = mine + after.iter().map(used).sum::<Duration>();
        let share = used.as_secs_f64() / spun.as_secs_f64();
        let is_quiet = spun.as_secs_f64() > QUIET * lasted.as_secs_f64();
        (!spun.is_zero()).then_some(Window { share, is_quiet })
    })
}

/// CPU time of each thread so far.
fn used_by_threads() -> HashMap<u32, Duration> {
    kernel::threads().into_iter().map(|thread| (thread.id, cpu::of_thread(thread.id))).collect()
}

// ── BLOCKON-3 ───────────────────────────────────────────────────────────────────────────────────

/// How often the token is taken, and faked.
const ROUNDS: usize = 50;
/// Rounds of the race.
const RACES: usize = 10_000;
/// How many sleeps show that the race was met.
const PARKS_MIN: u64 = 20;

/// BLOCKON-3: a wake that comes before the park is kept although user code parks this very thread,
/// and user code that unparks it makes nothing of it but one more look.
///
/// Method: in its poll the root has another thread wake it, waits until that call has returned, then
/// parks itself with no patience: if the wake was a token of the thread's, it is gone now. In other
/// rounds it unparks itself first. It must be polled again in each.
///
/// If this fails, look for a `block_on` that relies on `std::thread::park` without a flag.
pub(super) fn blockon_3_user_code_takes_the_thread_s_token(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (to_waker, wakers) = channel::<(Waker, Arc<Gate>)>();
    let foreign = thread::spawn(move || {
        for (waker, woken) in wakers {
            waker.wake();
            woken.open();
        }
    });
    rig.drive(&rt, "BLOCKON-3: a poll after a wake, the thread's token being taken", async move {
        let mut round = 0;
        poll_fn(|cx| {
            round += 1;
            if round > ROUNDS {
                return Poll::Ready(());
            }
            token_round(round, &to_waker, cx);
            Poll::Pending
        })
        .await;
    });
    foreign.join().expect("BLOCKON-3: `wake` panicked on a foreign thread");
    rig.shutdown(rt);
}

/// Is woken and takes, or fakes, the thread's token.
fn token_round(round: usize, to_waker: &Sender<(Waker, Arc<Gate>)>, cx: &Context<'_>) {
    let woken = Arc::new(Gate::new("BLOCKON-3: a call of `wake` to return on a foreign thread"));
    let sent = to_waker.send((cx.waker().clone(), woken.clone()));
    sent.expect("the foreign thread lives as long as the sender");
    woken.wait();
    if round % 3 == 0 {
        thread::current().unpark();
    }
    if round % 3 != 1 {
        thread::park_timeout(Duration::ZERO);
    }
}

/// BLOCKON-3: no wake is lost, whenever it comes: in the poll, before the park, in it.
///
/// Method: another thread announces a number and wakes the root, after a pause of random length; the
/// root waits for that number, ten thousand times. In between it parks and unparks its own thread.
/// Sleeps of this thread are the witness.
///
/// If this fails, look for a park without a look at the flag after announcing it.
pub(super) fn blockon_3_wakes_around_the_park_are_not_lost(rig: &Rig<'_>) {
    let rt = rig.rt();
    let said = Arc::new(AtomicUsize::new(0));
    let (ask, asked) = channel::<(usize, Waker)>();
    let (hears, mut pauses) = (said.clone(), Stress::new(rig.random(), RACES));
    let foreign = thread::spawn(move || answer(&asked, &hears, &mut pauses));
    let me = kernel::this_thread().ok();
    let parks = || me.map_or(PARKS_MIN, kernel::voluntary_switches_of);
    let before = if me.is_some() { parks() } else { 0 };
    let mut stress = Stress::new(rig.random(), rig.rounds(RACES));
    rig.drive(&rt, "BLOCKON-3: a poll after a wake at a random moment", async {
        while stress.again() {
            one_race(stress.done() as usize, &said, &ask, stress.random().below(4)).await;
        }
    });
    rig.witness("parks", parks().saturating_sub(before), PARKS_MIN);
    drop(ask);
    foreign.join().expect("BLOCKON-3: `wake` panicked on a foreign thread");
    rig.shutdown(rt);
}

/// Says each number that it is asked for, after a pause, and wakes.
fn answer(asked: &Receiver<(usize, Waker)>, said: &AtomicUsize, pauses: &mut Stress) {
    for (number, waker) in asked {
        pauses.perturb();
        if pauses.random().below(16) == 0 {
            thread::sleep(Duration::from_micros(50)); // widens the window: the root parks
        }
        said.store(number, Ordering::Relaxed);
        waker.wake();
    }
}

/// Asks for `number` and waits until it was said.
async fn one_race(number: usize, said: &AtomicUsize, ask: &Sender<(usize, Waker)>, own_token: u64) {
    let mut asked = false;
    poll_fn(|cx| {
        if !std::mem::replace(&mut asked, true) {
            ask.send((number, cx.waker().clone())).expect("the foreign thread lives on");
        }
        match own_token {
            0 => thread::current().unpark(),
            1 => thread::park_timeout(Duration::ZERO),
            _ => {}
        }
        if said.load(Ordering::Relaxed) == number { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
