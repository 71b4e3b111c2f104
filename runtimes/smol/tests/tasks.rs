//! Tasks, and closures that block, through the hooks.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use runtime_smol::{Builder, Handle, Runtime};
use runtime_traits::hooks::{Home, Kind, LocalTask, Meta, Runnable, Task, Why};
use runtime_traits::task::JoinHandle;
use support::{Drops, Gate};

/// The same test on each kind of runtime.
fn on_each(test: impl Fn(&Runtime)) {
    test(&Builder::new().worker_threads(2).build().unwrap());
    test(&Builder::new().current_thread().build().unwrap());
}

/// What `spawn_blocking` does.
fn blocking<T: Send + 'static>(
    handle: &Handle,
    kind: Kind,
    f: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let (job, join) = Task::new(handle.clone(), Meta::new(None), async { f() }).unwrap();
    if let Err((job, refused)) = handle.runtime().blocking().unwrap().spawn(job, kind) {
        job.refuse(refused);
    }
    join
}

/// What `spawn_local` does.
fn local<F: Future + 'static>(handle: &Handle, future: F) -> JoinHandle<F::Output>
where
    F::Output: 'static,
{
    let hook = handle.runtime().local_spawner().unwrap();
    let home = hook.home().unwrap_or(Home(u32::MAX));
    let (task, join) = LocalTask::new(handle, Meta::new(None), home, future).unwrap();
    if let Err((task, refused)) = hook.spawn(Some(home), task) {
        task.refuse(refused);
    }
    join
}

#[test]
fn a_task_runs_and_its_output_is_joined() {
    on_each(|rt| assert_eq!(rt.block_on(rt.spawn(async { 6 * 7 })).unwrap(), 42));
}

#[test]
fn a_task_runs_although_nobody_joins_it() {
    on_each(|rt| {
        let gate = Gate::default();
        let theirs = gate.clone();
        drop(rt.spawn(async move { theirs.open() }));
        rt.block_on(gate.wait());
    });
}

#[test]
fn the_runtime_is_current_in_tasks_and_destructors_and_closures() {
    struct AsksWhenDropped(Handle, Arc<AtomicBool>);
    impl Drop for AsksWhenDropped {
        fn drop(&mut self) {
            self.1.store(Handle::try_current().as_ref() == Ok(&self.0), Ordering::SeqCst);
        }
    }
    on_each(|rt| {
        let handle = rt.handle();
        let same = Arc::new(AtomicBool::new(false));
        let probe = AsksWhenDropped(rt.handle(), Arc::clone(&same));
        let task = rt.spawn(async move {
            let _probe = probe;
            Handle::current()
        });
        assert_eq!(rt.block_on(task).unwrap(), handle);
        assert!(same.load(Ordering::SeqCst), "in a task's destructor");
        assert_eq!(rt.block_on(async { Handle::current() }), handle);
        assert_eq!(rt.block_on(blocking(&handle, Kind::Cpu, Handle::current)).unwrap(), handle);
    });
}

#[test]
fn a_panic_goes_to_the_joiner() {
    on_each(|rt| {
        let error = rt.block_on(rt.spawn(async { panic!("of course") })).unwrap_err();
        assert!(error.is_panic(), "{error}");
        assert_eq!(rt.block_on(rt.spawn(async { 1 })).unwrap(), 1);
    });
}

#[test]
fn an_aborted_task_is_dropped_and_cancelled() {
    on_each(|rt| {
        let drops = Drops::default();
        let (probe, running) = (drops.probe(), Gate::default());
        let at_it = running.clone();
        let task = rt.spawn(async move {
            let _probe = probe;
            at_it.open();
            std::future::pending::<()>().await;
        });
        rt.block_on(running.wait());
        task.abort();
        assert!(rt.block_on(task).unwrap_err().is_cancelled());
        assert_eq!(drops.get(), 1);
    });
}

#[test]
fn wakes_come_from_any_thread_and_none_is_lost() {
    on_each(|rt| {
        for _ in 0..200 {
            let (there, back) = (Gate::default(), Gate::default());
            let (gate, answer) = (there.clone(), back.clone());
            let task = rt.spawn(async move {
                gate.wait().await;
                answer.open();
            });
            let opener = thread::spawn(move || there.open());
            rt.block_on(async { (back.wait().await, task.await.unwrap()) });
            opener.join().unwrap();
        }
    });
}

