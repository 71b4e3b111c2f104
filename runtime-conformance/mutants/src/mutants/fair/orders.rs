//! Orders that are not fair.

use std::collections::VecDeque;

use runtime_conformance::twist::fired;
use runtime_traits::hooks::Runnable;

use super::pumped::{Came, Order};

// ── M-FAIR-1 ────────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
pub(super) struct LastWokenFirst {
    slot: Option<Runnable>,
    queue: VecDeque<Runnable>,
}

impl Order for LastWokenFirst {
    fn push(&mut self, job: Runnable, came: Came, here: Option<usize>) {
        if came == Came::Woken && here.is_some() {
            self.queue.extend(self.slot.replace(job));
        } else {
            self.queue.push_back(job);
        }
    }

    fn pop(&mut self, _: usize) -> Option<Runnable> {
        if self.slot.is_some() && !self.queue.is_empty() {
            fired();
        }
        self.slot.take().or_else(|| self.queue.pop_front())
    }
}

// ── M-FAIR-2 ────────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
pub(super) struct YieldsToFront(VecDeque<Runnable>);

impl Order for YieldsToFront {
    fn push(&mut self, job: Runnable, came: Came, _: Option<usize>) {
        if came == Came::Yielded {
            if !self.0.is_empty() {
                fired();
            }
            self.0.push_front(job);
        } else {
            self.0.push_back(job);
        }
    }

    fn pop(&mut self, _: usize) -> Option<Runnable> {
        self.0.pop_front()
    }
}

// ── M-FAIR-4b ────────────────────────────────────────────────────────────────────────────────────

/// A queue for each pump, and one for what comes from outside.
pub(super) struct KeepsItsOwn {
    own: Vec<VecDeque<Runnable>>,
    shared: VecDeque<Runnable>,
    shared_first: bool,
}

impl KeepsItsOwn {
    pub(super) fn new(pumps: usize) -> KeepsItsOwn {
        let own = (0..pumps).map(|_| VecDeque::new()).collect();
        KeepsItsOwn { own, shared: VecDeque::new(), shared_first: false }
    }
}

impl Order for KeepsItsOwn {
    fn push(&mut self, job: Runnable, _: Came, here: Option<usize>) {
        match here {
            Some(pump) => self.own[pump].push_back(job),
            None => self.shared.push_back(job),
        }
    }

    fn pop(&mut self, pump: usize) -> Option<Runnable> {
        let others = self.own.iter().enumerate().filter(|(number, _)| *number != pump);
        let kept = others.map(|(_, queue)| queue.len()).sum::<usize>() > 0;
        // In turns, so that neither starves.
        self.shared_first = !self.shared_first;
        let first = if self.shared_first { self.shared.pop_front() } else { None };
        let own = || self.own.get_mut(pump).and_then(VecDeque::pop_front);
        let job = first.or_else(own).or_else(|| self.shared.pop_front());
        if job.is_none() && kept {
            fired();
        }
        job
    }
}
