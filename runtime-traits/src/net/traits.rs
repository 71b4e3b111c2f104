//! The poll traits of streams and halves.
//!
//! By `&mut` there is one caller per direction, so its waker is replaced by the next; by `&` there
//! are many, and their wakers are kept until the next event.

use core::pin::Pin;
use core::task::{Context, Poll};

use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, Shutdown, TcpStream, WriteHalf};
use crate::hooks::ReadCursor;
use crate::io::waiters::Who;
use crate::io::{self, AsyncRead, AsyncWrite};

/// `AsyncRead`, by the link at a path of fields.
macro_rules! reads {
    ($ty:ty, $who:ident, $($field:tt).+) => {
        impl AsyncRead for $ty {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let mut cursor = ReadCursor::new(buf);
                let polled = self.$($field).+.poll_read(Who::$who, cx, &mut cursor);
                polled.map_ok(|()| cursor.filled().len())
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [io::IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.$($field).+.poll_read_vectored(Who::$who, cx, bufs)
            }
        }
    };
}

/// `AsyncWrite`, by the link at a path of fields. Closing ends writing.
macro_rules! writes {
    ($ty:ty, $who:ident, $($field:tt).+) => {
        impl AsyncWrite for $ty {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.$($field).+.poll_write(Who::$who, cx, &[io::IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.$($field).+.poll_write(Who::$who, cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.$($field).+.poll_flush(Who::$who, cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.$($field).+.poll_shutdown(Shutdown::Write, Who::$who, cx)
            }
        }
    };
}

reads!(TcpStream, Owner, link);
writes!(TcpStream, Owner, link);
reads!(&TcpStream, Anyone, link);
writes!(&TcpStream, Anyone, link);
reads!(ReadHalf<'_>, Owner, 0.link);
writes!(WriteHalf<'_>, Owner, 0.link);
reads!(OwnedReadHalf, Owner, 0.link);
writes!(OwnedWriteHalf, Owner, 0.link);
