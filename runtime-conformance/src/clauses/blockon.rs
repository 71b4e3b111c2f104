//! `block_on`.
//!
//! `park` has what is about sleeping, `nested` calls inside calls, `shared` calls beside each other.

mod nested;
mod park;
mod shared;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::Cap;
use crate::case::{Case, Untested};
use crate::rig::{Rig, await_outside};
use crate::rt::Rt;
use crate::toolbox::{Gate, Tally, within_watchdog};
use crate::usable::use_all;

pub(crate) const CASES: &[Case] = &[
    Case::new("BLOCKON-1", blockon_1_polls_a_borrowing_future_on_the_calling_thread),
    Case::new("BLOCKON-2", park::blockon_2_a_thread_with_nothing_to_do_sleeps).stochastic(),
    Case::new("BLOCKON-2", park::blockon_2_a_thread_that_waits_for_events_sleeps)
        .part("timer-and-socket", "does it sleep with a timer and a socket to wait for?")
        .needs(&[Cap::Block, Cap::Time, Cap::Fd])
        .stochastic(),
    Case::new("BLOCKON-2", park::blockon_2_several_threads_sleep)
        .part("several-threads", "do several threads sleep while nothing is ready?")
        .needs(&[Cap::Block, Cap::Shared])
        .stochastic(),
    Case::new("BLOCKON-3", park::blockon_3_user_code_takes_the_thread_s_token)
        .part("token", "is a wake in the poll kept if user code parks or unparks the thread?"),
    Case::new("BLOCKON-3", park::blockon_3_wakes_around_the_park_are_not_lost)
        .part("race", "are wakes around the moment of parking kept?")
        .stochastic(),
    Case::new("BLOCKON-4", nested::blockon_4_inside_a_root_a_task_and_a_destructor),
    Case::new("BLOCKON-4", nested::blockon_4_inside_a_blocking_closure)
        .part("blocking", "does a call inside a blocking closure work, or fail cleanly?")
        .needs(&[Cap::Block, Cap::Blk, Cap::Iso]),
    Case::new("BLOCKON-4", nested::blockon_4_inside_a_local_task)
        .part("local", "does a call inside a local task work, or fail cleanly?")
        .needs(&[Cap::Block, Cap::Local, Cap::Iso]),
    Case::new("BLOCKON-4", nested::blockon_4_a_foreign_executor_inside_a_task)
        .part("foreign", "can a task drive a future on an executor that is nobody's?"),
    Case::new("BLOCKON-4", nested::blockon_4_another_runtime_inside)
        .part("other-runtime", "does a call on another runtime work, or fail cleanly?"),
    Case::new("BLOCKON-5", shared::blockon_5_the_driving_thread_returns)
        .part("returns", "do other threads go on when the one that drives returns?")
        .needs(&[Cap::Block, Cap::Shared, Cap::Time]),
    Case::new("BLOCKON-5", shared::blockon_5_the_driving_thread_panics)
        .part("panics", "do other threads go on when the one that drives panics?")
        .needs(&[Cap::Block, Cap::Shared, Cap::Time, Cap::Unwind]),
    Case::new("BLOCKON-5", shared::blockon_5_the_driving_thread_blocks)
        .part("blocks", "do other threads go on when the one that drives blocks in user code?")
        .needs(&[Cap::Block, Cap::Shared, Cap::Time]),
    Case::new("BLOCKON-6", blockon_6_a_panic_leaves_the_runtime_usable),
    Case::new("BLOCKON-7", blockon_7_the_root_is_not_polled_for_others).stochastic(),
];

pub(crate) const UNTESTED: &[Untested] = &[];

/// How many tasks the root of BLOCKON-1 waits for.
const HOPS: usize = 60;

/// BLOCKON-1: `block_on` takes a future that borrows and is not `Send`, polls it on the calling
/// thread only, and returns its output.
///
/// Method: that it is taken is the compiler's business; the future borrows a local variable and
/// holds an `Rc`, which is also its output. It awaits tasks, some of which end on other threads or
/// are woken from there, and looks at its thread in every poll.
///
/// If this fails, look for a root that is spawned as a task, or polled by whoever wakes it.
fn blockon_1_polls_a_borrowing_future_on_the_calling_thread(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (mut sum, shared) = (0, Rc::new(Cell::new(0)));
    let main = async {
        for hop in 0..HOPS {
            sum += a_hop(&rt, hop).await;
            shared.set(shared.get() + 1);
        }
        shared.clone()
    };
    let output = rig.drive(&rt, "BLOCKON-1: sixty tasks", only_here(main));
    assert!(Rc::ptr_eq(&output, &shared), "BLOCKON-1: the output is not what the future gave");
    assert_eq!((sum, shared.get()), (HOPS * (HOPS - 1) / 2, HOPS), "BLOCKON-1: what it borrowed");
    rig.shutdown(rt);
}

/// A task that answers `hop`; every fourth is woken by a plain thread.
async fn a_hop(rt: &Rt, hop: usize) -> usize {
    let told = Arc::new(Tally::new());
    let tells = (hop % 4 == 0).then(|| told.clone());
    let task = rt.spawn(async move {
        if hop % 4 == 0 {
            told.reached(1).await;
        }
        hop
    });
    let teller = tells.map(|told| thread::spawn(move || told.add()));
    let answer = task.await.unwrap_or_else(|error| panic!("BLOCKON-1: a task failed: {error}"));
    teller.map(|teller| teller.join());
    answer
}

