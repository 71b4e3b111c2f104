//! Turns, taken by hand and by threads.

use super::*;
use crate::{
    hooks::{Drive, Instant as At, Key, Timer},
    testing::Wakes,
};
use std::{
    sync::{
        Barrier, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake},
    thread,
};

/// Arms a timer that is due after `nanos`.
fn arm(driver: &Driver, key: &mut Key, nanos: u64, waker: &Waker) -> At {
    let at = At::from_nanos(driver.timers().now().as_nanos() + nanos);
    poll(driver, key, at, waker);
    at
}

fn poll(driver: &Driver, key: &mut Key, at: At, waker: &Waker) -> bool {
    let cx = &mut Context::from_waker(waker);
    driver.timers().poll_until(key, at, Duration::ZERO, cx) == Poll::Ready(Ok(()))
}

#[test]
fn a_notify_before_the_turn_ends_it() {
    let driver = Driver::new().unwrap();
    driver.notify();
    driver.turn(None).unwrap();
}

/// TIME-1 and TIME-2 on the machine's clock: turns without a limit end when something is due.
#[test]
fn turns_follow_the_deadlines() {
    let (driver, (wakes, waker)) = (Driver::new().unwrap(), Wakes::new());
    for nanos in [1, 70_000, 1_500_000, 5_000_000] {
        let (before, mut key) = (wakes.count(), Key::NONE);
        let at = arm(&driver, &mut key, nanos, &waker);
        while wakes.count() == before && !key.is_none() {
            driver.turn(None).unwrap();
        }
        assert!(driver.timers().now() >= at, "woken early");
        assert!(key.is_none() || poll(&driver, &mut key, at, &waker));
    }
}

/// TIME-4: a driver that sleeps for an hour hears of a deadline in a moment. A missed one hangs.
#[test]
fn time_4_an_earlier_deadline_from_another_thread_ends_the_sleep() {
    let driver = Driver::new().unwrap();
    let mut hour = Key::NONE;
    arm(&driver, &mut hour, 3_600_000_000_000, Waker::noop());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                driver.turn(None).unwrap();
            }
        });
        let (_, waker) = Wakes::unparking();
        for round in 0..500 {
            let mut key = Key::NONE;
            let at = arm(&driver, &mut key, 1 + round * 100, &waker);
            while !poll(&driver, &mut key, at, &waker) {
                thread::park();
            }
        }
        done.store(true, Ordering::SeqCst);
        driver.notify();
    });
    driver.timers().forget(&mut hour);
}

/// D4: the waker in the middle throws.
#[test]
fn a_waker_that_panics_keeps_none_from_being_woken() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("thrown on purpose"));
        }
    }
    let (driver, (wakes, waker)) = (Driver::new().unwrap(), Wakes::new());
    let mut keys = [Key::NONE, Key::NONE, Key::NONE];
    let bomb = Arc::new(Bomb).into();
    let at = At::from_nanos(driver.timers().now().as_nanos() + 20_000_000);
    for (key, waker) in keys.iter_mut().zip([&waker, &bomb, &waker]) {
        poll(&driver, key, at, waker);
    }
    // On a machine that stopped for 20 ms in between there is less to see, and nothing wrong.
    let armed = keys.iter().filter(|key| !key.is_none()).count();
    while driver.timers().now() < at {
        driver.turn(None).unwrap();
    }
    driver.turn(Some(Duration::ZERO)).unwrap();
    assert!(armed < 3 || wakes.count() == 2);
    keys.iter_mut().for_each(|key| driver.timers().forget(key));
}

/// D2: a waker takes a turn of its own. Were the seat still taken, it would wait for ever.
#[test]
fn a_waker_may_drive() {
    struct Drives(Weak<Driver>, AtomicUsize);
    impl Wake for Drives {
        fn wake(self: Arc<Self>) {
            let driver = self.0.upgrade().unwrap();
            driver.notify();
            driver.turn(None).unwrap();
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }
    let driver = Arc::new(Driver::new().unwrap());
    let drives = Arc::new(Drives(Arc::downgrade(&driver), AtomicUsize::new(0)));
    let (waker, mut key) = (drives.clone().into(), Key::NONE);
    let at = arm(&driver, &mut key, 1_000_000, &waker);
    while !key.is_none() && drives.1.load(Ordering::SeqCst) == 0 {
        driver.turn(None).unwrap();
    }
    assert!(key.is_none() || poll(&driver, &mut key, at, &waker));
}

/// D1: the second thread waits for the seat and gets it when the first one's turn ends.
#[test]
fn two_threads_take_turns() {
    let (driver, barrier) = (Driver::new().unwrap(), Barrier::new(3));
    let left = AtomicUsize::new(2);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                barrier.wait();
                driver.turn(None).unwrap();
                left.fetch_sub(1, Ordering::SeqCst);
            });
        }
        barrier.wait();
        while left.load(Ordering::SeqCst) > 0 {
            driver.notify();
            thread::yield_now();
        }
    });
}

/// D1, stochastic: in most rounds the thread is waiting for the seat when it is given up.
#[test]
fn a_seat_that_is_given_up_goes_to_who_waits() {
    let driver = Driver::new().unwrap();
    for _ in 0..200 {
        let (sitting, _) = driver.sit(None, || true).unwrap();
        driver.notify();
        thread::scope(|scope| {
            let (driver, (about, told)) = (&driver, std::sync::mpsc::channel());
            scope.spawn(move || {
                about.send(()).unwrap();
                driver.turn(None).unwrap();
            });
            told.recv().unwrap();
            thread::yield_now();
            drop(sitting);
        });
    }
}

#[test]
fn who_finds_the_seat_taken_waits_no_longer_than_its_turn() {
    let driver = Driver::new().unwrap();
    let (sitting, _) = driver.sit(None, || true).unwrap();
    assert!(driver.sit(Some(Duration::ZERO), || true).is_none());
    driver.turn(Some(Duration::from_millis(1))).unwrap();
    drop(sitting);
    assert!(driver.sit(Some(Duration::ZERO), || true).is_some());
}

#[test]
fn shutdown_ends_the_turn_and_the_waits() {
    let (driver, (wakes, waker)) = (Driver::new().unwrap(), Wakes::new());
    let mut key = Key::NONE;
    arm(&driver, &mut key, u64::MAX / 2, &waker);
    thread::scope(|scope| {
        scope.spawn(|| driver.turn(None).unwrap());
        driver.shutdown();
    });
    assert_eq!(wakes.count(), 1);
    driver.timers().forget(&mut key);
}

/// The worker that the bell was for may be late: another's turn has swallowed the notification, or
/// another sits and is not the one to be notified.
#[test]
fn a_turn_that_is_not_wanted_any_more_does_not_begin() {
    let driver = Driver::new().unwrap();
    driver.notify();
    driver.turn(Some(Duration::ZERO)).unwrap(); // swallows it
    driver.turn_if(None, || false).unwrap();
    let (sitting, _) = driver.sit(None, || true).unwrap();
    driver.turn_if(None, || false).unwrap();
    drop(sitting);
}
