//! What does it cost to start a task that stays on its thread and finishes at its first poll?
//!
//! Measured: a local task spawns 10,000 and then awaits them all; the median of the batches, per task.
//! Floor: an allocation, a queue, a poll through a vtable, a free, and no atomic operation.

use std::hint::black_box;

use super::{LocalWorkload, Sample, Stopwatch};
use crate::api::{Finished, LocalApi};
use crate::stats::median;

pub(super) const TASKS: usize = 10_000;
const WARM_UP: usize = 3;

pub(super) struct SpawnLocal {
    pub(super) batches: usize,
}

impl LocalWorkload for SpawnLocal {
    async fn run<A: LocalApi>(self) -> Sample {
        for _ in 0..WARM_UP {
            batch::<A>().await;
        }
        let whole = Stopwatch::start();
        let mut seconds = Vec::with_capacity(self.batches);
        for _ in 0..self.batches {
            seconds.push(batch::<A>().await);
        }
        let tasks = (self.batches * TASKS) as f64;
        let main = median(&seconds) * 1e9 / TASKS as f64;
        Sample { main, side: whole.cpu_seconds() * 1e9 / tasks }
    }
}

/// How long one batch takes. The list of handles is made beforehand.
async fn batch<A: LocalApi>() -> f64 {
    let mut joins = Vec::with_capacity(TASKS);
    let watch = Stopwatch::start();
    for number in 0..TASKS {
        joins.push(A::spawn_local(async move { _ = black_box(number) }));
    }
    for join in joins {
        join.await.output();
    }
    watch.wall_seconds()
}
