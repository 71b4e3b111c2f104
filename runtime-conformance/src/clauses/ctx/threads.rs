//! CTX-1, CTX-5 and CTX-9: what other threads see.

use std::cell::RefCell;
use std::panic::catch_unwind;
use std::sync::Barrier;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use runtime_traits::Handle;
use runtime_traits::time::{Duration, try_sleep};

use super::name;
use crate::Cap;
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::{Stress, kernel};

/// How often two threads enter two runtimes.
const ROUNDS: usize = 4_000;

/// CTX-1: outside any scope, asking for the current runtime is answered "none", and nothing is made
/// for the occasion: no thread, no descriptor.
///
/// Method: on a thread of nobody's, before there is a runtime, while this thread stands in a scope of
/// one, and after it has ended; every call that needs a runtime must say that there is none.
///
/// If this fails, look for a runtime that is made when it is first asked for, and for a scope that is
/// the process's instead of the thread's.
pub(super) fn ctx_1_none_is_current_outside_any_scope(rig: &Rig<'_>) {
    if rig.has(Cap::Global) {
        return; // there is one, by declaration
    }
    on_a_fresh_thread(|| nothing_is_made(|| none_is_current(None, "before there is a runtime")));
    let owner = rig.rt();
    let rt: &Rt = &owner;
    on_a_fresh_thread(|| none_is_current(Some(rt), "beside a runtime"));
    none_is_current(Some(rt), "on the thread that made a runtime");
    rt.enter(|| on_a_fresh_thread(|| none_is_current(Some(rt), "beside a scope")));
    on_a_fresh_thread(|| nothing_is_made(|| assert_none(rt.current(), "asking twice")));
    let after = rt.clone();
    rig.drive(rt, "CTX-1: a root that is ready", async {});
    none_is_current(Some(rt), "on a thread that drove a runtime");
    rig.shutdown(owner);
    none_is_current(Some(&after), "after the runtime ended");
}

fn on_a_fresh_thread(ask: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let asked = scope.spawn(ask).join();
        assert!(asked.is_ok(), "CTX-1: asking on a thread of nobody's panicked");
    });
}

/// Every call that needs a current runtime says that there is none.
fn none_is_current(rt: Option<&Rt>, place: &str) {
    assert_none(Handle::try_current().ok(), place);
    assert_none(rt.and_then(Rt::current), place);
    let spawned = runtime_traits::task::try_spawn(async {});
    assert!(spawned.is_err(), "CTX-1: {place}, `try_spawn` found a runtime");
    let slept = try_sleep(Duration::ZERO);
    assert!(slept.is_err(), "CTX-1: {place}, `try_sleep` found a runtime");
    #[cfg(unix)]
    {
        let registered = std::os::unix::net::UnixStream::pair()
            .and_then(|(ours, _)| runtime_traits::io::Async::new(ours));
        assert!(registered.is_err(), "CTX-1: {place}, a socket found a runtime");
    }
}

fn assert_none(current: Option<Handle>, place: &str) {
    let is = name(current.as_ref());
    assert!(current.is_none(), "CTX-1: {place}, outside any scope, {is} is current");
}

/// Compares threads and descriptors.
fn nothing_is_made(ask: impl FnOnce()) {
    let ids = || kernel::threads().into_iter().map(|thread| thread.id).collect::<Vec<_>>();
    let (before, open) = (ids(), kernel::descriptors().len());
    ask();
    let new: Vec<_> = kernel::threads().into_iter().filter(|t| !before.contains(&t.id)).collect();
    assert!(new.is_empty(), "CTX-1: asking for the current runtime started threads: {new:?}");
    let open_now = kernel::descriptors().len();
    assert!(open_now <= open, "CTX-1: asking opened descriptors: {open}, then {open_now}");
}

/// CTX-5: a thread that is started inside a scope, a root, or a task sees none, and what it enters
/// changes nothing for others.
///
/// Method: threads are started in all three places and look; then they enter the other runtime, and
/// the place where they were started looks.
///
/// If this fails, look for a scope that is inherited, or kept for the process.
pub(super) fn ctx_5_threads_started_inside_see_none(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    if rig.has(Cap::Global) {
        return;
    }
    a.enter(|| start_inside(&a, &b, "a scope"));
    let (in_task, other) = (a.clone(), b.clone());
    rig.drive(&a, "CTX-5: a task that starts a thread", async {
        start_inside(&a, &b, "the root");
        let task = a.spawn(async move { start_inside(&in_task, &other, "a task") });
        let outcome = task.await;
        assert!(outcome.is_ok(), "CTX-5: the task resolved {outcome:?}");
    });
    rig.shutdown(a);
    rig.shutdown(b);
}

