//! Jobs on the runtime's threads that may block, and the ready-made file over them.
//!
//! The only place in `fs` where a system call may wait. A function on a path is one [`job`]. A file is
//! a [`Pooled`]: each [`FileOp`] is a job of its own, except for [what is cached](super::cached).
//!
//! A job that never began, because the runtime refused it or ended, gives its buffer back: a file keeps
//! what is unwritten, and says so.

use core::time::Duration;
use std::boxed::Box;
use std::fs::File;
use std::io::{ErrorKind, Seek as _, SeekFrom, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::vec::Vec;

use super::cached::Cached;
use super::sys;
use crate::hooks::{
    Blocking, Boxed, Dir, FileDone, FileKind, FileObject, FileOp, IoBuf, Kind, Meta, State, Task,
};
use crate::io::source::current;
use crate::task::JoinHandle;
use crate::{Capability, Gone, Handle, io};

/// How long a job waits, at most, before it looks whether that is still wanted.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

/// Runs `work` on a thread of the current runtime that may block.
pub(super) async fn job<T, F>(kind: Kind, work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    start(&current()?, kind, work)?.await?
}

/// As [`job`], on a runtime that is known; it begins now.
pub(super) fn start<T, F>(handle: &Handle, kind: Kind, work: F) -> io::Result<JoinHandle<T>>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let blocking = threads(handle)?;
    let (task, answer) = Task::new(handle.clone(), Meta::new(Some("fs")), async move { work() })?;
    if let Err((task, refused)) = blocking.spawn(task, kind) {
        task.refuse(refused);
    }
    Ok(answer)
}

fn threads(handle: &Handle) -> io::Result<&dyn Blocking> {
    Ok(handle.require(Capability::Fs, |rt| rt.blocking())?)
}

/// A file of the system's, whose operations are jobs.
pub(super) struct Pooled {
    handle: Handle,
    file: File,
    kind: FileKind,
    cached: Cached,
}

impl Pooled {
    /// A file on `handle`. Asks the system what kind it is, which does not wait; `append` is what its
    /// opener knows of it.
    pub(super) fn adopt(
        handle: Handle,
        file: File,
        append: bool,
    ) -> io::Result<Arc<dyn FileObject>> {
        threads(&handle)?;
        let kind = match sys::kind(&file)? {
            FileKind::Positional if append => FileKind::Append,
            kind => kind,
        };
        let cached = Cached::new(&file);
        Ok(Arc::new(Pooled { handle, file, kind, cached }))
    }
}

impl FileObject for Pooled {
    fn kind(&self) -> FileKind {
        self.kind
    }

    fn try_read_at(&self, buf: &mut [u8], at: u64) -> Option<io::Result<usize>> {
        self.cached.read(&self.file, buf, at)
    }

    fn run(self: Arc<Self>, op: FileOp) -> Boxed<'static, FileDone> {
        // A stream may have nothing for days: its waiters leave threads to others.
        let kind = match op {
            FileOp::Read { .. } | FileOp::Write { .. } if self.kind == FileKind::Stream => {
                Kind::LongIo
            }
            _ => Kind::ShortIo,
        };
        let (ours, theirs) = Slot::pair(op);
        let this = self.clone();
        let started = start(&self.handle, kind, move || match theirs.take() {
            Some(op) => this.perform(op),
            None => FileDone::new(Err(io::Error::other("a job ran twice"))),
        });
        Box::pin(async move {
            let answer = match started {
                Ok(join) => join.await.map_err(io::Error::from),
                Err(error) => Err(error),
            };
            answer.unwrap_or_else(|error| {
                let mut done = FileDone::new(Err(error));
                done.buf = ours.take().and_then(FileOp::into_buf);
                done
            })
        })
    }

    fn std(&self) -> Option<&File> {
        Some(&self.file)
    }
}

/// Where an operation is until its job begins; whoever comes first takes it.
struct Slot(Arc<Mutex<Option<FileOp>>>);

impl Slot {
    fn pair(op: FileOp) -> (Slot, Slot) {
        let slot = Arc::new(Mutex::new(Some(op)));
        (Slot(slot.clone()), Slot(slot))
    }

    fn take(&self) -> Option<FileOp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The jobs.
impl Pooled {
    /// Does it, and blocks meanwhile.
    fn perform(&self, op: FileOp) -> FileDone {
        let mut file = &self.file;
        match op {
            FileOp::ReadAt { buf, at } => read(buf, |bytes| sys::read_at(file, bytes, at)),
            FileOp::Read { buf } => {
                read(buf, |bytes| self.patiently(Dir::Read, || sys::read(file, bytes)))
            }
            FileOp::WriteAt { buf, at } => {
                let res = uninterrupted(|| sys::write_at(file, buf.filled(), at));
                FileDone::new(res.map(|n| n as u64)).with_buf(buf)
            }
            FileOp::Write { buf } => {
                let res = uninterrupted(|| self.patiently(Dir::Write, || file.write(buf.filled())));
                // Where a failed one left the system's cursor says nothing.
                let at = res.as_ref().ok().and_then(|_| file.stream_position().ok());
                let mut done = FileDone::new(res.map(|n| n as u64)).with_buf(buf);
                done.at = at;
                done
            }
            FileOp::Len => FileDone::new(len(file)),
            FileOp::SetLen(len) => FileDone::new(file.set_len(len).map(|()| 0)),
            FileOp::SyncAll => FileDone::new(file.sync_all().map(|()| 0)),
            FileOp::SyncData => FileDone::new(file.sync_data().map(|()| 0)),
            #[allow(unreachable_patterns, reason = "the enum may grow in another crate")]
            other => {
                let mut done = FileDone::new(Err(io::ErrorKind::Unsupported.into()));
                done.buf = other.into_buf();
                done
            }
        }
    }

    /// A stream that was opened not to wait is waited for here, with a look every so often at whether
    /// the runtime goes on.
    fn patiently<T>(&self, dir: Dir, mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            match call() {
                Err(error)
                    if error.kind() == ErrorKind::WouldBlock && self.kind == FileKind::Stream =>
                {
                    check_running(&self.handle)?;
                    sys::wait_ready(&self.file, dir, PATIENCE)?;
                }
                done => return done,
            }
        }
    }
}

/// For jobs that wait in steps: the runtime's end waits for each.
pub(super) fn check_running(handle: &Handle) -> io::Result<()> {
    match handle.info().state {
        State::Running => Ok(()),
        _ => Err(Gone.into()),
    }
}

fn read(buf: IoBuf, mut call: impl FnMut(&mut Vec<u8>) -> io::Result<usize>) -> FileDone {
    let mut bytes = buf.into_vec();
    let res = uninterrupted(|| call(&mut bytes));
    FileDone::new(res.map(|n| n as u64)).with_buf(IoBuf::from(bytes))
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// A block device has no length but by seeking, and its kernel's cursor is nobody's.
fn len(mut file: &File) -> io::Result<u64> {
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok(metadata.len()) } else { file.seek(SeekFrom::End(0)) }
}
