//! Counts instructions that lock the bus: a local task must not need one on its own thread.
//!
//! The test runs itself once more as a child that is traced (`ptrace`), and steps through a thousand
//! rounds of spawn, poll, wake, join and drop of a local task, one instruction at a time (four rounds
//! where it is not optimised). Each that is about to run in the text of our executable is decoded as
//! far as needed: a `lock` prefix, or an `xchg` with memory, which locks without one.
//!
//! ```sh
//! cargo test --release -p runtime-default --test single_step -- --nocapture
//! ```
//!
//! ```text
//!  child    ── int3 ── an Arc is cloned ── int3 ──  …  ── int3 ── 1,000 rounds ── int3 ── ends
//!  parent        steps, must find some    runs free       steps, must find none
//! ```
//!
//! # Left out
//!
//! - The allocator and the C library: they are not in our text.
//! - Turns of the driver. A fair loop looks at the poller after every 61 jobs, which takes locks and a
//!   system call; what is inside [`LOOK`] is run and not counted.
//! - Numbers of tasks. A thread draws them in blocks, each with a read-modify-write, of 16,384 in the
//!   end. [`WARM_UP`] rounds before bring the thread to a block that lasts.
#![cfg(all(
    target_os = "linux",
    target_arch = "x86_64",
    not(any(shuttle, runtime_mutants, runtime_force_poll))
))]

#[path = "support/trace.rs"]
mod trace;

use std::arch::asm;
use std::cell::Cell;
use std::future::poll_fn;
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use runtime_default::Builder;
use runtime_traits::task::spawn_local;

use trace::{Finding, Text, Tracee};

/// A step costs 10 to 100 µs, and a round of a build that is not optimised has thousands of them.
const ROUNDS: usize = if cfg!(debug_assertions) { 4 } else { 1_000 };
/// Blocks begin after 0, 64, 192, 448, 960, 1984 and 4032 tasks of a thread.
const WARM_UP: usize = 2_000;

/// The function whose inside is left out, as it is spelled in a symbol.
const LOOK: &str = "14look_at_driver";
/// Says to the child that it is the child.
const CHILD: &str = "RUNTIME_SINGLE_STEP";
const NAME: &str = "a_local_task_locks_nothing_on_its_own_thread";

#[test]
fn a_local_task_locks_nothing_on_its_own_thread() {
    if std::env::var_os(CHILD).is_some() {
        return child();
    }
    let text = Text::of_this_program();
    if text.has_symbol("__tsan_init") || text.has_symbol("__asan_init") {
        return println!("not counted: the sanitizer has instructions of its own");
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", NAME, "--nocapture"]).env(CHILD, "1");
    let Some(tracee) = Tracee::start(command, text) else {
        return println!("not counted: this machine does not let us trace");
    };
    let look = tracee.address_of(LOOK).expect("the function that is left out has a symbol");
    let control = tracee.step_to_breakpoint(None);
    assert!(!control.findings.is_empty(), "the clone of an Arc was not noticed");
    tracee.run_to_breakpoint();
    let rounds = tracee.step_to_breakpoint(Some(look));
    println!(
        "{} instructions of ours in {ROUNDS} rounds, {} looks at the driver left out",
        rounds.ours, rounds.left_out
    );
    assert!(rounds.ours > 100 * ROUNDS, "hardly anything was stepped through");
    assert!(
        rounds.findings.is_empty(),
        "a local task locks the bus on its own thread:\n{}",
        rounds.findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
    );
    assert!(tracee.finish(), "the child failed");
}

fn child() {
    if !trace::trace_me() {
        std::process::exit(trace::UNTRACED);
    }
    let shared = Arc::new(());
    breakpoint();
    let clone = shared.clone();
    breakpoint();
    drop(clone);
    let runtime = Builder::new().current_thread().build().unwrap();
    runtime.block_on(async {
        let rounds = spawn_local(async {
            rounds(WARM_UP).await;
            breakpoint();
            rounds(ROUNDS).await;
            breakpoint();
        });
        rounds.await.unwrap();
    });
}

async fn rounds(count: usize) {
    for _ in 0..count {
        round().await;
    }
}

/// Spawns a task that leaves its waker, wakes it from outside, and joins it.
async fn round() {
    let left = Rc::new(Cell::new(None));
    let leave = left.clone();
    let mut is_first = true;
    let join = spawn_local(poll_fn(move |cx| {
        if std::mem::take(&mut is_first) {
            leave.set(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        Poll::Ready(leave.clone())
    }));
    let waker = loop {
        match left.take() {
            Some(waker) => break waker,
            None => give_way().await,
        }
    };
    waker.wake_by_ref();
    drop(waker);
    let output = join.await.unwrap();
    assert_eq!(Rc::strong_count(&output), 2);
}

async fn give_way() {
    let mut is_first = true;
    poll_fn(|cx| {
        if !std::mem::take(&mut is_first) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn breakpoint() {
    // SAFETY: a traced process stops here and goes on behind it.
    unsafe { asm!("int3") };
}
