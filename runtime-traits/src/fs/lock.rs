//! Advisory locks on whole files (Unix).
//!
//! std's methods are of 1.89, and ours have to do with an older one: they are `flock`, as those are. On
//! Windows there are none yet.
//!
//! The system knows a lock of the *open file*, which clones and calls that were given up share. So all of
//! them write in one [`Book`] what they have to do with it. A call is a [`Claim`], which caller and job
//! hold together; the last claim that goes gives back a lock that came for nobody.
//!
//! # Invariants
//!
//! - **L1** `flock` is called without waiting, and by one job at a time; whoever waits tries again after
//!   a pause. So a job ends when its caller is gone, and when the runtime ends.
//! - **L2** The book says `taken` if the system may hold a lock for this file, `held` if a caller knows of
//!   it. With no claim left, what is `taken` and not `held` is given back.

use core::fmt;
use core::time::Duration;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

use super::File;
use super::file::beneath;
use super::flight::Shared;
use super::jobs::{self, PATIENCE, check_running};
use crate::hooks::Kind;
use crate::io;

/// The first pause of whoever waits for a lock; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// Locking. A lock is of the open file: clones have it together, others that opened it wait.
///
/// Whoever waits tries again every so often, at least ten times a second; who waits longest is not
/// served first. To ask for the other kind than is held gives up what is held, by the system's rules:
/// somebody else may come in between, and **a `try_lock` of a file that holds a shared lock and does not
/// get its own alone holds none afterwards**; a `lock` holds none while it waits.
impl File {
    /// Waits until no other holds a lock, and takes one.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn alone(file: &File) -> io::Result<()> {
    ///     file.lock().await?;
    ///     file.write_all(b"mine").await?;
    ///     file.unlock().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: a lock that comes later is given back, and its thread with it. A lock that this file or a
    /// clone of it holds by then stays, but of the kind that was asked for last; if it was shared and
    /// one alone was asked for, it may be gone. (Locks that were taken by std's means, through
    /// [`as_std`](File::as_std) or [`into_std`](File::into_std), are not known here.)
    ///
    /// # Errors
    ///
    /// The system's; the runtime has ended; `Unsupported` if the runtime's own file has none beneath.
    pub async fn lock(&self) -> io::Result<()> {
        self.wait_for(FlockOperation::NonBlockingLockExclusive).await
    }

    /// Waits until no other holds a lock of its own alone, and takes a shared one.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn together(file: &File) -> io::Result<()> {
    ///     file.lock_shared().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// As [`lock`](File::lock).
    ///
    /// # Errors
    ///
    /// As [`lock`](File::lock).
    pub async fn lock_shared(&self) -> io::Result<()> {
        self.wait_for(FlockOperation::NonBlockingLockShared).await
    }

    /// Takes a lock if no other holds one. If one does, a shared lock of this file is gone, too.
    ///
    /// ```
    /// # use runtime_traits::fs::{File, TryLockError};
    /// async fn is_free(file: &File) -> bool {
    ///     !matches!(file.try_lock().await, Err(TryLockError::WouldBlock))
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// As [`lock`](File::lock).
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`]; as [`lock`](File::lock).
    pub async fn try_lock(&self) -> Result<(), TryLockError> {
        self.try_for(FlockOperation::NonBlockingLockExclusive).await
    }

    /// Takes a shared lock if no other holds one alone.
    ///
    /// ```
    /// # use runtime_traits::fs::{File, TryLockError};
    /// async fn may_read(file: &File) -> Result<(), TryLockError> {
    ///     file.try_lock_shared().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// As [`lock`](File::lock).
    ///
    /// # Errors
    ///
    /// As [`try_lock`](File::try_lock).
    pub async fn try_lock_shared(&self) -> Result<(), TryLockError> {
        self.try_for(FlockOperation::NonBlockingLockShared).await
    }

    /// Gives the lock back. Flush what was written behind before.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn done(file: &File) -> io::Result<()> {
    ///     file.flush().await?;
    ///     file.unlock().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running.
    ///
    /// # Errors
    ///
    /// The system's.
    pub async fn unlock(&self) -> io::Result<()> {
        self.claim(Kind::ShortIo, |claim| claim.unlock()).await.map(drop)
    }

    /// First without waiting: whoever waits, waits among the long jobs, lest the waiters take the
    /// threads that the holder's next write needs.
    async fn wait_for(&self, how: FlockOperation) -> io::Result<()> {
        match self.take(Kind::ShortIo, move |claim| claim.take(how)).await {
            Err(error) if is_held(&error) => {
                self.take(Kind::LongIo, move |claim| claim.wait_for(how)).await
            }
            done => done,
        }
    }

