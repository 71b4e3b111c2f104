//! CANCEL-4 and CANCEL-6: from where `abort` may be called, and what may happen inside the call.

use std::cell::Cell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread;

use super::assert_cancelled;
use crate::clauses::local::at_home;
use crate::rig::{Rig, await_outside};
use crate::rt::{Join, Rt};
use crate::toolbox::{AtDrop, Gate, Probe, Record, Tally, WakerLab, hand_poll, within_watchdog};

/// Something that is done once, somewhere.
type Act = Box<dyn FnOnce() + Send>;
/// A place from which it is done; it has been done when the function returns.
type Site = (&'static str, fn(&Rt, Act));

const SITES: &[Site] = &[
    ("a plain thread", on_a_thread),
    ("another task", in_a_task),
    ("a destructor", in_a_destructor),
    ("a task's destructor", in_a_tasks_destructor),
    ("a waker", in_a_waker),
    ("a thread-local destructor", in_a_thread_local_destructor),
];

fn on_a_thread(_: &Rt, act: Act) {
    thread::spawn(act).join().expect("it reports its own panics");
}

fn in_a_task(rt: &Rt, act: Act) {
    let done = Arc::new(Tally::new());
    let inside = done.clone();
    drop(rt.handle().spawn(async move {
        act();
        inside.add();
    }));
    await_outside("CANCEL-4: a task that aborts another", done.reached(1));
}

fn in_a_destructor(_: &Rt, act: Act) {
    drop(AtDrop::new(act));
}

/// Where the runtime drops the future of a task that is ready.
fn in_a_tasks_destructor(rt: &Rt, act: Act) {
    let done = Arc::new(Tally::new());
    let inside = done.clone();
    let at_drop = AtDrop::new(move || {
        act();
        inside.add();
    });
    drop(rt.handle().spawn(async move { drop(at_drop) }));
    await_outside("CANCEL-4: a destructor that aborts a task", done.reached(1));
}

/// Where the runtime wakes whoever joins a task.
fn in_a_waker(rt: &Rt, act: Act) {
    let done = Arc::new(Tally::new());
    let (inside, act) = (done.clone(), Mutex::new(Some(act)));
    let lab = WakerLab::new().on_wake(move || {
        let act = act.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(act) = act {
            act();
            inside.add();
        }
    });
    let gate = Arc::new(Tally::new());
    let at_gate = gate.clone();
    let mut other = rt.handle().spawn(async move { at_gate.reached(1).await });
    let waiting = hand_poll(&mut other, &lab.waker()).is_pending();
    gate.add();
    assert!(waiting, "CANCEL-4: a task ended before its time");
    await_outside("CANCEL-4: a waker that aborts a task", done.reached(1));
}

fn in_a_thread_local_destructor(_: &Rt, act: Act) {
    thread_local! {
        static AT_EXIT: Cell<Option<AtDrop>> = const { Cell::new(None) };
    }
    let leaving = thread::spawn(move || AT_EXIT.set(Some(AtDrop::new(act))));
    leaving.join().expect("it only puts something away");
}

/// What a task is in when it is aborted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    New,
    Parked,
    Finished,
}

/// CANCEL-4: `abort` is idempotent, does not wait, never panics, and is callable from any thread, from
/// a destructor, and from a waker.
///
/// Method: every site with a task in every state; each calls `abort` twice. Then the task is woken, and
/// its handle must resolve.
///
/// If this fails, look for an abort that needs a thread-local of the runtime's, or takes a lock that
/// its caller holds when it drops or wakes.
pub(super) fn cancel_4_abort_may_be_called_anywhere(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive_with(&rt, "CANCEL-4: aborts from everywhere", |rt| {
        for (place, site) in SITES {
            for when in [When::New, When::Parked, When::Finished] {
                abort_there(rt, place, *site, when);
            }
        }
    });
    rig.shutdown(rt);
}

