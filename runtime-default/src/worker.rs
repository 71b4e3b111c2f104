//! A thread at work: takes jobs, runs them, lies down when there are none.
//!
//! ```text
//!        ┌──────────────▶ root, if woken
//!        │                local jobs, own queue        (every 61 jobs: driver, injector)
//!        │                nobody's local jobs
//!        │                   │ empty
//!        │                search: injector, other workers
//!        │                   │ nothing
//!        └── get up ◀──── lie down ──▶ look once more ──▶ sleep in the bed
//! ```
//!
//! Who the thread is comes from the outside: a thread of the runtime's own, one that is lent
//! ([`Runtime::run`](crate::Runtime::run)), or one inside `block_on` of a current-thread runtime. The
//! last two bring a *root*: a future that this thread alone polls, and with whose end they leave.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use runtime_traits::Handle;
use runtime_traits::hooks::{LocalList, LocalRunnable, Ran, Runnable};

use crate::budget;
use crate::idle::{Bed, TICK, Watch};
use crate::local::LocalQueue;
use crate::mutants;
use crate::seat::Seat;
use crate::shared::{Counts, Shared, SharedRef, Station};
use crate::sync::atomic::{AtomicBool, Ordering::SeqCst};
use crate::sync::deque::Worker as Queue;
use crate::sync::thread_local;

/// After so many jobs a busy worker looks at the driver and the injector.
#[cfg(not(shuttle))]
const LOOK_AROUND: u32 = 61;
#[cfg(shuttle)]
const LOOK_AROUND: u32 = 3;

thread_local! {
    /// The worker that this thread is, innermost first.
    static HERE: RefCell<Option<Rc<Worker>>> = const { RefCell::new(None) };
}

/// See the file's head. Never leaves its thread.
pub(crate) struct Worker {
    shared: SharedRef,
    index: usize,
    queue: Queue<Runnable>,
    local: LocalQueue,
    /// The station's list of local tasks was opened, for the first of them.
    is_home: Cell<bool>,
    jobs: Cell<u32>,
    /// Inside a turn of the driver: what is woken there is announced afterwards, together.
    in_turn: Cell<bool>,
    /// Counted as searching.
    searching: Cell<bool>,
    /// What this thread was before.
    outer: Option<Rc<Worker>>,
}

/// Pushes on this thread's queue, if it is a worker of `shared`.
#[inline]
pub(crate) fn push_here(shared: &Shared, job: Runnable) -> Result<(), Runnable> {
    let mut job = Some(job);
    let _ = HERE.try_with(|here| {
        if let Some(worker) = &*here.borrow() {
            if std::ptr::eq(&*worker.shared, shared) {
                job.take().into_iter().for_each(|job| worker.push(job));
            }
        }
    });
    job.map_or(Ok(()), Err)
}

/// Pushes on this thread's local queue, if it is that worker; also further out.
#[inline]
pub(crate) fn push_local_here(
    shared: &Shared,
    index: usize,
    job: LocalRunnable,
) -> Result<(), LocalRunnable> {
    let mut job = Some(job);
    let _ = HERE.try_with(|here| {
        let here = here.borrow();
        let mut worker = here.as_ref();
        while let Some(inner) = worker {
            if inner.index == index && std::ptr::eq(&*inner.shared, shared) {
                return job.take().into_iter().for_each(|job| inner.local.push(job));
            }
            worker = inner.outer.as_ref();
        }
    });
    job.map_or(Ok(()), Err)
}

/// This thread's station and the list of its local tasks, if it is a worker of `shared`.
#[inline]
pub(crate) fn home_here(shared: &Shared) -> Option<(usize, &LocalList)> {
    let index = HERE.try_with(|here| match &*here.borrow() {
        Some(worker) if std::ptr::eq(&*worker.shared, shared) => {
            worker.become_home();
            Some(worker.index)
        }
        _ => None,
    });
    let index = index.ok()??;
    Some((index, &shared.stations[index].locals))
}

/// The station of this thread in `shared`, if it is a worker of it.
pub(crate) fn station_here(shared: &Shared) -> Option<usize> {
    let index = HERE.try_with(|here| {
        let here = here.borrow();
        let worker = here.as_ref().filter(|worker| std::ptr::eq(&*worker.shared, shared))?;
        Some(worker.index)
    });
    index.ok().flatten()
}

