//! Beginning, blocking, hosting and ending.

mod support;

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use runtime_smol::{Builder, Handle, Runtime, hosted, hosted_static};
use runtime_traits::hooks::{Key, Kind, Meta, State, Task};
use runtime_traits::task::yield_now;
use runtime_traits::{Gone, RefusedWhy};
use support::{Drops, Gate, alone};

fn many() -> Runtime {
    Builder::new().worker_threads(2).build().unwrap()
}

fn one() -> Runtime {
    Builder::new().current_thread().build().unwrap()
}

/// A runtime after its end: everything says so, nothing hangs.
fn assert_ended(handle: &Handle) {
    assert_eq!(handle.info().state, State::ShutDown);
    let drops = Drops::default();
    let probe = drops.probe();
    let task = handle.spawn(async move { drop(probe) });
    assert_eq!(drops.get(), 1);
    assert!(alone(task).unwrap_err().is_cancelled());
    assert!(handle.block_on(async {}).is_err());
    let timer = handle.runtime().timer().unwrap();
    let cx = &mut Context::from_waker(std::task::Waker::noop());
    let later = timer.now() + Duration::from_secs(9);
    let mut key = Key::NONE;
    let polled = timer.poll_until(&mut key, later, Duration::ZERO, cx);
    assert_eq!(polled, Poll::Ready(Err(Gone)));
    let (job, join) = Task::new(handle.clone(), Meta::new(None), async {}).unwrap();
    let (job, refused) =
        handle.runtime().blocking().unwrap().spawn(job, Kind::ShortIo).unwrap_err();
    assert_eq!(refused.why, RefusedWhy::ShutDown);
    job.refuse(refused);
    assert!(alone(join).unwrap_err().is_cancelled());
}

#[test]
fn block_on_takes_futures_that_borrow_and_stay() {
    for rt in [many(), one()] {
        let text = std::rc::Rc::new(String::from("here"));
        assert_eq!(rt.block_on(async { text.len() }), 4);
    }
}

#[test]
fn a_panic_leaves_block_on_and_the_runtime_goes_on() {
    for rt in [many(), one()] {
        let panic = catch_unwind(AssertUnwindSafe(|| rt.block_on(async { panic!("of course") })));
        assert_eq!(*panic.unwrap_err().downcast::<&str>().unwrap(), "of course");
        assert!(Handle::try_current().is_err());
        assert_eq!(rt.block_on(rt.spawn(async { 3 })).unwrap(), 3);
    }
}

#[test]
fn nested_block_on_works_everywhere() {
    for rt in [Builder::new().worker_threads(1).build().unwrap(), many(), one()] {
        let handle = rt.handle();
        // Each waits for a task that only its own thread may be left to poll.
        let nested = || {
            let handle = Handle::current();
            handle.block_on(handle.spawn(async { 1 })).unwrap().unwrap()
        };
        assert_eq!(rt.block_on(async { nested() }), 1, "in block_on");
        assert_eq!(rt.block_on(rt.spawn(async move { nested() })).unwrap(), 1, "in a task");
        assert_eq!(handle.enter(nested), 1, "entered");
        let twice = rt.spawn(async move {
            let handle = Handle::current();
            handle.block_on(handle.spawn(async move { nested() })).unwrap().unwrap()
        });
        assert_eq!(rt.block_on(twice).unwrap(), 1, "in a task in a task");
        assert_eq!(smol::block_on(async { handle.block_on(async { 2 }) }).unwrap(), 2);
        let other = many();
        assert_eq!(other.block_on(async { handle.enter(nested) }), 1, "in another runtime");
    }
}

#[test]
fn nested_calls_keep_their_local_tasks_apart() {
    let (rt, other) = (one(), one());
    let home = |rt: &Runtime| rt.handle().runtime().local_spawner().unwrap().home();
    rt.block_on(async {
        let outer = home(&rt);
        assert!(outer.is_some());
        other.block_on(async { assert_eq!((home(&rt), home(&other).is_some()), (None, true)) });
        rt.block_on(async { assert_ne!(home(&rt), outer) });
        assert_eq!(home(&rt), outer);
    });
}

