//! Unit tests of the fan, over a hook that counts permits.

use core::sync::atomic::AtomicBool;
use std::boxed::Box;
use std::thread;
use std::time::{Duration, Instant};
use std::vec::Vec;

use super::list::POLLERS_MIN;
use super::*;

/// A hook with the clause of the real ones: one waker, kept until the next event.
#[derive(Default)]
struct Hook(Mutex<(usize, Option<Waker>)>);

impl Hook {
    /// Takes a permit.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock().unwrap();
        if state.0 > 0 {
            state.0 -= 1;
            return Poll::Ready(());
        }
        state.1 = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Adds a permit: an event.
    fn event(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap();
            state.0 += 1;
            state.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn pair() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (count.clone(), Waker::from(count))
    }

    fn woken(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Polls once, never ready.
fn wait(side: &Side, who: Who<'_>, waker: &Waker) {
    let polled = side.poll(who, &mut Context::from_waker(waker), |_| Poll::<()>::Pending);
    assert!(polled.is_pending());
}

#[test]
fn a_ready_attempt_takes_no_lock() {
    let side = Side::new();
    let _locked = side.fan.lock();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(side.poll(Who::Owner, &mut cx, |_| Poll::Ready(())).is_ready());
}

#[test]
fn an_event_between_attempt_and_registration_is_not_lost() {
    let side = Side::new();
    let (hook, first) = (Hook::default(), AtomicBool::new(true));
    let polled = side.poll(Who::Owner, &mut Context::from_waker(Waker::noop()), |cx| {
        let polled = hook.poll(cx);
        if first.swap(false, Ordering::SeqCst) {
            hook.event();
        }
        polled
    });
    assert!(polled.is_ready());
}

#[test]
fn a_hook_that_always_wakes_is_left_alone_until_the_next_poll() {
    let side = Side::new();
    let (count, waker) = Count::pair();
    let mut attempts = 0;
    let polled = side.poll(Who::Anyone, &mut Context::from_waker(&waker), |cx| {
        attempts += 1;
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    assert!(polled.is_pending());
    assert_eq!((attempts, count.woken()), (2, 1));
}

#[test]
fn one_event_wakes_everybody_once() {
    let side = Side::new();
    let counts: Vec<_> = (0..60).map(|_| Count::pair()).collect();
    let mut keys: Vec<_> = (0..40).map(|_| Key::default()).collect();
    wait(&side, Who::Owner, &counts[0].1);
    for (key, (_, waker)) in keys.iter_mut().zip(&counts[1..]) {
        wait(&side, Who::Keyed(key), waker);
    }
    for (_, waker) in &counts[41..] {
        wait(&side, Who::Anyone, waker);
    }
    side.waker().wake_by_ref();
    side.waker().wake_by_ref();
    assert!(counts.iter().all(|(count, _)| count.woken() == 1));
    assert!(counts.iter().all(|(count, _)| Arc::strong_count(count) == 2), "none is kept");
    keys.iter_mut().for_each(|key| side.release(key));
}

/// CANCEL-8.
#[test]
fn a_released_place_holds_no_waker_and_is_used_again() {
    let side = Side::new();
    let (count, waker) = Count::pair();
    let (sibling, sibling_waker) = Count::pair();
    let (mut key, mut other) = (Key::default(), Key::default());
    for _ in 0..10 {
        wait(&side, Who::Keyed(&mut key), &waker);
        wait(&side, Who::Keyed(&mut other), &sibling_waker);
        side.release(&mut key);
        assert_eq!(Arc::strong_count(&count), 2);
    }
    side.wake_all();
    assert_eq!((count.woken(), sibling.woken()), (0, 1));
    assert_eq!(side.fan.lock().rest.len(), 1, "two places for two waiters");
    side.release(&mut other);
}

#[test]
fn a_dropped_wait_gives_its_place_back() {
    let side = Side::new();
    let (count, waker) = Count::pair();
    let mut future = Box::pin(side.wait(|who, cx| side.poll(who, cx, |_| Poll::<()>::Pending)));
    assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(Arc::strong_count(&count), 3);
    drop(future);
    assert_eq!(Arc::strong_count(&count), 2);
}

#[test]
fn an_owner_has_one_waker_the_latest() {
    let side = Side::new();
    let (first, first_waker) = Count::pair();
    let (second, second_waker) = Count::pair();
    wait(&side, Who::Owner, &first_waker);
    wait(&side, Who::Owner, &second_waker);
    assert_eq!(Arc::strong_count(&first), 2, "superseded");
    side.wake_all();
    assert_eq!((first.woken(), second.woken()), (0, 1));
}

#[test]
fn pollers_are_told_apart_by_their_wakers_and_bounded() {
    let side = Side::new();
    let (count, waker) = Count::pair();
    for _ in 0..3 {
        wait(&side, Who::Anyone, &waker);
    }
    assert_eq!(side.fan.lock().pollers.len(), 1, "the same waker is kept once");
    let strangers: Vec<_> = (0..POLLERS_MIN).map(|_| Count::pair()).collect();
    for (_, waker) in &strangers {
        wait(&side, Who::Anyone, waker);
    }
    assert_eq!(count.woken(), 1, "asked to come again");
    assert_eq!(side.fan.lock().pollers.len(), 1, "the last one waits");
    assert_eq!(side.fan.lock().pollers_max, 2 * POLLERS_MIN);
}

#[test]
fn waiting_again_needs_no_more_room() {
    let side = Side::new();
    let wakers: Vec<_> = (0..20).map(|_| Count::pair().1).collect();
    let mut keys: Vec<_> = (0..20).map(|_| Key::default()).collect();
    let mut rooms = Vec::new();
    for _ in 0..10 {
        for (key, waker) in keys.iter_mut().zip(&wakers) {
            wait(&side, Who::Keyed(key), waker);
            wait(&side, Who::Anyone, waker);
        }
        side.wake_all();
        let waiters = side.fan.lock();
        rooms.push((waiters.rest.capacity(), waiters.pollers.capacity()));
    }
    assert!(rooms.iter().all(|room| *room == rooms[0]));
    keys.iter_mut().for_each(|key| side.release(key));
}

/// PANIC-3.
#[test]
fn a_waker_that_panics_keeps_nobody_from_being_woken() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("a waker's own");
        }
    }
    let side = Side::new();
    let counts: Vec<_> = (0..30).map(|_| Count::pair()).collect();
    wait(&side, Who::Owner, &Waker::from(Arc::new(Bomb)));
    for (index, (_, waker)) in counts.iter().enumerate() {
        wait(&side, Who::Anyone, waker);
        if index == 12 {
            let mut key = Key::default();
            wait(&side, Who::Keyed(&mut key), &Waker::from(Arc::new(Bomb)));
        }
    }
    side.wake_all();
    assert!(counts.iter().all(|(count, _)| count.woken() == 1));
    wait(&side, Who::Owner, Waker::noop());
}

/// Blocks this thread on a future.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = core::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => {
                // A wake that is lost ends the test, long after any that comes.
                let parked = Instant::now();
                thread::park_timeout(Duration::from_secs(60));
                assert!(parked.elapsed() < Duration::from_secs(60), "a wake was lost");
            }
        }
    }
}

/// REACTOR-7, stochastic: as many permits as waits, taken by threads of which some give up in
/// between. A lost wake leaves a thread waiting.
#[test]
fn threads_that_wait_and_give_up_lose_no_event() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 5_000;
    let side = Side::new();
    let hook = Hook::default();
    let take = || side.wait(|who, cx| side.poll(who, cx, |cx| hook.poll(cx)));
    thread::scope(|scope| {
        for number in 0..THREADS {
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    if (round + number) % 3 == 0 {
                        let mut given_up = core::pin::pin!(take());
                        let mut cx = Context::from_waker(Waker::noop());
                        if given_up.as_mut().poll(&mut cx).is_ready() {
                            continue;
                        }
                    }
                    block_on(take());
                }
            });
        }
        for _ in 0..THREADS * ROUNDS {
            hook.event();
            if hook.0.lock().unwrap().0 > 8 {
                thread::yield_now();
            }
        }
    });
    assert_eq!(hook.0.lock().unwrap().0, 0);
}
