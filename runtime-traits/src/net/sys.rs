//! System calls on sockets, in non-blocking mode.
//!
//! The only place in `net` that fills memory which may be uninitialised.

use std::sync::Arc;

use rustix::io::Errno;
use socket2::{SockAddr, SockRef, Socket};

use crate::hooks::{OwnedSource, ReadCursor, Source};
use crate::io;
use crate::net::SocketAddr;

/// No write ends the process: not where a flag prevents it, nor (Apple) where `socket2` has set an
/// option.
#[cfg(not(any(target_vendor = "apple", windows)))]
const SEND_FLAGS: i32 = rustix::net::SendFlags::NOSIGNAL.bits() as i32;
#[cfg(any(target_vendor = "apple", windows))]
const SEND_FLAGS: i32 = 0;

/// How many slices are passed on at once. Every system we know takes that many.
pub(super) const SLICES_MAX: usize = 64;

/// The socket of a shared source.
pub(super) fn socket(source: &Source) -> SockRef<'_> {
    SockRef::from(&**source)
}

/// A new source.
pub(super) fn source(socket: impl Into<OwnedSource>) -> Source {
    Arc::new(socket.into())
}

/// The socket alone: the one that was shared, or, while somebody still uses that, a duplicate.
pub(super) fn unshare(source: Source) -> io::Result<OwnedSource> {
    Arc::try_unwrap(source).or_else(|shared| shared.try_clone())
}

/// Runs a receiving call on the rest of `cursor`.
///
/// # Safety
///
/// `call` writes initialised bytes only, and answers how many it wrote from the front.
unsafe fn receive<A>(
    cursor: &mut ReadCursor<'_>,
    call: impl FnOnce(&mut [core::mem::MaybeUninit<u8>]) -> io::Result<(usize, A)>,
) -> io::Result<A> {
    // SAFETY: only initialised bytes are written, as the caller promises.
    let rest = unsafe { cursor.unfilled() };
    let room = rest.len();
    let (n, more) = call(rest)?;
    // SAFETY: the first `n` were written; some systems count what they cut off too.
    unsafe { cursor.advance(n.min(room)) };
    Ok(more)
}

/// Receives what is there.
pub(super) fn recv(socket: &Socket, cursor: &mut ReadCursor<'_>) -> io::Result<()> {
    // SAFETY: `socket2` promises both for its receiving calls.
    unsafe { receive(cursor, |rest| Ok((socket.recv(rest)?, ()))) }
}

/// Receives what is there and leaves it there.
pub(super) fn peek(socket: &Socket, cursor: &mut ReadCursor<'_>) -> io::Result<()> {
    // SAFETY: as `recv`.
    unsafe { receive(cursor, |rest| Ok((socket.peek(rest)?, ()))) }
}

/// Receives what is there into several buffers.
pub(super) fn recv_vectored(
    mut socket: &Socket,
    bufs: &mut [io::IoSliceMut<'_>],
) -> io::Result<usize> {
    let room = bufs.len().min(SLICES_MAX);
    io::Read::read_vectored(&mut socket, &mut bufs[..room])
}

/// Receives a datagram.
pub(super) fn recv_from(socket: &Socket, cursor: &mut ReadCursor<'_>) -> io::Result<SockAddr> {
    // SAFETY: as `recv`.
    unsafe { receive(cursor, |rest| socket.recv_from(rest)) }
}

/// Receives a datagram and leaves it there.
pub(super) fn peek_from(socket: &Socket, cursor: &mut ReadCursor<'_>) -> io::Result<SockAddr> {
    // SAFETY: as `recv`.
    unsafe { receive(cursor, |rest| socket.peek_from(rest)) }
}

/// Sends some of `bufs`.
pub(super) fn send(socket: &Socket, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
    match bufs {
        [one] => socket.send_with_flags(one, SEND_FLAGS),
        _ => {
            let bufs = &bufs[..bufs.len().min(SLICES_MAX)];
            socket.send_vectored_with_flags(bufs, SEND_FLAGS)
        }
    }
}

/// Sends a datagram.
pub(super) fn send_to(socket: &Socket, bytes: &[u8], to: Option<&SockAddr>) -> io::Result<usize> {
    match to {
        Some(to) => socket.send_to_with_flags(bytes, to, SEND_FLAGS),
        None => socket.send_with_flags(bytes, SEND_FLAGS),
    }
}

/// Ends a direction; one that has ended already is no error.
pub(super) fn shutdown(socket: &Socket, how: std::net::Shutdown) -> io::Result<()> {
    match socket.shutdown(how) {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        other => other,
    }
}

/// Accepts one connection: close-on-exec and non-blocking, as all our sockets are.
pub(super) fn accept(socket: &Socket) -> io::Result<(Source, SockAddr)> {
    let (accepted, from) = socket.accept()?;
    accepted.set_nonblocking(true)?;
    Ok((source(accepted), from))
}

/// Starts to connect; `true` if it is done already.
pub(super) fn connect(socket: &Socket, to: SocketAddr) -> io::Result<bool> {
    match socket.connect(&to.into()) {
        Ok(()) => Ok(true),
        Err(error) if is_in_progress(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_in_progress(error: &io::Error) -> bool {
    // `Interrupted` too: the connection goes on being made.
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
        || Errno::from_io_error(error) == Some(Errno::INPROGRESS)
}

/// Whether a connection that was started stands: `WouldBlock` while that is open.
pub(super) fn connected(socket: &Socket) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    // A pending connection has no peer yet; it has one once it is established, not before.
    match socket.peer_addr() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error),
    }
}

/// An address of ours is an IP address.
pub(super) fn ip(address: SockAddr) -> io::Result<SocketAddr> {
    address.as_socket().ok_or_else(|| io::Error::other("not an IP address"))
}

/// What an operation answers that was cancelled.
pub(super) fn cancelled() -> io::Error {
    Errno::CANCELED.into()
}
