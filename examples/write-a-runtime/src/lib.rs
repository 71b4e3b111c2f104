//! `pico`, the smallest correct runtime: how to write one, in four steps.
//!
//! Try it with `cargo run -p write-a-runtime`; read the files in this order:
//!
//! | file | hooks | what works then |
//! |---|---|---|
//! | `step1_tasks` | `Spawn`, `BlockOn` | `spawn`, join handles, channels, `Handle::block_on` |
//! | `step2_time` | `Timer` | `sleep`, `timeout`, `interval` |
//! | `step3_io` | `Reactor` | sockets, pipes, `io::Async` |
//! | `step4_entry` | – | `#[pico::main]`, `#[pico::test]` |
//!
//! One thread does everything: the one that is inside `block_on`.
//!
//! ```text
//!   block_on:  poll main ──▶ run the jobs ──▶ sleep until a bell, a deadline or a source ──┐
//!                 ▲                                                                        │
//!                 └──────────────────────── wake whoever waited ◀──────────────────────────┘
//! ```
//!
//! # What every runtime must get right, and where it is here
//!
//! - **P1** A wake from any thread ends the sleep, also one that comes just before it: `Bell`.
//! - **P2** Foreign code (wakers, destructors, futures) runs outside the lock, and a waker that
//!   panics takes nobody with it: `wake_all`.
//! - **P3** A timer never fires early, and an earlier deadline cuts a longer sleep short: step 2.
//! - **P4** Readiness is not lost between "would block" and the sleep: step 3.
//! - **P5** At the end each task is dropped once, nothing waits for ever, and new tasks are refused:
//!   `Shared::shut_down`.
//!
//! Not here: speed (each turn looks at all that waits), several threads, blocking closures (so no
//! host names in `connect`), Windows.

#![cfg(unix)]
#![forbid(unsafe_code)]

mod step1_tasks;
mod step2_time;
mod step3_io;
mod step4_entry;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread::ThreadId;

use runtime_traits::Handle;
use runtime_traits::hooks::{
    self, BlockOn, Info, Reactor, Runnable, Runtime, Tag, TaskList, Timer,
};
use runtime_traits::time::Instant;

pub use pico_macros::{main, test};
pub use step4_entry::entry;

use step3_io::{Bell, Watched};

/// The owner of a runtime: dropping it ends the runtime, whoever still has a handle.
pub struct Pico(Arc<Shared>);

impl Pico {
    /// A runtime that nobody drives yet: see [`Handle::block_on`].
    ///
    /// # Errors
    ///
    /// If there are no descriptors left for its bell.
    pub fn new() -> io::Result<Pico> {
        Ok(Pico(Arc::new(Shared {
            tag: Tag::new(),
            state: Mutex::default(),
            bell: Arc::new(Bell::new()?),
            tasks: TaskList::new(),
            polling: Mutex::new(()),
            start: std::time::Instant::now(),
        })))
    }

    /// The handle, as tasks see it by `Handle::current()`.
    pub fn handle(&self) -> Handle {
        Handle::from_arc(self.0.clone())
    }
}

impl Drop for Pico {
    fn drop(&mut self) {
        self.0.shut_down();
    }
}

/// What all handles lead to.
struct Shared {
    tag: Tag,
    state: Mutex<State>,
    bell: Arc<Bell>,
    /// Step 1: every task that lives, so that the end finds those that are parked.
    tasks: TaskList,
    /// Step 1: held while a task is polled.
    polling: Mutex<()>,
    /// Step 2: when the clock read zero.
    start: std::time::Instant,
}

/// What changes, under the one lock.
#[derive(Default)]
struct State {
    closed: bool,
    /// Step 1: jobs to run, and the thread that is inside `block_on` and runs them.
    jobs: VecDeque<Runnable>,
    seat: Option<ThreadId>,
    /// Step 2: deadlines, and whom to wake then.
    timers: BTreeMap<u64, (Instant, Waker)>,
    /// Step 3: sources, and whom to wake when they are ready.
    sources: BTreeMap<u64, Watched>,
    /// The last number given to a timer or source. None is used twice, so nothing stale hits.
    last: u64,
}

/// Three methods are required; each further getter is one more thing that works.
impl Runtime for Shared {
    fn tag(&self) -> &Tag {
        &self.tag
    }

    fn info(&self) -> Info {
        let ended = self.lock().closed;
        let state = if ended { hooks::State::ShutDown } else { hooks::State::Running };
        Info::new("pico").with_state(state)
    }

    fn spawner(&self) -> &dyn hooks::Spawn {
        self
    }

    fn block_on(&self) -> Option<&dyn BlockOn> {
        Some(self)
    }

    fn timer(&self) -> Option<&dyn Timer> {
        Some(self)
    }

    fn reactor(&self) -> Option<&dyn Reactor> {
        Some(self)
    }
}

impl Shared {
    /// Foreign code never runs under this lock, so a poisoned one would still guard sound data.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends everything: no new tasks, then no old tasks, then no waiters (P5).
    fn shut_down(&self) {
        let jobs = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.jobs)
        };
        self.drop_tasks(jobs);
        let (timers, sources) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.timers), std::mem::take(&mut state.sources))
        };
        wake_all(timers.into_values().map(|(_, waker)| waker));
        wake_all(sources.into_values().flat_map(|watched| watched.wakers).flatten());
    }
}

/// Wakes all, with no lock held (P2).
fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        let wake = std::panic::AssertUnwindSafe(|| waker.wake());
        let _ = std::panic::catch_unwind(wake);
    }
}
