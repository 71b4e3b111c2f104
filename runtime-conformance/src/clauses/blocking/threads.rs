//! BLOCKING-4 to BLOCKING-6: the threads of the pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use runtime_traits::time::Duration;

use super::finish;
use crate::rig::Rig;
use crate::rt::{Join, Rt};
#[cfg(target_os = "linux")]
use crate::toolbox::Flag;
#[cfg(target_os = "linux")]
use crate::toolbox::fence::{GiveWay, fence};
use crate::toolbox::{Gate, Stress, Tally, foreign, kernel, within_watchdog};

/// How many closures more than threads there are.
const EXCESS: usize = 50;
/// How many there are if the bound is not known, or larger than this asks of a machine.
const SOME: usize = 200;
/// The largest limit that is met: each of that many closures has a thread.
pub(super) const LIMIT_MAX: usize = 512;
/// For how many looks, and how far apart, no other closure has begun: then none will, as a rule.
const LOOKS: usize = 10;
const APART: Duration = Duration::from_millis(1);

/// BLOCKING-4: threads are bounded by the documented limit, and what exceeds it runs later.
///
/// Method: fifty closures more than the limit are dispatched, and wait at a gate. When no other begins,
/// those inside are as many as there are threads: not more than the limit, by count and by the
/// kernel's. Then the gate opens, and all run. With no limit declared, or one of more than 512 threads,
/// all run, and that shows too little.
///
/// If this fails with a hang, look for closures that only a *new* thread would take.
pub(super) fn blocking_4_threads_are_bounded_and_the_rest_waits(rig: &Rig<'_>) {
    let rt = rig.rt();
    let limit = rig.decisions().blocking_threads_max.filter(|limit| *limit <= LIMIT_MAX);
    let closures = limit.map_or(SOME, |limit| limit + EXCESS);
    let gate = Arc::new(Gate::new("BLOCKING-4: more closures than threads to be dispatched"));
    let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(Tally::new()));
    let threads = kernel::threads().len();
    let dispatch = |_| {
        let (gate, begun, ended) = (gate.clone(), begun.clone(), ended.clone());
        rt.spawn_blocking(move || {
            begun.fetch_add(1, Ordering::SeqCst);
            gate.wait();
            ended.add();
        })
    };
    let handles: Vec<_> = (0..closures).map(dispatch).collect();
    rig.drive_while(&rt, "BLOCKING-4: more closures than threads to be run", || {
        let inside = within_watchdog("BLOCKING-4: a closure to begin", || settled(&begun));
        let watcher = 1; // the thread of this closure
        let new = kernel::threads().len().saturating_sub(threads + watcher);
        if let Some(limit) = limit {
            assert!(inside <= limit, "BLOCKING-4: {inside} closures at once, the limit is {limit}");
            assert!(new <= limit, "BLOCKING-4: {new} threads, the limit is {limit}");
        }
        gate.open();
        let all = ended.reached(closures);
        within_watchdog("BLOCKING-4: what exceeds the limit to run later", || {
            foreign::block_on(all);
        });
    });
    drop(handles);
    rig.shutdown(rt);
    if limit.is_none() {
        rig.inconclusive(format!("`Decisions::blocking_threads_max` names none up to {LIMIT_MAX}"));
    }
}

/// The count when it no longer grows, and is not zero.
pub(super) fn settled(count: &AtomicUsize) -> usize {
    let (mut last, mut same) = (0, 0);
    while same < LOOKS {
        thread::sleep(APART); // lets more of them begin; orders nothing
        let now = count.load(Ordering::SeqCst);
        same = if now == last && now > 0 { same + 1 } else { 0 };
        last = now;
    }
    last
}

