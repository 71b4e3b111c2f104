//! CTX-4: scopes that a panic leaves.

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::task::{Poll, Waker};

use runtime_traits::Handle;

use super::name;
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::{hand_poll, within_watchdog};

/// How many tasks, and closures, look after one has panicked: more than there are threads.
const AFTERWARDS: usize = 24;
/// How many runtimes have a task that panics.
const RUNTIMES: usize = 8;

/// CTX-4: a panic that leaves a scope, or a poll of a wrapped future, restores the previous runtime.
///
/// Method: panics are thrown inside scopes of B, in a scope of A and outside of any, and caught right
/// outside; the current runtime is compared with what it was.
///
/// If this fails, look for a thread-local that is restored at the end of a function and not by a
/// destructor.
pub(super) fn ctx_4_a_panic_restores_on_the_same_thread(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    caught(|| b.enter(|| panic_any(5)));
    expect(&a, None, "after a panic left the only scope");
    let in_a = Some(a.handle().clone());
    a.enter(|| {
        caught(|| b.enter(|| panic_any(5)));
        expect(&a, in_a.as_ref(), "after a panic left an inner scope");
        caught(|| b.enter(|| a.enter(|| panic_any(5))));
        expect(&a, in_a.as_ref(), "after a panic left two inner scopes");
        let mut wrapped = b.wrap(poll_fn(|_| -> Poll<()> { panic_any(5) }));
        caught(|| _ = hand_poll(&mut wrapped, Waker::noop()));
        expect(&a, in_a.as_ref(), "after a panic left a poll of a wrapped future");
        drop(wrapped);
        expect(&a, in_a.as_ref(), "after a wrapped future that panicked was dropped");
        drop(b.wrap(pending()));
        a.enter(|| expect(&a, in_a.as_ref(), "in a scope after panics"));
    });
    expect(&a, None, "after all scopes");
    rig.shutdown(a);
    rig.shutdown(b);
}

/// CTX-4: a panic that leaves `block_on` restores the runtime that was current at the call.
pub(super) fn ctx_4_a_panic_out_of_block_on_restores(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    let panics = || {
        let call = || caught(|| _ = b.block_on(async { panic_any(5) }));
        within_watchdog("CTX-4: a root that panics", call);
    };
    panics();
    expect(&a, None, "after a panic left `block_on`");
    let in_a = Some(a.handle().clone());
    a.enter(|| {
        panics();
        expect(&a, in_a.as_ref(), "after a panic left `block_on` inside a scope");
    });
    rig.drive(&b, "CTX-4: a root after one that panicked", async {
        expect(&b, Some(&b.handle().clone()), "in a root after one that panicked");
    });
    rig.shutdown(a);
    rig.shutdown(b);
}

/// CTX-4: a panic in a task, also out of a scope of another runtime's, leaves the worker as it was:
/// the tasks that come after it find their own runtime, and the thread that drove finds what it had.
///
/// Method: runtimes with one task that panics each, since how many a worker survives is PANIC-1's.
pub(super) fn ctx_4_a_panic_in_a_task_leaves_the_worker_as_it_was(rig: &Rig<'_>) {
    let b = rig.rt();
    for _ in 0..RUNTIMES {
        let a = rig.rt();
        rig.drive(&a, "CTX-4: tasks after one that panicked", async {
            let inner = b.clone();
            let panicked = a.spawn(async move { inner.enter(|| panic_any(5)) }).await;
            assert!(panicked.is_err(), "CTX-4: a task that panicked resolved {panicked:?}");
            for _ in 0..AFTERWARDS {
                let (inner, here) = (a.clone(), Some(a.handle().clone()));
                let look = async move {
                    expect(&inner, here.as_ref(), "in a task after another panicked");
                };
                let outcome = a.spawn(look).await;
                assert!(outcome.is_ok(), "CTX-4: a task after one that panicked gave {outcome:?}");
            }
            expect(&a, Some(a.handle()), "in the root after a task panicked");
        });
        expect(&a, None, "on the thread that drove");
        rig.shutdown(a);
    }
    rig.shutdown(b);
}

/// CTX-4: the same for blocking closures and their threads.
pub(super) fn ctx_4_a_panic_in_a_closure_leaves_the_thread_as_it_was(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    rig.drive(&a, "CTX-4: blocking closures after some that panicked", async {
        for _ in 0..AFTERWARDS / 4 {
            let inner = b.clone();
            let panics = move || inner.enter(|| panic_any(5));
            let panicked = a.spawn_blocking::<(), _>(panics).await;
            assert!(panicked.is_err(), "CTX-4: a closure that panicked resolved {panicked:?}");
            let (inner, here) = (a.clone(), Some(a.handle().clone()));
            let look = move || expect(&inner, here.as_ref(), "in a closure after another panicked");
            let outcome = a.spawn_blocking(look).await;
            assert!(outcome.is_ok(), "CTX-4: a closure after one that panicked gave {outcome:?}");
        }
    });
    rig.shutdown(a);
    rig.shutdown(b);
}

/// Calls what panics.
fn caught(call: impl FnOnce()) {
    let outcome = catch_unwind(AssertUnwindSafe(call));
    assert!(outcome.is_err(), "CTX-4: a panic in a scope did not come out of it");
}

fn expect(rt: &Rt, expected: Option<&Handle>, place: &str) {
    let current = rt.current();
    let (is, should) = (name(current.as_ref()), name(expected));
    assert!(current.as_ref() == expected, "CTX-4: {place} {is} is current instead of {should}");
}
