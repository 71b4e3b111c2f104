//! TIME-1 and TIME-2: not before the deadline, and at once if it is reached.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use runtime_traits::Handle;
use runtime_traits::time::{Duration, Instant, timeout, timeout_at};

use super::{HOUR, now, poll_once, sleep_on, until_on};
use crate::rig::{Rig, let_time_pass_until, timer};
use crate::rt::Rt;
use crate::toolbox::{Stress, Tally};

/// How many timers run at once, and how often.
const AT_ONCE: usize = 25;
const BATCHES: usize = 20;
/// How many of them are watched closely.
const WATCHED: usize = 20;
const DELAY_MAX: Duration = Duration::from_millis(20);

/// TIME-1: a timer is never ready before its deadline, on the runtime's own clock.
///
/// Method: 500 delays from 0 to 20 ms, in batches that run together; each reads the clock right after
/// it was ready. 20 more are polled over and over until they are ready, since a runtime that would
/// answer too early is otherwise saved by waking too late. The deadline may not lie before what was
/// asked for at the call either. Red is always right; green is stochastic on a real clock.
///
/// If this fails, look for a deadline rounded down to a tick, or a timeout handed to the operating
/// system in whole milliseconds with the timer fired on return.
pub(super) fn time_1_never_fires_early(rig: &Rig<'_>) {
    let rt = rig.rt();
    let mut random = rig.random();
    let mut delay = || Duration::from_nanos(random.below(DELAY_MAX.as_nanos() as u64));
    let early = Arc::new(Mutex::new(Vec::new()));
    rig.drive(&rt, "TIME-1: 500 timers of up to 20 ms", async {
        for _ in 0..BATCHES {
            let done = Arc::new(Tally::new());
            let spawn = |_| {
                let (early, done) = (early.clone(), done.clone());
                let watched = watch(rt.clone(), delay(), Patience::Wakes);
                rt.spawn(async move {
                    let found = watched.await;
                    early.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
                    done.add();
                })
            };
            let _kept: Vec<_> = (0..AT_ONCE).map(spawn).collect();
            done.reached(AT_ONCE).await;
        }
        for _ in 0..WATCHED {
            let found = watch(rt.clone(), delay(), Patience::PollsOn).await;
            early.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
        }
    });
    rig.shutdown(rt);
    let early = early.lock().unwrap_or_else(PoisonError::into_inner);
    let worst = early.iter().max();
    assert!(
        worst.is_none(),
        "TIME-1: {} of 520 timers were early, by up to {worst:?}",
        early.len()
    );
}

/// When a timer is polled.
#[derive(Clone, Copy, PartialEq)]
enum Patience {
    /// When it was woken.
    Wakes,
    /// All the time, giving way to others in between.
    PollsOn,
}

