//! Tasks that are nobody's yet: made by `spawn_with`, and not polled so far.

use super::*;

/// Spawns a task on nobody's home that adds to `tally`, in one poll.
fn spawn_nobodys(runtime: &Runtime, tally: &Tally) -> JoinHandle<()> {
    let tally = tally.clone();
    runtime.handle().enter(|| spawn_with(move || async move { tally.add() }))
}

/// LOCAL-7: the root of one of two lent threads, with local tasks of its own, ends while such a task is
/// about. Whoever takes it polls it, and one poll is all it needs: it is never cancelled.
#[test]
fn a_root_that_ends_takes_no_task_along_that_is_nobodys() {
    explore(Time::StandsStill, || {
        let runtime = Arc::new(lent(2));
        let tally = Tally::default();
        let ending = {
            let runtime = runtime.clone();
            thread::spawn(move || {
                runtime.run(async {
                    drop([(); 2].map(|()| spawn_local(yield_now())));
                    yield_now().await;
                });
            })
        };
        let spawning = {
            let (runtime, tally) = (runtime.clone(), tally.clone());
            thread::spawn(move || [(); 2].map(|()| spawn_nobodys(&runtime, &tally)))
        };
        for join in spawning.join().unwrap() {
            runtime.run(join).unwrap();
        }
        ending.join().unwrap();
        assert_eq!(tally.count(), 2);
    });
}

/// LOCAL-7: a worker hangs in the poll of a local task until such a task has run: the other runs it.
#[test]
fn a_hanging_local_task_keeps_no_task_that_is_nobodys() {
    explore(Time::StandsStill, || {
        let runtime = workers(2);
        let tally = Tally::default();
        let hang = tally.clone();
        let hanging = runtime.spawn(async move {
            spawn_local(async move { hang.wait_for(1) }).await.unwrap();
        });
        let join = spawn_nobodys(&runtime, &tally);
        runtime.block_on(hanging).unwrap();
        runtime.block_on(join).unwrap();
    });
}

/// SHUTDOWN-2: a shutdown that says that everything has finished has waited for it.
#[test]
fn a_shutdown_counts_a_task_that_is_nobodys() {
    explore(Time::Passes, || {
        let runtime = workers(2);
        let tally = Tally::default();
        let theirs = tally.clone();
        let start = move || async move {
            yield_now().await; // it would not be cancelled in its first poll
            theirs.add();
        };
        let join = runtime.handle().enter(|| spawn_with(start));
        let finished = runtime.shutdown_timeout(Duration::from_secs(3_600));
        assert!(!finished || tally.count() == 1, "it was cancelled, and nobody said so");
        assert_eq!(shuttle::future::block_on(join).is_ok(), tally.count() == 1);
    });
}

/// LOCAL-6, SHUTDOWN-1: the end of the runtime races with such tasks, one of which is aborted. Each is
/// dropped once, each handle resolves.
#[test]
fn the_end_races_with_tasks_that_are_nobodys() {
    explore(Time::StandsStill, || {
        let runtime = workers(2);
        let gone = Tally::default();
        let spawner = {
            let (handle, gone) = (runtime.handle().clone(), gone.clone());
            thread::spawn(move || {
                let joins = [true, false].map(|abort| {
                    let guard = Gone(gone.clone());
                    let start = move || async move {
                        let _guard = guard;
                        yield_now().await;
                    };
                    let join = handle.enter(|| spawn_with(start));
                    if abort {
                        join.abort();
                    }
                    join
                });
                for join in joins {
                    let _ = shuttle::future::block_on(join);
                }
            })
        };
        drop(runtime);
        spawner.join().unwrap();
        gone.wait_for(2);
    });
}
