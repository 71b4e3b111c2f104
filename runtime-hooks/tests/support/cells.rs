//! A queue of jobs over two task cells: ours, and async-task's, behind one small trait.
//!
//! Both are the smallest executor there is: a job that is scheduled goes to the back of a queue, and
//! [`Cells::run_one`] runs the one in front. What async-task spells differently is translated here:
//!
//! - its `Task` cancels when it is dropped, ours detaches: [`Cells::detach`] says it in words;
//! - its `cancel` is a future that eats the `Task`. [`Cells::abort`] polls that once, which asks for
//!   the cancellation, and from then on the join is that future. If the output was there already the
//!   poll takes it out, and the join keeps it until it is asked: nothing is lost, as with ours;
//! - its panics come out of `run`, or of the awaiting side: here they are an [`Outcome`].

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_task::FallibleTask;
use runtime_hooks::Handle;
use runtime_hooks::hooks::{Info, Runtime, Spawn, Tag, Why};
use runtime_hooks::task::{JoinHandle, Ran, Runnable, TaskList};

/// How a task ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    Output(T),
    Cancelled,
    Panicked,
}

/// A task cell with a queue around it.
pub(crate) trait Cells: Send + Sync + 'static {
    /// Whether a poll that is aborted while it runs, and finishes, keeps its output.
    const LAST_POLL_KEEPS_ITS_OUTPUT: bool;
    /// Whether a detached task that parks without any waker has its future dropped.
    const DROPS_ORPHANS: bool;

    type Join<T: Send + 'static>: Send + 'static;

    fn new() -> Self;
    /// Spawns; the first job is in the queue afterwards.
    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;
    /// Runs the job in front; `false` if there is none.
    fn run_one(&self) -> bool;
    /// How many jobs are queued.
    fn queued(&self) -> usize;
    /// Asks the task to stop.
    fn abort<T: Send + 'static>(join: &mut Self::Join<T>);
    /// Lets the task go on alone; drops an outcome that nobody took.
    fn detach<T: Send + 'static>(join: Self::Join<T>);
    /// Polls for the outcome. Not to be called again after it was ready.
    fn poll_join<T: Send + 'static>(join: &mut Self::Join<T>, waker: &Waker) -> Poll<Outcome<T>>;

    fn run_all(&self) {
        while self.run_one() {}
    }
}

// ── ours ────────────────────────────────────────────────────────────────────────────────────

/// The cell of `runtime_hooks::task`.
pub(crate) struct Ours {
    queue: Arc<Queue>,
    handle: Handle,
}

#[derive(Default)]
struct Queue {
    tag: Tag,
    jobs: Mutex<VecDeque<Runnable>>,
    tasks: TaskList,
}

impl Runtime for Queue {
    fn tag(&self) -> &Tag {
        &self.tag
    }
    fn info(&self) -> Info {
        Info::new("queue")
    }
    fn spawner(&self) -> &dyn Spawn {
        self
    }
}

impl Spawn for Queue {
    fn schedule(&self, job: Runnable, _why: Why) {
        self.jobs.lock().unwrap().push_back(job);
    }
    fn tasks(&self) -> Option<&TaskList> {
        Some(&self.tasks)
    }
}

impl Cells for Ours {
    const LAST_POLL_KEEPS_ITS_OUTPUT: bool = true;
    const DROPS_ORPHANS: bool = true;

    type Join<T: Send + 'static> = JoinHandle<T>;

    fn new() -> Ours {
        let queue = Arc::new(Queue::default());
        Ours { handle: Handle::from_arc(queue.clone()), queue }
    }

    fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    fn run_one(&self) -> bool {
        let Some(job) = pop(&self.queue.jobs) else { return false };
        if let Ran::Yielded(job) = job.run() {
            self.queue.jobs.lock().unwrap().push_back(job);
        }
        true
    }

    fn queued(&self) -> usize {
        self.queue.jobs.lock().unwrap().len()
    }

