//! What the executor promises, in each of its flavours.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use runtime_default::{Builder, Runtime};
use runtime_traits::hooks::State;
use runtime_traits::task::{self, TaskGroup, yield_now};
use runtime_traits::{Handle, time};

/// Runs a test on two workers, on one, and on the calling thread.
fn on_each(test: impl Fn(&Runtime)) {
    for builder in [
        Builder::new().worker_threads(2),
        Builder::new().worker_threads(1),
        Builder::new().current_thread(),
        Builder::new().lent_threads().worker_threads(2),
    ] {
        test(&builder.build().unwrap());
    }
}

#[test]
fn detached_tasks_run() {
    on_each(|runtime| {
        let count = Arc::new(AtomicUsize::new(0));
        let done = count.clone();
        runtime.block_on(async move {
            for _ in 0..1000 {
                let count = count.clone();
                drop(runtime_traits::spawn(async move {
                    yield_now().await;
                    count.fetch_add(1, SeqCst);
                }));
            }
            while done.load(SeqCst) < 1000 {
                yield_now().await;
            }
        });
    });
}

#[test]
fn tasks_spawn_and_join_tasks() {
    fn sum(depth: u32) -> std::pin::Pin<Box<dyn Future<Output = u32> + Send>> {
        Box::pin(async move {
            if depth == 0 {
                return 1;
            }
            let left = runtime_traits::spawn(sum(depth - 1));
            let right = runtime_traits::spawn(sum(depth - 1));
            left.await.unwrap() + right.await.unwrap()
        })
    }
    on_each(|runtime| assert_eq!(runtime.block_on(sum(8)), 256));
}

#[test]
fn wakes_from_other_threads_are_never_lost() {
    on_each(|runtime| {
        let (ask, asked): (Sender<std::task::Waker>, Receiver<_>) = channel();
        let waker_thread = thread::spawn(move || asked.into_iter().for_each(|w| w.wake()));
        runtime.block_on(async move {
            for _ in 0..2000 {
                let mut asked = false;
                poll_fn(|cx| {
                    if asked {
                        return Poll::Ready(());
                    }
                    asked = true;
                    ask.send(cx.waker().clone()).unwrap();
                    Poll::Pending
                })
                .await;
            }
        });
        waker_thread.join().unwrap();
    });
}

#[test]
fn sleeping_tasks_wake_in_order() {
    on_each(|runtime| {
        let order = runtime.block_on(async {
            let (send, receive) = channel();
            let mut group = TaskGroup::new();
            for ms in [9u64, 3, 6] {
                let send = send.clone();
                group.spawn(async move {
                    let start = time::Instant::now();
                    time::sleep(Duration::from_millis(ms)).await;
                    assert!(start.elapsed() >= Duration::from_millis(ms), "early");
                    send.send(ms).unwrap();
                });
            }
            while let Some(ended) = group.join_next().await {
                ended.unwrap();
            }
            receive.try_iter().count()
        });
        assert_eq!(order, 3);
    });
}

#[test]
fn an_earlier_timer_from_another_thread_interrupts_the_driver() {
    on_each(|runtime| {
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            let long = runtime_traits::spawn(time::sleep(Duration::from_secs(3600)));
            let (done, ended) = channel();
            let other = thread::spawn(move || {
                drop(handle.spawn(async move {
                    time::sleep(Duration::from_millis(1)).await;
                    done.send(()).unwrap();
                }));
            });
            while ended.try_recv().is_err() {
                time::sleep(Duration::from_millis(2)).await;
            }
            other.join().unwrap();
            assert!(long.cancel().await.unwrap_err().is_cancelled());
        });
    });
}

#[test]
fn a_job_behind_a_long_poll_is_stolen() {
    let runtime = Builder::new().worker_threads(2).build().unwrap();
    for _ in 0..20 {
        let (open, gate) = channel::<()>();
        let blocked = runtime.spawn(async move {
            // On this worker's queue, while this poll does not return before it has run.
            drop(runtime_traits::spawn(async move { open.send(()).unwrap() }));
            gate.recv().unwrap();
        });
        runtime.block_on(blocked).unwrap();
    }
}

#[test]
fn timers_and_sources_are_driven_while_a_worker_is_stuck() {
    let runtime = Builder::new().worker_threads(2).build().unwrap();
    for _ in 0..20 {
        let (open, gate) = channel::<()>();
        let stuck = runtime.spawn(async move {
            time::sleep(Duration::from_micros(500)).await;
            drop(runtime_traits::spawn(async move {
                time::sleep(Duration::from_millis(1)).await;
                open.send(()).unwrap();
            }));
            gate.recv().unwrap();
        });
        runtime.block_on(stuck).unwrap();
    }
}

