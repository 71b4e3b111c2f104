//! Local sets when others interfere, on every runtime: wakes and aborts while a set is being dropped,
//! tasks that are sent, listeners that panic.

#[path = "support/mod.rs"]
mod support;

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use runtime_traits::hooks::{
    Home, Info, LocalRunnable, LocalTask, Runtime, Spawn, SpawnLocal, Tag, TaskList, Why,
};
use runtime_traits::task::{self, JoinHandle, LocalSet, yield_now};
use runtime_traits::{Handle, Refused};

use support::{Drops, Gate, Probe, on_every_runtime, poll_once, with_every_runtime};

// ── being dropped ───────────────────────────────────────────────────────────────────────────────

/// A task that leaves its waker, and waits for ever.
fn parked(set: &LocalSet, probe: Probe) -> (JoinHandle<()>, Rc<Cell<Option<Waker>>>) {
    let left = Rc::new(Cell::new(None));
    let leaves = left.clone();
    let task = set.spawn_local(async move {
        let _probe = probe;
        poll_fn(|cx| {
            leaves.set(Some(cx.waker().clone()));
            Poll::<()>::Pending
        })
        .await;
    });
    (task, left)
}

/// What another thread does to tasks whose set is being dropped.
struct Interference {
    wakes: Waker,
    /// The last reference to its task.
    lets_go: Waker,
    aborts: JoinHandle<()>,
}

impl Interference {
    fn happens(self) -> JoinHandle<()> {
        self.wakes.wake_by_ref();
        drop(self.lets_go);
        self.aborts.abort();
        self.wakes.wake();
        self.aborts
    }
}

/// Threads that interfere, each time all at once.
struct Crowd {
    begin: Arc<Barrier>,
    /// The set is being dropped, and how often that was seen by one who had just interfered.
    dropping: Arc<AtomicBool>,
    met: Arc<AtomicUsize>,
    work: Vec<Sender<Interference>>,
    done: Receiver<JoinHandle<()>>,
}

const CROWD: usize = 4;

impl Crowd {
    fn new() -> Crowd {
        let (begin, dropping) =
            (Arc::new(Barrier::new(CROWD + 1)), Arc::new(AtomicBool::new(false)));
        let (met, (tell, done)) = (Arc::new(AtomicUsize::new(0)), channel());
        let member = |_| {
            let (begin, dropping, met) = (begin.clone(), dropping.clone(), met.clone());
            let ((send, work), tell) = (channel::<Interference>(), tell.clone());
            thread::spawn(move || {
                for interference in work {
                    begin.wait();
                    let aborted = interference.happens();
                    met.fetch_add(usize::from(dropping.load(SeqCst)), SeqCst);
                    tell.send(aborted).unwrap();
                }
            });
            send
        };
        let work = (0..CROWD).map(member).collect();
        Crowd { begin, dropping, met, work, done }
    }

    /// A set whose tasks are woken, aborted and given up by others while it is dropped.
    async fn meets_a_set(&self) {
        let (set, drops) = (LocalSet::new(), Drops::default());
        let tasks: Vec<_> = (0..3 * CROWD).map(|_| parked(&set, drops.probe())).collect();
        set.run_until(yield_now()).await;
        let mut tasks = tasks.into_iter().map(|(task, left)| (task, left.take().expect("polled")));
        let mut woken = Vec::new();
        for work in &self.work {
            let [(task, wakes), (detached, lets_go), (aborts, _)] =
                [(); 3].map(|()| tasks.next().expect("three for each"));
            woken.push(task);
            drop(detached);
            work.send(Interference { wakes, lets_go, aborts }).unwrap();
        }
        self.begin.wait();
        self.dropping.store(true, SeqCst);
        drop(set);
        self.dropping.store(false, SeqCst);
        assert_eq!(drops.get(), 3 * CROWD, "each is dropped, once, before the set is gone");
        for task in woken.into_iter().chain(self.done.iter().take(CROWD)) {
            assert!(task.await.unwrap_err().is_cancelled());
        }
    }
}

/// A runtime around a set, whose wakes are on their way for as long as we like.
struct Slow {
    set: Handle,
    under_way: Gate,
    arrives: Gate,
}

impl Slow {
    fn locals(&self) -> &dyn SpawnLocal {
        self.set.runtime().local_spawner().expect("a set has local tasks")
    }
}

impl Runtime for Slow {
    fn tag(&self) -> &Tag {
        self.set.runtime().tag()
    }

    fn info(&self) -> Info {
        self.set.info()
    }

    fn spawner(&self) -> &dyn Spawn {
        self.set.runtime().spawner()
    }

    fn local_spawner(&self) -> Option<&dyn SpawnLocal> {
        Some(self)
    }

    fn inner(&self) -> Option<&dyn Runtime> {
        Some(self.set.runtime())
    }
}

impl SpawnLocal for Slow {
    fn home(&self) -> Option<Home> {
        self.locals().home()
    }

    fn spawn(&self, home: Option<Home>, task: LocalTask) -> Result<(), (LocalTask, Refused)> {
        self.locals().spawn(home, task)
    }

    fn schedule(&self, home: Home, job: LocalRunnable, why: Why) {
        self.under_way.open();
        self.arrives.pass();
        self.locals().schedule(home, job, why);
    }

    fn tasks(&self, home: Home) -> Option<&TaskList> {
        self.locals().tasks(home)
    }
}

struct Opens(Gate);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.open();
    }
}