#[test]
fn several_threads_block_on_a_current_thread_runtime() {
    let rt = one();
    let (first, second) = (Gate::default(), Gate::default());
    thread::scope(|scope| {
        let (handle, rt) = (rt.handle(), &rt);
        let (opened, opens) = (first.clone(), second.clone());
        scope.spawn(move || {
            handle.block_on(async {
                opens.open();
                opened.wait().await;
            })
        });
        // By now the other thread drives; when it leaves, we do.
        rt.block_on(async {
            second.wait().await;
            let gate = first.clone();
            let task = rt.spawn(async move { gate.open() });
            task.await.unwrap();
            runtime_traits::time::sleep(Duration::from_millis(1)).await;
        });
    });
}

#[test]
fn ending_drops_parked_tasks_and_cancels_their_handles() {
    for rt in [many(), one()] {
        let (drops, handle) = (Drops::default(), rt.handle());
        let never = |probe| async move {
            let _probe = probe;
            std::future::pending::<()>().await;
        };
        let tasks: Vec<_> = (0..50).map(|_| rt.spawn(never(drops.probe()))).collect();
        rt.block_on(runtime_traits::task::yield_now());
        drop(rt);
        assert_eq!(drops.get(), 50);
        for task in tasks {
            assert!(alone(task).unwrap_err().is_cancelled());
        }
        assert_ended(&handle);
    }
}

#[test]
fn tasks_may_spawn_and_wake_in_their_destructors_at_the_end() {
    struct Spawns(Handle, mpsc::Sender<bool>);
    impl Drop for Spawns {
        fn drop(&mut self) {
            let task = self.0.spawn(async {});
            let _ = self.1.send(alone(task).unwrap_err().is_cancelled());
        }
    }
    for rt in [many(), one()] {
        let (sender, answers) = mpsc::channel();
        let held = Spawns(rt.handle(), sender);
        drop(rt.spawn(async move {
            let _held = held;
            std::future::pending::<()>().await;
        }));
        drop(rt);
        assert_eq!(answers.recv(), Ok(true));
    }
}

#[test]
fn ending_in_the_background_or_in_time_does_not_wait_for_a_stuck_poll() {
    for background in [true, false] {
        let (rt, gate, started) = (many(), Gate::default(), Gate::default());
        let (stuck, at_it, handle) = (gate.clone(), started.clone(), rt.handle());
        let task = rt.spawn(async move {
            at_it.open();
            stuck.pass();
        });
        let parked = rt.spawn(std::future::pending::<()>());
        started.pass();
        match background {
            true => rt.shutdown_background(),
            false => rt.shutdown_timeout(Duration::ZERO),
        }
        assert_ended(&handle);
        gate.open();
        alone(task).unwrap();
        assert!(alone(parked).unwrap_err().is_cancelled());
    }
}

#[test]
fn a_blocking_closure_outlives_the_runtime_if_it_has_started() {
    let (rt, gate, started) = (many(), Gate::default(), Gate::default());
    let (stuck, at_it, handle) = (gate.clone(), started.clone(), rt.handle());
    let body = async move {
        at_it.open();
        stuck.pass();
    };
    let (job, join) = Task::new(handle.clone(), Meta::new(None), body).unwrap();
    handle.runtime().blocking().unwrap().spawn(job, Kind::LongIo).unwrap();
    started.pass();
    drop(rt);
    gate.open();
    alone(join).unwrap();
}

#[test]
fn a_runtime_may_be_dropped_in_a_task() {
    for rt in [many(), one()] {
        let (outer, handle) = (many(), rt.handle());
        let parked = rt.spawn(std::future::pending::<()>());
        outer.block_on(outer.spawn(async move { drop(rt) })).unwrap();
        assert!(alone(parked).unwrap_err().is_cancelled());
        assert_ended(&handle);
    }
}

#[test]
fn a_runtime_may_be_dropped_inside_its_own_block_on() {
    for rt in [many(), one()] {
        let handle = rt.handle();
        let parked = handle.spawn(std::future::pending::<()>());
        handle.block_on(async move { drop(rt) }).unwrap();
        assert!(alone(parked).unwrap_err().is_cancelled());
        assert_ended(&handle);
    }
}

