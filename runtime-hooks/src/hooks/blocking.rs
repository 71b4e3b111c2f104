//! Closures that block a thread.

use crate::Refused;
use crate::task::Task;

/// What a blocking job will do, as far as its author knows. Each kind is a *lane*: jobs of one wait for
/// those of their own, and keep the other kinds from nothing (BLOCKING-8).
///
/// How many threads a lane may have is the runtime's decision. runtime-default's threads are shared: a
/// free one takes short jobs first, then long ones, then computations, and every eighth time the
/// oldest, so that no lane starves another. A runtime whose host knows no kinds (runtime-tokio,
/// runtime-smol) runs the first three alike, side by side.
///
/// ```text
///  lane        threads that it may hold, in runtime-default
///  ShortIo     all
///  LongIo      three quarters of them
///  Cpu         as many as there are processors
///  Dedicated   one of its own for each job, besides: neither counted nor waited for
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Kind {
    /// A system call that ends soon: a file read, a name look-up. Others wait behind it.
    #[default]
    ShortIo,
    /// One that may wait long, for somebody else: reading a terminal, waiting for a process or for the
    /// lock of a file.
    LongIo,
    /// Computing: sorting, hashing, compressing. More of these at a time than there are processors only
    /// slow each other down.
    Cpu,
    /// It keeps its thread for long, perhaps for as long as the program runs: serving a queue, or a
    /// library that wants a thread of its own. The runtime's end does not wait for it (BLOCKING-9).
    Dedicated,
}

/// Runs jobs that block, away from the threads that poll tasks.
///
/// The job is a [`Task`] that finishes at its first poll: `job.into_runnable().run()` on a thread
/// that may block is all there is to do.
///
/// # Contract
///
/// - **BLOCKING-1** (must) Jobs run off the workers, at least two at a time unless declared.
/// - **BLOCKING-2** (must) What a job returns, or panics with, reaches its own handle, and the thread
///   goes on.
/// - **BLOCKING-3** (must) Dropping the handle neither stops a started job nor waits for it.
/// - **BLOCKING-4** (must) Threads are bounded by a documented limit; what exceeds it queues and
///   runs later.
/// - **BLOCKING-5** (must) Work submitted while an idle thread retires is not stranded.
/// - **BLOCKING-6** (must) If no thread can be started, the job runs later or comes back.
/// - **BLOCKING-7** (must) In a job the runtime is current: it can spawn, wait for timers, and block on
///   futures.
/// - **BLOCKING-8** (must) A full lane stops no other: jobs of one kind, while they are no more than
///   three quarters of the threads there may be, keep none of another waiting.
/// - **BLOCKING-9** (must) A dedicated job holds up no end: a shutdown does not wait for it.
pub trait Blocking: Send + Sync {
    /// Takes a job.
    ///
    /// # Errors
    ///
    /// Gives it back with the reason: shutting down, or no thread could be started.
    fn spawn(&self, job: Task, kind: Kind) -> Result<(), (Task, Refused)>;
}