fn abort_there(rt: &Rt, place: &'static str, site: fn(&Rt, Act), when: When) {
    let (probe, record) = Probe::new(if when == When::Finished { 1 } else { usize::MAX });
    let handle = rt.spawn(probe);
    match when {
        When::New => {}
        When::Parked => await_outside("CANCEL-4: a task to park", record.polls().reached(1)),
        When::Finished => await_outside("CANCEL-4: a task to end", record.drops().reached(1)),
    }
    let (aborted, handles) = channel();
    let what = format!("a task ({when:?}) from {place}");
    let act = abort_twice(handle, what.clone(), aborted);
    within_watchdog(&format!("CANCEL-4: two aborts of {what}"), || site(rt, act));
    let handle = handles.recv().unwrap_or_else(|_| panic!("CANCEL-4: no abort of {what}"));
    record.waker().into_iter().for_each(|waker| waker.wake());
    let hang = format!("CANCEL-4: the handle after aborting {what}");
    let outcome = await_outside(&hang, handle);
    if when != When::Finished {
        assert_cancelled("CANCEL-4", &what, &outcome);
    }
    record.forget_waker();
}

/// Aborts twice and gives the handle back.
fn abort_twice(handle: Join<()>, what: String, back: Sender<Join<()>>) -> Act {
    Box::new(move || {
        for nth in ["first", "second"] {
            let aborted = catch_unwind(AssertUnwindSafe(|| handle.abort()));
            assert!(aborted.is_ok(), "CANCEL-4: the {nth} `abort` of {what} panicked");
        }
        let _ = back.send(handle); // whoever waits is there until the watchdog ends it
    })
}

/// CANCEL-4: a task may abort itself, in its own poll.
///
/// Method: the task finds its own handle in a slot, aborts itself twice, and is pending. It must be
/// dropped.
///
/// If this fails, look for a lock on the task that is held during its poll.
pub(super) fn cancel_4_a_task_may_abort_itself(rig: &Rig<'_>) {
    let rt = rig.rt();
    let slot: Arc<Mutex<Option<Join<()>>>> = Arc::default();
    let (found, put) = (slot.clone(), Arc::new(Tally::new()));
    let (is_put, (aborted, handles)) = (put.clone(), channel());
    let handle = rt.spawn(async move {
        is_put.reached(1).await;
        let own = found.lock().unwrap_or_else(PoisonError::into_inner).take();
        let own = own.expect("it was put there before");
        abort_twice(own, "itself".into(), aborted)();
        pending::<()>().await;
    });
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
    put.add();
    rig.drive_while(&rt, "CANCEL-4: a task that aborts itself", move || {
        let handle = within_watchdog("CANCEL-4: a task to abort itself", || handles.recv());
        let handle = handle.expect("CANCEL-4: a task did not come to abort itself");
        let outcome = await_outside("CANCEL-4: the handle of a task that aborted itself", handle);
        assert_cancelled("CANCEL-4", "a task that aborted itself", &outcome);
    });
    rig.shutdown(rt);
}

/// CANCEL-4: `abort` returns while the task is inside a poll that does not.
///
/// Method: the poll waits at a gate that is opened after both aborts.
///
/// If this fails, look for an abort that waits for the task, or for a lock that a poll holds.
pub(super) fn cancel_4_abort_never_waits(rig: &Rig<'_>) {
    let rt = rig.rt();
    let inside = Arc::new(Gate::new("CANCEL-4: the first poll of a task"));
    let aborted = Arc::new(Gate::new("CANCEL-4: a call of `abort` to return during a poll"));
    let (in_task, told) = (inside.clone(), aborted.clone());
    let handle = rt.spawn(std::future::poll_fn(move |_| {
        in_task.open();
        told.wait();
        Poll::<()>::Pending
    }));
    rig.drive_while(&rt, "CANCEL-4: a task that was aborted during its poll to end", || {
        inside.wait();
        let (back, handles) = channel();
        abort_twice(handle, "a task in its poll".into(), back)();
        aborted.open();
        let handle = handles.recv().expect("it was sent just now");
        drop(handle); // what becomes of the task is CANCEL-2's business
    });
    rig.shutdown(rt);
}

