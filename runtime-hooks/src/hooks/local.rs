//! Tasks that stay on one thread.

use super::Why;
use crate::Refused;
use crate::task::{LocalList, LocalRunnable, LocalTask, TaskList};

/// A thread's place in a runtime, as the runtime numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Home(pub u32);

/// Takes tasks whose future is not `Send`.
///
/// # Contract
///
/// - **LOCAL-1** (must) A local task is polled on its home thread only. (The cell checks the thread
///   itself and refuses to run elsewhere: a wrong answer of `home` is a bug, not unsoundness.)
/// - **LOCAL-2** (must) It is dropped there too, or leaked if the thread has ended; so is an output
///   that nobody will take.
/// - **LOCAL-3** (must) A wake from another thread unparks the home thread.
/// - **LOCAL-4** (must) Accepted at any time on the home thread; every queued task runs.
/// - **LOCAL-5** (must) Elsewhere a local task is refused at once, and its future dropped.
/// - **LOCAL-6** (must) When a home ends, each of its tasks is dropped once, and that comes to an end
///   although destructors wake, abort and spawn; also in a thread-local destructor.
pub trait SpawnLocal: Send + Sync {
    /// The home that the calling thread is, if it is one.
    fn home(&self) -> Option<Home>;

    /// Takes a new task for `home`, or for the calling thread. A task that is nobody's
    /// ([`LocalTask::is_settled`]) comes without a home: it may go to any, also from a thread that is
    /// none, and its closure runs there, not here (LOCAL-7). Until a thread takes it
    /// ([`LocalRunnable::settle`]) it is on no list; and it should wait where every home finds it, not
    /// behind what one of them does.
    ///
    /// # Errors
    ///
    /// Gives it back with the reason.
    fn spawn(&self, home: Option<Home>, task: LocalTask) -> Result<(), (LocalTask, Refused)>;

    /// Puts `job` on the queue of `home`, from any thread. If that thread has ended, call
    /// [`LocalRunnable::leak`]. A home does not end ([`LocalList::close`]) while a job for one of its
    /// lodgers is under way.
    fn schedule(&self, home: Home, job: LocalRunnable, why: Why);

    /// The list that new tasks of `home` join, so that the thread finds those that are parked when
    /// it leaves: it then calls [`TaskList::cancel_all`]. `None` for hosts.
    fn tasks(&self, home: Home) -> Option<&TaskList> {
        let _ = home;
        None
    }

    /// The list that new tasks of `home` join *instead*, if the calling thread has opened it. On their
    /// thread such tasks do without atomic read-modify-writes; and so does `schedule` there, if the
    /// runtime has a plain queue for what comes from the home thread itself.
    ///
    /// `None`, for hosts and runtimes that do not care, gives tasks whose state everybody may change.
    fn locals(&self, home: Home) -> Option<&LocalList> {
        let _ = home;
        None
    }

    /// What [`home`](SpawnLocal::home) and [`locals`](SpawnLocal::locals) answer here, asked at once:
    /// every spawn begins with it. A runtime that finds both in one place may answer both from there.
    fn here(&self) -> Option<(Home, Option<&LocalList>)> {
        let home = self.home()?;
        Some((home, self.locals(home)))
    }
}
