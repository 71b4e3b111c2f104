//! PANIC-2: panics of destructors.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use super::{Expected, quietly};
use crate::rig::{Rig, await_outside};
use crate::rt::{Owned, Rt};
use crate::toolbox::fence::fence;
use crate::toolbox::{Tally, Tracked};
use crate::usable::use_all;

/// Panics when it is dropped; not while its thread unwinds, which would be two panics.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic_any(Expected(0));
        }
    }
}

/// A future with such a destructor: ready at its first poll, or never.
struct Armed {
    ready: bool,
    polled: Arc<Tally>,
    // Dropped in this order: the second although the first panics.
    _bomb: Bomb,
    _tracked: Tracked,
}

impl Armed {
    fn new(ready: bool) -> (Armed, Arc<Tally>) {
        let polled = Arc::new(Tally::new());
        let _tracked = Tracked::once("what a destructor that panics comes before");
        (Armed { ready, polled: polled.clone(), _bomb: Bomb, _tracked }, polled)
    }
}

impl Future for Armed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.polled.add();
        if self.ready { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// PANIC-2: a panic of the destructor of a future, of an output, or of a panic's payload is contained.
///
/// Method: futures that end and that are aborted; outputs that nobody takes, the handle being dropped
/// before or after the end; payloads likewise. Dropping a handle must not panic, every handle that is
/// kept must resolve, whatever with, and after each everything is used. Each has a runtime of its own,
/// since how many panics of a poll one survives is PANIC-1's. An abort ends the process.
///
/// If this fails, look for a destructor that is called outside of what catches panics, or inside a
/// guard that aborts.
pub(super) fn panic_2_destructors_of_tasks_and_what_they_leave(rig: &Rig<'_>) {
    quietly();
    then_use_all(rig, "after a future that ended", async |rt| {
        let (ends, _) = Armed::new(true);
        let _ = rt.spawn(ends).await; // its output, or the destructor's panic
    });
    then_use_all(rig, "after a future that was aborted", async |rt| {
        let (aborted, polled) = Armed::new(false);
        let aborted = rt.spawn(aborted);
        polled.reached(1).await;
        aborted.abort();
        let _ = aborted.await;
    });
    for late in [false, true] {
        then_use_all(rig, "after an output that nobody took", async |rt| {
            unclaimed(rt, late, async { Bomb }).await;
        });
        then_use_all(rig, "after a payload that nobody took", async |rt| {
            unclaimed::<()>(rt, late, async { panic_any(Bomb) }).await;
        });
    }
}

/// Drives `deed` on a runtime of its own, and uses everything there afterwards.
fn then_use_all(rig: &Rig<'_>, when: &str, deed: impl AsyncFnOnce(&Rt)) {
    let rt = rig.rt();
    rig.drive(&rt, "PANIC-2: tasks whose destructors panic", async {
        deed(&rt).await;
        use_all(rig, &rt, "PANIC-2", when).await;
    });
    rig.shutdown(rt);
}

/// Spawns `future`, and drops its handle: when the task has not begun, or after its end.
async fn unclaimed<T: Send + 'static>(
    rt: &Rt,
    late: bool,
    future: impl Future<Output = T> + Send + 'static,
) {
    let go = Arc::new(Tally::new());
    let gone = go.clone();
    let join = rt.spawn(async move {
        gone.reached(1).await;
        future.await
    });
    if !late {
        dropped(join, "a handle of a task that has not ended");
        return go.add();
    }
    go.add();
    fence(rt.handle(), rt.handle().info().workers).await;
    dropped(join, "a handle with an output or a payload");
}

fn dropped<T>(handle: T, what: &str) {
    let outcome = catch_unwind(AssertUnwindSafe(|| drop(handle)));
    assert!(outcome.is_ok(), "PANIC-2: dropping {what} panicked");
}

/// PANIC-2: the same for tasks that the runtime drops at its end: the end comes all the same, and all
/// others are dropped too.
///
/// If this fails, look for a loop over all tasks that a panic leaves half-way.
pub(super) fn panic_2_destructors_at_the_end(rig: &Rig<'_>) {
    quietly();
    let (rt, joins) = with_armed_tasks(rig);
    let ended = catch_unwind(AssertUnwindSafe(|| rig.shutdown(rt)));
    assert!(ended.is_ok(), "PANIC-2: a destructor's panic came out of the end of the runtime");
    for join in joins {
        let _ = await_outside("PANIC-2: a handle of a task that was parked at the end", join);
    }
}

