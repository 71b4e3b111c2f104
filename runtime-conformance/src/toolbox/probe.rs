//! A future that writes down what is done to it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

use runtime_traits::Handle;

use super::Tally;
use super::registry::Count;

/// Ready at its `n`-th poll. It never wakes itself: take its waker from the [`Record`].
///
/// Whatever the test is about, it is looked at afterwards: a probe that was not dropped exactly once
/// fails LEAK-1.
#[derive(Debug)]
pub struct Probe {
    ready_at: usize,
    record: Arc<Record>,
}

/// What happened to a [`Probe`].
#[derive(Debug)]
pub struct Record {
    polls: Tally,
    drops: Tally,
    count: Arc<Count>,
    inside: AtomicBool,
    overlaps: AtomicUsize,
    late: AtomicUsize,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    ready: bool,
    threads: Vec<ThreadId>,
    current: Vec<Option<Handle>>,
    waker: Option<Waker>,
}

impl Probe {
    /// A probe, and its record. Ready at poll `ready_at`, counted from 1; `usize::MAX`: never.
    pub fn new(ready_at: usize) -> (Probe, Arc<Record>) {
        let record = Arc::new(Record {
            polls: Tally::new(),
            drops: Tally::new(),
            count: Count::registered("a probe"),
            inside: AtomicBool::new(false),
            overlaps: AtomicUsize::new(0),
            late: AtomicUsize::new(0),
            seen: Mutex::default(),
        });
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

    /// Polls that began while another had not ended.
    pub fn overlaps(&self) -> usize {
        self.overlaps.load(Ordering::SeqCst)
    }

    /// Polls after the one that was ready.
    pub fn late_polls(&self) -> usize {
        self.late.load(Ordering::SeqCst)
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

    /// Lets go of the waker, so that the probe holds nothing of the runtime's.
    pub fn forget_waker(&self) {
        let waker = self.seen().waker.take();
        drop(waker);
    }

    /// This one may be leaked: the contract leaves it open here.
    pub fn may_stay(&self) {
        self.count.may_stay();
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
        if record.inside.swap(true, Ordering::SeqCst) {
            record.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        record.note();
        let old = record.seen().waker.replace(cx.waker().clone());
        drop(old);
        if record.seen().ready {
            record.late.fetch_add(1, Ordering::SeqCst);
        }
        record.polls.add();
        let ready = record.polls.count() >= self.ready_at;
        record.seen().ready |= ready;
        record.inside.store(false, Ordering::SeqCst);
        if ready { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.record.note();
        self.record.forget_waker();
        self.record.count.dropped();
        self.record.drops.add();
    }
}
