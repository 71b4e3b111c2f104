//! The moves of the pool, as plain data: no thread, no clock, no lock.
//!
//! Each move is one method that returns what its caller must do once the lock is released.
//!
//! # When there is another thread
//!
//! Waking one that sleeps is cheap, and is done as long as there are jobs: whoever takes one and leaves
//! some wakes the next. Starting one costs more than most jobs; in a burst of short ones it would only
//! be in the way. So there is a *lookout* while jobs wait and nobody sleeps: the thread that was started
//! last. Every 100 µs it looks how many jobs were taken since; if at that pace the queue would last for
//! more than a millisecond, it takes a job itself, and whoever takes one and sees no lookout starts the
//! next thread. A pool that is stuck grows by a thread every 100 µs; one that gets on does not.
//!
//! A thread that begins is about to be the lookout, and nobody else is started meanwhile; unless it is
//! *greeted* first, by a hook that may take as long as it likes. Such a thread is good for one job.
//!
//! # Invariants
//!
//! - **Q1** `live + starting <= threads_max`. A thread counts as `starting` from the decision to
//!   start it until it says [`State::begin`] or is known to have failed, then as `live` until
//!   [`State::leave`] lets it go.
//! - **Q2** No thread is let go while a job is ready: `leave` looks at the queue under the same
//!   lock under which `push` fills it. So while `live > 0`, every queued job will be run; those of a
//!   full lane by who makes room there.
//! - **Q3** A job that is queued while `live == 0` has a submitter that does not return before
//!   [`State::settle`] tells it that a thread is live or hands the job back.
//! - **Q4** `idle` threads are asleep or about to look at the queue; each takes a job if one is
//!   ready, however it was woken. `waking <= idle` of them were woken and have not looked yet.

use super::lanes::{Lane, Lanes};
use std::time::Duration;

/// How long the lookout sleeps.
pub(super) const LOOK: Duration = Duration::from_micros(100);
/// For how many of these times the queue may last.
const PATIENCE: usize = 10;

/// Queue and counts; see Q1 to Q4.
pub(super) struct State<J> {
    jobs: Lanes<J>,
    threads_max: usize,
    /// Those who begin are greeted.
    greets: bool,
    starting: usize,
    live: usize,
    /// Of those, how many began and did not look at the queue yet.
    fresh: usize,
    idle: usize,
    waking: usize,
    /// A thread looks at the pace. It is neither idle nor busy.
    lookout: bool,
    /// Jobs taken since it looked.
    taken: usize,
    /// Dedicated jobs whose threads have not asked whether they may begin.
    dedicated: usize,
    closed: bool,
}

/// What the submitter of a job must do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OnPush<J> {
    /// Wake one sleeping thread.
    Wake,
    /// Start a thread; if that fails, say so and settle this job.
    Start(u64),
    /// Settle this job: the only threads there are have not begun yet.
    Settle(u64),
    /// Nothing: a busy thread, or one that is coming, will take it.
    Nothing,
    /// The pool is closed.
    Refused(J),
}

/// What a thread of the pool must do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<J> {
    /// Help the others first, then run this and call [`State::done`].
    Run(Lane, J, Help),
    /// Sleep until woken or until `keep_alive` is over, then call [`State::woken`].
    Sleep,
    /// Sleep until woken or until [`LOOK`] is over, then call [`State::looked`].
    Watch,
    /// Run the stop hook, then call [`State::leave`].
    Stop,
}

