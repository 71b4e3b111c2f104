//! Blocking a thread on a future while other threads run the tasks.
//!
//! The thread sleeps on a condition of this call's own, not by `std::thread::park`: user code on it
//! may park too, and neither takes a wake from the other (BLOCKON-3).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Wake, Waker};

use crate::sync::{Condvar, Mutex, lock};

/// Polls `main` on this thread, which sleeps in between, until it is ready.
///
/// For the `BlockOn` of a runtime whose tasks run on threads of its own. Where it must be refused, and
/// whether the runtime has ended, is for that to say.
///
/// ```
/// use std::pin::pin;
///
/// runtime_default::parts::park_on(pin!(async { println!("polled here") }));
/// ```
///
/// # Panics
///
/// With the future's panic.
pub fn park_on(mut main: Pin<&mut dyn Future<Output = ()>>) {
    let bell = Arc::new(Bell { state: Mutex::default(), changed: Condvar::new() });
    let waker = Waker::from(bell.clone());
    while main.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        bell.wait();
    }
}

/// Wakes the thread that waits, or keeps it from sleeping.
struct Bell {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    rung: bool,
    /// The thread must be woken, which costs a system call.
    asleep: bool,
}

impl Bell {
    fn wait(&self) {
        let mut state = lock(&self.state);
        while !state.rung {
            state.asleep = true;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        *state = State::default();
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        state.rung = true;
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            self.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;
    use std::thread;

    /// The future parks its thread by itself, and is unparked together with each wake.
    #[test]
    fn blockon_3_a_future_that_parks_its_thread_takes_no_wake() {
        let mut rounds = 0;
        park_on(pin!(poll_fn(|cx| {
            rounds += 1;
            cx.waker().wake_by_ref();
            thread::current().unpark();
            thread::park();
            if rounds == 3 { Poll::Ready(()) } else { Poll::Pending }
        })));
        assert_eq!(rounds, 3);
    }

    /// The other way round: the sleep of this call leaves the thread's own token alone.
    #[test]
    fn blockon_3_a_sleep_takes_no_token_of_the_thread() {
        let mut other = None;
        park_on(pin!(poll_fn(|cx| {
            if other.is_some() {
                return Poll::Ready(());
            }
            let (thread, waker) = (thread::current(), cx.waker().clone());
            other = Some(thread::spawn(move || {
                thread.unpark();
                waker.wake();
            }));
            Poll::Pending
        })));
        thread::park(); // returns: the token is still there
        other.into_iter().for_each(|other| other.join().unwrap());
    }
}
