//! Step 1: a queue, and a thread that empties it.
//!
//! [`Spawn`] is one method: put the job on the queue and ring the bell. The task's memory, its join
//! handle, its wakers and its panics are `Runnable`'s business. [`BlockOn`] is the loop.
//!
//! The thread that is inside `block_on` has the *seat*. There is one, so a second `block_on`, nested
//! or from another thread, is refused.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Wake, Waker};
use std::thread;

use runtime_traits::Refused;
use runtime_traits::hooks::{BlockOn, Ran, Runnable, Spawn, Task, TaskList, Why};

use crate::{Bell, Shared};

impl Spawn for Shared {
    fn schedule(&self, job: Runnable, _why: Why) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            return drop(job); // nobody would run it: dropped outside the lock, it is cancelled
        }
        state.jobs.push_back(job);
        drop(state);
        self.bell.ring();
    }

    fn spawn(&self, task: Task) -> Result<(), (Task, Refused)> {
        if self.lock().closed {
            return Err((task, Refused::SHUT_DOWN));
        }
        self.schedule(task.into_runnable(), Why::Spawned);
        Ok(())
    }

    fn tasks(&self) -> Option<&TaskList> {
        Some(&self.tasks)
    }
}

impl BlockOn for Shared {
    fn block_on(&self, main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        let _seat = Seat::take(self)?;
        self.drive(main);
        Ok(())
    }
}

impl Shared {
    /// The loop: poll main if it was woken, run jobs, sleep.
    fn drive(&self, mut main: Pin<&mut dyn Future<Output = ()>>) {
        let wake = Arc::new(WakeMain { woken: AtomicBool::new(true), bell: self.bell.clone() });
        let waker = Waker::from(wake.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            if wake.woken.swap(false, SeqCst) && main.as_mut().poll(&mut cx).is_ready() {
                return;
            }
            self.run_jobs();
            // First say that we sleep, then look whether we may: a wake in between rings (P1).
            self.bell.listen();
            let idle = self.lock().jobs.is_empty() && !wake.woken.load(SeqCst);
            self.turn(idle);
        }
    }

    /// Runs the jobs that are queued now. One that wakes itself goes to the tail and waits for the
    /// next time, so that main, timers and sources have their turn.
    fn run_jobs(&self) {
        let count = self.lock().jobs.len();
        for _ in 0..count {
            let Some(job) = self.lock().jobs.pop_front() else { return };
            let _polling = self.polling.lock();
            if let Ran::Yielded(job) = job.run() {
                self.schedule(job, Why::Woken);
            }
        }
    }

    /// Drops every task. One that another thread is polling is dropped there; we wait for it. One
    /// that is polled beneath us (it owns the runtime) is dropped when that poll returns.
    pub(crate) fn drop_tasks(&self, queued: VecDeque<Runnable>) {
        self.tasks.close_all();
        drop(queued);
        if self.lock().seat != Some(thread::current().id()) {
            drop(self.polling.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// What wakes the future of `block_on`.
struct WakeMain {
    woken: AtomicBool,
    bell: Arc<Bell>,
}

impl Wake for WakeMain {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, SeqCst);
        self.bell.ring();
    }
}

/// The right to drive, given back also when main panics.
struct Seat<'a>(&'a Shared);

impl Seat<'_> {
    fn take(runtime: &Shared) -> Result<Seat<'_>, Refused> {
        let mut state = runtime.lock();
        if state.closed || state.seat.is_some() {
            return Err(if state.closed { Refused::SHUT_DOWN } else { Refused::NOT_HERE });
        }
        state.seat = Some(thread::current().id());
        Ok(Seat(runtime))
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.lock().seat = None;
    }
}
