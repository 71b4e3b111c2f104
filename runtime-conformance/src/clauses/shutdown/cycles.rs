//! SHUTDOWN-7: many runtimes.

use std::thread;
use std::time::{Duration, Instant};

use crate::clauses::leak::growth::resident;
use crate::rig::Rig;
use crate::rt::{Owned, Rt};
use crate::toolbox::{foreign, kernel, within_watchdog};
use crate::{Cap, watchdog};

/// How many runtimes are made one after the other, on each of so many threads.
const CYCLES: usize = 40;
const THREADS: usize = 4;
/// How many before anything is counted.
const WARM_UP: usize = 4;
/// What may come and go.
const SLACK: usize = 8;
/// How many windows of how many runtimes the memory is looked at for, after one that does not count.
const WINDOWS: usize = 3;
const WINDOW: usize = 32;
/// Bytes for each runtime that cannot be chance: a fraction of a page for the runtime's own.
const GROWTH_MAX: usize = 2048;
/// How long before the watchdog the waiting for threads ends.
const MARGIN: Duration = Duration::from_millis(700);

/// SHUTDOWN-7: making and ending runtimes, again and again and side by side, leaves no thread and no
/// descriptor, and never panics.
///
/// Method: 160 runtimes, four at a time, each of which runs a task. Threads and descriptors are
/// compared with those after the first four. A thread that has been told to end may take its time:
/// red is what is still there shortly before the watchdog. After every other case, too, it is looked
/// at what threads are left.
///
/// If this fails, look for a helper thread that nobody joins, or one that waits for work for ever.
pub(super) fn shutdown_7_many_runtimes_leave_nothing(rig: &Rig<'_>) {
    (0..WARM_UP).for_each(|_| cycle(rig.rt(), rig.has(Cap::Block)));
    let (threads, open) = (kernel::threads().len(), kernel::descriptors().len());
    let (builder, blocks) = (rig.builder(), rig.has(Cap::Block));
    let cycles = rig.rounds(CYCLES);
    within_watchdog("SHUTDOWN-7: 160 runtimes, four at a time", || {
        thread::scope(|scope| {
            let run = move || (0..cycles).for_each(|_| cycle(builder.rt(), blocks));
            let running: Vec<_> = (0..THREADS).map(|_| scope.spawn(run)).collect();
            for thread in running {
                assert!(thread.join().is_ok(), "SHUTDOWN-7: making or ending a runtime panicked");
            }
        });
    });
    let is_back = || {
        kernel::threads().len() <= threads + SLACK && kernel::descriptors().len() <= open + SLACK
    };
    wait_until(is_back);
    let (threads_now, open_now) = (kernel::threads().len(), kernel::descriptors().len());
    let made = THREADS * cycles;
    assert!(
        threads_now <= threads + SLACK,
        "SHUTDOWN-7: {threads} threads before {made} runtimes came and went, {threads_now} after"
    );
    assert!(
        open_now <= open + SLACK,
        "SHUTDOWN-7: {open} descriptors before {made} runtimes came and went, {open_now} after"
    );
}

/// SHUTDOWN-7: making and ending runtimes, again and again, takes no memory.
///
/// Method: windows of 32 runtimes, one after the other, each of which runs a task. After one window the
/// memory of the process that is really there, as the kernel counts it, must not grow by 2 KiB for each
/// runtime in every one of three more; one window may, since an allocator takes memory in pieces.
///
/// If this fails, look for a runtime that holds a reference to itself, in a task, a waker or a thread.
pub(super) fn shutdown_7_many_runtimes_take_no_memory(rig: &Rig<'_>) {
    let blocks = rig.has(Cap::Block);
    let mut sizes = Vec::new();
    for _ in 0..=WINDOWS {
        (0..WINDOW).for_each(|_| cycle(rig.rt(), blocks));
        sizes.push(resident());
    }
    let Some(sizes) = sizes.into_iter().collect::<Option<Vec<usize>>>() else {
        return rig.inconclusive("this system does not say how much memory a process has");
    };
    let grown: Vec<usize> = sizes.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    let least = grown.iter().min().copied().unwrap_or_default();
    assert!(
        least < WINDOW * GROWTH_MAX,
        "SHUTDOWN-7: memory grew by {grown:?} bytes in {WINDOWS} windows of {WINDOW} runtimes"
    );
}

/// Uses a runtime and ends it.
fn cycle(owner: Owned, blocks: bool) {
    let rt: &Rt = &owner;
    let task = rt.spawn(async { 5 });
    let five = match blocks {
        true => rt.block_on(task).ok(),
        false => Some(foreign::block_on(task)),
    };
    assert!(matches!(five, Some(Ok(5))), "SHUTDOWN-7: a task on a new runtime gave {five:?}");
    owner.shutdown();
}

fn wait_until(is_so: impl Fn() -> bool) {
    let end = watchdog::deadline().checked_sub(MARGIN).unwrap_or_else(Instant::now);
    while !is_so() && Instant::now() < end {
        thread::sleep(Duration::from_millis(1)); // gives threads time to end; orders nothing
    }
}
