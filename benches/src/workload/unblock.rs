//! What does a closure cost that could have blocked and did not, when there are many?
//!
//! Measured: a task hands over 10,000 closures that return at once, and then awaits them all; the median
//! of the bursts, per closure. The first burst, which finds no threads, is not counted.
//! Floor: a queue, a lock and a wake: 50 ns, as long as somebody is awake to take them.

use std::hint::black_box;

use super::{Sample, Stopwatch, Workload};
use crate::api::{Api, Finished};
use crate::stats::median;

const CLOSURES: usize = 10_000;
const WARM_UP: usize = 1;

pub(super) struct UnblockBurst {
    pub(super) bursts: usize,
}

impl Workload for UnblockBurst {
    async fn run<A: Api>(self) -> Sample {
        for _ in 0..WARM_UP {
            burst::<A>().await;
        }
        let whole = Stopwatch::start();
        let mut seconds = Vec::with_capacity(self.bursts);
        for _ in 0..self.bursts {
            seconds.push(burst::<A>().await);
        }
        let closures = (self.bursts * CLOSURES) as f64;
        let main = median(&seconds) * 1e6 / CLOSURES as f64;
        Sample { main, side: whole.cpu_seconds() * 1e6 / closures }
    }
}

/// How long one burst takes.
async fn burst<A: Api>() -> f64 {
    let mut joins = Vec::with_capacity(CLOSURES);
    let watch = Stopwatch::start();
    for number in 0..CLOSURES {
        joins.push(A::unblock(move || _ = black_box(number)));
    }
    for join in joins {
        join.await.output();
    }
    watch.wall_seconds()
}
