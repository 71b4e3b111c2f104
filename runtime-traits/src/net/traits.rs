//! The poll traits of streams and halves.
//!
//! By `&mut` there is one caller per direction, so its waker is replaced by the next; by `&` there
//! are many, and their wakers are kept until the next event.

use core::pin::Pin;
use core::task::{Context, Poll};

use super::halves::Whole;
#[cfg(unix)]
use super::unix::UnixStream;
use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, Shutdown, TcpStream, WriteHalf};
use crate::hooks::ReadCursor;
use crate::io::waiters::Who;
use crate::io::{self, AsyncRead, AsyncReadUninit, AsyncWrite};

/// `AsyncRead`, by the link that a path from `self` leads to.
macro_rules! reads {
    ([$($of:tt)*] $ty:ty, $who:ident, $($link:tt)+) => {
        impl<$($of)*> AsyncRead for $ty {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let mut cursor = ReadCursor::new(buf);
                let polled = self.$($link)+.poll_read(Who::$who, cx, &mut cursor);
                polled.map_ok(|()| cursor.filled().len())
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [io::IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.$($link)+.poll_read_vectored(Who::$who, cx, bufs)
            }
        }

        impl<$($of)*> AsyncReadUninit for $ty {
            fn poll_read_cursor(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                cursor: &mut ReadCursor<'_>,
            ) -> Poll<io::Result<()>> {
                self.$($link)+.poll_read(Who::$who, cx, cursor)
            }

            fn is_read_vectored(&self) -> bool {
                self.$($link)+.is_read_vectored()
            }
        }
    };
}

/// `AsyncWrite`, by the link that a path from `self` leads to. Closing ends writing.
macro_rules! writes {
    ([$($of:tt)*] $ty:ty, $who:ident, $($link:tt)+) => {
        impl<$($of)*> AsyncWrite for $ty {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.$($link)+.poll_write(Who::$who, cx, &[io::IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.$($link)+.poll_write(Who::$who, cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.$($link)+.poll_flush(Who::$who, cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.$($link)+.poll_shutdown(Shutdown::Write, Who::$who, cx)
            }
        }
    };
}

/// A stream, by value and by reference.
macro_rules! stream {
    ($ty:ty) => {
        reads!([] $ty, Owner, link);
        writes!([] $ty, Owner, link);
        reads!([] &$ty, Anyone, link);
        writes!([] &$ty, Anyone, link);
    };
}

stream!(TcpStream);
#[cfg(unix)]
stream!(UnixStream);
reads!([S: Whole] ReadHalf<'_, S>, Owner, link());
writes!([S: Whole] WriteHalf<'_, S>, Owner, link());
reads!([S: Whole] OwnedReadHalf<S>, Owner, link());
writes!([S: Whole] OwnedWriteHalf<S>, Owner, link());