/// BLOCKING-4: a closure may dispatch another and wait for it while there are threads to spare.
///
/// Method: two closures are seen to run at the same time, so there is a thread to spare while there is
/// one (if they are not, this shows nothing: see BLOCKING-1). Then a closure dispatches another and
/// waits for it, ten times.
///
/// If this fails with a hang, look for closures that are kept for the thread that dispatched them.
pub(super) fn blocking_4_a_closure_may_dispatch_another(rig: &Rig<'_>) {
    let rt = rig.rt();
    let one_thread = rig.decisions().blocking_threads_max == Some(1);
    if one_thread || !two_at_once(rig, &rt) {
        rig.inconclusive("two closures never ran at once, so none was to spare: see BLOCKING-1");
        rig.shutdown(rt);
        return;
    }
    for _ in 0..10 {
        let closure = nested(&rt, 2);
        let reached = finish(rig, &rt, "BLOCKING-4: a closure that waits for a closure", closure);
        assert_eq!(reached, 2, "BLOCKING-4: how deep closures were dispatched");
    }
    rig.shutdown(rt);
}

/// For how long two closures wait for each other.
const MEET: Duration = Duration::from_millis(500);

/// Whether two closures were inside at the same time.
fn two_at_once(rig: &Rig<'_>, rt: &Rt) -> bool {
    let (meets, met) = channel();
    let (here, there) = (sync_channel::<()>(1), sync_channel::<()>(1));
    let meet = |(tell, _): &(SyncSender<()>, Receiver<()>)| tell.clone();
    let (tell_here, tell_there) = (meet(&here), meet(&there));
    let one = rt.spawn_blocking({
        let met = meets.clone();
        move || {
            let _ = tell_there.send(());
            let _ = met.send(here.1.recv_timeout(MEET).is_ok());
        }
    });
    let two = rt.spawn_blocking(move || {
        let _ = tell_here.send(());
        let _ = meets.send(there.1.recv_timeout(MEET).is_ok());
    });
    rig.drive(rt, "BLOCKING-4: two closures", async {
        drop(one.await);
        drop(two.await);
    });
    met.iter().all(|met| met)
}

/// A closure that waits for a closure, `depth` of them.
fn nested(rt: &Rt, depth: usize) -> Join<usize> {
    let inner = rt.clone();
    rt.spawn_blocking(move || match depth {
        0 | 1 => depth,
        _ => 1 + foreign::block_on(nested(&inner, depth - 1)).unwrap_or_default(),
    })
}

/// The longest wait of idle threads that a test waits for: no more than is declared, which may be hours.
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// The pause if that is not known.
const PAUSE: Duration = Duration::from_millis(2);
/// About how long all rounds may take.
const BOX: Duration = Duration::from_millis(800);
const ROUNDS_MAX: usize = 2000;
/// For how many tenths of that time more it is awaited, every third time, that all have gone.
const PATIENCE: usize = 40;

/// BLOCKING-5: a closure that is dispatched at the moment when an idle thread retires is not stranded,
/// and the pool grows again.
///
/// Method: one to three closures are dispatched and awaited; then a pause, about as long as idle
/// threads wait, with a random shift of up to a millisecond, every third time until they have gone; and
/// again. Where that time is not known, or is longer than 100 ms, the pauses are of 2 ms. Green needs
/// that threads were seen to have gone, unless it is declared that they never do: then there is no such
/// moment.
///
/// If this fails with a hang, look for a thread that has stopped looking at the queue and still counts
/// as idle.
pub(super) fn blocking_5_nothing_is_stranded_when_threads_retire(rig: &Rig<'_>) {
    let rt = rig.rt();
    let declared = rig.decisions().blocking_keep_alive;
    let keep_alive = declared.filter(|delay| *delay <= PAUSE_MAX);
    let pause = keep_alive.unwrap_or(PAUSE);
    let most = (BOX.as_nanos() / pause.as_nanos().max(1)) as usize;
    let mut stress = Stress::new(rig.random(), rig.rounds(most.clamp(3, ROUNDS_MAX)));
    let (mut retired, before) = (0, kernel::threads().len());
    while stress.again() {
        let burst: Vec<_> =
            (0..1 + stress.random().below(3)).map(|nth| rt.spawn_blocking(move || nth)).collect();
        rig.drive(&rt, "BLOCKING-5: a closure dispatched when a thread retires", async {
            for (nth, handle) in burst.into_iter().enumerate() {
                let left = handle.await;
                let fine = matches!(left, Ok(n) if n == nth as u64);
                assert!(fine, "BLOCKING-5: closure {nth} of a burst gave {left:?}");
            }
        });
        let shift = Duration::from_micros(stress.random().below(2000));
        // Meets the moment; orders nothing.
        thread::sleep((pause + shift).saturating_sub(Duration::from_millis(1)));
        let is_retired = || kernel::threads().len() <= before;
        if keep_alive.is_some() && stress.done() % 3 == 1 {
            for _ in 0..PATIENCE {
                if !is_retired() {
                    thread::sleep(pause / 10); // past the moment
                }
            }
        }
        retired += u64::from(is_retired());
    }
    if declared != Some(Duration::MAX) {
        rig.witness("rounds before which threads had retired", retired, 1);
    }
    rig.shutdown(rt);
}

