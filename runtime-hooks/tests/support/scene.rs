//! What the scenes under loom are played with: a runtime that is a queue, a log of drops, wakers that
//! count, and the explorer.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Count, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};

use runtime_hooks::hooks::{Home, Info, Runtime, Spawn, SpawnLocal, Tag, Why};
use runtime_hooks::task::{
    JoinHandle, LocalList, LocalRunnable, LocalTask, Meta, Ran, Runnable, TaskList,
};
use runtime_hooks::{Handle, JoinError, Refused};

/// A runtime that is a queue, a list, and a home for local tasks.
pub(crate) struct Queue {
    pub(crate) tag: Tag,
    pub(crate) jobs: Mutex<VecDeque<Runnable>>,
    pub(crate) home: Mutex<VecDeque<LocalRunnable>>,
    pub(crate) tasks: TaskList,
    pub(crate) listed: bool,
    pub(crate) locals: LocalList,
    pub(crate) has_left: std::sync::atomic::AtomicBool,
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
    fn local_spawner(&self) -> Option<&dyn SpawnLocal> {
        Some(self)
    }
}

impl Spawn for Queue {
    fn schedule(&self, job: Runnable, _why: Why) {
        self.jobs.lock().unwrap().push_back(job);
    }
    fn tasks(&self) -> Option<&TaskList> {
        self.listed.then_some(&self.tasks)
    }
}

impl SpawnLocal for Queue {
    fn home(&self) -> Option<Home> {
        Some(Home(0))
    }
    fn spawn(&self, home: Option<Home>, task: LocalTask) -> Result<(), (LocalTask, Refused)> {
        SpawnLocal::schedule(self, home.unwrap_or(Home(0)), task.into_runnable(), Why::Spawned);
        Ok(())
    }
    fn schedule(&self, _: Home, job: LocalRunnable, _: Why) {
        self.home.lock().unwrap().push_back(job);
    }
    fn locals(&self, _: Home) -> Option<&LocalList> {
        Some(&self.locals)
    }
}

impl Queue {
    /// Without a list: fewer steps, so more of the others are explored.
    pub(crate) fn new() -> (Arc<Queue>, Handle) {
        Queue::with(false)
    }

    pub(crate) fn with(listed: bool) -> (Arc<Queue>, Handle) {
        let queue = Arc::new(Queue {
            tag: Tag::new(),
            jobs: Mutex::default(),
            home: Mutex::default(),
            tasks: TaskList::new(),
            listed,
            locals: LocalList::new(),
            has_left: false.into(),
        });
        (queue.clone(), Handle::from_arc(queue))
    }

    pub(crate) fn pop(&self) -> Option<Runnable> {
        self.jobs.lock().unwrap().pop_front()
    }

    /// Runs what is there; one job's yields count.
    pub(crate) fn run(&self) {
        while let Some(job) = self.pop() {
            if let Ran::Yielded(job) = job.run() {
                self.jobs.lock().unwrap().push_back(job);
            }
        }
    }

    fn pop_home(&self) -> Option<LocalRunnable> {
        self.home.lock().unwrap().pop_front()
    }

    pub(crate) fn run_home(&self) {
        loop {
            let Some(job) = self.pop_home() else { return };
            if let Ran::Yielded(job) = job.run() {
                self.home.lock().unwrap().push_back(job);
            }
        }
    }

    /// A runtime whose home is the calling thread, with a plain word for its tasks.
    pub(crate) fn at_home() -> (Arc<Queue>, Handle) {
        let (queue, handle) = Queue::new();
        assert!(queue.locals.open(handle.clone()));
        (queue, handle)
    }

    /// Ends the home, as runtimes do; once.
    pub(crate) fn leave_home(&self) {
        while !self.has_left.load(SeqCst) {
            self.locals.cancel_all();
            while let Some(job) = self.pop_home() {
                drop(job);
            }
            let left = self.locals.is_empty() && self.locals.close().is_some();
            self.has_left.store(left, SeqCst);
            loom::thread::yield_now();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.jobs.lock().unwrap().is_empty()
    }
}

/// What became of one task. Plain atomics: they observe, and order nothing in the model's eyes.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) futures: Count,
    pub(crate) futures_dropped: Count,
    pub(crate) outputs: Count,
    pub(crate) outputs_dropped: Count,
    pub(crate) polls: Count,
}

impl Log {
    pub(crate) fn new() -> Arc<Log> {
        Arc::default()
    }

    /// At the end of a scene, all handles gone.
    pub(crate) fn check(&self) {
        let get = |count: &Count| count.load(SeqCst);
        assert_eq!(get(&self.futures_dropped), get(&self.futures), "futures dropped once");
        assert_eq!(get(&self.outputs_dropped), get(&self.outputs), "outputs dropped once");
    }

