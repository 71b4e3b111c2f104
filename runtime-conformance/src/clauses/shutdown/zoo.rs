//! SHUTDOWN-2: destructors that do things, and things that arrive meanwhile.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use runtime_traits::time::{Duration, sleep};

use crate::Cap;
use crate::rig::Rig;
use crate::rt::{Join, Rt};
use crate::toolbox::{Random, Stress, Tally, hand_poll};

/// How often a runtime with the whole zoo is ended.
const ROUNDS: usize = 12;
/// How many animals of each kind.
const EACH: usize = 2;
/// How often one is ended under fire.
const FIRES: usize = 16;

/// What animals share.
struct Zoo {
    rt: Rt,
    time: bool,
    blocking: bool,
    /// What user code would guard with a lock: destructors take it, also while they wake.
    cage: Mutex<()>,
    wakers: Mutex<Vec<Waker>>,
    joins: Mutex<Vec<Join<()>>>,
    /// A task waits for this.
    mail: Tally,
    polled: Tally,
}

/// What a destructor does.
type Habit = fn(&Zoo, &Waker);

/// Twelve habits that were deadlocks elsewhere.
const HABITS: [Habit; 12] = [
    |zoo, _| zoo.wake_all(),
    |_, own| own.wake_by_ref(),
    |zoo, _| drop(zoo.rt.spawn(async {})),
    |zoo, _| zoo.take_joins().iter().for_each(Join::abort),
    |zoo, _| {
        let _caged = lock(&zoo.cage);
        zoo.wake_all();
    },
    |zoo, _| drop(lock(&zoo.cage)),
    |zoo, _| zoo.mail.add(),
    |zoo, own| {
        for mut join in zoo.take_joins() {
            let _ = (join.is_finished(), hand_poll(&mut join, own));
        }
    },
    |zoo, own| zoo.use_a_timer(own),
    |zoo, _| zoo.dispatch(),
    |zoo, _| zoo.rt.enter(|| drop(zoo.rt.spawn(async {}))),
    |zoo, own| {
        let _caged = lock(&zoo.cage);
        drop(own.clone());
        drop(zoo.rt.current());
    },
];

impl Zoo {
    fn new(rig: &Rig<'_>, rt: &Rt) -> Arc<Zoo> {
        Arc::new(Zoo {
            rt: rt.clone(),
            time: rig.has(Cap::Time),
            blocking: rig.has(Cap::Blk),
            cage: Mutex::new(()),
            wakers: Mutex::default(),
            joins: Mutex::default(),
            mail: Tally::new(),
            polled: Tally::new(),
        })
    }

