//! CTX-6 and CTX-10: tasks and resources away from their runtime.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use runtime_traits::Gone;
use runtime_traits::task::JoinHandle;
use runtime_traits::time::{Duration, Sleep, sleep};

use super::name;
use crate::Cap;
use crate::rig::{Rig, await_outside, timer};
use crate::rt::Rt;
use crate::toolbox::{Tally, foreign, within_watchdog};

/// Drives `rt` on a thread that the rig cannot go to.
pub(super) fn drive_beside<F: Future>(
    rt: &Rt,
    blocks: bool,
    waiting_for: &str,
    main: F,
) -> F::Output {
    within_watchdog(waiting_for, || match blocks {
        true => rt.block_on(main).unwrap_or_else(|error| panic!("`block_on` answered: {error}")),
        false => foreign::block_on(main),
    })
}

fn expect(rt: &Rt, place: &str) {
    let current = rt.current();
    let (is, should) = (name(current.as_ref()), name(Some(rt.handle())));
    let right = current.as_ref() == Some(rt.handle());
    assert!(right, "CTX-6: in {place}, {is} is current instead of {should}");
}

// ── CTX-6 ───────────────────────────────────────────────────────────────────────────────────────

/// CTX-6: the context of a task is the runtime that it was spawned on, whoever wakes or awaits it; what
/// it spawns on the current runtime goes there too.
///
/// Method: a task of A is woken three times: by a task of B, by a task of B inside scopes of both,
/// and by a task of A inside a scope of B's. It is awaited by a task of B. In each poll it
/// compares and spawns a child, which compares too.
///
/// If this fails, look for a thread-local that says both who is current and whose worker this is.
pub(super) fn ctx_6_a_task_has_its_own_runtime_whoever_wakes_it(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    let meeting = Arc::new(Meeting::default());
    let traveller = a.spawn(Traveller { rt: a.clone(), meeting: meeting.clone(), polls: 0 });
    let (wakes, scope) = (meeting.clone(), b.clone());
    let _kept = a.spawn(async move {
        wakes.polls_too.reached(3).await;
        scope.enter(|| wakes.wake());
    });
    let (blocks, home, away) = (rig.has(Cap::Block), a.clone(), b.clone());
    let children = rig.drive_while(&a, "CTX-6: a task that another runtime wakes", move || {
        let inside = away.clone();
        let abroad = away.spawn(async move {
            meeting.polls.reached(1).await;
            meeting.wake();
            meeting.polls.reached(2).await;
            home.enter(|| inside.enter(|| meeting.wake()));
            let children = traveller.await;
            expect(&inside, "a task that awaited one of another runtime");
            children
        });
        drive_beside(&away, blocks, "CTX-6: a task that awaits one of another runtime", abroad)
    });
    let children = children.and_then(|children| children);
    let children = children.unwrap_or_else(|error| panic!("CTX-6: a task failed: {error}"));
    rig.drive(&a, "CTX-6: children of a task", async {
        for child in children {
            let outcome = child.await;
            assert!(outcome.is_ok(), "CTX-6: a child resolved {outcome:?}");
        }
    });
    rig.shutdown(a);
    rig.shutdown(b);
}

/// Who wakes the traveller, and when.
#[derive(Default)]
struct Meeting {
    polls: Tally,
    /// The same for another waiter: a tally has one.
    polls_too: Tally,
    waker: Mutex<Option<Waker>>,
}

impl Meeting {
    fn wake(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.into_iter().for_each(Waker::wake);
    }
}

/// Compares in each poll, and spawns a child there, which compares. Ready at its fourth poll.
struct Traveller {
    rt: Rt,
    meeting: Arc<Meeting>,
    polls: usize,
}

impl Future for Traveller {
    type Output = Vec<JoinHandle<()>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        expect(&self.rt, "a task that was woken from abroad");
        self.polls += 1;
        if self.polls == 4 {
            let child = || {
                let inside = self.rt.clone();
                runtime_traits::spawn(async move { expect(&inside, "a child of such a task") })
            };
            return Poll::Ready((0..4).map(|_| child()).collect());
        }
        let waker = Some(cx.waker().clone());
        *self.meeting.waker.lock().unwrap_or_else(PoisonError::into_inner) = waker;
        self.meeting.polls.add();
        self.meeting.polls_too.add();
        Poll::Pending
    }
}

