//! A bounded pool of threads for jobs that block.
//!
//! Threads are started when a job finds none idle, up to a limit, and retire after having been
//! idle for a while. What is decided lives in `state`, as plain data; this file locks, sleeps,
//! starts threads and runs jobs:
//!
//! ```text
//!  submit ──▶ State::push ──▶ Wake / Start / nothing
//!                 │ queue
//!  thread:  begin ──▶ next ──▶ Run(job) ──┐         Sleep ──(keep_alive over)──▶ Stop
//!                      ▲──────────────────┘           └──▶ woken ──▶ …            │
//!                      └──────── a job came meanwhile ◀── leave ◀── stop hook ◀───┘
//! ```
//!
//! A pool of [`Task`]s is a runtime's [`Blocking`](hooks::Blocking). A job may also be worth several
//! runs: what `run` gives back goes to the end of the queue, so a pool of `Runnable`s whose threads
//! stay is an executor (`examples/humboldt` is one).
//!
//! # Invariants
//!
//! - **O1** No job and no hook runs, and none is dropped, under the lock.
//! - **O2** Each move of the state and the sleep that may follow are under one lock, so a wake
//!   cannot fall between them.
//! - **O3** A thread that began always leaves, whatever its jobs and hooks throw.
//! - **O4** `HERE` names the pool of the thread, which keeps that pool's state alive: no other has its
//!   address.
//!
//! Not here: the results of jobs, and what they are; a job is run by the `run` of the
//! configuration, which should see to panics itself. One that escapes it is dropped.

mod state;
#[cfg(test)]
mod tests;

use crate::{
    contain::contain,
    hooks::{self, Kind, Refused, Task},
    sync::{
        Condvar, Mutex, MutexGuard, has_ended, lock, now,
        thread::{Builder, JoinHandle},
        thread_local, wait_timeout,
    },
};
use state::{Next, OnPush, Settled, State};
use std::{
    cell::Cell,
    fmt, ptr,
    sync::{Arc, PoisonError, atomic::AtomicUsize, atomic::Ordering},
    time::{Duration, Instant},
};

thread_local! {
    /// The pool that this thread is of (O4); null if of none.
    static HERE: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

/// Something to call on each thread of the pool.
pub type ThreadHook = Arc<dyn Fn() + Send + Sync>;

/// How a [`Pool`] is to be.
pub struct PoolConfig<J> {
    /// The most threads at a time; at least one.
    pub max_threads: usize,
    /// How long a thread waits for the next job before it retires.
    pub keep_alive: Duration,
    /// The name of the thread with this number, counted from 0.
    pub name: Arc<dyn Fn(usize) -> String + Send + Sync>,
    /// Called on each thread before its first job.
    pub on_start: Option<ThreadHook>,
    /// Called on each thread after its last job, and after `on_start`, as often.
    pub on_stop: Option<ThreadHook>,
    /// Runs a job. What it gives back is queued again, behind the others, or dropped if the pool is
    /// closed.
    pub run: fn(J) -> Option<J>,
}

/// Threads for jobs that block; see the file's head.
///
/// Dropping it closes it and lets the threads finish what they run; [`Pool::join`] waits for that.
pub struct Pool<J: Send + 'static> {
    shared: Arc<Shared<J>>,
}

struct Shared<J> {
    config: PoolConfig<J>,
    state: Mutex<State<J>>,
    /// Idle threads sleep here.
    work: Condvar,
    /// Those who wait for threads to begin, to fail to, or to be gone.
    changed: Condvar,
    /// For names.
    started: AtomicUsize,
    /// To be joined at the end; handles of threads that ended are dropped as others start.
    handles: Mutex<Vec<JoinHandle<()>>>,
}

impl<J: Send + 'static> Pool<J> {
    /// Makes a pool without threads.
    pub fn new(config: PoolConfig<J>) -> Pool<J> {
        let state = Mutex::new(State::new(config.max_threads));
        let (work, changed) = (Condvar::new(), Condvar::new());
        let (started, handles) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        Pool { shared: Arc::new(Shared { config, state, work, changed, started, handles }) }
    }

    /// Queues a job; a thread will run it.
    ///
    /// Waits at most for the start of a thread.
    ///
    /// # Errors
    ///
    /// Gives the job back if the pool is closed, or if there is no thread and none can be started.
    pub fn submit(&self, job: J) -> Result<(), J> {
        // A variable, so that the lock is released before the duty is done.
        let duty = self.shared.lock().push(job);
        match duty {
            OnPush::Refused(job) => return Err(job),
            OnPush::Wake => self.shared.work.notify_one(),
            OnPush::Nothing => {}
            OnPush::Settle(number) => return self.shared.settle(number),
            OnPush::Start(number) => {
                if !self.shared.start() {
                    self.shared.lock().start_failed();
                    self.shared.changed.notify_all();
                    return self.shared.settle(number);
                }
            }
        }
        Ok(())
    }

    /// Takes no more jobs and returns those that no thread has begun. Does not wait.
    pub fn close(&self) -> Vec<J> {
        let left = self.shared.lock().close();
        self.shared.work.notify_all();
        self.shared.changed.notify_all();
        left
    }

    /// Waits until all threads are gone, or until `deadline`; whether they are.
    ///
    /// To be called after [`close`](Pool::close). A thread of the pool, which would wait for itself, is
    /// told `false` at once.
    pub fn join(&self, deadline: Option<Instant>) -> bool {
        if self.is_here() {
            return false;
        }
        let mut state = self.shared.lock();
        while state.threads() > 0 {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(now()));
            if left == Some(Duration::ZERO) {
                return false;
            }
            state = self.shared.wait(&self.shared.changed, state, left).0;
        }
        drop(state);
        // They are past their last job and hook: this waits for the system alone.
        let handles = std::mem::take(&mut *lock(&self.shared.handles));
        handles.into_iter().for_each(|handle| drop(handle.join()));
        true
    }

    /// Whether the calling thread is one of the pool's.
    pub fn is_here(&self) -> bool {
        HERE.with(Cell::get) == self.shared.id()
    }

    /// How many threads there are, those just starting included.
    pub fn threads(&self) -> usize {
        self.shared.lock().threads()
    }

    /// How many jobs no thread has begun.
    pub fn queued(&self) -> usize {
        self.shared.lock().queued()
    }
}

