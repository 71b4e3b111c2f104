//! Unix-domain sockets.
//!
//! `transport` is what the group calls, and mutants replace; with it the table of TCP is asked again.
//! `streams` has the rest of UNIX-1, `addresses` UNIX-2, `datagrams` UNIX-3.

#[cfg(unix)]
mod addresses;
#[cfg(unix)]
mod datagrams;
#[cfg(unix)]
mod streams;
#[cfg(unix)]
pub mod transport;

#[cfg(unix)]
use crate::Cap;
use crate::case::{Case, Untested};
#[cfg(unix)]
use crate::clauses::tcp::{accept, table};

#[cfg(unix)]
pub(crate) const CASES: &[Case] = &[
    Case::new("UNIX-1", |rig| table::all_bytes_then_the_end(transport::of_unix(rig)))
        .part("end", "are all bytes readable, and then the end?"),
    Case::new("UNIX-1", |rig| table::half_close(transport::of_unix(rig)))
        .part("half-close", "does ending writing end that direction alone?"),
    Case::new("UNIX-1", |rig| table::writing_to_nobody(transport::of_unix(rig)))
        .part("nobody", "does writing to a peer that has gone fail, and the process live?")
        .needs(&[Cap::Uds, Cap::Iso]),
    Case::new("UNIX-1", |rig| table::back_pressure(transport::of_unix(rig)))
        .part("back-pressure", "do writes wait while buffers are full, and go on?"),
    Case::new("UNIX-1", |rig| accept::a_dropped_read_loses_nothing(transport::of_unix(rig)))
        .part("dropped", "does dropping a pending read lose no byte?"),
    Case::new("UNIX-1", streams::unix_1_a_dropped_accept_loses_nothing)
        .part("accept", "does dropping a pending accept lose no connection?"),
    Case::new("UNIX-1", streams::unix_1_sockets_are_close_on_exec_and_non_blocking)
        .part("flags", "are sockets close-on-exec and non-blocking, wherever they come from?"),
    Case::new("UNIX-1", streams::unix_1_a_parked_writer_hears_that_the_peer_goes)
        .part("hang-up", "does a writer that waits hear that its peer has gone?"),
    Case::new("UNIX-1", streams::unix_1_both_ends_may_be_here)
        .part("pair", "do both ends of a pair get on in one runtime?"),
    Case::new("UNIX-2", addresses::unix_2_addresses_come_back)
        .part("addresses", "do paths, names and no name come back as they were?"),
    Case::new("UNIX-2", addresses::unix_2_connecting_tells_the_truth)
        .part("errors", "does connecting to nobody say why?"),
    #[cfg(target_os = "linux")]
    Case::new("UNIX-2", addresses::unix_2_a_full_queue_is_waited_for)
        .part("backlog", "is a full queue waited for, or told?"),
    Case::new("UNIX-3", datagrams::unix_3_datagrams_stay_whole)
        .part("whole", "do datagrams arrive whole, in order, with their sender?")
        .needs(DATAGRAMS),
    Case::new("UNIX-3", datagrams::unix_3_a_dropped_receive_loses_nothing)
        .part("dropped", "does dropping a pending receive lose no datagram?")
        .needs(DATAGRAMS),
    #[cfg(target_os = "linux")]
    Case::new("UNIX-3", datagrams::unix_3_a_full_queue_holds_the_sender_up_and_no_longer)
        .part("full-queue", "does a sender that met a full queue go on when it drains?")
        .needs(DATAGRAMS),
    Case::new("UNIX-3", datagrams::unix_3_a_receiver_that_went_is_told)
        .part("gone", "does sending to a receiver that has gone fail?")
        .needs(DATAGRAMS),
];

/// Datagrams stand on readiness alone.
#[cfg(unix)]
const DATAGRAMS: &[Cap] = &[Cap::Uds, Cap::Fd];

#[cfg(not(unix))]
pub(crate) const CASES: &[Case] = &[];

pub(crate) const UNTESTED: &[Untested] = &[];