/// BLOCKING-6: that no thread can be started is not the end: the closure runs later or its handle
/// says why not, and once threads can be started again, so are they.
///
/// Method: the memory that the process may have is limited to what it has and a little, less than a
/// thread's stack; threads of the test's own use up the stacks that others left, until one fails to
/// start. Closures are dispatched that wait at a gate: each takes a thread that the pool had already,
/// until one does not begin, because none is left (the first, if the pool is young). If all begin,
/// the run shows nothing. Tasks go on beside it. The gate opens: every handle must resolve, that of
/// the last one either way. Then the limit is lifted, and a closure must run.
///
/// If this fails with a hang, look for a job that was queued for a thread that never came; if the
/// dispatch hangs, for a loop that starts threads until there are enough.
#[cfg(target_os = "linux")]
pub(super) fn blocking_6_a_thread_that_cannot_be_started_is_no_hang(rig: &Rig<'_>) {
    let rt = rig.rt();
    let handle = rt.handle().clone();
    rig.drive(&rt, "BLOCKING-6: tasks, before anything else", async { fence(&handle, 4).await });
    let lifted = rig.setup("limiting memory", memory::limit());
    let controls = memory::use_up_threads();
    if controls.is_none() {
        rig.inconclusive("threads could be started in spite of the limit");
    }
    let gate =
        Arc::new(Gate::new("BLOCKING-6: closures for all threads, and one more, to be dispatched"));
    let (parked, last) = park_all(rig, &rt, &gate);
    let task = rt.clone();
    let hang = "BLOCKING-6: a closure for which no thread can be started";
    let had_one = rig.drive(&rt, hang, async move {
        let five = task.spawn(async { 5 }).await;
        assert!(matches!(five, Ok(5)), "BLOCKING-6: a task beside it gave {five:?}");
        let had_one = last.as_ref().is_none_or(|(begun, _)| begun.is_up());
        gate.open();
        for closure in parked {
            let done = closure.await;
            assert!(done.is_ok(), "BLOCKING-6: a closure that had begun resolved {done:?}");
        }
        if let Some((_, last)) = last {
            let left = last.await;
            let is_fine = left.as_ref().err().is_none_or(|error| !error.is_panic());
            assert!(is_fine, "BLOCKING-6: a closure for which there was no thread gave {left:?}");
        }
        had_one
    });
    if had_one {
        rig.inconclusive("every closure found a thread in spite of the limit");
    }
    rig.setup("lifting the limit", lifted());
    let again = rt.spawn_blocking(|| 6);
    let six = finish(rig, &rt, "BLOCKING-6: a closure when threads can be started again", again);
    assert_eq!(six, 6, "BLOCKING-6: what the second closure gave");
    drop(controls);
    rig.shutdown(rt);
}

/// More closures than a pool has threads left from before.
#[cfg(target_os = "linux")]
const PARKED_MAX: usize = 64;

/// For how many looks a closure that does not begin is taken for one that has no thread.
#[cfg(target_os = "linux")]
const LOOKS_FOR_ONE: usize = 5 * LOOKS;

