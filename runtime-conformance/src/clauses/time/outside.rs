//! TIME-12: timers where nobody turns a clock.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::thread;

use runtime_traits::time::{self, Duration};

use crate::Cap;
use crate::rig::{Rig, await_outside};

/// What wants a timer without a runtime, for those who answer in the runtime's place.
#[derive(Clone)]
pub struct Outside {
    /// `try_sleep`; `None`: refused.
    pub try_sleep: fn(Duration) -> Option<Sleeps>,
    /// `sleep`, which panics if it cannot.
    pub sleep: fn(Duration) -> Sleeps,
}

/// A timer whose type was forgotten.
pub type Sleeps = Pin<Box<dyn Future<Output = ()>>>;

impl Default for Outside {
    fn default() -> Outside {
        Outside {
            try_sleep: |delay| time::try_sleep(delay).ok().map(|sleep| Box::pin(sleep) as Sleeps),
            sleep: |delay| Box::pin(time::sleep(delay)),
        }
    }
}

/// TIME-12: a timer where no driver will ever run fails loudly, when it is made or at its first poll.
///
/// Method: on a new thread that has entered nothing, timers are made in each way there is, and polled
/// once. An error and a panic are loud; to be pending is a hang to come. A runtime that declares
/// `global` has one for everybody: there they must fire.
///
/// If this fails, look for a default runtime that is found but never driven.
pub(super) fn time_12_a_timer_without_a_runtime_fails_loudly(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (calls, global) = (rt.calls::<Outside>(), rig.has(Cap::Global));
    let alone = thread::spawn(move || {
        if global {
            await_outside("TIME-12: a timer of the global runtime", (calls.sleep)(SHORT));
            return;
        }
        let made = loud(|| (calls.try_sleep)(HOUR));
        assert!(is_loud(made.flatten()), "TIME-12: `try_sleep` without a runtime will never end");
        let made = loud(|| (calls.sleep)(HOUR));
        assert!(is_loud(made), "TIME-12: `sleep` without a runtime will never end");
        let limit = loud(|| -> Sleeps {
            Box::pin(async { _ = time::timeout(HOUR, pending::<()>()).await })
        });
        assert!(is_loud(limit), "TIME-12: a time limit without a runtime will never end");
        let tick = loud(|| -> Sleeps {
            Box::pin(async {
                let mut interval = time::interval(HOUR);
                interval.tick().await; // the first is at once
                interval.tick().await;
            })
        });
        assert!(is_loud(tick), "TIME-12: an interval without a runtime will never end");
    });
    let ended = alone.join();
    assert!(ended.is_ok(), "TIME-12: the thread without a runtime panicked");
    rig.shutdown(rt);
}

const SHORT: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// What `make` makes, unless it panics.
fn loud<T>(make: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(make)).ok()
}

/// Whether there is no timer, or one that says at its first poll that it will not fire.
fn is_loud(made: Option<Sleeps>) -> bool {
    let Some(mut sleeps) = made else { return true };
    let mut cx = Context::from_waker(Waker::noop());
    let polled = catch_unwind(AssertUnwindSafe(|| pin!(&mut sleeps).poll(&mut cx)));
    !matches!(polled, Ok(Poll::Pending))
}
