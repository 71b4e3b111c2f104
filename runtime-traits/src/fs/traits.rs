//! The poll traits of files.
//!
//! A poll has no identity, and a file may be shared: its waker is kept until the next landing.
//!
//! What that means to a program stands at the impls, where it is looked for.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::SeekFrom;

use super::File;
use super::state::Whose;
use crate::io::waiters::Who;
use crate::io::{self, AsyncRead, AsyncSeek, AsyncWrite};

/// A poll has no name, so the polls of a file, and of its clones, are one reader.
///
/// It cannot be told that a poll was given up: what was read for it, an end of file too, is there for the
/// next poll, unless a seek, a write or a method came in between. A program that drops reads, or follows
/// a file that grows, is better off with [`File::read`].
///
/// Two tasks that poll one file share its cursor, in whichever order they are polled: each byte goes to
/// one of them, and a seek moves both. None of them waits for ever. A task that needs a place of its own
/// uses [`File::read_at`].
impl AsyncRead for &File {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.shared()?.poll_read(&mut Whose::Trait, Who::Anyone, cx, buf)
    }
}

/// Bytes are taken at once and [written behind](File#two-ways-to-write). Closing a borrowed file flushes
/// it; it stays open.
impl AsyncWrite for &File {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.shared()?.poll_write(&mut Whose::Trait, Who::Anyone, cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared()?.poll_flush(Who::Anyone, cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// A seek from the end may answer by a length as old as the first poll; see
/// [reading](#impl-AsyncRead-for-%26File) about several tasks.
impl AsyncSeek for &File {
    fn poll_seek(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        self.shared()?.poll_seek(&mut Whose::Trait, Who::Anyone, cx, to)
    }
}

/// As for `&File`.
impl AsyncRead for File {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read(cx, buf)
    }
}

/// As for `&File`; but closing flushes, then closes this clone. A second time does nothing.
impl AsyncWrite for File {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.shared().is_ok() {
            ready!(self.as_mut().poll_flush(cx))?;
            self.forget();
        }
        Poll::Ready(Ok(()))
    }
}

/// As for `&File`.
impl AsyncSeek for File {
    fn poll_seek(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        Pin::new(&mut &*self).poll_seek(cx, to)
    }
}
