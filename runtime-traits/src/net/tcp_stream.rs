//! [`TcpStream`].
//!
//! `options` has what std's stream offers besides reading and writing.

use core::fmt;
use core::mem::MaybeUninit;
use core::task::{Context, Poll, ready};
use std::vec::Vec;

use super::halves::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::link::{Link, now};
use super::owned::{ReadOwned, WriteOwned};
use super::{Shutdown, ToSocketAddrs, connect};
use crate::hooks::{Dir, ReadCursor};
use crate::io;
use crate::io::waiters::Who;

mod options;

/// A TCP connection.
///
/// Every method takes `&self`: tasks may read and write at the same time, and several may wait for
/// the same direction. Dropping it closes the connection; what was written is still sent.
///
/// ```
/// use runtime_traits::{io, net::TcpStream};
///
/// async fn shout(server: &str) -> io::Result<Vec<u8>> {
///     let stream = TcpStream::connect(server).await?;
///     stream.write_all(b"hello\n").await?;
///     let mut answer = Vec::new();
///     stream.read_to_end(&mut answer).await?;
///     Ok(answer)
/// }
/// ```
pub struct TcpStream {
    pub(super) link: Link,
}

impl TcpStream {
    /// Connects to the first of the addresses that answers.
    ///
    /// The runtime is the one that is current at the first poll.
    ///
    /// # Cancellation
    ///
    /// Safe: the attempt is given up. (A look-up by the system is left running.)
    ///
    /// # Errors
    ///
    /// That of the last address; those of [`lookup_host`](super::lookup_host); `Unsupported` if there
    /// is no runtime or it has no net.
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        let link = connect::first_that_works(addr.target(), connect::connect).await?;
        Ok(TcpStream { link })
    }

    /// Reads what there is, at least one byte; `0` is the end, or an empty buffer.
    ///
    /// # Cancellation
    ///
    /// Safe: a dropped read has read nothing.
    ///
    /// # Errors
    ///
    /// The connection's; the runtime has ended.
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let poll = |who: Who<'_>, cx: &mut Context<'_>| {
            let mut cursor = ReadCursor::new(buf);
            self.link.poll_read(who, cx, &mut cursor).map_ok(|()| cursor.filled().len())
        };
        self.link.side(Dir::Read).wait(poll).await
    }

    /// As [`read`](TcpStream::read), into bytes that need not be initialised. The first `n` are then.
    ///
    /// # Cancellation
    ///
    /// Safe: a dropped read has read nothing.
    ///
    /// # Errors
    ///
    /// As [`read`](TcpStream::read).
    pub async fn read_uninit(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        let poll = |who: Who<'_>, cx: &mut Context<'_>| {
            let mut cursor = ReadCursor::uninit(buf);
            self.link.poll_read(who, cx, &mut cursor).map_ok(|()| cursor.filled().len())
        };
        self.link.side(Dir::Read).wait(poll).await
    }

    /// Reads into a cursor, for code that polls; nothing is filled at the end only, or if it is full.
    ///
    /// It has no identity: its waker is kept until the next event.
    ///
    /// # Errors
    ///
    /// As [`read`](TcpStream::read).
    pub fn poll_read_cursor(
        &self,
        cx: &mut Context<'_>,
        cursor: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.link.poll_read(Who::Anyone, cx, cursor)
    }

    /// Fills the whole buffer.
    ///
    /// # Cancellation
    ///
    /// Lossy: how much was read is lost with the future.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the stream ends first; as [`read`](TcpStream::read).
    pub async fn read_exact(&self, mut buf: &mut [u8]) -> io::Result<()> {
        while !buf.is_empty() {
            match self.read(buf).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => buf = &mut buf[n..],
            }
        }
        Ok(())
    }

    /// Appends all that comes until the end; answers how much that was.
    ///
    /// # Cancellation
    ///
    /// Safe: what was read is in `bytes`.
    ///
    /// # Errors
    ///
    /// As [`read`](TcpStream::read).
    pub async fn read_to_end(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let before = bytes.len();
        loop {
            if bytes.capacity() - bytes.len() < 32 {
                bytes.reserve(bytes.len().max(1024));
            }
            let side = self.link.side(Dir::Read);
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
        ready!(self.link.poll_read(who, cx, &mut cursor))?;
        let n = cursor.filled().len();
        let len = bytes.len() + n;
        // SAFETY: what a cursor has filled is initialised, and a link leaves us our own cursor (L1),
        // over the spare capacity.
        unsafe { bytes.set_len(len) };
        Poll::Ready(Ok(n))
    }

    /// Reads without taking: the next read finds the same bytes.
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// As [`read`](TcpStream::read); `Unsupported` on a stream of the runtime's own making.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let poll = |who: Who<'_>, cx: &mut Context<'_>| {
            let mut cursor = ReadCursor::new(buf);
            self.link.poll_peek(who, cx, &mut cursor).map_ok(|()| cursor.filled().len())
        };
        self.link.side(Dir::Read).wait(poll).await
    }

    /// Writes some of the bytes; answers how many.
    ///
    /// # Cancellation
    ///
    /// Safe: a dropped write has written nothing.
    ///
    /// # Errors
    ///
    /// The connection's; the runtime has ended.
    pub async fn write(&self, buf: &[u8]) -> io::Result<usize> {
        let bufs = [io::IoSlice::new(buf)];
        self.link.side(Dir::Write).wait(|who, cx| self.link.poll_write(who, cx, &bufs)).await
    }

    /// Writes all of the bytes.
    ///
    /// # Cancellation
    ///
    /// Lossy: how much was written is lost with the future.
    ///
    /// # Errors
    ///
    /// `WriteZero` if nothing is taken any more; as [`write`](TcpStream::write).
    pub async fn write_all(&self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            match self.write(buf).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => buf = &buf[n..],
            }
        }
        Ok(())
    }

    /// Waits until what was written has left this process, and tells if that failed.
    ///
    /// Ready at once where the system takes the bytes at the write.
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// Those of earlier writes.
    pub async fn flush(&self) -> io::Result<()> {
        self.link.side(Dir::Write).wait(|who, cx| self.link.poll_flush(who, cx)).await
    }

    /// Ends reading, writing or both. The peer sees the end of what we write, after all of it.
    ///
    /// A direction that has ended already is no error.
    ///
    /// # Cancellation
    ///
    /// Safe: it can be called again.
    ///
    /// # Errors
    ///
    /// Those of earlier writes, and of the connection.
    pub async fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.link.side(Dir::Write).wait(|who, cx| self.link.poll_shutdown(how, who, cx)).await
    }

    /// Waits until there is something to read, or the end.
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// The runtime has ended; `Unsupported` on a stream of the runtime's own making.
    pub async fn readable(&self) -> io::Result<()> {
        let side = self.link.side(Dir::Read);
        side.wait(|who, cx| self.link.poll_ready(Dir::Read, who, cx)).await
    }

    /// Waits until something can be written.
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// The runtime has ended; `Unsupported` on a stream of the runtime's own making.
    pub async fn writable(&self) -> io::Result<()> {
        let side = self.link.side(Dir::Write);
        side.wait(|who, cx| self.link.poll_ready(Dir::Write, who, cx)).await
    }

    /// Reads what is there already.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing; as [`read`](TcpStream::read).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut cursor = ReadCursor::new(buf);
        now(self.link.side(Dir::Read).now(|who, cx| self.link.poll_read(who, cx, &mut cursor)))?;
        Ok(cursor.filled().len())
    }

    /// Writes what can be written at once.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room; as [`write`](TcpStream::write).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        let bufs = [io::IoSlice::new(buf)];
        now(self.link.side(Dir::Write).now(|who, cx| self.link.poll_write(who, cx, &bufs)))
    }

    /// Reads into the spare capacity of a buffer that goes along; on a runtime that completes
    /// operations nothing is copied. See [`ReadOwned`].
    ///
    /// ```
    /// # use runtime_traits::{io, net::TcpStream};
    /// async fn chunk(stream: &TcpStream) -> io::Result<Vec<u8>> {
    ///     let (result, buf) = stream.read_owned(Vec::with_capacity(4096)).await;
    ///     result.map(|_| buf)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Lossy: the buffer is gone with the future, and so may be bytes that it had received. Use
    /// [`ReadOwned::cancel`] to have both back.
    ///
    /// # Errors
    ///
    /// As [`read`](TcpStream::read).
    pub fn read_owned(&self, buf: Vec<u8>) -> ReadOwned<'_> {
        ReadOwned::new(self, buf)
    }

    /// Writes some of the bytes of a buffer that goes along; on a runtime that completes operations
    /// nothing is copied. See [`WriteOwned`].
    ///
    /// # Cancellation
    ///
    /// Lossy: the buffer is gone with the future, and its bytes may have been sent. Use
    /// [`WriteOwned::cancel`] to know.
    ///
    /// # Errors
    ///
    /// As [`write`](TcpStream::write).
    pub fn write_owned(&self, buf: Vec<u8>) -> WriteOwned<'_> {
        WriteOwned::new(self, buf)
    }

    /// Two halves that borrow the stream.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        halves::split(self)
    }

    /// Two halves for two tasks.
    ///
    /// Dropping the half that writes ends writing, as [`shutdown`](TcpStream::shutdown) does, unless
    /// it is [forgotten](OwnedWriteHalf::forget).
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        halves::into_split(self)
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.link.fmt_as("TcpStream", f)
    }
}
