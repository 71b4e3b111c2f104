//! Waiting for room in a queue that is not the queue of our peer.
//!
//! `sendto` answers `EAGAIN` in two cases: our own buffer is full, or the receiver's queue is. The
//! first is a matter of readiness. The second is so only for a socket that is *connected* to that
//! receiver: the poller looks at a socket's peer and at nobody else, so one that names its receivers
//! counts as writable all the time, and no event follows. Hence a *scout*: a second socket, connected
//! to the address, which sends nothing and becomes writable when there is room.
//!
//! ```text
//!   send_to ──▶ EAGAIN ──▶ scout is writable? ──▶ we are writable? ──▶ send_to …
//!                             the queue               our buffer
//! ```

use socket2::{Domain, SockAddr, Socket, Type};

use super::UnixDatagram;
use crate::hooks::Dir;
use crate::io;
use crate::io::source::Registered;
use crate::net::sys;

/// Waits until a datagram for `to` can be sent, as far as that can be known beforehand.
pub(super) async fn at(socket: &UnixDatagram, to: &SockAddr) -> io::Result<()> {
    if let Some(scout) = scout(socket, to)? {
        scout.side(Dir::Write).wait(|who, cx| scout.poll_ready(Dir::Write, who, cx)).await?;
    }
    socket.writable().await
}

/// A socket that is connected to `to`; none if that is refused. Then it is not the queue that is
/// full: either the send is refused too, or the receiver is connected to us, which does without the
/// queue's limit.
fn scout(socket: &UnixDatagram, to: &SockAddr) -> io::Result<Option<Registered>> {
    let scout = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    scout.set_nonblocking(true)?;
    match scout.connect(to) {
        Ok(()) => Registered::new(socket.source.handle().clone(), sys::source(scout)).map(Some),
        Err(_) => Ok(None),
    }
}
