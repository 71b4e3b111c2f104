//! A stream around a stream: override what is wrong.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use runtime_conformance::clauses::io::kinds::AnyStream;
use runtime_traits::io::{AsyncRead, AsyncWrite};

type Moved = Poll<io::Result<usize>>;

/// What is different about a stream. Each default body passes on.
pub(super) trait OnStream: Send + Sync + Unpin {
    fn poll_read(&mut self, to: &mut AnyStream, cx: &mut Context<'_>, buf: &mut [u8]) -> Moved {
        Pin::new(to).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        &mut self,
        to: &mut AnyStream,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Moved {
        Pin::new(to).poll_read_vectored(cx, bufs)
    }

    fn poll_write(&mut self, to: &mut AnyStream, cx: &mut Context<'_>, buf: &[u8]) -> Moved {
        Pin::new(to).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        &mut self,
        to: &mut AnyStream,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Moved {
        Pin::new(to).poll_write_vectored(cx, bufs)
    }

    fn poll_close(&mut self, to: &mut AnyStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(to).poll_close(cx)
    }
}

/// See [`OnStream`].
pub(super) struct Dressed<W>(AnyStream, W);

impl<W: OnStream + 'static> Dressed<W> {
    pub(super) fn boxed(stream: AnyStream, with: W) -> AnyStream {
        Box::new(Dressed(stream, with))
    }
}

impl<W: OnStream> AsyncRead for Dressed<W> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Moved {
        let Dressed(stream, with) = &mut *self;
        with.poll_read(stream, cx, buf)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Moved {
        let Dressed(stream, with) = &mut *self;
        with.poll_read_vectored(stream, cx, bufs)
    }
}

impl<W: OnStream> AsyncWrite for Dressed<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Moved {
        let Dressed(stream, with) = &mut *self;
        with.poll_write(stream, cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Moved {
        let Dressed(stream, with) = &mut *self;
        with.poll_write_vectored(stream, cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Dressed(stream, with) = &mut *self;
        with.poll_close(stream, cx)
    }
}
