//! TIME-3: deadlines that are very far away.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll};
use std::thread;

use runtime_traits::time::{Duration, Instant, Sleep, timeout, timeout_at};

use super::{HOUR, now, sleep_on, until_on};
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::Tally;

/// Delays at whose size something overflows, wraps, or is mistaken for *never*.
const DELAYS: &[Duration] = &[
    Duration::MAX,
    Duration::from_secs(u64::MAX),
    Duration::from_millis(u64::MAX),
    Duration::from_micros(u64::MAX),
    Duration::from_nanos(u64::MAX),
    Duration::from_nanos(u64::MAX - 1),
    Duration::from_nanos(1 << 63),
    Duration::from_nanos((1 << 63) - 1),
    Duration::from_secs(u32::MAX as u64 + 1),
    Duration::from_secs(u32::MAX as u64),
    Duration::from_secs(i32::MAX as u64),
    Duration::from_millis(1 << 40),
    Duration::from_millis(1 << 36),
    Duration::from_millis(u32::MAX as u64 + 1),
    Duration::from_millis(u32::MAX as u64),
    Duration::from_millis(i32::MAX as u64 + 1),
    Duration::from_millis(i32::MAX as u64),
];

/// How far before the end of time.
const FROM_THE_END: &[Duration] = &[
    Duration::ZERO,
    Duration::from_nanos(1),
    Duration::from_micros(1),
    Duration::from_millis(1),
    Duration::from_secs(1),
];

/// Anything that waits for time.
type Waits = Pin<Box<dyn Future<Output = ()>>>;

/// TIME-3: the longest delays and the last instants do not panic, do not fire, and do not disturb
/// other timers.
///
/// Method: delays around every limit that a conversion might have, and the last instants of the clock,
/// as timers, time limits and resets, all pending together. Then ordinary timers beside them: one
/// that is new, and one that is moved here from the end of time. These must fire, and the others must
/// still be pending.
///
/// If this fails, look for `now + delay` that wraps, a conversion to a narrower type, and a number
/// that stands for *none* and is also a deadline.
pub(super) fn time_3_far_deadlines_do_not_fire_nor_disturb(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive(&rt, "TIME-3: a timer of 1 ms beside others at the end of time", async {
        let mut far = extremes(&rt);
        assert_pending(&mut far, "at once").await;
        sleep_on(&rt, Duration::from_millis(1)).await;
        assert_pending(&mut far, "after a millisecond").await;
        let mut moved = until_on(&rt, Instant::MAX);
        let first = poll_fn(|cx| Poll::Ready(Pin::new(&mut moved).poll(cx))).await;
        assert!(first.is_pending(), "TIME-3: the end of time came at once");
        moved.reset(now(&rt) + Duration::from_millis(1));
        moved.await;
        assert_pending(&mut far, "after another was moved").await;
        let in_time = rt.enter(|| timeout(Duration::MAX, sleep_on(&rt, Duration::from_millis(1))));
        let kept = in_time.await;
        assert!(kept.is_ok(), "TIME-3: a time limit without end was exceeded: {kept:?}");
        assert_pending(&mut far, "after a time limit was kept").await;
        // Only a part goes, so that what is left is linked anew wherever that is done.
        far.truncate(far.len() / 2);
        sleep_on(&rt, Duration::from_millis(1)).await;
    });
    rig.shutdown(rt);
}

/// Each extreme in each form. Dropped by the caller, also while pending.
fn extremes(rt: &Rt) -> Vec<(String, Waits)> {
    let mut all = Vec::new();
    let mut add = |what: String, waits: Waits| all.push((what, waits));
    for &delay in DELAYS {
        add(format!("sleep({delay:?})"), Box::pin(sleep_on(rt, delay)));
        let limit = rt.enter(|| timeout(delay, pending::<()>()));
        add(format!("timeout({delay:?})"), Box::pin(async { _ = limit.await }));
        let mut moved = sleep_on(rt, HOUR);
        moved.reset(now(rt) + delay);
        add(format!("reset to {delay:?} from now"), Box::pin(moved));
    }
    for &before in FROM_THE_END {
        let at = Instant::MAX - before;
        add(format!("sleep_until(the end - {before:?})"), Box::pin(until_on(rt, at)));
        let limit = rt.enter(|| timeout_at(at, pending::<()>()));
        add(format!("timeout_at(the end - {before:?})"), Box::pin(async { _ = limit.await }));
    }
    all
}

async fn assert_pending(far: &mut [(String, Waits)], when: &str) {
    poll_fn(|cx| {
        for (what, waits) in &mut *far {
            assert!(is_pending(waits, cx), "TIME-3: {what} was ready {when}");
        }
        Poll::Ready(())
    })
    .await;
}

fn is_pending(waits: &mut Waits, cx: &mut Context<'_>) -> bool {
    waits.as_mut().poll(cx).is_pending()
}

/// How long the driver is left alone with a deadline: time enough to get to sleep, usually.
const ALONE: Duration = Duration::from_millis(2);

/// TIME-3: the driver can go to sleep when the only deadline there is lies at the end of time.
///
/// Method: each extreme by itself, so that no nearer deadline hides how long the driver is asked to
/// sleep. While it sleeps, another thread wakes the root, which looks: the timer is pending, and the
/// driver has survived, because an ordinary timer fires afterwards.
///
/// If this fails, look for a timeout that is too long for the operating system's call.
pub(super) fn time_3_the_driver_can_sleep_for_each_alone(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (to_waker, sleepers) = channel::<Arc<Tally>>();
    let foreign = thread::spawn(move || {
        for rest in sleepers {
            thread::sleep(ALONE); // widens the window; orders nothing
            rest.add();
        }
    });
    rig.drive(&rt, "TIME-3: a wake while the only deadline is an extreme one", async {
        let last = FROM_THE_END.iter().map(|&before| Instant::MAX - before);
        let deadlines = DELAYS.iter().map(|&delay| now(&rt) + delay).chain(last);
        for at in deadlines.collect::<Vec<_>>() {
            let mut far = until_on(&rt, at);
            assert_sleep_pending(&mut far, "at once").await;
            let rest = Arc::new(Tally::new());
            to_waker.send(rest.clone()).expect("it lives as long as the sender");
            rest.reached(1).await;
            assert_sleep_pending(&mut far, "after a rest").await;
        }
        sleep_on(&rt, Duration::from_millis(1)).await;
        drop(to_waker);
    });
    foreign.join().expect("it only waits");
    rig.shutdown(rt);
}

async fn assert_sleep_pending(sleep: &mut Sleep, when: &str) {
    let at = sleep.deadline();
    let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut *sleep).poll(cx))).await;
    assert!(polled.is_pending(), "TIME-3: a timer until {at:?}, alone, was ready {when}");
}
