//! Unix sockets, as std has them in `std::os::unix::net`.
//!
//! They stand on the runtime's reactor; streams and listeners, but not datagrams, also on one that
//! only completes operations. A runtime's own [`Net`](crate::hooks::Net) is not asked: it knows IP
//! addresses.
//!
//! A path that std's [`SocketAddr`] has no room for (108 bytes, which Linux takes) is told as unnamed.
//!
//! What never waits is not `async`: binding, and whatever concerns datagrams except moving them.
//!
//! # Files
//!
//! `stream` (reading and writing in `stream::transfer`), `listener` and `datagram` are one type each;
//! `connect` waits for room in a listener's queue, `address` translates, `cred` asks who the peer is.

pub use std::os::unix::net::SocketAddr;

mod address;
mod connect;
mod cred;
mod datagram;
mod listener;
mod stream;

pub use cred::UCred;
pub use datagram::UnixDatagram;
pub use listener::{Incoming, UnixListener};
pub use stream::UnixStream;

/// The half of a [`UnixStream`] that reads, borrowed.
pub type ReadHalf<'a> = super::ReadHalf<'a, UnixStream>;
/// The half of a [`UnixStream`] that writes, borrowed.
pub type WriteHalf<'a> = super::WriteHalf<'a, UnixStream>;
/// The half of a [`UnixStream`] that reads.
pub type OwnedReadHalf = super::OwnedReadHalf<UnixStream>;
/// The half of a [`UnixStream`] that writes. Dropping it ends writing.
pub type OwnedWriteHalf = super::OwnedWriteHalf<UnixStream>;
