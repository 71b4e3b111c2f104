//! TIME-10 and TIME-11: the clock itself, and what waiting for it costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use runtime_traits::time::{Duration, Instant};

use super::{now, sleep_on};
use crate::rig::{Rig, await_outside};
use crate::rt::Rt;
use crate::toolbox::cpu::{self, Cpu};
use crate::toolbox::fence::GiveWay;
use crate::toolbox::{Random, Stress};

/// How often each thread reads the clock.
const READINGS: usize = 100_000;
const THREADS: usize = 2;

/// TIME-10: the clock is monotone across threads.
///
/// Method: threads and a task share the latest instant that anybody saw. Each reads that, then the
/// clock, which may not lie before it; then adds its own. The witness counts how often somebody else
/// had read in between, so that two threads were compared and not one with itself.
///
/// If this fails, look for a clock that each thread caches, one that adjusts to the wall clock, and a
/// raw counter of the processor.
pub(super) fn time_10_the_clock_is_monotone_across_threads(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (latest, reader) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(0));
    let (mut random, rounds) = (rig.random(), rig.rounds(READINGS));
    let in_task = rt.spawn(read_in_a_task(rt.clone(), latest.clone(), rounds / 100));
    let of: &Rt = &rt;
    let others = rig.drive_while(of, "TIME-10: threads that read the clock", || {
        let others = thread::scope(|scope| {
            let start = |seed| {
                let (latest, reader) = (&*latest, &reader);
                scope.spawn(move || read(of, latest, reader, rounds, seed))
            };
            let readers: Vec<_> = (0..THREADS).map(|_| start(random.below(u64::MAX))).collect();
            readers.into_iter().map(|reader| reader.join().unwrap_or(0)).sum()
        });
        let read = await_outside("TIME-10: a task that reads the clock", in_task);
        read.unwrap_or_else(|error| panic!("TIME-10: a task that read the clock: {error}"));
        others
    });
    rig.witness("compared with another thread", others, 10);
    rig.shutdown(rt);
}

async fn read_in_a_task(rt: Rt, latest: Arc<AtomicU64>, times: usize) {
    for _ in 0..times {
        look(&rt, &latest);
        GiveWay::default().await;
    }
}

/// Reads again and again; how often another thread had read since. A clock that stands still is
/// turned.
fn read(rt: &Rt, latest: &AtomicU64, reader: &AtomicU64, rounds: usize, seed: u64) -> u64 {
    let mut stress = Stress::new(Random::new(seed), rounds);
    let mut others = 0;
    while stress.again() {
        others += u64::from(reader.swap(seed, Ordering::Relaxed) != seed);
        look(rt, latest);
        if stress.random().below(256) == 0 {
            if let Some(clock) = rt.handle().runtime().virtual_time() {
                clock.advance_to(now(rt) + Duration::from_nanos(7));
            }
            thread::yield_now();
        }
    }
    others
}

/// Reads once, and compares with what anybody saw before.
fn look(rt: &Rt, latest: &AtomicU64) -> Instant {
    let seen = latest.load(Ordering::Acquire);
    let read = now(rt);
    let back = seen.saturating_sub(read.as_nanos());
    assert!(back == 0, "TIME-10: the clock went back by {back} ns");
    latest.fetch_max(read.as_nanos(), Ordering::AcqRel);
    read
}

/// TIME-10: subtracting a later instant from an earlier one, or more than there is, does not panic.
///
/// Method: every operation on instants, backwards and at both ends of time, with instants that the
/// clock gave.
///
/// If this fails, look for a subtraction of the operating system's instants.
pub(super) fn time_10_backwards_arithmetic_saturates(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive(&rt, "TIME-10: a clock to read", async {
        let earlier = Instant::now();
        sleep_on(&rt, Duration::from_millis(1)).await;
        let later = Instant::now();
        assert!(later > earlier, "TIME-10: the clock stood still while 1 ms passed");
        let zero = [
            earlier - later,
            earlier.duration_since(later),
            earlier.duration_since(Instant::MAX),
            (later + Duration::MAX).elapsed(),
            Instant::MAX.elapsed(),
        ];
        assert_eq!(zero, [Duration::ZERO; 5], "TIME-10: a time that is negative");
        assert_eq!(later - Duration::MAX, Instant::ZERO, "TIME-10: before the beginning");
        assert_eq!(later + Duration::MAX, Instant::MAX, "TIME-10: after the end");
        assert_eq!(later.checked_add(Duration::MAX), None, "TIME-10: a sum past the end");
    });
    rig.shutdown(rt);
}

/// The pause that ends between two milliseconds, and how long a window of them is.
const PAUSE: Duration = Duration::from_micros(1_900);
const WINDOW: Duration = Duration::from_millis(300);
/// The share of a CPU that waiting may take. A driver that polls in the last millisecond of each
/// pause takes nearly half.
const SHARE_MAX: f64 = 0.3;

/// TIME-11: the driver sleeps until the deadline, and does not poll through the last millisecond.
///
/// Method: pauses of 1.9 ms, one after the other, for 300 ms at a time; the CPU time of the process
/// beside a thread that spins in the same window, five windows, the median. On a machine where not
/// even that thread gets its share the case is inconclusive.
///
/// If this fails, look for a timeout in whole milliseconds that is rounded down.
pub(super) fn time_11_the_driver_sleeps_until_the_deadline(rig: &Rig<'_>) {
    let rt = rig.rt();
    let share = cpu::share_of_spinner(|| {
        let end = std::time::Instant::now() + WINDOW;
        rig.drive(&rt, "TIME-11: pauses of 1.9 ms", async {
            while std::time::Instant::now() < end {
                sleep_on(&rt, PAUSE).await;
            }
        });
    });
    match share {
        Cpu::Share(share) => assert!(
            share < SHARE_MAX,
            "TIME-11: pauses of 1.9 ms used {:.0} % of what a thread that spins uses",
            share * 100.0
        ),
        Cpu::TooNoisy => rig.inconclusive("the machine is too busy to measure CPU time"),
    }
    rig.shutdown(rt);
}
