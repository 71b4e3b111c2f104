//! Readiness: a table of tokio's `AsyncFd`s.
//!
//! tokio learns of readiness from its poller only, one turn after the registration. The first poll
//! of each direction therefore tries `op` before it asks tokio; what becomes ready after that try is
//! an event that tokio will see, because the source was registered before.
//!
//! tokio keeps one waker for each direction, the latest, as the hook asks.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use runtime_traits::Gone;
use runtime_traits::hooks::{After, Dir, Reactor, Source, Token};
use tokio::io::unix::AsyncFd;

use crate::budget;
use crate::shared::Shared;
use crate::table::Table;

/// All sources.
pub(crate) struct Sources {
    entries: Table<Option<Arc<Entry>>>,
    registered: AtomicU64,
}

struct Entry {
    fd: AsyncFd<Source>,
    /// By direction: whether `op` was tried without an event.
    tried: [AtomicBool; 2],
}

impl Sources {
    pub(crate) fn new() -> Sources {
        Sources { entries: Table::new(), registered: AtomicU64::new(0) }
    }

    pub(crate) fn registered(&self) -> u64 {
        self.registered.load(Ordering::Relaxed)
    }
}

impl Reactor for Shared {
    fn register(&self, source: Source) -> io::Result<Token> {
        if self.is_closed() {
            return Err(Gone.into());
        }
        let _context = self.tokio().enter();
        #[allow(deprecated, reason = "its successor is unsafe, for types whose descriptor changes")]
        // An `Arc<OwnedFd>` always answers the same descriptor and keeps it open.
        let fd = AsyncFd::new(source).map_err(|error| self.or_gone(error))?;
        let entry = Arc::new(Entry { fd, tried: [const { AtomicBool::new(false) }; 2] });
        self.sources().registered.fetch_add(1, Ordering::Relaxed);
        Ok(Token(self.sources().entries.insert(|slot| *slot = Some(entry))))
    }

    fn poll_io(
        &self,
        token: Token,
        dir: Dir,
        cx: &mut Context<'_>,
        op: &mut dyn FnMut() -> io::Result<After>,
    ) -> Poll<io::Result<()>> {
        if self.is_closed() {
            return Poll::Ready(Err(Gone.into()));
        }
        // The entry leaves the lock: `op` and wakers are foreign code.
        match self.sources().entries.with(token.0, |entry| entry.clone()).flatten() {
            Some(entry) => entry.poll_io(dir, cx, op),
            None => Poll::Ready(Err(io::ErrorKind::NotFound.into())),
        }
    }

    fn deregister(&self, token: Token) {
        if let Some(Some(entry)) = self.sources().entries.remove(token.0, Option::take) {
            self.sources().registered.fetch_sub(1, Ordering::Relaxed);
            drop(entry);
        }
    }
}

impl Entry {
    fn poll_io(
        &self,
        dir: Dir,
        cx: &mut Context<'_>,
        op: &mut dyn FnMut() -> io::Result<After>,
    ) -> Poll<io::Result<()>> {
        let tried = &self.tried[dir.index()];
        if !tried.load(Ordering::Relaxed) {
            tried.store(true, Ordering::Relaxed);
            match uninterrupted(op) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done.map(|_| ())),
            }
        }
        loop {
            let ready = match dir {
                Dir::Read => ready!(budget::poll(cx, |cx| self.fd.poll_read_ready(cx))),
                Dir::Write => ready!(budget::poll(cx, |cx| self.fd.poll_write_ready(cx))),
            };
            // The only error of waiting is that tokio's runtime has ended.
            let Ok(mut guard) = ready else { return Poll::Ready(Err(Gone.into())) };
            if let Ok(done) = guard.try_io(|_| uninterrupted(op)) {
                if let Ok(After::Drained) = done {
                    // tokio keeps what it knows of a hang-up, and any event newer than this guard.
                    guard.clear_ready();
                }
                return Poll::Ready(done.map(|_| ()));
            }
        }
    }
}

impl Shared {
    /// What a failed registration means: if tokio has ended meanwhile, that.
    fn or_gone(&self, error: io::Error) -> io::Error {
        // The poller's own errors have a number.
        if self.is_closed() || error.raw_os_error().is_none() { Gone.into() } else { error }
    }
}

fn uninterrupted(op: &mut dyn FnMut() -> io::Result<After>) -> io::Result<After> {
    loop {
        match op() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
