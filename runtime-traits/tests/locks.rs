//! Locks of files whose callers do not wait for them: on a runtime whose jobs run when the test says so.
#![cfg(all(feature = "fs", unix))]

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::{env, fs, process};

use runtime_traits::fs::{File, TryLockError};
use runtime_traits::hooks::{
    Blocking, Info, Kind, Ran, Runnable, Runtime, Spawn, State, Tag, Task, Why,
};
use runtime_traits::io::ErrorKind;
use runtime_traits::{Handle, Refused};

/// Keeps its jobs.
struct Idle {
    tag: Tag,
    jobs: Mutex<VecDeque<Task>>,
    state: Mutex<State>,
}

impl Idle {
    fn new() -> Arc<Idle> {
        let state = Mutex::new(State::Running);
        Arc::new(Idle { tag: Tag::new(), jobs: Mutex::default(), state })
    }

    fn next(&self) -> Task {
        self.jobs.lock().unwrap().pop_front().expect("a job was begun")
    }

    fn has_jobs(&self) -> bool {
        !self.jobs.lock().unwrap().is_empty()
    }

    /// Two that opened the same file.
    fn opened(self: &Arc<Self>, name: &str) -> (File, File) {
        let path = env::temp_dir().join(format!("locks-{name}-{}", process::id()));
        let (one, two) = (fs::File::create(&path).unwrap(), fs::File::open(&path).unwrap());
        fs::remove_file(&path).unwrap();
        Handle::from_arc(self.clone())
            .enter(|| (File::from_std(one).unwrap(), File::from_std(two).unwrap()))
    }

    /// What `future` comes to, if nothing but its own jobs is needed.
    fn run<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(done) = poll(future.as_mut()) {
                return done;
            }
            run(self.next());
        }
    }
}

impl Runtime for Idle {
    fn tag(&self) -> &Tag {
        &self.tag
    }
    fn info(&self) -> Info {
        Info::new("idle").with_state(*self.state.lock().unwrap())
    }
    fn spawner(&self) -> &dyn Spawn {
        self
    }
    fn blocking(&self) -> Option<&dyn Blocking> {
        Some(self)
    }
}

impl Spawn for Idle {
    fn schedule(&self, _: Runnable, _: Why) {
        unreachable!("no job gives way");
    }
}

impl Blocking for Idle {
    fn spawn(&self, job: Task, _: Kind) -> Result<(), (Task, Refused)> {
        self.jobs.lock().unwrap().push_back(job);
        Ok(())
    }
}

fn run(job: Task) {
    assert!(!matches!(job.into_runnable().run(), Ran::Yielded(_)), "a job gives way to nobody");
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The job of a call that was given up before the job began.
fn given_up(idle: &Idle, call: impl Future) -> Task {
    assert!(poll(pin!(call)).is_pending());
    idle.next()
}

fn is_free(idle: &Idle, other: &File) -> bool {
    match idle.run(other.try_lock()) {
        Ok(()) => idle.run(other.unlock()).map(|()| true).unwrap(),
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(error)) => panic!("{error}"),
    }
}

#[test]
fn a_late_lock_that_nobody_waits_for_is_given_back() {
    let idle = Idle::new();
    let (one, two) = idle.opened("late");
    run(given_up(&idle, one.try_lock()));
    assert!(is_free(&idle, &two));
    // Taken, and not fetched.
    {
        let mut call = pin!(one.lock());
        assert!(poll(call.as_mut()).is_pending());
        run(idle.next());
    }
    assert!(is_free(&idle, &two));
    assert!(!idle.has_jobs());
}

#[test]
fn a_late_lock_does_not_take_away_the_next_one() {
    let idle = Idle::new();
    let (one, two) = idle.opened("next");
    let clone = one.try_clone().unwrap();
    let late = given_up(&idle, one.try_lock());
    idle.run(clone.lock()).unwrap();
    run(late);
    assert!(!is_free(&idle, &two));
    idle.run(one.unlock()).unwrap();
    assert!(is_free(&idle, &two));
}

/// As before, while the next one has its lock and was not told.
#[test]
fn a_late_lock_does_not_take_away_one_that_comes() {
    let idle = Idle::new();
    let (one, two) = idle.opened("comes");
    let late = given_up(&idle, one.try_lock());
    let mut next = pin!(one.lock());
    assert!(poll(next.as_mut()).is_pending());
    run(idle.next());
    run(late);
    assert!(matches!(poll(next.as_mut()), Poll::Ready(Ok(()))));
    assert!(!is_free(&idle, &two));
}

#[test]
fn a_lock_that_is_not_fetched_does_not_take_away_a_clone_s() {
    let idle = Idle::new();
    let (one, two) = idle.opened("clone");
    let clone = one.try_clone().unwrap();
    idle.run(clone.lock()).unwrap();
    {
        let mut call = pin!(one.lock());
        assert!(poll(call.as_mut()).is_pending());
        run(idle.next());
    }
    assert!(!is_free(&idle, &two));
    idle.run(clone.unlock()).unwrap();
    assert!(is_free(&idle, &two));
}

/// The system drops the shared lock before it looks whether the other kind is to be had.
#[test]
fn after_an_upgrade_that_failed_nothing_is_held() {
    let idle = Idle::new();
    let (one, two) = idle.opened("upgrade");
    idle.run(one.lock_shared()).unwrap();
    idle.run(two.lock_shared()).unwrap();
    assert!(matches!(idle.run(one.try_lock()), Err(TryLockError::WouldBlock)));
    idle.run(two.lock()).unwrap();
    idle.run(two.unlock()).unwrap();
    // And a late lock of it is nobody's.
    run(given_up(&idle, one.try_lock()));
    assert!(is_free(&idle, &two));
}

#[test]
fn who_waits_for_a_lock_gets_it() {
    let idle = Idle::new();
    let (one, two) = idle.opened("waits");
    idle.run(two.lock()).unwrap();
    let mut call = pin!(one.lock());
    assert!(poll(call.as_mut()).is_pending());
    run(idle.next());
    assert!(poll(call.as_mut()).is_pending(), "the first try ended without");
    let waits = idle.next();
    let waiting = std::thread::spawn(move || run(waits));
    idle.run(two.unlock()).unwrap();
    waiting.join().unwrap();
    assert!(matches!(poll(call), Poll::Ready(Ok(()))));
    assert!(!is_free(&idle, &two));
}

/// The holder keeps its lock: whoever waits ends all the same.
#[test]
fn a_wait_for_a_lock_ends_with_its_caller_and_with_the_runtime() {
    for caller_goes in [true, false] {
        let idle = Idle::new();
        let (one, two) = idle.opened("ends");
        idle.run(two.lock()).unwrap();
        let mut call = Box::pin(one.lock());
        assert!(poll(call.as_mut()).is_pending());
        run(idle.next());
        assert!(poll(call.as_mut()).is_pending());
        let waits = idle.next();
        let waiting = std::thread::spawn(move || run(waits));
        if caller_goes {
            drop(call);
            waiting.join().unwrap();
        } else {
            *idle.state.lock().unwrap() = State::Draining;
            waiting.join().unwrap();
            let Poll::Ready(Err(error)) = poll(call.as_mut()) else { panic!("it had an end") };
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        }
    }
}
