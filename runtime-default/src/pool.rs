//! A bounded pool of threads for jobs that block.
//!
//! Threads are started when jobs wait for too long, up to a limit, and retire after having been
//! idle for a while. What is decided lives in `state` and `lanes`, as plain data; this file locks,
//! sleeps, starts threads and runs jobs:
//!
//! ```text
//!  submit ──▶ State::push ──▶ Wake / Start / nothing
//!                 │ lanes
//!  thread:  first ──▶ next ──▶ Help, Run(job) ──┐       Sleep ──(keep_alive over)──▶ Stop
//!                      ▲──────── done ◀─────────┘         └──▶ woken ──▶ …            │
//!                      │        Watch ──(100 µs)──▶ looked ──▶ …                      │
//!                      └──────── a job came meanwhile ◀── leave ◀── stop hook ◀───────┘
//! ```
//!
//! A *dedicated* job has a thread of its own, which is neither counted nor waited for once it has begun
//! the job. At the end one that has not drops it, and is waited for until then.
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

mod lanes;
mod state;
#[cfg(test)]
mod tests;

use crate::{
    contain::contain,
    hooks::{self, Kind, Refused, Task},
    sync::{
        Condvar, Mutex, MutexGuard, has_ended, lock, now, start,
        thread::{Builder, JoinHandle},
        thread_local, wait_timeout,
    },
};
use lanes::{CPU, LONG, Lane, SHORT};
use state::{Help, LOOK, Next, OnPush, Settled, State};
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
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let greets = config.on_start.is_some();
        let state = Mutex::new(State::new(config.max_threads, processors, greets));
        let (work, changed) = (Condvar::new(), Condvar::new());
        let (started, handles) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        Pool { shared: Arc::new(Shared { config, state, work, changed, started, handles }) }
    }

    /// Queues a short job; a thread will run it.
    ///
    /// Waits at most for the start of a thread.
    ///
    /// # Errors
    ///
    /// Gives the job back if the pool is closed, or if there is no thread and none can be started.
    pub fn submit(&self, job: J) -> Result<(), J> {
        self.submit_to(SHORT, job)
    }

    /// Queues a job of this kind.
    ///
    /// Long jobs take at most three quarters of the threads, computations as many as there are
    /// processors, and both together leave one to short jobs, if there are two.
    ///
    /// # Errors
    ///
    /// As [`submit`](Pool::submit). A dedicated job also comes back if its own thread cannot be started.
    pub fn submit_as(&self, kind: Kind, job: J) -> Result<(), J> {
        match kind {
            Kind::LongIo => self.submit_to(LONG, job),
            Kind::Cpu => self.submit_to(CPU, job),
            Kind::Dedicated => self.shared.dedicate(job),
            _ => self.submit_to(SHORT, job),
        }
    }

    fn submit_to(&self, lane: Lane, job: J) -> Result<(), J> {
        // A variable, so that the lock is released before the duty is done.
        let duty = self.shared.lock().push(lane, job);
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

    /// Waits until all threads are gone, but those that run a dedicated job, or until `deadline`; whether
    /// they are. No job begins afterwards.
    ///
    /// To be called after [`close`](Pool::close). A thread of the pool, which would wait for itself, is
    /// told `false` at once.
    pub fn join(&self, deadline: Option<Instant>) -> bool {
        if self.is_here() {
            return false;
        }
        let mut state = self.shared.lock();
        while !state.is_over() {
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

/// What a runtime returns from its getter.
impl hooks::Blocking for Pool<Task> {
    fn spawn(&self, job: Task, kind: Kind) -> Result<(), (Task, Refused)> {
        if kind == Kind::Dedicated {
            job.leave_list(); // the end does not wait for it
        }
        // Refused: closed, or the system gives it no thread at all.
        self.submit_as(kind, job).map_err(|job| {
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

    /// The next thread's name.
    fn named(&self) -> Builder {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let mut builder = Builder::new();
        contain(|| builder = Builder::new().name((self.config.name)(number)));
        builder
    }

    /// Starts a thread; whether the system let us.
    fn start(self: &Arc<Self>) -> bool {
        let shared = self.clone();
        let Ok(handle) = start(self.named(), move || shared.work()) else { return false };
        let mut handles = lock(&self.handles);
        handles.retain(|handle| !has_ended(handle));
        handles.push(handle);
        true
    }

    /// Does what a thread that leaves jobs behind owes them.
    fn help(self: &Arc<Self>, help: Help) {
        match help {
            Help::Nothing => {}
            Help::Wake => self.work.notify_one(),
            Help::Start => {
                if !self.start() {
                    self.lock().start_failed();
                    self.changed.notify_all();
                }
            }
        }
    }

    /// Gives a job a thread of its own; gives it back if there is none.
    fn dedicate(self: &Arc<Self>, job: J) -> Result<(), J> {
        if !self.lock().dedicate() {
            return Err(job);
        }
        // In a place that both know, so that it is not lost with a thread that does not start.
        let place = Arc::new(Mutex::new(Some(job)));
        let (shared, theirs) = (self.clone(), place.clone());
        let alone = move || {
            let mut job = lock(&theirs).take();
            drop(theirs);
            shared.call(&shared.config.on_start);
            shared.ask_to_begin(&mut job);
            while let Some(now) = job.take() {
                contain(|| job = (shared.config.run)(now));
            }
            shared.call(&shared.config.on_stop);
        };
        match start(self.named(), alone) {
            Ok(_) => Ok(()), // nobody waits for it
            Err(_) => {
                self.lock().dedicated();
                self.changed.notify_all();
                lock(&place).take().map_or(Ok(()), Err)
            }
        }
    }

    /// The last thing before a dedicated job begins: if the pool was closed, it is dropped instead.
    fn ask_to_begin(&self, job: &mut Option<J>) {
        let mut state = self.lock();
        if state.is_closed() {
            drop(state);
            contain(|| drop(job.take()));
            state = self.lock();
        }
        state.dedicated();
        drop(state);
        self.changed.notify_all();
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
    fn work(self: &Arc<Self>) {
        HERE.with(|here| here.set(self.id()));
        let help = self.lock().begin();
        self.changed.notify_all();
        self.help(help);
        let mut look: fn(&mut State<J>) -> Next<J> = State::first;
        loop {
            self.call(&self.config.on_start);
            self.serve(std::mem::replace(&mut look, State::next));
            self.call(&self.config.on_stop);
            let gone = self.lock().leave();
            if gone {
                break;
            }
        }
        self.changed.notify_all();
    }

    /// Runs jobs until there is reason to stop; `look` finds the first.
    fn serve(self: &Arc<Self>, look: fn(&mut State<J>) -> Next<J>) {
        let state = self.lock();
        let mut next = self.wait_for_job(state, look);
        while let Some((lane, job, help)) = next {
            self.help(help);
            let mut again = None;
            contain(|| again = (self.config.run)(job));
            let mut state = self.lock();
            state.done(lane);
            state.requeue(lane, &mut again);
            next = self.wait_for_job(state, State::next);
            // What could not be queued again.
            contain(|| drop(again));
        }
    }

    /// The next job, slept for if need be; `None` to stop.
    fn wait_for_job<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<J>>,
        look: fn(&mut State<J>) -> Next<J>,
    ) -> Option<(Lane, J, Help)> {
        let mut next = look(&mut state);
        loop {
            let expired;
            match next {
                Next::Run(lane, job, help) => return Some((lane, job, help)),
                Next::Stop => return None,
                Next::Sleep => {
                    (state, expired) = self.wait(&self.work, state, Some(self.config.keep_alive));
                    next = state.woken(expired);
                }
                Next::Watch => {
                    (state, expired) = self.wait(&self.work, state, Some(LOOK));
                    next = state.looked(expired);
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
