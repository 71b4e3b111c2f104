//! One connection, of one of three kinds, with the waiting that all of them need.
//!
//! | kind | reading | writing |
//! |---|---|---|
//! | `Ready` | the system call, when the reactor says so | the same |
//! | `Staged` | from a buffer that a completion filled | into a buffer that a completion sends |
//! | `Object` | the runtime's own stream | the same |
//!
//! # Invariants
//!
//! - **L1** Whatever kind: what a read reports as filled lies in the memory it was given. `Object`
//!   is foreign safe code, so this is checked there.
//! - **L2** [`After::Drained`] is said only where it holds: no event follows for bytes that were there
//!   before. Reads of a Unix socket do not say it, see [`Short`].

use core::fmt;
use core::task::{Context, Poll, ready};
use std::boxed::Box;
use std::sync::{Arc, OnceLock};

use socket2::SockRef;

use super::staged::Staged;
use super::{Shutdown, SocketAddr, sys};
use crate::hooks::{After, BorrowedSource, ByteStream, Completion, Dir, ReadCursor, Source, Token};
use crate::io::source::{Registered, borrow, poll_proceed};
use crate::io::waiters::{Side, Who};
use crate::{Capability, Handle, io};

/// A connection.
pub(super) enum Link {
    Ready(Ready),
    Staged(Arc<Staged>),
    Object(Object),
}

/// A socket on a reactor.
pub(super) struct Ready {
    pub(super) source: Registered,
    /// What a read of it says that filled less than it could.
    short: Short,
    /// Its token for owned buffers, once one was used and if the runtime has `Completion` too.
    owned: OnceLock<Token>,
}

/// What a read says that filled less than it could.
#[derive(Clone, Copy)]
pub(super) enum Short {
    /// No more is there. (TCP stops in front of urgent data too; who sends that stalls itself alone.)
    Drained,
    /// Nothing: Unix sockets keep bytes apart that were sent with descriptors or credentials, and
    /// urgent ones, and a read takes those up to the seam.
    #[cfg(unix)]
    Unknown,
}

/// A stream of the runtime's own.
pub(super) struct Object {
    handle: Handle,
    stream: Box<dyn ByteStream>,
    sides: [Side; 2],
}

impl Link {
    /// A connected socket, in non-blocking mode, on the runtime of `handle`.
    pub(super) fn from_source(handle: Handle, source: Source) -> io::Result<Link> {
        if handle.runtime().reactor().is_some() {
            Ok(Link::from_registered(Registered::new(handle, source)?))
        } else if handle.runtime().completion().is_some() {
            Ok(Link::Staged(Staged::new(handle, source)?))
        } else {
            Err(handle.unsupported(Capability::Net).into())
        }
    }

    /// A socket that the reactor knows already.
    pub(super) fn from_registered(source: Registered) -> Link {
        Link::Ready(Ready { source, short: Short::Drained, owned: OnceLock::new() })
    }

    /// The same, of a Unix socket.
    #[cfg(unix)]
    pub(super) fn of_unix(mut self) -> Link {
        if let Link::Ready(ready) = &mut self {
            ready.short = Short::Unknown;
        }
        self
    }

    /// A stream that the runtime's `Net` made.
    pub(super) fn from_object(handle: Handle, stream: Box<dyn ByteStream>) -> Link {
        Link::Object(Object { handle, stream, sides: Side::pair() })
    }

    pub(super) fn handle(&self) -> &Handle {
        match self {
            Link::Ready(ready) => ready.source.handle(),
            Link::Staged(staged) => staged.handle(),
            Link::Object(object) => &object.handle,
        }
    }

    pub(super) fn side(&self, dir: Dir) -> &Side {
        match self {
            Link::Ready(ready) => ready.source.side(dir),
            Link::Staged(staged) => staged.side(dir),
            Link::Object(object) => &object.sides[dir.index()],
        }
    }

