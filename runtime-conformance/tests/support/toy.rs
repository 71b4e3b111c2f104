//! The smallest runtime that is right: one queue, one table of timers, and whoever is inside
//! `block_on` runs both. With a [`Fault`] it is wrong in one narrow way.
//!
//! ```text
//!  spawn, wake ──▶ ready ──┐
//!                          ├──▶ block_on: root · jobs · due timers · else wait for the bell
//!  poll_until ───▶ timers ─┘
//! ```
//!
//! # Invariants
//!
//! - **Y1** No foreign code runs under the lock: what leaves the state is woken, run or dropped after.
//! - **Y2** Whoever changes the state rings the bell, so nobody waits for what is there.
//! - **Y3** After `closed` no task is taken, and shutdown empties the queue until no task is left.

#![allow(dead_code, reason = "not every test uses every fault")]

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle as Thread};
use std::time::Duration;

use runtime_conformance::{Flavour, Harness, Subject};
use runtime_traits::hooks::{
    BlockOn, Blocking, Info, Key, Kind, Meta, Ran, Runnable, Runtime, Spawn, State, Tag, Task,
    TaskList, Timer, Why,
};
use runtime_traits::time::Instant;
use runtime_traits::{Capability, Gone, Handle, Refused};

/// How a toy is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Detached or not, tasks beyond the 64th that has not started are forgotten.
    ForgetsTasks,
    /// Wakes from other threads during a poll are discarded.
    DropsForeignWakes,
    /// Deadlines are rounded down to milliseconds.
    RoundsDown,
    /// A timer begins to wait when it is first polled.
    StartsLate,
    /// The queue stays open after shutdown.
    TakesTasksAfterTheEnd,
}

/// How many jobs run before timers and the root get their turn.
const BATCH: usize = 32;

/// What handles lead to.
pub(crate) struct Toy {
    me: Weak<Toy>,
    tag: Tag,
    tasks: TaskList,
    started: std::time::Instant,
    inner: Mutex<Inner>,
    bell: Condvar,
    fault: Option<Fault>,
}

#[derive(Default)]
struct Inner {
    ready: VecDeque<(Runnable, Why)>,
    timers: BTreeMap<u64, (Instant, Option<Waker>)>,
    last_key: u64,
    closed: bool,
}

impl Toy {
    fn new(fault: Option<Fault>) -> Arc<Toy> {
        Arc::new_cyclic(|me| Toy {
            me: me.clone(),
            tag: Tag::new(),
            tasks: TaskList::new(),
            started: std::time::Instant::now(),
            inner: Mutex::default(),
            bell: Condvar::new(),
            fault,
        })
    }

    fn handle(&self) -> Handle {
        Handle::from_arc(self.me.upgrade().expect("called through a handle or the owner"))
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The loop: everything that is ready, then sleep.
    fn run(&self, mut main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        let root = Arc::new(Root { woken: AtomicBool::new(true), toy: self.me.clone() });
        let waker = Waker::from(root.clone());
        while !self.lock().closed {
            if root.woken.swap(false, Ordering::AcqRel)
                && main.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
            {
                return Ok(());
            }
            self.run_batch();
            self.fire_due();
            self.sleep_unless(|| root.woken.load(Ordering::Acquire));
        }
        Err(Refused::SHUT_DOWN)
    }

    fn run_batch(&self) {
        for _ in 0..BATCH {
            let Some((job, _)) = self.lock().ready.pop_front() else { return };
            if let Ran::Yielded(job) = job.run() {
                self.lock().ready.push_back((job, Why::Woken));
            }
        }
    }

    fn fire_due(&self) {
        let now = self.now();
        let due: Vec<Waker> = {
            let mut inner = self.lock();
            let due = inner.timers.values_mut().filter(|(at, _)| *at <= now);
            due.filter_map(|(_, waker)| waker.take()).collect()
        };
        due.into_iter().for_each(Waker::wake);
    }

    /// Waits for the bell or the next deadline, unless there is work.
    fn sleep_unless(&self, woken: impl Fn() -> bool) {
        let inner = self.lock();
        if woken() || !inner.ready.is_empty() || inner.closed {
            return;
        }
        let armed = inner.timers.values().filter(|(_, waker)| waker.is_some());
        let left = armed.map(|(at, _)| *at - self.now()).min();
        let left = left.unwrap_or(Duration::from_secs(3600));
        drop(self.bell.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner));
    }

