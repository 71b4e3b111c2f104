//! Closures that block a thread.

use crate::Refused;
use crate::task::Task;

/// What a blocking job will do, as far as its author knows: a hint for sizing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Kind {
    /// A system call that ends soon: a file read, a name look-up.
    #[default]
    ShortIo,
    /// One that may wait long: reading a terminal, waiting for a process.
    LongIo,
    /// Computing.
    Cpu,
    /// It keeps its thread for as long as the program runs.
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
pub trait Blocking: Send + Sync {
    /// Takes a job.
    ///
    /// # Errors
    ///
    /// Gives it back with the reason: shutting down, or no thread could be started.
    fn spawn(&self, job: Task, kind: Kind) -> Result<(), (Task, Refused)>;
}