/// Whether this thread is that worker.
pub(crate) fn is_here(shared: &Shared, index: usize) -> bool {
    station_here(shared) == Some(index)
}

/// Whether this thread may become a worker: it may not in a thread-local destructor that runs after that
/// of `HERE`.
pub(crate) fn may_work() -> bool {
    HERE.try_with(|_| ()).is_ok()
}

/// Whether this thread is inside a worker of `shared`, also further out.
pub(crate) fn is_inside(shared: &Shared) -> bool {
    let inside = HERE.try_with(|here| {
        let here = here.borrow();
        let mut worker = here.as_ref();
        while let Some(inner) = worker {
            if std::ptr::eq(&*inner.shared, shared) {
                return true;
            }
            worker = inner.outer.as_ref();
        }
        false
    });
    inside.unwrap_or(false)
}

/// What a lent thread came for.
pub(crate) struct Root<'a> {
    pub(crate) future: Pin<&'a mut dyn Future<Output = ()>>,
    pub(crate) signal: Arc<Signal>,
}

/// Wakes the root of a worker.
pub(crate) struct Signal {
    woken: AtomicBool,
    shared: SharedRef,
    index: usize,
}

impl Signal {
    pub(crate) fn new(shared: SharedRef, index: usize) -> Arc<Signal> {
        Arc::new(Signal { woken: AtomicBool::new(true), shared, index })
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, SeqCst) && !is_here(&self.shared, self.index) {
            self.shared.unpark(self.index);
        }
    }
}

/// Works at a station until the runtime stops (`None`), or the root is ready.
///
/// `true`: the root was ready. The station is vacated also when the root panics.
pub(crate) fn work(
    shared: &SharedRef,
    (index, queue): (usize, Queue<Runnable>),
    root: Option<Root<'_>>,
) -> bool {
    let outer = HERE.with(|here| here.borrow_mut().take());
    let worker = Rc::new(Worker {
        shared: shared.clone(),
        index,
        queue,
        local: LocalQueue::default(),
        is_home: Cell::new(false),
        jobs: Cell::new(0),
        in_turn: Cell::new(false),
        searching: Cell::new(false),
        outer,
    });
    worker.station().parker.take();
    shared.idle.joined();
    HERE.with(|here| *here.borrow_mut() = Some(worker.clone()));
    let leave = Leave(Some(worker));
    leave.0.as_ref().is_some_and(|worker| worker.run(root))
}

/// Leaves the station, on every way out.
struct Leave(Option<Rc<Worker>>);

impl Drop for Leave {
    fn drop(&mut self) {
        let Some(worker) = self.0.take() else { return };
        worker.drop_local_tasks();
        worker.found(); // whoever called us to work relies on somebody
        worker.shared.idle.left();
        let mine = HERE.with(|here| here.replace(worker.outer.clone()));
        drop(mine);
        // This thread's own reference was the other one.
        let Some(Worker { shared, index, queue, .. }) = Rc::into_inner(worker) else { return };
        shared.vacate(index, queue);
    }
}

impl Worker {
    fn station(&self) -> &Station {
        &self.shared.stations[self.index]
    }

    /// Opens the list of local tasks, the first time.
    #[inline]
    fn become_home(&self) {
        if !self.is_home.get() {
            self.open_home();
        }
    }

    /// They borrow the handle that is current, unless that is another runtime's.
    #[cold]
    fn open_home(&self) {
        self.is_home.set(true);
        let ours = |handle: &Handle| std::ptr::eq(handle.runtime().tag(), &self.shared.tag);
        let current = Handle::try_current().ok().filter(ours);
        let handle = current.unwrap_or_else(|| Seat::handle(&self.shared));
        self.station().locals.open(handle);
    }

    fn run(&self, mut root: Option<Root<'_>>) -> bool {
        let waker = root.as_ref().map(|root| Waker::from(root.signal.clone()));
        loop {
            if let (Some(root), Some(waker)) = (&mut root, &waker) {
                // Looked at before it is written to: most often it is not set.
                if root.signal.woken.load(SeqCst) && root.signal.woken.swap(false, SeqCst) {
                    self.found(); // its poll may take long, and others rely on those who search
                    if poll_root(root, waker).is_ready() {
                        return true;
                    }
                }
            }
            if self.shared.is_stopped() || mutants::ends_here() {
                return false;
            }
            // One job for each look at the root: they alternate.
            if !self.run_one() {
                self.sleep(root.as_ref());
            }
        }
    }