    /// The socket beneath, if there is one.
    pub(super) fn source(&self) -> Option<BorrowedSource<'_>> {
        match self {
            Link::Ready(ready) => Some(borrow(ready.source.source())),
            Link::Staged(staged) => Some(borrow(staged.source())),
            Link::Object(object) => object.stream.source(),
        }
    }

    /// Calls `f` with the socket beneath.
    pub(super) fn with_socket<R>(
        &self,
        f: impl FnOnce(&SockRef<'_>) -> io::Result<R>,
    ) -> io::Result<R> {
        match self.source() {
            Some(source) => f(&SockRef::from(&source)),
            None => Err(no_socket()),
        }
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Link::Object(object) => object.stream.local_addr(),
            _ => self.with_socket(|socket| socket.local_addr().and_then(sys::ip)),
        }
    }

    pub(super) fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Link::Object(object) => object.stream.peer_addr(),
            _ => self.with_socket(|socket| socket.peer_addr().and_then(sys::ip)),
        }
    }

    /// Both ends and the runtime, as `name`.
    pub(super) fn fmt_as(
        &self,
        name: &str,
        local: &dyn fmt::Debug,
        peer: &dyn fmt::Debug,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        f.debug_struct(name)
            .field("local", local)
            .field("peer", peer)
            .field("runtime", &self.handle().info().name)
            .finish()
    }

    /// Reads into `cursor`; nothing is filled only at the end, or if there is no room.
    pub(super) fn poll_read(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        cursor: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if cursor.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        match self {
            Link::Ready(Ready { source, short, .. }) => poll_recv(source, *short, who, cx, cursor),
            Link::Staged(staged) => staged.poll_read(who, cx, cursor),
            Link::Object(object) => object.poll_read(who, cx, cursor),
        }
    }

    /// As [`poll_read`](Link::poll_read), into the first buffers that have room.
    pub(super) fn poll_read_vectored(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        bufs: &mut [io::IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(first) = bufs.iter().position(|buf| !buf.is_empty()) else {
            return Poll::Ready(Ok(0));
        };
        let bufs = &mut bufs[first..];
        if let Link::Ready(Ready { source, short, .. }) = self {
            return source.poll_stream(Dir::Read, who, cx, || {
                let n = sys::recv_vectored(&sys::socket(source.source()), bufs)?;
                Ok((n, short.after(n, room(bufs.iter().map(|buf| buf.len())))))
            });
        }
        let mut cursor = ReadCursor::new(&mut bufs[0]);
        self.poll_read(who, cx, &mut cursor).map_ok(|()| cursor.filled().len())
    }

    /// As [`poll_read`](Link::poll_read), but the bytes are read again by the next.
    pub(super) fn poll_peek(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        cursor: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Link::Ready(Ready { source, .. }) => {
                source.poll(Dir::Read, who, cx, || sys::peek(&sys::socket(source.source()), cursor))
            }
            Link::Staged(staged) => staged.poll_peek(who, cx, cursor),
            Link::Object(_) => Poll::Ready(Err(no_socket())),
        }
    }

    /// Writes some of `bufs`.
    pub(super) fn poll_write(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(first) = bufs.iter().position(|buf| !buf.is_empty()) else {
            return Poll::Ready(Ok(0));
        };
        let bufs = &bufs[first..];
        match self {
            Link::Ready(Ready { source, .. }) => poll_send(source, who, cx, bufs),
            Link::Staged(staged) => staged.poll_write(who, cx, bufs),
            Link::Object(object) => object.poll_write(who, cx, bufs),
        }
    }

    /// Waits until what was written has left this process.
    pub(super) fn poll_flush(&self, who: Who<'_>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Link::Ready(_) => Poll::Ready(Ok(())),
            Link::Staged(staged) => staged.poll_flush(who, cx),
            Link::Object(object) => object.sides[Dir::Write.index()]
                .poll_shared(who, cx, |cx| object.stream.poll_flush(cx)),
        }
    }

    /// Ends a direction; before writing ends, what was written leaves.
    pub(super) fn poll_shutdown(
        &self,
        how: Shutdown,
        who: Who<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if let Link::Object(object) = self {
            let side = &object.sides[Dir::Write.index()];
            return side.poll_shared(who, cx, |cx| object.stream.poll_shutdown(how, cx));
        }
        if how != Shutdown::Read {
            ready!(self.poll_flush(who, cx))?;
            if let Link::Staged(staged) = self {
                staged.note_end();
            }
        }
        Poll::Ready(self.with_socket(|socket| sys::shutdown(socket, how)))
    }

    /// Ends writing, with nobody there to wait for it.
    pub(super) fn end_writing(&self) {
        match self {
            Link::Staged(staged) => staged.end_writing(),
            Link::Ready(_) => {
                // The peer may have gone first; there is nobody to tell.
                let _ = self.with_socket(|socket| sys::shutdown(socket, Shutdown::Write));
            }
            Link::Object(object) => {
                let waker = object.sides[Dir::Write.index()].waker();
                // If it cannot be done at once, the end of the stream does it.
                let _ =
                    object.stream.poll_shutdown(Shutdown::Write, &mut Context::from_waker(waker));
            }
        }
    }

    /// Whether a read fills several buffers at once.
    pub(super) fn is_read_vectored(&self) -> bool {
        matches!(self, Link::Ready(_))
    }

    /// Waits until a direction is ready.
    pub(super) fn poll_ready(
        &self,
        dir: Dir,
        who: Who<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match (self, dir) {
            (Link::Ready(ready), _) => ready.source.poll_ready(dir, who, cx),
            (Link::Staged(staged), Dir::Read) => staged.poll_readable(who, cx),
            (Link::Staged(staged), Dir::Write) => staged.poll_writable(who, cx),
            (Link::Object(_), _) => Poll::Ready(Err(no_socket())),
        }
    }

    /// The hook that takes owned buffers, and our token with it.
    pub(super) fn completion(&self) -> Option<(&dyn Completion, Token)> {
        match self {
            Link::Ready(ready) => ready.completion(),
            Link::Staged(staged) => Some((staged.completion()?, staged.token())),
            Link::Object(_) => None,
        }
    }

    /// The socket alone, without a runtime.
    pub(super) fn into_source(self) -> io::Result<Source> {
        match &self {
            Link::Ready(ready) => Ok(ready.source.source().clone()),
            Link::Staged(staged) if staged.is_busy() => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "bytes of this stream are still in the staging buffers; flush it, and read what \
                 was sent",
            )),
            Link::Staged(staged) => Ok(staged.source().clone()),
            Link::Object(_) => Err(no_socket()),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Link::Staged(staged) = self {
            staged.close();
        }
    }
}

