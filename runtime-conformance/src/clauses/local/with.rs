//! LOCAL-7: a future that need not be `Send`, wanted from another thread.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread::{self, ThreadId};

use runtime_traits::task::spawn_with;
use runtime_traits::{Handle, JoinError};

use super::home::{at_home, awake_until};
use super::resident::{Resident, Seen};
use crate::rig::{Rig, await_outside};
use crate::rt::{Join, Rt};
use crate::toolbox::{Count, Tally, Tracked};
use crate::twist::{AnyJoin, AnyOutput};

/// Makes a resident of the thread that calls it.
pub type Make = Box<dyn FnOnce() -> Resident + Send>;

/// How residents are made on another thread: what a mutant may replace.
#[derive(Clone)]
pub struct WithCalls {
    /// As `spawn_with`, with the runtime current.
    pub spawn: fn(&Handle, Make) -> Box<dyn AnyJoin>,
}

impl Default for WithCalls {
    fn default() -> WithCalls {
        WithCalls { spawn: settle }
    }
}

fn settle(rt: &Handle, make: Make) -> Box<dyn AnyJoin> {
    Box::new(rt.enter(|| {
        spawn_with(move || {
            let (not_send, resident) = (Rc::new(()), make());
            async move {
                let _not_send = not_send;
                resident.await;
                Box::new(()) as AnyOutput
            }
        })
    }))
}

thread_local! {
    /// Whether this thread is inside a call of `spawn_with`.
    static CALLING: Cell<bool> = const { Cell::new(false) };
}

/// What is known of a closure.
struct Asked {
    calls: Tally,
    /// What the closure holds, and drops when it was called.
    held: Arc<Count>,
    made: Mutex<Option<(Arc<Seen>, ThreadId)>>,
}

impl Asked {
    /// Where the future was made, and what is seen of it.
    fn made(&self) -> Option<(Arc<Seen>, ThreadId)> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Asks for a resident. Its closure fails the clause if the caller runs it.
fn spawn(rt: &Rt) -> (Join<()>, Arc<Asked>) {
    let (tracked, held) = Tracked::new("the closure of a local task");
    let asked = Arc::new(Asked { calls: Tally::new(), held, made: Mutex::default() });
    let theirs = asked.clone();
    let make = move || {
        let _tracked = tracked;
        assert!(!CALLING.get(), "LOCAL-7: `spawn_with` itself called the closure");
        let (resident, seen) = Resident::awake();
        let made = (seen, thread::current().id());
        *theirs.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
        theirs.calls.add();
        resident
    };
    let calls: WithCalls = rt.calls();
    let before = CALLING.replace(true);
    let join = (calls.spawn)(rt.handle(), Box::new(make));
    CALLING.set(before);
    (Join::twisted(join), asked)
}

/// Fails unless all that was made went where it was made, once.
fn check(asked: &Asked) {
    let calls = asked.calls.count();
    assert!(calls <= 1, "LOCAL-7: how often a closure was called: {calls}");
    let drops = asked.held.drops();
    assert_eq!(drops, 1, "LOCAL-7: how often a closure was dropped");
    let Some((seen, _)) = asked.made() else { return };
    seen.away.assert_never("polled", "LOCAL-7", "a future that was made there");
    seen.away.assert_never("dropped", "LOCAL-7", "a future that was made there");
    let drops = seen.count.drops();
    assert_eq!(drops, 1, "LOCAL-7: how often a future that was made there was dropped");
}

fn is_unsupported(outcome: &Result<(), JoinError>) -> bool {
    outcome.as_ref().is_err_and(|error| error.unsupported().is_some())
}

/// LOCAL-7: a closure is called on a thread that has local tasks, which the caller's is not; the future
/// is polled and dropped there. A runtime that has no way there says so, and drops the
/// closure.
///
/// Method: a thread of nobody's asks, while the runtime is driven. Either the handle resolves
/// *unsupported* and nothing was called, or the closure is called elsewhere. The future, which keeps
/// itself awake, is let go when it was polled, and the handle resolves.
///
/// If this fails, look for a future that is made before it is sent.
pub(super) fn local_7_a_future_is_made_where_it_lives(rig: &Rig<'_>) {
    let rt = rig.rt();
    let inside = rt.clone();
    rig.drive_while(&rt, "LOCAL-7: a thread that asks for a local task abroad", || {
        let (mut join, asked) = spawn(&inside);
        let early = await_outside("LOCAL-7: a closure to be called, or refused", async {
            let mut called = pin!(asked.calls.reached(1));
            let mut join = pin!(&mut join);
            poll_fn(|cx| match called.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => join.as_mut().poll(cx).map(Some),
            })
            .await
        });
        if let Some(outcome) = early {
            assert!(is_unsupported(&outcome), "LOCAL-7: a task from abroad resolved {outcome:?}");
            return check(&asked);
        }
        let (seen, home) = asked.made().expect("it was called");
        assert!(home != thread::current().id(), "LOCAL-7: the caller's thread ran the closure");
        await_outside("LOCAL-7: a future to be polled where it was made", seen.polls.reached(1));
        seen.let_go();
        let outcome = await_outside("LOCAL-7: a task from abroad to end", join);
        assert!(outcome.is_ok(), "LOCAL-7: a task from abroad resolved {outcome:?}");
        check(&asked);
    });
    rig.shutdown(rt);
}