/// Sleeps for `delay`; how early that was, if it was.
async fn watch(runtime: Rt, delay: Duration, patience: Patience) -> Option<Duration> {
    let now = || timer(runtime.handle()).now();
    let asked = now() + delay;
    let mut sleep = sleep_on(&runtime, delay);
    let deadline = sleep.deadline().max(asked);
    let ready_at = poll_fn(|cx| {
        if Pin::new(&mut sleep).poll(cx).is_ready() {
            return Poll::Ready(now());
        }
        if patience == Patience::PollsOn {
            let_a_little_time_pass(runtime.handle());
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    });
    let ready_at = ready_at.await;
    (ready_at < deadline).then(|| deadline - ready_at)
}

/// A virtual clock stands still while something can run, so it is turned by hand.
fn let_a_little_time_pass(handle: &Handle) {
    if let Some(clock) = handle.runtime().virtual_time() {
        clock.advance_to(timer(handle).now() + Duration::from_micros(130));
    }
}

/// TIME-1: the deadline is fixed when the timer is made, not when it is first polled.
///
/// Method: make a timer, let the runtime's clock pass its deadline, then poll for the first time: it
/// must be ready. Also when other timers were armed in between.
///
/// If this fails, look for a timer that starts, or asks its driver, at the first poll. A deadline
/// that is reached needs no driver: compare it with the clock.
pub(super) fn time_1_the_deadline_is_fixed_at_creation(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive(
        &rt,
        "TIME-1: the clock to move by 5 ms",
        poll_fn(|cx| {
            let mut late = sleep_on(&rt, Duration::from_millis(5));
            let mut other = sleep_on(&rt, HOUR);
            assert!(Pin::new(&mut other).poll(cx).is_pending(), "TIME-1: an hour passed at once");
            let_time_pass_until(rt.handle(), late.deadline());
            let now = timer(rt.handle()).now();
            assert!(now >= late.deadline(), "TIME-1: the clock went back");
            let first = Pin::new(&mut late).poll(cx);
            assert!(
                first.is_ready(),
                "TIME-1: first polled {:?} after its deadline, a timer was not ready",
                now - late.deadline()
            );
            Poll::Ready(())
        }),
    );
    rig.shutdown(rt);
}

/// How often each kind of reached deadline is asked for.
const REACHED: usize = 2_000;

/// TIME-2: a deadline that is zero, now or past is ready within two polls.
///
/// Method: timers and time limits of no length, with a deadline in the past, and moved into the past
/// while pending, one after the other, thousands of them. Each is polled once, and after that once for
/// each wake, so the polls that it needed are the runtime's doing. One that is armed and never woken is
/// a hang. Where the clock is virtual, a marker one nanosecond ahead shows that it did not move.
///
/// If this fails, look for `>` where `>=` is meant, for an entry that is filed in a slot already
/// passed, and for "at least one tick" added to every delay.
pub(super) fn time_2_a_reached_deadline_is_ready_at_once(rig: &Rig<'_>) {
    let rt = rig.rt();
    let mut stress = Stress::new(rig.random(), rig.rounds(REACHED));
    rig.drive(&rt, "TIME-2: a timer whose deadline is reached already", async {
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let mut marker = until_on(&rt, now(&rt) + Duration::from_nanos(1));
        let is_virtual = rt.handle().runtime().virtual_time().is_some();
        if is_virtual {
            assert!(
                poll_once(&mut marker, &waker).is_pending(),
                "TIME-2: the clock does not stand"
            );
        }
        for _ in 0..REACHED / 10 {
            at_once("a deadline long past", until_on(&rt, Instant::ZERO)).await;
        }
        if is_virtual {
            let stood = poll_once(&mut marker, &waker).is_pending();
            assert!(stood, "TIME-2: past deadlines made the virtual clock move");
        }
        drop(marker);
        while stress.again() {
            one_of_each(&rt).await;
        }
    });
    rig.shutdown(rt);
}

/// Every kind of timer whose time has come.
async fn one_of_each(rt: &Rt) {
    at_once("a delay of zero", sleep_on(rt, Duration::ZERO)).await;
    at_once("a deadline of now", until_on(rt, now(rt))).await;
    at_once("a past deadline", until_on(rt, now(rt) - Duration::from_millis(3))).await;
    at_once("the first instant", until_on(rt, Instant::ZERO)).await;
    let limit = rt.enter(|| timeout(Duration::ZERO, pending::<()>()));
    assert!(at_once("a time limit of zero", limit).await.is_err());
    let limit = rt.enter(|| timeout_at(Instant::ZERO, pending::<()>()));
    assert!(at_once("a past time limit", limit).await.is_err());
    let mut moved = sleep_on(rt, HOUR);
    let first = poll_once(&mut moved, Waker::noop());
    assert!(first.is_pending(), "TIME-2: an hour passed at once");
    moved.reset(now(rt) - Duration::from_millis(1));
    at_once("a timer moved into the past", moved).await;
    sleep_on(rt, Duration::from_nanos(1)).await; // ahead or not, as the clock has it
}

/// Awaits `future`, which may take two polls.
async fn at_once<F: Future + Unpin>(what: &str, future: F) -> F::Output {
    let (output, polls) = counted(future).await;
    assert!(polls <= 2, "TIME-2: {what} was ready at poll {polls}, each after a wake");
    output
}

/// Polls once, and then once for each wake; how often that was.
async fn counted<F: Future + Unpin>(mut future: F) -> (F::Output, usize) {
    let woken = Arc::new(Woken { now: AtomicBool::new(true), outer: Mutex::default() });
    let waker = Waker::from(woken.clone());
    let mut polls = 0;
    poll_fn(|cx| {
        *woken.outer.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        if !woken.now.swap(false, Ordering::SeqCst) {
            return Poll::Pending; // polled for another reason
        }
        polls += 1;
        let polled = pin!(&mut future).poll(&mut Context::from_waker(&waker));
        polled.map(|output| (output, polls))
    })
    .await
}

/// Passes wakes on, and remembers that there was one.
struct Woken {
    now: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.now.store(true, Ordering::SeqCst);
        let outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner).take();
        outer.into_iter().for_each(Waker::wake);
    }
}
