//! Sockets, as std has them.
//!
//! Names, arguments and results are std's; what waits is `async`. Which runtime does the work is
//! decided once, when a socket is made, and asked in this order:
//!
//! | the runtime has | a connection is |
//! |---|---|
//! | a [`Net`](crate::hooks::Net) hook that takes the address | an object of the runtime's |
//! | a [`Reactor`](crate::hooks::Reactor) | a socket; the system call runs when it is ready |
//! | a [`Completion`](crate::hooks::Completion) | a socket; bytes pass through a staging buffer |
//! | none of them | `ErrorKind::Unsupported`, naming runtime and capability |
//!
//! A socket stays with its runtime, wherever it is polled. Any number of tasks may use one at the
//! same time through `&`. Unix sockets are in `unix`, on Unix.
//!
//! # Files
//!
//! ```text
//!  TcpStream  halves  owned        TcpListener        UdpSocket        lookup
//!  UnixStream    │      │           UnixListener       UnixDatagram
//!       └────────┴──────┘              │                  │
//!           transfer                 accept               │
//!             link  (which kind) ◀─────┤                  │
//!        ┌──────┼────────┐             │                  │
//!   io::source staged  Box<dyn ByteStream> (object)       │
//!        └──────┴──────── sys (system calls) ─────────────┘
//! ```
#![cfg(any(unix, windows))]

pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
};

mod accept;
mod connect;
mod halves;
mod link;
mod lookup;
#[cfg(unix)]
mod object;
mod owned;
mod race;
mod staged;
mod sys;
mod tcp_listener;
mod tcp_stream;
mod traits;
mod transfer;
mod udp;
#[cfg(unix)]
pub mod unix;

pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
pub use lookup::{Addrs, Target, ToSocketAddrs, lookup_host};
pub use owned::{ReadOwned, WriteOwned};
pub use tcp_listener::{Incoming, TcpListener};
pub use tcp_stream::TcpStream;
pub use udp::{Arrival, Outgoing, UdpSocket};
#[cfg(feature = "udp-batch")]
pub use udp::{BatchedUdpSocket, Datagrams, EcnCodepoint, RecvMeta, Transmit};
