//! The state of one runtime, as its workers, its handles and its owner share it.
//!
//! ```text
//!   Runtime (owner) ──▶ Shared ◀── Seat (one per worker) ◀── Handle in every task
//!                         │
//!      injector · stealers · Idle · Driver · Pool · TaskList · homes
//! ```
//!
//! Threads hold `Shared`, `Shared` holds no thread: those belong to the owner, which joins them.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use runtime_traits::hooks::{
    Drive, Home, LocalList, LocalRunnable, Runnable, State, Tag, Task, TaskList,
};

use crate::driver::Driver;
use crate::idle::{Idle, TICK};
use crate::injector::Injector;
use crate::local::{Mailbox, Unsettled};
use crate::mutants;
use crate::parker::Parker;
use crate::pool::Pool;
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::*, fence};
use crate::sync::deque::{Steal, Stealer, Worker as Queue};
use crate::sync::{Condvar, Mutex, lock, thread, wait_timeout};
use crate::worker;

/// See the file's head.
pub(crate) struct Shared {
    pub(crate) tag: Tag,
    pub(crate) driver: Driver,
    pub(crate) pool: Pool<Task>,
    pub(crate) tasks: TaskList,
    pub(crate) idle: Idle,
    pub(crate) stations: Box<[Station]>,
    /// Jobs from outside of any worker.
    injector: Injector,
    /// Local tasks that are nobody's yet.
    pub(crate) unsettled: Unsettled,
    state: AtomicU8,
    /// Stations without a thread, and those who wait for one.
    vacant: Mutex<Vec<(usize, Queue<Runnable>)>>,
    vacated: Condvar,
    /// One of them sleeps without a tick.
    is_dozing: AtomicBool,
    pub(crate) threads_are_ours: bool,
}

/// What the world knows of one worker.
pub(crate) struct Station {
    pub(crate) parker: Parker,
    stealer: Stealer<Runnable>,
    /// Local jobs, from other threads.
    pub(crate) mailbox: Mailbox,
    /// Local tasks of the thread that works here.
    pub(crate) locals: LocalList,
    /// Those that were nobody's when they were spawned.
    pub(crate) settled: TaskList,
    pub(crate) counts: Counts,
}

/// What a worker counts. Written by it alone.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Counts {
    pub(crate) polls: AtomicU64,
    pub(crate) steals: AtomicU64,
    pub(crate) parks: AtomicU64,
}

impl Counts {
    /// Adds one, for the only writer.
    #[inline]
    pub(crate) fn bump(figure: &AtomicU64) {
        figure.store(figure.load(Relaxed) + 1, Relaxed);
    }
}

impl Shared {
    pub(crate) fn new(
        workers: usize,
        threads_are_ours: bool,
        driver: Driver,
        pool: Pool<Task>,
    ) -> Shared {
        let queues: Vec<_> = (0..workers).map(|_| Queue::new_fifo()).collect();
        let stations = queues.iter().map(|queue| Station::new(queue.stealer())).collect();
        Shared {
            tag: Tag::new(),
            driver,
            pool,
            tasks: TaskList::new(),
            idle: Idle::new(workers),
            stations,
            injector: Injector::default(),
            unsettled: Unsettled::default(),
            state: AtomicU8::new(RUNNING),
            vacant: Mutex::new(queues.into_iter().enumerate().collect()),
            vacated: Condvar::new(),
            is_dozing: AtomicBool::new(false),
            threads_are_ours,
        }
    }

    // ── scheduling ──────────────────────────────────────────────────────────────────────────

    /// Puts a job on a queue and sees that somebody runs it.
    pub(crate) fn push(&self, job: Runnable) {
        let Err(job) = worker::push_here(self, job) else { return };
        self.injector.push(job);
        self.announce();
    }

    /// A job from outside is there.
    fn announce(&self) {
        // Pairs with the fence in `finish`: either it drains this job, or we see that it has.
        fence(SeqCst);
        match self.state.load(SeqCst) {
            ENDED => self.drop_late(),
            STOPPED => {} // whoever ends the runtime drops it; this may be a `wake` under a lock
            _ => self.call_somebody(),
        }
    }

    /// Wakes a sleeper to work, if that is needed.
    pub(crate) fn call_somebody(&self) {
        if let Some(worker) = self.idle.call() {
            self.unpark(worker);
        }
    }

    pub(crate) fn unpark(&self, worker: usize) {
        self.stations[worker].parker.unpark(|| self.driver.notify());
    }

