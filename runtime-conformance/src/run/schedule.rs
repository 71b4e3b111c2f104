//! Which children run beside each other.
//!
//! Most of a case is waiting: for a watchdog that does not fire, a process that starts, a window of
//! time. So several run at once, except those that measure the machine; they come last, one by one.

use std::collections::VecDeque;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::Chosen;

/// Runs `work` on each, at most `jobs` at a time, and hands what comes to `take`, on this thread.
pub(super) fn run<T: Send>(
    chosen: Vec<Chosen>,
    jobs: usize,
    work: impl Fn(Chosen) -> T + Sync,
    mut take: impl FnMut(T),
) {
    let (alone, together): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|(case, _)| case.alone);
    for (queue, jobs) in [(together, jobs), (alone, 1)] {
        let queue = Mutex::new(VecDeque::from(queue));
        thread::scope(|scope| {
            let (done, results) = channel();
            for _ in 0..jobs {
                let (done, queue, work) = (done.clone(), &queue, &work);
                scope.spawn(move || drain(queue, work, &done));
            }
            drop(done);
            results.into_iter().for_each(&mut take);
        });
    }
}

fn drain<T>(queue: &Mutex<VecDeque<Chosen>>, work: impl Fn(Chosen) -> T, done: &Sender<T>) {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some(chosen) = next() {
        if done.send(work(chosen)).is_err() {
            return;
        }
    }
}
