//! PANIC-3: panics of wakers.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use runtime_traits::time::{Duration, Sleep, sleep_until};

use super::{Expected, quietly};
use crate::rig::{Rig, timer};
use crate::rt::Rt;
use crate::toolbox::{Tally, WakerLab, hand_poll};
use crate::usable::use_all;

/// How many wait, and which of them has the bad waker.
const WAITING: usize = 5;
const BAD: usize = 1;

/// Wakers for those who wait, one of which panics.
struct Wakers {
    labs: Vec<WakerLab>,
    woken: Arc<Tally>,
}

impl Wakers {
    fn new() -> Wakers {
        let woken = Arc::new(Tally::new());
        let lab = |number| {
            let woken = woken.clone();
            WakerLab::new().on_wake(move || match number {
                BAD => panic_any(Expected(number)),
                _ => woken.add(),
            })
        };
        let labs = (0..WAITING).map(lab).collect();
        Wakers { labs, woken }
    }

    fn waker(&self, number: usize) -> Waker {
        self.labs[number].waker()
    }

    /// All but the bad one have been woken, at least once.
    async fn others(&self) {
        for goal in 1.. {
            let awake = |(number, lab): &(usize, &WakerLab)| *number == BAD || lab.wakes() > 0;
            if self.labs.iter().enumerate().all(|each| awake(&each)) {
                return;
            }
            self.woken.reached(goal).await;
        }
    }

    /// Drives until the others were woken; that may not panic here.
    fn expect_others(&self, rig: &Rig<'_>, rt: &Rt, what: &str) {
        let hang = format!("PANIC-3: {what} beside one whose waker panics");
        let driven = catch_unwind(AssertUnwindSafe(|| rig.drive(rt, &hang, self.others())));
        assert!(driven.is_ok(), "PANIC-3: the panic of a waker came out of the call that drives");
        let whole = use_all(rig, rt, "PANIC-3", "after a waker panicked");
        rig.drive(rt, "PANIC-3: a root after a waker panicked", whole);
    }
}

/// PANIC-3: a joiner's waker that panics, when it is woken, cloned or dropped, costs nobody else his
/// wake and poisons nothing.
///
/// Method: five handles are polled by hand, each with a waker of its own, the second of which panics
/// when woken. All five tasks end; the other four must be woken, and all handles are ready. Then a
/// handle is polled with a waker whose clone panics, then whose drop does, and then with a good one,
/// which must be enough.
///
/// If this fails, look for a panic that leaves a task's end half-way.
pub(super) fn panic_3_a_joiner_s_waker_panics(rig: &Rig<'_>) {
    quietly();
    let rt = rig.rt();
    let (wakers, go) = (Wakers::new(), Arc::new(Tally::new()));
    let task = |_| {
        let gate = Arc::new(Tally::new());
        let go = gate.clone();
        (rt.spawn(async move { go.reached(1).await }), gate)
    };
    let (mut joins, gates): (Vec<_>, Vec<_>) = (0..WAITING).map(task).unzip();
    for (number, join) in joins.iter_mut().enumerate() {
        assert!(hand_poll(join, &wakers.waker(number)).is_pending());
    }
    gates.iter().for_each(|gate| gate.add());
    wakers.expect_others(rig, &rt, "handles");
    for join in joins {
        let outcome = rig.drive(&rt, "PANIC-3: a handle after a waker panicked", join);
        assert!(outcome.is_ok(), "PANIC-3: a task with a joiner that panics gave {outcome:?}");
    }
    let waits = go.clone();
    let mut join = rt.spawn(async move { waits.reached(1).await });
    for lab in [bad_clone, bad_drop] {
        let (lab, is_bad) = lab();
        let waker = lab.waker();
        is_bad.store(true, Ordering::SeqCst);
        // A panic here is the caller's own: nobody else's business.
        let _ = catch_unwind(AssertUnwindSafe(|| hand_poll(&mut join, &waker)));
        let good = WakerLab::new().waker();
        let _ = catch_unwind(AssertUnwindSafe(|| hand_poll(&mut join, &good)));
        is_bad.store(false, Ordering::SeqCst);
    }
    go.add();
    let outcome = rig.drive(&rt, "PANIC-3: a handle after wakers panicked", join);
    assert!(outcome.is_ok(), "PANIC-3: a task whose joiner's wakers panic gave {outcome:?}");
    rig.shutdown(rt);
}

/// A waker whose clone panics while the flag is set.
fn bad_clone() -> (WakerLab, Arc<AtomicBool>) {
    let is_bad = Arc::new(AtomicBool::new(false));
    let flag = is_bad.clone();
    (WakerLab::new().on_clone(move || panics_if(&flag)), is_bad)
}

/// A waker whose drop panics while the flag is set.
fn bad_drop() -> (WakerLab, Arc<AtomicBool>) {
    let is_bad = Arc::new(AtomicBool::new(false));
    let flag = is_bad.clone();
    (WakerLab::new().on_drop(move || panics_if(&flag)), is_bad)
}

fn panics_if(flag: &AtomicBool) {
    if flag.load(Ordering::SeqCst) && !std::thread::panicking() {
        panic_any(Expected(2));
    }
}

/// PANIC-3: the same for timers of one instant.
///
/// If this fails, look for a list of wakers that a panic leaves half-woken, and for a driver's thread
/// that ends.
pub(super) fn panic_3_a_waker_of_a_timer_panics(rig: &Rig<'_>) {
    quietly();
    let rt = rig.rt();
    let wakers = Wakers::new();
    let at = timer(rt.handle()).now() + Duration::from_millis(20);
    let mut naps: Vec<Sleep> = (0..WAITING).map(|_| rt.enter(|| sleep_until(at))).collect();
    let mut late = false;
    for (number, nap) in naps.iter_mut().enumerate() {
        late |= hand_poll(nap, &wakers.waker(number)).is_ready();
    }
    if late {
        rig.inconclusive("this thread did not get to arm five timers within 20 ms");
    } else {
        wakers.expect_others(rig, &rt, "timers of the same instant");
    }
    drop(naps);
    rig.shutdown(rt);
}

/// PANIC-3: the same for sockets that become readable.
#[cfg(unix)]
pub(super) fn panic_3_a_waker_of_a_socket_panics(rig: &Rig<'_>) {
    use std::io::Write;

    quietly();
    let rt = rig.rt();
    let wakers = Wakers::new();
    let pairs: Vec<_> = (0..WAITING).map(|_| crate::usable::a_socket(rig, &rt)).collect();
    let (ours, theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let mut waits: Vec<_> = ours.iter().map(|ours| Box::pin(ours.readable())).collect();
    for (number, wait) in waits.iter_mut().enumerate() {
        assert!(hand_poll(wait, &wakers.waker(number)).is_pending());
    }
    for mut peer in &theirs {
        rig.setup("writing to a socket", peer.write_all(b"x"));
    }
    wakers.expect_others(rig, &rt, "sockets");
    drop(waits);
    drop(ours);
    rig.shutdown(rt);
}

#[cfg(not(unix))]
pub(super) fn panic_3_a_waker_of_a_socket_panics(rig: &Rig<'_>) {
    rig.inconclusive("sockets are made for this on Unix only");
}
