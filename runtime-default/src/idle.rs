//! Who sleeps where, and who is woken.
//!
//! A worker without work lies down in one of three beds:
//!
//! | bed | sleeps in | holds | wakes up by itself |
//! |---|---|---|---|
//! | *driver* | the poller | events and timers | every [`TICK`] while another worker is awake |
//! | *sentinel* | its parker | – | every [`TICK`], until a tick in which nothing happened |
//! | *deep* | its parker | – | never |
//!
//! So a runtime at rest sleeps without any tick, and while somebody works, somebody else looks after
//! him: a job left behind a long poll is stolen, and a driver left by a worker in a long poll is
//! taken over, two ticks later at most (the first one after a pause is spent on finding out). That
//! is why a worker that polled the driver need not wake another before it runs what it found, and why
//! a single job pushed on a busy worker's queue need not be announced ([`Idle::is_watched`]).
//!
//! # Invariants
//!
//! - **I1** A worker is *announced* (in a bed, counted in `asleep`) before it looks at the queues for
//!   the last time. Whoever pushes looks at `asleep` after pushing. Both are sequentially consistent,
//!   so one of them sees the other.
//! - **I2** Whoever takes a worker out of its bed to work counts it as *searching*; the last searcher
//!   that finds work looks whether there is more, and if so wakes the next.
//! - **I3** Whoever leaves the driver, or was the last to tick, appoints a successor among those who
//!   sleep: the sentinel ticks from then on, or a deep sleeper becomes the sentinel, or the driver's
//!   sleeper lies down anew. Only who was called to work does not: he looks at the queues himself.
//! - **I4** `watched` is set only while a sleeper ticks; it is cleared before that sleeper searches.

use std::time::Duration;

use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst, fence};
use crate::sync::{Mutex, lock};

/// How long the runtime may be unattended.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Where a worker lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bed {
    Driver,
    Sentinel,
    Deep,
}

/// What a sentinel does after a tick without news.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Sleep for another tick.
    Tick,
    /// Sleep until woken: everybody does.
    Doze,
    /// Get up: the driver is unattended.
    GetUp,
}

/// The beds of one runtime.
pub(crate) struct Idle {
    beds: Mutex<Beds>,
    /// How many workers are in bed.
    asleep: AtomicUsize,
    /// How many workers look for work in other queues.
    searching: AtomicUsize,
    /// Whether a sleeper ticks.
    watched: AtomicBool,
    /// Counts how often the driver was left, so that a sentinel sees whether it is attended.
    turns: AtomicUsize,
}

struct Beds {
    /// Workers that exist now.
    workers: usize,
    driver: Option<usize>,
    sentinel: Option<usize>,
    deep: Vec<usize>,
    /// The sentinel dozes.
    dozing: bool,
    /// The driver's sleeper ticks.
    driver_ticks: bool,
}

impl Idle {
    pub(crate) fn new(seats: usize) -> Idle {
        Idle {
            beds: Mutex::new(Beds {
                workers: 0,
                driver: None,
                sentinel: None,
                deep: Vec::with_capacity(seats),
                dozing: false,
                driver_ticks: false,
            }),
            asleep: AtomicUsize::new(0),
            searching: AtomicUsize::new(0),
            watched: AtomicBool::new(false),
            turns: AtomicUsize::new(0),
        }
    }

    /// A worker begins, or ends.
    pub(crate) fn joined(&self) {
        lock(&self.beds).workers += 1;
    }

    /// See [`Idle::joined`].
    pub(crate) fn left(&self) {
        lock(&self.beds).workers -= 1;
    }

    /// Announces that `worker` is about to sleep (I1). With the driver's bed comes how long its turn
    /// may last.
    pub(crate) fn lie_down(&self, worker: usize) -> (Bed, Option<Duration>) {
        let mut beds = lock(&self.beds);
        let asleep = self.asleep.fetch_add(1, SeqCst) + 1;
        let bed = beds.place(worker);
        beds.driver_ticks |= bed == Bed::Driver && beds.sentinel.is_none() && asleep < beds.workers;
        self.watched.store(beds.watched(), SeqCst);
        (bed, beds.driver_ticks.then_some(TICK))
    }