/// A runtime with tasks that are parked, and some that were never polled if nobody drives it; all with
/// destructors that panic.
fn with_armed_tasks(rig: &Rig<'_>) -> (Owned, Vec<crate::rt::Join<()>>) {
    let rt = rig.rt();
    let (armed, polled): (Vec<_>, Vec<_>) = (0..8).map(|_| Armed::new(false)).unzip();
    let mut joins: Vec<_> = armed.into_iter().map(|armed| rt.spawn(armed)).collect();
    let peaceful = Tracked::once("what a task holds beside others whose destructors panic");
    joins.push(rt.spawn(async move {
        let _peaceful = peaceful;
        pending().await
    }));
    rig.drive(&rt, "PANIC-2: the first poll of eight tasks", async {
        for polled in &polled {
            polled.reached(1).await;
        }
    });
    joins.extend((0..4).map(|_| rt.spawn(Armed::new(false).0)));
    (rt, joins)
}

/// PANIC-2: the same when the runtime is ended by its owner's destructor, while a panic unwinds the
/// owner's thread.
///
/// If this fails, look for something at the end that panics by itself, or a destructor's panic that
/// is let through: a second panic on its way out aborts.
pub(super) fn panic_2_an_end_while_unwinding(rig: &Rig<'_>) {
    quietly();
    let (rt, joins) = with_armed_tasks(rig);
    let owner = Ends(Some(rt), rig);
    let unwound = catch_unwind(AssertUnwindSafe(move || {
        let _owner = owner;
        panic_any(Expected(1));
    }));
    let payload = unwound.err().and_then(|payload| payload.downcast::<Expected>().ok());
    assert!(payload.is_some_and(|one| one.0 == 1), "PANIC-2: the owner's panic is another");
    for join in joins {
        let _ = await_outside("PANIC-2: a handle of a task that was parked at the end", join);
    }
}

/// Ends a runtime when it is dropped.
struct Ends<'a>(Option<Owned>, &'a Rig<'a>);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|rt| self.1.shutdown(rt));
    }
}

/// PANIC-2: the same for what a blocking closure captures, answers, or throws.
///
/// If this fails, look for a thread of the pool that ends, or for a count of them that it leaves
/// wrong.
pub(super) fn panic_2_destructors_of_blocking_closures(rig: &Rig<'_>) {
    quietly();
    let rt = rig.rt();
    rig.drive(&rt, "PANIC-2: blocking closures whose destructors panic", async {
        for _ in 0..8 {
            let captured = Bomb;
            let _ = rt.spawn_blocking(move || drop(captured)).await;
            let held = Bomb;
            let _ = rt.spawn_blocking(move || _ = &held).await;
            dropped(rt.spawn_blocking(|| Bomb), "a handle of a closure");
            dropped(rt.spawn_blocking::<(), _>(|| panic_any(Bomb)), "a handle of a closure");
        }
        use_all(rig, &rt, "PANIC-2", "after blocking closures").await;
    });
    rig.shutdown(rt);
}

/// PANIC-2: the same for local tasks, where a thread is a home for them: aborted ones, ones that end,
/// and ones that are parked when their thread leaves.
pub(super) fn panic_2_destructors_of_local_tasks(rig: &Rig<'_>) {
    quietly();
    let rt = rig.rt();
    let inside = rt.clone();
    rig.drive(&rt, "PANIC-2: local tasks whose destructors panic", async {
        locals(&rt).await;
        let of_task = rt.spawn(async move { locals(&inside).await }).await;
        assert!(of_task.is_ok(), "PANIC-2: a task with local tasks resolved {of_task:?}");
        use_all(rig, &rt, "PANIC-2", "after local tasks").await;
    });
    rig.shutdown(rt);
}

/// Local tasks that end, that are aborted, and that stay.
async fn locals(rt: &Rt) {
    // Where this thread is no home the call drops the future: contained as well.
    let spawn = |ready| {
        let armed = Armed::new(ready).0;
        let spawned = catch_unwind(AssertUnwindSafe(|| rt.spawn_local(armed)));
        spawned.unwrap_or_else(|_| panic!("PANIC-2: `spawn_local` panicked with a destructor"))
    };
    let (ends, aborted) = (spawn(true), spawn(false));
    let _ = ends.await;
    aborted.abort();
    let _ = aborted.await;
    let _stays = spawn(false);
}
