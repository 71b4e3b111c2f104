//! The task cell under shuttle: what is too large for loom, with random schedules.
//!
//! ```sh
//! RUSTFLAGS="--cfg shuttle" cargo test -p runtime-hooks --release --test shuttle
//! ```
//!
//! Several tasks, two threads that run them and steal them from each other by sharing a queue, and
//! others that wake, abort, join and close meanwhile. Shuttle reports a deadlock when a wake is lost:
//! runners sleep until there is a job, and end when all tasks have. Its atomics are sequentially
//! consistent; orderings are loom's business. `SHUTTLE_ITERATIONS` sets how many schedules each model
//! tries.
#![cfg(shuttle)]

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Count, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use runtime_hooks::hooks::{Info, Runtime, Spawn, Tag, Why};
use runtime_hooks::task::{JoinHandle, Meta, Ran, Runnable, Task, TaskList};
use runtime_hooks::{Handle, JoinError};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::atomic::AtomicUsize;
use shuttle::sync::{Condvar, Mutex};
use shuttle::{Config, Runner, thread};

/// Half of the schedules are random, half have few and late preemptions.
fn explore(body: impl Fn() + Send + Sync + Clone + 'static) {
    let rounds = std::env::var("SHUTTLE_ITERATIONS").ok().and_then(|n| n.parse().ok());
    let rounds = rounds.unwrap_or(10_000) / 2;
    let mut config = Config::new();
    config.stack_size = 0x10_0000;
    Runner::new(RandomScheduler::new(rounds), config.clone()).run(body.clone());
    Runner::new(PctScheduler::new(3, rounds), config).run(body);
}

// ── a runtime ───────────────────────────────────────────────────────────────────────────────

/// A queue that runners wait at until it is over.
#[derive(Default)]
struct Queue {
    tag: Tag,
    jobs: Mutex<(VecDeque<Runnable>, bool)>,
    more: Condvar,
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
    fn schedule(&self, job: Runnable, _: Why) {
        self.jobs.lock().unwrap().0.push_back(job);
        self.more.notify_one();
    }
    fn tasks(&self) -> Option<&TaskList> {
        Some(&self.tasks)
    }
}

impl Queue {
    fn new() -> (Arc<Queue>, Handle) {
        let queue = Arc::new(Queue::default());
        (queue.clone(), Handle::from_arc(queue))
    }

    /// The next job; `None` when it is over.
    fn next(&self) -> Option<Runnable> {
        let jobs = self.jobs.lock().unwrap();
        let mut jobs = self.more.wait_while(jobs, |jobs| jobs.0.is_empty() && !jobs.1).unwrap();
        jobs.0.pop_front()
    }

    fn run(&self) {
        while let Some(job) = self.next() {
            if let Ran::Yielded(job) = job.run() {
                self.schedule(job, Why::Woken);
            }
        }
    }

    fn over(&self) {
        self.jobs.lock().unwrap().1 = true;
        self.more.notify_all();
    }

    fn runners(self: &Arc<Self>) -> [thread::JoinHandle<()>; 2] {
        [self.clone(), self.clone()].map(|queue| thread::spawn(move || queue.run()))
    }
}

/// Counts what exists and what is gone.
#[derive(Default)]
struct Census {
    made: Count,
    gone: Count,
}

struct Member(Arc<Census>);

impl Member {
    fn new(census: &Arc<Census>) -> Member {
        census.made.fetch_add(1, SeqCst);
        Member(census.clone())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.gone.fetch_add(1, SeqCst);
    }
}

impl Census {
    fn check(&self) {
        assert_eq!(self.made.load(SeqCst), self.gone.load(SeqCst), "made and dropped");
    }
}

/// Messages to one task, and whom to wake for them.
#[derive(Clone, Default)]
struct Mail(Arc<(AtomicUsize, Mutex<Option<Waker>>)>);

impl Mail {
    fn send(&self) {
        self.0.0.fetch_add(1, SeqCst);
        let waker = self.0.1.lock().unwrap().take();
        waker.into_iter().for_each(Waker::wake);
    }

    /// A task that ends when `number` messages have come, with a member of the census as its output.
    fn reader(&self, number: usize, census: &Arc<Census>) -> impl Future<Output = Member> + use<> {
        let (mail, census) = (self.clone(), census.clone());
        let inside = Member::new(&census);
        let alone = Arc::new(AtomicUsize::new(0));
        poll_fn(move |cx| {
            assert_eq!(alone.fetch_add(1, SeqCst), 0, "two polls at once");
            let old = mail.0.1.lock().unwrap().replace(cx.waker().clone());
            drop(old);
            let all = mail.0.0.load(SeqCst) >= number;
            alone.fetch_sub(1, SeqCst);
            if all { Poll::Ready(Member::new(&inside.0)) } else { Poll::Pending }
        })
    }
}

// ── models ──────────────────────────────────────────────────────────────────────────────────

