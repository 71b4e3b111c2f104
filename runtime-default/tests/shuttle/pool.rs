//! The blocking pool: no job is lost, stranded, or begun after the end.

use super::*;

type Job = Box<dyn FnOnce() + Send>;

fn pool(max_threads: usize) -> Pool<Job> {
    Pool::new(PoolConfig {
        max_threads,
        keep_alive: Duration::from_millis(1),
        name: Arc::new(|number| format!("pool-{number}")),
        on_start: None,
        on_stop: Some(Arc::new(thread::yield_now)),
        run: |job| {
            job();
            None
        },
    })
}

/// Two threads submit while the pool's threads come and go.
fn jobs_of_a_pool(time: Time, max_threads: usize) {
    explore(time, move || {
        let pool = Arc::new(pool(max_threads));
        let tally = Tally::default();
        let submitters = [0, 1].map(|_| {
            let (pool, tally) = (pool.clone(), tally.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    let tally = tally.clone();
                    assert!(pool.submit(Box::new(move || tally.add())).is_ok());
                }
            })
        });
        tally.wait_for(4);
        submitters.into_iter().for_each(|submitter| submitter.join().unwrap());
        assert!(pool.close().is_empty());
        assert!(pool.join(None));
    });
}

/// Jobs of several turns, as those of an executor: whoever is asleep when one is given back need not
/// be woken.
#[test]
fn jobs_that_are_given_back_run_again() {
    explore(Time::StandsStill, || {
        let pool = Pool::new(PoolConfig {
            max_threads: 2,
            keep_alive: Duration::MAX,
            name: Arc::new(|number| format!("pool-{number}")),
            on_start: None,
            on_stop: None,
            run: |(left, tally): (usize, Tally)| {
                tally.add();
                (left > 1).then(|| (left - 1, tally))
            },
        });
        let tally = Tally::default();
        for turns in [2, 1, 2] {
            assert!(pool.submit((turns, tally.clone())).is_ok());
        }
        tally.wait_for(5);
        assert!(pool.close().is_empty());
        assert!(pool.join(None));
    });
}

#[test]
fn a_thread_that_never_retires_runs_all_jobs() {
    jobs_of_a_pool(Time::StandsStill, 1);
}

#[test]
fn a_thread_that_retires_strands_no_job() {
    jobs_of_a_pool(Time::Passes, 1);
}

#[test]
fn threads_that_retire_strand_no_job() {
    jobs_of_a_pool(Time::Passes, 2);
}

/// A job that races with `close` is run, given back or refused: one of them, once.
#[test]
fn a_job_that_races_with_close_is_run_or_given_back() {
    explore(Time::Passes, || {
        let pool = Arc::new(pool(1));
        let ran = Arc::new(Count::new(0));
        let submitter = {
            let (pool, ran) = (pool.clone(), ran.clone());
            thread::spawn(move || {
                let submit = || {
                    let ran = ran.clone();
                    pool.submit(Box::new(move || _ = ran.fetch_add(1, SeqCst))).is_err()
                };
                (0..3).filter(|_| submit()).count()
            })
        };
        let back = pool.close().len();
        assert!(pool.join(None));
        let refused = submitter.join().unwrap();
        assert!(pool.join(None));
        assert_eq!(ran.load(SeqCst) + back + refused, 3);
    });
}

/// BLOCKING-8: long jobs and computations hang, as many as there may be and more, until a short one has
/// run.
#[test]
fn full_lanes_leave_a_thread_to_short_jobs() {
    explore(Time::Passes, || {
        let pool = Arc::new(pool(3));
        let (gate, done) = (Tally::default(), Tally::default());
        for kind in [Kind::LongIo, Kind::Cpu, Kind::LongIo] {
            let (gate, done) = (gate.clone(), done.clone());
            let job = move || {
                gate.wait_for_more_than(0);
                done.add();
            };
            assert!(pool.submit_as(kind, Box::new(job)).is_ok());
        }
        let other = {
            let (pool, gate) = (pool.clone(), gate.clone());
            thread::spawn(move || assert!(pool.submit(Box::new(move || gate.add())).is_ok()))
        };
        done.wait_for(3);
        other.join().unwrap();
        assert!(pool.close().is_empty());
        assert!(pool.join(None));
    });
}

/// BLOCKING-4: the first thread cannot be started, while others rely on it. Each job is run or given
/// back, and nobody waits for ever.
#[test]
fn a_start_that_fails_strands_nobody() {
    explore(Time::StandsStill, || {
        let pool = Arc::new(pool(1));
        model::fail_starts(1);
        let ran = Tally::default();
        let submitters = [Kind::ShortIo, Kind::LongIo, Kind::Cpu].map(|kind| {
            let (pool, ran) = (pool.clone(), ran.clone());
            thread::spawn(move || pool.submit_as(kind, Box::new(move || ran.add())).is_err())
        });
        let back = submitters.map(|submitter| submitter.join().unwrap());
        let back = back.into_iter().filter(|back| *back).count();
        ran.wait_for(3 - back);
        assert!(pool.close().is_empty());
        assert!(pool.join(None));
    });
}

/// BLOCKING-9: a dedicated job has begun when `join` returns, hook and all, or was given back or dropped.
#[test]
fn no_dedicated_job_begins_after_the_end() {
    explore(Time::StandsStill, || {
        let (late, gone) = (Tally::default(), Tally::default());
        let (ended, begun_late) = (Arc::new(AtomicBool::new(false)), late.clone());
        let has_ended = ended.clone();
        let greet = move || {
            if has_ended.load(SeqCst) {
                begun_late.add();
            }
        };
        let pool = Pool::new(PoolConfig {
            max_threads: 1,
            keep_alive: Duration::MAX,
            name: Arc::new(|number| format!("pool-{number}")),
            on_start: Some(Arc::new(greet)),
            on_stop: None,
            run: |job: Gone| {
                drop(job);
                None
            },
        });
        let pool = Arc::new(pool);
        let submitter = {
            let (pool, job) = (pool.clone(), Gone(gone.clone()));
            thread::spawn(move || drop(pool.submit_as(Kind::Dedicated, job)))
        };
        thread::yield_now();
        drop(pool.close());
        assert!(pool.join(None));
        ended.store(true, SeqCst);
        submitter.join().unwrap();
        gone.wait_for(1);
        assert_eq!(late.count(), 0);
    });
}