    /// A job of somebody else's: from outside first, then from the other workers.
    pub(crate) fn steal(&self, thief: usize, into: &Queue<Runnable>) -> Option<Runnable> {
        if let Some(job) = self.take_injected(into) {
            return Some(job);
        }
        let others = self.stations.len();
        (1..others).map(|step| (thief + step) % others).find_map(|victim| {
            if self.stations[victim].keeps_its_own() {
                return None;
            }
            let job = taken(|| self.stations[victim].stealer.steal_batch_and_pop(into))?;
            Counts::bump(&self.stations[thief].counts.steals);
            Some(job)
        })
    }

    /// A job from outside, and some more into the queue.
    pub(crate) fn take_injected(&self, into: &Queue<Runnable>) -> Option<Runnable> {
        self.injector.pop_batch(into)
    }

    /// Whether any queue holds a job.
    pub(crate) fn has_work(&self) -> bool {
        let has_some = |s: &Station| !s.stealer.is_empty() && !s.keeps_its_own();
        !self.injector.is_empty() || self.unsettled.has_some() || self.stations.iter().any(has_some)
    }

    /// Tasks that are neither finished nor dropped.
    pub(crate) fn tasks_alive(&self) -> usize {
        // In the order in which a task that ends may have spawned one, and that may have been settled.
        let elsewhere = self.tasks.len() + self.unsettled.alive();
        let local = |station: &Station| station.locals.len() + station.settled.len();
        elsewhere + self.stations.iter().map(local).sum::<usize>()
    }

    pub(crate) fn queue_depth(&self) -> usize {
        self.injector.len() + self.stations.iter().map(|s| s.stealer.len()).sum::<usize>()
    }

    /// Takes a local task that is nobody's.
    pub(crate) fn push_unsettled(&self, job: LocalRunnable) {
        self.unsettled.push(job);
        self.announce();
    }

    // ── local jobs ──────────────────────────────────────────────────────────────────────────

    /// Puts a local job on its home's queue and wakes the home.
    #[inline]
    pub(crate) fn push_local(&self, home: Home, job: LocalRunnable) {
        let home = home.0 as usize;
        if let Err(job) = worker::push_local_here(self, home, job) {
            self.post_local(home, job);
        }
    }

    /// The same from elsewhere.
    #[cold]
    fn post_local(&self, home: usize, job: LocalRunnable) {
        let Some(station) = self.stations.get(home) else { return job.leak() };
        let is_first = station.mailbox.post(job);
        let never_parked = || station.counts.parks.load(Relaxed) == 0;
        if !mutants::lets_sleep(|| !(is_first && never_parked())) {
            self.unpark(home);
        }
    }

    // ── stations ────────────────────────────────────────────────────────────────────────────

    /// Takes a station that has no thread.
    pub(crate) fn take_station(&self) -> Option<(usize, Queue<Runnable>)> {
        lock(&self.vacant).pop()
    }

    /// Gives a station back, its jobs to the injector.
    pub(crate) fn vacate(&self, station: usize, queue: Queue<Runnable>) {
        let mut handed_over = false;
        while let Some(job) = queue.pop() {
            self.injector.push(job);
            handed_over = true;
        }
        lock(&self.vacant).push((station, queue));
        self.vacated.notify_all();
        if handed_over {
            self.call_somebody();
        }
        fence(SeqCst);
        if self.is_stopped() {
            self.drain_injector();
        }
    }

    /// Sleeps until a station may be vacant, or `ready` says so.
    ///
    /// Whoever works may be in a long poll meanwhile, and timers and sockets unattended. So the
    /// sleeper ticks, and takes a short turn of the driver if at a tick nobody lies there. When
    /// somebody did for a whole tick it dozes, and is roused by who leaves the driver.
    pub(crate) fn wait_for_station(&self, ready: impl Fn() -> bool) {
        let mut vacant = lock(&self.vacant);
        let mut quiet = false;
        while vacant.is_empty() && !ready() {
            let turns = self.idle.turns();
            // Set before the look: whoever leaves the driver later sees it, and has to wait for the
            // lock that we hold until we sleep. Not cleared: that would be others' too.
            self.is_dozing.fetch_or(quiet, SeqCst);
            if quiet && !self.idle.driver_is_free() {
                vacant = self.vacated.wait(vacant).unwrap_or_else(PoisonError::into_inner);
                quiet = false;
                continue;
            }
            let (locked, timed_out) = wait_timeout(&self.vacated, &self.vacant, vacant, TICK);
            vacant = locked;
            let is_free = self.idle.driver_is_free();
            quiet = timed_out && !is_free && self.idle.turns() == turns;
            if timed_out && is_free {
                drop(vacant);
                self.look_after_driver();
                vacant = lock(&self.vacant);
            }
        }
    }

