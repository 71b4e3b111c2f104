//! CANCEL-9: tokens that many tasks listen to.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use runtime_traits::task::CancelToken;

use crate::rig::{Rig, await_outside};
use crate::rt::{Join, Rt};
use crate::toolbox::{Stress, Tally, Tracked, WakeCount, hand_poll, hand_poll_on};

/// What is done to tokens here: what a mutant may replace.
#[derive(Clone)]
pub struct TokenCalls {
    /// `CancelToken::child`.
    pub child: fn(&CancelToken) -> CancelToken,
    /// `CancelToken::cancel`.
    pub cancel: fn(&CancelToken),
}

impl Default for TokenCalls {
    fn default() -> TokenCalls {
        TokenCalls { child: CancelToken::child, cancel: CancelToken::cancel }
    }
}

/// CANCEL-9: a token that is cancelled stays so, and everybody is told: who waits, who asks later, and
/// every token below it, also when those between them are gone. None above it is.
///
/// Method: a line of tokens: top, middle, one that is dropped at once, leaf; and a sister of the middle
/// one. A task waits for the middle one, one for the leaf, one runs something endless under the leaf,
/// and one waiter is polled by hand. When all are seen to wait, a thread of nobody's cancels the middle
/// one. All four must be told, and what was endless dropped; those who ask afterwards must be told at
/// once; top and sister know of nothing.
///
/// If this fails, look for a child that is known to its parent only, and for a flag that is set after
/// the list of waiters was emptied.
pub(super) fn cancel_9_everybody_is_told(rig: &Rig<'_>) {
    let rt = rig.rt();
    let TokenCalls { child, cancel } = rt.calls();
    let top = CancelToken::new();
    let (middle, sister) = (child(&top), child(&top));
    let leaf = child(&child(&middle));
    let (inside, endless) = Tracked::new("a future that a token ends");
    let (wakes, waker) = WakeCount::new();
    let mut by_hand = middle.cancelled();
    assert!(hand_poll(&mut by_hand, &waker).is_pending(), "CANCEL-9: cancelled by nobody");
    let waiting = Arc::new(Tally::new());
    let waits = |token: &CancelToken| {
        let (token, waiting) = (token.clone(), waiting.clone());
        rt.spawn(async move { says_that_it_waits(&waiting, token.cancelled()).await })
    };
    let tasks = [waits(&middle), waits(&leaf)];
    let (under, waits_too) = (leaf.clone(), waiting.clone());
    let ended = rt.spawn(async move {
        let endless = async move {
            let _inside = inside;
            pending::<()>().await;
        };
        says_that_it_waits(&waits_too, Box::pin(under.run_until_cancelled(endless))).await.is_none()
    });
    rig.drive_while(&rt, "CANCEL-9: tasks that listen to a token", || {
        await_outside("CANCEL-9: tasks to listen to a token", waiting.reached(3));
        let cancelled = middle.clone();
        thread::spawn(move || cancel(&cancelled)).join().expect("CANCEL-9: `cancel` panicked");
        for task in tasks {
            let told = await_outside("CANCEL-9: a task that waits for a token", task);
            assert!(told.is_ok(), "CANCEL-9: a task that waits for a token resolved {told:?}");
        }
        let ended = await_outside("CANCEL-9: a task that runs until it is cancelled", ended);
        assert!(matches!(ended, Ok(true)), "CANCEL-9: what a token ended gave {ended:?}");
        assert_eq!(endless.drops(), 1, "CANCEL-9: how often the future that was ended is dropped");
    });
    hand_poll_on("CANCEL-9: a waiter that is polled by hand", &mut by_hand, &waker);
    assert!(wakes.get() > 0, "CANCEL-9: a waiter was not woken");
    cancel(&middle); // again
    let (_, late) = WakeCount::new();
    for (token, name) in
        [(&middle, "the token"), (&leaf, "one below"), (&child(&leaf), "a new one")]
    {
        assert!(token.is_cancelled(), "CANCEL-9: {name} is not cancelled");
        let told = hand_poll(&mut token.cancelled(), &late).is_ready();
        assert!(told, "CANCEL-9: who asks {name} afterwards is not told");
    }
    for (token, name) in [(&top, "the token above"), (&sister, "a token beside")] {
        assert!(!token.is_cancelled(), "CANCEL-9: {name} is cancelled too");
        let told = hand_poll(&mut token.cancelled(), &late).is_ready();
        assert!(!told, "CANCEL-9: who waits for {name} was told");
    }
    rig.shutdown(rt);
}

/// Awaits `future`, and adds to `waiting` when it has been seen pending.
async fn says_that_it_waits<F: Future + Unpin>(waiting: &Tally, mut future: F) -> F::Output {
    let mut said = false;
    poll_fn(move |cx| {
        let polled = Pin::new(&mut future).poll(cx);
        if polled.is_pending() && !std::mem::replace(&mut said, true) {
            waiting.add();
        }
        polled
    })
    .await
}

/// Rounds of a full run.
const ROUNDS: usize = 4_000;

/// CANCEL-9: who comes to a token while it is being cancelled is told as well.
///
/// Method: a thread cancels a token while a task makes a child of it and waits for that. With random
/// pauses; both orders have to be seen.
///
/// If this fails with a hang, look for a list that is emptied, and a guest who looked at the flag before
/// and enters the list after.
pub(super) fn cancel_9_who_comes_meanwhile_is_told(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls: TokenCalls = rt.calls();
    let (rounds, random) = (rig.rounds(ROUNDS), rig.random());
    let hang = "CANCEL-9: a token whose parent is cancelled meanwhile";
    let (early, late) = rig.drive_with(&rt, hang, |rt| {
        let (to_canceller, tokens) = channel::<CancelToken>();
        let theirs = random.clone();
        let canceller = thread::spawn(move || {
            let mut pauses = Stress::new(theirs, rounds);
            for token in tokens {
                pauses.perturb();
                (calls.cancel)(&token);
            }
        });
        let mut stress = Stress::new(random, rounds);
        let mut seen = (0, 0);
        while stress.again() {
            let token = CancelToken::new();
            to_canceller.send(token.clone()).expect("it lives as long as we do");
            stress.perturb();
            match await_outside(hang, guest(rt, token, calls.child)) {
                Ok(true) => seen.1 += 1,
                Ok(false) => seen.0 += 1,
                Err(error) => panic!("CANCEL-9: a task that waits for a token resolved {error:?}"),
            }
        }
        drop(to_canceller);
        canceller.join().expect("CANCEL-9: `cancel` panicked");
        seen
    });
    rig.shutdown(rt);
    rig.witness("guests who came before", early, 1);
    rig.witness("guests who came after", late, 1);
}

/// A task that makes a child of `token` and waits for it; whether that was cancelled at once.
fn guest(rt: &Rt, token: CancelToken, child: fn(&CancelToken) -> CancelToken) -> Join<bool> {
    rt.spawn(async move {
        let below = child(&token);
        let at_once = below.is_cancelled();
        below.cancelled().await;
        at_once
    })
}
