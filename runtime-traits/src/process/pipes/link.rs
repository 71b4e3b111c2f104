//! One end of a pipe, of one of two kinds.

use core::fmt;
use core::task::{Context, Poll, ready};
use std::boxed::Box;
use std::vec::Vec;

use super::end::{End, Owned};
use crate::hooks::{ByteStream, Dir, ReadCursor};
use crate::io::source::poll_proceed;
use crate::io::waiters::{Side, Who};
use crate::net::Shutdown;
use crate::{Handle, io};

/// How much is read at once when all is wanted: what a pipe holds on Linux.
const CHUNK: usize = 64 * 1024;

/// A pipe.
pub(in crate::process) enum Link {
    /// The system's.
    System(End),
    /// A stream of the runtime's own.
    Object { handle: Handle, stream: Box<dyn ByteStream>, sides: [Side; 2] },
}

impl Link {
    /// A pipe of the system's, on the runtime of `handle`.
    pub(super) fn new(handle: &Handle, pipe: Owned, dir: Dir) -> io::Result<Link> {
        End::new(handle, pipe, dir).map(Link::System)
    }

    pub(in crate::process) fn from_object(handle: Handle, stream: Box<dyn ByteStream>) -> Link {
        Link::Object { handle, stream, sides: Side::pair() }
    }

    pub(super) fn side(&self, dir: Dir) -> &Side {
        match self {
            Link::System(end) => end.side(dir),
            Link::Object { sides, .. } => &sides[dir.index()],
        }
    }

    /// The pipe alone, as whoever gets it next expects it: that knows nothing of ours.
    pub(super) fn into_owned(self) -> io::Result<Owned> {
        match self {
            Link::System(end) => end.into_owned(),
            Link::Object { .. } => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this pipe has no descriptor: the runtime made it by other means",
            )),
        }
    }

    pub(super) fn poll_read(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        match self {
            Link::System(end) => end.poll_read(who, cx, buf),
            Link::Object { handle, stream, sides } => {
                ready!(poll_proceed(handle, cx));
                let start: *const u8 = buf.as_ptr();
                let mut cursor = ReadCursor::new(buf);
                let side = &sides[Dir::Read.index()];
                let read =
                    ready!(side.poll_shared(who, cx, |cx| stream.poll_read(cx, &mut cursor)));
                // It could have put another cursor in the place of ours.
                let name = handle.info().name;
                assert!(
                    cursor.filled().as_ptr() == start,
                    "a pipe of runtime `{name}` exchanged the cursor"
                );
                Poll::Ready(read.map(|()| cursor.filled().len()))
            }
        }
    }

    pub(super) fn poll_write(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        match self {
            Link::System(end) => end.poll_write(who, cx, bytes),
            Link::Object { handle, stream, sides } => {
                ready!(poll_proceed(handle, cx));
                let side = &sides[Dir::Write.index()];
                let bytes = [io::IoSlice::new(bytes)];
                side.poll_shared(who, cx, |cx| stream.poll_write(cx, &bytes))
            }
        }
    }

    /// Waits until what was written has left this process.
    pub(super) fn poll_flush(&self, who: Who<'_>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Link::System(end) => end.poll_flush(who, cx),
            Link::Object { stream, sides, .. } => {
                sides[Dir::Write.index()].poll_shared(who, cx, |cx| stream.poll_flush(cx))
            }
        }
    }

    /// Makes it ready to be dropped, which closes it.
    pub(super) fn poll_end(&self, who: Who<'_>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Link::System(end) => end.poll_flush(who, cx),
            Link::Object { stream, sides, .. } => {
                sides[Dir::Write.index()]
                    .poll_shared(who, cx, |cx| stream.poll_shutdown(Shutdown::Write, cx))
            }
        }
    }

    /// Appends all that comes until the end.
    pub(in crate::process) async fn read_to_end(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let before = bytes.len();
        let mut chunk = std::vec![0; CHUNK];
        loop {
            let side = self.side(Dir::Read);
            match side.wait(|who, cx| self.poll_read(who, cx, &mut chunk)).await? {
                0 => return Ok(bytes.len() - before),
                n => bytes.extend_from_slice(&chunk[..n]),
            }
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Link::System(end) => end.fmt(f),
            Link::Object { handle, .. } => write!(f, "a pipe of {}", handle.info().name),
        }
    }
}
