//! The pool with real threads: every test waits for causes, never for time.

use super::*;
use std::{
    sync::{
        Barrier,
        mpsc::{self, Sender},
    },
    thread,
};

type Job = Box<dyn FnOnce() + Send>;

fn config(max_threads: usize, keep_alive: Duration) -> PoolConfig<Job> {
    running(max_threads, keep_alive, |job| {
        job();
        None
    })
}

fn running<J>(max_threads: usize, keep_alive: Duration, run: fn(J) -> Option<J>) -> PoolConfig<J> {
    let name = Arc::new(|number| format!("blocking-{number}"));
    PoolConfig { max_threads, keep_alive, name, on_start: None, on_stop: None, run }
}

/// A pool whose threads stay.
fn pool(max_threads: usize) -> Pool<Job> {
    Pool::new(config(max_threads, Duration::MAX))
}

fn submit(pool: &Pool<Job>, job: impl FnOnce() + Send + 'static) {
    assert!(pool.submit(Box::new(job)).is_ok());
}

#[test]
fn jobs_run_in_parallel_on_named_threads() {
    let pool = pool(2);
    let (barrier, (sender, names)) = (Arc::new(Barrier::new(2)), mpsc::channel());
    for _ in 0..2 {
        let (barrier, sender) = (barrier.clone(), sender.clone());
        submit(&pool, move || {
            barrier.wait();
            sender.send(thread::current().name().unwrap().to_owned()).unwrap();
        });
    }
    let mut names = [names.recv().unwrap(), names.recv().unwrap()];
    names.sort();
    assert_eq!(names, ["blocking-0", "blocking-1"]);
}

#[test]
fn there_are_never_more_threads_than_the_limit() {
    let pool = pool(3);
    let (sender, done) = mpsc::channel();
    for _ in 0..1_000 {
        let sender = sender.clone();
        submit(&pool, move || sender.send(thread::current().id()).unwrap());
        assert!(pool.threads() <= 3);
    }
    let mut ids: Vec<_> = (0..1_000).map(|_| format!("{:?}", done.recv().unwrap())).collect();
    ids.sort();
    ids.dedup();
    assert!(ids.len() <= 3, "{ids:?}");
}

#[test]
fn a_job_that_panics_costs_no_thread() {
    let pool = pool(1);
    let (sender, done) = mpsc::channel();
    for _ in 0..3 {
        submit(&pool, || std::panic::resume_unwind(Box::new("thrown on purpose")));
        let sender = sender.clone();
        submit(&pool, move || sender.send(thread::current().id()).unwrap());
    }
    let first = done.recv().unwrap();
    assert_eq!((done.recv().unwrap(), done.recv().unwrap()), (first, first));
    pool.close();
    assert!(pool.join(None));
    assert_eq!(pool.threads(), 0);
}

/// BLOCKING-5: threads that give up at once meet submitters all the time.
#[test]
fn a_job_submitted_while_threads_retire_is_run() {
    let pool = Pool::new(config(2, Duration::ZERO));
    let (sender, done) = mpsc::channel();
    for round in 0..2_000 {
        let sender = sender.clone();
        submit(&pool, move || sender.send(round).unwrap());
        assert_eq!(done.recv(), Ok(round));
    }
    // All of them retire without being told.
    assert!(pool.join(None));
    assert_eq!(pool.threads(), 0);
}

#[test]
fn closing_returns_what_has_not_begun_and_lets_finish_what_has() {
    let pool = pool(1);
    let ((begun_in, begun), (gate, gate_out)) = (mpsc::channel(), mpsc::channel::<()>());
    submit(&pool, move || {
        begun_in.send(()).unwrap();
        gate_out.recv().unwrap();
    });
    begun.recv().unwrap();
    submit(&pool, || unreachable!("it was given back"));
    assert_eq!(pool.queued(), 1);
    assert_eq!(pool.close().len(), 1);
    assert!(pool.submit(Box::new(|| ())).is_err());
    assert!(!pool.join(Some(Instant::now())), "the first job still runs");
    gate.send(()).unwrap();
    assert!(pool.join(None));
}

#[test]
fn each_thread_is_greeted_and_seen_off_whatever_the_hooks_throw() {
    fn hook(what: &'static str, log: &Sender<&'static str>) -> Option<ThreadHook> {
        let log = Mutex::new(log.clone());
        Some(Arc::new(move || {
            lock(&log).send(what).unwrap();
            std::panic::resume_unwind(Box::new(what));
        }))
    }
    let (sender, log) = mpsc::channel();
    let mut config = config(1, Duration::MAX);
    (config.on_start, config.on_stop) = (hook("start", &sender), hook("stop", &sender));
    let pool = Pool::new(config);
    submit(&pool, move || sender.send("job").unwrap());
    assert_eq!((log.recv(), log.recv()), (Ok("start"), Ok("job")));
    pool.close();
    assert!(pool.join(None));
    drop(pool);
    assert_eq!(log.iter().collect::<Vec<_>>(), ["stop"]);
}

