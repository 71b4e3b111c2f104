//! The `Timer` hook.

mod support;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use runtime_smol::{Builder, Handle, Runtime};
use runtime_traits::Gone;
use runtime_traits::hooks::{Key, Timer};
use runtime_traits::time::Instant;
use support::{Wakes, wait_for};

fn many() -> Runtime {
    Builder::new().worker_threads(2).build().unwrap()
}

fn timer(handle: &Handle) -> &dyn Timer {
    handle.runtime().timer().unwrap()
}

fn poll(timer: &dyn Timer, key: &mut Key, at: Instant, waker: &Waker) -> Poll<Result<(), Gone>> {
    timer.poll_until(key, at, Duration::ZERO, &mut Context::from_waker(waker))
}

#[test]
fn a_deadline_is_never_reported_early() {
    let rt = many();
    let handle = rt.handle();
    let timer = timer(&handle);
    for micros in [1, 10, 300, 999, 1_000, 1_001, 1_500, 2_999, 7_300] {
        let at = timer.now() + Duration::from_micros(micros);
        let mut key = Key::NONE;
        wait_for(|cx| {
            let polled = timer.poll_until(&mut key, at, Duration::ZERO, cx);
            assert!(polled.is_pending() || timer.now() >= at, "{micros} µs: ready too early");
            polled
        })
        .unwrap();
        assert!(key.is_none());
    }
}

#[test]
fn sleeping_tasks_are_not_early_either() {
    for rt in [many(), Builder::new().current_thread().build().unwrap()] {
        let sleep = |micros| async move {
            let at = Instant::now() + Duration::from_micros(micros);
            runtime_traits::time::sleep_until(at).await;
            Instant::now() >= at
        };
        let tasks: Vec<_> = (0..200).map(|n| rt.spawn(sleep(n * 37))).collect();
        rt.block_on(async {
            for task in tasks {
                assert!(task.await.unwrap());
            }
        });
    }
}

#[test]
fn a_deadline_that_is_reached_needs_no_entry() {
    let rt = many();
    let handle = rt.handle();
    let mut key = Key::NONE;
    for at in [Instant::ZERO, timer(&handle).now()] {
        let polled = poll(timer(&handle), &mut key, at, Waker::noop());
        assert_eq!(polled, Poll::Ready(Ok(())));
        assert!(key.is_none());
    }
}

#[test]
fn the_far_future_neither_panics_nor_fires_nor_disturbs() {
    let rt = many();
    let handle = rt.handle();
    let timer = timer(&handle);
    let far = [
        timer.now() + Duration::from_secs(100 * 365 * 24 * 60 * 60),
        timer.now() + Duration::MAX,
        Instant::from_nanos(u64::MAX - 1),
        Instant::MAX,
    ];
    let (wakes, waker) = Wakes::new();
    let mut keys: Vec<_> = far.iter().map(|_| Key::NONE).collect();
    for (key, at) in keys.iter_mut().zip(far) {
        assert_eq!(poll(timer, key, at, &waker), Poll::Pending);
        assert!(!key.is_none());
    }
    let near = timer.now() + Duration::from_millis(2);
    let mut key = Key::NONE;
    wait_for(|cx| timer.poll_until(&mut key, near, Duration::ZERO, cx)).unwrap();
    assert_eq!(wakes.get(), 0);
    // Re-armed in place, each fires.
    for key in &mut keys {
        let at = timer.now() + Duration::from_millis(1);
        wait_for(|cx| timer.poll_until(key, at, Duration::ZERO, cx)).unwrap();
    }
}

#[test]
fn the_latest_waker_is_woken_and_earlier_ones_are_released() {
    let rt = many();
    let handle = rt.handle();
    let timer = timer(&handle);
    let at = timer.now() + Duration::from_millis(5);
    let (first, first_waker) = Wakes::new();
    let (second, second_waker) = Wakes::new();
    let mut key = Key::NONE;
    if poll(timer, &mut key, at, &first_waker).is_ready()
        || poll(timer, &mut key, at, &second_waker).is_ready()
    {
        return; // a machine this slow has to try again
    }
    drop(first_waker);
    assert_eq!(Arc::strong_count(&first), 1, "the first waker was kept");
    second.wait(0);
    assert_eq!(first.get(), 0);
    timer.forget(&mut key);
}

#[test]
fn forget_releases_the_waker() {
    let rt = many();
    let handle = rt.handle();
    let (wakes, waker) = Wakes::new();
    let mut key = Key::NONE;
    let at = timer(&handle).now() + Duration::from_secs(3600);
    assert!(poll(timer(&handle), &mut key, at, &waker).is_pending());
    assert_eq!(Arc::strong_count(&wakes), 3);
    timer(&handle).forget(&mut key);
    assert!(key.is_none());
    assert_eq!(Arc::strong_count(&wakes), 2);
    timer(&handle).forget(&mut key); // nothing
}

#[test]
fn an_earlier_deadline_interrupts_a_later_one() {
    let rt = many();
    let handle = rt.handle();
    let timer = timer(&handle);
    let (wakes, waker) = Wakes::new();
    let mut key = Key::NONE;
    let late = timer.now() + Duration::from_secs(3600);
    assert!(poll(timer, &mut key, late, &waker).is_pending());
    let soon = timer.now() + Duration::from_millis(1);
    if poll(timer, &mut key, soon, &waker).is_pending() {
        wakes.wait(0);
    }
    wait_for(|cx| timer.poll_until(&mut key, soon, Duration::ZERO, cx)).unwrap();
}

#[test]
fn now_is_monotone_across_threads() {
    let rt = many();
    let handle = rt.handle();
    let latest = std::sync::Mutex::new(Instant::ZERO);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    let mut latest = latest.lock().unwrap();
                    let now = timer(&handle).now();
                    assert!(now >= *latest);
                    *latest = now;
                }
            });
        }
    });
}

#[test]
fn when_the_runtime_ends_sleepers_elsewhere_are_told() {
    let rt = many();
    let handle = rt.handle();
    let (wakes, waker) = Wakes::new();
    let mut key = Key::NONE;
    let at = timer(&handle).now() + Duration::from_secs(3600);
    assert!(poll(timer(&handle), &mut key, at, &waker).is_pending());
    drop(rt);
    wakes.wait(0);
    assert_eq!(poll(timer(&handle), &mut key, at, &waker), Poll::Ready(Err(Gone)));
    assert!(key.is_none());
    // And nobody can begin to wait, also for what is long past.
    for at in [at, Instant::ZERO] {
        assert_eq!(poll(timer(&handle), &mut key, at, &waker), Poll::Ready(Err(Gone)));
    }
}
