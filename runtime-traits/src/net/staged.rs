//! A socket on a runtime that completes operations and knows no readiness.
//!
//! A kernel that owns the buffer cannot read into a caller's `&mut [u8]`, which may be gone before
//! it is done. So there is a staging buffer for each direction:
//!
//! ```text
//!   read:   submit ──▶ in flight ──▶ bytes staged ──▶ handed out, as far as the caller has room
//!   write:  copy, submit, answer "written" ──▶ in flight ──▶ done, or a rest is submitted again
//! ```
//!
//! A read that is dropped leaves its operation in flight; the next read takes what it brought. A
//! failed write is told to the next write, flush or shutdown; no write is taken after it.
//!
//! # Invariants
//!
//! - **G1** At most one operation per direction is in flight, and its buffer is the driver's.
//! - **G2** Whoever waits for a write is the *drive*: a waker of ours, called when the operation is
//!   done, that submits what is left. So a write goes on also when nobody polls the stream.
//! - **G3** The lock of a direction is held while a hook is called, which may not wake before it
//!   returns. Wakers run outside of it.
//! - **G4** The token is given back once: at [`close`](Staged::close), or when the write that was in
//!   flight then is done.

use core::task::{Context, Poll, Waker, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::vec::Vec;

use super::{Shutdown, sys};
use crate::hooks::{Completion, Dir, Done, IoBuf, Op, OpId, ReadCursor, Source, Token};
use crate::io::source::poll_proceed;
use crate::io::waiters::{Side, Who};
use crate::{Capability, Handle, io};

/// The room of a staging buffer.
const STAGE: usize = 16 * 1024;

/// A socket over `Completion`.
pub(super) struct Staged {
    handle: Handle,
    source: Source,
    token: Token,
    sides: [Side; 2],
    reading: Mutex<Reading>,
    writing: Mutex<Writing>,
}

/// What was received and not yet read: `bytes[from..]`.
#[derive(Default)]
struct Reading {
    op: Option<OpId>,
    bytes: Vec<u8>,
    from: usize,
}

/// What is being sent.
#[derive(Default)]
struct Writing {
    op: Option<OpId>,
    /// The buffer, between operations.
    bytes: Vec<u8>,
    /// Not yet told.
    error: Option<io::Error>,
    /// Whether nothing is taken any more: writing was ended, which the socket would tell only to the
    /// write after the next, or a write failed, after which there would be a gap.
    ended: bool,
    /// Whether to half-close when nothing is in flight any more.
    end: bool,
    /// Whether the stream is gone; the token is given back when nothing is in flight any more.
    closed: bool,
}

fn lock<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Staged {
    pub(super) fn new(handle: Handle, source: Source) -> io::Result<Arc<Staged>> {
        let completion = handle.require(Capability::Net, |rt| rt.completion())?;
        let token = completion.register(source.clone())?;
        Ok(Arc::new(Staged {
            handle,
            source,
            token,
            sides: Side::pair(),
            reading: Mutex::default(),
            writing: Mutex::default(),
        }))
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn token(&self) -> Token {
        self.token
    }

    pub(super) fn side(&self, dir: Dir) -> &Side {
        &self.sides[dir.index()]
    }

    pub(super) fn completion(&self) -> Option<&dyn Completion> {
        self.handle.runtime().completion()
    }

    fn hook(&self) -> io::Result<&dyn Completion> {
        Ok(self.handle.require(Capability::Completion, |rt| rt.completion())?)
    }

    /// Whether there are bytes that only we know of.
    pub(super) fn is_busy(&self) -> bool {
        self.has_read() || lock(&self.writing).op.is_some()
    }

    /// Whether a read has to look at the staging buffer first.
    pub(super) fn has_read(&self) -> bool {
        let reading = lock(&self.reading);
        reading.op.is_some() || reading.from < reading.bytes.len()
    }

    /// Hands out staged bytes.
    pub(super) fn poll_read(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        cursor: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_staged(who, cx, |reading| {
            reading.from += cursor.put(&reading.bytes[reading.from..]);
        })
    }

    /// Shows staged bytes.
    pub(super) fn poll_peek(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        cursor: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_staged(who, cx, |reading| {
            cursor.put(&reading.bytes[reading.from..]);
        })
    }

    /// Waits for staged bytes, or the end.
    pub(super) fn poll_readable(&self, who: Who<'_>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_staged(who, cx, |_| {})
    }

    fn poll_staged(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut Reading),
    ) -> Poll<io::Result<()>> {
        ready!(poll_proceed(&self.handle, cx));
        let hook = self.hook()?;
        self.side(Dir::Read).poll_shared(who, cx, |cx| {
            let mut reading = lock(&self.reading);
            ready!(reading.poll_fill(hook, self.token, cx))?;
            take(&mut reading);
            Poll::Ready(Ok(()))
        })
    }

    /// Waits until nothing is in flight; a write then has room.
    fn poll_idle<R>(
        self: &Arc<Self>,
        who: Who<'_>,
        cx: &mut Context<'_>,
        mut then: impl FnMut(&dyn Completion, &mut Writing) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let hook = self.hook()?;
        self.side(Dir::Write).poll_shared(who, cx, |_| {
            let mut writing = lock(&self.writing);
            ready!(self.poll_drive(hook, &mut writing));
            Poll::Ready(then(hook, &mut writing))
        })
    }

    /// Copies bytes and sends them on their way.
    pub(super) fn poll_write(
        self: &Arc<Self>,
        who: Who<'_>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(poll_proceed(&self.handle, cx));
        self.poll_idle(who, cx, |hook, writing| {
            writing.check_open()?;
            let n = writing.stage(bufs);
            writing.submit(hook, self.token);
            writing.error.take().map_or(Ok(()), Err)?;
            // Makes the drive known to the hook (G2); what comes of it is told later.
            let _ = self.poll_drive(hook, writing);
            Ok(n)
        })
    }

    /// Waits until nothing is in flight and a write can follow what was written.
    pub(super) fn poll_open(
        self: &Arc<Self>,
        who: Who<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_idle(who, cx, |_, writing| writing.check_open())
    }

    /// Waits until nothing is in flight, and tells how that went.
    pub(super) fn poll_flush(
        self: &Arc<Self>,
        who: Who<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_idle(who, cx, |_, writing| writing.error.take().map_or(Ok(()), Err))
    }

    /// Waits until a write would be taken.
    pub(super) fn poll_writable(
        self: &Arc<Self>,
        who: Who<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_idle(who, cx, |_, _| Ok(()))
    }

    /// Writing was ended; nothing is in flight.
    pub(super) fn note_end(&self) {
        lock(&self.writing).ended = true;
    }

    /// Half-closes, now or when what is in flight has left.
    pub(super) fn end_writing(self: &Arc<Self>) {
        let mut writing = lock(&self.writing);
        writing.end = true;
        self.settle(&mut writing);
    }

    /// The stream is gone: nobody asks for what is being read, and what is being written is finished
    /// by the drive.
    pub(super) fn close(self: &Arc<Self>) {
        let reading = lock(&self.reading).op.take();
        if let (Some(id), Some(hook)) = (reading, self.completion()) {
            hook.abandon(id);
        }
        let mut writing = lock(&self.writing);
        writing.closed = true;
        self.settle(&mut writing);
    }

    /// Moves the write in flight on, and does what was asked for afterwards. `Ready`: nothing is.
    fn settle(self: &Arc<Self>, writing: &mut Writing) {
        match self.hook() {
            Ok(hook) => _ = self.poll_drive(hook, writing),
            Err(_) => writing.op = None,
        }
    }

    fn poll_drive(self: &Arc<Self>, hook: &dyn Completion, writing: &mut Writing) -> Poll<()> {
        let drive = Waker::from(self.clone());
        ready!(writing.poll_sent(hook, self.token, &mut Context::from_waker(&drive)));
        if core::mem::take(&mut writing.end) {
            writing.ended = true;
            // The peer may have gone first; a later shutdown tells.
            let _ = sys::shutdown(&sys::socket(&self.source), Shutdown::Write);
        }
        if core::mem::take(&mut writing.closed) {
            hook.deregister(self.token);
        }
        Poll::Ready(())
    }
}

/// The drive (G2): called by the hook when a write is done.
impl Wake for Staged {
    fn wake(self: Arc<Self>) {
        self.settle(&mut lock(&self.writing));
        self.side(Dir::Write).wake_all();
    }
}

impl Reading {
    /// Ready when bytes are staged, or at the end.
    fn poll_fill(
        &mut self,
        hook: &dyn Completion,
        token: Token,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.from == self.bytes.len() {
            let Some(id) = self.op else {
                self.op = Some(self.submit(hook, token)?);
                continue;
            };
            let done = ready!(hook.poll_done(id, cx));
            self.op = None;
            match self.take(done) {
                Ok(0) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Poll::Ready(Err(error));
                }
                _ => {}
            }
        }
        Poll::Ready(Ok(()))
    }

    fn submit(&mut self, hook: &dyn Completion, token: Token) -> io::Result<OpId> {
        let mut bytes = core::mem::take(&mut self.bytes);
        bytes.clear();
        bytes.reserve_exact(STAGE);
        self.from = 0;
        hook.submit(Op::Read { io: token, buf: IoBuf::from(bytes), at: None })
            .map_err(|(_, error)| error)
    }

    /// Stages what an operation brought; answers how much.
    fn take(&mut self, done: Done) -> io::Result<usize> {
        self.bytes = done.buf.map(IoBuf::into_vec).unwrap_or_default();
        self.from = 0;
        match done.res {
            // The buffer was empty, so what it holds is what was read, whatever the count says.
            Ok(_) => Ok(self.bytes.len()),
            Err(error) => {
                self.bytes.clear();
                Err(error)
            }
        }
    }
}

