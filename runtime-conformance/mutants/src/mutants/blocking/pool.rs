//! Pools that are wrong: M-BLOCKING-5, M-BLOCKING-7, M-BLOCKING-9 and M-BLOCKING-10.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use runtime_conformance::twist::fired;
use runtime_traits::hooks::{Blocking, Kind, Task};
use runtime_traits::task::spawn_blocking;
use runtime_traits::{Handle, Refused};

use super::KEEP_ALIVE;

/// A thread for each closure.
pub(super) struct ThreadForEach;

impl Blocking for ThreadForEach {
    fn spawn(&self, job: Task, _: Kind) -> Result<(), (Task, Refused)> {
        fired();
        let slot = Arc::new(Mutex::new(Some(job)));
        let theirs = slot.clone();
        let take = |slot: &Mutex<Option<Task>>| slot.lock().ok()?.take();
        let work = move || drop(take(&theirs).map(|job| job.into_runnable().run()));
        match thread::Builder::new().spawn(work) {
            Ok(_) => Ok(()),
            Err(_) => take(&slot).map_or(Ok(()), |job| Err((job, Refused::FULL))),
        }
    }
}

/// Threads wait for a while and then retire; on their way out they still count as idle, and do not look
/// again.
#[derive(Default)]
pub(super) struct Strands(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Task>,
    idle: usize,
    threads: usize,
}

/// As the harnesses declare.
const THREADS_MAX: usize = 64;
/// How long a thread takes to go.
const ON_ITS_WAY: Duration = Duration::from_millis(1);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let mut state = self.lock();
            while state.queue.is_empty() {
                state.idle += 1;
                let waited = self.work.wait_timeout(state, KEEP_ALIVE);
                let (again, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                state = again;
                if timeout.timed_out() {
                    drop(state);
                    thread::sleep(ON_ITS_WAY);
                    let mut state = self.lock();
                    state.idle -= 1;
                    state.threads -= 1;
                    if !state.queue.is_empty() && state.idle == 0 {
                        fired();
                    }
                    return;
                }
                state.idle -= 1;
            }
            let job = state.queue.pop_front();
            drop(state);
            drop(job.map(|job| job.into_runnable().run()));
        }
    }
}

impl Blocking for Strands {
    fn spawn(&self, job: Task, _: Kind) -> Result<(), (Task, Refused)> {
        let mut state = self.0.lock();
        state.queue.push_back(job);
        if state.queue.len() <= state.idle {
            self.0.work.notify_one();
        } else if state.threads < THREADS_MAX {
            let shared = self.0.clone();
            if thread::Builder::new().spawn(move || shared.work()).is_ok() {
                state.threads += 1;
            } else if let (0, Some(job)) = (state.threads, state.queue.pop_back()) {
                return Err((job, Refused::FULL));
            }
        }
        Ok(())
    }
}

/// The pool beneath.
fn beneath(inner: &Handle) -> &dyn Blocking {
    inner.runtime().blocking().expect("looked at when this was made")
}

/// Leaves dedicated closures to the pool beneath.
pub(super) struct ButDedicated<B>(pub(super) Handle, pub(super) B);

impl<B: Blocking> Blocking for ButDedicated<B> {
    fn spawn(&self, job: Task, kind: Kind) -> Result<(), (Task, Refused)> {
        match kind {
            Kind::Dedicated => beneath(&self.0).spawn(job, kind),
            _ => self.1.spawn(job, kind),
        }
    }
}

/// Knows of no dedicated closures.
pub(super) struct LongAtMost(pub(super) Handle);

impl Blocking for LongAtMost {
    fn spawn(&self, job: Task, kind: Kind) -> Result<(), (Task, Refused)> {
        let kind = match kind {
            Kind::Dedicated => {
                fired();
                Kind::LongIo
            }
            other => other,
        };
        beneath(&self.0).spawn(job, kind)
    }
}

/// How many there may be in the one lane.
const LANE: usize = 16;

/// Lets so many at a time into the pool beneath, of whatever kind.
pub(super) struct OneLane {
    inner: Handle,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Task>,
    running: usize,
}

impl OneLane {
    pub(super) fn new(inner: Handle) -> OneLane {
        OneLane { inner, queue: Arc::default() }
    }
}

fn queue(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Blocking for OneLane {
    fn spawn(&self, job: Task, _: Kind) -> Result<(), (Task, Refused)> {
        {
            let mut queue = queue(&self.queue);
            queue.waiting.push_back(job);
            if queue.running == LANE {
                fired();
                return Ok(());
            }
            queue.running += 1;
        }
        let lane = self.queue.clone();
        drop(self.inner.enter(|| spawn_blocking(move || work(&lane))));
        Ok(())
    }
}

/// Runs jobs until none waits.
fn work(lane: &Mutex<Queue>) {
    loop {
        let job = {
            let mut queue = queue(lane);
            let job = queue.waiting.pop_front();
            queue.running -= usize::from(job.is_none());
            job
        };
        match job {
            Some(job) => drop(job.into_runnable().run()),
            None => return,
        }
    }
}
