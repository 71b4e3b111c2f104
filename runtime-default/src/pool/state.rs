//! The moves of the pool, as plain data: no thread, no clock, no lock.
//!
//! Each move is one method that returns what its caller must do once the lock is released.
//!
//! # Invariants
//!
//! - **Q1** `live + starting <= threads_max`. A thread counts as `starting` from the decision to
//!   start it until it says [`State::begin`] or is known to have failed, then as `live` until
//!   [`State::leave`] lets it go.
//! - **Q2** No thread is let go while a job is queued: `leave` looks at the queue under the same
//!   lock under which `push` fills it. So while `live > 0`, every queued job will be run.
//! - **Q3** A job that is queued while `live == 0` has a submitter that does not return before
//!   [`State::settle`] tells it that a thread is live or hands the job back.
//! - **Q4** `idle` threads are asleep or about to look at the queue; each takes a job if there is
//!   one, however it was woken.

use std::collections::VecDeque;

/// Queue and counts; see Q1 to Q4.
pub(super) struct State<J> {
    queue: VecDeque<(u64, J)>,
    /// The number of the next job.
    next_job: u64,
    threads_max: usize,
    starting: usize,
    live: usize,
    idle: usize,
    closed: bool,
}

/// What the submitter of a job must do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OnPush<J> {
    /// Wake one idle thread.
    Wake,
    /// Start a thread; if that fails, say so and settle this job.
    Start(u64),
    /// Settle this job: the only threads there are have not begun yet.
    Settle(u64),
    /// Nothing: a busy thread will come to it.
    Nothing,
    /// The pool is closed.
    Refused(J),
}

/// What a thread of the pool must do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<J> {
    /// Run this.
    Run(J),
    /// Sleep until woken or until `keep_alive` is over, then call [`State::woken`].
    Sleep,
    /// Run the stop hook, then call [`State::leave`].
    Stop,
}

/// What came of a job whose submitter could not rely on a live thread.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settled<J> {
    /// A thread is live and will run it, or did, or the pool was closed.
    Served,
    /// A thread is starting: ask again when that has changed.
    Wait,
    /// No thread could be started. Here is the job.
    Back(J),
}

impl<J> State<J> {
    pub(super) fn new(threads_max: usize) -> State<J> {
        let (queue, threads_max) = (VecDeque::new(), threads_max.max(1));
        State { queue, next_job: 0, threads_max, starting: 0, live: 0, idle: 0, closed: false }
    }

    /// Queues a job.
    ///
    /// A thread is added whenever there is no idle one for it. That is simple and prompt, and too
    /// eager for bursts of short jobs; better would be to add one when the job at the head of the
    /// queue has waited for longer than starting a thread takes (70 µs), which needs a clock here
    /// and somebody to look again, and to wake once per batch.
    pub(super) fn push(&mut self, job: J) -> OnPush<J> {
        if self.closed {
            return OnPush::Refused(job);
        }
        let number = self.next_job;
        self.next_job += 1;
        self.queue.push_back((number, job));
        if self.queue.len() <= self.idle {
            OnPush::Wake
        } else if self.threads() < self.threads_max {
            self.starting += 1;
            OnPush::Start(number)
        } else if self.live == 0 {
            OnPush::Settle(number)
        } else {
            OnPush::Nothing
        }
    }

    /// Queues a job of the calling thread's again, unless closed. That thread is live and comes to the
    /// queue next, so there is nobody to wake.
    pub(super) fn requeue(&mut self, job: &mut Option<J>) {
        if !self.closed {
            self.queue.extend(job.take().map(|job| (self.next_job, job)));
            self.next_job += 1;
        }
    }

    /// A thread that was to be started is not.
    pub(super) fn start_failed(&mut self) {
        self.starting -= 1;
    }

    /// Decides about a job that was queued when perhaps no thread was live (Q3).
    pub(super) fn settle(&mut self, number: u64) -> Settled<J> {
        if self.live > 0 {
            return Settled::Served;
        }
        if self.starting > 0 {
            return Settled::Wait;
        }
        // From the back: it was pushed a moment ago.
        match self.queue.iter().rposition(|(other, _)| *other == number) {
            Some(at) => {
                self.queue.remove(at).map_or(Settled::Served, |(_, job)| Settled::Back(job))
            }
            None => Settled::Served,
        }
    }

    /// A started thread reports for work.
    pub(super) fn begin(&mut self) {
        self.starting -= 1;
        self.live += 1;
    }

    /// What a thread that has nothing to do does next.
    pub(super) fn next(&mut self) -> Next<J> {
        if let Some((_, job)) = self.queue.pop_front() {
            return Next::Run(job);
        }
        if self.closed {
            return Next::Stop;
        }
        self.idle += 1;
        Next::Sleep
    }