#[test]
fn blocking_closures_run_in_parallel_and_off_the_workers() {
    on_each(|rt| {
        for kind in [Kind::ShortIo, Kind::Dedicated] {
            let (a, b) = (Gate::default(), Gate::default());
            let (to_a, to_b) = (a.clone(), b.clone());
            let handle = rt.handle();
            let one = blocking(&handle, kind, move || (to_b.open(), a.pass()));
            let two = blocking(&handle, kind, move || (to_a.open(), b.pass()));
            rt.block_on(async {
                one.await.unwrap();
                two.await.unwrap();
            });
        }
    });
}

#[test]
fn a_blocking_closure_may_block_on_futures() {
    on_each(|rt| {
        let handle = rt.handle();
        let inner = handle.clone();
        let f = move || inner.block_on(inner.spawn(async { 5 })).unwrap().unwrap();
        assert_eq!(rt.block_on(blocking(&handle, Kind::ShortIo, f)).unwrap(), 5);
    });
}

#[test]
fn a_panic_of_a_blocking_closure_goes_to_the_joiner() {
    on_each(|rt| {
        let job = blocking(&rt.handle(), Kind::ShortIo, || panic!("of course"));
        assert!(rt.block_on(job).unwrap_err().is_panic());
    });
}

#[test]
fn a_job_from_a_queue_is_run_to_its_end() {
    on_each(|rt| {
        let gate = Gate::default();
        let theirs = gate.clone();
        let future = async move {
            runtime_traits::task::yield_now().await; // comes back to `schedule`
            theirs.wait().await;
            7
        };
        let (task, join) = Task::new(rt.handle(), Meta::new(None), future).unwrap();
        let job: Runnable = task.into_runnable();
        rt.handle().runtime().spawner().schedule(job, Why::Spawned);
        let joined = rt.block_on(async {
            gate.open();
            join.await
        });
        assert_eq!(joined.unwrap(), 7);
    });
}

#[test]
fn local_tasks_run_on_the_thread_that_blocks() {
    on_each(|rt| {
        let handle = rt.handle();
        let here = thread::current().id();
        let shared = std::rc::Rc::new(7);
        rt.block_on(async {
            let theirs = std::rc::Rc::clone(&shared);
            let (gate, open) = (Gate::default(), Gate::default());
            let (waits, opens) = (gate.clone(), open.clone());
            let task = local(&handle, async move {
                opens.open();
                waits.wait().await;
                (thread::current().id(), *theirs)
            });
            open.wait().await;
            thread::spawn(move || gate.open()); // a wake from elsewhere
            assert_eq!(task.await.unwrap(), (here, 7));
        });
    });
}

#[test]
fn local_tasks_spawn_local_tasks_however_many() {
    on_each(|rt| {
        let handle = rt.handle();
        rt.block_on(async {
            let inner = handle.clone();
            let spawner = local(&handle, async move {
                let spawn = |n| local(&inner, async move { n });
                let all: Vec<_> = (0..1_000).map(spawn).collect();
                let mut sum = 0;
                for task in all {
                    sum += task.await.unwrap();
                }
                sum
            });
            assert_eq!(spawner.await.unwrap(), 499_500);
        });
    });
}

#[test]
fn what_is_left_of_local_tasks_ends_with_block_on() {
    on_each(|rt| {
        let drops = Drops::default();
        let probe = drops.probe();
        let [task] = rt.block_on(async {
            let never = async move {
                let _probe = probe;
                std::future::pending::<()>().await;
            };
            [local(&rt.handle(), never)]
        });
        assert_eq!(drops.get(), 1);
        assert!(support::alone(task).unwrap_err().is_cancelled());
    });
}

#[test]
fn local_tasks_have_no_home_outside_of_block_on() {
    on_each(|rt| {
        let handle = rt.handle();
        assert_eq!(handle.runtime().local_spawner().unwrap().home(), None);
        assert_eq!(handle.enter(|| handle.runtime().local_spawner().unwrap().home()), None);
        let task = local(&handle, async {});
        assert!(support::alone(task).is_err());
    });
}

#[test]
fn main_is_not_polled_when_local_tasks_are_woken() {
    on_each(|rt| {
        let handle = rt.handle();
        let mut polls = 0;
        rt.block_on(async {
            let inner = handle.clone();
            let task = local(&handle, async move {
                for _ in 0..100 {
                    local(&inner, runtime_traits::task::yield_now()).await.unwrap();
                }
            });
            let mut task = std::pin::pin!(task);
            std::future::poll_fn(|cx| {
                polls += 1;
                task.as_mut().poll(cx)
            })
            .await
            .unwrap();
        });
        assert!(polls <= 4, "{polls} polls for one wake");
    });
}
