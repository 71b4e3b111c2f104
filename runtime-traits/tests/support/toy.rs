//! A runtime for the tests in this directory: one thread that polls, and whichever of the I/O hooks
//! a test gives it.
//!
//! Whoever calls `block_on` runs the tasks. `T` is the part under test; it answers the getters of
//! its own hooks through [`Part`].
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part of this file")]

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::task::{Context, Poll, Wake, Waker};

use runtime_traits::hooks::{
    BlockOn, Blocking, Budget, Completion, Fs, Info, Kind, Net, Ran, Reactor, Runnable, Runtime,
    Spawn, Tag, Task, Why,
};
use runtime_traits::{Handle, Refused};

/// The I/O hooks of a toy.
pub trait Part: Send + Sync + 'static {
    fn name(&self) -> &'static str;
    fn reactor(&self) -> Option<&dyn Reactor> {
        None
    }
    fn completion(&self) -> Option<&dyn Completion> {
        None
    }
    fn net(&self) -> Option<&dyn Net> {
        None
    }
    fn fs(&self) -> Option<&dyn Fs> {
        None
    }
}

pub struct Toy<T> {
    tag: Tag,
    me: Weak<Toy<T>>,
    queue: Arc<Queue>,
    /// Steps until a task has to give way, and how many are left.
    budget: Option<(usize, AtomicUsize)>,
    pub part: T,
}

/// Jobs, and the thread that waits for them.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Runnable>,
    main_woken: bool,
}

impl<T: Part> Toy<T> {
    pub fn new(part: T) -> Arc<Toy<T>> {
        Toy::make(part, None)
    }

    /// A toy whose tasks give way after that many steps.
    pub fn with_budget(part: T, steps: usize) -> Arc<Toy<T>> {
        Toy::make(part, Some((steps, AtomicUsize::new(steps))))
    }

    fn make(part: T, budget: Option<(usize, AtomicUsize)>) -> Arc<Toy<T>> {
        Arc::new_cyclic(|me| Toy {
            tag: Tag::new(),
            me: me.clone(),
            queue: Arc::default(),
            budget,
            part,
        })
    }

    pub fn handle(&self) -> Handle {
        Handle::from_arc(self.me.upgrade().expect("in use"))
    }

    fn run_job(&self, job: Runnable) {
        if let Ran::Yielded(job) = job.run() {
            self.schedule(job, Why::Woken);
        }
    }

    /// Runs `future` and whatever it spawns.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.handle().block_on(future).expect("this runtime blocks")
    }
}

impl<T: Part> Runtime for Toy<T> {
    fn tag(&self) -> &Tag {
        &self.tag
    }
    fn info(&self) -> Info {
        Info::new(self.part.name())
    }
    fn spawner(&self) -> &dyn Spawn {
        self
    }
    fn block_on(&self) -> Option<&dyn BlockOn> {
        Some(self)
    }
    fn blocking(&self) -> Option<&dyn Blocking> {
        Some(self)
    }
    fn budget(&self) -> Option<&dyn Budget> {
        self.budget.as_ref().map(|_| self as &dyn Budget)
    }
    fn reactor(&self) -> Option<&dyn Reactor> {
        self.part.reactor()
    }
    fn completion(&self) -> Option<&dyn Completion> {
        self.part.completion()
    }
    fn net(&self) -> Option<&dyn Net> {
        self.part.net()
    }
    fn fs(&self) -> Option<&dyn Fs> {
        self.part.fs()
    }
}

impl<T: Part> Spawn for Toy<T> {
    fn schedule(&self, job: Runnable, _: Why) {
        self.queue.state.lock().unwrap().jobs.push_back(job);
        self.queue.changed.notify_one();
    }
}

impl<T: Part> Budget for Toy<T> {
    fn poll_proceed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let (steps, left) = self.budget.as_ref().expect("it has one");
        if left.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Poll::Ready(());
        }
        left.store(*steps, Ordering::SeqCst);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T: Part> Blocking for Toy<T> {
    fn spawn(&self, job: Task, _: Kind) -> Result<(), (Task, Refused)> {
        std::thread::spawn(move || {
            let mut ran = job.into_runnable().run();
            while let Ran::Yielded(job) = ran {
                ran = job.run();
            }
        });
        Ok(())
    }
}

impl<T: Part> BlockOn for Toy<T> {
    fn block_on(&self, mut main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        let waker = Waker::from(self.queue.clone());
        self.queue.state.lock().unwrap().main_woken = true;
        self.handle().enter(|| {
            loop {
                match self.queue.next() {
                    Some(job) => self.run_job(job),
                    None => match main.as_mut().poll(&mut Context::from_waker(&waker)) {
                        Poll::Ready(()) => return Ok(()),
                        Poll::Pending => {}
                    },
                }
            }
        })
    }
}

impl Queue {
    /// A job, or `None` for the main future, whichever is due; sleeps while neither is.
    fn next(&self) -> Option<Runnable> {
        let mut state = self.state.lock().unwrap();
        loop {
            if std::mem::take(&mut state.main_woken) {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap();
        }
    }
}

impl Wake for Queue {
    fn wake(self: Arc<Self>) {
        self.state.lock().unwrap().main_woken = true;
        self.changed.notify_one();
    }
}

/// A waker that counts: how often it was woken, and (by the `Arc`'s count) who holds it.
#[derive(Default)]
pub struct Count(pub AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A counted waker: the count, and the waker. While nobody else holds it, `holders` is 2.
pub fn counted() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (count.clone(), Waker::from(count))
}

/// Gives way to whatever else is due, `n` times.
pub async fn give_way(n: usize) {
    for _ in 0..n {
        let mut once = false;
        std::future::poll_fn(|cx| {
            if std::mem::replace(&mut once, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}
