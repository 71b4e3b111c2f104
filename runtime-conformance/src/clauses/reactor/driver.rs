//! REACTOR-9 and REACTOR-10: the thread that waits for events.

use std::future::poll_fn;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::readiness::{pair, register, round_trips};
use crate::clauses::tcp::steps::in_task;
use crate::rig::{Rig, await_outside};
use crate::toolbox::{Gate, Tally, cpu, kernel, within_watchdog};

const WINDOWS: usize = 5;
/// A window ends when the control has used so much.
const SPUN: Duration = Duration::from_millis(30);
/// Or after this time, and then shows nothing.
const WINDOW_MAX: Duration = Duration::from_secs(1);
/// The share of a thread that spins beside it, above which a driver spins, too.
const SHARE_MAX: f64 = 0.25;

/// REACTOR-9: a source that is ready or hung up, and that nobody awaits, costs nothing.
///
/// Method: two sources are registered: one has bytes to read, one's peer has gone. Nothing waits. In
/// five windows the CPU time of all other threads is compared with that of one that spins; the one in
/// the middle counts. A window lasts until the spinner has had its share, so a busy machine makes it
/// longer and nothing else.
///
/// If this fails, look for a poller that reports levels and is not told to stop.
pub(super) fn reactor_9_a_source_nobody_awaits_costs_nothing(rig: &Rig<'_>) {
    let rt = rig.rt();
    let ((ready, mut writes), (hung_up, goes)) = (pair(rig), pair(rig));
    let held = in_task(rig, &rt, "REACTOR-9: sources to be registered", async move {
        let held = (register("REACTOR-9", ready), register("REACTOR-9", hung_up));
        writes.write_all(b"x").expect("std writes");
        drop(goes);
        round_trips("REACTOR-9", 5).await;
        (held, writes)
    });
    let shares = rig.drive_while(&rt, "REACTOR-9: windows of idleness", || {
        (0..WINDOWS).filter_map(|_| window()).collect::<Vec<f64>>()
    });
    drop(held);
    rig.shutdown(rt);
    let mut shares = shares;
    shares.sort_by(f64::total_cmp);
    match shares.get(WINDOWS / 2) {
        None => rig.inconclusive("the machine was too busy for a thread that spins"),
        Some(share) => assert!(
            *share <= SHARE_MAX,
            "REACTOR-9: with nothing to do, threads used {share:.2} of what one that spins used"
        ),
    }
}

/// What all others used, in multiples of what a thread that spins used.
fn window() -> Option<f64> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (tell, told) = std::sync::mpsc::channel();
        let over = &over;
        scope.spawn(move || {
            let _ = tell.send(kernel::this_thread().unwrap_or_default());
            while !over.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let spinner = told.recv().unwrap_or_default();
        let before = (cpu::of_thread(spinner), of_others(spinner));
        let end = Instant::now() + WINDOW_MAX;
        let mut spun = Duration::ZERO;
        while spun < SPUN && Instant::now() < end {
            thread::sleep(SPUN / 10); // the time that is measured
            spun = cpu::of_thread(spinner).saturating_sub(before.0);
        }
        let used = of_others(spinner).saturating_sub(before.1);
        over.store(true, Ordering::Relaxed);
        (spun >= SPUN).then(|| used.as_secs_f64() / spun.as_secs_f64())
    })
}

/// The CPU time of all threads but this one and another.
fn of_others(other: u32) -> Duration {
    let me = kernel::this_thread().unwrap_or_default();
    let threads = kernel::threads().into_iter().map(|thread| thread.id);
    threads.filter(|id| *id != me && *id != other).map(cpu::of_thread).sum()
}

const NOTIFIERS: usize = 4;
/// More than a pipe holds, all together.
const NOTIFICATIONS: usize = 25_000;

/// REACTOR-10: notifications of a driver from other threads are not lost, and do not pile up,
/// however many there are.
///
/// Method: a task's poll stands still while four threads wake it, and notify the driver if it can be
/// notified, a hundred thousand times: no call may block. Then once more while all threads of the
/// runtime do what they want. After each burst, and a rest, one more wake must lead to a poll.
///
/// If this fails with a hang, look for a pipe that fills up, or a counter that wraps to *not notified*.
pub(super) fn reactor_10_a_burst_of_notifications_loses_none(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (wakers, slot) = std::sync::mpsc::channel::<Waker>();
    let (polls, end) = (Arc::new(Tally::new()), Arc::new(AtomicUsize::new(0)));
    let burst_over = Arc::new(Gate::new("REACTOR-10: a burst of notifications to be taken"));
    let (polled, ended, gate) = (polls.clone(), end.clone(), burst_over.clone());
    let mut first = true;
    let task = rt.spawn(poll_fn(move |cx| {
        if std::mem::take(&mut first) {
            wakers.send(cx.waker().clone()).expect("the test waits for it");
            gate.wait();
        }
        polled.add();
        match ended.load(Ordering::SeqCst) {
            END => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }));
    let handle = rt.handle().clone();
    rig.drive_while(&rt, "REACTOR-10: a task that was woken very often", move || {
        let waker = within_watchdog("REACTOR-10: the first poll", || slot.recv());
        let waker = waker.expect("the task lives");
        within_watchdog("REACTOR-10: calls that wake to return", || burst(&handle, &waker));
        burst_over.open();
        await_outside("REACTOR-10: a poll after a burst", polls.reached(2));
        for round in 0..3 {
            within_watchdog("REACTOR-10: calls that wake to return", || burst(&handle, &waker));
            settle(&polls);
            let before = polls.count();
            end.store(if round == 2 { END } else { 0 }, Ordering::SeqCst);
            waker.wake_by_ref();
            let waits = polls.reached(before + 1);
            await_outside("REACTOR-10: the poll after the last wake of a burst", waits);
        }
        let ended = await_outside("REACTOR-10: the task to end", task);
        assert!(ended.is_ok(), "REACTOR-10: the task ended with {ended:?}");
    });
    rig.shutdown(rt);
}

/// What ends the task.
const END: usize = 1;

/// Many wakes and notifications from four threads.
fn burst(handle: &runtime_traits::Handle, waker: &Waker) {
    thread::scope(|scope| {
        for _ in 0..NOTIFIERS {
            scope.spawn(|| {
                let driver = handle.runtime().driver();
                for _ in 0..NOTIFICATIONS {
                    waker.wake_by_ref();
                    if let Some(driver) = driver {
                        driver.notify();
                    }
                }
            });
        }
    });
}

/// Returns when the count has not moved for a while: what was woken has been polled, as a rule. If it
/// never rests, which TASK-8 would say, it is not waited for.
fn settle(polls: &Tally) {
    let (mut last, mut same) = (polls.count(), 0);
    for _ in 0..100 {
        if same == 5 {
            return;
        }
        thread::sleep(Duration::from_millis(1)); // lets the threads go to sleep; orders nothing
        let now = polls.count();
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
}
