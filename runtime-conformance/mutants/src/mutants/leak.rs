//! Mutants of the group LEAK.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput, Twist, fired};
use runtime_traits::hooks::{After, Dir, Key, Reactor, Source, Timer, Token};
use runtime_traits::time::Instant;
use runtime_traits::{Gone, Handle, JoinError};
use socket2::{SockAddr, SockRef};

use super::Impossible;
use super::time::{self, OnTimer};
use crate::decorate::Decorated;
use crate::erased::{Join, OnJoin, OnPoll, poll, wrapped};
use crate::mutant::{Detection, Mutant};

pub(crate) const MUTANTS: &[Mutant] = &[
    // A waker that is forgotten is all it takes to keep a cell: a switch would do the same to one runtime.
    Mutant::twist("M-LEAK-1", "An aborted task leaves its cell and one waker behind.", || {
        Arc::new(LeavesCells)
    })
    .breaks(&["LEAK-4", "LEAK-1"])
    // The cell holds a handle, and where a handle keeps the poller open, descriptors stay too.
    .tolerates(&["WAKE-5", "LEAK-3"]),
    Mutant::twist("M-LEAK-1b", "Of an aborted task, the waker that awaited it stays.", || {
        Arc::new(KeepsJoiner)
    })
    .breaks(&["LEAK-1"])
    .tolerates(&["JOIN-3"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-LEAK-1c",
        "What a blocking closure answered is kept if nobody takes it.",
        || Arc::new(KeepsClosures),
    )
    .breaks(&["LEAK-1"]),
    Mutant::twist("M-LEAK-2", "A timer that fired keeps the waker that it woke.", || {
        OnTimer::twist(|_| KeepsWaker)
    })
    .breaks(&["LEAK-2"])
    .tolerates(&["LEAK-3"]) // a waker that is kept may keep its runtime
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-LEAK-3",
        "Every tenth socket that is accepted is duplicated, and the copy stays open.",
        || Arc::new(Duplicates::default()),
    )
    .breaks(&["LEAK-3"])
    .tolerates(&["REACTOR-6"]) // which counts descriptors, too
    .detected(Detection::Hangs),
    Mutant::twist("M-LEAK-4", "Every task leaves a note of itself.", || Arc::new(TakesNotes))
        .breaks(&["LEAK-4"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

// ── M-LEAK-1 ────────────────────────────────────────────────────────────────────────────────────

struct LeavesCells;

/// The task's own waker, for its handle.
type Own = Arc<Mutex<Option<Waker>>>;

fn take(own: &Own) -> Option<Waker> {
    own.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Twist for LeavesCells {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        let own = Own::default();
        let join = rt.spawn(wrapped(future, KnowsItself(own.clone())));
        Join::boxed(Box::new(join), Forgets(own))
    }
}

struct KnowsItself(Own);

impl OnPoll for KnowsItself {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let waker = cx.waker().clone();
        let old = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(waker);
        drop(old);
        poll(future, cx)
    }

    fn on_drop(&mut self, _: &mut Option<AnyFuture>) {
        drop(take(&self.0));
    }
}

struct Forgets(Own);

impl OnJoin for Forgets {
    fn abort(&self, inner: &dyn AnyJoin) {
        if let Some(waker) = take(&self.0) {
            fired();
            std::mem::forget(waker);
        }
        inner.abort();
    }
}

// ── M-LEAK-1b ───────────────────────────────────────────────────────────────────────────────────

struct KeepsJoiner;

impl Twist for KeepsJoiner {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        Join::boxed(Box::new(rt.spawn(future)), LastWaker::default())
    }
}

#[derive(Default)]
struct LastWaker {
    waker: Option<Waker>,
    aborted: Arc<AtomicUsize>,
}

impl OnJoin for LastWaker {
    fn poll_join(
        &mut self,
        inner: &mut dyn AnyJoin,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AnyOutput, JoinError>> {
        let polled = inner.poll_join(cx);
        self.waker = polled.is_pending().then(|| cx.waker().clone());
        polled
    }

    fn abort(&self, inner: &dyn AnyJoin) {
        self.aborted.fetch_add(1, Ordering::SeqCst);
        inner.abort();
    }

    fn on_drop(&mut self, _: &mut dyn AnyJoin) {
        if self.aborted.load(Ordering::SeqCst) > 0 && self.waker.is_some() {
            fired();
            std::mem::forget(self.waker.take());
        }
    }
}

// ── M-LEAK-1c ───────────────────────────────────────────────────────────────────────────────────

struct KeepsClosures;

impl Twist for KeepsClosures {
    fn spawn_blocking(
        &self,
        rt: &Handle,
        work: Box<dyn FnOnce() -> AnyOutput + Send>,
    ) -> Box<dyn AnyJoin> {
        let join = rt.enter(|| runtime_traits::task::spawn_blocking(work));
        Join::boxed(Box::new(join), Untaken(true))
    }
}

/// Whether nobody has taken the answer.
struct Untaken(bool);

impl OnJoin for Untaken {
    fn poll_join(
        &mut self,
        inner: &mut dyn AnyJoin,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AnyOutput, JoinError>> {
        let polled = inner.poll_join(cx);
        self.0 &= polled.is_pending();
        polled
    }

    fn on_drop(&mut self, inner: &mut dyn AnyJoin) {
        if !self.0 || !inner.is_finished() {
            return;
        }
        let output = inner.poll_join(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(Ok(output)) = output {
            fired();
            std::mem::forget(output);
        }
    }
}

// ── M-LEAK-2 ────────────────────────────────────────────────────────────────────────────────────

struct KeepsWaker;

impl time::OnPoll for KeepsWaker {
    fn poll_until(
        &self,
        inner: &dyn Timer,
        key: &mut Key,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        let was_armed = !key.is_none();
        let polled = inner.poll_until(key, at, Duration::ZERO, cx);
        if was_armed && polled.is_ready() {
            fired();
            std::mem::forget(cx.waker().clone());
        }
        polled
    }
}

// ── M-LEAK-3 ────────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct Duplicates(Arc<Accepted>);

/// How many sockets were accepted, and where.
#[derive(Default)]
struct Accepted {
    count: AtomicUsize,
    listeners: Mutex<HashSet<SockAddr>>,
}

impl Accepted {
    /// Whether this one was: it has a peer, and the address of a socket that listens.
    fn is_from(&self, source: &Source) -> bool {
        let socket = SockRef::from(&**source);
        let Ok(local) = socket.local_addr() else { return false };
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if rustix::net::sockopt::socket_acceptconn(&**source).unwrap_or(false) {
            listeners.insert(local);
            return false;
        }
        listeners.contains(&local) && socket.peer_addr().is_ok()
    }
}

impl Twist for Duplicates {
    fn runtime(&self, inner: Handle) -> Handle {
        if inner.runtime().reactor().is_none() {
            return inner;
        }
        let reactor = Duplicating { inner: inner.clone(), accepted: self.0.clone() };
        Decorated::over(inner).reactor(Box::new(reactor)).handle()
    }
}

struct Duplicating {
    inner: Handle,
    accepted: Arc<Accepted>,
}

impl Duplicating {
    fn reactor(&self) -> &dyn Reactor {
        self.inner.runtime().reactor().expect("looked for when it was made")
    }
}

impl Reactor for Duplicating {
    fn register(&self, source: Source) -> io::Result<Token> {
        let accepted = &self.accepted;
        if accepted.is_from(&source) && accepted.count.fetch_add(1, Ordering::SeqCst) % 10 == 9 {
            fired();
            std::mem::forget(source.try_clone()?);
        }
        self.reactor().register(source)
    }

    fn poll_io(
        &self,
        token: Token,
        dir: Dir,
        cx: &mut Context<'_>,
        op: &mut dyn FnMut() -> io::Result<After>,
    ) -> Poll<io::Result<()>> {
        self.reactor().poll_io(token, dir, cx, op)
    }

    fn deregister(&self, token: Token) {
        self.reactor().deregister(token);
    }
}

// ── M-LEAK-4 ────────────────────────────────────────────────────────────────────────────────────

struct TakesNotes;

impl Twist for TakesNotes {
    fn spawn(&self, rt: &Handle, future: AnyFuture) -> Box<dyn AnyJoin> {
        fired();
        std::mem::forget(vec![1_u8; 96]);
        Box::new(rt.spawn(future))
    }
}
