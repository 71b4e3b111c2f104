//! Copying both ways between two streams, as a proxy does.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use super::copy::Copying;
use super::{AsyncRead, AsyncWrite};
use crate::io;

/// Copies from `a` to `b` and from `b` to `a` until both have ended; answers how many bytes went each
/// way, in this order.
///
/// When one stream ends, the other is flushed and closed, which ends its writing direction; the bytes
/// that it still sends come through. Each way is flushed as by [`copy`](crate::io::copy).
///
/// Takes streams, `&mut` to streams and, where they can be read and written so, `&`.
///
/// ```
/// use runtime_traits::io::{self, AsyncRead, AsyncWrite};
///
/// async fn proxy<C, S>(client: C, server: S) -> io::Result<()>
/// where
///     C: AsyncRead + AsyncWrite + Unpin,
///     S: AsyncRead + AsyncWrite + Unpin,
/// {
///     let (up, down) = io::copy_bidirectional(client, server).await?;
///     println!("{up} bytes sent, {down} received");
///     Ok(())
/// }
/// ```
///
/// # Contract
///
/// - **IO-11** (must) Bytes and ends are passed on both ways; the end of one way does not end the other.
///
/// # Cancellation
///
/// Lossy: up to 8 KiB each way that were read and not yet written are dropped with the future.
///
/// # Errors
///
/// The first of either way; the other way stops where it is. `WriteZero` if a stream takes nothing.
pub async fn copy_bidirectional<A, B>(mut a: A, mut b: B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (mut up, mut down) = (Way::Copying(Copying::new()), Way::Copying(Copying::new()));
    poll_fn(|cx| {
        let up = up.poll(cx, Pin::new(&mut a), Pin::new(&mut b))?;
        let down = down.poll(cx, Pin::new(&mut b), Pin::new(&mut a))?;
        match (up, down) {
            (Poll::Ready(up), Poll::Ready(down)) => Poll::Ready(Ok((up, down))),
            _ => Poll::Pending,
        }
    })
    .await
}

/// How far one way is; with the number of bytes from the end of its reader on.
enum Way {
    Copying(Copying),
    Closing(u64),
    Done(u64),
}

impl Way {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut impl AsyncRead>,
        mut writer: Pin<&mut impl AsyncWrite>,
    ) -> Poll<io::Result<u64>> {
        loop {
            *self = match self {
                Way::Copying(copying) => {
                    Way::Closing(ready!(copying.poll(cx, reader.as_mut(), writer.as_mut()))?)
                }
                Way::Closing(total) => {
                    ready!(writer.as_mut().poll_close(cx))?;
                    Way::Done(*total)
                }
                Way::Done(total) => return Poll::Ready(Ok(*total)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::future::Future;
    use core::pin::pin;
    use core::task::Waker;
    use std::vec::Vec;

    /// Gives its bytes, then ends; keeps what it is given until it is closed.
    #[derive(Default)]
    struct Side {
        gives: &'static [u8],
        got: Vec<u8>,
        flushed: usize,
        closed: bool,
        broken: bool,
    }

    impl AsyncRead for Side {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.gives).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for Side {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            assert!(!self.closed);
            if self.broken {
                return Poll::Ready(Ok(0));
            }
            let n = buf.len().min(2);
            self.got.extend_from_slice(&buf[..n]);
            Poll::Ready(Ok(n))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.flushed = self.got.len();
            Poll::Ready(Ok(()))
        }

        fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            assert_eq!(self.flushed, self.got.len());
            self.closed = true;
            Poll::Ready(Ok(()))
        }
    }

    fn run<R>(future: impl Future<Output = R>) -> R {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("nothing here waits"),
        }
    }

    #[test]
    fn each_end_closes_the_other_side() {
        let mut a = Side { gives: b"hello", ..Side::default() };
        let mut b = Side { gives: b"you", ..Side::default() };
        assert_eq!(run(copy_bidirectional(&mut a, &mut b)).unwrap(), (5, 3));
        assert_eq!((&a.got[..], &b.got[..]), (&b"you"[..], &b"hello"[..]));
        assert!(a.closed && b.closed);
    }

    #[test]
    fn an_error_of_either_way_is_told() {
        for broken in [true, false] {
            let mut a = Side { gives: b"a", broken, ..Side::default() };
            let mut b = Side { gives: b"b", broken: !broken, ..Side::default() };
            let error = run(copy_bidirectional(&mut a, &mut b)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WriteZero);
        }
    }
}
