//! SHUTDOWN-5: ends in odd places.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::rig::{Rig, await_outside};
use crate::rt::{Owned, Rt};
use crate::toolbox::{Probe, Record, Tally, foreign, within_watchdog};
use crate::{Answer, Cap};

/// A runtime with a task that is parked, and who ends it.
struct Doomed {
    rt: Rt,
    end: End,
    ended: Arc<Tally>,
    said: Receiver<Answer>,
    parked: Arc<Record>,
}

/// Ends a runtime, and says how that went.
struct End {
    owner: Owned,
    ended: Arc<Tally>,
    says: Sender<Answer>,
}

impl End {
    /// Ends it here: `place`.
    fn now(self, place: &str) {
        let End { owner, ended, says } = self;
        let what = format!("SHUTDOWN-5: an end {place} to return");
        let end = || catch_unwind(AssertUnwindSafe(|| owner.shutdown()));
        let answer = match within_watchdog(&what, end) {
            Ok(()) => Answer::Works,
            Err(_) => Answer::Panics,
        };
        let _ = says.send(answer);
        ended.add();
    }
}

impl Doomed {
    /// A runtime whose task has been polled.
    fn new(rig: &Rig<'_>) -> Doomed {
        let owner = rig.rt();
        let rt = owner.clone();
        let (probe, parked) = Probe::new(usize::MAX);
        drop(rt.spawn(probe));
        rig.drive(&rt, "SHUTDOWN-5: the first poll of a task", parked.polls().reached(1));
        parked.forget_waker();
        let ended = Arc::new(Tally::new());
        let (says, said) = channel();
        let end = End { owner, ended: ended.clone(), says };
        Doomed { rt, end, ended, said, parked }
    }
}

/// Drives as far as that is possible while the runtime ends: an error is as good as an answer.
fn drive_to_its_end<F: Future>(rig: &Rig<'_>, rt: &Rt, what: &str, main: F) {
    let what = format!("SHUTDOWN-5: {what}");
    within_watchdog(&what, || match rig.has(Cap::Block) {
        true => drop(rt.block_on(main)),
        false => drop(foreign::block_on(main)),
    });
}

/// Looks whether all is well after an end in an odd place.
fn check(rig: &Rig<'_>, said: &Receiver<Answer>, parked: &Record, place: &str) -> Answer {
    let answer = said.recv().expect("SHUTDOWN-5: an end did not come to be");
    match answer {
        // Its tasks are dropped: now, or by threads that are about to end.
        Answer::Works if an_ordinary_end_drops(rig) => {
            let what = format!("SHUTDOWN-5: the destructor of a task, after an end {place}");
            await_outside(&what, parked.drops().reached(1));
        }
        // It was refused by a panic: nothing is promised about what it held. Or no end drops tasks:
        // SHUTDOWN-1 sees that.
        _ => parked.may_stay(),
    }
    let rt = rig.rt();
    let task = rt.spawn(async { 5 });
    let five = rig.drive(&rt, "SHUTDOWN-5: a task on another runtime afterwards", task);
    assert!(matches!(five, Ok(5)), "SHUTDOWN-5: after an end {place}, a task gave {five:?}");
    rig.shutdown(rt);
    answer
}

/// Whether a parked task is dropped by an end in a place that is not odd.
fn an_ordinary_end_drops(rig: &Rig<'_>) -> bool {
    let Doomed { end, parked, .. } = Doomed::new(rig);
    parked.may_stay();
    end.now("where nothing of it runs");
    parked.drops().count() > 0
}

/// Compares with what the harness declares about ends inside the runtime's own code.
fn expect_declared(rig: &Rig<'_>, answer: Answer, place: &str) {
    let declared = rig.decisions().dropped_inside;
    let right = declared.permits(answer);
    assert!(right, "SHUTDOWN-5: an end {place}: {declared:?} is declared, it was {answer:?}");
}

