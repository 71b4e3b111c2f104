//! The poll traits of pipes.
//!
//! By `&mut` there is one caller, so its waker is replaced by the next; by `&` there are many, and
//! their wakers are kept until the next event.

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use super::{ChildStderr, ChildStdin, ChildStdout};
use crate::io::waiters::Who;
use crate::io::{self, AsyncRead, AsyncReadUninit, AsyncWrite};

macro_rules! reads {
    ($($ty:ty, $who:ident;)*) => {$(
        impl AsyncRead for $ty {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.link.poll_read(Who::$who, cx, buf)
            }
        }

        impl AsyncReadUninit for $ty {}
    )*};
}

reads! {
    ChildStdout, Owner;
    &ChildStdout, Anyone;
    ChildStderr, Owner;
    &ChildStderr, Anyone;
}

impl AsyncWrite for ChildStdin {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.link()?.poll_write(Who::Owner, cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link()?.poll_flush(Who::Owner, cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(link) = &this.link {
            ready!(link.poll_end(Who::Owner, cx))?;
        }
        this.link = None;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for &ChildStdin {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.link()?.poll_write(Who::Anyone, cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link()?.poll_flush(Who::Anyone, cx)
    }

    /// Closes nothing: others may still write.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
