//! The task cell, held against async-task: the same black-box tests over both.
//!
//! async-task has been the cell of many executors for years. Where ours promises the same, the same
//! test must pass for both (`ours::*`, `oracle::*`); a test that fails for both is a wrong test. Then
//! scripted tasks live through random operations in two worlds, one over each cell, which must look
//! the same after each step.
//!
//! # Differences, stated
//!
//! 1. An abort *during* the poll that finishes: async-task loses the output and reports
//!    *cancelled*; ours reports the output (`an_abort_in_the_last_poll`).
//! 2. A detached task that parks without leaving a waker anywhere: async-task frees the memory and
//!    leaks what the future owns; ours drops the future at the end of that poll
//!    (`a_detached_task_that_leaves_no_waker`). In the random test such a sequence ends there.
//! 3. async-task wakes the joiner at the abort and again when the future is dropped; ours only
//!    then. It also keeps and wakes the waker of a handle that was detached; ours drops it with the
//!    handle. After either the random test demands the wakes that ours gives, and permits the others.
//! 4. Dropping async-task's handle cancels, dropping ours detaches: `support/cells.rs` translates.
//!
//! Everything here runs on one thread: it is about what happens, not about races (`loom.rs`).
#![cfg(all(feature = "std", not(any(loom, shuttle))))]

use std::future::{pending, poll_fn};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

#[path = "support/cells.rs"]
mod cells;
#[path = "support/script.rs"]
mod script;

use cells::{Cells, Oracle, Ours, Outcome};
use script::{End, Inside, Op, Seen, Step, Woken, World};

