//! Blocking a thread on a future.
//!
//! A runtime with a vacant station (current-thread, lent) makes the calling thread its worker for as
//! long as the future takes. Where all stations are taken, by threads of the runtime's own or by
//! other callers, the thread sleeps between polls, and takes the first station that is vacated.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use runtime_traits::Refused;
use runtime_traits::hooks::BlockOn;

use crate::shared::{Shared, SharedRef};
use crate::sync::atomic::{AtomicBool, Ordering::SeqCst};
use crate::sync::thread::{self, Thread};
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
        if worker::is_inside(&self.0) {
            return Err(Refused::NOT_HERE);
        }
        block_on(&self.0, main);
        Ok(())
    }
}

fn block_on(shared: &SharedRef, mut main: Pin<&mut dyn Future<Output = ()>>) {
    let waiter = Arc::new(Waiter::new(shared.clone()));
    let waker = Waker::from(waiter.clone());
    let mut polls = 0_u32;
    loop {
        if !shared.threads_are_ours && !shared.is_stopped() {
            if let Some(station) = shared.take_station() {
                let signal = Signal::new(shared.clone(), station.0);
                let root = Root { future: main.as_mut(), signal };
                if worker::work(shared, station, Some(root)) {
                    return;
                }
                // It stopped under us: the future is told by whatever it waits for.
                waiter.woken.store(true, SeqCst);
            }
        }
        if waiter.woken.swap(false, SeqCst) {
            if main.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                return;
            }
            polls = polls.wrapping_add(1);
            if polls % LOOK_AROUND == 0 && can_sit(shared) {
                shared.look_after_driver();
            }
        }
        waiter.sleep();
    }
}

/// Wakes a thread that has no station.
struct Waiter {
    woken: AtomicBool,
    thread: Thread,
    shared: SharedRef,
}

impl Waiter {
    fn new(shared: SharedRef) -> Waiter {
        Waiter { woken: AtomicBool::new(true), thread: thread::current(), shared }
    }

    /// Until woken, or until a station may be vacant.
    fn sleep(&self) {
        let ready = || self.woken.load(SeqCst);
        if can_sit(&self.shared) {
            self.shared.wait_for_station(|| ready() || self.shared.is_stopped());
            return;
        }
        while !ready() {
            thread::park();
        }
    }
}

/// Whether waiting for a station makes sense.
fn can_sit(shared: &Shared) -> bool {
    !shared.threads_are_ours && !shared.is_stopped()
}

impl Wake for Waiter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.woken.swap(true, SeqCst) {
            return;
        }
        self.thread.unpark();
        if !self.shared.threads_are_ours {
            self.shared.rouse_waiting();
        }
    }
}
