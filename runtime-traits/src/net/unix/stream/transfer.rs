//! Reading from a [`UnixStream`] and writing to it by inherent methods.

use core::mem::MaybeUninit;
use core::task::{Context, Poll};
use std::vec::Vec;

use super::UnixStream;
use crate::hooks::ReadCursor;
use crate::io;
use crate::io::waiters::Who;
use crate::net::{ReadOwned, WriteOwned};

/// Reading.
impl UnixStream {
    /// Reads what there is, at least one byte; `0` is the end, or an empty buffer.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream};
    /// async fn first_byte(stream: &UnixStream) -> io::Result<Option<u8>> {
    ///     let mut byte = [0];
    ///     let n = stream.read(&mut byte).await?;
    ///     Ok((n == 1).then_some(byte[0]))
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: a dropped read has read nothing.
    ///
    /// # Errors
    ///
    /// The connection's; the runtime has ended.
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.link.read(buf).await
    }

    /// As [`read`](UnixStream::read), into bytes that need not be initialised. The first `n` are then.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream};
    /// async fn chunk(stream: &UnixStream) -> io::Result<usize> {
    ///     let mut buf = [const { std::mem::MaybeUninit::uninit() }; 4096];
    ///     stream.read_uninit(&mut buf).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: a dropped read has read nothing.
    ///
    /// # Errors
    ///
    /// As [`read`](UnixStream::read).
    pub async fn read_uninit(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        self.link.read_uninit(buf).await
    }

    /// Reads into a cursor, for code that polls; nothing is filled at the end only, or if it is full.
    ///
    /// It has no identity: its waker is kept until the next event.
    ///
    /// # Errors
    ///
    /// As [`read`](UnixStream::read).
    pub fn poll_read_cursor(
        &self,
        cx: &mut Context<'_>,
        cursor: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.link.poll_read(Who::Anyone, cx, cursor)
    }

    /// Fills the whole buffer.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream};
    /// async fn frame_len(stream: &UnixStream) -> io::Result<u32> {
    ///     let mut len = [0; 4];
    ///     stream.read_exact(&mut len).await?;
    ///     Ok(u32::from_be_bytes(len))
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Lossy: how much was read is lost with the future.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the stream ends first; as [`read`](UnixStream::read).
    pub async fn read_exact(&self, buf: &mut [u8]) -> io::Result<()> {
        self.link.read_exact(buf).await
    }

    /// Appends all that comes until the end; answers how much that was.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream};
    /// async fn body(stream: &UnixStream) -> io::Result<Vec<u8>> {
    ///     let mut body = Vec::new();
    ///     stream.read_to_end(&mut body).await?;
    ///     Ok(body)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: what was read is in `bytes`.
    ///
    /// # Errors
    ///
    /// As [`read`](UnixStream::read).
    pub async fn read_to_end(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        self.link.read_to_end(bytes).await
    }

    /// Reads without taking: the next read finds the same bytes.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream};
    /// async fn is_json(stream: &UnixStream) -> io::Result<bool> {
    ///     let mut first = [0];
    ///     Ok(stream.peek(&mut first).await? == 1 && first[0] == b'{')
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// As [`read`](UnixStream::read).
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.link.peek(buf).await
    }

    /// Reads what is there already.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing; as [`read`](UnixStream::read).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.link.try_read(buf)
    }

    /// Reads into the spare capacity of a buffer that goes along; on a runtime that completes
    /// operations nothing is copied. See [`ReadOwned`].
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream};
    /// async fn chunk(stream: &UnixStream) -> io::Result<Vec<u8>> {
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
    /// As [`read`](UnixStream::read).
    pub fn read_owned(&self, buf: Vec<u8>) -> ReadOwned<'_> {
        ReadOwned::new(&self.link, buf)
    }
}

/// Writing.
impl UnixStream {
    /// Writes some of the bytes; answers how many.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream};
    /// async fn some(stream: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
    ///     stream.write(bytes).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: a dropped write has written nothing.
    ///
    /// # Errors
    ///
    /// The connection's (`BrokenPipe` if the peer has gone); the runtime has ended.
    pub async fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.link.write(buf).await
    }

    /// Writes all of the bytes.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream};
    /// async fn greet(stream: &UnixStream) -> io::Result<()> {
    ///     stream.write_all(b"hello\n").await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Lossy: how much was written is lost with the future.
    ///
    /// # Errors
    ///
    /// `WriteZero` if nothing is taken any more; as [`write`](UnixStream::write).
    pub async fn write_all(&self, buf: &[u8]) -> io::Result<()> {
        self.link.write_all(buf).await
    }

    /// Waits until what was written has left this process, and tells if that failed.
    ///
    /// Ready at once where the system takes the bytes at the write.
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream};
    /// async fn sent(stream: &UnixStream) -> io::Result<()> {
    ///     stream.write_all(b"hello\n").await?;
    ///     stream.flush().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// Those of earlier writes.
    pub async fn flush(&self) -> io::Result<()> {
        self.link.flush().await
    }

    /// Writes what can be written at once.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room; as [`write`](UnixStream::write).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.link.try_write(buf)
    }

    /// Writes some of the bytes of a buffer that goes along; on a runtime that completes operations
    /// nothing is copied. See [`WriteOwned`].
    ///
    /// ```
    /// # use runtime_traits::{io, net::unix::UnixStream};
    /// async fn send(stream: &UnixStream, buf: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
    ///     stream.write_owned(buf).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Lossy: the buffer is gone with the future, and its bytes may have been sent. Use
    /// [`WriteOwned::cancel`] to know.
    ///
    /// # Errors
    ///
    /// As [`write`](UnixStream::write).
    pub fn write_owned(&self, buf: Vec<u8>) -> WriteOwned<'_> {
        WriteOwned::new(&self.link, buf)
    }
}