/// What a thread that leaves jobs behind does for them.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Help {
    /// Nothing: there are none, or somebody sees to them.
    Nothing,
    /// Wake one sleeping thread.
    Wake,
    /// Start a thread; if that fails, say so.
    Start,
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
    pub(super) fn new(threads_max: usize, processors: usize, greets: bool) -> State<J> {
        let threads_max = threads_max.max(1);
        State {
            jobs: Lanes::new(threads_max, processors),
            threads_max,
            greets,
            starting: 0,
            live: 0,
            fresh: 0,
            idle: 0,
            waking: 0,
            lookout: false,
            taken: 0,
            dedicated: 0,
            closed: false,
        }
    }

    /// Queues a job.
    pub(super) fn push(&mut self, lane: Lane, job: J) -> OnPush<J> {
        if self.closed {
            return OnPush::Refused(job);
        }
        let number = self.jobs.push(lane, job);
        match self.help() {
            Help::Wake => OnPush::Wake,
            Help::Start => OnPush::Start(number),
            Help::Nothing if self.live == 0 => OnPush::Settle(number),
            // Only the lookout has nothing to do, and there was nothing for it to see.
            Help::Nothing if self.lookout && self.jobs.ready() == 1 => OnPush::Wake,
            Help::Nothing => OnPush::Nothing,
        }
    }

    /// Whom the jobs that are ready need beside the threads that are busy.
    fn help(&mut self) -> Help {
        if self.jobs.ready() == 0 || self.waking > 0 {
            return Help::Nothing; // who was woken helps on
        }
        if self.idle > 0 {
            self.waking += 1;
            return Help::Wake;
        }
        if self.is_seen_to() || self.threads() == self.threads_max {
            return Help::Nothing;
        }
        self.starting += 1;
        Help::Start
    }

    /// Whether somebody will look at the jobs that are ready.
    fn is_seen_to(&self) -> bool {
        let fresh_suffice = match self.greets {
            true => self.jobs.ready() <= self.fresh,
            false => self.fresh > 0,
        };
        self.lookout || self.starting > 0 || fresh_suffice
    }

    /// Queues a job of the calling thread's again, unless closed. That thread is live and comes to the
    /// queue next, so there is nobody to wake.
    pub(super) fn requeue(&mut self, lane: Lane, job: &mut Option<J>) {
        if !self.closed {
            job.take().into_iter().for_each(|job| _ = self.jobs.push(lane, job));
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
        self.jobs.remove(number).map_or(Settled::Served, Settled::Back)
    }

    /// A started thread reports for work. Those who relied on it may rely on nobody now, if it is greeted.
    pub(super) fn begin(&mut self) -> Help {
        self.starting -= 1;
        self.live += 1;
        self.fresh += 1;
        self.help()
    }

    /// What a thread that began does first.
    pub(super) fn first(&mut self) -> Next<J> {
        self.fresh -= 1;
        if self.lookout { self.next() } else { self.look() }
    }

    /// A job of this lane has ended.
    pub(super) fn done(&mut self, lane: Lane) {
        self.jobs.done(lane);
    }

    /// What a thread that has nothing to do does next.
    pub(super) fn next(&mut self) -> Next<J> {
        if let Some((lane, job)) = self.jobs.take() {
            self.taken += 1;
            return Next::Run(lane, job, self.help());
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
        self.waking = self.waking.saturating_sub(1);
        if expired && self.jobs.ready() == 0 { Next::Stop } else { self.next() }
    }

    /// What the lookout does next; `expired` if its time was over. It sleeps where the idle do, so it may
    /// have got the wake of one, also then: that one is not on its way.
    pub(super) fn looked(&mut self, expired: bool) -> Next<J> {
        self.lookout = false;
        self.waking = self.waking.saturating_sub(1);
        if expired { self.look() } else { self.next() }
    }

    /// Takes a job if those that are busy do not get on with them.
    fn look(&mut self) -> Next<J> {
        let lasts = self.jobs.ready() > self.taken * PATIENCE;
        self.taken = 0;
        if lasts || self.jobs.ready() == 0 {
            return self.next();
        }
        self.lookout = true;
        Next::Watch
    }

    /// Lets a thread go, for ever; `false` if it must come back, since a job came in meanwhile (Q2).
    #[must_use]
    pub(super) fn leave(&mut self) -> bool {
        let gone = self.jobs.ready() == 0;
        self.live -= usize::from(gone);
        gone
    }

    /// Takes no more jobs and gives back those not begun, to be dropped outside the lock.
    #[must_use = "drop them outside the lock"]
    pub(super) fn close(&mut self) -> Vec<J> {
        self.closed = true;
        self.jobs.drain()
    }

    /// Notes a dedicated job; `false` if the pool is closed.
    pub(super) fn dedicate(&mut self) -> bool {
        self.dedicated += usize::from(!self.closed);
        !self.closed
    }

    /// It begins, or never will: the end need not wait for it any longer.
    pub(super) fn dedicated(&mut self) {
        self.dedicated -= 1;
    }

    /// Whether all threads are gone, but those of dedicated jobs that began before the end.
    pub(super) fn is_over(&self) -> bool {
        self.threads() + self.dedicated == 0
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
        self.jobs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::{LONG, SHORT};
    use super::*;

    fn state(threads_max: usize) -> State<char> {
        State::new(threads_max, 2, false)
    }

    fn push(state: &mut State<char>, job: char) -> OnPush<char> {
        state.push(SHORT, job)
    }

    fn run(job: char, help: Help) -> Next<char> {
        Next::Run(SHORT, job, help)
    }

    /// A state whose only thread runs `a`.
    fn one_busy(threads_max: usize) -> State<char> {
        let mut state = state(threads_max);
        assert_eq!(push(&mut state, 'a'), OnPush::Start(0));
        assert_eq!(state.begin(), Help::Nothing);
        assert_eq!(state.first(), run('a', Help::Nothing));
        state
    }

    /// A state with one idle thread.
    fn one_idle(threads_max: usize) -> State<char> {
        let mut state = one_busy(threads_max);
        state.done(SHORT);
        assert_eq!(state.next(), Next::Sleep);
        state
    }

    #[test]
    fn an_idle_thread_is_preferred_to_a_new_one() {
        let mut state = one_idle(2);
        assert_eq!(push(&mut state, 'b'), OnPush::Wake);
        assert_eq!(push(&mut state, 'c'), OnPush::Nothing, "who was woken sees to it");
        assert_eq!(state.woken(false), run('b', Help::Start));
        assert_eq!((state.threads(), state.queued()), (2, 1));
    }

    #[test]
    fn who_takes_one_of_many_wakes_the_next() {
        let mut state = one_idle(2);
        assert_eq!(push(&mut state, 'b'), OnPush::Wake);
        assert_eq!(push(&mut state, 'c'), OnPush::Nothing);
        assert_eq!(state.woken(false), run('b', Help::Start));
        assert_eq!(state.begin(), Help::Nothing);
        assert_eq!((state.first(), state.looked(true)), (Next::Watch, run('c', Help::Nothing)));
        for _ in 0..2 {
            state.done(SHORT);
            assert_eq!(state.next(), Next::Sleep);
        }
        assert_eq!(push(&mut state, 'd'), OnPush::Wake);
        assert_eq!(push(&mut state, 'e'), OnPush::Nothing);
        assert_eq!(state.woken(false), run('d', Help::Wake));
        assert_eq!(state.woken(false), run('e', Help::Nothing));
    }

    #[test]
    fn a_queue_that_gets_on_has_a_lookout_and_one_that_does_not_gets_a_thread() {
        let mut state = one_busy(3);
        assert_eq!(push(&mut state, 'b'), OnPush::Start(1));
        assert_eq!(push(&mut state, 'c'), OnPush::Nothing, "one is on its way");
        assert_eq!(state.begin(), Help::Nothing);
        // The first thread has taken one since the last look, so two are no reason to help.
        assert_eq!(state.first(), Next::Watch);
        state.done(SHORT);
        assert_eq!(state.next(), run('b', Help::Nothing));
        assert_eq!(state.looked(true), Next::Watch, "it gets on");
        assert_eq!(state.looked(true), run('c', Help::Nothing), "it does not");
        assert_eq!(push(&mut state, 'd'), OnPush::Start(3), "nobody looks now");
        assert_eq!(state.threads(), 3);
    }

    #[test]
    fn the_lookout_of_an_empty_queue_goes_to_sleep_or_takes_what_comes() {
        let mut state = one_busy(3);
        assert_eq!(push(&mut state, 'b'), OnPush::Start(1));
        assert_eq!(state.begin(), Help::Nothing);
        assert_eq!(state.first(), Next::Watch);
        state.done(SHORT);
        assert_eq!(state.next(), run('b', Help::Nothing));
        assert_eq!(push(&mut state, 'c'), OnPush::Wake);
        assert_eq!(state.looked(false), run('c', Help::Nothing));
        state.done(SHORT);
        assert_eq!(state.next(), Next::Sleep);
    }

    #[test]
    fn a_full_lane_asks_for_no_thread() {
        let mut state = state(2);
        assert_eq!(state.push(LONG, 'l'), OnPush::Start(0));
        assert_eq!(state.begin(), Help::Nothing);
        assert_eq!(state.first(), Next::Run(LONG, 'l', Help::Nothing));
        assert_eq!(state.push(LONG, 'm'), OnPush::Nothing, "one of two threads is the limit");
        assert_eq!(push(&mut state, 's'), OnPush::Start(2));
        assert_eq!(state.begin(), Help::Nothing);
        assert_eq!(state.looked(false), run('s', Help::Nothing));
        state.done(SHORT);
        assert_eq!(state.next(), Next::Sleep);
        assert_eq!(state.woken(true), Next::Stop);
        assert!(state.leave(), "the other one will come to the long job");
        state.done(LONG);
        assert_eq!(state.next(), Next::Run(LONG, 'm', Help::Nothing));
    }

    #[test]
    fn a_job_at_the_retire_boundary_is_run() {
        let mut state = one_idle(1);
        // It comes after the time-out, before the thread has the lock.
        assert_eq!(push(&mut state, 'b'), OnPush::Wake);
        assert_eq!(state.woken(true), run('b', Help::Nothing));
        state.done(SHORT);
        // It comes while the stop hook runs.
        assert_eq!(state.next(), Next::Sleep);
        assert_eq!(state.woken(true), Next::Stop);
        assert_eq!(push(&mut state, 'c'), OnPush::Nothing);
        assert!(!state.leave());
        assert_eq!(state.next(), run('c', Help::Nothing));
        state.done(SHORT);
        // It comes when the thread is gone.
        assert_eq!(state.next(), Next::Sleep);
        assert_eq!(state.woken(true), Next::Stop);
        assert!(state.leave());
        assert_eq!(push(&mut state, 'd'), OnPush::Start(3));
    }

    #[test]
    fn a_wake_that_the_lookout_gets_is_not_waited_for() {
        for (its_time_is_over, next) in [(false, run('c', Help::Nothing)), (true, Next::Watch)] {
            let mut state = one_busy(2);
            assert_eq!(push(&mut state, 'b'), OnPush::Start(1));
            assert_eq!(state.begin(), Help::Nothing);
            assert_eq!(state.first(), Next::Watch);
            state.done(SHORT);
            assert_eq!(state.next(), run('b', Help::Nothing));
            state.done(SHORT);
            assert_eq!(state.next(), Next::Sleep);
            assert_eq!(push(&mut state, 'c'), OnPush::Wake, "for the one that is idle");
            assert_eq!(state.looked(its_time_is_over), next);
            assert_eq!(push(&mut state, 'd'), OnPush::Wake, "it is idle still");
        }
    }

    #[test]
    fn a_thread_that_is_being_greeted_is_good_for_one_job() {
        let mut state = State::new(3, 2, true);
        assert_eq!(push(&mut state, 'a'), OnPush::Start(0));
        assert_eq!(state.begin(), Help::Nothing, "it will take that one");
        assert_eq!(push(&mut state, 'b'), OnPush::Start(1));
        assert_eq!(push(&mut state, 'c'), OnPush::Nothing, "one is on its way");
        assert_eq!(state.begin(), Help::Start, "who is greeted in its turn");
        assert_eq!(state.begin(), Help::Nothing);
        assert_eq!(push(&mut state, 'd'), OnPush::Nothing, "there are as many as may be");
        assert_eq!(state.first(), Next::Run(SHORT, 'a', Help::Nothing));
    }

    #[test]
    fn the_end_waits_until_a_dedicated_job_has_begun_or_never_will() {
        let mut state = state(1);
        assert!(state.dedicate() && !state.is_over());
        assert_eq!(state.close(), [' '; 0]);
        assert!(!state.dedicate() && !state.is_over());
        state.dedicated();
        assert!(state.is_over());
    }

    #[test]
    fn a_failed_start_leaves_the_job_to_a_live_thread() {
        let mut state = one_busy(3);
        assert_eq!(push(&mut state, 'b'), OnPush::Start(1));
        state.start_failed();
        assert_eq!(state.settle(1), Settled::Served);
        assert_eq!(state.queued(), 1);
        assert_eq!(push(&mut state, 'c'), OnPush::Start(2), "it is tried again");
    }

    #[test]
    fn without_any_thread_each_submitter_gets_its_own_job_back() {
        let mut state = state(1);
        assert_eq!(push(&mut state, 'a'), OnPush::Start(0));
        assert_eq!(push(&mut state, 'b'), OnPush::Settle(1));
        assert_eq!(state.settle(1), Settled::Wait);
        state.start_failed();
        assert_eq!(state.settle(1), Settled::Back('b'));
        assert_eq!(state.settle(0), Settled::Back('a'));
        assert_eq!((state.threads(), state.queued()), (0, 0));
    }

    #[test]
    fn a_job_that_is_queued_again_is_last_and_a_closed_pool_leaves_it() {
        let mut state = one_busy(1);
        assert_eq!(push(&mut state, 'b'), OnPush::Nothing);
        let mut again = Some('a');
        state.done(SHORT);
        state.requeue(SHORT, &mut again);
        assert_eq!((again, state.next()), (None, run('b', Help::Nothing)));
        state.done(SHORT);
        assert_eq!(state.next(), run('a', Help::Nothing));
        assert_eq!(state.close(), [' '; 0]);
        again = Some('a');
        state.requeue(SHORT, &mut again);
        assert_eq!((again, state.queued()), (Some('a'), 0));
    }

    #[test]
    fn closing_gives_back_what_is_queued_and_sends_all_home() {
        let mut state = one_idle(1);
        assert_eq!(push(&mut state, 'b'), OnPush::Wake);
        assert_eq!(state.close(), ['b']);
        assert_eq!(push(&mut state, 'c'), OnPush::Refused('c'));
        assert_eq!(state.woken(false), Next::Stop);
        assert!(state.leave());
        assert_eq!(state.threads(), 0);
    }
}