/// With `here` current: starts a thread, which must see none, and enters `other`.
fn start_inside(here: &Rt, other: &Rt, place: &str) {
    thread::scope(|scope| {
        let started = scope.spawn(|| {
            let current = here.current();
            let is = name(current.as_ref());
            assert!(current.is_none(), "CTX-5: on a thread started in {place}, {is} is current");
            other.enter(|| {
                is_current(other, other.current(), "on a thread that entered it");
                scope.spawn(|| {
                    let current = here.current();
                    let is = name(current.as_ref());
                    assert!(current.is_none(), "CTX-5: beside two scopes, {is} is current");
                });
            });
        });
        is_current(here, here.current(), "beside another thread's scope");
        let _ = started.join(); // a failure there has ended the process
    });
    is_current(here, here.current(), "after another thread's scope");
}

fn is_current(rt: &Rt, current: Option<Handle>, place: &str) {
    let (is, should) = (name(current.as_ref()), name(Some(rt.handle())));
    let right = current.as_ref() == Some(rt.handle());
    assert!(right, "CTX-5: {place}, {is} is current instead of {should}");
}

/// CTX-5: two threads enter two runtimes at the same time, again and again, and each sees its own.
///
/// The rounds in which both stood in their scopes are the witness: all of them, by a barrier.
pub(super) fn ctx_5_scopes_on_two_threads_do_not_meet(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    let rounds = rig.rounds(ROUNDS);
    let both = Barrier::new(2);
    let enter = |rt: &Rt, mut pauses: Stress| {
        for round in 0..rounds {
            if round % 16 == 0 {
                both.wait();
            }
            pauses.perturb();
            rt.enter(|| is_current(rt, rt.current(), "in a scope beside another thread's"));
            let current = rt.current();
            let is = name(current.as_ref());
            assert!(current.is_none(), "CTX-5: after a scope, {is} is current");
        }
    };
    let pauses = || Stress::new(rig.random(), rounds);
    thread::scope(|scope| {
        let (one, two): (&Rt, &Rt) = (&a, &b);
        let (enter, mine, theirs) = (&enter, pauses(), pauses());
        scope.spawn(move || enter(one, mine));
        scope.spawn(move || enter(two, theirs));
    });
    rig.witness("rounds", rounds as u64, 1);
    rig.shutdown(a);
    rig.shutdown(b);
}

/// CTX-9: the destructors of a thread's own variables may ask for the current runtime: the answer is
/// that there is none, not a panic.
///
/// Method: threads with such a variable, which was made before the thread first used a runtime, or
/// after; both orders, because what is made last is usually destroyed first. A panic there ends the
/// process.
///
/// If this fails, look for a thread-local of the runtime's that is asked after its destruction.
pub(super) fn ctx_9_a_thread_s_last_destructors_may_ask(rig: &Rig<'_>) {
    let owner = rig.rt();
    let rt: &Rt = &owner;
    for made_first in [true, false] {
        let (says, said) = channel();
        let used = thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let last_words = LastWords { rt: rt.clone(), says };
                let keep = move || LAST.with(|last| *last.borrow_mut() = Some(last_words));
                let use_it = || rt.enter(|| assert!(rt.current().is_some(), "CTX-9: not entered"));
                if made_first {
                    keep();
                    use_it();
                } else {
                    use_it();
                    keep();
                }
                drop(rt.current());
            });
            thread.join()
        });
        assert!(used.is_ok(), "CTX-9: using a runtime on a thread panicked");
        let said = said.recv().expect("CTX-9: a thread's last destructor did not come to its end");
        assert!(said == "none", "CTX-9: asked at the end of its thread, the answer was: {said}");
    }
    rig.shutdown(owner);
}

thread_local! {
    static LAST: RefCell<Option<LastWords>> = const { RefCell::new(None) };
}

/// Asks when its thread ends.
struct LastWords {
    rt: Rt,
    says: Sender<String>,
}

impl Drop for LastWords {
    fn drop(&mut self) {
        let ask = || (self.rt.current(), Handle::try_current().ok());
        let ask = std::panic::AssertUnwindSafe(ask);
        let said = match catch_unwind(ask) {
            Ok((None, None)) => "none".to_owned(),
            Ok((one, two)) => name(one.or(two).as_ref()),
            Err(_) => "a panic".to_owned(),
        };
        let _ = self.says.send(said);
    }
}