    /// What a thread that slept does next; `expired` if nobody woke it for `keep_alive`.
    pub(super) fn woken(&mut self, expired: bool) -> Next<J> {
        self.idle -= 1;
        if expired && self.queue.is_empty() { Next::Stop } else { self.next() }
    }

    /// Lets a thread go, for ever; `false` if it must come back, since a job came in meanwhile (Q2).
    #[must_use]
    pub(super) fn leave(&mut self) -> bool {
        let gone = self.queue.is_empty();
        self.live -= usize::from(gone);
        gone
    }

    /// Takes no more jobs and gives back those not begun, to be dropped outside the lock.
    #[must_use = "drop them outside the lock"]
    pub(super) fn close(&mut self) -> Vec<J> {
        self.closed = true;
        self.queue.drain(..).map(|(_, job)| job).collect()
    }

    /// Whether no more jobs are taken.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Threads that are there or coming.
    pub(super) fn threads(&self) -> usize {
        self.starting + self.live
    }

    /// Jobs not begun.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state with one idle thread.
    fn one_idle(threads_max: usize) -> State<char> {
        let mut state = State::new(threads_max);
        assert_eq!(state.push('a'), OnPush::Start(0));
        state.begin();
        assert_eq!(state.next(), Next::Run('a'));
        assert_eq!(state.next(), Next::Sleep);
        state
    }

    #[test]
    fn an_idle_thread_is_preferred_to_a_new_one() {
        let mut state = one_idle(2);
        assert_eq!(state.push('b'), OnPush::Wake);
        assert_eq!(state.push('c'), OnPush::Start(2), "the idle one is spoken for");
        assert_eq!(state.push('d'), OnPush::Nothing, "two is the limit");
        assert_eq!((state.threads(), state.queued()), (2, 3));
    }

    #[test]
    fn a_job_at_the_retire_boundary_is_run() {
        let mut state = one_idle(1);
        // It comes after the time-out, before the thread has the lock.
        assert_eq!(state.push('b'), OnPush::Wake);
        assert_eq!(state.woken(true), Next::Run('b'));
        // It comes while the stop hook runs.
        assert_eq!(state.next(), Next::Sleep);
        assert_eq!(state.woken(true), Next::Stop);
        assert_eq!(state.push('c'), OnPush::Nothing);
        assert!(!state.leave());
        assert_eq!(state.next(), Next::Run('c'));
        // It comes when the thread is gone.
        assert_eq!(state.next(), Next::Sleep);
        assert_eq!(state.woken(true), Next::Stop);
        assert!(state.leave());
        assert_eq!(state.push('d'), OnPush::Start(3));
    }

    #[test]
    fn a_failed_start_leaves_the_job_to_a_live_thread() {
        let mut state = one_idle(3);
        assert_eq!(state.woken(false), Next::Sleep);
        assert_eq!(state.push('b'), OnPush::Wake);
        assert_eq!(state.push('c'), OnPush::Start(2));
        state.start_failed();
        assert_eq!(state.settle(2), Settled::Served);
        assert_eq!(state.queued(), 2);
    }

    #[test]
    fn without_any_thread_each_submitter_gets_its_own_job_back() {
        let mut state = State::new(1);
        assert_eq!(state.push('a'), OnPush::Start(0));
        assert_eq!(state.push('b'), OnPush::Settle(1));
        assert_eq!(state.settle(1), Settled::Wait);
        state.start_failed();
        assert_eq!(state.settle(1), Settled::Back('b'));
        assert_eq!(state.settle(0), Settled::Back('a'));
        assert_eq!((state.threads(), state.queued()), (0, 0));
    }

    #[test]
    fn a_job_that_is_queued_again_is_last_and_a_closed_pool_leaves_it() {
        let mut state = one_idle(1);
        assert_eq!(state.push('b'), OnPush::Wake);
        assert_eq!(state.woken(false), Next::Run('b'));
        assert_eq!(state.push('c'), OnPush::Nothing);
        let mut again = Some('b');
        state.requeue(&mut again);
        assert_eq!((again, state.next(), state.next()), (None, Next::Run('c'), Next::Run('b')));
        assert_eq!(state.close(), [' '; 0]);
        again = Some('b');
        state.requeue(&mut again);
        assert_eq!((again, state.queued()), (Some('b'), 0));
    }

    #[test]
    fn closing_gives_back_what_is_queued_and_sends_all_home() {
        let mut state = one_idle(1);
        assert_eq!(state.push('b'), OnPush::Wake);
        assert_eq!(state.close(), ['b']);
        assert_eq!(state.push('c'), OnPush::Refused('c'));
        assert_eq!(state.woken(false), Next::Stop);
        assert!(state.leave());
        assert_eq!(state.threads(), 0);
    }
}
