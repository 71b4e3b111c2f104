//! A future that writes down what is done to it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

use runtime_traits::Handle;

use super::Tally;

/// Ready at its `n`-th poll. It never wakes itself: take its waker from the [`Record`].
#[derive(Debug)]
pub struct Probe {
    ready_at: usize,
    record: Arc<Record>,
}

/// What happened to a [`Probe`].
#[derive(Debug, Default)]
pub struct Record {
    polls: Tally,
    drops: Tally,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    threads: Vec<ThreadId>,
    current: Vec<Option<Handle>>,
    waker: Option<Waker>,
}

impl Probe {
    /// A probe, and its record. Ready at poll `ready_at`, counted from 1; `usize::MAX`: never.
    pub fn new(ready_at: usize) -> (Probe, Arc<Record>) {
        let record = Arc::new(Record::default());
        (Probe { ready_at, record: record.clone() }, record)
    }
}

impl Record {
    /// Polls so far.
    pub fn polls(&self) -> &Tally {
        &self.polls
    }

    /// Drops so far: zero or one, or the runtime is broken.
    pub fn drops(&self) -> &Tally {
        &self.drops
    }

    /// The thread of each poll, and of the drop at the end.
    pub fn threads(&self) -> Vec<ThreadId> {
        self.seen().threads.clone()
    }

    /// Which runtime was current at each poll, and at the drop at the end.
    pub fn current(&self) -> Vec<Option<Handle>> {
        self.seen().current.clone()
    }

    /// The waker of the latest poll.
    pub fn waker(&self) -> Option<Waker> {
        self.seen().waker.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self) {
        let (thread, current) = (thread::current().id(), Handle::try_current().ok());
        let mut seen = self.seen();
        seen.threads.push(thread);
        seen.current.push(current);
    }
}

impl Future for Probe {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let record = &self.record;
        record.note();
        let old = record.seen().waker.replace(cx.waker().clone());
        drop(old);
        record.polls.add();
        if record.polls.count() >= self.ready_at { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.record.note();
        let waker = self.record.seen().waker.take();
        drop(waker);
        self.record.drops.add();
    }
}
