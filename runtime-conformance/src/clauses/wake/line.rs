//! WAKE-3, and its engine: numbers that are published and announced by a wake.
//!
//! ```text
//!  thread ── publish, wake ──▶ receiver ── publish, wake ──▶ receiver
//!     ▲                                                         │
//!     └──────────────── seen: a number that the thread looks at ┘
//! ```

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::rig::Rig;
use crate::rt::{Join, Rt};
use crate::toolbox::{Random, Stress, kernel};

/// What the last number is.
const END: u64 = u64::MAX;

/// From one sender to one receiver.
pub(crate) struct Line {
    sent: AtomicU64,
    seen: AtomicU64,
    receiver: Mutex<Option<Waker>>,
}

impl Line {
    /// Nothing was sent.
    pub(crate) fn new() -> Line {
        Line { sent: AtomicU64::new(0), seen: AtomicU64::new(0), receiver: Mutex::default() }
    }

    /// Publishes `number`, then wakes the receiver.
    fn publish(&self, number: u64) {
        self.sent.store(number, Ordering::Release);
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner).clone();
        receiver.into_iter().for_each(Waker::wake);
    }

    /// Waits for numbers and hands each to `forward`, until the last; those that were overtaken are
    /// not seen. Only a wake leads to a look.
    pub(crate) async fn receive(&self, mut forward: impl FnMut(u64)) {
        poll_fn(|cx| {
            self.put_waker(cx);
            let number = self.sent.load(Ordering::Acquire);
            if number > self.seen.load(Ordering::Relaxed) {
                forward(number);
                self.seen.store(number, Ordering::Release);
            }
            if number == END { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        *self.receiver.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn put_waker(&self, cx: &Context<'_>) {
        let mut receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        let known = receiver.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        let old = if known { None } else { receiver.replace(cx.waker().clone()) };
        drop(receiver);
        drop(old);
    }

    /// Sends numbers in bursts, each once the last of the burst before has been seen at `last`, with
    /// pauses of all lengths in between: so that a wake finds the receiver running, just about to
    /// sleep, and asleep.
    pub(crate) fn send_rounds(&self, last: &Line, random: Random, rounds: usize) {
        let mut stress = Stress::new(random, rounds);
        let mut number = 0;
        while stress.again() {
            for _ in 0..=stress.random().below(3) {
                number += 1;
                self.publish(number);
                spin(stress.random().below(64));
            }
            last.wait_until_seen(number);
            // The next one meets the receiver at any point of its way to sleep, mostly its beginning.
            match stress.random().below(32) {
                0 => thread::sleep(Duration::from_micros(100)), // it has fallen asleep
                1..12 => spin(stress.random().below(30)),
                12..22 => spin(stress.random().below(120)),
                _ => spin(stress.random().below(800)),
            }
        }
        self.publish(END);
    }

    /// Spins, so that the count of sleeps is the receiver's. If a wake is lost, this never ends; who
    /// drives the runtime says what was waited for.
    fn wait_until_seen(&self, number: u64) {
        let mut spins = 0_u32;
        while self.seen.load(Ordering::Acquire) < number {
            spins += 1;
            match spins % 64 {
                0 => thread::yield_now(),
                _ => std::hint::spin_loop(),
            }
        }
    }
}

fn spin(spins: u64) {
    (0..spins).for_each(|_| std::hint::spin_loop());
}

/// How many bursts are sent.
const ROUNDS: usize = 6_000;

/// WAKE-3: no sequence of wakes loses the last one: from a thread to a task.
///
/// Method: a sender publishes numbers and wakes; the receiver must see the last of each burst. Pauses
/// let the runtime fall asleep, or meet it just before. The witness is how often threads went to sleep.
///
/// If this fails, look at the last look before the sleep: *I sleep* has to be said before the queue is
/// looked at, and whoever pushes has to look at that afterwards.
pub(super) fn wake_3_from_a_thread_to_a_task(rig: &Rig<'_>) {
    arranged(rig, "WAKE-3: a number that a thread sent to a task", |rt, line| {
        let last = line.clone();
        (last, vec![rt.spawn(async move { line.receive(|_| ()).await })])
    });
}

/// WAKE-3: the same from a task to a task.
///
/// Method: the thread's numbers pass through a task, which wakes another.
///
/// If this fails, look for a wake on a worker that trusts that worker to look again.
pub(super) fn wake_3_from_a_task_to_a_task(rig: &Rig<'_>) {
    arranged(rig, "WAKE-3: a number that a task sent to a task", |rt, line| {
        let next = Arc::new(Line::new());
        let (to_next, last) = (next.clone(), next.clone());
        let first = rt.spawn(async move { line.receive(|number| to_next.publish(number)).await });
        let second = rt.spawn(async move { next.receive(|_| ()).await });
        (last, vec![first, second])
    });
}

/// The last of the lines, and the tasks between them.
type Arranged = (Arc<Line>, Vec<Join<()>>);

/// Sends over what `tasks` has arranged.
fn arranged(rig: &Rig<'_>, hang: &str, tasks: fn(&Rt, Arc<Line>) -> Arranged) {
    let rt = rig.rt();
    let line = Arc::new(Line::new());
    let (random, rounds) = (rig.random(), rig.rounds(ROUNDS));
    let before = kernel::voluntary_switches();
    let (last, _tasks) = tasks(&rt, line.clone());
    rig.drive_while(&rt, hang, || line.send_rounds(&last, random, rounds));
    let parks = kernel::voluntary_switches().saturating_sub(before);
    rig.shutdown(rt);
    rig.witness("threads that went to sleep", parks, 100);
}

/// WAKE-3: the same from a task to the root future.
///
/// Method: the thread's numbers pass through a task, which wakes the root.
///
/// If this fails, look for a flag of the root's that is looked at before the sleep is announced.
pub(super) fn wake_3_from_a_task_to_the_root(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (line, to_root) = (Arc::new(Line::new()), Arc::new(Line::new()));
    let (random, rounds) = (rig.random(), rig.rounds(ROUNDS));
    let before = kernel::voluntary_switches();
    let (inside, next) = (line.clone(), to_root.clone());
    let _task = rt.spawn(async move { inside.receive(|number| next.publish(number)).await });
    let seen = to_root.clone();
    let sender = thread::spawn(move || line.send_rounds(&seen, random, rounds));
    let hang = "WAKE-3: a number that a task sent to the root future";
    rig.drive(&rt, hang, to_root.receive(|_| ()));
    sender.join().expect("WAKE-3: `wake` panicked on a plain thread");
    let parks = kernel::voluntary_switches().saturating_sub(before);
    rig.shutdown(rt);
    rig.witness("threads that went to sleep", parks, 100);
}
