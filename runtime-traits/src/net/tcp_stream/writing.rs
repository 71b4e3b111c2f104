//! Writing to a [`TcpStream`] by inherent methods.

use std::vec::Vec;

use super::TcpStream;
use crate::hooks::Dir;
use crate::io;
use crate::net::WriteOwned;
use crate::net::link::now;

/// Writing.
impl TcpStream {
    /// Writes some of the bytes; answers how many.
    ///
    /// ```
    /// # use runtime_traits::{io, net::TcpStream};
    /// async fn some(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
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
    /// The connection's; the runtime has ended.
    pub async fn write(&self, buf: &[u8]) -> io::Result<usize> {
        let bufs = [io::IoSlice::new(buf)];
        self.link.side(Dir::Write).wait(|who, cx| self.link.poll_write(who, cx, &bufs)).await
    }

    /// Writes all of the bytes.
    ///
    /// ```
    /// # use runtime_traits::{io, net::TcpStream};
    /// async fn greet(stream: &TcpStream) -> io::Result<()> {
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
    /// ```
    /// # use runtime_traits::{io, net::TcpStream};
    /// async fn sent(stream: &TcpStream) -> io::Result<()> {
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
        self.link.side(Dir::Write).wait(|who, cx| self.link.poll_flush(who, cx)).await
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

    /// Writes some of the bytes of a buffer that goes along; on a runtime that completes operations
    /// nothing is copied. See [`WriteOwned`].
    ///
    /// ```
    /// # use runtime_traits::{io, net::TcpStream};
    /// async fn send(stream: &TcpStream, buf: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
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
    /// As [`write`](TcpStream::write).
    pub fn write_owned(&self, buf: Vec<u8>) -> WriteOwned<'_> {
        WriteOwned::new(self, buf)
    }
}
