//! Blocking a thread on a future.
//!
//! A runtime with a vacant station (current-thread, lent) makes the calling thread its worker for as
//! long as the future takes. Where all stations are taken, by threads of the runtime's own or by
//! other callers, the thread sleeps between polls, and takes the first station that is vacated. A thread
//! that ends, and has no place any more to note whose worker it is, is refused.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use runtime_traits::Refused;
use runtime_traits::hooks::BlockOn;

use crate::park::park_on;
use crate::shared::SharedRef;
use crate::sync::atomic::{AtomicBool, Ordering::SeqCst};
use crate::worker::{self, Root, Signal};

/// After so many polls one who never sleeps, because his future always wakes itself, looks after the
/// driver, as he would asleep.
const LOOK_AROUND: u32 = 61;

/// The hook, with the count that workers need.
pub(crate) struct Blocker(pub(crate) SharedRef);

impl BlockOn for Blocker {
    fn block_on(&self, main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        if self.0.is_stopped() {
            return Err(Refused::SHUT_DOWN);
        }
        let becomes_worker = !self.0.threads_are_ours;
        if worker::is_inside(&self.0) || becomes_worker && !worker::may_work() {
            return Err(Refused::NOT_HERE);
        }
        block_on(&self.0, main);
        Ok(())
    }
}

fn block_on(shared: &SharedRef, mut main: Pin<&mut dyn Future<Output = ()>>) {
    if shared.threads_are_ours || !work(shared, main.as_mut()) {
        park_on(main);
    }
}

/// Polls on a station, and until there is one without; `false`: the runtime stopped before the end.
fn work(shared: &SharedRef, mut main: Pin<&mut dyn Future<Output = ()>>) -> bool {
    let waiter = Arc::new(Waiter { woken: AtomicBool::new(true), shared: shared.clone() });
    let waker = Waker::from(waiter.clone());
    let mut polls = 0_u32;
    while !shared.is_stopped() {
        if let Some(station) = shared.take_station() {
            let signal = Signal::new(shared.clone(), station.0);
            // If it stops under us the future is told by whatever it waits for.
            return worker::work(shared, station, Some(Root { future: main, signal }));
        }
        if waiter.woken.swap(false, SeqCst) {
            if main.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                return true;
            }
            polls = polls.wrapping_add(1);
            if polls % LOOK_AROUND == 0 {
                shared.look_after_driver();
            }
        }
        shared.wait_for_station(|| waiter.woken.load(SeqCst) || shared.is_stopped());
    }
    false
}

/// Wakes a thread that waits for a station.
struct Waiter {
    woken: AtomicBool,
    shared: SharedRef,
}

impl Wake for Waiter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, SeqCst) {
            self.shared.rouse_waiting();
        }
    }
}