/// The first thread is greeted until the job behind its own has run.
#[test]
fn a_slow_greeting_keeps_no_other_job() {
    let (gate, gate_out) = mpsc::channel::<()>();
    let slow = Mutex::new(Some(gate_out));
    let mut config = config(2, Duration::MAX);
    config.on_start = Some(Arc::new(move || {
        let gate = lock(&slow).take();
        gate.into_iter().for_each(|gate| _ = gate.recv());
    }));
    let (pool, (sender, done)) = (Pool::new(config), mpsc::channel());
    for _ in 0..2 {
        let sender = sender.clone();
        submit(&pool, move || sender.send(()).unwrap());
    }
    assert_eq!((done.recv(), done.recv()), (Ok(()), Ok(())));
    drop(gate);
    pool.close();
    assert!(pool.join(None));
}

#[test]
fn a_job_may_submit_and_a_pool_may_die_on_its_own_thread() {
    let pool = Arc::new(pool(2));
    let (sender, done) = mpsc::channel();
    let inner = pool.clone();
    submit(&pool, move || {
        submit(&inner, move || sender.send(()).unwrap());
        drop(inner);
    });
    drop(pool);
    // The inner job ran, or was dropped with the pool; either way nobody hangs.
    let _ = done.recv();
}

/// One thread, so the order of runs is that of the queue.
#[test]
fn a_job_that_is_given_back_runs_again_behind_the_others() {
    struct Turns(char, u8, Sender<char>, Option<mpsc::Receiver<()>>);
    let pool = Pool::new(running(1, Duration::MAX, |Turns(name, left, log, gate)| {
        gate.into_iter().for_each(|gate| _ = gate.recv());
        log.send(name).unwrap();
        (left > 1).then_some(Turns(name, left - 1, log, None))
    }));
    let ((gate, closed), (log, logged)) = (mpsc::channel(), mpsc::channel());
    assert!(pool.submit(Turns('a', 3, log.clone(), Some(closed))).is_ok());
    assert!(pool.submit(Turns('b', 2, log, None)).is_ok());
    drop(gate); // both are there
    assert_eq!(logged.iter().collect::<String>(), "ababa");
}

#[test]
fn a_job_given_back_to_a_closed_pool_is_dropped() {
    struct Held(mpsc::Receiver<()>, #[allow(dead_code, reason = "its end is heard")] Sender<()>);
    let pool = Pool::new(running(1, Duration::MAX, |held: Held| {
        _ = held.0.recv();
        Some(held)
    }));
    let ((gate, closed), (held, dropped)) = (mpsc::channel(), mpsc::channel());
    assert!(pool.submit(Held(closed, held)).is_ok());
    while pool.queued() > 0 {
        thread::yield_now(); // until the thread has begun it
    }
    assert_eq!(pool.close().len(), 0);
    drop(gate);
    assert!(dropped.recv().is_err());
    assert!(pool.join(None));
}

#[test]
fn a_thread_knows_its_pool_and_does_not_wait_for_itself() {
    let (one, other) = (Arc::new(pool(1)), pool(1));
    let (sender, done) = mpsc::channel();
    let inner = one.clone();
    submit(&one, move || sender.send((inner.is_here(), inner.join(None))).unwrap());
    assert_eq!(done.recv(), Ok((true, false)));
    let inner = one.clone();
    let (sender, done) = mpsc::channel();
    submit(&other, move || sender.send(inner.is_here()).unwrap());
    assert_eq!(done.recv(), Ok(false));
    assert!(!one.is_here());
}

#[test]
fn a_job_dropped_with_the_pool_is_dropped_outside_the_lock() {
    /// Looks at the pool's lock while it is dropped.
    struct Nosy(Arc<Shared<Job>>);
    impl Drop for Nosy {
        fn drop(&mut self) {
            assert!(self.0.state.try_lock().is_ok());
        }
    }
    let pool = pool(1);
    let ((begun_in, begun), (gate, gate_out)) = (mpsc::channel(), mpsc::channel::<()>());
    submit(&pool, move || {
        begun_in.send(()).unwrap();
        let _ = gate_out.recv();
    });
    begun.recv().unwrap();
    let nosy = Nosy(pool.shared.clone());
    submit(&pool, move || drop(nosy));
    let left = pool.close();
    assert_eq!(left.len(), 1);
    drop(left);
    drop(gate);
    assert!(pool.join(None));
}
