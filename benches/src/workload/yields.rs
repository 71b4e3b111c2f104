//! What does it cost to give way, when many are ready?
//!
//! Measured: 200 tasks of 1,000 yields each; the median of the batches, per yield. With two workers
//! that share the work well this is half of what one yield costs.
//! Floor: a queue and a poll through a vtable: 5 ns for one worker.

use super::neutral::Yield;
use super::{Sample, Stopwatch, Workload};
use crate::api::{Api, Finished};
use crate::stats::median;

pub(super) const TASKS: usize = 200;
pub(super) const YIELDS: usize = 1_000;
const WARM_UP: usize = 2;

pub(super) struct YieldMany {
    pub(super) batches: usize,
}

impl Workload for YieldMany {
    async fn run<A: Api>(self) -> Sample {
        for _ in 0..WARM_UP {
            batch::<A>().await;
        }
        let whole = Stopwatch::start();
        let mut seconds = Vec::with_capacity(self.batches);
        for _ in 0..self.batches {
            seconds.push(batch::<A>().await);
        }
        let yields = (self.batches * TASKS * YIELDS) as f64;
        let main = median(&seconds) * 1e9 / (TASKS * YIELDS) as f64;
        Sample { main, side: whole.cpu_seconds() * 1e9 / yields }
    }
}

async fn batch<A: Api>() -> f64 {
    let mut joins = Vec::with_capacity(TASKS);
    let watch = Stopwatch::start();
    for _ in 0..TASKS {
        joins.push(A::spawn(async {
            for _ in 0..YIELDS {
                Yield::default().await;
            }
        }));
    }
    for join in joins {
        join.await.output();
    }
    watch.wall_seconds()
}