    /// Ends it, on the thread that owns it, after its other threads.
    fn close(&self, lent: Option<Thread<()>>) {
        let timers = {
            let mut inner = self.lock();
            inner.closed = true;
            std::mem::take(&mut inner.timers)
        };
        self.bell.notify_all();
        if let Some(thread) = lent {
            thread.join().expect("the lent thread runs a loop that contains panics");
        }
        timers.into_values().filter_map(|(_, waker)| waker).for_each(Waker::wake);
        self.tasks.close_all();
        while let Some(job) = { self.lock().ready.pop_front() } {
            drop(job);
        }
    }

    fn forgets(&self, why: Why) -> bool {
        let new = |(_, why): &&(Runnable, Why)| *why == Why::Spawned;
        self.has(Fault::ForgetsTasks)
            && why == Why::Spawned
            && self.lock().ready.iter().filter(new).count() >= 64
    }
}

/// Wakes the root future of one `block_on`.
struct Root {
    woken: AtomicBool,
    toy: Weak<Toy>,
}

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        if let Some(toy) = self.toy.upgrade() {
            // Taking the lock puts this either before the sleeper's look or into its sleep (Y2).
            drop(toy.lock());
            toy.bell.notify_all();
        }
    }
}

impl Runtime for Toy {
    fn tag(&self) -> &Tag {
        &self.tag
    }

    fn info(&self) -> Info {
        let state = if self.lock().closed { State::ShutDown } else { State::Running };
        Info::new("toy").with_state(state)
    }

    fn spawner(&self) -> &dyn Spawn {
        self
    }

    fn timer(&self) -> Option<&dyn Timer> {
        Some(self)
    }

    fn block_on(&self) -> Option<&dyn BlockOn> {
        Some(self)
    }

    fn blocking(&self) -> Option<&dyn Blocking> {
        Some(self)
    }
}

/// A thread for each job: no pool is simpler, or easier to get right.
impl Blocking for Toy {
    fn spawn(&self, job: Task, _kind: Kind) -> Result<(), (Task, Refused)> {
        if self.lock().closed {
            return Err((job, Refused::SHUT_DOWN));
        }
        thread::spawn(move || _ = job.into_runnable().run());
        Ok(())
    }
}

impl Spawn for Toy {
    fn schedule(&self, job: Runnable, why: Why) {
        if self.forgets(why) {
            return std::mem::forget(job);
        }
        self.lock().ready.push_back((job, why));
        self.bell.notify_all();
    }

    fn spawn(&self, task: Task) -> Result<(), (Task, Refused)> {
        if self.lock().closed && !self.has(Fault::TakesTasksAfterTheEnd) {
            return Err((task, Refused::SHUT_DOWN));
        }
        let task = if self.has(Fault::DropsForeignWakes) { self.host(task) } else { task };
        self.schedule(task.into_runnable(), Why::Spawned);
        Ok(())
    }

    fn tasks(&self) -> Option<&TaskList> {
        Some(&self.tasks)
    }
}

impl Toy {
    /// `task` inside a task that filters its wakes.
    fn host(&self, task: Task) -> Task {
        let filtered = Filtered { task, filter: None };
        let (outer, join) = Task::new(self.handle(), Meta::new(None), filtered)
            .unwrap_or_else(|missing| panic!("{missing}"));
        drop(join);
        outer
    }
}

/// Polls a task with a waker that is deaf to other threads during the poll.
struct Filtered {
    task: Task,
    filter: Option<Arc<Filter>>,
}

struct Filter {
    to: Waker,
    polled_by: Mutex<Option<thread::ThreadId>>,
}

impl Wake for Filter {
    fn wake(self: Arc<Self>) {
        let polled_by = *self.polled_by.lock().unwrap();
        if polled_by.is_none_or(|thread| thread == thread::current().id()) {
            self.to.wake_by_ref();
        }
    }
}