    /// `worker` got up from `bed`. `true`: somebody called it to work, and counted it as searching.
    /// With that comes whom to rouse, as a successor (I3).
    pub(crate) fn get_up(&self, worker: usize, bed: Bed) -> (bool, Option<usize>) {
        let mut beds = lock(&self.beds);
        let relied_upon = beds.watched();
        // The bed may be another by now: a deep sleeper that was made the sentinel.
        let left = beds.remove(worker);
        if left.is_some() {
            self.asleep.fetch_sub(1, SeqCst);
        }
        let drove = left.unwrap_or(bed) == Bed::Driver;
        if drove {
            self.turns.fetch_add(1, SeqCst);
        }
        let unattended = !beds.watched() && (relied_upon || drove);
        let rouse = unattended.then(|| beds.appoint(relied_upon)).flatten();
        self.watched.store(beds.watched(), SeqCst);
        (left.is_none(), rouse)
    }

    /// What the sentinel does after a tick; `turns` is what it saw the last time.
    pub(crate) fn watch(&self, turns: &mut usize) -> Watch {
        let mut beds = lock(&self.beds);
        let now = self.turns.load(SeqCst);
        let quiet = std::mem::replace(turns, now) == now;
        if quiet && beds.driver.is_none() {
            return Watch::GetUp;
        }
        if quiet && self.asleep.load(SeqCst) >= beds.workers {
            beds.dozing = true;
            self.watched.store(beds.watched(), SeqCst);
            return Watch::Doze;
        }
        Watch::Tick
    }

    /// Picks a sleeper to work, after a push. `None`: nobody sleeps, or somebody searches already.
    pub(crate) fn call(&self) -> Option<usize> {
        fence(SeqCst);
        if self.searching.load(SeqCst) > 0 || self.asleep.load(SeqCst) == 0 {
            return None;
        }
        let mut beds = lock(&self.beds);
        if self.searching.load(SeqCst) > 0 {
            return None;
        }
        let worker = beds.pick()?;
        self.asleep.fetch_sub(1, SeqCst);
        self.searching.fetch_add(1, SeqCst);
        self.watched.store(beds.watched(), SeqCst);
        Some(worker)
    }

    /// Whether `worker` is the sentinel: it was not called, and may have become it in its bed (I3).
    pub(crate) fn is_sentinel(&self, worker: usize) -> bool {
        lock(&self.beds).sentinel == Some(worker)
    }

    /// Whether a sleeper will look after a single job that was just pushed, one tick later at most.
    pub(crate) fn is_watched(&self) -> bool {
        fence(SeqCst);
        self.watched.load(SeqCst)
    }

    /// Whether the driver's bed is free: a busy worker may poll it in passing.
    pub(crate) fn driver_is_free(&self) -> bool {
        lock(&self.beds).driver.is_none()
    }

    /// How often the driver was left so far.
    pub(crate) fn turns(&self) -> usize {
        self.turns.load(SeqCst)
    }

    /// Begins to search, unless half of the workers do so already.
    pub(crate) fn start_search(&self) -> bool {
        let workers = lock(&self.beds).workers;
        if self.searching.load(SeqCst) * 2 >= workers.max(2) {
            return false;
        }
        self.searching.fetch_add(1, SeqCst);
        true
    }

    /// Whether somebody searches, who will look at the queues once more when that ends (I2).
    pub(crate) fn is_searched(&self) -> bool {
        self.searching.load(SeqCst) > 0
    }

    /// Ends a search. `true`: nobody searches now (I2).
    pub(crate) fn end_search(&self) -> bool {
        self.searching.fetch_sub(1, SeqCst) == 1
    }
}

