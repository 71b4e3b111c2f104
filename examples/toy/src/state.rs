//! What is under the lock: plain data, and moves on it. Nothing here runs foreign code (Y1): what a
//! move takes out it returns.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;
use std::thread::{self, ThreadId};

use runtime_traits::hooks::{Home, LocalRunnable, Meta, Ran, Runnable, Task};
use runtime_traits::time::Instant;

use crate::{BLOCKING_THREADS_MAX, mutants};

/// A task that is to be run.
pub(crate) enum Job {
    Send(Runnable),
    Local(LocalRunnable),
}

impl Job {
    /// Runs it.
    pub(crate) fn run(self) -> Ran<Job> {
        match self {
            Job::Send(job) => as_job(job.run(), Job::Send),
            Job::Local(job) => as_job(job.run(), Job::Local),
        }
    }

    /// The number of its task.
    pub(crate) fn id(&self) -> u32 {
        match self {
            Job::Send(job) => job.meta().id,
            Job::Local(job) => job.meta().id,
        }
    }
}

fn as_job<J>(ran: Ran<J>, job: impl FnOnce(J) -> Job) -> Ran<Job> {
    match ran {
        Ran::Parked => Ran::Parked,
        Ran::Yielded(again) => Ran::Yielded(job(again)),
        Ran::Finished => Ran::Finished,
    }
}

/// The state.
pub(crate) struct Inner {
    ready: VecDeque<Job>,
    /// Tasks that have not finished, by number.
    alive: BTreeMap<u32, Meta>,
    /// By key: when, and who waits. Without a waker it has fired.
    timers: BTreeMap<u64, (Instant, Option<Waker>)>,
    last_key: u64,
    pub(crate) now: Instant,
    /// Decides which job is next; `None`: the oldest.
    random: Option<u64>,
    /// Who runs the toy, and as which home.
    runner: Option<(ThreadId, Home)>,
    last_home: u32,
    /// Blocking jobs that have not ended.
    pub(crate) blocking: usize,
    /// Those of them that no thread has taken yet, and how many threads there are for them.
    waiting_jobs: VecDeque<Task>,
    threads: usize,
    /// No new task is taken.
    pub(crate) closed: bool,
    /// The end is at work: it drops what is queued.
    closing: bool,
}

impl Inner {
    /// Nothing yet. Jobs run in their order, or in one that a seed decides.
    pub(crate) fn new(seed: Option<u64>) -> Inner {
        Inner {
            ready: VecDeque::new(),
            alive: BTreeMap::new(),
            timers: BTreeMap::new(),
            last_key: 0,
            now: Instant::from_nanos(0),
            random: seed,
            runner: None,
            last_home: 0,
            blocking: 0,
            waiting_jobs: VecDeque::new(),
            threads: 0,
            closed: false,
            closing: false,
        }
    }

    // ── jobs ────────────────────────────────────────────────────────────────────────────────────

    /// Takes a job; gives it back after the end (Y3). While the end is at work it takes them too: who
    /// wakes a task there must not be the one who drops it, and that one the next.
    pub(crate) fn push(&mut self, job: Job) -> Result<(), Job> {
        if self.closed && !self.closing {
            return Err(job);
        }
        self.ready.push_back(job);
        Ok(())
    }

    /// The same for a local job, which also comes too late if its home was left.
    pub(crate) fn push_local(&mut self, home: Home, job: LocalRunnable) -> Result<(), Job> {
        let job = Job::Local(job);
        if self.runner.is_none_or(|(_, here)| here != home) {
            return Err(job);
        }
        // Also while closing: it goes home to be dropped there.
        self.ready.push_back(job);
        Ok(())
    }

    /// The next job: the oldest, or the one that the seed chooses.
    pub(crate) fn pop(&mut self) -> Option<Job> {
        if self.ready.is_empty() {
            return None;
        }
        if mutants::on("ignores-its-seed") {
            return self.ready.pop_front();
        }
        let Some(random) = &mut self.random else { return self.ready.pop_front() };
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let index = (*random >> 33) as usize % self.ready.len();
        self.ready.remove(index)
    }

    /// No more tasks; jobs still come.
    pub(crate) fn close(&mut self) {
        (self.closed, self.closing) = (true, true);
    }

    /// The next job for the end to drop; with the last, no more come.
    pub(crate) fn pop_closing(&mut self) -> Option<Job> {
        let job = self.ready.pop_front();
        self.closing = job.is_some();
        job
    }

    /// The next local job, for a home that is left.
    pub(crate) fn pop_local(&mut self) -> Option<Job> {
        let local = self.ready.iter().position(|job| matches!(job, Job::Local(_)))?;
        self.ready.remove(local)
    }

