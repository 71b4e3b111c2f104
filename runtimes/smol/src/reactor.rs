//! Readiness: a table of smol's `Async`s.
//!
//! ```text
//!   poll_io ── op ── WouldBlock ──▶ Way (the waiter's waker) ──▶ Async::poll_readable(waker of the Way)
//!                                    ▲                                     │
//!                                    └────────── event, or the end ◀───────┘
//! ```
//!
//! smol keeps one waker for each direction, the latest, and that is always the [`Way`]'s, which leads
//! to the latest waiter.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use runtime_traits::Gone;
use runtime_traits::hooks::{After, Dir, Reactor, Source, Token};
use smol::Async;

use crate::shared::Shared;
use crate::table::Table;
use crate::way::Way;

/// All sources.
pub(crate) struct Sources {
    entries: Table<Option<Arc<Entry>>>,
    registered: AtomicU64,
}

struct Entry {
    source: Async<Source>,
    /// By direction.
    ways: [Way; 2],
}

impl Sources {
    pub(crate) fn new() -> Sources {
        Sources { entries: Table::new(), registered: AtomicU64::new(0) }
    }

    pub(crate) fn registered(&self) -> u64 {
        self.registered.load(Ordering::Relaxed)
    }

    /// Wakes all who wait.
    pub(crate) fn wake_all(&self) {
        let mut entries = Vec::new();
        self.entries.each(|entry| entries.extend(entry.clone()));
        entries.iter().flat_map(|entry| &entry.ways).for_each(Way::wake);
    }
}

impl Reactor for Shared {
    fn register(&self, source: Source) -> io::Result<Token> {
        if self.is_closed() {
            return Err(Gone.into());
        }
        // Whether the source blocks is its owner's business.
        let source = Async::new_nonblocking(source)?;
        let entry = Arc::new(Entry { source, ways: [Way::new(), Way::new()] });
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
        let Some(entry) = self.sources().entries.with(token.0, |entry| entry.clone()).flatten()
        else {
            return Poll::Ready(Err(io::ErrorKind::NotFound.into()));
        };
        loop {
            match op() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    entry.ways[dir.index()].lead_to(cx.waker());
                    if self.is_closed() {
                        return Poll::Ready(Err(Gone.into()));
                    }
                    ready!(entry.poll_ready(dir))?;
                }
                done => return Poll::Ready(done.map(|_| ())),
            }
        }
    }

    fn deregister(&self, token: Token) {
        if let Some(Some(entry)) = self.sources().entries.remove(token.0, Option::take) {
            self.sources().registered.fetch_sub(1, Ordering::Relaxed);
            let ways = entry.ways.clone();
            drop(entry); // the last, unless somebody polls it: then it is given up when that returns
            ways.iter().for_each(Way::wake);
        }
    }
}

impl Entry {
    /// Whether there was an event since the last time; otherwise the way is woken by the next.
    fn poll_ready(&self, dir: Dir) -> Poll<io::Result<()>> {
        let cx = &mut Context::from_waker(self.ways[dir.index()].waker());
        match dir {
            Dir::Read => self.source.poll_readable(cx),
            Dir::Write => self.source.poll_writable(cx),
        }
    }
}