impl Future for Filtered {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let to = cx.waker().clone();
        let new = || Arc::new(Filter { to, polled_by: Mutex::new(None) });
        let filter = self.filter.get_or_insert_with(new).clone();
        *filter.polled_by.lock().unwrap() = Some(thread::current().id());
        let waker = Waker::from(filter.clone());
        let polled = Pin::new(&mut self.task).poll(&mut Context::from_waker(&waker));
        *filter.polled_by.lock().unwrap() = None;
        polled
    }
}

impl BlockOn for Toy {
    fn block_on(&self, main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        self.run(main)
    }
}

impl Timer for Toy {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.started.elapsed().as_nanos() as u64)
    }

    fn poll_until(
        &self,
        key: &mut Key,
        at: Instant,
        _slack: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        let waker = cx.waker().clone();
        let mut inner = self.lock();
        if inner.closed {
            key.take();
            return Poll::Ready(Err(Gone));
        }
        let (at, now) = self.fault_of_the_clock(at, key);
        if now >= at {
            let entry = inner.timers.remove(&key.take().raw());
            drop(inner);
            drop(entry);
            return Poll::Ready(Ok(()));
        }
        if key.is_none() {
            inner.last_key += 1;
            *key = Key::from_raw(inner.last_key);
        }
        let old = inner.timers.insert(key.raw(), (at, Some(waker)));
        drop(inner);
        self.bell.notify_all();
        drop(old);
        Poll::Pending
    }

    fn forget(&self, key: &mut Key) {
        let entry = self.lock().timers.remove(&key.take().raw());
        drop(entry);
    }
}

impl Toy {
    /// The deadline and the time, as a toy with or without fault sees them.
    fn fault_of_the_clock(&self, at: Instant, key: &Key) -> (Instant, Instant) {
        let down = |at: Instant| Instant::from_nanos(at.as_nanos() / 1_000_000 * 1_000_000);
        let now = self.now();
        match self.fault {
            Some(Fault::RoundsDown) => (down(at), now),
            Some(Fault::StartsLate) if key.is_none() => {
                (at.max(now + Duration::from_millis(1)), now)
            }
            _ => (at, now),
        }
    }
}

/// A toy and its owner.
pub(crate) struct Owner {
    toy: Arc<Toy>,
    lent: Option<Thread<()>>,
}

impl Owner {
    pub(crate) fn new(flavour: Flavour, fault: Option<Fault>) -> Owner {
        let toy = Toy::new(fault);
        let lend = |toy: Arc<Toy>| {
            move || {
                let refused = toy.handle().enter(|| toy.run(std::pin::pin!(pending())));
                assert!(refused.is_err(), "`pending` was ready");
            }
        };
        let lent = (flavour == Flavour::Lent).then(|| thread::spawn(lend(toy.clone())));
        Owner { toy, lent }
    }
}

impl Subject for Owner {
    fn handle(&self) -> Handle {
        self.toy.handle()
    }

    fn shutdown(mut self: Box<Self>) {
        self.toy.close(self.lent.take());
    }
}

/// How a toy is built.
pub(crate) struct ToyHarness<F> {
    build: F,
    absent: &'static [Capability],
}

impl ToyHarness<fn(Flavour) -> Box<dyn Subject>> {
    /// Without fault.
    pub(crate) fn correct() -> Self {
        ToyHarness { build: |flavour| Box::new(Owner::new(flavour, None)), absent: &[] }
    }
}

impl<F: Fn(Flavour) -> Box<dyn Subject>> ToyHarness<F> {
    /// As `build` says, and declared to lack something, so that skipping is seen to work.
    pub(crate) fn new(build: F) -> Self {
        ToyHarness { build, absent: &[Capability::Blocking] }
    }
}

impl<F: Fn(Flavour) -> Box<dyn Subject>> Harness for ToyHarness<F> {
    fn name(&self) -> &str {
        "toy"
    }

    fn flavours(&self) -> &[Flavour] {
        &[Flavour::Current, Flavour::Lent]
    }

    fn build(&self, flavour: Flavour) -> Box<dyn Subject> {
        (self.build)(flavour)
    }

    fn absent(&self, _: Flavour) -> &[Capability] {
        self.absent
    }
}
