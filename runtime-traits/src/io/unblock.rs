//! What blocks, made asynchronous: [`Unblock`] for objects, [`unblock`] for closures.
//!
//! ```text
//!   poll ─▶ Side: who waits ─▶ Machine: where the object is ─ job ─▶ Engine: the object, its bytes
//! ```
//!
//! `engine` does what blocks and is plain data otherwise; `machine` lends it to jobs of the runtime's
//! `Blocking`; `items` is the queue of an iterator. Here are the public type and the poll traits.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io::{Read, Seek, Write};
use std::sync::{Arc, Mutex, PoisonError};

use futures_core::Stream;

use super::waiters::{Side, Who};
use super::{AsyncRead, AsyncReadUninit, AsyncSeek, AsyncWrite, SeekFrom};
use crate::hooks::{Kind, Meta, ReadCursor, Task};
use crate::{Capability, Handle, io};

mod engine;
mod items;
mod machine;

use engine::Doing;
use items::Items;
pub(super) use machine::Machine;

/// An object that blocks, as its asynchronous twin.
///
/// | of a `T` that is | it is |
/// |---|---|
/// | [`Read`] | [`AsyncRead`] |
/// | [`Write`] | [`AsyncWrite`] |
/// | [`Seek`] | [`AsyncSeek`] |
/// | [`Iterator`] | [`Stream`](futures_core::Stream) |
///
/// The object is used by jobs of the runtime that is current where the `Unblock` is polled; it may be
/// another one each time. One job runs at a time, of the kind [`LongIo`](Kind::LongIo), and between
/// jobs no thread is held. So a read that waits for its peer keeps a write waiting: what is read and
/// written at the same time needs an `Unblock` for each direction (`try_clone`).
///
/// The threads for such jobs are limited, whatever they are for: on runtime-default, three quarters of
/// the pool. With as many reads that wait for their peers, further jobs queue until one answers, and for
/// ever if it is one of them that the peer waits for. So a pool of few threads serves few `Unblock`s that
/// wait; what must go on meanwhile needs a larger pool, or no thread at all.
///
/// What can be waited for without a thread, a descriptor or socket, is better off in
/// [`Async`](crate::io::Async).
///
/// ```
/// use runtime_traits::io::{self, AsyncReadExt, Unblock};
///
/// async fn first_line(archive: impl std::io::Read + Send + 'static) -> io::Result<String> {
///     let mut text = String::new();
///     Unblock::new(archive).take(80).read_to_string(&mut text).await?;
///     Ok(text.lines().next().unwrap_or_default().to_owned())
/// }
/// ```
///
/// # Reading
///
/// A job reads as much as the caller has room for, at most 64 KiB; there is no reading ahead. What a
/// job has read for a caller who is gone, or who came again with less room, is kept for the next. The
/// end is told once for each time that the object tells it.
///
/// # Writing
///
/// A write takes at most 64 KiB and answers when they are **copied**: a job writes them meanwhile, and
/// the next operation waits for it. So flush, or close, before you count on anything, and before the
/// program ends. Many small writes are better gathered by a [`BufWriter`](crate::io::BufWriter).
///
/// Accepted bytes are written in order, or the failure is told: bytes that could not be written are
/// kept; the next operation, whichever, tells the error, once; and the next flush, close,
/// seek or write tries them again first. So a flush is `Ok` only if all that was accepted has arrived.
/// Closing flushes, and no write is taken afterwards. What closing means to the object beyond that, it
/// does when it is dropped.
///
/// # Seeking
///
/// Counts from what was handed out: what a dropped read left is given back. **A write** in its place
/// goes where the object stands, behind those bytes; whoever mixes reads and writes seeks in between.
///
/// # Iterating
///
/// A job makes items until 32 are waiting, and each can be had at once. After the end, or a panic, the
/// iterator is not asked again. A stream cannot tell errors, so
/// [`poll_next`](futures_core::Stream::poll_next) panics as the iterator did, and if no runtime is
/// current, it has no `Blocking`, or it has ended.
///
/// # Contract
///
/// - **IO-12** (must) Bytes are written and read in order; those that were accepted are written, or the
///   failure is told; those that a dropped read left are the next one's.
///
/// # Cancellation
///
/// Of an operation: leaves running. A read or a seek that is dropped goes on, and its result is for
/// the next of its kind; nothing is lost. A write that is dropped while pending has taken nothing.
///
/// Of the `Unblock`: lossy. The job that runs goes on to its end, so bytes that were accepted are
/// written; its error is lost, and so are bytes and items that nobody has taken, and bytes that are
/// kept after a failure. The object is dropped at once if it is idle, else by the job, on its thread.
///
/// Of the runtime: a job that has begun goes on. One that has not never does; the next operation starts
/// it anew, on the runtime that is current then, and if there is none its bytes are lost.
///
/// # Errors
///
/// The object's; but `Interrupted` is tried again. `WriteZero` if it takes nothing, `BrokenPipe` after
/// closing; `Unsupported` if no runtime is current or it has no `Blocking`; `BrokenPipe` if it has
/// ended.
///
/// A panic of the object is told as an error (`Other`) that holds a [`JoinError`](crate::JoinError)
/// with the payload. The object is kept as the panic left it, and asked again by the next operation.
pub struct Unblock<T> {
    side: Side,
    machine: Machine<T>,
    items: Items,
}

