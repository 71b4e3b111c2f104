//! SIGNAL-1 to SIGNAL-3: who hears of a signal.

use std::future::poll_fn;
use std::sync::Arc;

use runtime_traits::signal::Signal;

use super::{listen, raise};
use crate::rig::{Rig, await_outside};
use crate::rt::Rt;
use crate::toolbox::Tally;
use crate::toolbox::fence::fence;

/// How often the signal is raised before anybody listens to what was heard.
const BURSTS: [usize; 4] = [1, 2, 3, 100];

/// SIGNAL-1: every listener hears of a signal that was raised after it was made. Several may be told as
/// one, never as none.
///
/// Method: two listeners of one runtime and one of another. The signal is raised once, and in bursts; each
/// of the three must hear of it. What else they have heard is thrown away, and the next burst comes.
///
/// If this fails with a hang, look for one pipe from which whoever comes first takes all, or a handler
/// that stays with the first runtime.
pub(super) fn signal_1_every_listener_hears(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    let (mut one, mut two) = (listen(&a, "SIGNAL-1"), listen(&a, "SIGNAL-1"));
    let mut three = listen(&b, "SIGNAL-1");
    for burst in BURSTS {
        (0..burst).for_each(|_| raise(rig));
        for (rt, listener, who) in [
            (&a, &mut one, "the first"),
            (&b, &mut three, "another runtime's"),
            (&a, &mut two, "the second"),
        ] {
            hears(rig, rt, listener, &format!("SIGNAL-1: {who} listener, a burst of {burst}"));
        }
    }
    drop((one, two, three));
    rig.shutdown(a);
    rig.shutdown(b);
}

/// Drives `rt` until `listener` has heard, and throws away what else it has.
fn hears(rig: &Rig<'_>, rt: &Rt, listener: &mut Signal, waiting_for: &str) {
    let id = waiting_for.split(':').next().unwrap_or_default();
    let heard = rig.drive(rt, waiting_for, async {
        let heard = listener.recv().await;
        while super::unix::is_told(listener) {}
        heard
    });
    assert!(heard.is_ok(), "{id}: a listener of a signal that was raised gave {heard:?}");
}

/// How often somebody waits.
const WAITS: usize = 50;

/// SIGNAL-1: who waits for a signal is woken.
///
/// Method: a task waits for it; when it is seen to, the signal is raised, on another thread than the one
/// that drives. Fifty times. A second listener, in a task of its own, hears it as often.
///
/// If this fails with a hang, look for a wake that is given to one of the two only, or lost when it comes
/// while the other is told.
pub(super) fn signal_1_who_waits_is_woken(rig: &Rig<'_>) {
    let rt = rig.rt();
    let here = rig.builder();
    let (waiting, heard) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
    let listens = || {
        let mut listener = listen(&rt, "SIGNAL-1");
        let (waiting, heard) = (waiting.clone(), heard.clone());
        rt.spawn(async move {
            for _ in 0..WAITS {
                let mut said = false;
                let told = poll_fn(|cx| {
                    let polled = listener.poll_recv(cx);
                    if !std::mem::replace(&mut said, true) {
                        waiting.add();
                    }
                    polled
                });
                let told = told.await;
                assert!(told.is_ok(), "SIGNAL-1: a listener that waits was told {told:?}");
                heard.add();
            }
            listener // goes when both have heard: that is SIGNAL-2's
        })
    };
    let tasks = [listens(), listens()];
    rig.drive_while(&rt, "SIGNAL-1: tasks that wait for a signal", || {
        let rig = here.rig();
        for round in 1..=WAITS {
            await_outside("SIGNAL-1: two tasks to wait for a signal", waiting.reached(2 * round));
            raise(&rig);
            await_outside("SIGNAL-1: two tasks to hear a signal", heard.reached(2 * round));
        }
        for task in tasks {
            let outcome = await_outside("SIGNAL-1: a task that heard enough", task);
            assert!(outcome.is_ok(), "SIGNAL-1: a task that listens resolved {outcome:?}");
        }
    });
    rig.shutdown(rt);
}

/// Three listeners, in every order.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// SIGNAL-2: dropping a listener takes nothing from the others.
///
/// Method: three listeners, of which one is another runtime's. They are dropped one after the other, in
/// every order; after each the signal is raised, and those that are left must hear.
///
/// If this fails with a hang, look for a handler that is taken away with one of its listeners, or for a
/// table in which the places move.
pub(super) fn signal_2_who_goes_takes_nothing(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    let homes = [&a, &b, &a];
    for order in ORDERS {
        let mut all = homes.map(|rt| Some(listen(rt, "SIGNAL-2")));
        for goes in &order[..2] {
            drop(all[*goes].take());
            raise(rig);
            for (nth, listener) in all.iter_mut().enumerate() {
                let Some(listener) = listener else { continue };
                let hang = format!("SIGNAL-2: listener {nth} of {order:?}, {goes} was dropped");
                hears(rig, homes[nth], listener, &hang);
            }
        }
    }
    rig.shutdown(a);
    rig.shutdown(b);
}

/// SIGNAL-2: so does the end of a runtime.
///
/// Method: two runtimes with a listener each; the one that was made first, or the other, ends, its
/// listener dropped before or after. The signal is raised, and the listener that is left must hear.
pub(super) fn signal_2_a_runtime_that_ends_takes_nothing(rig: &Rig<'_>) {
    for (first_ends, drops_before) in [(true, true), (true, false), (false, true), (false, false)] {
        let (a, b) = (rig.rt(), rig.rt());
        let (one, two) = (listen(&a, "SIGNAL-2"), listen(&b, "SIGNAL-2"));
        let (ending, gone, stays, mut left) = match first_ends {
            true => (a, one, b, two),
            false => (b, two, a, one),
        };
        let mut gone = Some(gone);
        if drops_before {
            gone = None;
        }
        rig.shutdown(ending);
        drop(gone);
        raise(rig);
        hears(rig, &stays, &mut left, "SIGNAL-2: a listener when another runtime has ended");
        drop(left);
        rig.shutdown(stays);
    }
}

/// How many signals are far too many.
const FLOOD: usize = 66_000;

/// SIGNAL-3: however many signals arrive while nobody looks, nothing breaks, and the next look finds one.
///
/// Method: one listener has been polled, so that somebody waits, one has not. 66 000 signals are raised
/// in a row, more than a pipe holds bytes, while neither is polled. Then both must hear; and when all is
/// quiet, one more, too. Tasks go on.
///
/// If this fails, look for a write whose error is no error, and a read that takes one byte of many.
pub(super) fn signal_3_a_flood_breaks_nothing(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (mut one, mut two) = (listen(&rt, "SIGNAL-3"), listen(&rt, "SIGNAL-3"));
    let early = rig.drive(&rt, "SIGNAL-3: a look at a listener", async {
        poll_fn(|cx| std::task::Poll::Ready(one.poll_recv(cx).is_ready())).await
    });
    assert!(!early, "SIGNAL-3: a listener heard of a signal that nobody raised");
    (0..FLOOD).for_each(|_| raise(rig));
    for listener in [&mut one, &mut two] {
        hears(rig, &rt, listener, "SIGNAL-3: a listener after a flood");
    }
    rig.drive(&rt, "SIGNAL-3: tasks after a flood", fence(rt.handle(), 4));
    raise(rig);
    for listener in [&mut one, &mut two] {
        hears(rig, &rt, listener, "SIGNAL-3: a listener, one more signal after a flood");
    }
    drop((one, two));
    rig.shutdown(rt);
}