#[test]
fn handles_do_not_keep_anything_running() {
    let rt = many();
    let (handle, drops) = (rt.handle(), Drops::default());
    let (inside, probe) = (rt.handle(), drops.probe());
    drop(rt.spawn(async move {
        let _mine = (inside, probe);
        std::future::pending::<()>().await;
    }));
    drop(rt);
    assert_eq!(drops.get(), 1);
    assert_ended(&handle);
}

#[test]
fn runtimes_come_and_go() {
    for _ in 0..50 {
        let rt = many();
        assert_eq!(rt.block_on(rt.spawn(async { 1 })).unwrap(), 1);
    }
}

#[test]
fn ours_runs_on_an_executor_that_someone_else_drives() {
    let executor = Arc::new(smol::Executor::new());
    let handle = hosted(&executor);
    let main = handle.wrap(async {
        runtime_traits::time::sleep(Duration::from_millis(1)).await;
        let task = runtime_traits::spawn(async {
            smol::Timer::after(Duration::from_millis(1)).await; // smol's own, in our task
            Handle::current()
        });
        task.await.unwrap()
    });
    assert_eq!(smol::block_on(executor.run(main)), handle);
    // With nobody else to drive it, `block_on` does.
    assert_eq!(handle.block_on(handle.spawn(async { 1 })).unwrap().unwrap(), 1);
    let drops = Drops::default();
    let probe = drops.probe();
    let parked = handle.spawn(async move {
        let _probe = probe;
        std::future::pending::<()>().await;
    });
    assert!(executor.try_tick());
    drop(executor);
    assert_eq!(drops.get(), 1, "a task does not keep its host alive");
    assert!(alone(parked).unwrap_err().is_cancelled());
    assert_eq!(handle.info().state, State::ShutDown);
    assert!(alone(handle.spawn(async {})).unwrap_err().is_cancelled());
    assert!(handle.block_on(async {}).is_err());
}

#[test]
fn ours_runs_on_an_executor_in_a_static() {
    static EXECUTOR: smol::Executor<'static> = smol::Executor::new();
    let handle = hosted_static(&EXECUTOR);
    assert_eq!(smol::block_on(EXECUTOR.run(handle.spawn(async { 1 }))).unwrap(), 1);
}

#[test]
fn a_hosted_runtime_can_be_closed_before_its_host() {
    let executor = Arc::new(smol::Executor::new());
    let rt = Runtime::hosted(&executor);
    let handle = rt.handle();
    assert_eq!(rt.block_on(rt.spawn(async { 1 })).unwrap(), 1);
    rt.shutdown();
    assert_ended(&handle);
    assert_eq!(smol::block_on(executor.run(executor.spawn(async { 1 }))), 1);
}

#[test]
fn the_crate_has_a_runtime_of_its_own() {
    assert_eq!(runtime_smol::block_on(runtime_smol::spawn(async { 4 })).unwrap(), 4);
    assert_eq!(runtime_smol::handle(), runtime_smol::handle());
    let rt = one();
    // Whichever is current, it goes to ours.
    let home = rt.block_on(async { runtime_smol::spawn(async { Handle::current() }).await });
    assert_eq!(home.unwrap(), runtime_smol::handle());
}

#[test]
fn a_builder_is_heard() {
    let rt = Builder::new().worker_threads(3).thread_name("mill").build().unwrap();
    assert_eq!(rt.handle().info().workers, 3);
    let name = rt.spawn(async { thread::current().name().map(String::from) });
    assert_eq!(rt.block_on(name).unwrap().as_deref(), Some("mill"));
    assert_eq!(one().handle().info().workers, 1);
}

/// By chance: the wake has to meet the moment at which the executor goes.
#[test]
fn tasks_that_are_woken_while_the_runtime_ends_are_dropped() {
    let drops = Drops::default();
    for round in 1..=2_000 {
        let (rt, (gives, wakers), probe) = (one(), mpsc::channel(), drops.probe());
        drop(rt.spawn(poll_fn(move |cx| {
            let _held = &probe;
            let _ = gives.send(cx.waker().clone());
            Poll::<()>::Pending
        })));
        rt.block_on(yield_now());
        let (waker, over) = (wakers.recv().unwrap(), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    waker.wake_by_ref();
                }
            });
            drop(rt);
            let dropped = drops.get();
            over.store(true, SeqCst);
            assert_eq!(dropped, round, "a task outlived its runtime");
        });
    }
}
