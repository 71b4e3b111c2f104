//! The blocking pool.
//!
//! `threads` has BLOCKING-4 to BLOCKING-6: how many there are, and when they come and go; `lanes` has
//! BLOCKING-8 and BLOCKING-9: the kinds of closures.

mod lanes;
mod threads;

use std::future::Future;
use std::sync::Arc;

use runtime_traits::time::{Duration, sleep};

use crate::Cap;
use crate::case::{Case, Untested};
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::fence::GiveWay;
use crate::toolbox::{Gate, Tally, Tracked, WakeCount, foreign, hand_poll, within_watchdog};

pub(crate) const CASES: &[Case] = &[
    Case::new("BLOCKING-1", blocking_1_closures_run_beside_tasks_and_each_other),
    Case::new("BLOCKING-2", blocking_2_each_handle_gets_what_its_closure_left),
    Case::new("BLOCKING-3", blocking_3_dropping_the_handle_neither_stops_nor_waits),
    Case::new("BLOCKING-4", threads::blocking_4_threads_are_bounded_and_the_rest_waits),
    Case::new("BLOCKING-4", threads::blocking_4_a_closure_may_dispatch_another)
        .part("nested", "does a closure that waits for another get it, with threads to spare?"),
    Case::new("BLOCKING-5", threads::blocking_5_nothing_is_stranded_when_threads_retire)
        .stochastic(),
    #[cfg(target_os = "linux")]
    Case::new("BLOCKING-6", threads::blocking_6_a_thread_that_cannot_be_started_is_no_hang),
    Case::new("BLOCKING-7", blocking_7_the_runtime_is_current_in_a_closure),
    Case::new("BLOCKING-7", blocking_7_timers_work_in_a_closure)
        .part("timers", "can a closure make a timer and wait for it?")
        .needs(&[Cap::Blk, Cap::Time]),
    Case::new("BLOCKING-7", blocking_7_block_on_works_in_a_closure)
        .part("block-on", "does `block_on` work in a closure?")
        .needs(&[Cap::Blk, Cap::Shared, Cap::Block]),
    Case::new("BLOCKING-8", lanes::blocking_8_a_full_lane_stops_no_other),
    Case::new("BLOCKING-9", lanes::blocking_9_a_dedicated_closure_holds_up_no_end),
];

pub(crate) const UNTESTED: &[Untested] = &[];

/// BLOCKING-1: blocking closures run off the threads that poll tasks, two at a time at least, and tasks
/// go on meanwhile.
///
/// Method: two closures wait for each other, and then for a task that gives way a hundred times. So
/// they can end only if both run at once and neither stands where the task has to run. As many more
/// closures as there are workers wait with them, if the pool has room.
///
/// If this fails with a hang, look for a pool of one thread, a notification that is sent only when the
/// queue was empty, or closures that are called where they are dispatched.
fn blocking_1_closures_run_beside_tasks_and_each_other(rig: &Rig<'_>) {
    let rt = rig.rt();
    let threads = rig.decisions().blocking_threads_max.unwrap_or(usize::MAX);
    let pairs = if threads >= 2 { 1 } else { 0 };
    let more = rt.handle().info().workers.min(threads.saturating_sub(2 * pairs));
    let ticked = Arc::new(Gate::new("BLOCKING-1: a task to go on beside blocking closures"));
    let inside = Arc::new(Tally::new());
    let mut closures = Vec::new();
    let meets = [
        Arc::new(Gate::new("BLOCKING-1: the second closure to run beside the first")),
        Arc::new(Gate::new("BLOCKING-1: the first closure to run beside the second")),
    ];
    for own in 0..2 * pairs {
        let (meets, ticked, inside) = (meets.clone(), ticked.clone(), inside.clone());
        closures.push(rt.spawn_blocking(move || {
            meets[1 - own].open();
            meets[own].wait();
            inside.add();
            ticked.wait();
        }));
    }
    for _ in 0..more {
        let (ticked, inside) = (ticked.clone(), inside.clone());
        closures.push(rt.spawn_blocking(move || {
            inside.add();
            ticked.wait();
        }));
    }
    let expected = closures.len();
    let ticks = rt.spawn(async move {
        inside.reached(expected).await;
        for _ in 0..100 {
            GiveWay::default().await;
        }
        ticked.open();
    });
    let hang = "BLOCKING-1: two closures that meet, and a task beside them";
    rig.drive(&rt, hang, async {
        drop(ticks.await);
        for closure in closures {
            let done = closure.await;
            assert!(done.is_ok(), "BLOCKING-1: a closure resolved {done:?}");
        }
    });
    rig.shutdown(rt);
}

