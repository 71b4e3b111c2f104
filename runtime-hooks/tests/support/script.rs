//! One task that does what a script says, and a world around it in which everything is counted.
//!
//! A [`World`] holds one task cell, one task, the wakers that task gave away, and its handle. Two
//! worlds over different cells that are given the same script and the same [`Op`]s must show the
//! same [`Seen`] after each of them.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::cells::{Cells, Outcome};

/// What the task does in one poll, in this order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Clones of its waker that it gives to the world.
    pub(crate) keeps: usize,
    /// Whether it stores its waker in itself: a cycle, until its future is dropped.
    pub(crate) holds: bool,
    /// How often it wakes itself.
    pub(crate) wakes: usize,
    /// Something it does to its own handle.
    pub(crate) inside: Option<Inside>,
    pub(crate) end: End,
}

/// What a task can do to its own handle.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Inside {
    Abort,
    Detach,
}

/// How a poll ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Pending,
    Output,
    Panic,
}

/// One thing that happens to the task from outside. Numbers choose a waker, modulo those there are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    RunOne,
    WakeByRef(usize),
    Wake(usize),
    Clone(usize),
    Drop(usize),
    Abort,
    Detach,
    /// `true`: with a new waker, rather than the one of the poll before.
    Poll(bool),
}

/// What can be seen of a world from outside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) polls: usize,
    pub(crate) futures_dropped: usize,
    pub(crate) outputs_made: usize,
    pub(crate) outputs_dropped: usize,
    pub(crate) queued: usize,
    /// Wakers of the task that the world has.
    pub(crate) wakers: usize,
    /// Whether the waker of the latest poll of the handle was woken.
    pub(crate) joiner_woken: bool,
    pub(crate) outcome: Option<&'static str>,
}

#[derive(Default)]
struct Counts {
    polls: AtomicUsize,
    futures_dropped: AtomicUsize,
    outputs_made: AtomicUsize,
    outputs_dropped: AtomicUsize,
}

/// The task's output, which counts its drop.
pub(crate) struct Tally(Arc<Counts>);

impl Drop for Tally {
    fn drop(&mut self) {
        self.0.outputs_dropped.fetch_add(1, SeqCst);
    }
}

/// A waker that counts.
#[derive(Default)]
pub(crate) struct Woken(AtomicUsize);

impl Woken {
    pub(crate) fn new() -> (Arc<Woken>, Waker) {
        let woken = Arc::new(Woken::default());
        (woken.clone(), Waker::from(woken))
    }

