//! The current runtime.
//!
//! `owner` has which runtime is current inside what a runtime runs, `unwound` scopes that a panic
//! leaves, `threads` what other threads see, `abroad` tasks and resources away from their runtime,
//! `children` child processes there, `locals` the values that tasks carry with them.

mod abroad;
#[cfg(unix)]
mod children;
mod locals;
mod owner;
mod threads;
mod unwound;

use std::future::pending;
use std::num::ParseIntError;
use std::task::Waker;

use runtime_traits::Handle;

use crate::Cap;
use crate::case::{Case, Untested};
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::{Probe, hand_poll};

pub use locals::REQUEST;

pub(crate) const CASES: &[Case] = &[
    Case::new("CTX-1", threads::ctx_1_none_is_current_outside_any_scope),
    Case::new("CTX-2", owner::ctx_2_the_owner_is_current_in_its_tasks),
    Case::new("CTX-2", owner::ctx_2_the_owner_is_current_in_a_blocking_closure)
        .part("blocking", "is the owner current in a blocking closure, and where it is dropped?")
        .needs(&[Cap::Blk]),
    Case::new("CTX-2", owner::ctx_2_the_owner_is_current_in_a_local_task)
        .part("local", "is the owner current in a local task, and where it is dropped?")
        .needs(&[Cap::Local]),
    Case::new("CTX-2", owner::ctx_2_the_owner_is_current_while_a_task_unwinds)
        .part("unwinding", "is the owner current in destructors that a panic runs?")
        .needs(&[Cap::Unwind]),
    Case::new("CTX-3", ctx_3_leaving_a_scope_restores_the_previous_runtime),
    Case::new("CTX-3", ctx_3_runners_need_not_end_in_reverse_order)
        .part("runners", "do runners whose lifetimes do not nest leave each other's scope alone?")
        .needs(&[Cap::Block]),
    Case::new("CTX-4", unwound::ctx_4_a_panic_restores_on_the_same_thread),
    Case::new("CTX-4", unwound::ctx_4_a_panic_out_of_block_on_restores)
        .part("block-on", "is the previous runtime current after a panic out of `block_on`?")
        .needs(&[Cap::Block, Cap::Unwind]),
    Case::new("CTX-4", unwound::ctx_4_a_panic_in_a_task_leaves_the_worker_as_it_was)
        .part("worker", "do the next tasks find their runtime after one that panicked?"),
    Case::new("CTX-4", unwound::ctx_4_a_panic_in_a_closure_leaves_the_thread_as_it_was)
        .part("blocking", "do the next closures find their runtime after one that panicked?")
        .needs(&[Cap::Blk, Cap::Unwind]),
    Case::new("CTX-5", threads::ctx_5_threads_started_inside_see_none),
    Case::new("CTX-5", threads::ctx_5_scopes_on_two_threads_do_not_meet)
        .part("two-threads", "do two threads that enter two runtimes leave each other alone?")
        .stochastic(),
    Case::new("CTX-6", abroad::ctx_6_a_task_has_its_own_runtime_whoever_wakes_it),
    Case::new("CTX-6", abroad::ctx_6_a_task_spawned_from_abroad_lives_at_home)
        .part("home", "does a task end with the runtime it was spawned on, and not with another?"),
    Case::new("CTX-7", owner::ctx_7_a_scope_in_a_poll_ends_with_it),
    Case::new("CTX-9", threads::ctx_9_a_thread_s_last_destructors_may_ask),
    Case::new("CTX-10", abroad::ctx_10_a_timer_stays_with_its_runtime)
        .part("timer", "does a timer work that is polled elsewhere, or fail loudly?")
        .needs(&[Cap::Time]),
    Case::new("CTX-10", abroad::ctx_10_a_timer_that_is_reset_abroad_stays_at_home)
        .part("timer-reset", "does a timer work that is reset where another runtime is current?")
        .needs(&[Cap::Time]),
    Case::new("CTX-10", abroad::ctx_10_a_socket_stays_with_its_runtime)
        .part("socket", "does a socket work that is polled elsewhere, or fail loudly?")
        .needs(&[Cap::Fd]),
    #[cfg(unix)]
    Case::new("CTX-10", children::ctx_10_a_child_stays_with_its_runtime)
        .part(
            "child",
            "is the end of a child told that is awaited elsewhere, or does it fail loudly?",
        )
        .needs(&[Cap::Proc]),
    Case::new("CTX-11", locals::ctx_11_a_task_has_the_locals_it_inherited),
    Case::new("CTX-11", locals::ctx_11_a_task_is_dropped_with_its_locals)
        .part("dropped", "does a task that never ends see its locals in its destructor?"),
    Case::new("CTX-11", locals::ctx_11_a_closure_inherits)
        .part("blocking", "does a blocking closure have the locals it inherited?")
        .needs(&[Cap::Blk]),
    Case::new("CTX-11", locals::ctx_11_a_local_task_inherits)
        .part("local", "does a local task have the locals it inherited?")
        .needs(&[Cap::Local]),
];

pub(crate) const UNTESTED: &[Untested] = &[Untested::new(
    "CTX-8",
    "scopes are closures: `Handle::enter` has no guard that could be dropped late or out of order",
)];

