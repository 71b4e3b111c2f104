//! Reading from a [`TcpStream`] by inherent methods.

use core::mem::MaybeUninit;
use core::task::{Context, Poll};
use std::vec::Vec;

use super::TcpStream;
use crate::hooks::ReadCursor;
use crate::io;
use crate::io::waiters::Who;
use crate::net::ReadOwned;

/// Reading.
impl TcpStream {
    /// Reads what there is, at least one byte; `0` is the end, or an empty buffer.
    ///
    /// A peer that sends urgent data (`MSG_OOB`) is read up to there; what follows may have to wait until
    /// it sends more.
    ///
    /// ```
    /// # use runtime_traits::{io, net::TcpStream};
    /// async fn first_byte(stream: &TcpStream) -> io::Result<Option<u8>> {
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

    /// As [`read`](TcpStream::read), into bytes that need not be initialised. The first `n` are then.
    ///
    /// ```
    /// # use runtime_traits::{io, net::TcpStream};
    /// async fn chunk(stream: &TcpStream) -> io::Result<usize> {
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
    /// As [`read`](TcpStream::read).
    pub async fn read_uninit(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        self.link.read_uninit(buf).await
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
    /// ```
    /// # use runtime_traits::{io, net::TcpStream};
    /// async fn frame_len(stream: &TcpStream) -> io::Result<u32> {
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
    /// `UnexpectedEof` if the stream ends first; as [`read`](TcpStream::read).
    pub async fn read_exact(&self, buf: &mut [u8]) -> io::Result<()> {
        self.link.read_exact(buf).await
    }

    /// Appends all that comes until the end; answers how much that was.
    ///
    /// ```
    /// # use runtime_traits::{io, net::TcpStream};
    /// async fn body(stream: &TcpStream) -> io::Result<Vec<u8>> {
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
    /// As [`read`](TcpStream::read).
    pub async fn read_to_end(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        self.link.read_to_end(bytes).await
    }

    /// Reads without taking: the next read finds the same bytes.
    ///
    /// ```
    /// # use runtime_traits::{io, net::TcpStream};
    /// async fn is_tls(stream: &TcpStream) -> io::Result<bool> {
    ///     let mut first = [0];
    ///     Ok(stream.peek(&mut first).await? == 1 && first[0] == 22)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// As [`read`](TcpStream::read); `Unsupported` on a stream of the runtime's own making.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.link.peek(buf).await
    }

    /// Reads what is there already.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing; as [`read`](TcpStream::read).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.link.try_read(buf)
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
        ReadOwned::new(&self.link, buf)
    }
}
