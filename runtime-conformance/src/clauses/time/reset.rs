//! TIME-6: moving a deadline.

use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use runtime_traits::time::{Duration, Instant, Sleep};

use super::{HOUR, now, pass_until, poll_once, sleep_on};
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::{Stress, Tally, WakerLab};

/// What a timer can have behind it when it is reset.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Never polled.
    New,
    /// Polled, its deadline near.
    Pending,
    /// Polled, its deadline far.
    PendingLong,
    /// Its deadline came and its waker was woken; not polled since.
    Woken,
    /// It was ready.
    Fired,
}

/// Where it is moved.
#[derive(Debug, Clone, Copy)]
enum To {
    /// Where it was.
    Same,
    /// A little ahead.
    Soon,
    /// Later than what it waited for.
    Later,
    /// Before now.
    Past,
    /// Far away, polled there, and back.
    FarAndBack,
    /// Far away and back at once: only the last counts.
    Twice,
}

const STATES: &[State] =
    &[State::New, State::Pending, State::PendingLong, State::Woken, State::Fired];
const GOALS: &[To] = &[To::Same, To::Soon, To::Later, To::Past, To::FarAndBack, To::Twice];
const SOON: Duration = Duration::from_millis(1);
const LATER: Duration = Duration::from_millis(8);
/// Being early by less is not for this clause: TIME-1 asks how exact a timer is.
const EXACT: Duration = Duration::from_millis(2);

/// TIME-6: a reset is allowed in every state, and the last one counts.
///
/// Method: five states by six resets. After each the timer is awaited: it must complete, and not
/// at an old deadline, by the runtime's clock.
///
/// If this fails, look for an entry that has fired and cannot be armed again, and for an old deadline
/// whose firing is taken for the new one's.
pub(super) fn time_6_the_last_reset_wins_in_every_state(rig: &Rig<'_>) {
    let rt = rig.rt();
    for &state in STATES {
        for &to in GOALS {
            // An hour that is reset to itself is an hour.
            if matches!((state, to), (State::PendingLong, To::Same)) {
                continue;
            }
            let hang = format!("TIME-6: a timer that was {state:?} and was reset to {to:?}");
            rig.drive(&rt, &hang, async {
                let mut timer = in_state(&rt, state).await;
                reset(&rt, &mut timer, to).await;
                let deadline = timer.deadline();
                timer.await;
                assert_not_before(&rt, deadline, &format!("{state:?}, reset to {to:?},"));
            });
        }
    }
    rig.shutdown(rt);
}

async fn in_state(rt: &Rt, state: State) -> Sleep {
    let delay = match state {
        State::PendingLong => HOUR,
        _ => SOON,
    };
    let mut timer = sleep_on(rt, delay);
    match state {
        State::New => {}
        State::Pending | State::PendingLong => {
            let _ = polled(&mut timer).await; // ready if the machine is slow: another state, also one
        }
        State::Woken => woken(&mut timer).await,
        State::Fired => (&mut timer).await,
    }
    timer
}

/// Polls until its waker is woken, and no more.
async fn woken(timer: &mut Sleep) {
    let count = Arc::new(Tally::new());
    let counts = count.clone();
    let lab = WakerLab::new().on_wake(move || counts.add());
    if poll_once(timer, &lab.waker()).is_pending() {
        count.reached(1).await;
    }
}

async fn reset(rt: &Rt, timer: &mut Sleep, to: To) {
    let at = now(rt);
    match to {
        To::Same => timer.reset(timer.deadline()),
        To::Soon => timer.reset(at + SOON),
        To::Later => timer.reset(at + LATER),
        To::Past => timer.reset(at - SOON),
        To::FarAndBack => {
            timer.reset(at + HOUR);
            let far = polled(timer).await;
            assert!(far.is_pending(), "TIME-6: a timer that was reset by an hour was ready");
            timer.reset(at + SOON);
        }
        To::Twice => {
            timer.reset(at + HOUR);
            timer.reset(at + LATER);
        }
    }
}

async fn polled(timer: &mut Sleep) -> Poll<()> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *timer).poll(cx))).await
}

fn assert_not_before(rt: &Rt, deadline: Instant, which: &str) {
    let early = deadline - now(rt);
    assert!(early < EXACT, "TIME-6: a timer that was {which} was ready {early:?} early");
}

/// How many timers are reset near their deadline, how near, and by how much.
const RACES: usize = 200;
const NEAR: u64 = 40_000;
const ON: Duration = Duration::from_millis(3);

/// TIME-6: a reset that comes just when the timer fires counts as well.
///
/// Method: each timer is reset within 40 µs of its deadline, before or after, by 3 ms, and awaited:
/// it must complete, and not at the old deadline. The witness says that both orders were met.
///
/// If this fails, look for a wake on its way that marks the entry as fired after it was moved.
pub(super) fn time_6_also_while_it_fires(rig: &Rig<'_>) {
    let rt = rig.rt();
    let mut stress = Stress::new(rig.random(), rig.rounds(RACES));
    let (mut before, mut after) = (0, 0);
    rig.drive(&rt, "TIME-6: a timer that was reset while it fired", async {
        while stress.again() {
            let mut timer = sleep_on(&rt, Duration::from_nanos(2 * NEAR));
            let old = timer.deadline();
            let _ = polled(&mut timer).await;
            // Some at once: also where the clock is too coarse for moments.
            if stress.random().below(4) > 0 {
                let moment = Duration::from_nanos(stress.random().below(2 * NEAR));
                pass_until(&rt, old - Duration::from_nanos(NEAR) + moment);
            }
            let at = now(&rt);
            *if at < old { &mut before } else { &mut after } += 1;
            timer.reset(at + ON);
            let deadline = timer.deadline();
            timer.await;
            assert_not_before(&rt, deadline, "reset while it fired");
        }
    });
    rig.witness("reset before", before, 1);
    rig.witness("reset after", after, 1);
    rig.shutdown(rt);
}
