//! Fairness.
//!
//! Everything here is a *crowd* that could go on for ever beside a *victim* that must come to its end.
//! Where one thread runs all tasks, the crowd's polls are counted, and too many of them are the
//! verdict; where several do, one that the machine does not run could hold the victim for long, so
//! there a starved victim is a hang.

mod flood;
mod others;
mod stranded;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use crate::Cap;
use crate::case::{Case, Untested};
use crate::rig::Rig;
use crate::rt::{Join, Rt};
use crate::toolbox::fence::GiveWay;

pub(crate) const CASES: &[Case] = &[
    Case::new("FAIR-1", fair_1_a_task_that_wakes_itself_starves_nobody),
    Case::new("FAIR-1", fair_1_nor_does_a_local_one)
        .part("local", "do local tasks that wake themselves let other tasks run?")
        .needs(&[Cap::Local, Cap::Block]),
    Case::new("FAIR-2", others::fair_2_ready_tasks_do_not_starve_timers)
        .part("timers", "do timers fire while tasks are always ready?")
        .needs(&[Cap::Time]),
    Case::new("FAIR-2", others::fair_2_ready_tasks_do_not_starve_io)
        .part("io", "is readiness reported while tasks are always ready?")
        .needs(&[Cap::Fd]),
    Case::new("FAIR-3", fair_3_two_tasks_that_wake_each_other_starve_nobody),
    Case::new("FAIR-4", flood::fair_4_io_that_is_always_ready_gives_way).needs(&[
        Cap::Fd,
        Cap::Udp,
        Cap::Coop,
    ]),
    Case::new("FAIR-5", stranded::fair_5_a_task_behind_a_long_poll_is_taken_by_others),
    Case::new("FAIR-5", stranded::fair_5_the_root_and_tasks_alternate)
        .part("root", "do the root future and spawned tasks take turns?")
        .needs(&[Cap::Block]),
];

pub(crate) const UNTESTED: &[Untested] = &[];

/// How many polls a victim needs.
const VICTIM: usize = 100;
/// How many the crowd may do until then: so many that no bounded batch, slot or budget explains them.
const CROWD_MAX: u64 = 1_000_000;

/// What the crowd knows.
struct Crowd {
    clause: &'static str,
    polls: AtomicU64,
    polls_max: u64,
    over: AtomicBool,
}

impl Crowd {
    /// Nobody yet. Where one thread runs all, so many polls are too many.
    fn new(rig: &Rig<'_>, clause: &'static str) -> Arc<Crowd> {
        let polls_max = if rig.has(Cap::Mt) { u64::MAX } else { CROWD_MAX };
        let (polls, over) = (AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Crowd { clause, polls, polls_max, over })
    }

    /// One whose polls do not matter.
    fn uncounted(clause: &'static str) -> Arc<Crowd> {
        let (polls, over) = (AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Crowd { clause, polls, polls_max: u64::MAX, over })
    }

    /// Counts a poll; `false` when the crowd is to go home.
    fn goes_on(&self) -> bool {
        let polls = self.polls.fetch_add(1, Ordering::Relaxed);
        let (clause, max) = (self.clause, self.polls_max);
        assert!(polls < max, "{clause}: {max} polls of others, and the victim has not finished");
        !self.over.load(Ordering::Relaxed)
    }

    fn go_home(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// A task that wakes itself at each poll.
    fn busy(self: &Arc<Crowd>) -> Busy {
        Busy(self.clone())
    }

    /// More of them than there are workers; their handles.
    fn spawn_enough_for_all(self: &Arc<Crowd>, rt: &Rt) -> Vec<Join<()>> {
        (0..enough_for_all(rt)).map(|_| rt.spawn(self.busy())).collect()
    }
}

struct Busy(Arc<Crowd>);

impl Future for Busy {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.0.goes_on() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// How many tasks keep every worker busy.
fn enough_for_all(rt: &Rt) -> usize {
    rt.handle().info().workers.max(3) + 1
}

/// Gives way so often.
async fn victim(polls: usize) {
    for _ in 1..polls {
        GiveWay::default().await;
    }
}

fn finished(clause: &str, outcome: Result<(), runtime_traits::JoinError>) {
    outcome.unwrap_or_else(|error| panic!("{clause}: a task did not finish: {error}"));
}

/// FAIR-1: tasks that always wake themselves do not starve other ready tasks.
///
/// Method: more such tasks than there are workers, and then one that needs 100 polls. It ends the
/// others; if it never does, that is a hang, or on one thread a count.
///
/// If this fails, look for a job that yielded and goes to the head of its queue.
fn fair_1_a_task_that_wakes_itself_starves_nobody(rig: &Rig<'_>) {
    let rt = rig.rt();
    let crowd = Crowd::new(rig, "FAIR-1");
    let _kept = crowd.spawn_enough_for_all(&rt);
    let over = crowd.clone();
    let victim = rt.spawn(async move {
        victim(VICTIM).await;
        over.go_home();
    });
    rig.drive(&rt, "FAIR-1: a task beside others that always wake themselves", async {
        finished("FAIR-1", victim.await);
    });
    rig.shutdown(rt);
}

/// FAIR-1: the same with local tasks that always wake themselves, for local victims and for others.
///
/// Method: as above, all spawned where local tasks live: by the root, or by a task.
///
/// If this fails, look for two queues of which one is only looked at when the other is empty.
fn fair_1_nor_does_a_local_one(rig: &Rig<'_>) {
    let rt = rig.rt();
    let crowd = Crowd::new(rig, "FAIR-1");
    let hang = "FAIR-1: tasks beside local ones that always wake themselves";
    drive_at_home(rig, &rt, hang, |rt| async move {
        let _kept = [rt.spawn_local(crowd.busy()), rt.spawn_local(crowd.busy())];
        let local = rt.spawn_local(victim(VICTIM));
        let shared = rt.spawn(victim(VICTIM));
        finished("FAIR-1", local.await);
        finished("FAIR-1", shared.await);
        crowd.go_home();
    });
    rig.shutdown(rt);
}

/// Drives until `main` is ready, which runs where local tasks live: that is the runtime's decision.
fn drive_at_home<F>(rig: &Rig<'_>, rt: &Rt, hang: &str, main: impl FnOnce(Rt) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let main = main(rt.clone());
    rig.drive(rt, hang, async {
        match rt.spawn_local(async {}).await {
            Ok(()) => main.await,
            Err(_) => finished("the task where local tasks live", rt.spawn(main).await),
        }
    });
}

/// FAIR-3: two tasks that wake each other do not starve a third.
///
/// Method: more such pairs than there are workers, and then a task that needs 100 polls, as above.
///
/// If this fails, look for a slot for the task woken last that is taken before the queue, without a
/// bound on how often in a row.
fn fair_3_two_tasks_that_wake_each_other_starve_nobody(rig: &Rig<'_>) {
    let rt = rig.rt();
    let crowd = Crowd::new(rig, "FAIR-3");
    let pairs = (0..enough_for_all(&rt)).flat_map(|_| others::pair(&crowd));
    let _kept: Vec<_> = pairs.map(|player| rt.spawn(player)).collect();
    let over = crowd.clone();
    let victim = rt.spawn(async move {
        victim(VICTIM).await;
        over.go_home();
    });
    rig.drive(&rt, "FAIR-3: a task beside pairs that always wake each other", async {
        finished("FAIR-3", victim.await);
    });
    rig.shutdown(rt);
}