#[test]
fn local_tasks_stay_on_their_thread() {
    let runtime = Builder::new().current_thread().build().unwrap();
    let here = thread::current().id();
    let ran = runtime.block_on(async move {
        let shared = std::rc::Rc::new(std::cell::Cell::new(0));
        let mut joins = Vec::new();
        for _ in 0..200 {
            let shared = shared.clone();
            joins.push(task::spawn_local(async move {
                yield_now().await;
                assert_eq!(thread::current().id(), here);
                shared.set(shared.get() + 1);
            }));
        }
        for join in joins {
            join.await.unwrap();
        }
        shared.get()
    });
    assert_eq!(ran, 200);
}

/// FAIR-1: a local task that always gives way lets the others run, and they it.
#[test]
fn local_tasks_and_others_take_turns() {
    let runtime = Builder::new().current_thread().build().unwrap();
    runtime.block_on(async {
        let done = Arc::new(AtomicUsize::new(0));
        let (here, there) = (done.clone(), done.clone());
        let local = task::spawn_local(async move {
            while here.load(SeqCst) == 0 {
                yield_now().await;
            }
            here.store(2, SeqCst);
        });
        let shared = runtime_traits::spawn(async move {
            there.store(1, SeqCst);
            while there.load(SeqCst) != 2 {
                yield_now().await;
            }
        });
        local.await.unwrap();
        shared.await.unwrap();
    });
}

#[test]
fn a_graceful_shutdown_waits_for_local_tasks_too() {
    let runtime = Builder::new().worker_threads(1).build().unwrap();
    let (opened, gate) = channel();
    let (told, ended) = channel();
    drop(runtime.spawn(async move {
        drop(task::spawn_local(async move {
            opened.send(()).unwrap();
            time::sleep(Duration::from_millis(2)).await;
            told.send(()).unwrap();
        }));
    }));
    gate.recv().unwrap();
    assert!(runtime.shutdown_timeout(Duration::from_secs(60)));
    ended.try_recv().unwrap();
}

#[test]
fn a_runtime_may_end_in_a_blocking_closure_of_another() {
    let outer = Builder::new().worker_threads(1).build().unwrap();
    let inner = Builder::new().worker_threads(1).build().unwrap();
    let end = outer
        .handle()
        .enter(|| task::spawn_blocking(move || inner.shutdown_timeout(Duration::from_secs(60))));
    assert!(outer.block_on(end).unwrap());
}

#[test]
fn a_thread_hook_that_panics_costs_no_worker() {
    let runtime = Builder::new().worker_threads(1).on_thread_start(|| panic!("hook")).build();
    let runtime = runtime.unwrap();
    assert_eq!(runtime.block_on(runtime.spawn(async { 3 })).unwrap(), 3);
}

#[test]
fn a_local_task_is_dropped_at_home_when_its_thread_leaves() {
    struct Here(thread::ThreadId, Arc<AtomicUsize>);
    impl Drop for Here {
        fn drop(&mut self) {
            assert_eq!(thread::current().id(), self.0);
            self.1.fetch_add(1, SeqCst);
        }
    }
    let runtime = Builder::new().current_thread().build().unwrap();
    let drops = Arc::new(AtomicUsize::new(0));
    let guard = Here(thread::current().id(), drops.clone());
    let mut kept = None;
    runtime.block_on(async {
        kept = Some(task::spawn_local(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        }));
        yield_now().await;
    });
    assert_eq!(drops.load(SeqCst), 1);
    let outcome = runtime.block_on(kept.unwrap());
    assert!(outcome.unwrap_err().is_cancelled());
}

#[test]
fn local_tasks_outside_a_worker_say_why_not() {
    let runtime = Builder::new().worker_threads(1).build().unwrap();
    let error = runtime.block_on(async { task::spawn_local(async {}).await }).unwrap_err();
    assert_eq!(error.unsupported().unwrap().to_string(), "runtime `default` has no local");
}

#[test]
fn a_local_task_that_is_refused_keeps_the_panic_of_its_destructor() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a destructor's panic, as the test wants it");
        }
    }
    let runtime = Builder::new().worker_threads(1).build().unwrap();
    let bomb = Bomb;
    let refused = runtime.block_on(async { task::spawn_local(async move { drop(bomb) }).await });
    assert!(refused.unwrap_err().unsupported().is_some());
}

#[test]
fn blocking_closures_run_side_by_side_and_are_inside_the_runtime() {
    on_each(|runtime| {
        let handle = runtime.handle().clone();
        runtime.block_on(async move {
            let meet = Arc::new(Barrier::new(2));
            let mut group = TaskGroup::new();
            for _ in 0..2 {
                let (meet, handle) = (meet.clone(), handle.clone());
                group.insert(task::spawn_blocking(move || {
                    meet.wait();
                    assert_eq!(Handle::current(), handle);
                    // Blocking on the runtime works from here.
                    Handle::current()
                        .block_on(async { time::sleep(Duration::ZERO).await })
                        .unwrap();
                }));
            }
            while let Some(ended) = group.join_next().await {
                ended.unwrap();
            }
        });
    });
}

