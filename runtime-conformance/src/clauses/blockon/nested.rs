//! BLOCKON-4: calls inside calls.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};

use runtime_traits::time::{Duration, sleep};

use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::fence::GiveWay;
use crate::toolbox::{AtDrop, Tally, foreign, within_watchdog};
use crate::usable::use_all;
use crate::{Answer, Cap};

/// How often a foreign executor is used inside a task: more than any budget holds.
const FOREIGN: usize = 300;

/// BLOCKON-4: a call of `block_on` inside the root, inside a task, or inside the destructor of one,
/// works or fails at once; the outer call is none the worse.
///
/// Method: the inner future awaits a task, gives way, and sleeps where there are timers: where it is
/// taken it must come to its end. An error or a panic is as good, unless the harness declares which
/// it is. Then the outer root uses everything that the flavour offers.
///
/// If this fails, look for a lock or a flag that the same thread takes twice, and for a refusal that
/// leaves its mark.
pub(super) fn blockon_4_inside_a_root_a_task_and_a_destructor(rig: &Rig<'_>) {
    let rt = rig.rt();
    let time = rig.has(Cap::Time);
    let (said, answers) = channel();
    let declared = rig.decisions().nested_block_on;
    rig.drive(&rt, "BLOCKON-4: a root with calls inside it", async {
        let answer = nested(&rt, time, "inside the root");
        expect(declared, answer, "inside the root");
        use_all(rig, &rt, "BLOCKON-4", "after a call inside the root").await;
        let inner = rt.clone();
        let task = rt.spawn(async move { nested(&inner, time, "inside a task") }).await;
        let answer = task.unwrap_or_else(|error| panic!("BLOCKON-4: the task failed: {error}"));
        expect(declared, answer, "inside a task");
        use_all(rig, &rt, "BLOCKON-4", "after a call inside a task").await;
        for aborts in [false, true] {
            in_a_destructor(&rt, time, said.clone(), aborts).await;
            use_all(rig, &rt, "BLOCKON-4", "after a call inside a destructor").await;
        }
    });
    rig.shutdown(rt);
    let answers: Vec<Answer> = answers.try_iter().collect();
    assert_eq!(answers.len(), 2, "BLOCKON-4: calls inside destructors that came to an end");
    answers.into_iter().for_each(|answer| expect(declared, answer, "inside a destructor"));
}

/// Calls `block_on` while a task is dropped: one that ends, or one that is aborted.
async fn in_a_destructor(rt: &Rt, time: bool, said: Sender<Answer>, aborts: bool) {
    let inner = rt.clone();
    let at_drop = AtDrop::new(move || {
        let _ = said.send(nested(&inner, time, "inside a destructor"));
    });
    let parked = std::sync::Arc::new(Tally::new());
    let says = parked.clone();
    let task = rt.spawn(async move {
        let _dropped_last = at_drop;
        says.add();
        if aborts {
            std::future::pending::<()>().await;
        }
    });
    parked.reached(1).await;
    if aborts {
        task.abort();
    }
    let _ = task.await; // finished or cancelled: other clauses ask which
}

/// BLOCKON-4: the same inside a blocking closure, whose thread is none of the workers.
///
/// If this fails, look for threads of the pool that count as workers.
pub(super) fn blockon_4_inside_a_blocking_closure(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (inner, time) = (rt.clone(), rig.has(Cap::Time));
    rig.drive(&rt, "BLOCKON-4: a root that awaits a closure with a call inside it", async {
        let closure = rt.spawn_blocking(move || nested(&inner, time, "inside a closure"));
        let answer = closure.await;
        assert!(answer.is_ok(), "BLOCKON-4: the closure resolved {answer:?}");
        use_all(rig, &rt, "BLOCKON-4", "after a call inside a closure").await;
    });
    rig.shutdown(rt);
}

/// BLOCKON-4: the same inside a local task, if the root's thread is a home for one.
pub(super) fn blockon_4_inside_a_local_task(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (inner, time) = (rt.clone(), rig.has(Cap::Time));
    rig.drive(&rt, "BLOCKON-4: a root that awaits a local task with a call inside it", async {
        let task = rt.spawn_local(async move { nested(&inner, time, "inside a local task") });
        let answer = task.await;
        let no_home = answer.as_ref().is_err_and(|error| error.unsupported().is_some());
        assert!(answer.is_ok() || no_home, "BLOCKON-4: the local task resolved {answer:?}");
        use_all(rig, &rt, "BLOCKON-4", "after a call inside a local task").await;
    });
    rig.shutdown(rt);
}

