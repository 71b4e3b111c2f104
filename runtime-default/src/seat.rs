//! The hooks of this runtime: what a `Handle` leads to.
//!
//! Every worker has a seat of its own in an `Arc` of its own, and one more is the outside's. They
//! share the tag, so they are one runtime; but each counts its own handles, so workers that spawn do
//! not contend for one counter.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use runtime_traits::hooks::{
    BlockOn, Blocking, Budget, Drive, Home, Info, LocalList, LocalRunnable, LocalTask, Metrics,
    Reactor, Runnable, Runtime, Spawn, SpawnLocal, State, Tag, Task, TaskList, Timer, Why,
};
use runtime_traits::{Handle, Refused};

use crate::block_on::Blocker;
use crate::budget::Counted;
use crate::shared::{Counts, Shared, SharedRef};
use crate::worker;

/// See the file's head.
pub(crate) struct Seat {
    blocker: Blocker,
}

impl Seat {
    /// A handle to this runtime, counted apart from all others.
    pub(crate) fn handle(shared: &SharedRef) -> Handle {
        Handle::from_arc(Arc::new(Seat { blocker: Blocker(shared.clone()) }))
    }

    #[inline]
    fn shared(&self) -> &Shared {
        &self.blocker.0
    }
}

impl Runtime for Seat {
    fn tag(&self) -> &Tag {
        &self.shared().tag
    }

    fn info(&self) -> Info {
        let shared = self.shared();
        Info::new("default").with_workers(shared.stations.len()).with_state(shared.state())
    }

    fn spawner(&self) -> &dyn Spawn {
        self.shared()
    }

    fn local_spawner(&self) -> Option<&dyn SpawnLocal> {
        Some(self.shared())
    }

    fn timer(&self) -> Option<&dyn Timer> {
        Some(self.shared().driver.timers())
    }

    fn reactor(&self) -> Option<&dyn Reactor> {
        Some(self.shared().driver.reactor())
    }

    fn driver(&self) -> Option<&dyn Drive> {
        Some(&self.shared().driver)
    }

    fn blocking(&self) -> Option<&dyn Blocking> {
        Some(&self.shared().pool)
    }

    fn block_on(&self) -> Option<&dyn BlockOn> {
        Some(&self.blocker)
    }

    fn budget(&self) -> Option<&dyn Budget> {
        Some(&Counted)
    }

    fn metrics(&self) -> Metrics {
        self.shared().metrics()
    }
}

impl Spawn for Shared {
    #[inline]
    fn schedule(&self, job: Runnable, _why: Why) {
        self.push(job);
    }

    #[inline]
    fn spawn(&self, task: Task) -> Result<(), (Task, Refused)> {
        if self.state() != State::Running {
            return Err((task, Refused::SHUT_DOWN));
        }
        self.push(task.into_runnable());
        Ok(())
    }

    fn tasks(&self) -> Option<&TaskList> {
        Some(&self.tasks)
    }
}

impl SpawnLocal for Shared {
    fn home(&self) -> Option<Home> {
        worker::station_here(self).map(|index| Home(index as u32))
    }

    fn spawn(&self, home: Option<Home>, task: LocalTask) -> Result<(), (LocalTask, Refused)> {
        if !task.is_settled() {
            if self.state() != State::Running {
                return Err((task, Refused::SHUT_DOWN));
            }
            self.push_unsettled(task.into_runnable());
            return Ok(());
        }
        let Some(home) = home.or_else(|| self.home()).filter(|home| self.is_home(*home)) else {
            return Err((task, Refused::NOT_HERE));
        };
        if self.state() != State::Running {
            return Err((task, Refused::SHUT_DOWN));
        }
        self.push_local(home, task.into_runnable());
        Ok(())
    }

    fn schedule(&self, home: Home, job: LocalRunnable, _why: Why) {
        self.push_local(home, job);
    }

    fn tasks(&self, home: Home) -> Option<&TaskList> {
        Some(&self.stations.get(home.0 as usize)?.settled)
    }

    fn locals(&self, home: Home) -> Option<&LocalList> {
        let (index, locals) = worker::home_here(self)?;
        (index == home.0 as usize).then_some(locals)
    }

    fn here(&self) -> Option<(Home, Option<&LocalList>)> {
        worker::home_here(self).map(|(index, locals)| (Home(index as u32), Some(locals)))
    }
}

impl Shared {
    fn is_home(&self, home: Home) -> bool {
        (home.0 as usize) < self.stations.len()
    }

    fn metrics(&self) -> Metrics {
        let sum = |figure: fn(&Counts) -> u64| {
            Some(self.stations.iter().map(|station| figure(&station.counts)).sum())
        };
        let mut metrics = Metrics::default();
        metrics.tasks_alive = Some(self.tasks_alive() as u64);
        metrics.queue_depth = Some(self.queue_depth() as u64);
        metrics.polls = sum(|counts| counts.polls.load(Relaxed));
        metrics.steals = sum(|counts| counts.steals.load(Relaxed));
        metrics.parks = sum(|counts| counts.parks.load(Relaxed));
        metrics.timers = Some(self.driver.timers().len() as u64);
        metrics.sources = Some(self.driver.reactor().len() as u64);
        metrics.blocking_threads = Some(self.pool.threads() as u64);
        metrics.leaked_local = Some(LocalRunnable::leaked());
        metrics
    }
}