impl Ready {
    fn completion(&self) -> Option<(&dyn Completion, Token)> {
        let completion = self.source.handle().runtime().completion()?;
        if self.owned.get().is_none() {
            let token = completion.register(self.source.source().clone()).ok()?;
            // Somebody else may have been faster.
            if self.owned.set(token).is_err() {
                completion.deregister(token);
            }
        }
        Some((completion, *self.owned.get()?))
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        if let (Some(token), Some(completion)) =
            (self.owned.get(), self.source.handle().runtime().completion())
        {
            completion.deregister(*token);
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.sides.iter().for_each(Side::wake_all);
    }
}

impl Object {
    fn poll_read(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        cursor: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(poll_proceed(&self.handle, cx));
        let (start, before) = (cursor.filled().as_ptr(), cursor.filled().len());
        let side = &self.sides[Dir::Read.index()];
        let read = ready!(side.poll_shared(who, cx, |cx| self.stream.poll_read(cx, cursor)));
        // It could have put another cursor in the place of ours (L1).
        if cursor.filled().as_ptr() != start || cursor.filled().len() < before {
            panic!("a stream of runtime `{}` exchanged the read cursor", self.handle.info().name);
        }
        Poll::Ready(read)
    }

    fn poll_write(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(poll_proceed(&self.handle, cx));
        let side = &self.sides[Dir::Write.index()];
        side.poll_shared(who, cx, |cx| self.stream.poll_write(cx, bufs))
    }
}

/// Reads from a stream socket on a reactor into `cursor`, which has room.
pub(super) fn poll_recv(
    source: &Registered,
    short: Short,
    who: Who<'_>,
    cx: &mut Context<'_>,
    cursor: &mut ReadCursor<'_>,
) -> Poll<io::Result<()>> {
    source.poll_stream(Dir::Read, who, cx, || {
        let room = cursor.remaining();
        sys::recv(&sys::socket(source.source()), cursor)?;
        Ok(((), short.after(room - cursor.remaining(), room)))
    })
}

/// Writes some of `bufs` to a stream socket on a reactor.
pub(super) fn poll_send(
    source: &Registered,
    who: Who<'_>,
    cx: &mut Context<'_>,
    bufs: &[io::IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    source.poll_stream(Dir::Write, who, cx, || {
        let n = sys::send(&sys::socket(source.source()), bufs)?;
        Ok((n, Short::Drained.after(n, room(bufs.iter().map(|buf| buf.len())))))
    })
}

/// How many bytes one call can move: it looks at so many slices.
fn room(lens: impl Iterator<Item = usize>) -> usize {
    lens.take(sys::SLICES_MAX).sum()
}

impl Short {
    /// What there is after `moved` of the bytes that one call `could` have moved. The end, zero, says
    /// nothing.
    fn after(self, moved: usize, could: usize) -> After {
        match self {
            Short::Drained if 0 < moved && moved < could => After::Drained,
            _ => After::More,
        }
    }
}

/// The stream is an object of the runtime's and shows no socket.
pub(super) fn no_socket() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this stream has no socket beneath: the runtime made it by other means",
    )
}

/// What is not ready would block.
pub(super) fn now<R>(polled: Poll<io::Result<R>>) -> io::Result<R> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}
