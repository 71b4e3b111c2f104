//! Copying from a reader to a writer.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::vec;
use std::vec::Vec;

use super::{AsyncRead, AsyncWrite};
use crate::io;

/// How much is read at once.
const CHUNK: usize = 8 * 1024;

/// Copies until the reader ends, then flushes; answers how many bytes.
///
/// The writer is also flushed whenever the reader has nothing for now, so that a buffered writer
/// holds nothing back while both sides wait for each other.
///
/// ```
/// use runtime_traits::io::{self, AsyncRead, AsyncWrite};
///
/// async fn echo<S>(stream: S) -> io::Result<u64>
/// where
///     S: AsyncRead + AsyncWrite + Unpin + Copy, // `&TcpStream` is
/// {
///     io::copy(stream, stream).await
/// }
/// ```
///
/// # Cancellation
///
/// Lossy: up to 8 KiB that were read and not yet written are dropped with the future.
///
/// # Errors
///
/// Those of both sides; `WriteZero` if the writer takes nothing.
pub async fn copy<R, W>(mut reader: R, mut writer: W) -> io::Result<u64>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut copying = Copying::new();
    poll_fn(|cx| copying.poll(cx, Pin::new(&mut reader), Pin::new(&mut writer))).await
}

/// The bytes on their way: `chunk[from..to]`.
pub(super) struct Copying {
    chunk: Vec<u8>,
    from: usize,
    to: usize,
    /// Whether something was written since the last flush.
    dirty: bool,
    /// Whether the reader has ended; it is not asked again.
    ended: bool,
    total: u64,
}

impl Copying {
    pub(super) fn new() -> Copying {
        Copying { chunk: vec![0; CHUNK], from: 0, to: 0, dirty: false, ended: false, total: 0 }
    }

    /// Copies until the reader ends, then flushes.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut impl AsyncRead>,
        mut writer: Pin<&mut impl AsyncWrite>,
    ) -> Poll<io::Result<u64>> {
        while !self.ended {
            ready!(self.poll_drain(cx, writer.as_mut()))?;
            match retried(reader.as_mut().poll_read(cx, &mut self.chunk)) {
                Some(Poll::Ready(Ok(0))) => self.ended = true,
                Some(Poll::Ready(read)) => {
                    (self.from, self.to) = (0, within(read?, self.chunk.len())?);
                }
                Some(Poll::Pending) => {
                    // Pending either way: the reader has our waker.
                    if self.dirty && writer.as_mut().poll_flush(cx)?.is_ready() {
                        self.dirty = false;
                    }
                    return Poll::Pending;
                }
                None => {}
            }
        }
        writer.poll_flush(cx).map_ok(|()| self.total)
    }

    /// Writes what was read.
    fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        mut writer: Pin<&mut impl AsyncWrite>,
    ) -> Poll<io::Result<()>> {
        while self.from < self.to {
            let rest = &self.chunk[self.from..self.to];
            let Some(wrote) = retried(writer.as_mut().poll_write(cx, rest)) else { continue };
            match within(ready!(wrote)?, rest.len())? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => {
                    self.from += n;
                    self.total += n as u64;
                    self.dirty = true;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// `None` for `Interrupted`, which asks for another try.
fn retried<T>(polled: Poll<io::Result<T>>) -> Option<Poll<io::Result<T>>> {
    match polled {
        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => None,
        other => Some(other),
    }
}

/// A count that a stream reports, unless it is more than it was given.
pub(crate) fn within(n: usize, len: usize) -> io::Result<usize> {
    if n > len {
        return Err(io::Error::other("a stream reports more bytes than it was given room for"));
    }
    Ok(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::future::Future;
    use core::pin::pin;
    use core::task::Waker;

    /// Ends once, and may not be asked again.
    struct Ends(bool);

    impl AsyncRead for Ends {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            assert!(!self.0, "a terminal would wait for another line");
            self.0 = true;
            Poll::Ready(Ok(0))
        }
    }

    /// Flushes at the third poll.
    struct Flushes(usize);

    impl AsyncWrite for Flushes {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(buf.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0 += 1;
            if self.0 < 3 { Poll::Pending } else { Poll::Ready(Ok(())) }
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            panic!("a copy does not close");
        }
    }

    #[test]
    fn the_end_is_asked_for_once_though_the_flush_waits() {
        let mut copying = pin!(copy(Ends(false), Flushes(0)));
        let mut poll = || copying.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll().is_pending());
        assert!(poll().is_pending());
        assert!(matches!(poll(), Poll::Ready(Ok(0))));
    }
}