/// What a runtime returns from its getter. The kind makes no difference.
impl hooks::Blocking for Pool<Task> {
    fn spawn(&self, job: Task, _kind: Kind) -> Result<(), (Task, Refused)> {
        // Refused: closed, or the system gives it no thread at all.
        self.submit(job).map_err(|job| {
            (job, if self.shared.lock().is_closed() { Refused::SHUT_DOWN } else { Refused::FULL })
        })
    }
}

impl<J: Send + 'static> Drop for Pool<J> {
    fn drop(&mut self) {
        self.close().into_iter().for_each(|job| contain(|| drop(job)));
    }
}

impl<J: Send + 'static> fmt::Debug for Pool<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (threads, queued) = (self.threads(), self.queued());
        f.debug_struct("Pool").field("threads", &threads).field("queued", &queued).finish()
    }
}

impl<J: Send + 'static> Shared<J> {
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        lock(&self.state)
    }

    /// Starts a thread; whether the system let us.
    fn start(self: &Arc<Self>) -> bool {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let mut builder = Builder::new();
        contain(|| builder = Builder::new().name((self.config.name)(number)));
        let shared = self.clone();
        let Ok(handle) = builder.spawn(move || shared.work()) else { return false };
        let mut handles = lock(&self.handles);
        handles.retain(|handle| !has_ended(handle));
        handles.push(handle);
        true
    }

    /// Waits until it is clear what becomes of a job (Q3).
    fn settle(&self, number: u64) -> Result<(), J> {
        let mut state = self.lock();
        loop {
            match state.settle(number) {
                Settled::Served => return Ok(()),
                Settled::Back(job) => return Err(job),
                Settled::Wait => state = self.wait(&self.changed, state, None).0,
            }
        }
    }

    /// Tells this pool from others (O4).
    fn id(&self) -> *const () {
        ptr::from_ref(self).cast()
    }

    /// The life of a thread.
    fn work(&self) {
        HERE.with(|here| here.set(self.id()));
        self.lock().begin();
        self.changed.notify_all();
        loop {
            self.call(&self.config.on_start);
            self.serve();
            self.call(&self.config.on_stop);
            let gone = self.lock().leave();
            if gone {
                break;
            }
        }
        self.changed.notify_all();
    }

    /// Runs jobs until there is reason to stop.
    fn serve(&self) {
        let mut again = None;
        loop {
            let next = self.next(&mut again);
            // What could not be queued again.
            contain(|| drop(again.take()));
            let Some(job) = next else { return };
            contain(|| again = (self.config.run)(job));
        }
    }

    /// Queues what is there again, unless closed. Then the next job, slept for if need be; `None` to
    /// stop.
    fn next(&self, again: &mut Option<J>) -> Option<J> {
        let mut state = self.lock();
        state.requeue(again);
        let mut next = state.next();
        loop {
            match next {
                Next::Run(job) => return Some(job),
                Next::Stop => return None,
                Next::Sleep => {
                    let expired;
                    (state, expired) = self.wait(&self.work, state, Some(self.config.keep_alive));
                    next = state.woken(expired);
                }
            }
        }
    }

    /// Waits on a condition; whether the time was over.
    fn wait<'a>(
        &'a self,
        condition: &Condvar,
        state: MutexGuard<'a, State<J>>,
        at_most: Option<Duration>,
    ) -> (MutexGuard<'a, State<J>>, bool) {
        match at_most {
            None => (condition.wait(state).unwrap_or_else(PoisonError::into_inner), false),
            Some(delay) => wait_timeout(condition, &self.state, state, delay),
        }
    }

    fn call(&self, hook: &Option<ThreadHook>) {
        if let Some(hook) = hook {
            contain(|| hook());
        }
    }
}
