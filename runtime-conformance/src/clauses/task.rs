//! Tasks: that they run, and where.
//!
//! `sites` are the places from which anything may be called; `polling` and `memory` are the clauses
//! about polls and about the future itself.

mod memory;
mod polling;
pub(crate) mod sites;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use crate::Cap;
use crate::case::{Case, Untested};
use crate::rig::Rig;
use crate::toolbox::{Probe, Tally};

pub(crate) const CASES: &[Case] = &[
    Case::new("TASK-1", task_1_a_detached_task_is_polled),
    Case::new("TASK-2", task_2_spawn_neither_polls_nor_drops_on_the_callers_stack),
    Case::new("TASK-3", polling::task_3_polls_of_one_task_never_overlap).stochastic(),
    Case::new("TASK-4", polling::task_4_a_future_that_was_ready_is_not_polled_again)
        .part("ready", "is a future that returned Ready never polled again, whoever wakes?"),
    Case::new("TASK-4", polling::task_4_a_future_that_panicked_is_not_polled_again)
        .part("panic", "is a future that panicked never polled again, whoever wakes?")
        .needs(&[Cap::Core, Cap::Unwind]),
    Case::new("TASK-5", memory::task_5_the_future_is_dropped_before_the_handle_is_ready)
        .part("joined", "when the handle is ready, has the future's destructor run?"),
    Case::new("TASK-5", memory::task_5_the_handle_waits_for_a_slow_destructor)
        .part("slow", "is the handle pending while the future's destructor stands still?")
        .stochastic(),
    Case::new("TASK-6", memory::task_6_the_future_stays_at_one_address)
        .part("address", "is the future at the same address at each poll and at its drop?"),
    Case::new("TASK-6", memory::task_6_large_and_aligned_futures_are_laid_out)
        .part("layout", "are a future of 1 MiB and one aligned to 4096 bytes kept whole?"),
    Case::new("TASK-7", task_7_spawn_works_from_everywhere),
    Case::new("TASK-8", polling::task_8_an_idle_task_is_not_polled),
];

pub(crate) const UNTESTED: &[Untested] = &[];

/// More than any run queue, batch or budget holds.
const TASKS: usize = 1_000;

/// TASK-1: every accepted task is polled at least once while the runtime is driven, without anyone
/// awaiting its handle.
///
/// Method: half of the tasks are spawned before the runtime is driven, half from inside; all handles
/// are dropped at once. The root waits until all were polled. There is nothing to wait for but their
/// first poll, so the only red verdict is a hang.
///
/// If this fails, look for tasks that start when they are first awaited, for a destructor of the
/// handle that cancels, and for a queue that drops what exceeds its bound.
fn task_1_a_detached_task_is_polled(rig: &Rig<'_>) {
    let rt = rig.rt();
    let polled = Arc::new(Tally::new());
    let spawn_half = || {
        for _ in 0..TASKS / 2 {
            let polled = polled.clone();
            drop(rt.spawn(async move { polled.add() }));
        }
    };
    spawn_half();
    rig.drive(&rt, "TASK-1: the first poll of 1000 detached tasks", async {
        spawn_half();
        polled.reached(TASKS).await;
    });
    rig.shutdown(rt);
}

thread_local! {
    /// Whether a call of `spawn` is on this thread's stack.
    static IN_SPAWN: Cell<bool> = const { Cell::new(false) };
}

/// TASK-2: `spawn` neither polls nor drops the future on the caller's stack.
///
/// Method: a thread-local flag is up during each call of `spawn`; the future looks at the flag of its
/// own thread when it is polled and when it is dropped. It may run on another thread meanwhile: the
/// flag is down there. From every site that TASK-7 names. Whether the task runs at all is TASK-7's.
///
/// If this fails, look for a fast path that polls a new task at once when the caller is a worker, and
/// for a queue that drops what does not fit.
fn task_2_spawn_neither_polls_nor_drops_on_the_callers_stack(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (inside, seen) = (rt.clone(), Arc::new(Mutex::new(Vec::new())));
    let inline = seen.clone();
    sites::at_each(rig, &rt, "TASK-2: the sites to spawn from", move |site| {
        let future = Watched { site, polled: false, inline: inline.clone() };
        IN_SPAWN.set(true);
        let task = inside.spawn(future);
        IN_SPAWN.set(false);
        drop(task);
    });
    let inline = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(inline.is_empty(), "TASK-2: on the stack of who spawned: {inline:?}");
    rig.shutdown(rt);
}

/// Gives way once, and writes down if it is touched inside a call of `spawn`.
struct Watched {
    site: &'static str,
    polled: bool,
    inline: Arc<Mutex<Vec<String>>>,
}

impl Watched {
    fn look(&self, what: &str) {
        if IN_SPAWN.get() {
            let mut inline = self.inline.lock().unwrap_or_else(PoisonError::into_inner);
            inline.push(format!("{what} from {}", self.site));
        }
    }
}

impl Future for Watched {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.look("polled");
        if self.polled {
            return Poll::Ready(());
        }
        self.polled = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.look("dropped");
    }
}

/// TASK-7: `spawn` works from another task's poll, a task's destructor, a waker, a blocking closure, a
/// plain thread, and a thread inside another runtime.
///
/// Method: from each of these a probe is spawned on the explicit handle, and the root waits until all
/// were polled. A refusal shows as a hang, and so does a deadlock.
///
/// If this fails, look for a lock that is held while tasks are dropped or wakers are called, and for a
/// `spawn` that asks a thread-local for the runtime it was given.
fn task_7_spawn_works_from_everywhere(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (inside, done) = (rt.clone(), Arc::new(Tally::new()));
    let finished = done.clone();
    let called = sites::at_each(rig, &rt, "TASK-7: the sites to spawn from", move |_| {
        let ((probe, _), finished) = (Probe::new(1), finished.clone());
        drop(inside.spawn(async move {
            probe.await;
            finished.add();
        }));
    });
    rig.drive(&rt, "TASK-7: the tasks that were spawned", done.reached(called));
    rig.shutdown(rt);
}