    /// A short turn of the driver, if nobody lies there.
    pub(crate) fn look_after_driver(&self) {
        if self.idle.driver_is_free() {
            // An error of the poller itself (out of memory): the next one tries again.
            let _ = self.driver.turn(Some(Duration::ZERO));
        }
    }

    /// Has those who wait for a station look after the driver, which is left.
    pub(crate) fn rouse_dozing(&self) {
        if self.is_dozing.load(SeqCst) && self.is_dozing.swap(false, SeqCst) {
            self.rouse_waiting();
        }
    }

    /// Ends [`wait_for_station`](Shared::wait_for_station) for those who became ready.
    pub(crate) fn rouse_waiting(&self) {
        drop(lock(&self.vacant));
        self.vacated.notify_all();
    }

    // ── the end ─────────────────────────────────────────────────────────────────────────────

    pub(crate) fn state(&self) -> State {
        match self.state.load(Acquire) {
            RUNNING => State::Running,
            DRAINING => State::Draining,
            _ => State::ShutDown,
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.state.load(SeqCst) >= STOPPED
    }

    /// New tasks are refused from now on.
    pub(crate) fn drain(&self) {
        let _ = self.state.compare_exchange(RUNNING, DRAINING, SeqCst, SeqCst);
    }

    /// Workers leave at their next step; waiters outside learn that the runtime ended.
    pub(crate) fn stop(&self) {
        self.state.fetch_max(STOPPED, SeqCst);
        for worker in 0..self.stations.len() {
            self.unpark(worker);
        }
        self.rouse_waiting();
    }

    /// Drops every task that no worker holds. Called when workers have left, or leave soon.
    pub(crate) fn drop_tasks(&self) {
        self.tasks.close_all();
        self.drain_injector();
        self.driver.shutdown();
    }

    /// From now on nobody comes by to drop what a late wake brings.
    pub(crate) fn finish(&self) {
        self.state.store(ENDED, SeqCst);
        fence(SeqCst); // pairs with the one in `push`
        self.drain_injector();
    }

    /// Drops jobs that nobody comes by for any more: their wake was under way when the runtime ended.
    ///
    /// On a thread of their own: who wakes may hold a lock that their destructors want. (If the system
    /// has no thread left, here.)
    #[cold]
    fn drop_late(&self) {
        while let Some(job) = self.injector.pop() {
            let _ = thread::Builder::new().spawn(move || drop(job));
        }
        self.unsettled.drain(|job| _ = thread::Builder::new().spawn(move || drop(job)));
    }

    /// Drops what is left in the injector: cancels those tasks, here.
    pub(crate) fn drain_injector(&self) {
        while let Some(job) = self.injector.pop() {
            drop(job);
        }
        self.unsettled.drain(drop);
    }
}

const RUNNING: u8 = 0;
const DRAINING: u8 = 1;
const STOPPED: u8 = 2;
const ENDED: u8 = 3;

impl Station {
    fn new(stealer: Stealer<Runnable>) -> Station {
        Station {
            parker: Parker::default(),
            stealer,
            mailbox: Mailbox::default(),
            locals: LocalList::new(),
            settled: TaskList::new(),
            counts: Counts::default(),
        }
    }

    /// (A fault: nobody else may have the jobs that this worker has.)
    fn keeps_its_own(&self) -> bool {
        const KEEPS: &str = "no-stealing";
        mutants::is_chosen(KEEPS) && !self.stealer.is_empty() && mutants::on(KEEPS)
    }
}

/// Tries until it is clear whether there was something.
fn taken(mut steal: impl FnMut() -> Steal<Runnable>) -> Option<Runnable> {
    loop {
        match steal() {
            Steal::Success(job) => return Some(job),
            Steal::Empty => return None,
            Steal::Retry => std::hint::spin_loop(),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Jobs hold handles, and handles hold this: nothing is left in any queue.
        debug_assert!(!self.has_work());
    }
}

/// For those who keep it.
pub(crate) type SharedRef = Arc<Shared>;
