//! UDP.
//!
//! `calls` is what the group calls, and mutants replace; `pressure` has UDP-4, `batches` UDP-5.
#![cfg_attr(not(any(unix, windows)), allow(dead_code, reason = "no sockets"))]

#[cfg(any(unix, windows))]
mod batches;
#[cfg(any(unix, windows))]
mod boundaries;
#[cfg(any(unix, windows))]
pub mod calls;
#[cfg(unix)]
mod pressure;

#[cfg(unix)]
use crate::Cap;
use crate::case::{Case, Untested};

#[cfg(any(unix, windows))]
pub(crate) const CASES: &[Case] = &[
    Case::new("UDP-1", boundaries::udp_1_datagrams_stay_whole),
    Case::new("UDP-1", boundaries::udp_1_an_empty_datagram_wakes_who_waits)
        .part("empty", "is an empty datagram delivered to somebody who waits for one?"),
    #[cfg(target_os = "linux")]
    Case::new("UDP-2", boundaries::udp_2_an_unreachable_peer_is_reported_and_survived),
    Case::new("UDP-3", boundaries::udp_3_a_dropped_receive_loses_nothing),
    #[cfg(unix)]
    Case::new("UDP-4", pressure::udp_4_a_full_queue_holds_senders_up_and_no_longer)
        .part("full-queue", "does a sender that met a full queue go on when it drains?")
        .needs(&[Cap::Udp, Cap::Fd]),
    #[cfg(unix)]
    Case::new("UDP-4", pressure::udp_4_many_share_one_socket)
        .part("shared", "do senders and receivers on one socket all get on?"),
    Case::new("UDP-5", batches::udp_5_what_is_sent_is_counted)
        .part("sent", "does a batch count what it has sent, and is that all?"),
    Case::new("UDP-5", batches::udp_5_what_is_received_is_counted)
        .part("received", "does a batch count what it has received, and is the rest there?"),
    Case::new("UDP-5", batches::udp_5_a_dropped_batch_loses_nothing)
        .part("dropped", "does dropping a pending batch lose no datagram?"),
    #[cfg(target_os = "linux")]
    Case::new("UDP-5", batches::udp_5_an_error_half_way_is_told)
        .part("error", "is an error that stopped a batch told by the next?"),
];

#[cfg(not(any(unix, windows)))]
pub(crate) const CASES: &[Case] = &[];

pub(crate) const UNTESTED: &[Untested] = &[];
