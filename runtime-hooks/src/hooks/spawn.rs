//! Where tasks go.

use super::Place;
use crate::Refused;
use crate::task::{Runnable, Task, TaskList};

/// Why a job is handed to [`Spawn::schedule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It is new.
    Spawned,
    /// It was woken.
    Woken,
    /// It is to be dropped, not polled: aborted, or nobody is left who could wake it.
    Cancelled,
}

/// Takes tasks and runs them.
///
/// A runtime with queues of its own writes [`schedule`](Spawn::schedule) alone. One that hosts our
/// tasks in another executor's tasks overrides [`spawn`](Spawn::spawn) and hands the
/// [`Task`], which is a future, to its host; its `schedule` is then never called, because the
/// host's own waker is used.
///
/// # Contract
///
/// - **TASK-1** (must) Every accepted task is polled at least once while the runtime is driven,
///   without anyone awaiting its handle.
/// - **TASK-2** (must) Neither `spawn` nor `schedule` polls or drops the task on the caller's stack.
/// - **TASK-7** (must) Both work from a poll, a destructor, a waker, a blocking closure, a plain
///   thread, and a thread of another runtime.
/// - **TASK-8** (should) A task that waits is not polled without a wake, or few times for each.
/// - **WAKE-7** (must) No foreign code (a waker, a destructor) runs while an internal lock is held.
/// - **FAIR-1** (must) A task that always wakes itself does not starve other ready tasks.
/// - **FAIR-3** (must) Neither do two that wake each other.
/// - **FAIR-5** (should) Where there are several workers, tasks behind a poll that takes long are run
///   by another one. The root future and tasks take turns.
/// - **WAKE-3** (must) Of any sequence of wakes, the last one leads to a poll: whoever says "I sleep"
///   looks at the queue afterwards.
/// - **WAKE-5** (must) Wakers may be used while the runtime ends, and after. That brings no task back
///   and keeps no memory.
/// - **WAKE-8** (must) A wake neither polls nor drops a task before it returns, also at the end, so that
///   no chain of wakes needs a stack of its own length.
/// - **SHUTDOWN-3** (must) During and after shutdown `spawn` gives the task back or drops it; its
///   handle resolves *cancelled*.
///
/// Left open on purpose: the order in which tasks run, and the thread.
pub trait Spawn: Send + Sync {
    /// Puts `job` on a run queue. Infallible, because a wake cannot be refused: a runtime with a
    /// bound reserves the place in `spawn`. Dropping `job` cancels its task.
    ///
    /// May be called after the end, by a late abort: the job is dropped then, because a job that stays
    /// in a queue keeps the runtime alive with it.
    fn schedule(&self, job: Runnable, why: Why);

    /// Takes a new task, or gives it back with the reason. A runtime that can end overrides this, to
    /// refuse tasks from then on.
    ///
    /// # Errors
    ///
    /// [`Refused`] when the runtime is shutting down or full.
    fn spawn(&self, task: Task) -> Result<(), (Task, Refused)> {
        self.schedule(task.into_runnable(), Why::Spawned);
        Ok(())
    }

    /// The list that new tasks join, so that shutdown finds those that are parked. `None` for hosts,
    /// whose own tasks hold ours.
    fn tasks(&self) -> Option<&TaskList> {
        None
    }

    /// Memory for task cells. `None` means the heap.
    fn place(&self) -> Option<&dyn Place> {
        None
    }
}