#[test]
fn a_nested_block_on_is_refused_in_a_worker() {
    on_each(|runtime| {
        let handle = runtime.handle().clone();
        let nested = runtime.block_on(async {
            runtime_traits::spawn(async move { handle.block_on(async {}) }).await.unwrap()
        });
        assert!(nested.unwrap_err().to_string().contains("already inside"));
        runtime.block_on(async { time::sleep(Duration::from_millis(1)).await });
    });
}

#[test]
fn a_panic_of_the_root_leaves_the_runtime_usable() {
    on_each(|runtime| {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(async { panic!("root") });
        }));
        assert!(panicked.is_err());
        assert!(Handle::try_current().is_err());
        assert_eq!(runtime.block_on(runtime.spawn(async { 5 })).unwrap(), 5);
    });
}

#[test]
fn several_threads_block_on_one_runtime() {
    on_each(|runtime| {
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let join = runtime.spawn(async {
                            time::sleep(Duration::from_micros(50)).await;
                            3
                        });
                        assert_eq!(runtime.block_on(join).unwrap(), 3);
                    }
                });
            }
        });
    });
}

#[test]
fn shutdown_drops_every_task_and_late_ones_are_cancelled() {
    struct Guard(Arc<AtomicUsize>);
    impl Drop for Guard {
        fn drop(&mut self) {
            assert!(Handle::try_current().is_ok(), "dropped outside the runtime");
            // Spawning from a destructor, during the end.
            drop(runtime_traits::spawn(async { unreachable!("after the end") }));
            self.0.fetch_add(1, SeqCst);
        }
    }
    for builder in [Builder::new().worker_threads(2), Builder::new().current_thread()] {
        let runtime = builder.build().unwrap();
        let drops = Arc::new(AtomicUsize::new(0));
        let mut joins = Vec::new();
        for n in 0..200u64 {
            let guard = Guard(drops.clone());
            joins.push(runtime.spawn(async move {
                let _guard = guard;
                match n % 4 {
                    0 => std::future::pending().await,
                    1 => time::sleep(Duration::from_secs(3600)).await,
                    2 => loop {
                        yield_now().await;
                    },
                    _ => {}
                }
            }));
        }
        runtime.block_on(async { time::sleep(Duration::from_millis(1)).await });
        let handle = runtime.handle().clone();
        drop(runtime);
        assert_eq!(drops.load(SeqCst), 200);
        assert_eq!(handle.info().state, State::ShutDown);
        let late = handle.spawn(async {});
        let other = Builder::new().current_thread().build().unwrap();
        assert!(other.block_on(late).unwrap_err().is_cancelled());
        for join in joins {
            let _ = other.block_on(join);
        }
        assert_eq!(handle.metrics().tasks_alive, Some(0));
    }
}

#[test]
fn a_graceful_shutdown_lets_tasks_finish() {
    for builder in [Builder::new().worker_threads(2), Builder::new().current_thread()] {
        let runtime = builder.build().unwrap();
        let join = runtime.spawn(async {
            time::sleep(Duration::from_millis(5)).await;
            7
        });
        assert!(runtime.shutdown_timeout(Duration::from_secs(60)));
        let other = Builder::new().current_thread().build().unwrap();
        assert_eq!(other.block_on(join).unwrap(), 7);
    }
}

#[test]
fn a_runtime_dropped_inside_its_own_task_ends() {
    for builder in [Builder::new().worker_threads(2), Builder::new().worker_threads(1)] {
        let runtime = builder.build().unwrap();
        let (send, receive) = channel::<Runtime>();
        let (told, ended) = channel();
        let handle = runtime.handle().clone();
        drop(runtime.spawn(async move {
            drop(receive.recv().unwrap());
            told.send(()).unwrap();
        }));
        send.send(runtime).unwrap();
        ended.recv().unwrap();
        assert_eq!(handle.info().state, State::ShutDown);
    }
}

#[test]
fn a_sleep_that_outlives_its_runtime_says_so() {
    let runtime = Builder::new().worker_threads(1).build().unwrap();
    let mut sleep = runtime.handle().enter(|| time::sleep(Duration::from_secs(3600)));
    let other = Builder::new().current_thread().build().unwrap();
    let pending = other.block_on(poll_fn(|cx| Poll::Ready(sleep.poll_elapsed(cx).is_pending())));
    assert!(pending);
    drop(runtime);
    let gone = other.block_on(poll_fn(|cx| sleep.poll_elapsed(cx)));
    assert!(gone.is_err());
}