impl Beds {
    fn place(&mut self, worker: usize) -> Bed {
        if self.driver.is_none() {
            self.driver = Some(worker);
            self.driver_ticks = false;
            return Bed::Driver;
        }
        if self.sentinel.is_none() {
            self.sentinel = Some(worker);
            self.dozing = false;
            return Bed::Sentinel;
        }
        self.deep.push(worker);
        Bed::Deep
    }

    /// Out of its bed, if it is in one still.
    fn remove(&mut self, worker: usize) -> Option<Bed> {
        if self.driver == Some(worker) {
            self.driver = None;
            self.driver_ticks = false;
            return Some(Bed::Driver);
        }
        if self.sentinel == Some(worker) {
            self.sentinel = None;
            self.dozing = false;
            return Some(Bed::Sentinel);
        }
        let at = self.deep.iter().position(|&deep| deep == worker)?;
        self.deep.swap_remove(at);
        Some(Bed::Deep)
    }

    /// Makes a sleeper tick and says whom to rouse for that (I3); the driver's, who gets up first,
    /// only if jobs may have been left to us.
    fn appoint(&mut self, jobs_too: bool) -> Option<usize> {
        self.sentinel = self.sentinel.or_else(|| self.deep.pop());
        self.dozing = false;
        self.sentinel.or(self.driver.filter(|_| jobs_too))
    }

    /// Deep sleepers first (I3), the driver's last: waking him costs most.
    fn pick(&mut self) -> Option<usize> {
        let worker = self.deep.last().copied().or(self.sentinel).or(self.driver)?;
        self.remove(worker);
        Some(worker)
    }

    fn watched(&self) -> bool {
        self.driver_ticks || (self.sentinel.is_some() && !self.dozing)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    /// Three workers in the three beds.
    fn all_asleep() -> Idle {
        let idle = Idle::new(3);
        (0..3).for_each(|_| idle.joined());
        let beds = [0, 1, 2].map(|worker| idle.lie_down(worker));
        let driver_ticks = Some(TICK); // as the others were awake
        assert_eq!(beds.map(|(bed, _)| bed), [Bed::Driver, Bed::Sentinel, Bed::Deep]);
        assert_eq!(beds[0].1, driver_ticks);
        idle
    }

    #[test]
    fn whoever_was_the_last_to_tick_appoints_a_successor() {
        let idle = all_asleep();
        assert_eq!(idle.get_up(0, Bed::Driver), (false, None), "the sentinel ticks");
        assert_eq!(idle.get_up(1, Bed::Sentinel), (false, Some(2)), "a deep one takes over");
        assert!(idle.is_sentinel(2) && idle.is_watched());
        assert_eq!(idle.get_up(2, Bed::Deep), (false, None), "nobody is left");
        assert!(!idle.is_watched());
    }

    #[test]
    fn a_sentinel_that_leaves_makes_the_drivers_sleeper_tick() {
        let idle = all_asleep();
        assert_eq!(idle.call(), Some(2));
        assert_eq!(idle.get_up(2, Bed::Deep), (true, None));
        assert_eq!(idle.get_up(0, Bed::Driver), (false, None));
        assert_eq!(idle.lie_down(0), (Bed::Driver, None), "the sentinel ticks");
        assert_eq!(idle.get_up(1, Bed::Sentinel), (false, Some(0)));
        assert_eq!(idle.get_up(0, Bed::Driver), (false, None));
        assert_eq!(idle.lie_down(0), (Bed::Driver, Some(TICK)));
        assert!(idle.end_search());
    }

    #[test]
    fn a_driver_that_leaves_rouses_the_sentinel_from_its_doze() {
        let idle = all_asleep();
        let mut turns = usize::MAX;
        assert_eq!(idle.watch(&mut turns), Watch::Tick);
        assert_eq!(idle.watch(&mut turns), Watch::Doze);
        assert_eq!(idle.get_up(0, Bed::Driver), (false, Some(1)));
        assert!(idle.is_watched());
    }
}
