//! A scheduler on top of another runtime's, so that the order of jobs can be chosen over any of them.
//!
//! ```text
//!  spawn, wake ──▶ Order ──▶ pump, pump, … : tasks of the runtime beneath, one job a poll each
//! ```
//!
//! A pump gives way after each job, so the runtime beneath sees to timers, I/O and its own tasks as it
//! always does; local tasks, the root and blocking closures stay there. The pumps end with that
//! runtime, and the last thing they do is to close the list and drop the queue.
//!
//! No foreign code runs under the lock.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use runtime_conformance::twist::Twist;
use runtime_traits::hooks::{Ran, Runnable, Spawn, Task, TaskList, Why};
use runtime_traits::{Handle, Refused};

use crate::decorate::Decorated;

/// Which job is next.
pub(crate) trait Order: Send {
    /// Takes a job, which came from pump `here` if it came from one.
    fn push(&mut self, job: Runnable, came: Came, here: Option<usize>);
    /// The next job for this pump.
    fn pop(&mut self, pump: usize) -> Option<Runnable>;
}

/// Why a job is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    Spawned,
    Woken,
    /// It was woken while it was polled.
    Yielded,
}

/// A twist that changes the order of jobs. It is made for a number of pumps.
pub(crate) struct Reordered(pub(crate) fn(usize) -> Box<dyn Order>);

impl Twist for Reordered {
    fn runtime(&self, inner: Handle) -> Handle {
        let scheduler = Scheduler::over(&inner, self.0);
        Decorated::over(inner).spawner(Box::new(scheduler)).handle()
    }
}

/// The spawner.
pub(crate) struct Scheduler {
    inner: Handle,
    pumps: usize,
    pub(crate) shared: Arc<Shared>,
}

/// What the spawner and the pumps share.
pub(crate) struct Shared {
    tasks: TaskList,
    state: Mutex<State>,
}

struct State {
    order: Box<dyn Order>,
    /// Pumps that wait for a job.
    idle: Vec<Waker>,
    started: bool,
    closed: bool,
    /// Pumps that are at work, or about to be.
    busy: usize,
    /// Who is woken when no pump is at work.
    later: Vec<Waker>,
}

thread_local! {
    /// The pump that runs a job on this thread: whose, by address, and its number.
    static HERE: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

impl Scheduler {
    pub(crate) fn over(inner: &Handle, order: fn(usize) -> Box<dyn Order>) -> Scheduler {
        let pumps = inner.info().workers.max(1);
        let state = State {
            order: order(pumps),
            idle: Vec::new(),
            started: false,
            closed: false,
            busy: 0,
            later: Vec::new(),
        };
        let shared = Arc::new(Shared { tasks: TaskList::new(), state: Mutex::new(state) });
        Scheduler { inner: inner.clone(), pumps, shared }
    }

    /// Starts the pumps, once: not before there is a task, because a runtime may be made and left.
    fn start(&self) {
        if std::mem::replace(&mut self.shared.lock().started, true) {
            return;
        }
        self.shared.lock().busy = self.pumps;
        for number in 0..self.pumps {
            let pump = Pump { shared: self.shared.clone(), number, idle: false };
            drop(self.inner.spawn(pump)); // refused: it is dropped, and closes
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells schedulers apart.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Puts a job in its place and calls a pump for it; gives it back after the end.
    fn push(&self, job: Runnable, came: Came) -> Result<(), Runnable> {
        let mut state = self.lock();
        if state.closed {
            return Err(job);
        }
        let here = HERE.get().filter(|(whose, _)| *whose == self.address());
        state.order.push(job, came, here.map(|(_, pump)| pump));
        let pump = state.idle.pop();
        drop(state);
        pump.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Wakes when no pump has work: at once if that is so.
    pub(crate) fn wake_when_idle(&self, waker: Waker) -> bool {
        let mut state = self.lock();
        if state.busy > 0 && !state.closed {
            state.later.push(waker);
            return false;
        }
        drop(state);
        waker.wake();
        true
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let (idle, later) = (std::mem::take(&mut state.idle), std::mem::take(&mut state.later));
        drop(state);
        later.into_iter().for_each(Waker::wake);
        self.tasks.close_all();
        // Pumps are numbered from 0; what is kept for one is dropped by any.
        for pump in 0..64 {
            while let Some(job) = { self.lock().order.pop(pump) } {
                drop(job);
            }
        }
        drop(idle);
    }
}

impl Spawn for Scheduler {
    fn schedule(&self, job: Runnable, _: Why) {
        let late = self.shared.push(job, Came::Woken);
        drop(late); // outside the lock
    }

    fn spawn(&self, task: Task) -> Result<(), (Task, Refused)> {
        self.start();
        if self.shared.lock().closed {
            return Err((task, Refused::SHUT_DOWN));
        }
        let late = self.shared.push(task.into_runnable(), Came::Spawned);
        drop(late); // its handle resolves cancelled
        Ok(())
    }

    fn tasks(&self) -> Option<&TaskList> {
        Some(&self.shared.tasks)
    }
}

/// A task of the runtime beneath that runs jobs.
struct Pump {
    shared: Arc<Shared>,
    number: usize,
    idle: bool,
}

impl Future for Pump {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut state = self.shared.lock();
        if self.idle {
            state.busy += 1;
        }
        let Some(job) = state.order.pop(self.number) else {
            state.idle.push(waker);
            state.busy -= 1;
            let none_at_work = state.busy == 0;
            let later = none_at_work.then(|| std::mem::take(&mut state.later));
            drop(state);
            self.idle = true;
            later.into_iter().flatten().for_each(Waker::wake);
            return Poll::Pending;
        };
        drop(state);
        self.idle = false;
        let before = HERE.replace(Some((self.shared.address(), self.number)));
        let ran = job.run();
        HERE.set(before);
        if let Ran::Yielded(again) = ran {
            let late = self.shared.push(again, Came::Yielded);
            drop(late); // the end came: it is cancelled here
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.shared.close();
    }
}