    async fn try_for(&self, how: FlockOperation) -> Result<(), TryLockError> {
        let taken = self.take(Kind::ShortIo, move |claim| claim.take(how)).await;
        taken.map_err(|error| match is_held(&error) {
            true => TryLockError::WouldBlock,
            false => TryLockError::Error(error),
        })
    }

    async fn take(
        &self,
        kind: Kind,
        work: impl FnOnce(&Arc<Claim>) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        self.claim(kind, work).await?.arrived();
        Ok(())
    }

    /// Runs a job with a claim that is the caller's, too.
    async fn claim(
        &self,
        kind: Kind,
        work: impl FnOnce(&Arc<Claim>) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Arc<Claim>> {
        let claim = Claim::new(self.shared()?.clone());
        let theirs = claim.clone();
        jobs::start(claim.shared.handle(), kind, move || work(&theirs))?.await??;
        Ok(claim)
    }
}

fn call(file: &fs::File, how: FlockOperation) -> io::Result<()> {
    Ok(retry_on_intr(|| flock(file, how))?)
}

fn is_held(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::WOULDBLOCK)
}

/// What the clones of a file share.
#[derive(Default)]
pub(super) struct Locks {
    /// Whoever calls `flock` and then writes in the book; only jobs wait for it.
    calling: Mutex<()>,
    book: Mutex<Book>,
}

/// What is known of the lock of an open file (L2).
#[derive(Debug, Default)]
struct Book {
    claims: usize,
    taken: bool,
    held: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that has to do with a lock, as long as its caller or its job are there.
struct Claim {
    shared: Arc<Shared>,
}

impl Claim {
    fn new(shared: Arc<Shared>) -> Arc<Claim> {
        lock(&shared.locks().book).claims += 1;
        Arc::new(Claim { shared })
    }

    fn file(&self) -> io::Result<&fs::File> {
        beneath(&**self.shared.object())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.shared.locks().book)
    }

    /// Tries once.
    fn take(&self, how: FlockOperation) -> io::Result<()> {
        let file = self.file()?; // the runtime's code, asked outside of the locks
        let _calling = lock(&self.shared.locks().calling);
        let tried = call(file, how);
        match &tried {
            Ok(()) => self.book().taken = true,
            // What was held, of the other kind, is gone; or it goes with the last claim.
            Err(error) if is_held(error) => self.book().held = false,
            Err(_) => {}
        }
        tried
    }

    /// Tries until it has one, or nobody wants it any more.
    fn wait_for(self: &Arc<Self>, how: FlockOperation) -> io::Result<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.take(how) {
                // The other one is the caller's.
                Err(error) if is_held(&error) && Arc::strong_count(self) > 1 => {
                    check_running(self.shared.handle())?;
                    thread::sleep(pause); // nothing tells of a lock that was given back
                    pause = (pause * 2).min(PATIENCE);
                }
                done => return done,
            }
        }
    }

    fn unlock(&self) -> io::Result<()> {
        let file = self.file()?;
        let _calling = lock(&self.shared.locks().calling);
        call(file, FlockOperation::Unlock)?;
        let mut book = self.book();
        (book.taken, book.held) = (false, false);
        Ok(())
    }

    /// The caller knows. (If a clone has unlocked meanwhile, there is nothing to hold.)
    fn arrived(&self) {
        let mut book = self.book();
        book.held = book.taken;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let file = self.file();
        let mut book = self.book();
        book.claims -= 1;
        if book.claims == 0 && book.taken && !book.held {
            book.taken = false;
            if let Ok(file) = file {
                // Does not wait; under the lock, so that nobody takes one meanwhile. There is nobody
                // to be told.
                let _ = call(file, FlockOperation::Unlock);
            }
        }
    }
}

/// Why [`File::try_lock`] took no lock; as std's.
#[derive(Debug)]
pub enum TryLockError {
    /// The system's error.
    Error(io::Error),
    /// Another holds one.
    WouldBlock,
}

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryLockError::Error(error) => error.fmt(f),
            TryLockError::WouldBlock => f.write_str("another holds a lock on this file"),
        }
    }
}

impl core::error::Error for TryLockError {}

impl From<TryLockError> for io::Error {
    fn from(error: TryLockError) -> io::Error {
        match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
        }
    }
}
