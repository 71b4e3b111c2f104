//! Panics.
//!
//! `polls` has those of polls, `drops` those of destructors, `wakers` those of wakers; the hook that
//! prints them is here, and `silence` asks that nobody else does.

mod drops;
mod polls;
#[cfg(unix)]
mod silence;
mod wakers;

use std::panic::{self, PanicHookInfo, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Cap;
use crate::case::{Case, Untested};
use crate::rig::Rig;

pub(crate) const CASES: &[Case] = &[
    Case::new("PANIC-1", polls::panic_1_a_panic_in_a_poll_goes_to_the_handle),
    Case::new("PANIC-1", polls::panic_1_a_panic_of_a_local_task_goes_to_the_handle)
        .part("local", "does a panic of a local task go to its handle, and hurt no other?")
        .needs(&[Cap::Local, Cap::Unwind]),
    Case::new("PANIC-2", drops::panic_2_destructors_of_tasks_and_what_they_leave),
    Case::new("PANIC-2", drops::panic_2_destructors_at_the_end)
        .part("at-the-end", "are panics of destructors contained while the runtime ends?"),
    Case::new("PANIC-2", drops::panic_2_an_end_while_unwinding)
        .part("unwinding", "are they contained if the runtime ends because its owner unwinds?"),
    Case::new("PANIC-2", drops::panic_2_destructors_of_blocking_closures)
        .part("blocking", "are panics of what blocking closures hold and leave contained?")
        .needs(&[Cap::Blk, Cap::Unwind, Cap::Iso]),
    Case::new("PANIC-2", drops::panic_2_destructors_of_local_tasks)
        .part("local", "are panics of destructors of local tasks contained?")
        .needs(&[Cap::Local, Cap::Unwind, Cap::Iso]),
    Case::new("PANIC-3", wakers::panic_3_a_joiner_s_waker_panics)
        .part("handles", "are other joiners woken if the waker of one panics?"),
    Case::new("PANIC-3", wakers::panic_3_a_waker_of_a_timer_panics)
        .part("timers", "are timers of the same instant woken if the waker of one panics?")
        .needs(&[Cap::Time, Cap::Unwind, Cap::Iso]),
    Case::new("PANIC-3", wakers::panic_3_a_waker_of_a_socket_panics)
        .part("sockets", "are other sockets' waiters woken if the waker of one panics?")
        .needs(&[Cap::Fd, Cap::Unwind, Cap::Iso]),
    Case::new("PANIC-4", panic_4_hook_and_payload_are_left_alone)
        .part("hook", "does the runtime leave the panic hook and payloads alone?")
        .needs(&[Cap::Unwind]),
    #[cfg(unix)]
    Case::new("PANIC-4", silence::panic_4_the_runtime_prints_nothing)
        .part("silence", "does the runtime print nothing itself when a task panics?")
        .needs(&[Cap::Unwind, Cap::Iso]),
];

pub(crate) const UNTESTED: &[Untested] = &[];

/// What is thrown here. The hook is silent about it.
#[derive(Debug, PartialEq)]
struct Expected(usize);

/// Keeps panics that a case throws on purpose out of the output: with backtraces a thousand of them
/// take seconds. All others are reported as before.
fn quietly() {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<Expected>() {
            others(info);
        }
    }));
}

/// PANIC-4: the runtime installs no panic hook, and hands payloads on as they are.
///
/// Method: a hook is installed before the runtime is made and taken out after it has ended: it must be
/// the same object. It must have been called once for each panic of a task, and the payload, of a
/// type of ours, must come back.
///
/// If this fails, look for a runtime that silences, or counts, its tasks' panics.
fn panic_4_hook_and_payload_are_left_alone(rig: &Rig<'_>) {
    let others = panic::take_hook();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let hook: Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync> = Box::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let ours = address(&*hook);
    panic::set_hook(hook);
    let rt = rig.rt();
    let task = rt.spawn(async { panic_any(Expected(5)) });
    let outcome: Result<(), _> = rig.drive(&rt, "PANIC-4: a task that panics", task);
    rig.shutdown(rt);
    let found = panic::take_hook();
    panic::set_hook(others);
    assert!(address(&*found) == ours, "PANIC-4: the panic hook is another than before");
    assert_eq!(calls.load(Ordering::SeqCst), 1, "PANIC-4: calls of the hook for one panic");
    let payload = outcome.err().and_then(|error| error.try_into_panic().ok());
    let payload = payload.and_then(|payload| payload.downcast::<Expected>().ok());
    assert!(payload.is_some_and(|five| *five == Expected(5)), "PANIC-4: the payload is another");
    let still = catch_unwind(|| panic_any(Expected(6)));
    assert!(still.is_err(), "PANIC-4: panics no longer unwind");
}

/// Where a hook is: boxes that are moved stay in place.
fn address(hook: &(dyn Fn(&PanicHookInfo<'_>) + Send + Sync)) -> usize {
    std::ptr::from_ref(hook).cast::<()>().addr()
}
