//! The loop, and the end.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, PoisonError, Weak};
use std::task::{Context, Wake, Waker};

use runtime_traits::Refused;
use runtime_traits::hooks::{Ran, VirtualTime};

use crate::clock::wake_all;
use crate::{Shared, mutants};

/// What there is to do when no job is ready.
enum Idle {
    /// Somebody changed something: look again.
    Look,
    /// Turn the clock to the next deadline.
    Turn(runtime_traits::time::Instant),
    /// The runtime has ended.
    Ended,
    /// Nothing will ever happen.
    Stalled,
}

impl Shared {
    /// Runs everything until `main` is ready.
    pub(crate) fn run(&self, main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        if self.lock().closed {
            return Err(Refused::SHUT_DOWN);
        }
        if self.lock().home_here().is_some() {
            return Err(Refused::NOT_HERE);
        }
        if self.lock().enter().is_none() {
            return Err(Refused::BUSY);
        }
        let _leave = Leave(self);
        self.run_entered(main)
    }

    fn run_entered(&self, mut main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        let root = Arc::new(Root { woken: AtomicBool::new(true), toy: self.me.clone() });
        let waker = Waker::from(root.clone());
        loop {
            if root.woken.swap(false, Ordering::AcqRel)
                && main.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
            {
                return Ok(());
            }
            if self.run_one() {
                continue; // the root gets its turn between any two jobs
            }
            match self.idle(&root) {
                Idle::Look => {}
                Idle::Turn(to) => self.advance_to(to),
                Idle::Ended => return Err(Refused::SHUT_DOWN),
                Idle::Stalled => self.say_stalled(),
            }
        }
    }

    /// Runs a job, if there is one.
    fn run_one(&self) -> bool {
        let Some(job) = self.lock().pop() else { return false };
        let id = job.id();
        match job.run() {
            Ran::Yielded(again) => drop(self.change(|inner| inner.push(again))),
            Ran::Finished => self.lock().end_task(id),
            Ran::Parked => {}
        }
        true
    }

    /// Sleeps unless there is something to do; what, is the answer.
    fn idle(&self, root: &Arc<Root>) -> Idle {
        let inner = self.lock();
        // Everybody who could wake the root holds a clone of its waker; ours are the first two. Seeing
        // that one was dropped, we also see what its owner did before (the fence pairs with `Arc`'s
        // release), so the order of these two questions matters.
        let alone = Arc::strong_count(root) == 2;
        fence(Ordering::Acquire);
        let woken = root.woken.load(Ordering::Acquire);
        match (inner.closed, woken || inner.has_jobs(), inner.next_deadline(), inner.blocking) {
            (true, ..) => Idle::Ended,
            (_, true, ..) => Idle::Look,
            (_, _, Some(at), 1..) if mutants::on("jumps-over-blocking-work") => Idle::Turn(at),
            (_, _, Some(at), 0) if !mutants::on("coalesces-deadlines") => Idle::Turn(at),
            (_, _, Some(at), 0) => Idle::Turn(mutants::coalesced(at)),
            (_, _, None, 0) if alone && mutants::on("spins-when-stalled") => Idle::Look,
            (_, _, None, 0) if alone => Idle::Stalled,
            _ => {
                drop(self.bell.wait(inner).unwrap_or_else(PoisonError::into_inner));
                Idle::Look
            }
        }
    }

    /// # Panics
    ///
    /// Always: the program that is run waits for what cannot come.
    fn say_stalled(&self) -> ! {
        let (now, waiting) = {
            let inner = self.lock(); // once: a second guard in one expression waits for the first
            (inner.now, inner.waiting())
        };
        panic!(
            "stalled at {now:?}: nothing can run, there is no deadline, and nobody holds the waker of \
             the root future; {} tasks wait: {}",
            waiting.len(),
            waiting.join(", ")
        );
    }

    /// Ends it, on the thread that owns it: nobody runs it any more.
    pub(crate) fn close(&self) {
        let waiting = self.change(|inner| {
            inner.close();
            inner.all_waiting()
        });
        wake_all(waiting);
        drop(self.change(|inner| inner.take_waiting_jobs()));
        self.tasks.close_all();
        self.locals.close_all();
        self.drop_queue();
        let mut inner = self.lock();
        // Called inside one of its own closures, it cannot wait for that.
        while inner.blocking > usize::from(self.is_in_closure()) {
            inner = self.bell.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Drops what is queued, outside the lock, until nothing is (Y3).
    fn drop_queue(&self) {
        while let Some(job) = { self.lock().pop_closing() } {
            drop(job);
        }
    }

    /// The same for local jobs, by the thread that they belong to.
    fn drop_local_queue(&self) {
        while let Some(job) = { self.lock().pop_local() } {
            drop(job);
        }
    }
}

/// Ends the stay in `block_on`: local tasks end with it, on this thread.
struct Leave<'a>(&'a Shared);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.locals.cancel_all();
        self.0.drop_local_queue();
        self.0.change(crate::state::Inner::leave);
    }
}

/// Wakes the root future of one `block_on`.
struct Root {
    woken: AtomicBool,
    toy: Weak<Shared>,
}

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        if let Some(toy) = self.toy.upgrade() {
            toy.change(|_| ()); // the lock puts this before the sleeper's look, or into its sleep
        }
    }
}
