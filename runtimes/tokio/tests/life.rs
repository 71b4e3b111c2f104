//! Beginning, blocking, hosting and ending.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::task::Context;
use std::thread;
use std::time::Duration;

use runtime_tokio::{Builder, Handle, Runtime, hosted};
use runtime_traits::hooks::{Key, Kind, Meta, State, Task};
use runtime_traits::{Gone, Refused, RefusedWhy};
use support::{Drops, Gate, Wakes, alone};

fn many() -> Runtime {
    Builder::new().worker_threads(2).build().unwrap()
}

fn one() -> Runtime {
    Builder::new().current_thread().build().unwrap()
}

fn plain(current: bool) -> tokio::runtime::Runtime {
    let mut builder = match current {
        true => tokio::runtime::Builder::new_current_thread(),
        false => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(2).enable_all().build().unwrap()
}

fn not_here<T>(result: Result<T, impl std::fmt::Debug + Into<std::io::Error>>) -> bool {
    let text = result.map(drop).unwrap_err().into().to_string();
    text == Refused::NOT_HERE.to_string()
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
    assert_eq!(polled, std::task::Poll::Ready(Err(Gone)));
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
fn nested_block_on_is_refused_where_tasks_are_polled() {
    for rt in [many(), one()] {
        let handle = rt.handle();
        assert!(not_here(rt.block_on(async { handle.block_on(async {}) })), "in block_on");
        let in_task = rt.spawn(async { Handle::current().block_on(async {}) });
        assert!(not_here(rt.block_on(in_task).unwrap()), "in a task");
        let in_plain_task = rt.tokio().spawn({
            let handle = rt.handle();
            async move { handle.block_on(async {}) }
        });
        assert!(not_here(rt.block_on(in_plain_task).unwrap()), "in a task of tokio's");
        let other = plain(true);
        assert!(not_here(other.block_on(async { handle.block_on(async {}) })), "in another tokio");
    }
}

#[test]
fn block_on_works_wherever_the_thread_may_block() {
    let rt = many();
    let handle = rt.handle();
    assert_eq!(handle.enter(|| handle.block_on(async { 1 })).unwrap(), 1);
    assert_eq!(handle.enter(|| handle.enter(|| handle.block_on(async { 2 }))).unwrap(), 2);
    let in_place = rt.spawn(async {
        let handle = Handle::current();
        runtime_tokio::block_in_place(|| handle.block_on(handle.spawn(async { 3 })))
    });
    assert_eq!(rt.block_on(in_place).unwrap().unwrap().unwrap(), 3);
}

#[test]
fn a_thread_that_was_taken_for_a_plain_one_is_refused_all_the_same() {
    let (rt, other) = (many(), plain(true));
    let handle = rt.handle();
    let nested = handle.enter(|| other.block_on(async { handle.block_on(async {}) }));
    assert!(not_here(nested));
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
fn ending_in_the_background_or_in_time_does_not_wait_for_a_stuck_closure() {
    for background in [true, false] {
        let (rt, gate, started) = (many(), Gate::default(), Gate::default());
        let (stuck, at_it, handle) = (gate.clone(), started.clone(), rt.handle());
        let body = async move {
            at_it.open();
            stuck.pass();
        };
        let (job, join) = Task::new(handle.clone(), Meta::new(None), body).unwrap();
        handle.runtime().blocking().unwrap().spawn(job, Kind::LongIo).unwrap();
        started.pass();
        match background {
            true => rt.shutdown_background(),
            false => rt.shutdown_timeout(Duration::ZERO),
        }
        assert_ended(&handle);
        gate.open();
        alone(join).unwrap();
    }
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
fn ours_runs_on_a_tokio_that_runs_already() {
    for current in [true, false] {
        let tokio = plain(current);
        let handle = hosted(tokio.handle().clone());
        let main = handle.wrap(async {
            assert_eq!(Handle::current().info().name, "tokio");
            runtime_traits::time::sleep(Duration::from_millis(1)).await;
            let task = runtime_traits::spawn(async {
                tokio::time::sleep(Duration::from_millis(1)).await; // tokio's own, in our task
                Handle::current()
            });
            task.await.unwrap()
        });
        assert_eq!(tokio.block_on(main), handle);
        if current {
            assert_eq!(handle.metrics().tasks_alive, Some(0)); // elsewhere tokio counts down later
        }
        let (wakes, waker) = Wakes::new();
        let mut key = Key::NONE;
        let timer = handle.runtime().timer().unwrap();
        let at = timer.now() + Duration::from_secs(3600);
        let cx = &mut Context::from_waker(&waker);
        assert!(timer.poll_until(&mut key, at, Duration::ZERO, cx).is_pending());
        drop(tokio);
        wakes.wait(0);
        assert_eq!(
            timer.poll_until(&mut key, at, Duration::ZERO, cx),
            std::task::Poll::Ready(Err(Gone))
        );
        assert_ended(&handle);
    }
}

#[test]
fn a_hosted_handle_leaves_nothing_behind() {
    let tokio = plain(true);
    drop(hosted(tokio.handle().clone()));
    tokio.block_on(tokio::task::yield_now());
    assert_eq!(tokio.metrics().num_alive_tasks(), 0);
}

#[test]
fn a_hosted_runtime_can_be_closed_before_its_host() {
    let tokio = plain(false);
    let rt = Runtime::hosted(tokio.handle().clone());
    let handle = rt.handle();
    assert_eq!(rt.block_on(rt.spawn(async { 1 })).unwrap(), 1);
    rt.shutdown();
    assert_ended(&handle);
    assert_eq!(tokio.block_on(tokio.spawn(async { 1 })).unwrap(), 1);
}

#[test]
fn paused_time_is_seen() {
    let paused = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let handle = hosted(paused.handle().clone());
    let slept = paused.block_on(handle.wrap(async {
        let start = runtime_traits::time::Instant::now();
        runtime_traits::time::sleep(Duration::from_secs(3600)).await;
        start.elapsed()
    }));
    assert!(slept >= Duration::from_secs(3600) && slept < Duration::from_secs(3601), "{slept:?}");
}

#[test]
fn the_crate_has_a_runtime_of_its_own() {
    assert_eq!(runtime_tokio::block_on(runtime_tokio::spawn(async { 4 })).unwrap(), 4);
    assert_eq!(runtime_tokio::handle(), runtime_tokio::handle());
    let rt = one();
    // Whichever is current, it goes to ours.
    let home = rt.block_on(async { runtime_tokio::spawn(async { Handle::current() }).await });
    assert_eq!(home.unwrap(), runtime_tokio::handle());
}

#[test]
fn a_builder_is_heard() {
    let build = || Builder::new().worker_threads(3).thread_name("mill").max_blocking_threads(1);
    let rt = build().keep_alive(Duration::from_millis(1)).build().unwrap();
    assert_eq!(rt.handle().info().workers, 3);
    let name = rt.spawn(async { thread::current().name().map(String::from) });
    assert_eq!(rt.block_on(name).unwrap().as_deref(), Some("mill"));
    assert_eq!(one().handle().info().workers, 1);
}

/// Ends a runtime where tokio's own thread-local is gone already: what was made first goes last.
#[test]
fn a_runtime_that_a_thread_keeps_drops_its_tasks_when_the_thread_ends() {
    thread_local! {
        static KEPT: std::cell::RefCell<Option<Runtime>> = const { std::cell::RefCell::new(None) };
    }
    let drops = Drops::default();
    let probe = drops.probe();
    let thread = thread::spawn(move || {
        KEPT.with(|kept| *kept.borrow_mut() = Some(one()));
        KEPT.with(|kept| {
            let kept = kept.borrow();
            let runtime = kept.as_ref().unwrap();
            drop(runtime.spawn(async move {
                let _probe = probe;
                std::future::pending::<()>().await;
            }));
            runtime.block_on(runtime_traits::task::yield_now());
        });
    });
    thread.join().unwrap();
    assert_eq!(drops.get(), 1);
}