/// Makes each test one of `ours` and one of `oracle`.
macro_rules! both {
    ($($name:ident,)*) => {
        mod ours { $(#[test] fn $name() { super::$name::<super::Ours>() })* }
        mod oracle { $(#[test] fn $name() { super::$name::<super::Oracle>() })* }
    };
}

both! {
    an_output_reaches_the_handle,
    a_panic_reaches_the_handle,
    a_detached_task_runs,
    a_wake_during_the_poll_requeues_once,
    many_wakes_are_one_run,
    a_wake_after_completion_does_nothing,
    wakers_may_outlive_everything,
    the_last_waker_of_a_detached_task_schedules_its_drop,
    detaching_a_task_that_nobody_can_wake_schedules_its_drop,
    an_abort_drops_on_the_runner,
    an_abort_before_the_first_poll_never_polls,
    an_abort_after_completion_keeps_the_output,
    an_abort_in_the_last_poll,
    a_detached_task_that_leaves_no_waker,
    an_unclaimed_output_is_dropped_once,
    the_latest_join_waker_is_woken,
}

/// Counts its drops.
struct Guard(Arc<AtomicUsize>);

impl Guard {
    fn new() -> (Arc<AtomicUsize>, Guard) {
        let drops = Arc::new(AtomicUsize::new(0));
        (drops.clone(), Guard(drops))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn drops(counter: &AtomicUsize) -> usize {
    counter.load(SeqCst)
}

type Slot = Arc<Mutex<Option<Waker>>>;

/// Parks for ever, its latest waker in `slot`, owning `guard`, counting polls in `polls`.
async fn parked(slot: Slot, guard: Guard, polls: Arc<AtomicUsize>) {
    let _guard = guard;
    poll_fn(|cx| {
        polls.fetch_add(1, SeqCst);
        *slot.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    })
    .await
}

/// A task that parked: its cells, its handle, its waker, its future's drops, its polls.
struct Parked<C: Cells> {
    cells: C,
    join: C::Join<()>,
    waker: Waker,
    /// Where each poll leaves a waker. The future has it too: what is left there keeps itself.
    slot: Slot,
    dropped: Arc<AtomicUsize>,
    polls: Arc<AtomicUsize>,
}

impl<C: Cells> Parked<C> {
    fn new() -> Parked<C> {
        let (slot, cells) = (Slot::default(), C::new());
        let (dropped, guard) = Guard::new();
        let polls = Arc::new(AtomicUsize::new(0));
        let join = cells.spawn(parked(slot.clone(), guard, polls.clone()));
        cells.run_all();
        let waker = slot.lock().unwrap().take().expect("it was polled");
        Parked { cells, join, waker, slot, dropped, polls }
    }
}

/// The outcome of a task that is finished.
fn ended<C: Cells, T: Send + 'static>(mut join: C::Join<T>) -> Outcome<T> {
    let Poll::Ready(outcome) = C::poll_join(&mut join, Waker::noop()) else {
        panic!("the task is not finished")
    };
    C::detach(join);
    outcome
}

fn an_output_reaches_the_handle<C: Cells>() {
    let cells = C::new();
    let mut join = cells.spawn(async { 5 });
    assert!(C::poll_join(&mut join, Waker::noop()).is_pending());
    assert!(cells.run_one());
    assert!(!cells.run_one());
    assert_eq!(ended::<C, _>(join), Outcome::Output(5));
}

fn a_panic_reaches_the_handle<C: Cells>() {
    let cells = C::new();
    let (dropped, guard) = Guard::new();
    let join = cells.spawn(async move {
        let _guard = guard;
        resume_unwind(Box::new("no message on stderr"))
    });
    cells.run_all();
    assert_eq!(drops(&dropped), 1);
    assert_eq!(ended::<C, ()>(join), Outcome::Panicked);
}

fn a_detached_task_runs<C: Cells>() {
    let cells = C::new();
    let (dropped, guard) = Guard::new();
    C::detach(cells.spawn(async move { drop(guard) }));
    assert_eq!(drops(&dropped), 0);
    cells.run_all();
    assert_eq!(drops(&dropped), 1);
}

fn a_wake_during_the_poll_requeues_once<C: Cells>() {
    let cells = C::new();
    let mut polls = 0;
    let join = cells.spawn(poll_fn(move |cx| {
        polls += 1;
        cx.waker().wake_by_ref();
        let clone = cx.waker().clone();
        clone.wake();
        if polls == 3 { Poll::Ready(polls) } else { Poll::Pending }
    }));
    for queued in [1, 1, 0] {
        cells.run_one();
        assert_eq!(cells.queued(), queued);
    }
    assert_eq!(ended::<C, _>(join), Outcome::Output(3));
}

fn many_wakes_are_one_run<C: Cells>() {
    let task = Parked::<C>::new();
    (0..9).for_each(|_| task.waker.wake_by_ref());
    task.waker.wake();
    assert_eq!(task.cells.queued(), 1);
    task.cells.run_all();
    assert_eq!(drops(&task.polls), 2);
    C::detach(task.join);
    let left = task.slot.lock().unwrap().take();
    drop(left);
    task.cells.run_all();
}

fn a_wake_after_completion_does_nothing<C: Cells>() {
    let (cells, slot) = (C::new(), Slot::default());
    let keep = slot.clone();
    let join = cells.spawn(poll_fn(move |cx| {
        *keep.lock().unwrap() = Some(cx.waker().clone());
        Poll::Ready(1)
    }));
    cells.run_all();
    let waker = slot.lock().unwrap().take().unwrap();
    waker.wake_by_ref();
    assert_eq!(cells.queued(), 0);
    assert_eq!(ended::<C, _>(join), Outcome::Output(1));
    waker.wake();
    assert_eq!(cells.queued(), 0);
}

fn wakers_may_outlive_everything<C: Cells>() {
    let Parked { cells, mut join, waker, dropped, .. } = Parked::<C>::new();
    C::abort(&mut join);
    cells.run_all();
    C::detach(join);
    drop(cells);
    let clone = waker.clone();
    clone.wake_by_ref();
    waker.wake();
    drop(clone);
    assert_eq!(drops(&dropped), 1);
}

fn the_last_waker_of_a_detached_task_schedules_its_drop<C: Cells>() {
    let task = Parked::<C>::new();
    C::detach(task.join);
    drop(task.waker.clone());
    assert_eq!(task.cells.queued(), 0);
    drop(task.waker);
    assert_eq!((drops(&task.dropped), task.cells.queued()), (0, 1));
    task.cells.run_all();
    assert_eq!((drops(&task.dropped), drops(&task.polls)), (1, 1));
}

fn detaching_a_task_that_nobody_can_wake_schedules_its_drop<C: Cells>() {
    let task = Parked::<C>::new();
    drop(task.waker);
    assert_eq!(task.cells.queued(), 0);
    C::detach(task.join);
    assert_eq!((drops(&task.dropped), task.cells.queued()), (0, 1));
    task.cells.run_all();
    assert_eq!((drops(&task.dropped), drops(&task.polls)), (1, 1));
}

fn an_abort_drops_on_the_runner<C: Cells>() {
    let mut task = Parked::<C>::new();
    C::abort(&mut task.join);
    C::abort(&mut task.join);
    task.waker.wake();
    assert_eq!((drops(&task.dropped), task.cells.queued()), (0, 1));
    assert!(C::poll_join(&mut task.join, Waker::noop()).is_pending());
    task.cells.run_all();
    assert_eq!((drops(&task.dropped), drops(&task.polls)), (1, 1));
    assert_eq!(ended::<C, _>(task.join), Outcome::Cancelled);
}

fn an_abort_before_the_first_poll_never_polls<C: Cells>() {
    let cells = C::new();
    let (dropped, guard) = Guard::new();
    let polls = Arc::new(AtomicUsize::new(0));
    let mut join = cells.spawn(parked(Slot::default(), guard, polls.clone()));
    C::abort(&mut join);
    assert_eq!((drops(&dropped), cells.queued()), (0, 1));
    cells.run_all();
    assert_eq!((drops(&dropped), drops(&polls)), (1, 0));
    assert_eq!(ended::<C, _>(join), Outcome::Cancelled);
}

fn an_abort_after_completion_keeps_the_output<C: Cells>() {
    let cells = C::new();
    let mut join = cells.spawn(async { 5 });
    cells.run_all();
    C::abort(&mut join);
    assert_eq!(cells.queued(), 0);
    assert_eq!(ended::<C, _>(join), Outcome::Output(5));
}

/// Difference 1: once there is an output, ours does not lose it.
fn an_abort_in_the_last_poll<C: Cells>() {
    let cells = C::new();
    let own = Arc::new(Mutex::new(None::<C::Join<i32>>));
    let inside = own.clone();
    let join = cells.spawn(poll_fn(move |_| {
        C::abort(inside.lock().unwrap().as_mut().unwrap());
        Poll::Ready(5)
    }));
    *own.lock().unwrap() = Some(join);
    cells.run_all();
    let join = own.lock().unwrap().take().unwrap();
    let kept = C::LAST_POLL_KEEPS_ITS_OUTPUT;
    let expected = if kept { Outcome::Output(5) } else { Outcome::Cancelled };
    assert_eq!(ended::<C, _>(join), expected);
}

/// Difference 2: ours drops what nobody can reach any more, theirs leaks it.
fn a_detached_task_that_leaves_no_waker<C: Cells>() {
    let cells = C::new();
    let (dropped, guard) = Guard::new();
    C::detach(cells.spawn(async move {
        let _guard = guard;
        pending::<()>().await
    }));
    cells.run_all();
    assert_eq!(drops(&dropped), usize::from(C::DROPS_ORPHANS));
}

fn an_unclaimed_output_is_dropped_once<C: Cells>() {
    let cells = C::new();
    let (early, guard) = Guard::new();
    C::detach(cells.spawn(async move { guard }));
    let (late, guard) = Guard::new();
    let join = cells.spawn(async move { guard });
    cells.run_all();
    assert_eq!((drops(&early), drops(&late)), (1, 0));
    C::detach(join);
    assert_eq!((drops(&early), drops(&late)), (1, 1));
}

fn the_latest_join_waker_is_woken<C: Cells>() {
    let cells = C::new();
    let mut join = cells.spawn(async { 5 });
    let ((old, first), (new, second)) = (Woken::new(), Woken::new());
    assert!(C::poll_join(&mut join, &first).is_pending());
    assert!(C::poll_join(&mut join, &second).is_pending());
    assert!(C::poll_join(&mut join, &second).is_pending());
    cells.run_all();
    assert_eq!((old.times(), new.times()), (0, 1));
    assert_eq!(ended::<C, _>(join), Outcome::Output(5));
}

// ── the same random life in both ────────────────────────────────────────────────────────────

/// How many lives; each is reproduced by its number.
const LIVES: u64 = 20_000;

/// Numbers that look random (xorshift).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides
    }

    /// Up to four polls that are pending, then an output or, rarely, a panic.
    fn script(&mut self) -> Vec<Step> {
        let mut steps: Vec<Step> = (0..self.roll(5)).map(|_| self.step(End::Pending)).collect();
        let end = if self.roll(8) == 0 { End::Panic } else { End::Output };
        steps.push(self.step(end));
        steps
    }

    fn step(&mut self, end: End) -> Step {
        let inside = match self.roll(12) {
            0 if end == End::Pending => Some(Inside::Abort), // else: difference 1
            1 => Some(Inside::Detach),
            _ => None,
        };
        let keeps = [0, 1, 1, 2][self.roll(4)];
        let wakes = self.roll(6).saturating_sub(3);
        Step { keeps, holds: self.roll(6) == 0, wakes, inside, end }
    }

    fn op(&mut self) -> Op {
        let k = self.roll(8);
        match self.roll(16) {
            0..=4 => Op::RunOne,
            5..=6 => Op::WakeByRef(k),
            7..=8 => Op::Wake(k),
            9 => Op::Clone(k),
            10..=11 => Op::Drop(k),
            12 => Op::Abort,
            13 => Op::Detach,
            _ => Op::Poll(k < 4),
        }
    }
}

/// Two worlds with the same history.
struct Pair {
    ours: World<Ours>,
    oracle: World<Oracle>,
}

impl Pair {
    fn new(script: &[Step]) -> Pair {
        Pair { ours: World::new(script), oracle: World::new(script) }
    }

    fn apply(&mut self, op: Op) {
        self.ours.apply(op);
        self.oracle.apply(op);
    }

    fn end(&mut self) {
        self.ours.end();
        self.oracle.end();
    }

    /// What both show, with differences 2 and 3 taken out.
    fn seen(&self) -> (Seen, Seen) {
        let (ours, mut oracle) = (self.ours.seen(), self.oracle.seen());
        if self.leaked() {
            oracle.futures_dropped += 1;
        }
        if self.ours.given_up() && oracle.joiner_woken {
            oracle.joiner_woken = ours.joiner_woken;
        }
        (ours, oracle)
    }

    fn lost_a_joiner(&self) -> bool {
        self.ours.lost_the_joiner() || self.oracle.lost_the_joiner()
    }

    /// Difference 2 happened: nobody had a way to the task when it parked.
    fn leaked(&self) -> bool {
        let (ours, oracle) = (self.ours.seen(), self.oracle.seen());
        let unfinished = ours.outputs_made == 0 && ours.outcome.is_none();
        let differ = (ours.futures_dropped, oracle.futures_dropped) == (1, 0);
        unfinished && differ && self.ours.is_orphaned()
    }
}

/// Lives one life; answers whether it did not stop early, at difference 2.
fn live(life: u64) -> bool {
    let mut dice = Dice::new(life);
    let script = dice.script();
    let mut pair = Pair::new(&script);
    let mut history = Vec::new();
    for _ in 0..40 {
        let op = dice.op();
        history.push(op);
        pair.apply(op);
        let (ours, oracle) = pair.seen();
        assert_eq!(ours, oracle, "life {life}, ours first: {script:#?}, then {history:?}");
        assert!(!pair.lost_a_joiner(), "life {life}: {script:#?}, then {history:?}");
        if pair.leaked() {
            return false;
        }
    }
    pair.end();
    check_the_end(&pair, &format!("life {life}: {script:#?}, then {history:?}, then the end"));
    true
}

fn check_the_end(pair: &Pair, story: &str) {
    let (ours, oracle) = pair.seen();
    assert_eq!(ours, oracle, "{story}");
    assert_eq!(ours.futures_dropped, 1, "{story}");
    assert_eq!(ours.outputs_made, ours.outputs_dropped, "{story}");
    assert_eq!(ours.queued, 0, "{story}");
}

#[test]
fn random_lives_are_the_same_in_both() {
    let whole = (0..LIVES).filter(|&life| live(life)).count() as u64;
    // Evidence is worth little if most lives stop at difference 2.
    assert!(whole > LIVES / 2, "only {whole} of {LIVES} lives reached their end");
    println!("{whole} of {LIVES} lives reached their end");
}
