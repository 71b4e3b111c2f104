//! What the toy promises beyond the contract.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime_traits::task::{Builder, yield_now};
use runtime_traits::time::{Instant, sleep};
use toy::Toy;

#[test]
fn years_pass_at_once_and_deadlines_are_met_exactly() {
    let toy = Toy::new();
    let day = Duration::from_secs(24 * 3600);
    let handle = toy.handle();
    let log = handle.block_on(async move {
        let start = Instant::now();
        let mut log = Vec::new();
        for days in [1, 365, 3] {
            sleep(day * days).await;
            log.push((Instant::now() - start).as_secs() / day.as_secs());
        }
        log
    });
    assert_eq!(log.unwrap(), [1, 366, 369]);
}

#[test]
fn the_clock_stands_still_while_something_can_run() {
    let toy = Toy::new();
    let moved = toy.handle().block_on(async {
        let nap = runtime_traits::spawn(sleep(Duration::from_nanos(1)));
        let start = Instant::now();
        for _ in 0..1000 {
            yield_now().await;
        }
        let moved = Instant::now() - start;
        nap.await.unwrap();
        moved
    });
    assert_eq!(moved.unwrap(), Duration::ZERO);
}

#[test]
fn a_stall_is_reported_with_the_names_of_who_waits() {
    let toy = Toy::new();
    let stalled = catch_unwind(AssertUnwindSafe(|| {
        toy.handle().block_on(async {
            let _kept = Builder::new().name("waits for Godot").spawn(pending::<()>());
            pending::<()>().await;
        })
    }));
    let text = stalled.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("stalled") && text.contains("waits for Godot"), "{text}");
    assert_eq!(toy.handle().block_on(async { 5 }), Ok(5));
}

/// The order in which six tasks that give way run.
fn order(toy: &Toy) -> Vec<u32> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let run = async {
        let tasks: Vec<_> = (0..6)
            .map(|number| {
                let log = log.clone();
                runtime_traits::spawn(async move {
                    yield_now().await;
                    log.lock().unwrap().push(number);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    };
    toy.handle().block_on(run).unwrap();
    let log = log.lock().unwrap();
    log.clone()
}

#[test]
fn a_seed_decides_the_order() {
    assert_eq!(order(&Toy::new()), [0, 1, 2, 3, 4, 5]);
    let seeded: Vec<_> = (0..64).map(|seed| order(&Toy::seeded(seed))).collect();
    assert_eq!(seeded, (0..64).map(|seed| order(&Toy::seeded(seed))).collect::<Vec<_>>());
    let mut distinct = seeded.clone();
    distinct.sort();
    distinct.dedup();
    assert!(distinct.len() >= 8, "{} orders", distinct.len());
}