const CLOSURES: usize = 1000;

/// BLOCKING-2: what a closure returns, or panics with, reaches its own handle; and the pool survives.
///
/// Method: a thousand closures return their number, and every tenth panics with it. Each handle gives
/// its own number, in the right way. Then a hundred more run.
///
/// If this fails, look for a thread that ends with a panic and is still counted as there.
fn blocking_2_each_handle_gets_what_its_closure_left(rig: &Rig<'_>) {
    let rt = rig.rt();
    std::panic::set_hook(quiet(std::panic::take_hook()));
    let closure = |nth: usize| {
        move || match nth % 10 {
            0 => std::panic::panic_any(nth),
            _ => nth,
        }
    };
    let closures: Vec<_> = (0..CLOSURES).map(|nth| rt.spawn_blocking(closure(nth))).collect();
    let after = rt.clone();
    rig.drive(&rt, "BLOCKING-2: closures, a tenth of which panic", async move {
        for (nth, handle) in closures.into_iter().enumerate() {
            match (handle.await, nth % 10) {
                (Ok(number), 1..) => assert_eq!(number, nth, "BLOCKING-2: what closure {nth} left"),
                (Err(error), 0) if error.is_panic() => {
                    let payload = error.into_panic();
                    let number = payload.downcast_ref::<usize>();
                    assert_eq!(number, Some(&nth), "BLOCKING-2: what closure {nth} panicked with");
                }
                (other, _) => panic!("BLOCKING-2: closure {nth} resolved {other:?}"),
            }
        }
        let more: Vec<_> = (0..100).map(|nth| after.spawn_blocking(move || nth)).collect();
        for (nth, handle) in more.into_iter().enumerate() {
            let left = handle.await;
            assert!(matches!(left, Ok(n) if n == nth), "BLOCKING-2: after panics: {left:?}");
        }
    });
    rig.shutdown(rt);
}