    pub(crate) fn times(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// What the task and its surroundings share.
struct Shared<C: Cells> {
    counts: Arc<Counts>,
    steps: Mutex<VecDeque<Step>>,
    wakers: Mutex<Vec<Waker>>,
    held: Mutex<Option<Waker>>,
    join: Mutex<Option<C::Join<Tally>>>,
    /// Whether the handle was aborted or detached.
    given_up: AtomicBool,
}

impl<C: Cells> Shared<C> {
    fn abort(&self) {
        if let Some(join) = self.join.lock().unwrap().as_mut() {
            self.given_up.store(true, SeqCst);
            C::abort(join);
        }
    }

    fn detach(&self) {
        let join = self.join.lock().unwrap().take();
        if let Some(join) = join {
            self.given_up.store(true, SeqCst);
            C::detach(join);
        }
    }

    /// Drops the waker that the task holds of itself, outside the lock.
    fn let_go(&self) {
        let held = self.held.lock().unwrap().take();
        drop(held);
    }
}

/// The task's future.
struct Script<C: Cells>(Arc<Shared<C>>);

impl<C: Cells> Future for Script<C> {
    type Output = Tally;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Tally> {
        let shared = &self.0;
        shared.counts.polls.fetch_add(1, SeqCst);
        let step = shared.steps.lock().unwrap().pop_front().expect("polled after the end");
        step.on_waker(cx.waker(), shared);
        match step.inside {
            Some(Inside::Abort) => shared.abort(),
            Some(Inside::Detach) => shared.detach(),
            None => {}
        }
        step.end(shared)
    }
}

impl<C: Cells> Drop for Script<C> {
    fn drop(&mut self) {
        self.0.counts.futures_dropped.fetch_add(1, SeqCst);
        self.0.let_go();
    }
}

impl Step {
    fn on_waker<C: Cells>(&self, waker: &Waker, shared: &Shared<C>) {
        let clones = std::iter::repeat_with(|| waker.clone()).take(self.keeps);
        shared.wakers.lock().unwrap().extend(clones);
        if self.holds {
            let old = shared.held.lock().unwrap().replace(waker.clone());
            drop(old);
        }
        (0..self.wakes).for_each(|_| waker.wake_by_ref());
    }

    fn end<C: Cells>(&self, shared: &Shared<C>) -> Poll<Tally> {
        match self.end {
            End::Pending => Poll::Pending,
            End::Panic => resume_unwind(Box::new("as the script says")), // no message on stderr
            End::Output => {
                shared.counts.outputs_made.fetch_add(1, SeqCst);
                Poll::Ready(Tally(shared.counts.clone()))
            }
        }
    }
}

/// One cell, one task, and what is around it.
pub(crate) struct World<C: Cells> {
    cells: C,
    shared: Arc<Shared<C>>,
    joiner: (Arc<Woken>, Waker),
    /// Whether the handle has been polled.
    waiting: bool,
    outcome: Option<&'static str>,
}

impl<C: Cells> World<C> {
    pub(crate) fn new(steps: &[Step]) -> World<C> {
        let shared = Arc::new(Shared::<C> {
            counts: Arc::default(),
            steps: Mutex::new(steps.iter().copied().collect()),
            wakers: Mutex::default(),
            held: Mutex::default(),
            join: Mutex::new(None),
            given_up: AtomicBool::new(false),
        });
        let cells = C::new();
        let join = cells.spawn(Script(shared.clone()));
        *shared.join.lock().unwrap() = Some(join);
        World { cells, shared, joiner: Woken::new(), waiting: false, outcome: None }
    }

    pub(crate) fn apply(&mut self, op: Op) {
        match op {
            Op::RunOne => _ = self.cells.run_one(),
            Op::WakeByRef(k) => _ = self.on_waker(k, |wakers, k| wakers[k].wake_by_ref()),
            Op::Wake(k) => self.take_waker(k).into_iter().for_each(Waker::wake),
            Op::Clone(k) => _ = self.on_waker(k, |wakers, k| wakers.push(wakers[k].clone())),
            Op::Drop(k) => drop(self.take_waker(k)),
            Op::Abort => self.shared.abort(),
            Op::Detach => self.shared.detach(),
            Op::Poll(new) => self.poll(new),
        }
    }

    fn take_waker(&self, k: usize) -> Option<Waker> {
        self.on_waker(k, |wakers, k| wakers.swap_remove(k))
    }

    fn on_waker<R>(&self, k: usize, f: impl FnOnce(&mut Vec<Waker>, usize) -> R) -> Option<R> {
        let mut wakers = self.shared.wakers.lock().unwrap();
        let k = k.checked_rem(wakers.len())?;
        Some(f(&mut wakers, k))
    }

    fn poll(&mut self, new: bool) {
        let mut slot = self.shared.join.lock().unwrap();
        let Some(join) = slot.as_mut() else { return };
        if new {
            self.joiner = Woken::new();
        }
        self.waiting = true;
        let Poll::Ready(outcome) = C::poll_join(join, &self.joiner.1) else { return };
        let join = slot.take();
        drop(slot);
        join.into_iter().for_each(C::detach);
        self.outcome = Some(match outcome {
            Outcome::Output(_) => "output",
            Outcome::Cancelled => "cancelled",
            Outcome::Panicked => "panicked",
        });
    }

    /// Takes everything away from the task, and runs what that leaves to run.
    pub(crate) fn end(&mut self) {
        self.poll(false);
        self.shared.detach();
        self.shared.let_go();
        while self.take_waker(0).is_some() {}
        self.cells.run_all();
        while self.take_waker(0).is_some() {} // given away meanwhile
        self.shared.let_go();
        self.cells.run_all();
    }

    pub(crate) fn seen(&self) -> Seen {
        let counts = &self.shared.counts;
        Seen {
            polls: counts.polls.load(SeqCst),
            futures_dropped: counts.futures_dropped.load(SeqCst),
            outputs_made: counts.outputs_made.load(SeqCst),
            outputs_dropped: counts.outputs_dropped.load(SeqCst),
            queued: self.cells.queued(),
            wakers: self.shared.wakers.lock().unwrap().len(),
            joiner_woken: self.joiner.0.times() > 0,
            outcome: self.outcome,
        }
    }

    /// Whether the handle was aborted or detached.
    pub(crate) fn given_up(&self) -> bool {
        self.shared.given_up.load(SeqCst)
    }

    /// Whether somebody waits for the outcome, which is there, and was not told.
    pub(crate) fn lost_the_joiner(&self) -> bool {
        let seen = self.seen();
        let joined = self.shared.join.lock().unwrap().is_some();
        joined && self.waiting && seen.futures_dropped == 1 && !seen.joiner_woken
    }

    /// Whether nobody can wake or join the task, and nobody is about to run it.
    pub(crate) fn is_orphaned(&self) -> bool {
        let seen = self.seen();
        let joined = self.shared.join.lock().unwrap().is_some();
        let held = self.shared.held.lock().unwrap().is_some();
        !joined && !held && seen.wakers == 0 && seen.queued == 0
    }
}
