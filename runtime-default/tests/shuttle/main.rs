//! The real runtime under shuttle: its workers, beds, parkers, pool and timers, with random schedules.
//!
//! ```sh
//! RUSTFLAGS="--cfg shuttle" cargo test -p runtime-default --release --test shuttle
//! ```
//!
//! `src/sync.rs` puts shuttle's locks, threads and atomics in the place of the system's, and a poller
//! that is only a bell in the place of epoll. There are two kinds of models:
//!
//! - **Time stands still.** No tick ever comes, so whatever happens is due to a wake-up. A job that
//!   waits for a tick waits for ever, and shuttle reports a deadlock: this is the test for I1 and I2
//!   of `idle`. (A single job that a worker pushes for itself may rely on the tick to be *stolen*; it
//!   needs none to be run.)
//! - **Time passes**: sleeps with a limit end by themselves. Then a worker that hangs in a poll must
//!   be stood in for, with the jobs behind it, the driver and the timers.
//!
//! `nobodys` has tasks that no thread has as its own yet, `pool` the blocking pool.
//!
//! A failure prints a schedule; `shuttle::replay` runs it again. `SHUTTLE_ITERATIONS` sets how many
//! schedules each model tries.
#![cfg(shuttle)]

mod nobodys;
mod pool;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Count, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use runtime_default::parts::{Clock, Pool, PoolConfig, Timers};
use runtime_default::{Builder, Runtime, model};
use runtime_traits::hooks::{Key, Kind, Timer};
use runtime_traits::task::{JoinHandle, spawn, spawn_blocking, spawn_local, spawn_with, yield_now};
use runtime_traits::time::{Instant, sleep};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::atomic::AtomicBool;
use shuttle::sync::{Condvar, Mutex};
use shuttle::{Config, Runner, thread};

// ── exploring ───────────────────────────────────────────────────────────────────────────────

/// Whether sleeps with a limit end.
#[derive(Clone, Copy, PartialEq)]
enum Time {
    StandsStill,
    Passes,
}

/// Runs `body` under many schedules: half of them random, half with few and late preemptions.
fn explore(time: Time, body: impl Fn() + Send + Sync + Clone + 'static) {
    let rounds = std::env::var("SHUTTLE_ITERATIONS").ok().and_then(|n| n.parse().ok());
    let rounds = rounds.unwrap_or(10_000) / 2;
    let body = move || {
        model::let_time_pass(time == Time::Passes);
        body();
    };
    let mut config = Config::new();
    config.stack_size = 0x10_0000;
    config.max_steps = shuttle::MaxSteps::FailAfter(200_000);
    Runner::new(RandomScheduler::new(rounds), config.clone()).run(body.clone());
    Runner::new(PctScheduler::new(3, rounds), config).run(body);
}

/// Counts up; a thread may wait for a number.
#[derive(Clone, Default)]
struct Tally(Arc<(Mutex<usize>, Condvar)>);

impl Tally {
    fn add(&self) {
        *self.0.0.lock().unwrap() += 1;
        self.0.1.notify_all();
    }

    fn wait_for(&self, number: usize) {
        let count = self.0.0.lock().unwrap();
        let count = self.0.1.wait_while(count, |count| *count < number).unwrap();
        assert_eq!(*count, number);
    }

    fn wait_for_more_than(&self, number: usize) -> usize {
        let count = self.0.0.lock().unwrap();
        *self.0.1.wait_while(count, |count| *count <= number).unwrap()
    }

    fn count(&self) -> usize {
        *self.0.0.lock().unwrap()
    }
}

/// Counts the futures that hold it and are gone.
struct Gone(Tally);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// Where a task leaves its waker, and whether it may go on.
#[derive(Clone, Default)]
struct Door(Arc<(Mutex<Option<Waker>>, AtomicBool)>);

