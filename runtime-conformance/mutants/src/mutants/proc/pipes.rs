//! Pipes as objects, and one that tells what becomes of it.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use runtime_traits::hooks::{ByteStream, ReadCursor};
use runtime_traits::io::{AsyncRead, AsyncWrite};
use runtime_traits::process::ChildStdin;

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

fn unsupported<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
}

/// An output of a child's.
pub(super) struct Reads<P>(Mutex<P>);

impl<P> Reads<P> {
    pub(super) fn new(pipe: P) -> Reads<P> {
        Reads(Mutex::new(pipe))
    }
}

impl<P: AsyncRead + Unpin + Send> ByteStream for Reads<P> {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadCursor<'_>) -> Poll<io::Result<()>> {
        let mut bytes = vec![0; buf.remaining().min(CHUNK)];
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let n = ready!(Pin::new(&mut *pipe).poll_read(cx, &mut bytes))?;
        buf.put(&bytes[..n]);
        Poll::Ready(Ok(()))
    }

    fn poll_write(&self, _: &mut Context<'_>, _: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        unsupported()
    }

    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&self, _: Shutdown, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The input of a child's.
pub(super) struct Writes(Mutex<Option<ChildStdin>>);

impl Writes {
    pub(super) fn new(pipe: ChildStdin) -> Writes {
        Writes(Mutex::new(Some(pipe)))
    }
}

impl ByteStream for Writes {
    fn poll_read(&self, _: &mut Context<'_>, _: &mut ReadCursor<'_>) -> Poll<io::Result<()>> {
        unsupported()
    }

    fn poll_write(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let bytes = bufs.iter().find(|bytes| !bytes.is_empty());
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&mut *pipe, bytes) {
            (Some(pipe), Some(bytes)) => Pin::new(pipe).poll_write(cx, bytes),
            (None, _) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            (_, None) => Poll::Ready(Ok(0)),
        }
    }

    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&self, _: Shutdown, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
        Poll::Ready(Ok(()))
    }
}

/// What may be different about a pipe. Each default body passes on.
pub(super) trait OnPipe: Send + Sync {
    /// Whether it may be read now; if not, whoever reads has been noted.
    fn may_read(&self, cx: &mut Context<'_>) -> bool {
        let _ = cx;
        true
    }

    /// It has come to its end.
    fn ended(&self) {}

    /// It is dropped.
    fn dropped(&mut self, inner: Box<dyn ByteStream>) {
        drop(inner);
    }
}

/// A pipe with something different about it.
pub(super) struct Piped<W: OnPipe> {
    inner: Option<Box<dyn ByteStream>>,
    with: W,
}

impl<W: OnPipe + 'static> Piped<W> {
    pub(super) fn boxed(inner: Box<dyn ByteStream>, with: W) -> Box<dyn ByteStream> {
        Box::new(Piped { inner: Some(inner), with })
    }
}

impl<W: OnPipe> Piped<W> {
    fn inner(&self) -> &dyn ByteStream {
        self.inner.as_deref().expect("taken by the destructor only")
    }
}

impl<W: OnPipe> ByteStream for Piped<W> {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadCursor<'_>) -> Poll<io::Result<()>> {
        if !self.with.may_read(cx) {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = ready!(self.inner().poll_read(cx, buf));
        if buf.filled().len() == before {
            self.with.ended();
        }
        Poll::Ready(read)
    }

    fn poll_write(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.inner().poll_write(cx, bufs)
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(&self, how: Shutdown, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(how, cx)
    }
}

impl<W: OnPipe> Drop for Piped<W> {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            self.with.dropped(inner);
        }
    }
}