/// CTX-3: scopes nest, the innermost wins, and leaving restores exactly the previous one: at the end,
/// by an early return, and when a wrapped future is dropped half-way.
///
/// Method: two instances, A and B, entered inside each other; after each way out of the inner scope
/// the current runtime is compared with what it was before. Everything happens on this thread.
///
/// If this fails, look for a scope that clears the thread-local where it should put the old value
/// back, and for a `Runtime::enter` that leaves its host's context different from how it found it.
fn ctx_3_leaving_a_scope_restores_the_previous_runtime(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    let (in_a, in_b) = (Some(a.handle().clone()), Some(b.handle().clone()));
    assert!(in_a != in_b, "CTX-3: two instances are one runtime: their tags are the same");
    expect(&a, None, "before any scope");
    a.enter(|| {
        expect(&a, in_a.as_ref(), "in the outer scope");
        b.enter(|| {
            expect(&b, in_b.as_ref(), "in the inner scope");
            a.enter(|| expect(&a, in_a.as_ref(), "in the innermost scope"));
            expect(&b, in_b.as_ref(), "after the innermost scope");
        });
        expect(&a, in_a.as_ref(), "after the inner scope");
        assert!(early_return(&b).is_err());
        expect(&a, in_a.as_ref(), "after an early return from the inner scope");
        early_drop(&a, &b);
    });
    expect(&a, None, "after the outer scope");
    rig.shutdown(a);
    rig.shutdown(b);
}

/// Leaves a scope of `inner` with `?`.
fn early_return(inner: &Rt) -> Result<i32, ParseIntError> {
    let body = || Ok("no number".parse::<i32>()? + 1);
    let mut outcome = Ok(0);
    inner.enter(|| outcome = body());
    outcome
}

/// Polls a future wrapped by `inner` and drops it unfinished, with `outer` current.
fn early_drop(outer: &Rt, inner: &Rt) {
    let (in_outer, in_inner) = (Some(outer.handle().clone()), Some(inner.handle().clone()));
    let (probe, record) = Probe::new(usize::MAX);
    let mut wrapped = Box::pin(inner.wrap(async move {
        let _dropped_early = probe;
        pending::<()>().await;
    }));
    assert!(hand_poll(&mut wrapped, Waker::noop()).is_pending());
    expect(outer, in_outer.as_ref(), "after a poll of a wrapped future");
    drop(wrapped);
    expect(outer, in_outer.as_ref(), "after a wrapped future was dropped half-way");
    let at_drop = record.current().pop().flatten();
    assert!(
        at_drop == in_inner,
        "CTX-3: {at_drop:?} was current when a wrapped future was dropped"
    );
}

/// CTX-3: instances that are created, driven and ended in any order leave each other's scope alone;
/// driving one inside another's scope makes it current, and restores the other.
///
/// Method: create r1 and r2, end r1, drive r2, where root and task write down what is current. Then
/// drive r2 inside the scope of r3.
///
/// If this fails, look for a runner that saves the current runtime when it is created and restores it
/// when it is dropped, and for a `block_on` that enters only if nothing is current.
fn ctx_3_runners_need_not_end_in_reverse_order(rig: &Rig<'_>) {
    let (r1, r2) = (rig.rt(), rig.rt());
    let in_r2 = Some(r2.handle().clone());
    drive(rig, &r1);
    rig.shutdown(r1);
    expect(&r2, None, "after the first of two runners ended");
    drive(rig, &r2);
    let r3 = rig.rt();
    r3.enter(|| {
        drive(rig, &r2);
        expect(&r3, Some(&r3.handle().clone()), "after another runner was driven inside a scope");
        r3.handle().enter(|| expect(&r3, Some(&r3.handle().clone()), "in a scope after that"));
    });
    r2.enter(|| expect(&r2, in_r2.as_ref(), "in a scope of a runner that was driven"));
    rig.shutdown(r3);
    rig.shutdown(r2);
    expect_none_left();
}

/// Drives `subject`, root and task, each of which must find it current.
fn drive(rig: &Rig<'_>, rt: &Rt) {
    let here = Some(rt.handle().clone());
    let (probe, record) = Probe::new(1);
    let before = rt.current();
    rig.drive(rt, "CTX-3: a task on a runner", async {
        expect(rt, here.as_ref(), "in the root future");
        let task = rt.spawn(probe);
        task.await.unwrap_or_else(|error| panic!("CTX-3: a task did not finish: {error}"));
        expect(rt, here.as_ref(), "in the root future after a task");
    });
    let in_task = record.current().swap_remove(0); // its poll; the drop is CTX-2's
    let (is, should) = (name(in_task.as_ref()), name(here.as_ref()));
    assert!(in_task == here, "CTX-3: {is} was current in a task of {should}");
    expect(rt, before.as_ref(), "after a runner was driven");
}

fn expect(rt: &Rt, expected: Option<&Handle>, place: &str) {
    let current = rt.current();
    if current.as_ref() != expected {
        let (is, should) = (name(current.as_ref()), name(expected));
        panic!("CTX-3: {place} {is} is current instead of {should}");
    }
}

/// Names a runtime so that two instances differ.
fn name(handle: Option<&Handle>) -> String {
    let name = |handle: &Handle| format!("{}@{:p}", handle.info().name, handle.runtime().tag());
    handle.map_or_else(|| "no runtime".to_owned(), name)
}

fn expect_none_left() {
    assert!(Handle::try_current().is_err(), "CTX-3: a runtime is current after all have ended");
}