/// A closure's handle, and whether it has begun.
#[cfg(target_os = "linux")]
type Waiting = (Arc<Flag>, Join<()>);

/// Dispatches closures that wait at `gate` until one does not begin: those that did, and that one.
#[cfg(target_os = "linux")]
fn park_all(rig: &Rig<'_>, rt: &Rt, gate: &Arc<Gate>) -> (Vec<Join<()>>, Option<Waiting>) {
    let mut parked = Vec::new();
    while parked.len() < PARKED_MAX {
        let begun = Arc::new(Flag::new());
        let (begins, gate) = (begun.clone(), gate.clone());
        let closure = move || {
            begins.raise();
            gate.wait();
        };
        let hang = "BLOCKING-6: the dispatch of a closure for which no thread can be started";
        let handle = within_watchdog(hang, || rt.spawn_blocking(closure));
        if !rig.drive(rt, "BLOCKING-6: tasks while closures wait", goes_up(&begun)) {
            return (parked, Some((begun, handle)));
        }
        parked.push(handle);
    }
    (parked, None)
}

/// Whether the flag goes up soon.
#[cfg(target_os = "linux")]
async fn goes_up(flag: &Flag) -> bool {
    for _ in 0..LOOKS_FOR_ONE {
        thread::sleep(APART); // lets the closure begin; orders nothing
        GiveWay::default().await;
        if flag.is_up() {
            return true;
        }
    }
    false
}

/// The memory that the process may have.
#[cfg(target_os = "linux")]
mod memory {
    use std::fs;
    use std::io;
    use std::sync::mpsc::{Sender, channel};
    use std::thread;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::{APART, LOOKS};

    /// Enough for what is allocated meanwhile, and less than the stack of a thread.
    const HEADROOM: u64 = 1536 * 1024;
    /// More threads than there are stacks left over from others.
    const CONTROLS_MAX: usize = 64;

    /// Limits it to a little more than there is; what is answered lifts the limit.
    pub(super) fn limit() -> io::Result<impl FnOnce() -> io::Result<()>> {
        let before = getrlimit(Resource::As);
        let limit = Rlimit { current: Some(settled()? + HEADROOM), maximum: before.maximum };
        setrlimit(Resource::As, limit)?;
        Ok(move || Ok(setrlimit(Resource::As, before)?))
    }

    /// How much there is, once the threads that were just started have theirs.
    fn settled() -> io::Result<u64> {
        let (mut last, mut same) = (0, 0);
        while same < LOOKS {
            thread::sleep(APART); // gives threads their time to start
            let now = now()?;
            same = if now == last { same + 1 } else { 0 };
            last = now;
        }
        Ok(last)
    }

    fn now() -> io::Result<u64> {
        let statm = fs::read_to_string("/proc/self/statm")?;
        let pages = statm.split(' ').next().and_then(|pages| pages.parse::<u64>().ok());
        let pages = pages.ok_or_else(|| io::Error::other("/proc/self/statm is not understood"))?;
        Ok(pages * rustix::param::page_size() as u64)
    }

    /// Threads on the stacks that are left from others, until none can be started; `None` if there is
    /// no end of them. They end when this is dropped.
    pub(super) fn use_up_threads() -> Option<Controls> {
        let mut controls = Controls(Vec::new());
        for _ in 0..CONTROLS_MAX {
            let (end, ended) = channel::<()>();
            let waits = move || _ = ended.recv();
            match thread::Builder::new().spawn(waits) {
                Ok(thread) => controls.0.push((Some(end), Some(thread))),
                Err(_) => return Some(controls),
            }
        }
        None
    }

    /// Threads that wait.
    pub(super) struct Controls(Vec<Control>);

    /// What ends a thread, and the thread.
    type Control = (Option<Sender<()>>, Option<thread::JoinHandle<()>>);

    impl Drop for Controls {
        fn drop(&mut self) {
            for (end, thread) in &mut self.0 {
                drop(end.take());
                drop(thread.take().map(thread::JoinHandle::join));
            }
        }
    }
}
