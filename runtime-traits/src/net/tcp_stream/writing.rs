//! Writing to a [`TcpStream`] by inherent methods.

use std::vec::Vec;

use super::TcpStream;
use crate::io;
use crate::net::WriteOwned;

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
        self.link.write(buf).await
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
    pub async fn write_all(&self, buf: &[u8]) -> io::Result<()> {
        self.link.write_all(buf).await
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
        self.link.flush().await
    }

    /// Writes what can be written at once.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room; as [`write`](TcpStream::write).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.link.try_write(buf)
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
        WriteOwned::new(&self.link, buf)
    }
}
