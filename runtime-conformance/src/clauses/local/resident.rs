//! A future that must not leave its thread, and can: so that a mutant can show what happens then.
//!
//! A future that is really not `Send` cannot be taken away in safe code. This one only says that it
//! was. In the task it is accompanied by something that is not `Send`.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use runtime_traits::Handle;
use runtime_traits::task::spawn_local;

use super::home::Away;
use crate::rt::{Join, Rt};
use crate::toolbox::{Count, Tally, Tracked};
use crate::twist::{AnyJoin, AnyOutput};

/// Waits until it is let go, and tells where it is polled and dropped.
pub struct Resident {
    seen: Arc<Seen>,
    /// Whether each poll leads to the next.
    is_awake: bool,
    _dropped: Tracked,
}

/// What is known of a [`Resident`].
pub(super) struct Seen {
    pub(super) away: Arc<Away>,
    pub(super) polls: Tally,
    pub(super) dropped: Tally,
    pub(super) count: Arc<Count>,
    may_end: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Resident {
    /// At home here.
    pub(super) fn new() -> (Resident, Arc<Seen>) {
        let (tracked, count) = Tracked::new("a local task's future");
        let seen = Arc::new(Seen {
            away: Away::from_here(),
            polls: Tally::new(),
            dropped: Tally::new(),
            count,
            may_end: AtomicBool::new(false),
            waker: Mutex::default(),
        });
        (Resident { seen: seen.clone(), is_awake: false, _dropped: tracked }, seen)
    }

    /// At home here, and needs no wakes: those from abroad are LOCAL-3's.
    pub(super) fn awake() -> (Resident, Arc<Seen>) {
        let (mut resident, seen) = Resident::new();
        resident.is_awake = true;
        (resident, seen)
    }
}

impl Seen {
    /// The next poll is ready.
    pub(super) fn let_go(&self) {
        self.may_end.store(true, Ordering::SeqCst);
    }

    /// The waker of the first poll. It is here no longer then.
    pub(super) fn take_waker(&self) -> Option<Waker> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Future for Resident {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let seen = &self.seen;
        seen.away.note("polled");
        if seen.polls.count() == 0 {
            let waker = Some(cx.waker().clone());
            *seen.waker.lock().unwrap_or_else(PoisonError::into_inner) = waker;
        }
        seen.polls.add();
        match seen.may_end.load(Ordering::SeqCst) {
            true => Poll::Ready(()),
            false => {
                if self.is_awake {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        self.seen.away.note("dropped");
        drop(self.seen.take_waker());
        self.seen.dropped.add();
    }
}

/// How residents are spawned: what a mutant may replace.
#[derive(Clone)]
pub struct LocalCalls {
    /// As `spawn_local`, with the runtime current.
    pub spawn: fn(&Handle, Resident) -> Box<dyn AnyJoin>,
}

impl Default for LocalCalls {
    fn default() -> LocalCalls {
        LocalCalls { spawn: settle }
    }
}

fn settle(rt: &Handle, resident: Resident) -> Box<dyn AnyJoin> {
    let not_send = Rc::new(());
    Box::new(rt.enter(|| {
        spawn_local(async move {
            let _not_send = not_send;
            resident.await;
            Box::new(()) as AnyOutput
        })
    }))
}

/// Spawns a resident of this thread.
pub(super) fn spawn(rt: &Rt) -> (Join<()>, Arc<Seen>) {
    let (resident, seen) = Resident::new();
    let calls: LocalCalls = rt.calls();
    (Join::twisted((calls.spawn)(rt.handle(), resident)), seen)
}
