//! Virtual time.
//!
//! The clock is read as little as can be: most of what is asked here is asked of timers, which are
//! ready or are not. A clock that shows more than it should is SIM-4's business, and SIM-2's.

mod clock;
mod schedule;
mod stall;

use runtime_traits::time::{Duration, Instant, Sleep, sleep_until};

use crate::Cap;
use crate::case::{Case, Untested};
use crate::rt::Rt;

pub(crate) const CASES: &[Case] = &[
    Case::new("SIM-1", clock::sim_1_time_moves_to_the_next_deadline_when_nothing_can_run),
    Case::new("SIM-2", schedule::sim_2_the_same_seed_gives_the_same_trace),
    Case::new("SIM-3", schedule::sim_3_different_seeds_give_different_schedules),
    Case::new("SIM-4", clock::sim_4_no_other_clock_shows_through),
    Case::new("SIM-5", stall::sim_5_a_stalled_simulation_is_reported).needs(&[
        Cap::Simtime,
        Cap::Block,
        Cap::Unwind,
    ]),
    Case::new("SIM-6", stall::sim_6_time_does_not_pass_over_blocking_work),
];

pub(crate) const UNTESTED: &[Untested] = &[];

const HOUR: Duration = Duration::from_secs(3600);

/// A timer of `rt`.
fn until_on(rt: &Rt, at: Instant) -> Sleep {
    rt.enter(|| sleep_until(at))
}