    /// Runs one job; `false` if there was none anywhere.
    #[inline]
    fn run_one(&self) -> bool {
        self.look_around();
        // Local jobs and others take turns, so that neither kind starves the other.
        let local_first = self.jobs.get() % 2 == 0;
        local_first && self.run_local() || self.run_shared() || !local_first && self.run_local()
    }

    fn run_local(&self) -> bool {
        self.station().mailbox.take(&self.local);
        let Some(job) = self.next_local() else { return false };
        self.local.overlook(|| self.station().mailbox.has_some());
        self.found();
        if let Ran::Yielded(job) = self.count(|| job.run()) {
            self.local.push(job);
        }
        true
    }

    /// Those that are ours and those that are nobody's yet take turns, two jobs each, for every other job
    /// may be a shared one; the latter are never put in a queue of ours (see `local`).
    #[inline]
    fn next_local(&self) -> Option<LocalRunnable> {
        let take_in = || self.shared.unsettled.take_in();
        if self.jobs.get() % 4 < 2 {
            take_in().or_else(|| self.local.pop())
        } else {
            self.local.pop().or_else(take_in)
        }
    }

    fn has_local(&self) -> bool {
        !self.local.is_empty() || self.station().mailbox.has_some()
    }

    #[inline]
    fn run_shared(&self) -> bool {
        // Others' work is looked for when there is none of one's own.
        let search = || if self.has_local() { None } else { self.search() };
        let Some(job) = self.queue.pop().or_else(search) else { return false };
        self.found();
        if let Ran::Yielded(job) = self.count(|| job.run()) {
            self.queue.push(job);
        }
        true
    }

    #[inline]
    fn count<R>(&self, poll: impl FnOnce() -> R) -> R {
        Counts::bump(&self.station().counts.polls);
        budget::with_full(poll)
    }

    /// Every so many jobs: events, timers and jobs from outside must not starve.
    fn look_around(&self) {
        let jobs = self.jobs.get().wrapping_add(1);
        self.jobs.set(jobs);
        if jobs % LOOK_AROUND != 0 {
            return;
        }
        self.look_at_driver();
        if let Some(job) = self.take_injected() {
            self.queue.push(job);
        }
    }

    /// Locks and a system call. (Not inlined: `tests/single_step.rs` tells it by its name.)
    #[inline(never)]
    fn look_at_driver(&self) {
        if self.shared.idle.driver_is_free() {
            self.turn(Some(Duration::ZERO), always);
        }
    }

    /// A job of somebody else's.
    fn search(&self) -> Option<Runnable> {
        if !self.searching.get() {
            if !self.shared.idle.start_search() {
                return self.take_injected();
            }
            self.searching.set(true);
        }
        self.shared.steal(self.index, &self.queue)
    }

    /// Jobs from outside, by one who is not counted as searching. Whoever was called for them may find
    /// the injector empty, so others are called for those that are on this worker's queue now.
    fn take_injected(&self) -> Option<Runnable> {
        let job = self.shared.take_injected(&self.queue)?;
        if !self.queue.is_empty() {
            self.shared.call_somebody();
        }
        Some(job)
    }

    /// Work was found: the last searcher sees to it that the next one is called, if there is more.
    #[inline]
    fn found(&self) {
        if self.searching.get() {
            self.leave_search();
        }
    }

    #[cold]
    fn leave_search(&self) {
        self.searching.set(false);
        if self.shared.idle.end_search() && self.shared.has_work() {
            self.shared.call_somebody();
        }
    }

    /// Puts a job on this worker's queue.
    fn push(&self, job: Runnable) {
        self.queue.push(job);
        if self.in_turn.get() {
            return;
        }
        // A single job will be run when this poll returns; a sleeper who ticks looks after it.
        if self.queue.len() > 1 || !self.shared.idle.is_watched() {
            self.shared.call_somebody();
        }
    }