/// CTX-6: a task that is spawned on A while B is current belongs to A: it runs with A current, and
/// outlives B.
///
/// Method: inside a scope of B's, and inside a task of B's, tasks are spawned on A's handle. B ends.
/// They must not have been dropped with it, and finish on A.
///
/// If this fails, look for a shortcut for "this thread is a worker" that does not ask whose.
pub(super) fn ctx_6_a_task_spawned_from_abroad_lives_at_home(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    let go = Arc::new(Tally::new());
    let emigrant = |go: Arc<Tally>| {
        let home = a.clone();
        async move {
            expect(&home, "a task that was spawned where another runtime is current");
            go.reached(1).await;
            expect(&home, "such a task after a wake");
            7
        }
    };
    let (of_scope, of_task) = (emigrant(go.clone()), emigrant(Arc::new(Tally::new())));
    let in_scope = b.enter(|| a.spawn(of_scope));
    let home = a.clone();
    let spawns = b.spawn(async move { Some(home.spawn(of_task)) });
    let in_task = rig.drive(&b, "CTX-6: a task that spawns on another runtime", spawns);
    let in_task = in_task.unwrap_or_else(|error| panic!("CTX-6: a task failed: {error}"));
    let in_task = in_task.expect("a handle that is wrapped, lest it looks awaited");
    rig.shutdown(b);
    let seven = rig.drive(&a, "CTX-6: a task that outlives the runtime it was spawned in", async {
        go.add();
        in_scope.await
    });
    assert!(matches!(seven, Ok(7)), "CTX-6: after another runtime ended, a task gave {seven:?}");
    let parked = !in_task.is_finished();
    assert!(parked, "CTX-6: a task was dropped with a runtime that is not its own");
    rig.shutdown(a);
    let outcome = await_outside("CTX-6: a task at the end of its runtime", in_task);
    assert!(outcome.is_err(), "CTX-6: a task that was parked at the end gave {outcome:?}");
}

// ── CTX-10 ──────────────────────────────────────────────────────────────────────────────────────

/// CTX-10: a timer uses the runtime that it was made on, wherever it is polled; when that has ended
/// it says so.
///
/// Method: timers of A are awaited in a task and the root of B, and on an executor of nobody's, while
/// A is driven; and once more after A has ended, where any answer will do but silence.
///
/// If this fails, look for a driver that is looked up at the first poll.
pub(super) fn ctx_10_a_timer_stays_with_its_runtime(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    let nap = |home: &Rt| home.enter(|| sleep(Duration::from_millis(2)));
    let (home, away, blocks) = (a.clone(), b.clone(), rig.has(Cap::Block));
    rig.drive_while(&a, "CTX-10: timers that are polled elsewhere", move || {
        let in_task = nap(&home);
        let in_task =
            away.spawn(async move { on_time(in_task, "in another runtime's task").await });
        let in_root = nap(&home);
        drive_beside(&away, blocks, "CTX-10: a timer in another runtime", async {
            on_time(in_root, "in another runtime's root").await;
            let outcome = in_task.await;
            assert!(outcome.is_ok(), "CTX-10: a task with a timer of another's gave {outcome:?}");
        });
        let nowhere = on_time(nap(&home), "on an executor of nobody's");
        await_outside("CTX-10: a timer on an executor of nobody's", nowhere);
    });
    let orphan = a.enter(|| sleep(Duration::from_secs(3600)));
    rig.shutdown(a);
    rig.drive(&b, "CTX-10: a timer whose runtime has ended", says_gone(orphan));
    rig.shutdown(b);
}

/// Awaits a timer; it may say that it cannot, but not be early.
async fn on_time(mut nap: Sleep, place: &str) {
    let outcome = poll_fn(|cx| nap.poll_elapsed(cx)).await;
    let early = outcome == Ok(()) && !nap.is_elapsed();
    assert!(!early, "CTX-10: a timer that was polled {place} was ready early");
}