/// BLOCKON-4: a task may drive a future on an executor that is nobody's: one that wakes itself, and,
/// more often than any budget lasts, one that uses the runtime and is ready.
///
/// Method: such an executor polls again whenever its waker was used, on the same thread and inside
/// the task's poll. A wake that is put off until the task's poll is over never comes.
///
/// If this fails, look for wakes that are collected until the poll is over, whomever they are for; and
/// for a budget that answers *pending* to the end of the task's poll.
pub(super) fn blockon_4_a_foreign_executor_inside_a_task(rig: &Rig<'_>) {
    let rt = rig.rt();
    let inner = rt.clone();
    rig.drive(&rt, "BLOCKON-4: a task that drives futures on a foreign executor", async {
        let task = rt.spawn(async move {
            for _ in 0..FOREIGN {
                foreign::block_on(GiveWay::default());
            }
            inner
        });
        let outcome = task.await;
        assert!(outcome.is_ok(), "BLOCKON-4: the task with a foreign executor failed");
    });
    use_up_a_budget(rig, &rt);
    rig.drive(
        &rt,
        "BLOCKON-4: a root after all that",
        use_all(rig, &rt, "BLOCKON-4", "after that"),
    );
    rig.shutdown(rt);
}

/// Reads readiness that is there, on a foreign executor inside a task, more often than a budget lasts.
#[cfg(unix)]
fn use_up_a_budget(rig: &Rig<'_>, rt: &Rt) {
    if !rig.has(Cap::Fd) {
        return;
    }
    let (ours, mut theirs) = crate::usable::a_socket(rig, rt);
    rig.setup("writing to a socket", std::io::Write::write_all(&mut theirs, b"x"));
    rig.drive(rt, "BLOCKON-4: a ready socket on a foreign executor, inside a task", async {
        let task = rt.spawn(async move {
            // Twice in the ordinary way: after that the runtime has seen the event, and needs no turn of
            // a driver, which may be this very thread's business, to know.
            for _ in 0..2 {
                let ready = ours.readable().await;
                assert!(ready.is_ok(), "BLOCKON-4: a readable socket gave {ready:?}");
            }
            for _ in 0..FOREIGN {
                let ready = foreign::block_on(ours.readable());
                assert!(ready.is_ok(), "BLOCKON-4: a readable socket gave {ready:?}");
            }
        });
        let outcome = task.await;
        assert!(outcome.is_ok(), "BLOCKON-4: the task with a socket resolved {outcome:?}");
    });
}

#[cfg(not(unix))]
fn use_up_a_budget(_: &Rig<'_>, _: &Rt) {}

/// BLOCKON-4: a call on another runtime, inside the root and inside a task, works or fails cleanly,
/// and neither runtime is the worse for it.
///
/// If this fails, look for a runtime that was half entered when the call was refused.
pub(super) fn blockon_4_another_runtime_inside(rig: &Rig<'_>) {
    let (outer, other) = (rig.rt(), rig.rt());
    let time = rig.has(Cap::Time);
    rig.drive(&outer, "BLOCKON-4: a root with calls on another runtime inside it", async {
        // On a runtime that needs a thread to drive it, this call drives it.
        nested(&other, time, "on another runtime, inside a root");
        let inner = other.clone();
        let task = outer.spawn(async move {
            nested(&inner, time, "on another runtime, inside a task");
        });
        let outcome = task.await;
        assert!(outcome.is_ok(), "BLOCKON-4: the task resolved {outcome:?}");
        use_all(rig, &outer, "BLOCKON-4", "after calls on another runtime").await;
    });
    let whole = use_all(rig, &other, "BLOCKON-4", "after calls from another runtime");
    rig.drive(&other, "BLOCKON-4: the other runtime afterwards", whole);
    rig.shutdown(other);
    let whole = use_all(rig, &outer, "BLOCKON-4", "after the other one ended");
    rig.drive(&outer, "BLOCKON-4: a runtime after the other one ended", whole);
    rig.shutdown(outer);
}

/// Calls `block_on` here; says what it did. The current runtime must be the same before and after.
fn nested(rt: &Rt, time: bool, place: &str) -> Answer {
    let before = rt.current();
    let call = || catch_unwind(AssertUnwindSafe(|| rt.block_on(inner(rt, time))));
    let outcome = within_watchdog(&format!("BLOCKON-4: a call of `block_on` {place}"), call);
    let after = rt.current();
    assert!(before == after, "BLOCKON-4: {place}, {before:?} was current before, {after:?} after");
    match outcome {
        Ok(Ok(5)) => Answer::Works,
        Ok(Ok(other)) => panic!("BLOCKON-4: {place}, a future that answers 5 gave {other}"),
        Ok(Err(_)) => Answer::Refuses,
        Err(_) => Answer::Panics,
    }
}

async fn inner(rt: &Rt, time: bool) -> i32 {
    let task = rt.spawn(async {
        GiveWay::default().await;
        5
    });
    GiveWay::default().await;
    if time {
        rt.enter(|| sleep(Duration::from_millis(1))).await;
    }
    task.await.unwrap_or_else(|error| panic!("BLOCKON-4: a task of the inner call: {error}"))
}

fn expect(declared: Answer, answer: Answer, place: &str) {
    assert!(
        declared.permits(answer),
        "BLOCKON-4: `block_on` {place}: {declared:?} is declared, it was {answer:?}"
    );
}
