//! The places from which a call may come: each was a panic or a deadlock in some runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;
use std::thread;

use crate::Cap;
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::{AtDrop, Probe, Tally, WakerLab, hand_poll};

/// Calls `act` once at each site, with the site's name; answers how many there were.
///
/// `rt` is driven meanwhile. A hang is reported as `waiting_for`.
pub(crate) fn at_each(
    rig: &Rig<'_>,
    rt: &Rt,
    waiting_for: &str,
    act: impl Fn(&'static str) + Send + Sync + 'static,
) -> usize {
    let (calls, act) = (Arc::new(AtomicUsize::new(0)), Arc::new(act));
    let counted = calls.clone();
    let act: Act = Arc::new(move |site| {
        counted.fetch_add(1, Ordering::SeqCst);
        act(site);
    });
    on_a_thread(&act);
    let other = rig.has(Cap::Block).then(|| rig.rt());
    rig.drive(rt, waiting_for, async {
        act("the root future");
        in_tasks(rt, &act).await;
        in_a_waker(rt, &act).await;
        if rig.has(Cap::Blk) {
            let act = act.clone();
            let _ = rt.spawn_blocking(move || act("a blocking closure")).await;
        }
        if let Some(other) = &other {
            inside_another(other, &act).await;
        }
    });
    if let Some(other) = other {
        rig.shutdown(other);
    }
    calls.load(Ordering::SeqCst)
}

type Act = Arc<dyn Fn(&'static str) + Send + Sync>;

fn on_a_thread(act: &Act) {
    let act = act.clone();
    let thread = thread::spawn(move || act("a plain thread"));
    thread.join().expect("the call panicked on a plain thread");
}

/// In a poll, and in a destructor that the runtime runs because of an abort. (The wake is there for
/// those who come to an abort when they poll: that is CANCEL-1's.)
async fn in_tasks(rt: &Rt, act: &Act) {
    let polled = act.clone();
    let _ = rt.spawn(async move { polled("a task's poll") }).await;
    let (act, over) = (act.clone(), Arc::new(Tally::new()));
    let says = over.clone();
    let at_drop = AtDrop::new(move || {
        act("a task's destructor");
        says.add();
    });
    let (probe, record) = Probe::new(usize::MAX);
    let task = rt.spawn(async move {
        let _at_drop = at_drop;
        probe.await;
    });
    record.polls().reached(1).await;
    task.abort();
    record.waker().into_iter().for_each(Waker::wake);
    over.reached(1).await;
}

/// In a waker that the runtime calls: that of a join handle.
async fn in_a_waker(rt: &Rt, act: &Act) {
    let (go, woken) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
    let (act, here, wait) = (act.clone(), woken.clone(), go.clone());
    let lab = WakerLab::new().on_wake(move || {
        if here.count() == 0 {
            act("a waker");
        }
        here.add();
    });
    let mut task = rt.spawn(async move { wait.reached(1).await });
    if hand_poll(&mut task, &lab.waker()).is_pending() {
        go.add();
        woken.reached(1).await;
    }
    drop(task);
}

/// On a thread inside `block_on` of another runtime.
async fn inside_another(other: &Rt, act: &Act) {
    let (act, other, over) = (act.clone(), other.clone(), Arc::new(Tally::new()));
    let done = over.clone();
    let thread = thread::spawn(move || {
        let _ = other.block_on(async { act("inside another runtime") });
        done.add();
    });
    over.reached(1).await;
    thread.join().expect("the call panicked inside another runtime");
}
