//! Reading into memory that nobody has initialised.

use core::future::Future;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::boxed::Box;
use std::vec::Vec;

use super::AsyncRead;
use crate::hooks::ReadCursor;
use crate::io;

/// What is reserved for a read, unless the vector has room.
const ROOM: usize = 8 * 1024;

/// [`AsyncRead`] into bytes that need not be initialised.
///
/// A fresh buffer has to be zeroed before a reader may see it as `&mut [u8]`, which costs as much as
/// copying it. Readers that can do without, as sockets can, override
/// [`poll_read_cursor`](AsyncReadUninit::poll_read_cursor). For all others the default zeroes and
/// reads as ever, so one line makes a reader one of these: `impl AsyncReadUninit for Mine {}`.
///
/// Reads into several buffers are [`AsyncRead::poll_read_vectored`], by name
/// [`read_vectored`](crate::io::AsyncReadExt::read_vectored);
/// [`is_read_vectored`](AsyncReadUninit::is_read_vectored) says whether they gain anything.
///
/// ```
/// use runtime_traits::io::{self, AsyncReadUninit};
///
/// async fn frames<R: AsyncReadUninit + Unpin>(mut reader: R) -> io::Result<Vec<u8>> {
///     let mut bytes = Vec::with_capacity(64 * 1024); // never zeroed, if the reader can
///     while bytes.len() < 64 * 1024 && reader.read_append(&mut bytes).await? > 0 {}
///     Ok(bytes)
/// }
/// ```
pub trait AsyncReadUninit: AsyncRead {
    /// Reads into `cursor`; nothing is filled at the end only, or if there is no room.
    ///
    /// # Errors
    ///
    /// As [`poll_read`](AsyncRead::poll_read). A count that is more than there was room for is one.
    fn poll_read_cursor(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        cursor: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let room = cursor.remaining();
        let n = io::within(ready!(self.poll_read(cx, cursor.zeroed()))?, room)?;
        // SAFETY: `zeroed` has initialised all `room` bytes, and `n` are no more.
        unsafe { cursor.advance(n) };
        Poll::Ready(Ok(()))
    }

    /// Whether a read into several buffers fills more than the first.
    fn is_read_vectored(&self) -> bool {
        false
    }

    /// Reads what there is, at least one byte; `0` is the end, or an empty buffer. The first `n` bytes
    /// are initialised then.
    ///
    /// # Cancellation
    ///
    /// That of the reader's reads; safe for all of this crate.
    ///
    /// # Errors
    ///
    /// The reader's.
    fn read_uninit<'a>(&'a mut self, buf: &'a mut [MaybeUninit<u8>]) -> ReadUninit<'a, Self>
    where
        Self: Unpin,
    {
        ReadUninit { reader: self, buf }
    }

    /// Reads what there is into the spare capacity of a vector, and 8 KiB are reserved if it has none.
    /// Answers how many bytes are new; `0` is the end.
    ///
    /// # Cancellation
    ///
    /// That of the reader's reads; safe for all of this crate.
    ///
    /// # Errors
    ///
    /// The reader's.
    ///
    /// # Panics
    ///
    /// If the reader puts another cursor in the place of the one it was given.
    fn read_append<'a>(&'a mut self, bytes: &'a mut Vec<u8>) -> ReadAppend<'a, Self>
    where
        Self: Unpin,
    {
        ReadAppend { reader: self, bytes }
    }
}

/// Resolves with how many bytes were read: [`read_uninit`](AsyncReadUninit::read_uninit).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadUninit<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut [MaybeUninit<u8>],
}

impl<R: AsyncReadUninit + Unpin + ?Sized> Future for ReadUninit<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let ReadUninit { reader, buf } = self.get_mut();
        poll_into(Pin::new(&mut **reader), cx, buf)
    }
}

/// Resolves with how many bytes were read: [`read_append`](AsyncReadUninit::read_append).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadAppend<'a, R: ?Sized> {
    reader: &'a mut R,
    bytes: &'a mut Vec<u8>,
}

impl<R: AsyncReadUninit + Unpin + ?Sized> Future for ReadAppend<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let ReadAppend { reader, bytes } = self.get_mut();
        if bytes.len() == bytes.capacity() {
            bytes.reserve(ROOM);
        }
        let spare = bytes.spare_capacity_mut();
        let n = ready!(poll_into(Pin::new(&mut **reader), cx, spare))?;
        let len = bytes.len() + n;
        // SAFETY: the first `n` bytes of the spare capacity are initialised, as `poll_into` says.
        unsafe { bytes.set_len(len) };
        Poll::Ready(Ok(n))
    }
}

