//! A ready-made stream for a runtime's own `Net`: a Unix socket.
//!
//! A runtime with an address form of its own may well carry it by sockets that are not TCP. It makes
//! them as it likes, registers them with [`Async::new_on`], and returns them.

use core::task::{Context, Poll};
use std::os::unix::net::UnixStream;

use super::link::{self, Short};
use super::{Shutdown, sys};
use crate::hooks::{BorrowedSource, ByteStream, ReadCursor};
use crate::io::source::borrow;
use crate::io::waiters::Who;
use crate::io::{self, Async};

/// What a runtime's [`Net`](crate::hooks::Net) returns for an address that it carries by Unix sockets:
///
/// ```
/// use runtime_traits::hooks::ByteStream;
/// use runtime_traits::{Handle, io};
/// use std::os::unix::net::UnixStream;
///
/// fn carried(on: &Handle, socket: UnixStream) -> io::Result<Box<dyn ByteStream>> {
///     Ok(Box::new(io::Async::new_on(on, socket)?))
/// }
/// ```
///
/// It has no addresses: those are `Unsupported`. A runtime that knows better wraps it.
impl ByteStream for Async<UnixStream> {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadCursor<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        link::poll_recv(self.registered(), Short::Unknown, Who::Anyone, cx, buf)
    }

    fn poll_write(
        &self,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        link::poll_send(self.registered(), Who::Anyone, cx, bufs)
    }

    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&self, how: Shutdown, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(sys::shutdown(&sys::socket(self.registered().source()), how))
    }

    fn source(&self) -> Option<BorrowedSource<'_>> {
        Some(borrow(self.registered().source()))
    }
}
