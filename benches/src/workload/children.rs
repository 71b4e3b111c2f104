//! What does it cost to run a child and to hear of its end?
//!
//! Measured: 1,000 children that end at once, ten at a time; the median of the batches, per child.
//! Floor: `fork` and `exec`, which cost what they cost; a runtime may add a descriptor or a signal, and
//! should not add a thread.

use super::{Sample, Stopwatch, Workload};
use crate::api::{Api, Finished};
use crate::stats::median;

const CHILDREN: usize = 1_000;
const AT_A_TIME: usize = 10;

pub(super) struct Children {
    pub(super) batches: usize,
}

impl Workload for Children {
    async fn run<A: Api>(self) -> Sample {
        let whole = Stopwatch::start();
        let mut seconds = Vec::with_capacity(self.batches);
        for _ in 0..self.batches {
            seconds.push(batch::<A>().await);
        }
        let children = (self.batches * CHILDREN) as f64;
        let main = median(&seconds) * 1e6 / CHILDREN as f64;
        Sample { main, side: whole.cpu_seconds() * 1e6 / children }
    }
}

async fn batch<A: Api>() -> f64 {
    let watch = Stopwatch::start();
    let parents: Vec<_> = (0..AT_A_TIME).map(|_| A::spawn(parent::<A>())).collect();
    for parent in parents {
        parent.await.output();
    }
    watch.wall_seconds()
}

async fn parent<A: Api>() {
    for _ in 0..CHILDREN / AT_A_TIME {
        assert!(A::child("true").await, "`true` fails");
    }
}
