//! Spawning at home, with everything asked once.

use core::fmt;
use core::future::Future;

use super::{LocalList, LocalTask};
use crate::hooks::{Home, SpawnLocal};
use crate::task::{JoinHandle, Meta};
use crate::{Handle, Unsupported};

/// The calling thread as a home of a runtime: where it spawns local tasks.
///
/// For front ends. It is found anew for each task, for a thread may cease to be a home.
pub struct LocalHome<'a> {
    rt: &'a Handle,
    spawner: &'a dyn SpawnLocal,
    home: Home,
    /// The runtime's, as its hook answered.
    list: Option<&'a LocalList>,
}

impl<'a> LocalHome<'a> {
    /// `None` if this thread is no home of the runtime, or that has no local tasks.
    #[inline]
    pub fn find(rt: &'a Handle) -> Option<LocalHome<'a>> {
        let spawner = rt.runtime().local_spawner()?;
        let (home, list) = spawner.here()?;
        Some(LocalHome { rt, spawner, home, list })
    }

    /// Spawns a task for `future`. If the runtime takes none, its handle resolves with the reason.
    ///
    /// # Errors
    ///
    /// As [`Task::new`](crate::task::Task::new).
    #[inline]
    pub fn spawn<F>(self, meta: Meta, future: F) -> Result<JoinHandle<F::Output>, Unsupported>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let LocalHome { rt, spawner, home, list } = self;
        // SAFETY: the list is what a hook of this runtime answered (`find`).
        let (task, join) = unsafe { LocalTask::new_at(rt, meta, home, list, future) }?;
        if let Err((task, refused)) = spawner.spawn(Some(home), task) {
            task.refuse(refused);
        }
        Ok(join)
    }
}

impl fmt::Debug for LocalHome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalHome").field(&self.home).finish()
    }
}