/// `future`, which fails if another thread polls it than this one.
async fn only_here<F: Future>(future: F) -> F::Output {
    let here = thread::current().id();
    let mut future = pin!(future);
    poll_fn(|cx| {
        let thread = thread::current().id();
        assert!(thread == here, "BLOCKON-1: called on {here:?}, the root was polled on {thread:?}");
        future.as_mut().poll(cx)
    })
    .await
}

/// A payload that is no text.
#[derive(Debug, PartialEq)]
struct Payload(u32);

/// BLOCKON-6: a panic of the root unwinds out of `block_on` with its payload, and the runtime stays
/// usable.
///
/// Method: a task parks; then roots panic, at their first poll, after a wait, and while another root
/// panicked before. Each payload must be the one that was thrown. After each, a root uses everything
/// that the flavour offers; at the end the task that was there before must finish.
///
/// If this fails, look for a mark (*entered*, *driving*) that is taken back at the end of a function
/// and not by a destructor.
fn blockon_6_a_panic_leaves_the_runtime_usable(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (go, parked) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
    let (waits, says) = (go.clone(), parked.clone());
    let before = rt.spawn(async move {
        says.add();
        waits.reached(1).await;
        7
    });
    run(&rt, "a task's first poll", parked.reached(1));
    panics(&rt, async { panic_any(Payload(1)) }, &Payload(1));
    run(&rt, "a root after one that panicked", use_all(rig, &rt, "BLOCKON-6", "after a panic"));
    for round in 2..4 {
        let task = rt.spawn(async {});
        let main = async {
            let _ = task.await;
            panic_any(Payload(round));
        };
        panics(&rt, main, &Payload(round));
    }
    run(&rt, "a root after others panicked", use_all(rig, &rt, "BLOCKON-6", "after three panics"));
    go.add();
    let answer = run(&rt, "a task that was there before the panics", before);
    assert!(matches!(answer, Ok(7)), "BLOCKON-6: a task from before the panics gave {answer:?}");
    rig.shutdown(rt);
}

/// Drives until `main` is ready, which must be possible.
fn run<F: Future>(rt: &Rt, what: &str, main: F) -> F::Output {
    let outcome = within_watchdog(&format!("BLOCKON-6: {what}"), || rt.block_on(main));
    outcome.unwrap_or_else(|error| panic!("BLOCKON-6: {what}: `block_on` answered: {error}"))
}

/// Drives a root that panics with `expected`.
fn panics(rt: &Rt, main: impl Future<Output = ()>, expected: &Payload) {
    let call = || catch_unwind(AssertUnwindSafe(|| rt.block_on(main)));
    let payload = match within_watchdog("BLOCKON-6: a root that panics", call) {
        Err(payload) => payload.downcast_ref::<Payload>().map(|Payload(number)| *number),
        Ok(answer) => panic!("BLOCKON-6: the root panicked, and `block_on` answered {answer:?}"),
    };
    let thrown = Some(expected.0);
    assert_eq!(payload, thrown, "BLOCKON-6: number in the payload that came out of `block_on`");
}

/// How many tasks come and go beside the root of BLOCKON-7, one after the other.
const OTHERS: usize = 400;
/// How often it may be polled for no reason.
const SPURIOUS_MAX: usize = 40;

/// BLOCKON-7: the root is not polled because of tasks that it has nothing to do with.
///
/// Method: the root waits; beside it, 400 tasks are spawned from another thread, each after the one
/// before has been awaited there, so that there is time to poll the root in between. It may be polled
/// once, once for each of its own wakes, and 40 times for no reason at all. A poll more has no
/// excuse; green can be luck, because nobody knows how many polls of a wrong root fall together.
///
/// If this fails, look for a root that is polled at every turn of the loop, or woken with everybody.
fn blockon_7_the_root_is_not_polled_for_others(rig: &Rig<'_>) {
    let owner = rig.rt();
    let rt: &Rt = &owner;
    let root = Quiet::default();
    thread::scope(|scope| {
        let driving = scope.spawn(|| {
            let ended =
                within_watchdog("BLOCKON-7: a root that is woken", || rt.block_on(root.wait()));
            ended.unwrap_or_else(|error| panic!("BLOCKON-7: `block_on` answered: {error}"));
        });
        root.polled.wait();
        for _ in 0..OTHERS {
            let task = rt.spawn(async {});
            let outcome = await_outside("BLOCKON-7: a task beside a root that waits", task);
            assert!(outcome.is_ok(), "BLOCKON-7: a task resolved {outcome:?}");
        }
        root.waker.add();
        driving.join().expect("a panic there has ended the process");
    });
    let polls = root.polls.load(Ordering::SeqCst);
    assert!(
        polls <= 2 + SPURIOUS_MAX,
        "BLOCKON-7: a root that was woken once was polled {polls} times while {OTHERS} tasks ran"
    );
    rig.shutdown(owner);
}

/// A root that is woken once, and counts its polls.
struct Quiet {
    polled: Gate,
    polls: AtomicUsize,
    waker: Tally,
}

impl Default for Quiet {
    fn default() -> Quiet {
        Quiet {
            polled: Gate::new("BLOCKON-7: the first poll of the root"),
            polls: AtomicUsize::new(0),
            waker: Tally::new(),
        }
    }
}

impl Quiet {
    async fn wait(&self) {
        let mut woken = pin!(self.waker.reached(1));
        poll_fn(|cx| {
            self.polls.fetch_add(1, Ordering::SeqCst);
            let ready = woken.as_mut().poll(cx);
            self.polled.open();
            ready
        })
        .await;
    }
}