/// CANCEL-4: `abort` may be called after the runtime has ended.
///
/// Method: a task parks, and another never runs; both are aborted, twice and from every site that
/// needs no runtime, when `shutdown` has returned. Their handles resolve.
///
/// If this fails, look for a handle that leads to a runtime that is gone.
pub(super) fn cancel_4_abort_after_shutdown(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (probe, record) = Probe::new(usize::MAX);
    let parked = rt.spawn(probe);
    let hang = "CANCEL-4: the first poll of a task";
    rig.drive(&rt, hang, record.polls().reached(1));
    let after = rt.clone();
    rig.shutdown(rt);
    record.forget_waker();
    let late = after.spawn(Probe::new(usize::MAX).0);
    for (handle, what) in [(parked, "a task of an ended runtime"), (late, "a refused task")] {
        let (back, handles) = channel();
        let act = abort_twice(handle, what.into(), back);
        on_a_thread(&after, act);
        let handle = handles.recv().expect("it was sent just now");
        let outcome = await_outside(&format!("CANCEL-4: the handle of {what}"), handle);
        assert_cancelled("CANCEL-4", what, &outcome);
    }
    let (back, handles) = channel();
    let act = abort_twice(after.spawn(async {}), "a refused task".into(), back);
    in_a_thread_local_destructor(&after, act);
    assert!(handles.recv().is_ok(), "CANCEL-4: no abort from a thread-local destructor");
}

// ── CANCEL-6 ────────────────────────────────────────────────────────────────────────────────────

thread_local! {
    /// Whether this thread is inside `abort`.
    static ABORTING: Cell<bool> = const { Cell::new(false) };
}

/// Its destructor does not like to run inside `abort`.
struct NotInAbort(Arc<Record>);

impl Drop for NotInAbort {
    fn drop(&mut self) {
        assert!(!ABORTING.get(), "CANCEL-6: the destructor ran inside the call of `abort`");
        let _ = &self.0;
    }
}

fn abort_watched(handle: &Join<()>) {
    ABORTING.set(true);
    handle.abort();
    ABORTING.set(false);
}

/// CANCEL-6: the destructor of an aborted task does not run on the stack of who aborts.
///
/// Method: the aborter marks its thread for the time of the call, from a plain thread and from another
/// task; the destructor looks for the mark of its own thread. So it may run at the same time, but not
/// inside. A runtime that decides otherwise (D2) only has to run it.
///
/// If this fails, look for an abort that drops a parked future at once. Who aborts may hold the very
/// lock that the destructor takes.
pub(super) fn cancel_6_no_destructor_on_the_aborters_stack(rig: &Rig<'_>) {
    let rt = rig.rt();
    let allowed = rig.decisions().drops_on_aborter;
    rig.drive_with(&rt, "CANCEL-6: the end of tasks that were aborted", |rt| {
        for site in [on_a_thread, in_a_task] {
            let (probe, record) = Probe::new(usize::MAX);
            let picky = (!allowed).then(|| NotInAbort(record.clone()));
            let handle = rt.spawn(async move {
                let _picky = picky;
                probe.await;
            });
            await_outside("CANCEL-6: the first poll of a task", record.polls().reached(1));
            let waker = record.waker();
            site(rt, Box::new(move || abort_watched(&handle)));
            waker.into_iter().for_each(|waker| waker.wake());
            await_outside("CANCEL-6: an aborted task to be dropped", record.drops().reached(1));
        }
    });
    rig.shutdown(rt);
}

/// CANCEL-6: the same for local tasks, aborted on their home thread: a must, whatever was decided.
///
/// Method: as above; the aborter is another local task of the same thread.
///
/// If this fails, look for an abort that takes "this is the home thread" for "here is a good place".
pub(super) fn cancel_6_no_local_destructor_on_the_aborters_stack(rig: &Rig<'_>) {
    let rt = rig.rt();
    at_home(rig, &rt, "CANCEL-6: the end of a local task that was aborted", |rt| async move {
        let (probe, record) = Probe::new(usize::MAX);
        let picky = NotInAbort(record.clone());
        let handle = rt.spawn_local(async move {
            let _picky = picky;
            probe.await;
        });
        record.polls().reached(1).await;
        abort_watched(&handle);
        record.waker().into_iter().for_each(|waker| waker.wake());
        record.drops().reached(1).await;
    });
    rig.shutdown(rt);
}
