//! TCP.
//!
//! What all byte streams promise is in `table`, written against any `transport`; UNIX-1 asks it again.
//! `connect` has TCP-1, `accept` TCP-6 and TCP-7, `origin` TCP-8; `steps` is what they are made of.
#![cfg_attr(not(any(unix, windows)), allow(dead_code, reason = "no sockets"))]

#[cfg(any(unix, windows))]
pub(crate) mod accept;
#[cfg(any(unix, windows))]
mod connect;
#[cfg(any(unix, windows))]
pub(crate) mod origin;
pub(crate) mod steps;
#[cfg(any(unix, windows))]
pub(crate) mod table;
#[cfg(any(unix, windows))]
pub mod transport;

use crate::case::{Case, Untested};

#[cfg(any(unix, windows))]
pub(crate) const CASES: &[Case] = &[
    Case::new("TCP-1", connect::tcp_1_connect_tells_the_truth),
    Case::new("TCP-1", connect::tcp_1_a_connection_that_is_reset_at_once).part(
        "reset-at-once",
        "is a connection that the peer resets at once one that fails, and not one that hangs?",
    ),
    Case::new("TCP-2", |rig| table::all_bytes_then_the_end(of_tcp(rig, "TCP-2"))),
    Case::new("TCP-3", |rig| table::half_close(of_tcp(rig, "TCP-3"))),
    Case::new("TCP-4", |rig| table::writing_to_nobody(of_tcp(rig, "TCP-4"))),
    Case::new("TCP-5", |rig| table::back_pressure(of_tcp(rig, "TCP-5"))),
    Case::new("TCP-6", accept::tcp_6_a_burst_is_drained),
    #[cfg(unix)]
    Case::new("TCP-6", accept::tcp_6_a_limit_is_reported_and_recovered_from).part(
        "out-of-descriptors",
        "is running out of descriptors reported, and does accepting recover from it?",
    ),
    Case::new("TCP-7", |rig| accept::a_dropped_read_loses_nothing(of_tcp(rig, "TCP-7"))),
    Case::new("TCP-7", accept::tcp_7_a_dropped_accept_loses_nothing)
        .part("accept", "does dropping a pending accept lose no connection?"),
    #[cfg(unix)]
    Case::new("TCP-8", origin::tcp_8_sockets_are_close_on_exec_and_non_blocking),
    Case::new("TCP-8", origin::tcp_8_a_blocking_socket_stalls_nobody)
        .part("from-std", "does a socket of std's in blocking mode leave other tasks alone?"),
];

#[cfg(not(any(unix, windows)))]
pub(crate) const CASES: &[Case] = &[];

pub(crate) const UNTESTED: &[Untested] = &[];

/// The table over TCP.
#[cfg(any(unix, windows))]
fn of_tcp<'r, 'a>(rig: &'r crate::rig::Rig<'a>, id: &'static str) -> table::Table<'r, 'a> {
    let rt = rig.rt();
    let transport = std::sync::Arc::new(rt.calls::<transport::TcpCalls>());
    table::Table { id, rig, rt, transport }
}