impl Door {
    /// Waits until it is opened.
    async fn pass(&self) {
        poll_fn(|cx| {
            let old = self.0.0.lock().unwrap().replace(cx.waker().clone());
            drop(old);
            if self.0.1.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Lets whoever waits go on; also one that comes later.
    fn open(&self) {
        self.0.1.store(true, SeqCst);
        let waker = self.0.0.lock().unwrap().take();
        waker.into_iter().for_each(Waker::wake);
    }
}

fn workers(n: usize) -> Runtime {
    Builder::new().worker_threads(n).max_blocking_threads(1).build().unwrap()
}

fn lent(n: usize) -> Runtime {
    Builder::new().lent_threads().worker_threads(n).build().unwrap()
}

// ── no wake-up is lost (time stands still) ──────────────────────────────────────────────────

/// Threads outside push jobs; every one is run.
fn jobs_from_outside(stations: usize, threads: usize, jobs: usize) {
    explore(Time::StandsStill, move || {
        let runtime = workers(stations);
        let tally = Tally::default();
        let pushers: Vec<_> = (0..threads)
            .map(|_| {
                let (handle, tally) = (runtime.handle().clone(), tally.clone());
                thread::spawn(move || {
                    for _ in 0..jobs {
                        let tally = tally.clone();
                        drop(handle.spawn(async move { tally.add() }));
                    }
                })
            })
            .collect();
        tally.wait_for(threads * jobs);
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
        drop(runtime);
    });
}

#[test]
fn jobs_from_outside_reach_two_workers() {
    jobs_from_outside(2, 2, 2);
}

#[test]
fn jobs_from_outside_reach_three_workers() {
    jobs_from_outside(3, 1, 3);
}

/// Tasks spawn tasks and join them, so that jobs are pushed by workers, stolen and woken across.
#[test]
fn tasks_of_tasks_are_run() {
    explore(Time::StandsStill, || {
        let runtime = workers(3);
        let join = runtime.spawn(async {
            let children: Vec<_> = (0..3)
                .map(|n| {
                    spawn(async move {
                        yield_now().await;
                        spawn(async move { n }).await.unwrap()
                    })
                })
                .collect();
            let mut sum = 0;
            for child in children {
                sum += child.await.unwrap();
            }
            sum
        });
        assert_eq!(runtime.block_on(join).unwrap(), 3);
    });
}

/// A worker that hangs in a poll until another task has run: jobs from outside are run by the others.
#[test]
fn a_hanging_worker_keeps_no_job_from_outside() {
    explore(Time::StandsStill, || {
        let runtime = workers(2);
        let tally = Tally::default();
        let hang = tally.clone();
        let hanging = runtime.spawn(async move { hang.wait_for(2) });
        for _ in 0..2 {
            let tally = tally.clone();
            drop(runtime.spawn(async move { tally.add() }));
        }
        runtime.block_on(hanging).unwrap();
    });
}

/// Two tasks pass a token through doors that a thread outside opens as well.
#[test]
fn wakes_from_outside_and_inside_are_heard() {
    explore(Time::StandsStill, || {
        let runtime = workers(2);
        let doors: [Door; 3] = Default::default();
        let joins: Vec<JoinHandle<()>> = (0..2)
            .map(|n| {
                let (mine, next) = (doors[n].clone(), doors[n + 1].clone());
                runtime.spawn(async move {
                    mine.pass().await;
                    next.open();
                })
            })
            .collect();
        let first = doors[0].clone();
        let outside = thread::spawn(move || first.open());
        let last = doors[2].clone();
        runtime.block_on(async move { last.pass().await });
        for join in joins {
            runtime.block_on(join).unwrap();
        }
        outside.join().unwrap();
    });
}

/// A current-thread runtime: its root, a task and a local task are woken from outside.
#[test]
fn one_thread_hears_all_wakes() {
    explore(Time::StandsStill, || {
        let runtime = Builder::new().current_thread().build().unwrap();
        let doors: [Door; 3] = Default::default();
        let openers: Vec<_> =
            doors.iter().cloned().map(|door| thread::spawn(move || door.open())).collect();
        let [root, task, local] = doors;
        runtime.block_on(async move {
            let local = spawn_local(async move { local.pass().await });
            let task = spawn(async move { task.pass().await });
            root.pass().await;
            local.await.unwrap();
            task.await.unwrap();
        });
        openers.into_iter().for_each(|opener| opener.join().unwrap());
    });
}

/// Local tasks of one of two lent threads are woken by the other and from outside.
#[test]
fn local_tasks_are_woken_across_threads() {
    explore(Time::StandsStill, || {
        let runtime = Arc::new(lent(2));
        let (door, other) = (Door::default(), Door::default());
        let threads = [(door.clone(), other.clone()), (other, door)].map(|(mine, theirs)| {
            let runtime = runtime.clone();
            thread::spawn(move || {
                runtime.run(async move {
                    let local = spawn_local(async move { mine.pass().await });
                    spawn(async move { theirs.open() }).await.unwrap();
                    local.await.unwrap();
                });
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// More threads are lent than there are stations: those without one take over when one is vacated,
/// and a task goes on when its thread leaves.
#[test]
fn lent_threads_follow_each_other() {
    explore(Time::StandsStill, || {
        let runtime = Arc::new(lent(1));
        let door = Door::default();
        let inner = door.clone();
        let task = runtime.spawn(async move { inner.pass().await });
        let other = {
            let runtime = runtime.clone();
            thread::spawn(move || runtime.run(async { yield_now().await }))
        };
        let opener = thread::spawn(move || door.open());
        runtime.run(task).unwrap();
        other.join().unwrap();
        opener.join().unwrap();
    });
}

// ── the end (time stands still) ─────────────────────────────────────────────────────────────

/// SHUTDOWN-1, SHUTDOWN-3, WAKE-5: the runtime is dropped while a thread spawns on it and another
/// wakes a task of it. Every future is dropped once, every handle resolves.
#[test]
fn the_end_races_with_spawns_and_wakes() {
    explore(Time::StandsStill, || {
        let runtime = workers(2);
        let gone = Tally::default();
        let door = Door::default();
        let (guard, inner) = (Gone(gone.clone()), door.clone());
        let parked = runtime.spawn(async move {
            let _guard = guard;
            inner.pass().await;
            yield_now().await;
        });
        let spawner = {
            let (handle, gone) = (runtime.handle().clone(), gone.clone());
            thread::spawn(move || {
                let joins: Vec<_> = (0..2)
                    .map(|_| {
                        let guard = Gone(gone.clone());
                        handle.spawn(async move {
                            let _guard = guard;
                            yield_now().await;
                        })
                    })
                    .collect();
                for join in joins {
                    let _ = shuttle::future::block_on(join);
                }
            })
        };
        let opener = thread::spawn(move || door.open());
        drop(runtime);
        let _ = shuttle::future::block_on(parked);
        spawner.join().unwrap();
        opener.join().unwrap();
        gone.wait_for(3);
    });
}

/// A wake that has begun when the runtime ends brings its job late, and a shutdown that waits waits
/// for it (SHUTDOWN-1).
#[test]
fn the_end_waits_for_a_late_wake() {
    explore(Time::StandsStill, || {
        let runtime = workers(1);
        let (gone, door) = (Tally::default(), Door::default());
        let (guard, inner) = (Gone(gone.clone()), door.clone());
        drop(runtime.spawn(async move {
            let _guard = guard;
            inner.pass().await;
        }));
        let opener = thread::spawn(move || door.open());
        drop(runtime);
        assert_eq!(*gone.0.0.lock().unwrap(), 1, "the shutdown has returned");
        opener.join().unwrap();
    });
}

/// A blocking closure runs, or its handle resolves cancelled; the drop of the runtime waits for it.
#[test]
fn the_end_races_with_blocking_closures() {
    explore(Time::StandsStill, || {
        let runtime = workers(1);
        let gone = Tally::default();
        let (one, two) = (Gone(gone.clone()), Gone(gone.clone()));
        let task = runtime.spawn(async move {
            let _ = spawn_blocking(move || drop(one)).await;
            let _ = spawn_blocking(move || drop(two)).await;
        });
        drop(runtime);
        let _ = shuttle::future::block_on(task);
        gone.wait_for(2);
    });
}

// ── somebody stands in (time passes) ────────────────────────────────────────────────────────

/// A worker pushes one job and hangs until that has run: it is stolen, a tick later.
fn a_job_behind_a_long_poll(stations: usize) {
    explore(Time::Passes, move || {
        let runtime = workers(stations);
        let hanging = runtime.spawn(async {
            yield_now().await;
            let tally = Tally::default();
            let done = tally.clone();
            let job = spawn(async move { done.add() });
            tally.wait_for(1);
            job.await.unwrap();
        });
        runtime.block_on(hanging).unwrap();
    });
}

#[test]
fn a_job_behind_a_long_poll_is_stolen_by_the_other_worker() {
    a_job_behind_a_long_poll(2);
}

#[test]
fn a_job_behind_a_long_poll_is_stolen_by_one_of_two() {
    a_job_behind_a_long_poll(3);
}

/// All workers but one hang until a timer has fired: the one that is left drives.
fn a_driver_is_left(stations: usize) {
    explore(Time::Passes, move || {
        let runtime = workers(stations);
        let tally = Tally::default();
        let mut hanging: Vec<_> = (1..stations)
            .map(|n| {
                let tally = tally.clone();
                runtime.spawn(async move {
                    sleep(Duration::from_millis(n as u64)).await;
                    tally.wait_for(1);
                })
            })
            .collect();
        hanging.push(runtime.spawn(async move {
            sleep(Duration::from_millis(5)).await;
            sleep(Duration::from_millis(5)).await;
            tally.add();
        }));
        for task in hanging {
            runtime.block_on(task).unwrap();
        }
    });
}

#[test]
fn a_driver_that_is_left_is_taken_over_by_the_other_worker() {
    a_driver_is_left(2);
}

#[test]
fn a_driver_that_is_left_is_taken_over_by_a_third() {
    a_driver_is_left(3);
}

/// Roots of lent threads hang until a task has run that either of them could run.
#[test]
fn a_hanging_root_keeps_no_job() {
    explore(Time::Passes, || {
        let runtime = Arc::new(lent(2));
        let (door, tally) = (Door::default(), Tally::default());
        let hanging = {
            let (runtime, door, tally) = (runtime.clone(), door.clone(), tally.clone());
            thread::spawn(move || {
                runtime.run(async move {
                    door.pass().await;
                    tally.wait_for(1);
                });
            })
        };
        let opener = thread::spawn(move || door.open());
        let handle = runtime.handle().clone();
        let pusher = thread::spawn(move || drop(handle.spawn(async move { tally.add() })));
        let end = Door::default();
        let serving = {
            let (runtime, end) = (runtime.clone(), end.clone());
            thread::spawn(move || runtime.run(async move { end.pass().await }))
        };
        hanging.join().unwrap();
        end.open();
        serving.join().unwrap();
        opener.join().unwrap();
        pusher.join().unwrap();
    });
}

/// Timers that tasks on all workers arm while the driver falls asleep; each fires.
#[test]
fn timers_fire() {
    explore(Time::Passes, || {
        let runtime = workers(2);
        let joins: Vec<_> = [3, 1, 2]
            .map(|ms| runtime.spawn(async move { sleep(Duration::from_millis(ms)).await }))
            .into();
        for join in joins {
            runtime.block_on(join).unwrap();
        }
    });
}

/// M1, M2: deadlines are armed, later ones first, while the driver falls asleep. It sleeps on a bell
/// and on nothing else, unless it knows a deadline: one that it was not told of never comes.
#[test]
fn a_deadline_that_is_armed_while_the_driver_falls_asleep_rings() {
    explore(Time::StandsStill, || {
        let bell = Tally::default();
        let ring = bell.clone();
        let timers = Arc::new(Timers::new(Clock::Manual(0.into()), move || ring.add()));
        let fired = Arc::new(Count::new(0));
        let armers = [2_000_000, 1_000_000].map(|at| {
            let (timers, waker) = (timers.clone(), Waker::from(Arc::new(Fired(fired.clone()))));
            let bell = bell.clone();
            thread::spawn(move || {
                let mut key = Key::NONE;
                let mut cx = Context::from_waker(&waker);
                let at = Instant::from_nanos(at);
                if timers.poll_until(&mut key, at, Duration::ZERO, &mut cx).is_ready() {
                    waker.wake(); // late: the clock was there already
                    bell.add();
                }
                key
            })
        });
        let mut heard = 0;
        while fired.load(SeqCst) < 2 {
            match timers.fall_asleep(None) {
                None => heard = bell.wait_for_more_than(heard),
                Some(delay) => {
                    thread::yield_now();
                    let Clock::Manual(now) = timers.clock() else { unreachable!() };
                    // A ring ends the sleep early: another deadline may be nearer.
                    let rung = bell.count();
                    if rung == heard {
                        now.fetch_add(delay.as_nanos() as u64, SeqCst);
                    }
                    heard = rung;
                }
            }
            let mut due = Vec::new();
            timers.wake_up(&mut due);
            due.into_iter().for_each(Waker::wake);
        }
        for armer in armers {
            timers.forget(&mut armer.join().unwrap());
        }
    });
}

struct Fired(Arc<Count>);

impl Wake for Fired {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}
