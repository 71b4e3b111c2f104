//! Where local tasks live: found out, since it is the runtime's decision.

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};

use runtime_traits::task::{JoinHandle, spawn_local};

use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::Tally;
use crate::toolbox::fence::GiveWay;

/// Runs `body` as a local task of `rt`, on a thread that is one of its homes: the root's, or one where
/// tasks run.
///
/// That task is spawned through the handle itself, so that a mutant that breaks local tasks breaks
/// those that the body spawns, and not this one.
pub(crate) fn at_home<T, F>(
    rig: &Rig<'_>,
    rt: &Rt,
    waiting_for: &str,
    body: impl FnOnce(Rt) -> F + Send + 'static,
) -> T
where
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let inside = rt.clone();
    let settle = move || {
        let main = body(inside.clone());
        inside.handle().enter(|| spawn_local(main))
    };
    let outcome = rig.drive(rt, waiting_for, async {
        let is_home = is_home(rt);
        let main: JoinHandle<T> = match is_home {
            true => settle(),
            false => match rt.handle().spawn(poll_fn(settle_there(settle))).await {
                Ok(main) => main,
                Err(error) => return Err(error),
            },
        };
        main.await
    });
    match outcome {
        Ok(output) => output,
        Err(error) => panic!("a local task, spawned where tasks run, resolved {error:?}"),
    }
}

/// Ready at once, with what `settle` answers.
fn settle_there<R>(settle: impl FnOnce() -> R) -> impl FnMut(&mut Context<'_>) -> Poll<R> {
    let mut settle = Some(settle);
    move |_| settle.take().map_or(Poll::Pending, |settle| Poll::Ready(settle()))
}

/// Whether the calling thread is a home of `rt`.
pub(super) fn is_home(rt: &Rt) -> bool {
    rt.handle().runtime().local_spawner().is_some_and(|spawner| spawner.home().is_some())
}

/// Waits, without sleeping, for what other threads do: that a wake of theirs reaches a home that sleeps
/// is LOCAL-3's.
pub(super) async fn awake_until(tally: &Tally, goal: usize) {
    while tally.count() < goal {
        GiveWay::default().await;
    }
}

/// What happened away from home.
#[derive(Debug)]
pub(super) struct Away {
    home: ThreadId,
    seen: Mutex<Vec<&'static str>>,
}

impl Away {
    /// The calling thread is home.
    pub(super) fn from_here() -> Arc<Away> {
        Arc::new(Away { home: thread::current().id(), seen: Mutex::default() })
    }

    /// Something happens on this thread.
    pub(super) fn note(&self, what: &'static str) {
        if thread::current().id() != self.home {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(what);
        }
    }

    /// Fails if `what` happened away from home.
    pub(super) fn assert_never(&self, what: &str, id: &str, who: &str) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let times = seen.iter().filter(|seen| **seen == what).count();
        assert!(times == 0, "{id}: {who} was {what} away from its home thread, {times} times");
    }
}