impl<T> Unblock<T> {
    /// Wraps an object. Starts nothing, and needs no runtime.
    pub fn new(io: T) -> Unblock<T> {
        Unblock {
            side: Side::new(),
            machine: Machine::new(io, Kind::LongIo, 0),
            items: Items::default(),
        }
    }

    /// Waits until the object is not in use, and lends it.
    ///
    /// It is ahead of what was read by what a dropped read left, and behind what was written by what
    /// could not be.
    ///
    /// # Cancellation
    ///
    /// Safe.
    pub async fn get_ref(&mut self) -> &T {
        self.here().await;
        &self.machine.engine().io
    }

    /// As [`get_ref`](Unblock::get_ref), to be changed. Do not let it block here: see
    /// [`with_mut`](Unblock::with_mut).
    ///
    /// # Cancellation
    ///
    /// Safe.
    pub async fn get_mut(&mut self) -> &mut T {
        self.here().await;
        let engine = self.machine.engine();
        engine.dirty = true;
        &mut engine.io
    }

    /// Waits until the object is not in use, and gives it back.
    ///
    /// What a dropped read left is lost, and so are bytes that could not be written and their error:
    /// flush first.
    ///
    /// ```
    /// # use runtime_traits::io::{self, AsyncWriteExt, Unblock};
    /// async fn number(mut file: Unblock<std::fs::File>) -> io::Result<std::fs::File> {
    ///     file.write_all(b"1").await?;
    ///     file.flush().await?;
    ///     Ok(file.into_inner().await)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Lossy: the object is dropped.
    pub async fn into_inner(mut self) -> T {
        self.here().await;
        self.machine.into_io().expect("here (U1)")
    }

    async fn here(&mut self) {
        let Unblock { side, machine, .. } = self;
        let mut here = |cx: &mut Context<'_>| machine.poll_here(cx).map(|_| ());
        side.wait(|who, cx| side.poll(who, cx, &mut here)).await;
    }
}

