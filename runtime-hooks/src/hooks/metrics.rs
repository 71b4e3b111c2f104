//! Figures about a runtime.

/// A snapshot of what a runtime counts. A figure is `None` where it does not.
///
/// Figures are read one after the other and need not agree with each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Tasks that were spawned and are neither finished nor dropped.
    pub tasks_alive: Option<u64>,
    /// Jobs on the run queues now.
    pub queue_depth: Option<u64>,
    /// Polls so far.
    pub polls: Option<u64>,
    /// Jobs that one worker took from another, so far.
    pub steals: Option<u64>,
    /// Times a worker went to sleep, so far.
    pub parks: Option<u64>,
    /// Deadlines waited for now.
    pub timers: Option<u64>,
    /// Sources registered now.
    pub sources: Option<u64>,
    /// Threads of the blocking pool now.
    pub blocking_threads: Option<u64>,
    /// Local tasks that had to be leaked because their home thread had ended, so far.
    pub leaked_local: Option<u64>,
}