    /// Notes a task until it has finished, for those who ask what is waited for.
    pub(crate) fn begin_task(&mut self, meta: &Meta) {
        self.alive.insert(meta.id, *meta);
    }

    pub(crate) fn end_task(&mut self, id: u32) {
        self.alive.remove(&id);
    }

    /// The tasks that have not finished: their names, or where they were spawned.
    pub(crate) fn waiting(&self) -> Vec<String> {
        let name = |meta: &Meta| meta.name.map_or_else(|| meta.at.to_string(), str::to_owned);
        self.alive.values().map(name).collect()
    }

    pub(crate) fn has_jobs(&self) -> bool {
        !self.ready.is_empty()
    }

    // ── the runner ──────────────────────────────────────────────────────────────────────────────

    /// Makes this thread the runner, if nobody is.
    pub(crate) fn enter(&mut self) -> Option<Home> {
        if self.runner.is_some() {
            return None;
        }
        self.last_home += 1;
        let home = Home(self.last_home);
        self.runner = Some((thread::current().id(), home));
        Some(home)
    }

    pub(crate) fn leave(&mut self) {
        self.runner = None;
    }

    /// The home that the calling thread is.
    pub(crate) fn home_here(&self) -> Option<Home> {
        let here = thread::current().id();
        self.runner.filter(|(thread, _)| *thread == here).map(|(_, home)| home)
    }

    // ── timers ──────────────────────────────────────────────────────────────────────────────────

    /// Arms a deadline under a key, or a new one, taking the waker; what was there before.
    pub(crate) fn arm(
        &mut self,
        key: u64,
        at: Instant,
        waker: &mut Option<Waker>,
    ) -> (u64, Option<Waker>) {
        let key = if key == 0 { self.last_key + 1 } else { key };
        self.last_key = self.last_key.max(key);
        let old = self.timers.insert(key, (at, waker.take()));
        (key, old.and_then(|(_, waker)| waker))
    }

    /// Withdraws a deadline.
    pub(crate) fn disarm(&mut self, key: u64) -> Option<Waker> {
        self.timers.remove(&key)?.1
    }

    /// The earliest deadline that anybody waits for.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let waiting = self.timers.values().filter(|(_, waker)| waker.is_some());
        waiting.map(|(at, _)| *at).min()
    }

    /// Whom to wake now, the earliest deadline first, and the oldest of equals.
    pub(crate) fn due(&mut self) -> Vec<Waker> {
        let now = self.now;
        let due = self.timers.iter_mut().filter(|(_, (at, _))| *at <= now);
        let mut due: Vec<_> =
            due.filter_map(|(key, (at, waker))| Some((*at, *key, waker.take()?))).collect();
        due.sort_by_key(|(at, key, _)| (*at, *key));
        due.into_iter().map(|(_, _, waker)| waker).collect()
    }

    /// Everybody who waits for a deadline.
    pub(crate) fn all_waiting(&mut self) -> Vec<Waker> {
        let timers = std::mem::take(&mut self.timers);
        timers.into_values().filter_map(|(_, waker)| waker).collect()
    }

    /// Moves the clock forward, never back (Y4).
    pub(crate) fn turn_to(&mut self, to: Instant) {
        self.now = self.now.max(to);
    }

    // ── blocking jobs ───────────────────────────────────────────────────────────────────────────

    /// Takes one more, unless it is too late. What comes back is for a new thread, which is counted.
    pub(crate) fn begin_blocking(&mut self, job: Task) -> Result<Option<Task>, Task> {
        if self.closed {
            return Err(job);
        }
        self.blocking += 1;
        if self.threads < BLOCKING_THREADS_MAX {
            self.threads += 1;
            return Ok(Some(job));
        }
        self.waiting_jobs.push_back(job);
        Ok(None)
    }

    /// One has ended; the next for its thread, which is gone if there is none.
    pub(crate) fn end_blocking(&mut self) -> Option<Task> {
        self.blocking -= 1;
        let next = self.waiting_jobs.pop_front();
        self.threads -= usize::from(next.is_none());
        next
    }

    /// A thread could not be started. What waits for one that will not come is handed out.
    pub(crate) fn without_thread(&mut self) -> VecDeque<Task> {
        self.blocking -= 1;
        self.threads -= 1;
        if self.threads == 0 { self.take_waiting_jobs() } else { VecDeque::new() }
    }

    /// The jobs that no thread has taken, to be dropped.
    pub(crate) fn take_waiting_jobs(&mut self) -> VecDeque<Task> {
        let waiting = std::mem::take(&mut self.waiting_jobs);
        self.blocking -= waiting.len();
        waiting
    }
}
