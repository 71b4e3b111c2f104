//! How a thread inside `block_on` learns that the runtime it drives was ended.
//!
//! A current-thread runtime ends when the last thread lets it go. So whoever blocks on it watches for
//! the end beside its future, lets go, and goes on with the future alone: what that waits for is
//! cancelled, or answers that the runtime ended.
//!
//! # Invariants
//!
//! - **E1** A watch puts its waker on the list first and then looks at the flag; the end sets the flag
//!   first and then takes the list. One of the two sees the other.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Who watches: numbers that are used again, and wakers.
#[derive(Default)]
pub(crate) struct Ending(Mutex<Vec<Option<Waker>>>);

impl Ending {
    /// Wakes all who watch. Called after the runtime's flag was set.
    pub(crate) fn announce(&self) {
        let watching: Vec<Waker> = self.lock().iter_mut().filter_map(Option::take).collect();
        watching.into_iter().for_each(Waker::wake);
    }

    /// Watches until the watch is dropped.
    pub(crate) fn watch(&self) -> Watch<'_> {
        Watch { ending: self, place: None }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Waker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who watches.
pub(crate) struct Watch<'a> {
    ending: &'a Ending,
    place: Option<(usize, Waker)>,
}

impl Watch<'_> {
    /// Ready when `is_closed`; otherwise `cx` is woken at the end.
    pub(crate) fn poll(&mut self, cx: &Context<'_>, is_closed: impl Fn() -> bool) -> Poll<()> {
        if self.place.as_ref().is_none_or(|(_, known)| !known.will_wake(cx.waker())) {
            self.leave();
            let (ours, theirs) = (cx.waker().clone(), cx.waker().clone());
            let mut list = self.ending.lock();
            let place = list.iter().position(Option::is_none).unwrap_or_else(|| {
                list.push(None);
                list.len() - 1
            });
            list[place] = Some(theirs);
            self.place = Some((place, ours));
        }
        if is_closed() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn leave(&mut self) {
        let Some((place, ours)) = self.place.take() else { return };
        let mut list = self.ending.lock();
        // After the end the place may be another's.
        let mine = list[place].take_if(|waker| waker.will_wake(&ours));
        drop(list);
        drop(mine);
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Runs `main` to its end on this thread, without any runtime.
pub(crate) fn alone(mut main: Pin<&mut dyn Future<Output = ()>>) {
    let sleeper = Arc::new(Sleeper { woken: AtomicBool::new(false), thread: thread::current() });
    let waker = Waker::from(Arc::clone(&sleeper));
    while main.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        // `Acquire` pairs with the `Release` of the wake.
        while !sleeper.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

struct Sleeper {
    woken: AtomicBool,
    thread: Thread,
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