type Hook = Box<dyn Fn(&std::panic::PanicHookInfo<'_>) + Send + Sync>;

/// A hook that does not print panics whose payload is a number: there are many of them.
fn quiet(hook: Hook) -> Hook {
    Box::new(move |info| {
        if !info.payload().is::<usize>() {
            hook(info);
        }
    })
}

/// BLOCKING-3: dropping the handle of a closure that has started neither stops it nor waits for it.
///
/// Method: a closure says that it is inside and waits at a gate. Its handle is dropped, which must
/// return while the gate is shut. The gate is opened, and the closure goes on to its end.
///
/// If this fails with a hang, look for a handle that joins.
fn blocking_3_dropping_the_handle_neither_stops_nor_waits(rig: &Rig<'_>) {
    let rt = rig.rt();
    let gate = Arc::new(Gate::new("BLOCKING-3: a dropped handle"));
    let (inside, done) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
    let (theirs, is_inside, is_done) = (gate.clone(), inside.clone(), done.clone());
    let owned = Tracked::once("a value that a blocking closure owns");
    let handle = rt.spawn_blocking(move || {
        is_inside.add();
        theirs.wait();
        drop(owned);
        is_done.add();
    });
    rig.drive(&rt, "BLOCKING-3: a closure to start, and to go on without its handle", async {
        inside.reached(1).await;
        let drops = || drop(handle);
        within_watchdog("BLOCKING-3: the drop of a handle whose closure is blocked", drops);
        assert_eq!(done.count(), 0, "BLOCKING-3: a closure came by a gate that is shut");
        gate.open();
        done.reached(1).await;
    });
    rig.shutdown(rt);
}

/// BLOCKING-7: the runtime that a closure belongs to is current in it, and takes tasks there.
///
/// Method: a closure asks which runtime is current, spawns a task on it and waits for it. A closure that
/// it dispatches asks, too.
///
/// If this fails, look for threads of the pool that stand in no scope.
fn blocking_7_the_runtime_is_current_in_a_closure(rig: &Rig<'_>) {
    let rt = rig.rt();
    let asked = rt.clone();
    let outer = rt.spawn_blocking(move || {
        is_current(&asked);
        let five = foreign::block_on(asked.spawn(async { 5 }));
        assert!(matches!(five, Ok(5)), "BLOCKING-7: a task spawned in a closure gave {five:?}");
        let inner = asked.clone();
        asked.spawn_blocking(move || is_current(&inner))
    });
    let inner = finish(rig, &rt, "BLOCKING-7: a closure that spawns", outer);
    finish(rig, &rt, "BLOCKING-7: a closure dispatched in a closure", inner);
    rig.shutdown(rt);
}

fn is_current(rt: &Rt) {
    let current = rt.current();
    let is_so = current.as_ref() == Some(rt.handle());
    assert!(is_so, "BLOCKING-7: in a blocking closure {current:?} is current");
}

/// BLOCKING-7: a timer that is made in a closure belongs to the runtime, and is ready when its time has
/// come. A clock that is turned by hand is turned there: it may not go on by itself while a closure runs.
fn blocking_7_timers_work_in_a_closure(rig: &Rig<'_>) {
    let rt = rig.rt();
    let inner = rt.clone();
    let closure = rt.spawn_blocking(move || {
        let mut nap = sleep(Duration::from_millis(1));
        let (_, waker) = WakeCount::new();
        if let Some(clock) = inner.handle().runtime().virtual_time() {
            assert!(hand_poll(&mut nap, &waker).is_pending(), "BLOCKING-7: a virtual clock moved");
            clock.advance_to(nap.deadline());
        }
        foreign::block_on(nap);
    });
    finish(rig, &rt, "BLOCKING-7: a closure that waits for a timer", closure);
    rig.shutdown(rt);
}

/// BLOCKING-7: `block_on` works in a closure, on a future that gives way, and on a task.
///
/// If this fails with a hang, look for deferred wakes that nobody delivers on such a thread.
fn blocking_7_block_on_works_in_a_closure(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (inner, timed) = (rt.clone(), rig.has(Cap::Time));
    let closure = rt.spawn_blocking(move || {
        let task = inner.spawn(async { 5 });
        let future = async {
            GiveWay::default().await;
            if timed {
                sleep(Duration::from_millis(1)).await;
            }
            task.await
        };
        let five = inner.block_on(future);
        assert!(matches!(five, Ok(Ok(5))), "BLOCKING-7: `block_on` in a closure gave {five:?}");
    });
    finish(rig, &rt, "BLOCKING-7: a closure inside `block_on`", closure);
    rig.shutdown(rt);
}

/// Drives until a closure has ended, as it must.
fn finish<F, T: std::fmt::Debug, E: std::fmt::Debug>(
    rig: &Rig<'_>,
    rt: &Rt,
    waiting_for: &str,
    closure: F,
) -> T
where
    F: Future<Output = Result<T, E>>,
{
    let done = rig.drive(rt, waiting_for, closure);
    done.unwrap_or_else(|error| panic!("{waiting_for} resolved {error:?}"))
}
