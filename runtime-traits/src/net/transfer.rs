//! What the methods of streams do, for any [`Link`]: read, write, end, wait.
//!
//! Streams and halves have methods of the same names, with the promises. What waits once is a
//! `Wait`, not an `async fn`, so that the stream's own future has nothing inside but that.

use core::future::Future;
use core::mem::MaybeUninit;
use core::task::{Context, Poll, ready};
use std::vec::Vec;

use super::Shutdown;
use super::link::{Link, now};
use crate::hooks::{Dir, ReadCursor};
use crate::io;
use crate::io::waiters::Who;

/// Reading.
impl Link {
    pub(super) fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.side(Dir::Read).wait(move |who, cx| {
            let mut cursor = ReadCursor::new(buf);
            self.poll_read(who, cx, &mut cursor).map_ok(|()| cursor.filled().len())
        })
    }

    pub(super) fn read_uninit(
        &self,
        buf: &mut [MaybeUninit<u8>],
    ) -> impl Future<Output = io::Result<usize>> {
        self.side(Dir::Read).wait(move |who, cx| {
            let mut cursor = ReadCursor::uninit(buf);
            self.poll_read(who, cx, &mut cursor).map_ok(|()| cursor.filled().len())
        })
    }

    pub(super) async fn read_exact(&self, mut buf: &mut [u8]) -> io::Result<()> {
        while !buf.is_empty() {
            match self.read(buf).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => buf = &mut buf[n..],
            }
        }
        Ok(())
    }

    pub(super) async fn read_to_end(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let before = bytes.len();
        loop {
            if bytes.capacity() - bytes.len() < 32 {
                bytes.reserve(bytes.len().max(1024));
            }
            let side = self.side(Dir::Read);
            if side.wait(|who, cx| self.poll_append(who, cx, bytes)).await? == 0 {
                return Ok(bytes.len() - before);
            }
        }
    }

    /// Reads into the spare capacity of `bytes`.
    pub(super) fn poll_append(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        bytes: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let mut cursor = ReadCursor::uninit(bytes.spare_capacity_mut());
        ready!(self.poll_read(who, cx, &mut cursor))?;
        let n = cursor.filled().len();
        let len = bytes.len() + n;
        // SAFETY: what a cursor has filled is initialised, and a link leaves us our own cursor (L1),
        // over the spare capacity.
        unsafe { bytes.set_len(len) };
        Poll::Ready(Ok(n))
    }

    pub(super) fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.side(Dir::Read).wait(move |who, cx| {
            let mut cursor = ReadCursor::new(buf);
            self.poll_peek(who, cx, &mut cursor).map_ok(|()| cursor.filled().len())
        })
    }

    pub(super) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut cursor = ReadCursor::new(buf);
        now(self.side(Dir::Read).now(|who, cx| self.poll_read(who, cx, &mut cursor)))?;
        Ok(cursor.filled().len())
    }
}

/// Writing.
impl Link {
    pub(super) fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        let bufs = [io::IoSlice::new(buf)];
        self.side(Dir::Write).wait(move |who, cx| self.poll_write(who, cx, &bufs))
    }

    pub(super) async fn write_all(&self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            match self.write(buf).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => buf = &buf[n..],
            }
        }
        Ok(())
    }

    pub(super) fn flush(&self) -> impl Future<Output = io::Result<()>> {
        self.side(Dir::Write).wait(|who, cx| self.poll_flush(who, cx))
    }

    pub(super) fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        let bufs = [io::IoSlice::new(buf)];
        now(self.side(Dir::Write).now(|who, cx| self.poll_write(who, cx, &bufs)))
    }
}

/// Ending and waiting.
impl Link {
    pub(super) fn shutdown(&self, how: Shutdown) -> impl Future<Output = io::Result<()>> {
        self.side(Dir::Write).wait(move |who, cx| self.poll_shutdown(how, who, cx))
    }

    pub(super) fn ready(&self, dir: Dir) -> impl Future<Output = io::Result<()>> {
        self.side(dir).wait(move |who, cx| self.poll_ready(dir, who, cx))
    }
}