    pub(crate) fn polls(&self) -> usize {
        self.polls.load(SeqCst)
    }
}

/// Lives in a future.
pub(crate) struct Inside(pub(crate) Arc<Log>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.futures_dropped.fetch_add(1, SeqCst);
    }
}

/// An output.
pub(crate) struct Output(pub(crate) Arc<Log>);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.outputs_dropped.fetch_add(1, SeqCst);
    }
}

/// A future whose polls are `body`; `Ready(())` gives an `Output`.
pub(crate) fn future<B>(log: &Arc<Log>, mut body: B) -> impl Future<Output = Output> + Send + use<B>
where
    B: FnMut(&mut Context<'_>) -> Poll<()> + Send,
{
    log.futures.fetch_add(1, SeqCst);
    let inside = Inside(log.clone());
    poll_fn(move |cx| {
        let log = &inside.0;
        log.polls.fetch_add(1, SeqCst);
        body(cx).map(|()| {
            log.outputs.fetch_add(1, SeqCst);
            Output(log.clone())
        })
    })
}

/// Where a future leaves its waker. A plain lock, never held across a step of the model.
#[derive(Clone, Default)]
pub(crate) struct Left(pub(crate) Arc<std::sync::Mutex<Option<Waker>>>);

impl Left {
    pub(crate) fn put(&self, cx: &Context<'_>) {
        let waker = cx.waker().clone();
        let old = self.0.lock().unwrap().replace(waker);
        drop(old);
    }

    pub(crate) fn take(&self) -> Waker {
        self.0.lock().unwrap().take().expect("the future left a waker")
    }
}

/// A waker that counts.
#[derive(Default)]
pub(crate) struct Woken(Count);

impl Woken {
    pub(crate) fn new() -> (Arc<Woken>, Waker) {
        let woken = Arc::new(Woken::default());
        (woken.clone(), Waker::from(woken))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Polls a future that can be moved, with this waker.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(waker))
}

/// Whether this outcome is one of the two that a race with an abort may have.
pub(crate) fn output_or_cancelled(outcome: Poll<Result<Output, JoinError>>) -> bool {
    match outcome {
        Poll::Ready(Ok(_)) => true,
        Poll::Ready(Err(error)) => error.is_cancelled(),
        Poll::Pending => false,
    }
}

/// Explores a scene of two threads: every interleaving.
pub(crate) fn duel(body: impl Fn() + Sync + Send + 'static) {
    explore(None, body);
}

/// Explores a scene of three threads: every interleaving with at most three preemptions.
pub(crate) fn trio(body: impl Fn() + Sync + Send + 'static) {
    explore(Some(3), body);
}

pub(crate) fn explore(preemptions: Option<usize>, body: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = model.preemption_bound.or(preemptions);
    model.check(body);
}

/// A parked task: spawned, polled once, its waker left. The future is ready once `open` is set.
pub(crate) fn parked(
    handle: &Handle,
    queue: &Queue,
    log: &Arc<Log>,
) -> (JoinHandle<Output>, Waker) {
    let (left, open) = (Left::default(), Arc::new(AtomicBool::new(true)));
    parked_until(handle, queue, log, &left, &open)
}

/// As [`parked`], for a local task of the calling thread.
pub(crate) fn parked_at_home(
    handle: &Handle,
    queue: &Queue,
    log: &Arc<Log>,
) -> (JoinHandle<Output>, Waker) {
    let left = Left::default();
    let leave = left.clone();
    let mut first = true;
    let body = future(log, move |cx| {
        if std::mem::take(&mut first) {
            leave.put(cx);
            return Poll::Pending;
        }
        Poll::Ready(())
    });
    let join = spawn_at_home(handle, queue, body);
    queue.run_home();
    (join, left.take())
}

/// Spawns a local task on the calling thread.
pub(crate) fn spawn_at_home<F>(handle: &Handle, queue: &Queue, body: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let (task, join) = LocalTask::new(handle, Meta::new(None), Home(0), body).unwrap();
    assert!(SpawnLocal::spawn(queue, None, task).is_ok());
    join
}

/// As [`parked`], ready at the first poll after this that sees `open`. It leaves its waker in `left`
/// the first time only, so that wakers are not created where a scene wants to see the last one go.
pub(crate) fn parked_until(
    handle: &Handle,
    queue: &Queue,
    log: &Arc<Log>,
    left: &Left,
    open: &Arc<AtomicBool>,
) -> (JoinHandle<Output>, Waker) {
    let (leave, open) = (left.clone(), open.clone());
    let mut first = true;
    let join = handle.spawn(future(log, move |cx| {
        if std::mem::take(&mut first) {
            leave.put(cx);
            return Poll::Pending;
        }
        if open.load(Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }));
    queue.run();
    (join, left.take())
}
