//! The owner of a runtime: starts its threads, and ends it.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_traits::hooks::Task;
use runtime_traits::task::JoinHandle;
use runtime_traits::{Handle, time};

use crate::builder::{Builder, Flavor};
use crate::contain::contain;
use crate::driver::Driver;
use crate::pool::{Pool, PoolConfig, ThreadHook};
use crate::seat::Seat;
use crate::shared::{Shared, SharedRef};
use crate::sync::{join_until, nap, now, thread};
use crate::{mutants, worker};

/// A runtime, and its threads.
///
/// Dropping it ends it: tasks are dropped where they wait, their handles resolve *cancelled*, and the
/// drop returns when the threads have ended, blocking closures that run included. Dropped *inside*
/// one of its own tasks or blocking closures, it cannot wait for itself: it ends all the same, and
/// the threads follow when their last poll returns.
///
/// ```
/// let runtime = runtime_default::Runtime::new().unwrap();
/// let join = runtime.spawn(async { 6 * 7 });
/// assert_eq!(runtime.block_on(join).unwrap(), 42);
/// ```
pub struct Runtime {
    handle: Handle,
    shared: SharedRef,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Runtime {
    /// A work-stealing runtime with the [`Builder`]'s defaults.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new() -> io::Result<Runtime> {
        Builder::new().build()
    }

    pub(crate) fn start(builder: Builder) -> io::Result<Runtime> {
        let ours = builder.flavor == Flavor::MultiThread;
        let stations = builder.stations();
        let shared = Shared::new(stations, ours, Driver::new()?, blocking_pool(&builder));
        let shared = Arc::new(shared);
        let mut runtime = Runtime {
            handle: Seat::handle(&shared),
            shared,
            threads: Vec::with_capacity(stations),
        };
        if ours {
            for number in 0..stations {
                // If this one cannot start, dropping `runtime` ends those before it.
                runtime.threads.push(start_worker(&runtime.shared, &builder, number)?);
            }
        }
        Ok(runtime)
    }

    /// A handle, for code that runs elsewhere. It does not keep the threads alive.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Starts a task on this runtime.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Runs `future` to its end on this thread, which becomes a worker meanwhile if the runtime has
    /// no threads of its own.
    ///
    /// # Panics
    ///
    /// With the future's panic; and if this thread is inside one of this runtime's workers: a nested
    /// call cannot work there ([`Handle::block_on`] says so instead).
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.handle.block_on(future) {
            Ok(output) => output,
            Err(error) => panic!("{error}"),
        }
    }

    /// Lends this thread to a runtime with [lent threads](Builder::lent_threads) until `until` is
    /// ready.
    ///
    /// If as many threads as it has stations are lent already, this one waits for a free one.
    ///
    /// # Panics
    ///
    /// As [`block_on`](Runtime::block_on), which does the same.
    #[track_caller]
    pub fn run<F: Future>(&self, until: F) -> F::Output {
        self.block_on(until)
    }

    /// Ends the runtime gracefully: new tasks are refused, those that are there have `limit` to
    /// finish; then they are dropped. Blocking closures share the limit; after it, they are left to
    /// end by themselves.
    ///
    /// `true` if everything finished in time. With a limit of zero this does not wait.
    pub fn shutdown_timeout(mut self, limit: Duration) -> bool {
        let deadline = now().checked_add(limit);
        self.shared.drain();
        let drained = limit.is_zero() || self.wait_for_tasks(limit);
        let empty = drained && self.shared.tasks_alive() == 0;
        self.end(deadline.or_else(|| Some(far_away()))) && empty
    }

    /// Ends the runtime without waiting for anything: parked tasks are dropped here, the rest when
    /// its poll returns.
    pub fn shutdown_background(mut self) {
        self.end(Some(now()));
    }

    /// Drives, or lets the workers drive, until no task is left. `false`: the limit came first.
    fn wait_for_tasks(&self, limit: Duration) -> bool {
        let shared = self.shared.clone();
        let empty = async move {
            let mut delay = Duration::from_micros(50);
            while shared.tasks_alive() > 0 {
                time::sleep(delay).await;
                delay = (delay * 2).min(Duration::from_millis(5));
            }
        };
        let wait = self.handle.enter(|| self.handle.block_on(time::timeout(limit, empty)));
        matches!(wait, Ok(Ok(())))
    }

    /// Ends everything; waits until `deadline`, without one as long as it takes. `false`: something
    /// still runs.
    fn end(&mut self, deadline: Option<Instant>) -> bool {
        let shared = self.shared.clone();
        shared.stop();
        // Also before the threads are joined: a worker may wait for what a parked task holds.
        shared.drop_tasks();
        let queued = shared.pool.close();
        drop(queued);
        let ended = self.join_workers(deadline);
        shared.drop_tasks();
        let ended = ended && !shared.pool.is_here() && self.wait_for_the_last(deadline);
        shared.finish();
        shared.pool.join(deadline) && ended
    }

    /// Waits for the tasks that somebody holds: a lent thread in the middle of a poll, or a wake that
    /// has begun and not yet brought its job, or a blocking closure that runs.
    fn wait_for_the_last(&self, deadline: Option<Instant>) -> bool {
        while !self.shared.tasks.is_empty() {
            if deadline.is_some_and(|deadline| now() >= deadline) {
                return false;
            }
            nap();
            self.shared.drain_injector();
        }
        true
    }

    fn join_workers(&mut self, deadline: Option<Instant>) -> bool {
        let threads = std::mem::take(&mut self.threads);
        if worker::is_inside(&self.shared) {
            return false; // inside one of them: they end by themselves
        }
        threads.into_iter().all(|thread| join_until(thread, deadline))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if !self.shared.is_stopped() {
            self.end(None);
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("info", &self.handle.info()).finish_non_exhaustive()
    }
}

/// A deadline that nobody lives to see.
fn far_away() -> Instant {
    now() + Duration::from_secs(86_400 * 365)
}

fn start_worker(
    shared: &SharedRef,
    builder: &Builder,
    number: usize,
) -> io::Result<thread::JoinHandle<()>> {
    let shared = shared.clone();
    let (start, stop) = (builder.on_thread_start.clone(), builder.on_thread_stop.clone());
    thread::Builder::new().name((builder.thread_name)(number)).spawn(move || {
        let _hooks = Hooks::new(start, stop);
        let Some(station) = shared.take_station() else { return };
        Seat::handle(&shared).enter(|| worker::work(&shared, station, None));
    })
}

/// Calls the thread hooks, the second on every way out.
struct Hooks(Option<ThreadHook>);

impl Hooks {
    fn new(start: Option<ThreadHook>, stop: Option<ThreadHook>) -> Hooks {
        if let Some(start) = start {
            contain(|| start()); // a worker that is missing would be a hang
        }
        Hooks(stop)
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        if let Some(stop) = &self.0 {
            contain(|| stop());
        }
    }
}

/// The pool for closures that block.
fn blocking_pool(builder: &Builder) -> Pool<Task> {
    let name = builder.thread_name.clone();
    let impatient = mutants::on("E-11");
    Pool::new(PoolConfig {
        max_threads: builder.max_blocking_threads,
        keep_alive: if impatient { Duration::ZERO } else { builder.blocking_keep_alive },
        name: Arc::new(move |number| format!("{}-blocking", name(number))),
        on_start: builder.on_thread_start.clone(),
        on_stop: builder.on_thread_stop.clone(),
        run: |job| {
            let _ = job.into_runnable().run(); // it is finished at its first poll
            None
        },
    })
}
