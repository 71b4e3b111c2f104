//! Where a blocking object is, and the jobs that borrow it: [`Unblock`](super::Unblock) without the
//! waiting.
//!
//! ```text
//!   Here(engine) ── start ──▶ slot ── job: takes it, works, puts it back ──▶ slot ── ended ──▶ Here
//! ```
//!
//! Each operation is a loop: get the engine here; look at what the last job left; if that does not
//! answer, start a job and look again. So a job that had not begun when its runtime ended is started
//! once more, on the runtime that is current then; one that has ended refuses, and that is told.
//!
//! # Invariants
//!
//! - **U1** The engine is in exactly one place: here while there is no job; else in the slot, or with
//!   the job. Whatever becomes of the job, run, panicked or never begun, its end finds the engine in
//!   the slot.
//! - **U2** The caller's waker reaches a `JoinHandle` only. It is the fan of a
//!   [`Side`](crate::io::waiters::Side), so one handle wakes all who wait.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::boxed::Box;
use std::io::{Read, Seek, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::engine::{Doing, Engine};
use crate::hooks::{Kind, Meta, ReadCursor, Task};
use crate::io::{self, SeekFrom};
use crate::task::JoinHandle;
use crate::{Capability, Handle, JoinError};

/// The most that a job moves.
pub(super) const CHUNK: usize = 64 * 1024;

/// Where the engine is while a job has it, or may.
type Slot<T> = Mutex<Option<Box<Engine<T>>>>;

/// See the head of this file.
pub(in crate::io) struct Machine<T> {
    kind: Kind,
    /// What a job reads at least, though less was asked for.
    ahead: usize,
    engine: Option<Box<Engine<T>>>,
    job: Option<JoinHandle<()>>,
    slot: Arc<Slot<T>>,
    closed: bool,
    /// The handle of the last job: it may be the last to hold a runtime that has ended, so whoever
    /// polls under a lock drops it afterwards.
    pub(in crate::io) spent: Option<JoinHandle<()>>,
}

fn lock<T>(slot: &Slot<T>) -> MutexGuard<'_, Option<Box<Engine<T>>>> {
    // Nothing that panics runs under it.
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The engine while a job has it (U1).
struct Loan<T> {
    slot: Arc<Slot<T>>,
    engine: Option<Box<Engine<T>>>,
}

impl<T> Loan<T> {
    fn new(slot: Arc<Slot<T>>) -> Loan<T> {
        let engine = lock(&slot).take();
        Loan { slot, engine }
    }
}

impl<T> Drop for Loan<T> {
    fn drop(&mut self) {
        *lock(&self.slot) = self.engine.take();
    }
}

impl<T> Machine<T> {
    /// Jobs are of `kind` and read at least `ahead` bytes, if there are so many.
    pub(in crate::io) fn new(io: T, kind: Kind, ahead: usize) -> Machine<T> {
        Machine {
            kind,
            ahead,
            engine: Some(Box::new(Engine::new(io))),
            job: None,
            slot: Arc::default(),
            closed: false,
            spent: None,
        }
    }

    /// The engine, which is here.
    pub(super) fn engine(&mut self) -> &mut Engine<T> {
        self.engine.as_mut().expect("here while there is no job (U1)")
    }

    /// The object alone, if it is here.
    pub(super) fn into_io(self) -> Option<T> {
        self.engine.map(|engine| engine.io)
    }

    /// Waits for the job in flight, if there is one.
    pub(super) fn poll_here(&mut self, cx: &mut Context<'_>) -> Poll<&mut Engine<T>> {
        if let Some(job) = &mut self.job {
            let ended = ready!(Pin::new(job).poll(cx));
            self.spent = self.job.take();
            self.engine = lock(&self.slot).take();
            if let Err(error) = ended {
                self.engine().failed(error);
            }
        }
        Poll::Ready(self.engine())
    }
}

impl<T: Send + 'static> Machine<T> {
    /// Starts a job on the current runtime. The engine is here.
    ///
    /// # Errors
    ///
    /// No runtime is current, it has no `Blocking`, or that refuses. The engine is here then.
    pub(super) fn start(
        &mut self,
        doing: Doing,
        work: impl FnOnce(&mut Engine<T>) + Send + 'static,
    ) -> io::Result<()> {
        let handle = Handle::try_current()?;
        let blocking = handle.require(Capability::Blocking, |rt| rt.blocking())?;
        let slot = self.slot.clone();
        let job = async move {
            let mut loan = Loan::new(slot);
            work(loan.engine.as_mut().expect("in the slot (U1)"));
        };
        let (task, join) = Task::new(handle.clone(), Meta::new(Some("unblock")), job)?;
        self.engine().doing = doing;
        *lock(&self.slot) = self.engine.take();
        if let Err((task, refused)) = blocking.spawn(task, self.kind) {
            task.refuse(refused);
            self.engine = lock(&self.slot).take();
            return Err(JoinError::from(refused).into());
        }
        self.job = Some(join);
        Ok(())
    }
}

impl<T: Read + Send + 'static> Machine<T> {
    /// Reads into `cursor`; nothing is filled only at the end, or if there is no room.
    pub(in crate::io) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        cursor: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if cursor.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            let engine = ready!(self.poll_here(cx));
            engine.begin()?;
            if let Some(read) = engine.take_read(|bytes| cursor.put(bytes)) {
                return Poll::Ready(read.map(drop));
            }
            let room = cursor.remaining().max(self.ahead).min(CHUNK);
            self.start(Doing::Read, move |engine| engine.read(room))?;
        }
    }
}

impl<T: Write + Send + 'static> Machine<T> {
    /// Takes some of `bufs`, to be written by a job.
    pub(in crate::io) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        ready!(self.poll_written(cx))?;
        if self.closed {
            return Poll::Ready(Err(closed()));
        }
        let engine = self.engine();
        let n = engine.unwritten.copy_from(bufs, CHUNK);
        engine.rewrite = Engine::write;
        let started = self.start(Doing::Write, Engine::write);
        if started.is_err() {
            // Not accepted after all.
            self.engine().unwritten.clear();
        }
        Poll::Ready(started.map(|()| n))
    }

    /// Waits until the object has taken all that was accepted.
    pub(in crate::io) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let engine = ready!(self.poll_here(cx));
            engine.begin()?;
            if engine.unwritten.rest().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.start(Doing::Write, Engine::write)?;
        }
    }

    /// Waits until the object has taken all that was accepted, and was flushed since.
    pub(in crate::io) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let engine = ready!(self.poll_here(cx));
            engine.begin()?;
            if engine.unwritten.rest().is_empty() && !engine.dirty {
                return Poll::Ready(Ok(()));
            }
            self.start(Doing::Write, Engine::flush)?;
        }
    }

    /// Flushes; no write is taken afterwards.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closed {
            ready!(self.poll_flush(cx))?;
            self.closed = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Seek + Send + 'static> Machine<T> {
    /// Seeks, once the object has taken all that was accepted.
    pub(super) fn poll_seek(
        &mut self,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        loop {
            let engine = ready!(self.poll_here(cx));
            engine.tell()?;
            if let Some(result) = engine.take_sought(to) {
                return Poll::Ready(result);
            }
            if engine.unwritten.rest().is_empty() {
                self.start(Doing::Seek(to), move |engine| engine.seek(to))?;
            } else {
                let rewrite = engine.rewrite;
                self.start(Doing::Write, rewrite)?;
            }
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "a write after this was closed")
}
