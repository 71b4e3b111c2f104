//! LEAK-4: nothing grows.

use std::fs;
use std::future::pending;
use std::net::UdpSocket;
use std::sync::Arc;
use std::task::Waker;

use runtime_traits::io::Async;
use runtime_traits::time::{Duration, sleep};

use crate::Cap;
use crate::rig::Rig;
use crate::rt::{Join, Rt};
use crate::toolbox::{Tally, hand_poll, kernel};

/// How many tasks and timers a window has, in batches of so many.
const CYCLES: usize = 5_000;
const BATCH: usize = 40;
/// Of so many cycles one registers a source.
const SOURCES: usize = 4;
/// Windows before the first that counts, and those that count.
const WARM: usize = 2;
const WINDOWS: usize = 3;
/// Bytes for each cycle that cannot be chance: a fraction of the smallest task.
const GROWTH_MAX: usize = 16;

/// LEAK-4: memory and threads are flat over tens of thousands of tasks and timers.
///
/// Method: windows of 5000 cycles: tasks that finish, that are aborted at once or when they are
/// parked, timers that are armed and dropped, sources that are registered and dropped. After two
/// windows the memory of the process that is really there, as the kernel counts it, must not grow by
/// 16 bytes a cycle in each of three more; one window may, since an allocator takes memory in pieces.
/// No thread may be there that was not there before.
///
/// If this fails, look for a count of references that begins one too high, and for a list of dead
/// entries that is only emptied at the end.
pub(super) fn leak_4_memory_and_threads_are_flat(rig: &Rig<'_>) {
    let rt = rig.rt();
    let mut sizes = Vec::new();
    let mut threads = Vec::new();
    for _ in 0..WARM + WINDOWS {
        rig.drive(&rt, "LEAK-4: thousands of tasks, timers and sources", window(rig, &rt));
        sizes.push(resident());
        threads.push(kernel::threads().len());
    }
    rig.shutdown(rt);
    let Some(sizes) = sizes.into_iter().collect::<Option<Vec<usize>>>() else {
        return rig.inconclusive("this system does not say how much memory a process has");
    };
    let grown: Vec<usize> =
        sizes[WARM - 1..].windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    let least = grown.iter().min().copied().unwrap_or_default();
    assert!(
        least < CYCLES * GROWTH_MAX,
        "LEAK-4: memory grew by {grown:?} bytes in {WINDOWS} windows of {CYCLES} cycles"
    );
    let (first, last) = (threads[WARM - 1], threads[WARM + WINDOWS - 1]);
    assert!(last <= first, "LEAK-4: {first} threads became {last}");
}

async fn window(rig: &Rig<'_>, rt: &Rt) {
    let timed = rig.has(Cap::Time);
    let socket = rig.has(Cap::Fd).then(|| rig.setup("a socket", UdpSocket::bind("127.0.0.1:0")));
    for _ in 0..CYCLES / BATCH {
        let parked = Arc::new(Tally::new());
        let tasks: Vec<Join<()>> =
            (0..BATCH).map(|number| one_of_three(rt, number, &parked)).collect();
        for _ in 0..if timed { BATCH } else { 0 } {
            let mut timer = rt.enter(|| sleep(Duration::from_secs(3600)));
            let _ = hand_poll(&mut timer, Waker::noop());
        }
        for socket in socket.iter().cycle().take(BATCH / SOURCES) {
            let copy = rig.setup("a copy of a socket", socket.try_clone());
            drop(rig.setup("a source", Async::new_on(rt.handle(), copy)));
        }
        parked.reached(BATCH / 3).await;
        tasks.iter().skip(2).step_by(3).for_each(Join::abort);
        for task in tasks {
            let _ = task.await;
        }
    }
}

/// A task that finishes, one that is aborted at once, or one that parks to be aborted.
fn one_of_three(rt: &Rt, number: usize, parked: &Arc<Tally>) -> Join<()> {
    match number % 3 {
        0 => rt.spawn(async {}),
        1 => {
            let task = rt.spawn(pending());
            task.abort();
            task
        }
        _ => {
            let parked = parked.clone();
            rt.spawn(async move {
                parked.add();
                pending().await
            })
        }
    }
}

/// Bytes of memory that this process has, without what files provide.
pub(in crate::clauses) fn resident() -> Option<usize> {
    // This one counts pages; `status` has a figure that is brought up to date now and then.
    let exact = fs::read_to_string("/proc/self/smaps_rollup").ok();
    let exact = exact.and_then(|text| kilobytes(&text, "Anonymous:"));
    let status = || kilobytes(&fs::read_to_string("/proc/self/status").ok()?, "RssAnon:");
    exact.or_else(status).map(|kilobytes| kilobytes * 1024)
}

fn kilobytes(text: &str, name: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
