//! What a case left behind: looked at after every case that held, whatever it was about.
//!
//! | left behind | fails |
//! |---|---|
//! | a probe or a tracked value that was not dropped exactly once | LEAK-1 |
//! | a descriptor | LEAK-3 |
//! | a thread | SHUTDOWN-7 |
//!
//! A thread that has been told to end may take a moment, and may still hold the rest; one that lasts
//! may still be inside a wake. So this waits as long as a thread is there that could tidy up, until
//! shortly before the watchdog; when none is left, nobody will, and the verdict is immediate.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use crate::rig::Rig;
use crate::toolbox::{foreign, kernel, registry};
use crate::{Cap, watchdog};

/// How long before the watchdog the waiting ends.
const MARGIN: Duration = Duration::from_millis(500);

/// What there was before the case.
pub(crate) struct Before {
    descriptors: Vec<(u32, String)>,
    threads: Vec<u32>,
    lasting: &'static [&'static str],
}

impl Before {
    /// Looks; after a warm-up if the runtime keeps something for the life of the process.
    pub(crate) fn of(rig: &Rig<'_>) -> Before {
        let lasting = rig.decisions().lasting_threads;
        if !lasting.is_empty() {
            warm_up(rig);
        }
        let threads = kernel::threads().into_iter().map(|thread| thread.id).collect();
        Before { descriptors: kernel::descriptors(), threads, lasting }
    }

    /// Says what is there now and was not before.
    pub(crate) fn compare(&self) {
        let end = watchdog::deadline().checked_sub(MARGIN).unwrap_or_else(Instant::now);
        let mut pause = Duration::from_micros(200);
        loop {
            let threads = self.new_threads();
            let found = self.found(&threads);
            let nobody = || threads.is_empty() && !kernel::threads().iter().any(|t| self.lasts(t));
            if found.is_empty() || Instant::now() >= end || nobody() {
                found.iter().for_each(|found| watchdog::speak("also", found));
                return;
            }
            thread::sleep(pause); // gives the threads that are left their time; orders nothing
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    fn found(&self, threads: &[String]) -> Vec<String> {
        let mut found = registry::not_dropped_once();
        let descriptors = kernel::descriptors();
        let new: Vec<_> = descriptors.iter().filter(|d| !self.descriptors.contains(d)).collect();
        if descriptors.len() > self.descriptors.len() {
            let (count, more) = (new.len(), descriptors.len() - self.descriptors.len());
            found
                .push(format!("LEAK-3: {more} descriptors more than before, {count} new: {new:?}"));
        }
        if !threads.is_empty() {
            found.push(format!("SHUTDOWN-7: threads were left behind: {}", threads.join(", ")));
        }
        found
    }

    fn new_threads(&self) -> Vec<String> {
        let new = kernel::threads().into_iter().filter(|thread| {
            !self.threads.contains(&thread.id) && thread.state != 'Z' && !self.lasts(thread)
        });
        new.map(|thread| thread.name).collect()
    }

    /// Whether it is there for the life of the process.
    fn lasts(&self, thread: &kernel::Thread) -> bool {
        self.lasting.iter().any(|lasting| thread.name.starts_with(lasting))
    }
}

/// Uses a runtime once, so that what it keeps for the process is there before the case.
fn warm_up(rig: &Rig<'_>) {
    let rt = rig.rt();
    let moment = Duration::from_micros(1);
    let work = async {
        if rig.has(Cap::Time) {
            // What is due when it is polled first may never reach the clock.
            let mut late = pin!(runtime_traits::time::sleep(Duration::from_secs(3600)));
            poll_fn(|cx| Poll::Ready(late.as_mut().poll(cx).is_ready())).await;
            runtime_traits::time::sleep(moment).await;
        }
        if rig.has(Cap::Blk) {
            let _ = rt.spawn_blocking(|| ()).await;
        }
    };
    match rig.has(Cap::Block) {
        true => drop(rt.handle().block_on(work)),
        false => foreign::block_on(rt.handle().wrap(work)),
    }
    rig.shutdown(rt);
}