/// LOCAL-7: the closure is called inside the task, also if the caller's thread is where that will run.
///
/// Method: a local task asks, ten times; the closure fails if the thread is inside the call. Each future
/// is let go when it was polled, and each handle resolves.
///
/// If this fails, look for a short cut for callers that are at home.
pub(super) fn local_7_the_caller_at_home_does_not_run_it(rig: &Rig<'_>) {
    let rt = rig.rt();
    at_home(rig, &rt, "LOCAL-7: local tasks that a local task asks for", |rt| async move {
        for _ in 0..10 {
            let (join, asked) = spawn(&rt);
            awake_until(&asked.calls, 1).await;
            let (seen, _) = asked.made().expect("it was called");
            awake_until(&seen.polls, 1).await;
            seen.let_go();
            let outcome = join.await;
            assert!(outcome.is_ok(), "LOCAL-7: a task from home resolved {outcome:?}");
            check(&asked);
        }
    });
    rig.shutdown(rt);
}

/// LOCAL-7: without a call the closure is dropped once, and the handle says so; so is all else if it
/// was called meanwhile.
///
/// Method: a local task asks twenty times and aborts at once. Another runtime is asked once, from a
/// thread of nobody's, and ended; nobody drove it.
///
/// If this fails, look for a queue of new tasks that the end forgets.
pub(super) fn local_7_a_closure_that_is_not_called_is_dropped_once(rig: &Rig<'_>) {
    let rt = rig.rt();
    at_home(rig, &rt, "LOCAL-7: local tasks that are aborted at once", |rt| async move {
        for _ in 0..20 {
            let (join, asked) = spawn(&rt);
            join.abort();
            let outcome = join.await;
            let is_cancelled = outcome.as_ref().is_err_and(|error| error.is_cancelled());
            assert!(is_cancelled, "LOCAL-7: a task that was aborted resolved {outcome:?}");
            check(&asked);
        }
    });
    rig.shutdown(rt);
    let rt = rig.rt();
    let inside = rt.clone();
    let asks = thread::spawn(move || spawn(&inside));
    let (join, asked) = asks.join().expect("LOCAL-7: `spawn_with` panicked");
    rig.shutdown(rt);
    let outcome = await_outside("LOCAL-7: the handle of a task that the end dropped", join);
    assert!(outcome.is_err(), "LOCAL-7: a task whose runtime ended resolved {outcome:?}");
    check(&asked);
}