/// Awaits a timer that cannot be ready.
async fn says_gone(mut orphan: Sleep) {
    let mut poll =
        |cx: &mut Context<'_>| catch_unwind(AssertUnwindSafe(|| orphan.poll_elapsed(cx)));
    let outcome = poll_fn(|cx| match poll(cx) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(outcome)) => Poll::Ready(outcome),
        Err(_) => Poll::Ready(Err(Gone)), // loud enough
    });
    let outcome = outcome.await;
    assert!(outcome.is_err(), "CTX-10: an hour passed on the clock of a runtime that had ended");
}

/// CTX-10: a timer that is reset while another runtime is current stays at home: it is ready, or says
/// that it cannot, also when that other runtime has ended.
///
/// Method: a timer of A, armed for an hour, is reset to a moment inside B, and polled there once. B
/// ends. The timer is awaited while A is driven.
///
/// If this fails, look for a handle that is read again from the thread when a timer is reset.
pub(super) fn ctx_10_a_timer_that_is_reset_abroad_stays_at_home(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    let mut nap = a.enter(|| sleep(Duration::from_secs(3600)));
    let armed = rig.drive(&a, "CTX-10: a root that polls a timer", poll_once(&mut nap));
    assert!(armed.is_pending(), "CTX-10: a timer of an hour was {armed:?}");
    rig.drive(&b, "CTX-10: a root that resets another's timer", async {
        nap.reset(timer(a.handle()).now() + Duration::from_millis(5));
        let _ = poll_once(&mut nap).await; // pending, or it came already, or cannot
    });
    rig.shutdown(b);
    let on_time = on_time(nap, "after a reset in a runtime that has ended");
    rig.drive(&a, "CTX-10: a timer that was reset where another runtime was current", on_time);
    rig.shutdown(a);
}

/// Polls a timer once.
async fn poll_once(nap: &mut Sleep) -> Poll<Result<(), Gone>> {
    poll_fn(|cx| Poll::Ready(nap.poll_elapsed(cx))).await
}

/// CTX-10: the same for sockets: polled elsewhere, they hear of their events; after the end of their
/// runtime they answer an error.
///
/// If this fails, look for a reactor that is looked up at the first poll, and for sockets that are
/// not told of the end.
#[cfg(unix)]
pub(super) fn ctx_10_a_socket_stays_with_its_runtime(rig: &Rig<'_>) {
    use std::io::Write;

    use crate::usable::a_socket;

    let (a, b) = (rig.rt(), rig.rt());
    let mut pairs: Vec<_> = (0..3).map(|_| a_socket(rig, &a)).collect();
    let (orphan, _peer) = pairs.pop().expect("three were made");
    let (away, blocks) = (b.clone(), rig.has(Cap::Block));
    rig.drive_while(&a, "CTX-10: sockets that are polled elsewhere", move || {
        let mut readable = |place: usize| {
            let (ours, mut theirs) = pairs.pop().expect("one for each place");
            async move {
                let wait = ours.readable();
                theirs.write_all(&[place as u8]).expect("an empty socket takes a byte");
                let ready = wait.await;
                drop(theirs);
                ready.is_ok() // or it said that it cannot
            }
        };
        let first = away.spawn(readable(0));
        let outcome = drive_beside(&away, blocks, "CTX-10: a socket in another runtime", first);
        assert!(outcome.is_ok(), "CTX-10: a task with a socket of another's gave {outcome:?}");
        await_outside("CTX-10: a socket on an executor of nobody's", readable(1));
    });
    let mut waits = Box::pin(orphan.readable());
    let pending = rig.drive(&b, "CTX-10: a poll of another's socket", async {
        poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx).is_pending())).await
    });
    assert!(pending, "CTX-10: a silent socket was readable");
    rig.shutdown(a);
    let ready = rig.drive(&b, "CTX-10: a socket whose runtime has ended", waits.as_mut());
    assert!(ready.is_err(), "CTX-10: a silent socket of an ended runtime gave {ready:?}");
    drop(waits);
    rig.shutdown(b);
}

#[cfg(not(unix))]
pub(super) fn ctx_10_a_socket_stays_with_its_runtime(rig: &Rig<'_>) {
    rig.inconclusive("sockets are made for this on Unix only");
}