impl Writing {
    /// Tells what went wrong, once; then that this is the end.
    fn check_open(&mut self) -> io::Result<()> {
        self.error.take().map_or(Ok(()), Err)?;
        if self.ended { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    /// Fills the buffer from `bufs`, as far as it goes.
    fn stage(&mut self, bufs: &[io::IoSlice<'_>]) -> usize {
        self.bytes.clear();
        self.bytes.reserve_exact(STAGE);
        for buf in bufs {
            let room = STAGE - self.bytes.len();
            self.bytes.extend_from_slice(&buf[..buf.len().min(room)]);
        }
        self.bytes.len()
    }

    /// Sends the buffer. A refusal is kept as the error.
    fn submit(&mut self, hook: &dyn Completion, token: Token) {
        let buf = IoBuf::from(core::mem::take(&mut self.bytes));
        match hook.submit(Op::Write { io: token, buf, at: None }) {
            Ok(id) => self.op = Some(id),
            Err((_, error)) => self.error = Some(error),
        }
    }

    /// Ready when nothing is in flight.
    fn poll_sent(&mut self, hook: &dyn Completion, token: Token, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(id) = self.op {
            let done = ready!(hook.poll_done(id, cx));
            self.op = None;
            self.bytes = done.buf.map(IoBuf::into_vec).unwrap_or_default();
            match done.res {
                Ok(n) if (n as usize) >= self.bytes.len() => self.bytes.clear(),
                Ok(0) => self.error = Some(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.bytes.drain(..n as usize);
                    self.submit(hook, token);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.submit(hook, token);
                }
                Err(error) => self.error = Some(error),
            }
        }
        self.ended |= self.error.is_some();
        Poll::Ready(())
    }
}