#[test]
fn the_crates_own_runtime_starts_by_itself() {
    let join = runtime_default::spawn(async { Handle::current() });
    assert_eq!(runtime_default::block_on(join).unwrap(), runtime_default::handle());
}

#[runtime_default::test]
async fn the_attribute_runs_a_test() {
    assert_eq!(runtime_traits::spawn(async { 1 }).await.unwrap(), 1);
}

#[test]
fn metrics_count() {
    let runtime = Builder::new().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        for _ in 0..10 {
            runtime_traits::spawn(yield_now()).await.unwrap();
        }
    });
    let metrics = runtime.handle().metrics();
    assert!(metrics.polls.unwrap() >= 20);
    assert_eq!(metrics.timers, Some(0));
}

/// A chain of parked tasks: each holds, with what `hold` makes of it, the only waker of the one before.
fn chain<H: Send + 'static>(runtime: &Runtime, length: usize, hold: impl Fn(Option<Waker>) -> H) {
    let (slot, polled) = (Arc::<Mutex<Option<Waker>>>::default(), Arc::new(AtomicUsize::new(0)));
    for at in 0..length {
        let (slot, here) = (slot.clone(), polled.clone());
        // One after the other, so that the waker is known before the future is made.
        let before = slot.lock().unwrap().take();
        let held = hold(before);
        drop(runtime.spawn(poll_fn(move |cx| {
            let _held = &held;
            if slot.lock().unwrap().replace(cx.waker().clone()).is_none() {
                here.fetch_add(1, SeqCst);
            }
            Poll::<()>::Pending
        })));
        runtime.block_on(async {
            while polled.load(SeqCst) <= at {
                yield_now().await;
            }
        });
    }
}

#[test]
fn the_end_needs_no_stack_for_a_chain_of_wakers() {
    on_each(|runtime| chain(runtime, 20_000, |waker| waker));
}

#[test]
fn at_the_end_a_destructor_that_wakes_drops_nobody_else() {
    struct Wakes(Option<Waker>, Arc<AtomicUsize>);
    impl Drop for Wakes {
        fn drop(&mut self) {
            thread_local! { static INSIDE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) } }
            if !INSIDE.replace(true) {
                self.1.fetch_add(1, SeqCst);
            }
            self.0.take().into_iter().for_each(Waker::wake);
            INSIDE.set(false);
        }
    }
    let alone = Arc::new(AtomicUsize::new(0));
    let before = Arc::clone(&alone);
    on_each(move |runtime| {
        chain(runtime, 100, |waker| Wakes(waker, alone.clone()));
    });
    assert_eq!(before.load(SeqCst), 400, "dropped inside another task's destructor");
}

/// BLOCKON-5: who waits for the only station looks after timers while the one who has it is busy.
#[test]
fn a_timer_beside_a_long_poll_of_another_root_fires() {
    let runtime = Builder::new().current_thread().build().unwrap();
    let (begun, entered) = std::sync::mpsc::channel();
    let (done, over) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(|| {
            runtime.block_on(async move {
                begun.send(()).unwrap();
                over.recv().unwrap(); // a poll that lasts until the timer has fired
            });
        });
        entered.recv().unwrap();
        runtime.block_on(async { time::sleep(Duration::from_millis(5)).await });
        done.send(()).unwrap();
    });
}

/// The same for one who slept beside a driver that was attended, and then was not.
#[test]
fn a_driver_that_is_left_is_looked_after_by_who_waits_for_a_station() {
    let runtime = Builder::new().current_thread().build().unwrap();
    let (go, gone) = (Arc::new(tally::Tally::default()), Arc::new(tally::Tally::default()));
    let (done, over) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        let (leaves, says) = (go.clone(), gone.clone());
        let runtime = &runtime;
        scope.spawn(move || {
            runtime.block_on(async move {
                leaves.reached().await; // lies at the driver meanwhile
                says.reach();
                over.recv().unwrap();
            });
        });
        let waits = gone.clone();
        scope.spawn(move || {
            runtime.block_on(async move {
                let late = time::sleep(Duration::from_millis(60));
                waits.reached().await;
                late.await;
                done.send(()).unwrap();
            });
        });
        thread::sleep(Duration::from_millis(40)); // so that the second one is likely to doze
        go.reach();
    });
}

/// A flag that a future can await.
mod tally {
    use std::future::poll_fn;
    use std::sync::Mutex;
    use std::task::{Poll, Waker};

    #[derive(Default)]
    pub(super) struct Tally(Mutex<(bool, Option<Waker>)>);

    impl Tally {
        pub(super) fn reach(&self) {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            let waker = state.1.take();
            drop(state);
            waker.into_iter().for_each(Waker::wake);
        }

        pub(super) async fn reached(&self) {
            poll_fn(|cx| {
                let mut state = self.0.lock().unwrap();
                state.1 = Some(cx.waker().clone());
                if state.0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    }
}
