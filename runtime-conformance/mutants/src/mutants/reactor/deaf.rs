//! M-REACTOR-1 and M-REACTOR-2: readiness of one moment that is missed.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use runtime_conformance::twist::fired;
use runtime_traits::hooks::{Dir, Reactor, Source, Token};
use rustix::net::SocketType;

use super::watch::{Fault, Op, Watched, is_unix};

/// A number of bytes at which reading is not tried.
type Deaf = Mutex<Option<u64>>;

/// Tries to read unless there is exactly as much as at the moment that was missed.
fn unless_deaf(
    inner: &dyn Reactor,
    watched: &Watched<Deaf>,
    (token, dir): (Token, Dir),
    cx: &mut Context<'_>,
    op: Op<'_>,
) -> Poll<io::Result<()>> {
    inner.poll_io(token, dir, cx, &mut || {
        let mut deaf_at = watched.state.lock().unwrap_or_else(PoisonError::into_inner);
        if dir == Dir::Read && deaf_at.is_some_and(|bytes| bytes == watched.readable()) {
            fired();
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if dir == Dir::Read {
            *deaf_at = None;
        }
        drop(deaf_at);
        op()
    })
}

// ── M-REACTOR-1 ─────────────────────────────────────────────────────────────────────────────────

pub(super) struct MissesWhatWasThere;

impl Fault for MissesWhatWasThere {
    type State = Deaf;

    fn is_about(&self, source: &Source) -> bool {
        is_unix(source, SocketType::STREAM)
    }

    fn registered(&self, watched: &Watched<Deaf>) {
        let bytes = watched.readable();
        let mut deaf_at = watched.state.lock().unwrap_or_else(PoisonError::into_inner);
        *deaf_at = (bytes > 0).then_some(bytes);
    }

    fn poll_io(
        &self,
        inner: &dyn Reactor,
        watched: &Arc<Watched<Deaf>>,
        at: (Token, Dir),
        cx: &mut Context<'_>,
        op: Op<'_>,
    ) -> Poll<io::Result<()>> {
        unless_deaf(inner, watched, at, cx, op)
    }
}

// ── M-REACTOR-2 ─────────────────────────────────────────────────────────────────────────────────

/// Only if the try took a while, so that it is the test that made it.
pub(super) struct MissesWhatComes;

const A_WHILE: Duration = Duration::from_millis(1);

impl Fault for MissesWhatComes {
    type State = Deaf;

    fn is_about(&self, source: &Source) -> bool {
        is_unix(source, SocketType::STREAM)
    }

    fn poll_io(
        &self,
        inner: &dyn Reactor,
        watched: &Arc<Watched<Deaf>>,
        at: (Token, Dir),
        cx: &mut Context<'_>,
        op: Op<'_>,
    ) -> Poll<io::Result<()>> {
        let mut missed = false;
        let polled = unless_deaf(inner, watched, at, cx, &mut || {
            if missed {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let begun = Instant::now();
            let tried = op();
            let would_block = tried.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock);
            missed = at.1 == Dir::Read
                && would_block
                && begun.elapsed() >= A_WHILE
                && watched.readable() > 0;
            tried
        });
        if missed {
            fired();
            let mut deaf_at = watched.state.lock().unwrap_or_else(PoisonError::into_inner);
            *deaf_at = Some(watched.readable());
        }
        polled
    }
}
