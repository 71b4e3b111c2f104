//! CANCEL-3: an abort and the end of a task, one after the other and at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use runtime_traits::JoinError;

use crate::rig::{Rig, await_outside};
use crate::rt::{Join, Rt};
use crate::toolbox::{Count, Random, Stress, Tally, Tracked};

/// CANCEL-3: a task that has finished keeps its output, whoever aborts it then.
///
/// Method: the task ends, the handle says so, it is aborted, and then joined.
///
/// If this fails, look for a handle that remembers the abort and asks itself rather than the task.
pub(super) fn cancel_3_a_finished_task_keeps_its_output(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive_with(&rt, "CANCEL-3: a task that ends", |rt| {
        let (output, count) = Tracked::new("the output of a finished task");
        let ended = Arc::new(Tally::new());
        let inside = EndsWith(ended.clone());
        let handle = rt.spawn(async move {
            let _inside = inside;
            output
        });
        await_outside("CANCEL-3: a task to end", ended.reached(1));
        while !handle.is_finished() {
            thread::yield_now(); // its destructors have run: nothing is left but to say so
        }
        handle.abort();
        let outcome = await_outside("CANCEL-3: the handle of a finished task", handle);
        let output = outcome.unwrap_or_else(|error| {
            panic!("CANCEL-3: a task that had finished lost its output to an abort: {error}")
        });
        assert!(count.drops() == 0, "CANCEL-3: an output was dropped before it was given");
        drop(output);
    });
    rig.shutdown(rt);
}

/// Counts when the future goes.
struct EndsWith(Arc<Tally>);

impl Drop for EndsWith {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// How often abort and completion meet.
const ROUNDS: usize = 4_000;

/// CANCEL-3: an abort that meets the end leaves either the output or *cancelled*, and an output that
/// exists is neither lost nor leaked.
///
/// Method: a parked task will be ready at its next poll. One thread wakes it, another aborts it at the
/// same time, with random pauses. If the future made its output, the handle must give it; if not, it
/// must say *cancelled*. Both have to be seen for green to mean anything.
///
/// If this fails, look for two flags where there should be one move of one word.
pub(super) fn cancel_3_abort_and_completion_agree(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (rounds, random) = (rig.rounds(ROUNDS), rig.random());
    let (outputs, cancelled) =
        rig.drive_with(&rt, "CANCEL-3: the outcome of a race", |rt| race(rt, rounds, random));
    rig.shutdown(rt);
    rig.witness("outputs", outputs, 1);
    rig.witness("cancelled", cancelled, 1);
}

fn race(rt: &Rt, rounds: usize, random: Random) -> (u64, u64) {
    let (to_aborter, handles) = channel::<(Join<Tracked>, u64)>();
    let (back, aborted) = channel();
    let aborter = thread::spawn(move || abort_all(handles, back));
    let (mut outputs, mut cancelled) = (0, 0);
    let mut stress = Stress::new(random, rounds);
    while stress.again() {
        let mut task = Racing::new(rt);
        let (ours, theirs) = (stress.random().below(400), stress.random().below(400));
        let handle = task.handle.take().expect("put there when it was made");
        to_aborter.send((handle, theirs)).expect("the aborter lives as long as we do");
        match stress.random().below(64) {
            // The abort has some milliseconds, should the runtime pass it on to a thread of its own.
            0 => thread::sleep(Duration::from_micros(stress.random().below(6_000))),
            _ => pause(ours),
        }
        task.waker.wake_by_ref();
        let handle = aborted.recv().expect("CANCEL-3: `abort` panicked");
        let outcome = await_outside("CANCEL-3: the handle after a race", handle);
        match task.judge(outcome) {
            true => outputs += 1,
            false => cancelled += 1,
        }
    }
    drop(to_aborter);
    aborter.join().expect("CANCEL-3: `abort` panicked");
    (outputs, cancelled)
}

fn abort_all(handles: Receiver<(Join<Tracked>, u64)>, back: Sender<Join<Tracked>>) {
    for (handle, spins) in handles {
        pause(spins);
        handle.abort();
        if back.send(handle).is_err() {
            return;
        }
    }
}

fn pause(spins: u64) {
    // Every eighth gives the other a head start of a whole time slice.
    match spins % 8 {
        0 => thread::yield_now(),
        _ => (0..spins * 8).for_each(|_| std::hint::spin_loop()),
    }
}

/// One parked task that is ready at its second poll.
struct Racing {
    handle: Option<Join<Tracked>>,
    waker: Waker,
    made: Arc<AtomicBool>,
    count: Arc<Count>,
}

impl Racing {
    fn new(rt: &Rt) -> Racing {
        let (output, count) = Tracked::new("the output of a task that was aborted");
        let (made, (parked, wakers)) = (Arc::new(AtomicBool::new(false)), channel());
        let (says, mut output) = (made.clone(), Some(output));
        let mut parked = Some(parked);
        let handle = rt.spawn(std::future::poll_fn(move |cx| match parked.take() {
            Some(parked) => {
                let _ = parked.send(cx.waker().clone()); // whoever waits is there
                Poll::Pending
            }
            None => {
                says.store(true, Ordering::SeqCst);
                Poll::Ready(output.take().expect("ready once"))
            }
        }));
        let waker = wakers.recv().expect("CANCEL-3: a task was dropped before its first poll");
        Racing { handle: Some(handle), waker, made, count }
    }

    /// `true`: it gave its output.
    fn judge(self, outcome: Result<Tracked, JoinError>) -> bool {
        let made = self.made.load(Ordering::SeqCst);
        let gave = match outcome {
            Ok(output) => {
                assert!(self.count.drops() == 0, "CANCEL-3: an output was dropped and given");
                drop(output);
                true
            }
            Err(error) => {
                assert!(error.is_cancelled(), "CANCEL-3: a race of abort and end gave {error:?}");
                assert!(!made, "CANCEL-3: an output was made, and the handle says cancelled");
                false
            }
        };
        assert!(self.count.drops() <= 1, "CANCEL-3: an output was dropped more than once");
        gave
    }
}