    fn wake_all(&self) {
        let wakers = lock(&self.wakers).clone();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Half of the handles, so that others find some too.
    fn take_joins(&self) -> Vec<Join<()>> {
        let mut joins = lock(&self.joins);
        let half = joins.len() / 2;
        joins.split_off(half)
    }

    fn use_a_timer(&self, waker: &Waker) {
        if self.time {
            let mut nap = self.rt.enter(|| sleep(Duration::from_secs(3600)));
            let _ = nap.poll_elapsed(&mut Context::from_waker(waker));
        }
    }

    fn dispatch(&self) {
        if self.blocking {
            drop(self.rt.spawn_blocking(|| ()));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A task that waits for ever, and has a habit.
struct Animal {
    zoo: Arc<Zoo>,
    habit: Habit,
    own: Option<Waker>,
}

impl Future for Animal {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.own.is_none() {
            self.own = Some(cx.waker().clone());
            lock(&self.zoo.wakers).push(cx.waker().clone());
            self.zoo.polled.add();
        }
        Poll::Pending
    }
}

impl Drop for Animal {
    fn drop(&mut self) {
        (self.habit)(&self.zoo, self.own.as_ref().unwrap_or(Waker::noop()));
    }
}

/// SHUTDOWN-2: the shutdown comes to its end, whatever destructors do.
///
/// Method: tasks park whose destructors wake others or themselves, spawn, abort, lock a mutex that
/// they all take (also while they wake), send, poll handles, and use timers and the blocking pool;
/// half are woken before, and the order is random. The only red verdict is a hang.
///
/// If this fails, look for a lock of the scheduler that is held while a task is dropped, for a wake
/// that drops a task on the waker's stack, and for a loop that ends when a queue is empty while
/// destructors fill it.
pub(super) fn shutdown_2_destructors_may_do_anything(rig: &Rig<'_>) {
    let mut stress = Stress::new(rig.random(), rig.rounds(ROUNDS));
    while stress.again() {
        let rt = rig.rt();
        let zoo = Zoo::new(rig, &rt);
        let mut habits: Vec<Habit> = HABITS.iter().flat_map(|habit| [*habit; EACH]).collect();
        shuffle(&mut habits, stress.random());
        let animals = habits.len();
        for habit in habits {
            let join = rt.spawn(Animal { zoo: zoo.clone(), habit, own: None });
            lock(&zoo.joins).push(join);
        }
        let reads = zoo.clone();
        drop(rt.spawn(async move { reads.mail.reached(usize::MAX).await }));
        rig.drive(&rt, "SHUTDOWN-2: the first poll of 24 tasks", zoo.polled.reached(animals));
        let woken = lock(&zoo.wakers)[..animals / 2].to_vec();
        woken.into_iter().for_each(Waker::wake);
        rig.shutdown(rt);
        let left = zoo.take_joins(); // handles hold nothing of the zoo, wakers may
        drop(left);
        lock(&zoo.joins).clear();
        let wakers = std::mem::take(&mut *lock(&zoo.wakers));
        drop(wakers);
    }
    rig.witness("rounds", stress.done(), 1);
}

fn shuffle(habits: &mut [Habit], random: &mut Random) {
    for place in (1..habits.len()).rev() {
        habits.swap(place, random.below(place as u64 + 1) as usize);
    }
}

/// SHUTDOWN-2: the same while wakes, timers and events of sockets arrive without end.
///
/// Method: tasks that sleep again and again, and tasks that read from sockets, which other threads
/// write to; another one wakes all of them. All of that goes on until the shutdown has returned. The
/// number of wakes that came before that is the witness.
pub(super) fn shutdown_2_events_may_arrive_meanwhile(rig: &Rig<'_>) {
    let mut stress = Stress::new(rig.random(), rig.rounds(FIRES));
    let mut wakes = 0;
    while stress.again() {
        let rt = rig.rt();
        let zoo = Zoo::new(rig, &rt);
        let mut peers = Peers::new(rig, &rt);
        for _ in 0..8 {
            drop(rt.spawn(Animal { zoo: zoo.clone(), habit: HABITS[0], own: None }));
        }
        if rig.has(Cap::Time) {
            (0..8).for_each(|_| drop(rt.spawn(sleeps_on(rt.clone()))));
        }
        rig.drive(&rt, "SHUTDOWN-2: the first poll of eight tasks", zoo.polled.reached(8));
        let (over, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::new()));
        let (until, says, wakers) = (over.clone(), begun.clone(), lock(&zoo.wakers).clone());
        let storm = thread::spawn(move || {
            let mut wakes = 0;
            while !until.load(Ordering::Relaxed) {
                wakers.iter().for_each(Waker::wake_by_ref);
                peers.write();
                wakes += 1;
                if wakes == 1 {
                    says.add();
                }
            }
            wakes
        });
        crate::rig::await_outside("SHUTDOWN-2: a thread to start", begun.reached(1));
        stress.perturb();
        rig.shutdown(rt);
        over.store(true, Ordering::Relaxed);
        wakes += storm.join().expect("SHUTDOWN-2: a wake panicked during the shutdown");
        let wakers = std::mem::take(&mut *lock(&zoo.wakers));
        drop(wakers);
    }
    rig.witness("wakes", wakes, 16);
}

async fn sleeps_on(rt: Rt) {
    loop {
        rt.enter(|| sleep(Duration::from_micros(200))).await;
    }
}

/// Sockets whose other ends are read by tasks.
struct Peers {
    #[cfg(unix)]
    writing: Vec<std::os::unix::net::UnixStream>,
}

impl Peers {
    #[cfg(unix)]
    fn new(rig: &Rig<'_>, rt: &Rt) -> Peers {
        use std::io::Read;

        let count = if rig.has(Cap::Fd) { 4 } else { 0 };
        let pairs = (0..count).map(|_| crate::usable::a_socket(rig, rt));
        let (reading, writing): (Vec<_>, Vec<_>) = pairs.unzip();
        for socket in reading {
            drop(rt.spawn(async move {
                let mut buffer = [0; 256];
                while socket.read_with(|mut socket| socket.read(&mut buffer)).await.is_ok() {}
            }));
        }
        writing.iter().for_each(|peer| peer.set_nonblocking(true).expect("a socket's mode"));
        Peers { writing }
    }

    #[cfg(not(unix))]
    fn new(_: &Rig<'_>, _: &Rt) -> Peers {
        Peers {}
    }

    /// A byte to each; a full one, or one that was closed, is left alone.
    fn write(&mut self) {
        #[cfg(unix)]
        for peer in &mut self.writing {
            let _ = std::io::Write::write(peer, b"x");
        }
    }
}
