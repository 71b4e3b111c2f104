//! The poll traits for [`Async`]: by `&mut` there is one caller per direction, by `&` there are many.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{Read, Write};

use super::Async;
use crate::hooks::Dir;
use crate::io;
use crate::io::source::Registered;
use crate::io::waiters::Who;
use crate::io::{AsyncRead, AsyncReadUninit, AsyncWrite};

/// Moves bytes by `op`; with an empty buffer that is done at once.
fn poll_move(
    source: &Registered,
    dir: Dir,
    who: Who<'_>,
    cx: &mut Context<'_>,
    empty: bool,
    op: impl FnMut() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    match empty {
        true => Poll::Ready(Ok(0)),
        false => source.poll(dir, who, cx, op),
    }
}

impl<T: Read> AsyncRead for Async<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Async { io, source } = self.get_mut();
        poll_move(source, Dir::Read, Who::Owner, cx, buf.is_empty(), || io.read(buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [io::IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let Async { io, source } = self.get_mut();
        let empty = bufs.iter().all(|buf| buf.is_empty());
        poll_move(source, Dir::Read, Who::Owner, cx, empty, || io.read_vectored(bufs))
    }
}

impl<T> AsyncRead for &Async<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Async { io, source } = *self;
        poll_move(source, Dir::Read, Who::Anyone, cx, buf.is_empty(), || (&*io).read(buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [io::IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let Async { io, source } = *self;
        let empty = bufs.iter().all(|buf| buf.is_empty());
        poll_move(source, Dir::Read, Who::Anyone, cx, empty, || (&*io).read_vectored(bufs))
    }
}

// A `Read` wants bytes that are initialised.
impl<T: Read> AsyncReadUninit for Async<T> {}
impl<T> AsyncReadUninit for &Async<T> where for<'a> &'a T: Read {}

/// Closing flushes and, where it is a socket, ends the writing direction.
impl<T: Write> AsyncWrite for Async<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Async { io, source } = self.get_mut();
        poll_move(source, Dir::Write, Who::Owner, cx, buf.is_empty(), || io.write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Async { io, source } = self.get_mut();
        let empty = bufs.iter().all(|buf| buf.is_empty());
        poll_move(source, Dir::Write, Who::Owner, cx, empty, || io.write_vectored(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Async { io, source } = self.get_mut();
        source.poll(Dir::Write, Who::Owner, cx, || io.flush())
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Poll::Ready(end_writing(&self.source))
    }
}

impl<T> AsyncWrite for &Async<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Async { io, source } = *self;
        poll_move(source, Dir::Write, Who::Anyone, cx, buf.is_empty(), || (&*io).write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Async { io, source } = *self;
        let empty = bufs.iter().all(|buf| buf.is_empty());
        poll_move(source, Dir::Write, Who::Anyone, cx, empty, || (&*io).write_vectored(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Async { io, source } = *self;
        source.poll(Dir::Write, Who::Anyone, cx, || (&*io).flush())
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Poll::Ready(end_writing(&self.source))
    }
}

/// Half-closes a socket; nothing to do for what is none, or has ended already.
fn end_writing(source: &Registered) -> io::Result<()> {
    use rustix::io::Errno;
    match rustix::net::shutdown(source.source(), rustix::net::Shutdown::Write) {
        Ok(()) | Err(Errno::NOTSOCK | Errno::NOTCONN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