    /// One turn of the driver, if it is still `wanted` when it could begin. What it woke is on this
    /// worker's queue then.
    fn turn(&self, at_most: Option<Duration>, wanted: impl Fn() -> bool) {
        self.in_turn.set(true);
        // An error of the poller itself (out of memory): the next turn tries again.
        let _ = self.shared.driver.turn_if(at_most, wanted);
        self.in_turn.set(false);
        if self.queue.len() > 1 {
            self.shared.call_somebody();
        }
    }

    // ── sleeping ────────────────────────────────────────────────────────────────────────────

    fn sleep(&self, root: Option<&Root<'_>>) {
        mutants::before_sleep();
        if self.searching.replace(false) && self.shared.idle.end_search() && self.last_look() {
            return self.search_on(); // pushed while we were the last to search: nobody was called
        }
        let (bed, limit) = self.shared.idle.lie_down(self.index);
        // Announced; now the last look (I1 of `idle`), unless others will look after us (I2).
        let mut work = !self.shared.idle.is_searched() && self.last_look();
        if !work && !self.must_wake(root) {
            Counts::bump(&self.station().counts.parks);
            work = self.lie_in(bed, limit, root);
        }
        let (called, rouse) = self.shared.idle.get_up(self.index, bed);
        self.searching.set(called);
        if bed == Bed::Driver {
            self.shared.rouse_dozing();
        }
        if let Some(sleeper) = rouse {
            self.shared.unpark(sleeper);
        }
        if work && !called {
            self.search_on();
        }
    }

    /// Whether there is work, before a sleep. (A fault: it is not seen.)
    fn last_look(&self) -> bool {
        self.shared.has_work() && !mutants::overlooks_work()
    }

    /// There is work that nobody else may know of. Counted as searching, we call others before
    /// anything else that may take long (see `found`).
    fn search_on(&self) {
        self.searching.set(self.shared.idle.start_search());
    }

    /// Sleeps; `true` if there is work in somebody else's queue.
    fn lie_in(&self, bed: Bed, limit: Option<Duration>, root: Option<&Root<'_>>) -> bool {
        let parker = &self.station().parker;
        match bed {
            Bed::Driver => parker.drive(|| self.turn(limit, || parker.is_driving())),
            Bed::Deep => {
                parker.park(None);
                return self.watch(root); // if it was made the sentinel meanwhile
            }
            Bed::Sentinel => return self.watch(root),
        }
        false
    }

    /// Sleeps tick by tick while somebody works, and until called when nobody does. `true`: a tick
    /// found work.
    fn watch(&self, root: Option<&Root<'_>>) -> bool {
        let mut turns = usize::MAX;
        let mut limit = Some(TICK);
        // Looked at before each sleep: one notification may stand for several.
        while self.shared.idle.is_sentinel(self.index) && !self.must_wake(root) {
            let notified = self.station().parker.park(limit);
            limit = Some(TICK);
            if notified {
                continue; // roused from a doze, or one of the above
            }
            if self.shared.has_work() {
                return true;
            }
            match self.shared.idle.watch(&mut turns) {
                Watch::GetUp => return false,
                Watch::Doze => limit = None,
                Watch::Tick => {}
            }
        }
        false
    }

    /// Whether there is something that only this thread can do.
    fn must_wake(&self, root: Option<&Root<'_>>) -> bool {
        self.shared.is_stopped()
            || self.has_local()
            || root.is_some_and(|root| root.signal.woken.load(SeqCst))
    }

    /// Local tasks live as long as their thread works here. The list of one that another thread is
    /// waking just now cannot be closed until that job has come.
    fn drop_local_tasks(&self) {
        let Station { locals, settled, mailbox, .. } = self.station();
        loop {
            locals.cancel_all();
            settled.cancel_all();
            self.local.look();
            mailbox.take(&self.local);
            while let Some(job) = self.local.pop() {
                drop(job);
            }
            let is_empty = locals.is_empty() && settled.is_empty() && !self.has_local();
            if is_empty && self.is_closed() {
                return;
            }
            crate::sync::thread::yield_now();
        }
    }

    /// Closes the list, if it is open.
    fn is_closed(&self) -> bool {
        !self.is_home.get() || self.station().locals.close().is_some()
    }
}

/// A turn that is wanted whatever happens.
fn always() -> bool {
    true
}

fn poll_root(root: &mut Root<'_>, waker: &Waker) -> Poll<()> {
    let mut cx = Context::from_waker(waker);
    budget::with_full(|| root.future.as_mut().poll(&mut cx))
}
