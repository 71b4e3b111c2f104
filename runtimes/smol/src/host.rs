//! The executor that polls our tasks, and who keeps it alive.
//!
//! Tasks hold handles, handles lead to here, and the executor holds its tasks: a circle, unless one
//! link gives. For an executor of our own it is opened when the runtime ends; one that is somebody
//! else's is not kept alive at all.

use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use smol::Executor;

/// Where the executor is.
pub(crate) enum Host {
    /// Ours, until the runtime ends. Read-locked for each spawn, so that none is under way after
    /// the end.
    Own(RwLock<Option<Arc<Executor<'static>>>>),
    /// Somebody's who may drop it.
    Theirs(Weak<Executor<'static>>),
    /// A program's.
    Static(&'static Executor<'static>),
}

/// An executor that stays while this does.
pub(crate) enum Held {
    Shared(Arc<Executor<'static>>),
    Static(&'static Executor<'static>),
}

impl Host {
    pub(crate) fn own() -> Host {
        Host::Own(RwLock::new(Some(Arc::new(Executor::new()))))
    }

    /// Calls `f` with the executor, if there still is one. `f` is short and calls nothing foreign.
    pub(crate) fn with(&self, f: impl FnOnce(&Executor<'static>)) -> Option<()> {
        match self {
            Host::Own(own) => own.read().unwrap_or_else(PoisonError::into_inner).as_deref().map(f),
            _ => self.hold().map(|executor| f(&executor)),
        }
    }

    /// The executor, for longer.
    pub(crate) fn hold(&self) -> Option<Held> {
        match self {
            Host::Own(own) => {
                own.read().unwrap_or_else(PoisonError::into_inner).clone().map(Held::Shared)
            }
            Host::Theirs(theirs) => theirs.upgrade().map(Held::Shared),
            Host::Static(executor) => Some(Held::Static(executor)),
        }
    }

    /// Takes our own executor out.
    pub(crate) fn take(&self) -> Option<Arc<Executor<'static>>> {
        match self {
            Host::Own(own) => own.write().unwrap_or_else(PoisonError::into_inner).take(),
            _ => None,
        }
    }

    /// Whether its owner has dropped it.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Host::Theirs(theirs) if theirs.strong_count() == 0)
    }
}

impl Deref for Held {
    type Target = Executor<'static>;

    fn deref(&self) -> &Executor<'static> {
        match self {
            Held::Shared(executor) => executor,
            Held::Static(executor) => executor,
        }
    }
}