    fn abort<T: Send + 'static>(join: &mut JoinHandle<T>) {
        JoinHandle::abort(join);
    }

    fn detach<T: Send + 'static>(join: JoinHandle<T>) {
        drop(join);
    }

    fn poll_join<T: Send + 'static>(join: &mut JoinHandle<T>, waker: &Waker) -> Poll<Outcome<T>> {
        poll(join, waker).map(|outcome| match outcome {
            Ok(output) => Outcome::Output(output),
            Err(error) if error.is_cancelled() => Outcome::Cancelled,
            Err(error) if error.is_panic() => Outcome::Panicked,
            Err(error) => panic!("neither output, nor cancelled, nor panicked: {error}"),
        })
    }
}

// ── async-task ──────────────────────────────────────────────────────────────────────────────

/// The cell of async-task.
pub(crate) struct Oracle(Arc<Mutex<VecDeque<async_task::Runnable>>>);

/// An async-task `Task` that can be aborted more than once.
pub(crate) struct OracleJoin<T> {
    stage: Stage<T>,
    /// Of the latest poll: `abort` polls too, and must not push it out.
    waker: Waker,
}

enum Stage<T> {
    Awaited(FallibleTask<T>),
    Cancelling(Pin<Box<dyn Future<Output = Option<T>> + Send>>),
    Settled(Outcome<T>),
    Gone,
}

impl<T: Send + 'static> Stage<T> {
    fn poll(&mut self, waker: &Waker) -> Poll<Outcome<T>> {
        match self {
            Stage::Awaited(task) => outcome(|| poll(task, waker)),
            Stage::Cancelling(cancel) => outcome(|| poll(cancel, waker)),
            Stage::Settled(_) => match std::mem::replace(self, Stage::Gone) {
                Stage::Settled(outcome) => Poll::Ready(outcome),
                _ => unreachable!(),
            },
            Stage::Gone => panic!("polled after it was ready"),
        }
    }
}

/// Polls `Some` (output), `None` (cancelled), or panics with the task's panic.
fn outcome<T>(poll: impl FnOnce() -> Poll<Option<T>>) -> Poll<Outcome<T>> {
    match catch_unwind(AssertUnwindSafe(poll)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Some(output))) => Poll::Ready(Outcome::Output(output)),
        Ok(Poll::Ready(None)) => Poll::Ready(Outcome::Cancelled),
        Err(_) => Poll::Ready(Outcome::Panicked),
    }
}

impl Cells for Oracle {
    // Differences that are known, and meant: see the tests that use these.
    const LAST_POLL_KEEPS_ITS_OUTPUT: bool = false;
    const DROPS_ORPHANS: bool = false;

    type Join<T: Send + 'static> = OracleJoin<T>;

    fn new() -> Oracle {
        Oracle(Arc::default())
    }

    fn spawn<F>(&self, future: F) -> OracleJoin<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let jobs = self.0.clone();
        let schedule = move |job| jobs.lock().unwrap().push_back(job);
        let builder = async_task::Builder::new().propagate_panic(true);
        let (job, task) = builder.spawn(|()| future, schedule);
        job.schedule();
        OracleJoin { stage: Stage::Awaited(task.fallible()), waker: Waker::noop().clone() }
    }

    fn run_one(&self) -> bool {
        let Some(job) = pop(&self.0) else { return false };
        job.run(); // it has queued itself again if that was asked for
        true
    }

    fn queued(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn abort<T: Send + 'static>(join: &mut OracleJoin<T>) {
        join.stage = match std::mem::replace(&mut join.stage, Stage::Gone) {
            Stage::Awaited(task) => {
                let mut cancelling = Stage::Cancelling(Box::pin(task.cancel()));
                match cancelling.poll(&join.waker) {
                    Poll::Pending => cancelling,
                    Poll::Ready(outcome) => Stage::Settled(outcome),
                }
            }
            asked_before => asked_before,
        };
    }

    fn detach<T: Send + 'static>(join: OracleJoin<T>) {
        if let Stage::Awaited(task) = join.stage {
            task.detach();
        }
    }

    fn poll_join<T: Send + 'static>(join: &mut OracleJoin<T>, waker: &Waker) -> Poll<Outcome<T>> {
        join.waker.clone_from(waker);
        join.stage.poll(waker)
    }
}

// ── both ────────────────────────────────────────────────────────────────────────────────────

/// Takes the job in front; the lock is released before it is run.
fn pop<J>(jobs: &Mutex<VecDeque<J>>) -> Option<J> {
    jobs.lock().unwrap().pop_front()
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}