/// TASK-3, WAKE-3: two senders wake two tasks that move between two runners, and join them.
#[test]
fn a_storm_of_wakes_loses_none() {
    explore(|| {
        let (queue, handle) = Queue::new();
        let census = Arc::<Census>::default();
        let mails: [Mail; 2] = Default::default();
        let joins = mails.each_ref().map(|mail| handle.spawn(mail.reader(4, &census)));
        let runners = queue.runners();
        let senders = [mails.clone(), mails].map(|mails| {
            thread::spawn(move || {
                for mail in mails.iter().chain(&mails) {
                    mail.send();
                }
            })
        });
        for join in joins {
            drop(shuttle::future::block_on(join).unwrap());
        }
        queue.over();
        runners.into_iter().chain(senders).for_each(|thread| thread.join().unwrap());
        census.check();
    });
}

/// CANCEL-3: tasks are woken, aborted and joined from three threads; each outcome is given once, and
/// each output is dropped once.
#[test]
fn a_storm_of_aborts_loses_no_output() {
    explore(|| {
        let (queue, handle) = Queue::new();
        let census = Arc::<Census>::default();
        let mails: [Mail; 2] = Default::default();
        let joins = mails.each_ref().map(|mail| Arc::new(handle.spawn(mail.reader(1, &census))));
        let runners = queue.runners();
        let aborters = [joins.clone(), joins].map(|joins| {
            thread::spawn(move || {
                joins.iter().for_each(|join| join.abort());
                joins
            })
        });
        mails.iter().for_each(Mail::send);
        let [joins, others] = aborters.map(|aborter| aborter.join().unwrap());
        drop(others);
        for join in joins {
            let outcome = shuttle::future::block_on(Arc::into_inner(join).unwrap());
            assert!(outcome.is_ok() || outcome.is_err_and(|error| error.is_cancelled()));
        }
        queue.over();
        runners.into_iter().for_each(|runner| runner.join().unwrap());
        census.check();
    });
}

/// SHUTDOWN-1, WAKE-5: the list is closed while tasks are spawned, woken, detached and run.
#[test]
fn closing_finds_every_task() {
    explore(|| {
        let (queue, handle) = Queue::new();
        let census = Arc::<Census>::default();
        let mails: [Mail; 3] = Default::default();
        let parked = handle.spawn(mails[0].reader(1, &census));
        let runners = queue.runners();
        let spawner = {
            let (handle, census, mails) = (handle.clone(), census.clone(), mails.clone());
            thread::spawn(move || {
                drop(handle.spawn(mails[1].reader(1, &census)));
                handle.spawn(mails[2].reader(2, &census))
            })
        };
        let sender = thread::spawn(move || mails.iter().for_each(Mail::send));
        queue.tasks.close_all();
        let late: JoinHandle<Member> = spawner.join().unwrap();
        sender.join().unwrap();
        for join in [parked, late] {
            drop(shuttle::future::block_on(join));
        }
        queue.over();
        runners.into_iter().for_each(|runner| runner.join().unwrap());
        assert!(queue.tasks.is_empty());
        census.check();
    });
}

/// A host of one task: it polls when it is woken, on either of two threads, with a waker of its own
/// for each.
struct Host {
    state: Mutex<Hosted>,
    woken: Condvar,
}

struct Hosted {
    /// `None` while it is polled.
    task: Option<Task>,
    woken: bool,
    ended: bool,
}

struct HostWaker(Arc<Host>);

impl Wake for HostWaker {
    fn wake(self: Arc<Self>) {
        self.0.state.lock().unwrap().woken = true;
        self.0.woken.notify_all();
    }
}

impl Host {
    fn new(task: Task) -> Arc<Host> {
        let state = Mutex::new(Hosted { task: Some(task), woken: true, ended: false });
        Arc::new(Host { state, woken: Condvar::new() })
    }

    /// The task, if it is woken and the other thread does not poll it; `None` when it has ended.
    fn next(&self) -> Option<Task> {
        let idle = |host: &mut Hosted| !host.ended && (!host.woken || host.task.is_none());
        let mut host = self.woken.wait_while(self.state.lock().unwrap(), idle).unwrap();
        host.woken = false;
        host.task.take()
    }

    /// Takes turns with the other thread until the task has ended.
    fn serve(self: Arc<Self>) {
        let waker = Waker::from(Arc::new(HostWaker(self.clone())));
        while let Some(mut task) = self.next() {
            let ended = Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_ready();
            let mut host = self.state.lock().unwrap();
            host.ended = ended;
            host.task = (!ended).then_some(task);
            drop(host);
            self.woken.notify_all();
        }
    }
}

/// WAKE-3, CANCEL-2 for a host that moves its task between threads and wakers, while one thread sends
/// and another aborts.
#[test]
fn a_hosted_task_hears_wakes_and_aborts() {
    explore(|| {
        let (_, handle) = Queue::new();
        let census = Arc::<Census>::default();
        let mail = Mail::default();
        let reader = mail.reader(2, &census);
        let (task, join) = Task::new(handle, Meta::new(None), reader).unwrap();
        let host = Host::new(task);
        let threads = [host.clone(), host].map(|host| thread::spawn(move || host.serve()));
        let sender = thread::spawn(move || {
            mail.send();
            mail.send();
        });
        let aborter = thread::spawn(move || {
            join.abort();
            join
        });
        let outcome = shuttle::future::block_on(aborter.join().unwrap());
        assert!(outcome.as_ref().map_or_else(JoinError::is_cancelled, |_| true));
        drop(outcome);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        sender.join().unwrap();
        census.check();
    });
}
