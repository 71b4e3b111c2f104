//! The queue of the pool: jobs by lane, and how many of each may run at a time.
//!
//! Long jobs and computations must not take every thread from short ones, which would then wait for
//! something that may take hours. So they have limits, and both together leave a thread:
//!
//! | lane | [`Kind`](crate::hooks::Kind) | at most |
//! |---|---|---|
//! | [`SHORT`] | `ShortIo` | all threads |
//! | [`LONG`] | `LongIo` | three quarters of them |
//! | [`CPU`] | `Cpu` | as many as there are processors |
//!
//! A free thread takes them in this order, and every eighth time the oldest job that may run, so that no
//! lane starves another.

use std::collections::VecDeque;

/// A place in the table above.
pub(super) type Lane = usize;
pub(super) const SHORT: Lane = 0;
pub(super) const LONG: Lane = 1;
pub(super) const CPU: Lane = 2;
const LANES: usize = 3;

/// How often the oldest job goes first.
const OLDEST: usize = 8;

/// Jobs that no thread has begun, in the order of their numbers, and how many are running.
pub(super) struct Lanes<J> {
    queues: [VecDeque<(u64, J)>; LANES],
    running: [usize; LANES],
    limits: [usize; LANES],
    /// How many long jobs and computations may run together.
    limit_of_slow: usize,
    /// The number of the next job.
    next: u64,
    taken: usize,
}

impl<J> Lanes<J> {
    pub(super) fn new(threads_max: usize, processors: usize) -> Lanes<J> {
        let long = (threads_max - threads_max.div_ceil(4)).max(1);
        Lanes {
            queues: [const { VecDeque::new() }; LANES],
            running: [0; LANES],
            limits: [threads_max, long, processors.clamp(1, threads_max)],
            limit_of_slow: (threads_max - 1).max(1),
            next: 0,
            taken: 0,
        }
    }

    /// Adds a job; its number.
    pub(super) fn push(&mut self, lane: Lane, job: J) -> u64 {
        let number = self.next;
        self.next += 1;
        self.queues[lane].push_back((number, job));
        number
    }

    /// How many slow ones may still begin.
    fn room_of_slow(&self) -> usize {
        self.limit_of_slow - self.running[LONG] - self.running[CPU]
    }

    /// How many of a lane may still begin.
    fn room(&self, lane: Lane) -> usize {
        let shared = if lane == SHORT { usize::MAX } else { self.room_of_slow() };
        shared.min(self.limits[lane] - self.running[lane])
    }

    /// How many jobs threads could begin now.
    pub(super) fn ready(&self) -> usize {
        let of = |lane: Lane| self.queues[lane].len().min(self.room(lane));
        of(SHORT) + (of(LONG) + of(CPU)).min(self.room_of_slow())
    }

    /// The next job, which counts as running from now on.
    pub(super) fn take(&mut self) -> Option<(Lane, J)> {
        let head = |lane: Lane| Some((self.queues[lane].front()?.0, lane));
        let mut heads = (0..LANES).filter(|lane| self.room(*lane) > 0).filter_map(head);
        let (_, lane) = match (self.taken + 1) % OLDEST {
            0 => heads.min(),
            _ => heads.next(),
        }?;
        self.taken += 1;
        self.running[lane] += 1;
        self.queues[lane].pop_front().map(|(_, job)| (lane, job))
    }

    /// A job of this lane has ended.
    pub(super) fn done(&mut self, lane: Lane) {
        self.running[lane] -= 1;
    }

    /// Takes a job out again.
    pub(super) fn remove(&mut self, number: u64) -> Option<J> {
        self.queues.iter_mut().find_map(|queue| {
            // From the back: it was pushed a moment ago.
            let at = queue.iter().rposition(|(other, _)| *other == number)?;
            queue.remove(at).map(|(_, job)| job)
        })
    }

    /// Takes all of them out.
    pub(super) fn drain(&mut self) -> Vec<J> {
        self.queues.iter_mut().flat_map(|queue| queue.drain(..)).map(|(_, job)| job).collect()
    }

    /// How many there are, whether they may run or not.
    pub(super) fn len(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(threads_max: usize, processors: usize, jobs: &[(Lane, char)]) -> Lanes<char> {
        let mut lanes = Lanes::new(threads_max, processors);
        for (lane, job) in jobs {
            lanes.push(*lane, *job);
        }
        lanes
    }

    fn order(lanes: &mut Lanes<char>) -> String {
        std::iter::from_fn(|| lanes.take()).map(|(_, job)| job).collect()
    }

    #[test]
    fn short_jobs_go_first_and_slow_ones_leave_a_thread() {
        let mut lanes =
            lanes(4, 2, &[(CPU, 'c'), (LONG, 'l'), (LONG, 'm'), (SHORT, 's'), (CPU, 'd')]);
        assert_eq!((lanes.ready(), lanes.len()), (4, 5));
        assert_eq!(order(&mut lanes), "slmc", "three of four threads at most, for l, m, c");
        assert_eq!(lanes.ready(), 0);
        lanes.push(SHORT, 't');
        assert_eq!(order(&mut lanes), "t");
        lanes.done(LONG);
        assert_eq!((lanes.ready(), order(&mut lanes)), (1, "d".to_owned()));
    }

    #[test]
    fn one_thread_is_enough_for_each_lane() {
        for lane in [SHORT, LONG, CPU] {
            let mut lanes = lanes(1, 8, &[(lane, 'a'), (lane, 'b')]);
            assert_eq!((lanes.ready(), lanes.take()), (1, Some((lane, 'a'))));
            assert_eq!(lanes.take(), None);
            lanes.done(lane);
            assert_eq!(lanes.take(), Some((lane, 'b')));
        }
    }

    #[test]
    fn every_eighth_time_the_oldest_goes_first() {
        let mut lanes = lanes(64, 8, &[(LONG, 'l')]);
        for _ in 0..20 {
            lanes.push(SHORT, 's');
        }
        assert!(order(&mut lanes).starts_with("sssssssls"));
    }

    #[test]
    fn a_job_can_be_taken_out_again() {
        let mut lanes = lanes(4, 2, &[(SHORT, 'a'), (LONG, 'b')]);
        let number = lanes.push(LONG, 'c');
        assert_eq!((lanes.remove(number), lanes.remove(number)), (Some('c'), None));
        assert_eq!(lanes.drain(), ['a', 'b']);
    }
}