/// Reads into `buf`. As many bytes as it answers are initialised, whatever the reader does: it is safe
/// code, which can put another cursor in the place of ours and can do nothing else to it.
fn poll_into<R: AsyncReadUninit + ?Sized>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut [MaybeUninit<u8>],
) -> Poll<io::Result<usize>> {
    let (start, room) = (buf.as_ptr(), buf.len());
    let mut cursor = ReadCursor::uninit(buf);
    ready!(reader.poll_read_cursor(cx, &mut cursor))?;
    let n = cursor.filled().len();
    let same = cursor.filled().as_ptr() == start.cast() && n + cursor.remaining() == room;
    assert!(same, "a reader exchanged the cursor that it was given");
    Poll::Ready(Ok(n))
}

/// Passes on to what is pointed at.
macro_rules! deref {
    () => {
        fn poll_read_cursor(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            cursor: &mut ReadCursor<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut **self).poll_read_cursor(cx, cursor)
        }

        fn is_read_vectored(&self) -> bool {
            (**self).is_read_vectored()
        }
    };
}

impl<R: AsyncReadUninit + Unpin + ?Sized> AsyncReadUninit for &mut R {
    deref!();
}

impl<R: AsyncReadUninit + Unpin + ?Sized> AsyncReadUninit for Box<R> {
    deref!();
}

impl AsyncReadUninit for &[u8] {
    fn poll_read_cursor(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        cursor: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let n = cursor.put(&self);
        *self = &self[n..];
        Poll::Ready(Ok(()))
    }

    fn is_read_vectored(&self) -> bool {
        true
    }
}

// Readers whose memory is their own, or that are no more than a rule.
impl<R: AsyncRead> AsyncReadUninit for futures_lite::io::BufReader<R> {}
impl<T: AsRef<[u8]> + Unpin> AsyncReadUninit for futures_lite::io::Cursor<T> {}
impl AsyncReadUninit for futures_lite::io::Empty {}
impl AsyncReadUninit for futures_lite::io::Repeat {}

#[cfg(test)]
mod tests {
    use super::*;
    use core::pin::pin;
    use core::task::Waker;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// Says that it read `.0` bytes, and writes the first.
    struct Says(usize);

    impl AsyncRead for Says {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            assert!(buf.iter().all(|byte| *byte == 0), "zeroed");
            buf[0] = b'x';
            Poll::Ready(Ok(self.0))
        }
    }

    impl AsyncReadUninit for Says {}

    /// Puts a cursor of its own in the place of the one it is given.
    struct Swaps;

    impl AsyncRead for Swaps {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(0))
        }
    }

    impl AsyncReadUninit for Swaps {
        fn poll_read_cursor(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            cursor: &mut ReadCursor<'_>,
        ) -> Poll<io::Result<()>> {
            *cursor = ReadCursor::new(Box::leak(Box::new([0; 64])));
            cursor.put(&[1; 64]);
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
    fn the_default_zeroes_and_believes_no_count() {
        let mut bytes = Vec::with_capacity(16);
        bytes.push(b'a');
        assert_eq!(run(Says(3).read_append(&mut bytes)).unwrap(), 3);
        assert_eq!(bytes, b"ax\0\0");
        let room = bytes.capacity() - bytes.len();
        assert!(run(Says(room + 1).read_append(&mut bytes)).is_err());
        assert_eq!(bytes, b"ax\0\0");
    }

    #[test]
    fn bytes_are_appended_until_the_end() {
        let (mut reader, mut bytes) = (&b"hello"[..], Vec::new());
        assert_eq!(run(reader.read_append(&mut bytes)).unwrap(), 5);
        assert_eq!(run((&mut reader).read_append(&mut bytes)).unwrap(), 0);
        assert_eq!(bytes, b"hello");
        let mut buf = [MaybeUninit::uninit(); 2];
        assert_eq!(run(Box::new(&b"abc"[..]).read_uninit(&mut buf)).unwrap(), 2);
        assert_eq!(run((&b"abc"[..]).read_uninit(&mut [])).unwrap(), 0);
    }

    #[test]
    fn an_exchanged_cursor_is_found_out() {
        let mut bytes = Vec::with_capacity(64);
        let append = || run(Swaps.read_append(&mut bytes));
        assert!(catch_unwind(AssertUnwindSafe(append)).is_err());
        assert!(bytes.is_empty());
    }
}
