//! `humboldt`, a runtime that a team wrote for itself: three hundred lines on the hooks and on parts
//! that others made.
//!
//! ```
//! #[humboldt::main] // the only line that another runtime would change
//! async fn main() {
//!     let join = runtime_traits::spawn(async { 1 + 1 });
//!     assert_eq!(join.await.unwrap(), 2);
//! }
//! ```
//!
//! A scheduler is a queue and threads that empty it, and the exported [`Pool`] is both: a job that
//! yields is given back to it and queued again. One more pool, of one thread, turns the [`Driver`].
//!
//! ```text
//!   spawn, wake ──▶ Spawn::schedule ──▶ workers: Pool<Runnable> ──▶ Runnable::run
//!        ▲                                   ▲ │ yielded                │ waits for
//!        │                                   └─┘                        ▼
//!        └──────────── wakers ──────────── driving: Pool<_> ──▶ Driver: timers, sockets, Turbo
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | `lib.rs` | what all handles lead to, and the hooks it has |
//! | `owner.rs` | [`Runtime`], which starts and ends it; [`entry`], [`handle`], [`spawn`] |
//! | `network.rs` | Turbo, a transport of its own |
//!
//! # Invariants
//!
//! - **H1** A job is in the queue, or one thread runs it: what [`Pool::submit`] refuses and what a closed
//!   pool does not queue again is dropped, which cancels its task.
//! - **H2** `ended` is set before the driver is notified, and the driver's thread looks at it between
//!   turns; nobody else takes a turn, so nobody else can swallow that notification.
//! - **H3** No lock of this crate's is held while foreign code runs: it has one, around a `Weak`.
//!
//! # What this runtime declares
//!
//! - Threads start when they are first needed, and are named `humboldt-worker-0`,
//!   `humboldt-blocking-0`, `humboldt-driver-0`. Workers stay; blocking threads, at most 256, retire.
//!   If the system has no thread for the first worker, tasks are cancelled.
//! - A nested `block_on` on one of its workers is refused; in a blocking closure, in another
//!   `block_on`, or on another instance, it works.
//! - Dropped inside one of its own jobs it ends all the same; its threads follow.
//! - It has no local tasks, no budget, no flavour `current_thread`, and lends nobody its driver: those
//!   answer *unsupported*.
//! - Linux only: Turbo's names are the kernel's abstract ones.
//!
//! Not here: stealing, a queue per worker, a turn by the worker that would sleep; `runtime-default`
//! has those.

#![forbid(unsafe_code)]
#![cfg(target_os = "linux")]

pub mod network;
mod owner;

use std::any::{Any, TypeId};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Weak};

use runtime_default::parts::{Driver, Pool, park_on};
use runtime_traits::hooks::{self, Info, Metrics, Runnable, State, Tag, Task, TaskList, Why};
use runtime_traits::{Handle, Refused};

pub use humboldt_macros::{main, test};
pub use owner::{Runtime, entry, handle, spawn};

/// What all handles lead to.
struct Shared {
    /// Itself, for handles.
    me: Weak<Shared>,
    tag: Tag,
    ended: AtomicBool,
    /// How many workers there may be.
    count: usize,
    /// Every task that lives, so that the end finds those that are parked.
    tasks: TaskList,
    workers: Pool<Runnable>,
    blocking: Pool<Task>,
    driver: Driver,
    /// Its only thread turns the driver.
    driving: Pool<Arc<Shared>>,
}

impl Shared {
    fn handle(&self) -> Handle {
        Handle::from_arc(self.me.upgrade().expect("whoever calls this holds it"))
    }
}

/// Three methods are required; each further getter is one more thing that works.
impl hooks::Runtime for Shared {
    fn tag(&self) -> &Tag {
        &self.tag
    }

    fn info(&self) -> Info {
        let state = if self.ended.load(SeqCst) { State::ShutDown } else { State::Running };
        Info::new("humboldt").with_workers(self.count).with_state(state)
    }

    fn spawner(&self) -> &dyn hooks::Spawn {
        self
    }

    fn block_on(&self) -> Option<&dyn hooks::BlockOn> {
        Some(self)
    }

    fn blocking(&self) -> Option<&dyn hooks::Blocking> {
        Some(&self.blocking)
    }

    fn timer(&self) -> Option<&dyn hooks::Timer> {
        Some(self.driver.timers())
    }

    fn reactor(&self) -> Option<&dyn hooks::Reactor> {
        Some(self.driver.reactor())
    }

    /// Takes Turbo's addresses; for all others the ready-made sockets are used, over the reactor.
    fn net(&self) -> Option<&dyn hooks::Net> {
        Some(self)
    }

    /// How [`handle`] knows a humboldt when it is current.
    fn query(&self, id: TypeId) -> Option<&dyn Any> {
        (id == TypeId::of::<Shared>()).then_some(self)
    }

    fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::default();
        metrics.tasks_alive = Some(self.tasks.len() as u64);
        metrics.queue_depth = Some(self.workers.queued() as u64);
        metrics.timers = Some(self.driver.timers().len() as u64);
        metrics.sources = Some(self.driver.reactor().len() as u64);
        metrics.blocking_threads = Some(self.blocking.threads() as u64);
        metrics
    }
}

impl hooks::Spawn for Shared {
    fn schedule(&self, job: Runnable, _why: Why) {
        let refused = self.workers.submit(job);
        drop(refused); // H1
    }

    fn tasks(&self) -> Option<&TaskList> {
        Some(&self.tasks)
    }
}

impl hooks::BlockOn for Shared {
    fn block_on(&self, main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        if self.ended.load(SeqCst) {
            return Err(Refused::SHUT_DOWN);
        }
        if self.workers.is_here() || self.driving.is_here() {
            return Err(Refused::NOT_HERE);
        }
        park_on(main);
        Ok(())
    }
}
