//! Timers and the clock.
//!
//! Two clocks are tested here: a machine's, which a test can only wait for, and a virtual one, which
//! it turns. What holds for both is asked of both; where a wait would be needed to see something, the
//! virtual clock is turned instead.

mod clock;
mod deadline;
mod entries;
mod extreme;
mod interrupt;
mod order;
mod outside;
mod reset;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use runtime_traits::time::{Duration, Instant, Sleep, sleep, sleep_until};

use crate::case::{Case, Untested};
use crate::rig::timer;
use crate::rt::Rt;
use crate::{Cap, Flavour};

pub use outside::{Outside, Sleeps};

pub(crate) const CASES: &[Case] = &[
    Case::new("TIME-1", deadline::time_1_never_fires_early).stochastic(),
    Case::new("TIME-1", deadline::time_1_the_deadline_is_fixed_at_creation)
        .part("lazy-start", "is the deadline fixed when a timer is made, not at its first poll?"),
    Case::new("TIME-2", deadline::time_2_a_reached_deadline_is_ready_at_once),
    Case::new("TIME-3", extreme::time_3_far_deadlines_do_not_fire_nor_disturb),
    Case::new("TIME-3", extreme::time_3_the_driver_can_sleep_for_each_alone)
        .part("alone", "can the driver sleep when the only deadline is an extreme one?")
        .only(has_a_real_clock),
    Case::new("TIME-4", interrupt::time_4_an_earlier_deadline_interrupts_the_driver).stochastic(),
    Case::new("TIME-4", interrupt::time_4_nor_is_it_lost_while_the_driver_lies_down)
        .part("race", "is a deadline lost that is armed while the driver goes to sleep?")
        .only(has_a_real_clock)
        .stochastic(),
    Case::new("TIME-5", entries::time_5_a_dropped_timer_wakes_nobody),
    Case::new("TIME-5", entries::time_5_dropping_at_the_deadline_is_clean)
        .part("race", "is a timer released that is dropped just when it fires?")
        .stochastic(),
    Case::new("TIME-6", reset::time_6_the_last_reset_wins_in_every_state),
    Case::new("TIME-6", reset::time_6_also_while_it_fires)
        .part("race", "does a reset win that comes just when the timer fires?")
        .stochastic(),
    Case::new("TIME-7", entries::time_7_the_latest_poll_is_woken),
    Case::new("TIME-8", order::time_8_each_timer_completes_once_and_in_order),
    Case::new("TIME-9", order::time_9_timers_work_after_a_long_time),
    Case::new("TIME-10", clock::time_10_the_clock_is_monotone_across_threads).stochastic(),
    Case::new("TIME-10", clock::time_10_backwards_arithmetic_saturates)
        .part("arithmetic", "does arithmetic with instants saturate, also backwards?"),
    Case::new("TIME-11", clock::time_11_the_driver_sleeps_until_the_deadline)
        .only(has_a_real_clock)
        .stochastic()
        .alone(),
    Case::new("TIME-12", outside::time_12_a_timer_without_a_runtime_fails_loudly)
        .needs(&[Cap::Time, Cap::Unwind]),
];

pub(crate) const UNTESTED: &[Untested] = &[];

/// Longer than any case takes.
const HOUR: Duration = Duration::from_secs(3600);

/// A flavour whose clock goes by itself.
fn has_a_real_clock(flavour: Flavour) -> bool {
    flavour != Flavour::Sim
}

/// A timer of `rt`, also where that is not current: which one is, is CTX's business.
fn sleep_on(rt: &Rt, delay: Duration) -> Sleep {
    rt.enter(|| sleep(delay))
}

/// The same with a deadline.
fn until_on(rt: &Rt, at: Instant) -> Sleep {
    rt.enter(|| sleep_until(at))
}

/// The current instant of `rt`'s clock.
fn now(rt: &Rt) -> Instant {
    timer(rt.handle()).now()
}

/// Returns when the clock has reached `at`, having turned it or spun: for moments finer than a sleep.
fn pass_until(rt: &Rt, at: Instant) {
    while now(rt) < at {
        match rt.handle().runtime().virtual_time() {
            Some(clock) => clock.advance_to(at),
            None => std::hint::spin_loop(),
        }
    }
}

/// Polls a timer once, with this waker.
fn poll_once(sleep: &mut Sleep, waker: &Waker) -> Poll<()> {
    pin!(sleep).poll(&mut Context::from_waker(waker))
}