impl<T: Send + 'static> Unblock<T> {
    /// Calls `f` with the object, where blocking hurts nobody.
    ///
    /// The object is as [`get_ref`](Unblock::get_ref) says.
    ///
    /// ```
    /// # use runtime_traits::io::{self, Unblock};
    /// async fn cut(log: &mut Unblock<std::fs::File>) -> io::Result<()> {
    ///     log.with_mut(|file| file.set_len(0)).await?
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running `f` if it has begun; its answer is lost.
    ///
    /// # Errors
    ///
    /// `Unsupported` if no runtime is current or it has no `Blocking`; `BrokenPipe` if the runtime
    /// ended first; `Other` if `f` panicked, with the [`JoinError`](crate::JoinError).
    pub async fn with_mut<R, F>(&mut self, f: F) -> io::Result<R>
    where
        F: FnOnce(&mut T) -> R + Send + 'static,
        R: Send + 'static,
    {
        self.here().await;
        let answer = Arc::new(Mutex::new(None));
        let theirs = answer.clone();
        self.machine.engine().lost = None;
        self.machine.start(Doing::Call, move |engine| {
            engine.dirty = true;
            let answer = f(&mut engine.io);
            *theirs.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        })?;
        self.here().await;
        if let Some(lost) = self.machine.engine().lost.take() {
            return Err(lost);
        }
        let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(answer.expect("the job has ended"))
    }
}

impl<T: Read + Send + 'static> AsyncRead for Unblock<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut cursor = ReadCursor::new(buf);
        self.poll_read_cursor(cx, &mut cursor).map_ok(|()| cursor.filled().len())
    }
}

impl<T: Read + Send + 'static> AsyncReadUninit for Unblock<T> {
    fn poll_read_cursor(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        cursor: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Unblock { side, machine, .. } = self.get_mut();
        side.poll(Who::Anyone, cx, |cx| machine.poll_read(cx, cursor))
    }
}

impl<T: Write + Send + 'static> AsyncWrite for Unblock<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Unblock { side, machine, .. } = self.get_mut();
        side.poll(Who::Anyone, cx, |cx| machine.poll_write(cx, bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Unblock { side, machine, .. } = self.get_mut();
        side.poll(Who::Anyone, cx, |cx| machine.poll_flush(cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Unblock { side, machine, .. } = self.get_mut();
        side.poll(Who::Anyone, cx, |cx| machine.poll_close(cx))
    }
}

impl<T: Seek + Send + 'static> AsyncSeek for Unblock<T> {
    fn poll_seek(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        let Unblock { side, machine, .. } = self.get_mut();
        side.poll(Who::Anyone, cx, |cx| machine.poll_seek(cx, to))
    }
}

impl<T> Stream for Unblock<T>
where
    T: Iterator + Send + 'static,
    T::Item: Send + 'static,
{
    type Item = T::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        let Unblock { side, machine, items } = self.get_mut();
        side.poll(Who::Anyone, cx, |cx| items.poll_next(machine, side.waker(), cx))
    }
}

impl<T> fmt::Debug for Unblock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unblock").finish_non_exhaustive()
    }
}

/// Runs a closure that answers an [`io::Result`](crate::io::Result) where blocking hurts nobody.
///
/// As [`spawn_blocking`](crate::task::spawn_blocking), with one result instead of two.
///
/// ```
/// use runtime_traits::io;
///
/// async fn size(path: std::path::PathBuf) -> io::Result<u64> {
///     io::unblock(move || Ok(path.metadata()?.len())).await
/// }
/// ```
///
/// # Cancellation
///
/// Leaves running: a closure that has been polled for goes on; its answer is thrown away.
///
/// # Errors
///
/// The closure's; `Unsupported` if no runtime is current or it has no `Blocking`; `BrokenPipe` if the
/// runtime ended first; `Other` if the closure panicked, with a [`JoinError`](crate::JoinError) that
/// has the payload.
pub async fn unblock<F, T>(work: F) -> io::Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    let handle = Handle::try_current()?;
    let blocking = handle.require(Capability::Blocking, |rt| rt.blocking())?;
    let (task, answer) =
        Task::new(handle.clone(), Meta::new(Some("unblock")), async move { work() })?;
    if let Err((task, refused)) = blocking.spawn(task, Kind::ShortIo) {
        task.refuse(refused);
    }
    answer.await?
}