on_every_runtime! {
    /// LOCAL-8: the wake has begun when the set's end begins, and arrives in the middle of it.
    async fn a_wake_that_is_under_way_when_its_set_is_dropped_is_waited_for() {
        let (set, drops) = (LocalSet::new(), Drops::default());
        let (under_way, arrives) = (Gate::default(), Gate::default());
        let inner = set.run_until(async { Handle::current() }).await;
        let slow = Slow { set: inner, under_way: under_way.clone(), arrives: arrives.clone() };
        let slow = Handle::from_arc(Arc::new(slow));
        let (left, probe) = (Rc::new(Cell::new(None)), drops.probe());
        let leaves = left.clone();
        let woken = async move {
            let _probe = probe;
            poll_fn(|cx| {
                leaves.set(Some(cx.waker().clone()));
                Poll::<()>::Pending
            })
            .await;
        };
        let mut spawned = None;
        set.run_until(async { spawned = Some(slow.enter(|| task::spawn_local(woken))) }).await;
        let woken = spawned.expect("it ran");
        let opens = Opens(arrives);
        let other = set.spawn_local(async move {
            let _opens = opens;
            pending::<()>().await;
        });
        set.run_until(yield_now()).await;
        assert_eq!(set.len(), 2);
        let waker = left.take().expect("polled");
        let waking = thread::spawn(move || waker.wake());
        under_way.pass();
        drop(set); // whose other task lets the wake go on
        assert_eq!(drops.get(), 1, "its task was leaked");
        waking.join().unwrap();
        assert!(woken.await.unwrap_err().is_cancelled());
        assert!(other.await.unwrap_err().is_cancelled());
    }

    /// The same by chance, and for aborts and last references too (stochastic).
    async fn a_set_that_is_dropped_while_others_interfere_drops_each_task_once() {
        let crowd = Crowd::new();
        let mut rounds = 0;
        while rounds < 3000 && crowd.met.load(SeqCst) < 1000 {
            crowd.meets_a_set().await;
            rounds += 1;
        }
        println!("{} met the destructor in {rounds} rounds", crowd.met.load(SeqCst));
    }

    // ── tasks that are sent ─────────────────────────────────────────────────────────────────────

    async fn a_set_runs_all_closures_that_were_sent_to_it() {
        const CLOSURES: usize = 70; // more than a set runs at a time
        let (set, ran) = (LocalSet::new(), Arc::new(AtomicUsize::new(0)));
        set.run_until(async {
            for _ in 0..CLOSURES {
                let ran = ran.clone();
                task::spawn_with(move || async move { ran.fetch_add(1, SeqCst) });
            }
        })
        .await;
        assert_eq!((set.len(), set.is_empty()), (CLOSURES, false));
        set.run().await;
        assert_eq!(ran.load(SeqCst), CLOSURES);
        assert_eq!((set.len(), set.is_empty()), (0, true));
    }

    async fn closures_that_were_sent_to_a_set_go_with_it() {
        let (set, drops) = (LocalSet::new(), Drops::default());
        let sent = || {
            let probe = drops.probe();
            task::spawn_with(move || async move { drop(probe) })
        };
        let mut one = None;
        set.run_until(async { one = Some(sent()) }).await;
        drop(set);
        assert_eq!(drops.get(), 1);
        assert!(one.expect("it ran").await.unwrap_err().is_cancelled());
    }

    // ── listeners ───────────────────────────────────────────────────────────────────────────────

    async fn a_listener_that_panics_costs_nobody_a_wake() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("a waker of the test");
            }
        }
        #[derive(Default)]
        struct Wakes(AtomicUsize);
        impl Wake for Wakes {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, SeqCst);
            }
        }
        let (set, wakes) = (LocalSet::new(), Arc::new(Wakes::default()));
        let around = [pending::<()>(), pending(), pending()].map(|never| Box::pin(set.run_until(never)));
        let counts = Waker::from(wakes.clone());
        let wakers = [counts.clone(), Waker::from(Arc::new(Panics)), counts];
        let mut listeners: Vec<_> = around.into_iter().zip(wakers).collect();
        for (listener, waker) in &mut listeners {
            assert!(listener.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        }
        let before = wakes.0.load(SeqCst);
        let task = set.spawn_local(async { 5 });
        assert_eq!(wakes.0.load(SeqCst) - before, 2);
        drop(listeners);
        assert_eq!(set.run_until(task).await.unwrap(), 5);
    }
}

/// Sends a closure to a runtime on the handle of a set that is not being polled, and drops the set when
/// the task has begun.
async fn sends_beneath_a_set(handle: Handle, set: LocalSet) {
    let (begun, goes_on) = (Gate::default(), Gate::default());
    let (begins, waits) = (begun.clone(), goes_on.clone());
    let work = move || async move {
        begins.open();
        yield_now().await; // so that there is a job
        waits.wait().await;
        5
    };
    let sent = thread::spawn(move || handle.enter(|| task::spawn_with(work)));
    let sent = sent.join().unwrap();
    let mut begun = pin!(begun.wait());
    while !sent.is_finished() && poll_once(begun.as_mut()).await.is_pending() {
        yield_now().await;
    }
    assert!(set.is_empty());
    drop(set);
    goes_on.open();
    match sent.await {
        Ok(five) => assert_eq!(five, 5),
        Err(error) => assert!(error.unsupported().is_some(), "{error:?}"),
    }
}

with_every_runtime! {
    /// A closure from a thread where the set has none goes to the runtime beneath, and is *its* task,
    /// also if that runs it on the set's thread: whichever handle drives it there.
    fn what_the_runtime_beneath_took_does_not_go_with_the_set(start: Start) {
        let owner = start();
        let set = LocalSet::on(owner.handle());
        let handle = owner.block_on(set.run_until(async { Handle::current() }));
        owner.block_on(sends_beneath_a_set(handle.clone(), set));
        let set = LocalSet::on(owner.handle());
        let handle = owner.block_on(set.run_until(async { Handle::current() }));
        handle.block_on(sends_beneath_a_set(handle.clone(), set)).unwrap();
    }
}