/// SHUTDOWN-5: ending a runtime inside its own root is defined: it works, or panics cleanly.
///
/// Method: the owner is moved into the future and asked to end there. It must return, or unwind; the
/// task that was parked is dropped then, if other ends drop theirs; and a new runtime works.
///
/// If this fails, look for an end that waits for the thread that it is called on.
pub(super) fn shutdown_5_inside_the_root(rig: &Rig<'_>) {
    let Doomed { rt, end, said, parked, .. } = Doomed::new(rig);
    drive_to_its_end(rig, &rt, "a root that ends its runtime", async { end.now("in the root") });
    let answer = check(rig, &said, &parked, "in the root");
    expect_declared(rig, answer, "in the root");
}

/// SHUTDOWN-5: the same inside one of its own tasks.
pub(super) fn shutdown_5_inside_a_task(rig: &Rig<'_>) {
    let Doomed { rt, end, ended, said, parked } = Doomed::new(rig);
    drop(rt.spawn(async move { end.now("in a task") }));
    let (other, until) = (ended.clone(), ended);
    drive_to_its_end(rig, &rt, "a root whose task ends the runtime", async move {
        until.reached(1).await;
    });
    await_outside("SHUTDOWN-5: an end in a task to return", other.reached(1));
    let answer = check(rig, &said, &parked, "in a task");
    expect_declared(rig, answer, "in a task");
}

/// SHUTDOWN-5: the same inside a task of another runtime, which must go on.
pub(super) fn shutdown_5_inside_another_s_task(rig: &Rig<'_>) {
    let Doomed { end, said, parked, .. } = Doomed::new(rig);
    let other = rig.rt();
    let task = other.spawn(async move { end.now("in another runtime's task") });
    let outcome = rig.drive(&other, "SHUTDOWN-5: a task that ends another runtime", task);
    assert!(outcome.is_ok(), "SHUTDOWN-5: a task that ended another runtime gave {outcome:?}");
    check(rig, &said, &parked, "in another runtime's task");
    let five = other.spawn(async { 5 });
    let five = rig.drive(&other, "SHUTDOWN-5: a task of the runtime that goes on", five);
    assert!(matches!(five, Ok(5)), "SHUTDOWN-5: on the runtime that goes on, a task gave {five:?}");
    rig.shutdown(other);
}

/// SHUTDOWN-5: the same inside one of its own blocking closures.
///
/// If this fails, look for a pool that waits for its own thread.
pub(super) fn shutdown_5_inside_a_blocking_closure(rig: &Rig<'_>) {
    let Doomed { rt, end, ended, said, parked } = Doomed::new(rig);
    drop(rt.spawn_blocking(move || end.now("in a blocking closure")));
    await_outside("SHUTDOWN-5: an end in a blocking closure to return", ended.reached(1));
    check(rig, &said, &parked, "in a blocking closure");
}

thread_local! {
    static KEPT: RefCell<Option<AtExit>> = const { RefCell::new(None) };
}

/// Ends a runtime when its thread ends.
struct AtExit(Option<End>);

impl Drop for AtExit {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|end| end.now("at the end of a thread"));
    }
}

/// SHUTDOWN-5: the same in the destructor of a thread's variable, made before the thread first used
/// the runtime, and after.
///
/// If this fails, look for a thread-local of the runtime's that is needed for its end.
pub(super) fn shutdown_5_at_the_end_of_a_thread(rig: &Rig<'_>) {
    for made_first in [true, false] {
        let Doomed { rt, end, ended, said, parked } = Doomed::new(rig);
        let blocks = rig.has(Cap::Block);
        let thread = thread::spawn(move || {
            let mut end = Some(end);
            let mut keep = || KEPT.with(|kept| *kept.borrow_mut() = Some(AtExit(end.take())));
            if made_first {
                keep();
            }
            rt.enter(|| drop(rt.current()));
            if blocks {
                let _ = rt.block_on(async {});
            }
            if !made_first {
                keep();
            }
        });
        await_outside("SHUTDOWN-5: an end at the end of a thread", ended.reached(1));
        assert!(thread.join().is_ok(), "SHUTDOWN-5: a thread that ends a runtime panicked");
        check(rig, &said, &parked, "at the end of a thread");
    }
}
