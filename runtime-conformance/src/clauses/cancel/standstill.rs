//! A runtime held still: every thread that polls its tasks stands at a gate.
//!
//! Then what is spawned, woken or aborted meanwhile is looked at by nobody, and what happens after the
//! end happened because of it. `Info::workers` says how many threads there are; a runtime that has
//! more is asked for a few more.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::rt::Rt;
use crate::toolbox::{Gate, Tally};

/// How long the threads are waited for. Without them the verdict is *inconclusive*, never red.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long threads that there should not be are waited for.
const FOR_OTHERS: Duration = Duration::from_millis(5);

/// From [`Standstill::of`] to [`Standstill::end`].
pub(super) struct Standstill {
    gate: Arc<Gate>,
    proven: bool,
}

impl Standstill {
    /// Holds every thread of `rt`. On a thread that is none of them, while `rt` is driven.
    pub(super) fn of(rt: &Rt) -> Standstill {
        let gate = Arc::new(Gate::new("the end of a standstill"));
        let held = Arc::new(Tally::new());
        let hold_one_more = || {
            let (gate, held) = (gate.clone(), held.clone());
            drop(rt.handle().spawn(async move {
                held.add();
                gate.wait();
            }));
        };
        let workers = rt.handle().info().workers;
        (0..workers).for_each(|_| hold_one_more());
        let proven = comes(&held, workers, PATIENCE);
        let mut others = 0;
        while proven && others < workers + 2 {
            hold_one_more();
            others += 1;
            if !comes(&held, workers + others, FOR_OTHERS) {
                break;
            }
        }
        Standstill { gate, proven }
    }

    /// Lets go. `false`: not all threads were held.
    pub(super) fn end(self) -> bool {
        self.gate.open();
        self.proven
    }
}

/// Whether the count reaches `goal` in this time.
fn comes(held: &Tally, goal: usize, patience: Duration) -> bool {
    let end = Instant::now() + patience;
    while held.count() < goal {
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(Duration::from_micros(50));
    }
    true
}
