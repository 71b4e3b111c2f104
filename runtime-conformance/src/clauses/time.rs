//! Timers and the clock.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use runtime_traits::Handle;
use runtime_traits::time::{Duration, Sleep, sleep};

use crate::case::{Case, Untested};
use crate::rig::{Rig, let_time_pass_until, timer};
use crate::rt::Rt;
use crate::toolbox::Tally;

pub(crate) const CASES: &[Case] = &[
    Case::new("TIME-1", time_1_never_fires_early).stochastic(),
    Case::new("TIME-1", time_1_the_deadline_is_fixed_at_creation)
        .part("lazy-start", "is the deadline fixed when a timer is made, not at its first poll?"),
];

pub(crate) const UNTESTED: &[Untested] = &[];

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
fn time_1_never_fires_early(rig: &Rig<'_>) {
    let rt = rig.rt();
    let mut random = rig.random();
    let mut delay = || Duration::from_nanos(random.below(DELAY_MAX.as_nanos() as u64));
    let early = Arc::new(Mutex::new(Vec::new()));
    rig.drive(&rt, "TIME-1: 500 timers of up to 20 ms", async {
        for _ in 0..BATCHES {
            let done = Arc::new(Tally::new());
            for _ in 0..AT_ONCE {
                let (early, done) = (early.clone(), done.clone());
                let watched = watch(rt.clone(), delay(), Patience::Wakes);
                drop(rt.spawn(async move {
                    let found = watched.await;
                    early.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
                    done.add();
                }));
            }
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

/// A timer of `runtime`, also where that is not current: which one is, is CTX's business.
fn sleep_on(runtime: &Rt, delay: Duration) -> Sleep {
    runtime.enter(|| sleep(delay))
}

/// TIME-1: the deadline is fixed when the timer is made, not when it is first polled.
///
/// Method: make a timer, let the runtime's clock pass its deadline, then poll for the first time: it
/// must be ready. Also when other timers were armed in between.
///
/// If this fails, look for a timer that starts, or asks its driver, at the first poll. A deadline
/// that is reached needs no driver: compare it with the clock.
fn time_1_the_deadline_is_fixed_at_creation(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive(
        &rt,
        "TIME-1: the clock to move by 5 ms",
        poll_fn(|cx| {
            let mut late = sleep_on(&rt, Duration::from_millis(5));
            let mut other = sleep_on(&rt, Duration::from_secs(3600));
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
