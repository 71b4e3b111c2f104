//! The reactor, asked through `io::Async` and, where that is about the hook alone, through the hook.
//!
//! | file | clauses |
//! |---|---|
//! | `readiness` | REACTOR-1 and REACTOR-2: nothing that is ready is missed |
//! | `directions` | REACTOR-3: reading and writing are two things |
//! | `hangup` | REACTOR-4: ends and errors |
//! | `stale` | REACTOR-5: what is reported late, or for somebody else |
//! | `lifecycle` | REACTOR-6: coming and going |
//! | `sharing` | REACTOR-7: many waiters |
//! | `signals` | REACTOR-8: interrupted waits |
//! | `driver` | REACTOR-9 and REACTOR-10: the thread that waits |

#[cfg(unix)]
mod directions;
#[cfg(unix)]
mod driver;
#[cfg(unix)]
mod hangup;
#[cfg(unix)]
mod lifecycle;
#[cfg(unix)]
mod readiness;
#[cfg(unix)]
pub mod sharing;
#[cfg(unix)]
pub(crate) mod signals;
#[cfg(unix)]
mod stale;

#[cfg(unix)]
use crate::Cap;
use crate::case::{Case, Untested};

#[cfg(unix)]
pub(crate) const CASES: &[Case] = &[
    Case::new("REACTOR-1", readiness::reactor_1_what_was_ready_before_is_reported),
    Case::new("REACTOR-1", readiness::reactor_1_what_became_ready_unawaited_is_reported).part(
        "unawaited",
        "is what became ready while nobody waited reported to the first who does?",
    ),
    Case::new("REACTOR-2", readiness::reactor_2_readiness_that_comes_during_the_try)
        .part("in-the-try", "is readiness that comes while the operation runs acted upon?"),
    Case::new("REACTOR-2", readiness::reactor_2_room_that_comes_during_the_try)
        .part("in-the-write", "is room that comes while a write is tried acted upon?"),
    Case::new("REACTOR-2", readiness::reactor_2_ping_pong_with_a_thread).stochastic(),
    Case::new("REACTOR-2", readiness::reactor_2_ping_pong_outside)
        .part("outside", "do two ends get on that are polled by two threads of nobody's?")
        .stochastic(),
    Case::new("REACTOR-3", directions::reactor_3_room_does_not_disturb_a_reader)
        .part("reader", "does a parked reader stay parked while the other side moves, and wake?"),
    Case::new("REACTOR-3", directions::reactor_3_bytes_do_not_disturb_a_writer)
        .part("writer", "does a parked writer stay parked while bytes come, and wake?"),
    Case::new("REACTOR-4", hangup::reactor_4_a_writer_hears_that_the_reader_went)
        .part("pipe-writer", "is a writer told that the pipe's reader has gone?"),
    Case::new("REACTOR-4", hangup::reactor_4_a_reader_hears_that_the_writer_went)
        .part("pipe-reader", "is a reader told that the pipe's writer has gone, data first?"),
    Case::new("REACTOR-4", hangup::reactor_4_both_directions_hear_of_a_hang_up)
        .part("both", "are waiters of both directions told that the peer has gone?"),
    Case::new("REACTOR-4", hangup::reactor_4_both_directions_hear_of_a_reset)
        .part("reset", "are waiters of both directions told that a connection was reset?"),
    Case::new("REACTOR-5", stale::reactor_5_a_reused_number_hears_nothing_of_the_old)
        .part("reused", "is a source left alone by events of one that had its number before?"),
    Case::new("REACTOR-5", stale::reactor_5_spurious_readiness_stays_inside)
        .part("spurious", "does an operation that finds nothing, though ready, go on waiting?"),
    Case::new("REACTOR-6", lifecycle::reactor_6_deregistering_releases_everything)
        .part("release", "does deregistering release the source and its wakers?"),
    Case::new("REACTOR-6", lifecycle::reactor_6_registering_again_works)
        .part("again", "can what was deregistered be registered again, here and elsewhere?"),
    Case::new("REACTOR-6", lifecycle::reactor_6_odd_registrations_are_clean)
        .part("odd", "do registrations that cannot be fail cleanly, and leave nothing behind?"),
    Case::new("REACTOR-7", sharing::reactor_7_each_of_many_waiters_gets_on),
    Case::new("REACTOR-8", signals::reactor_8_interrupted_waits_are_invisible).needs(&[
        Cap::Fd,
        Cap::Time,
        Cap::Iso,
    ]),
    Case::new("REACTOR-9", driver::reactor_9_a_source_nobody_awaits_costs_nothing).alone(),
    Case::new("REACTOR-10", driver::reactor_10_a_burst_of_notifications_loses_none),
];

#[cfg(not(unix))]
pub(crate) const CASES: &[Case] = &[];

pub(crate) const UNTESTED: &[Untested] = &[];
