//! How long is the way from a thread to a sleeping task and back?
//!
//! Measured: a plain thread wakes a task, the task answers and unparks the thread, which sleeps in
//! `std::thread::park` meanwhile; the median of the trips. Before each trip the thread pauses, until
//! every worker has gone to sleep as deep as it does.
//! Floor: two threads that park and unpark each other through a futex, 3.9 µs; 8.3 µs where the
//! one who sleeps does so in epoll.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::neutral::on_a_thread;
use super::{Sample, Stopwatch, Workload};
use crate::api::{Api, Finished};
use crate::stats::median;

const WARM_UP: usize = 500;
const PAUSE: Duration = Duration::from_micros(50);

pub(super) struct RemoteWake {
    pub(super) trips: usize,
}

impl Workload for RemoteWake {
    async fn run<A: Api>(self) -> Sample {
        let trips = self.trips;
        let bell = Arc::new(Bell::default());
        let theirs = bell.clone();
        let sample = on_a_thread(move || theirs.ring_often(trips));
        let task = A::spawn(async move {
            for _ in 0..WARM_UP + trips {
                poll_fn(|cx| bell.poll_asked(cx)).await;
                bell.answer();
            }
        });
        let sample = sample.await;
        task.await.output();
        sample
    }
}

/// What the thread and the task share.
struct Bell {
    asked: AtomicBool,
    answered: AtomicBool,
    /// The task's, once it has been polled.
    waker: Mutex<Waker>,
    /// Who rings.
    thread: OnceLock<Thread>,
}

impl Default for Bell {
    fn default() -> Self {
        let (asked, answered, thread) = Default::default();
        Bell { asked, answered, waker: Mutex::new(Waker::noop().clone()), thread }
    }
}

impl Bell {
    /// The thread's part.
    fn ring_often(&self, trips: usize) -> Sample {
        self.thread.get_or_init(thread::current);
        (0..WARM_UP).for_each(|_| self.ring());
        let whole = Stopwatch::start();
        let mut seconds = Vec::with_capacity(trips);
        for _ in 0..trips {
            thread::sleep(PAUSE);
            let start = Instant::now();
            self.ring();
            seconds.push(start.elapsed().as_secs_f64());
        }
        let side = whole.cpu_seconds() * 1e6 / trips as f64;
        Sample { main: median(&seconds) * 1e6, side }
    }

    fn ring(&self) {
        self.asked.store(true, SeqCst);
        // Woken outside the lock, which the task wants as soon as it runs.
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        waker.wake();
        while !self.answered.swap(false, SeqCst) {
            thread::park();
        }
    }

    /// The task's part: first the waker, then the look, so that no ring is lost.
    fn poll_asked(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone_from(cx.waker());
        if self.asked.swap(false, SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn answer(&self) {
        self.answered.store(true, SeqCst);
        self.thread.get().expect("it has rung").unpark();
    }
}
