//! BLOCKON-2 and BLOCKON-3: the thread sleeps, and is woken.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use runtime_traits::time::sleep;

use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::{Gate, Stress, Tally, cpu, foreign, kernel, within_watchdog};

// ── BLOCKON-2 ───────────────────────────────────────────────────────────────────────────────────

/// How far apart looks at the threads are, at least, and for how long there are some, at most.
const APART: Duration = Duration::from_millis(1);
const LOOKING: Duration = Duration::from_millis(1500);
/// A thread that was seen asleep so often sleeps.
const ASLEEP: usize = 16;
/// A thread that was seen so often to have used its time and to want more spins.
const AWAKE: usize = 8;
/// A thread that between two looks went to sleep anew, so often, sleeps with an alarm: it asks again and
/// again. What starts or ends may do so a few times.
const RESTLESS: usize = 40;
/// How many threads the part with several has.
const THREADS: usize = 4;

/// BLOCKON-2: while nothing is ready, the thread sleeps.
///
/// Method: a root waits for a wake; another thread looks at all threads of the process, again and
/// again, and wakes it when it has seen enough. A thread that sleeps is seen asleep. One that spins, or
/// yields, is seen to want the processor, to have used it since the last look, and to want it still;
/// that is so on a busy machine too, where it only takes longer. A thread that wants the processor
/// and does not get it counts for neither. One that is asleep must be so from one look to the next, at
/// most times: the kernel counts how often each went to sleep. On a busy machine looks are farther
/// apart, and sleep that nobody ends has no end.
///
/// If this fails, look for a loop that yields where it should park, a timeout of zero or of a
/// millisecond, or an event that is never cleared.
pub(super) fn blockon_2_a_thread_with_nothing_to_do_sleeps(rig: &Rig<'_>) {
    let rt = rig.rt();
    look_while(rig, 1, |begun, end| {
        rig.drive(&rt, "BLOCKON-2: a wake from a plain thread", wait(begun, end));
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
    look_while(rig, 1, |begun, end| {
        let (mut readable, mut end) = (pin!(socket.readable()), pin!(wait(begun, end)));
        let main = poll_fn(|cx| {
            let early = Pin::new(&mut far).poll(cx).is_ready();
            let early = early || readable.as_mut().poll(cx).is_ready();
            assert!(!early, "BLOCKON-2: an hour passed, or a silent socket was readable");
            end.as_mut().poll(cx)
        });
        rig.drive(&rt, "BLOCKON-2: a wake from a plain thread", main);
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
    look_while(rig, THREADS, |begun, end| drive_many(&rt, begun, end));
    rig.shutdown(rt);
}

/// Drives on several threads until `end`.
fn drive_many(rt: &Rt, begun: &Tally, end: &Tally) {
    let ends: Vec<_> = (0..THREADS).map(|_| Tally::new()).collect();
    within_watchdog("BLOCKON-2: four threads inside `block_on` to be woken", || {
        thread::scope(|scope| {
            for end in &ends {
                scope.spawn(|| rt.block_on(wait(begun, end)));
            }
            foreign::block_on(end.reached(1));
            ends.iter().for_each(Tally::add);
        });
    });
}

/// A root that waits.
async fn wait(begun: &Tally, end: &Tally) {
    begun.add();
    end.reached(1).await;
}

/// Looks at all threads while `idle` waits with so many roots, and says what that means.
fn look_while(rig: &Rig<'_>, roots: usize, idle: impl FnOnce(&Tally, &Tally)) {
    let (begun, end) = (Tally::new(), Tally::new());
    let found = thread::scope(|scope| {
        let looking = scope.spawn(|| {
            foreign::block_on(begun.reached(roots));
            let found = look();
            end.add();
            found
        });
        idle(&begun, &end);
        looking.join().expect("BLOCKON-2: it only looks")
    });
    match found {
        Found::AllSleep => {}
        Found::Spins(thread) => panic!("BLOCKON-2: with nothing to do, thread {thread} runs on"),
        Found::Asks(thread) => panic!("BLOCKON-2: with nothing to do, thread {thread} wakes up"),
        Found::Unclear => rig.inconclusive("threads were seen neither asleep nor to run"),
    }
}

enum Found {
    AllSleep,
    /// A thread, and how it was seen.
    Spins(String),
    /// The same for one that wakes up, finds nothing and sleeps again.
    Asks(String),
    Unclear,
}

/// How a thread was seen.
#[derive(Default)]
struct Seen {
    asleep: usize,
    awake: usize,
    /// What it had used at the last look.
    used: Duration,
    /// Looks since which, at the next, it had gone to sleep anew; and had not.
    restless: usize,
    calm: usize,
    /// How often it had gone to sleep at the last look.
    sleeps: Option<u64>,
}

impl Seen {
    fn look(&mut self, thread: &kernel::Thread) {
        let used = cpu::of_thread(thread.id);
        match thread.state {
            'R' => self.awake += usize::from(used > self.used && !self.used.is_zero()),
            _ => self.asleep += 1,
        }
        self.used = used;
        let sleeps = kernel::voluntary_switches_of(thread.id);
        match self.sleeps.replace(sleeps) {
            Some(before) if before != sleeps => self.restless += 1,
            Some(_) => self.calm += 1,
            None => {}
        }
    }

    /// It sleeps, and not for a moment only.
    fn sleeps(&self) -> bool {
        self.asleep >= ASLEEP && self.calm >= ASLEEP && self.calm > 2 * self.restless
    }
}

/// Looks at the threads of this process but this one, until it is clear what they do.
fn look() -> Found {
    let (me, late) = (kernel::this_thread().ok(), Instant::now() + LOOKING);
    let mut seen: HashMap<u32, Seen> = HashMap::new();
    while Instant::now() < late {
        let others: Vec<_> = kernel::threads().into_iter().filter(|t| Some(t.id) != me).collect();
        for thread in &others {
            let seen = seen.entry(thread.id).or_default();
            seen.look(thread);
            if seen.awake >= AWAKE && seen.awake > 2 * seen.asleep {
                let (name, awake, asleep) = (&thread.name, seen.awake, seen.asleep);
                return Found::Spins(format!("`{name}` ({awake} times awake, {asleep} asleep)"));
            }
            if seen.restless >= RESTLESS && seen.restless > seen.calm {
                let (name, looks) = (&thread.name, seen.restless + seen.calm);
                return Found::Asks(format!(
                    "`{name}`, between {} of {looks} looks",
                    seen.restless
                ));
            }
        }
        let sleeps = |thread: &kernel::Thread| seen[&thread.id].sleeps();
        if !others.is_empty() && others.iter().all(sleeps) {
            return Found::AllSleep;
        }
        thread::sleep(APART); // or the looks are one
    }
    Found::Unclear
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
