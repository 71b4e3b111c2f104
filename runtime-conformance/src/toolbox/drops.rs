//! Destructors that do something, and calls that must return.

use crate::watchdog;

/// Calls what it holds when it is dropped.
pub struct AtDrop(Option<Box<dyn FnOnce() + Send>>);

impl AtDrop {
    /// Will call `act` once.
    pub fn new(act: impl FnOnce() + Send + 'static) -> AtDrop {
        AtDrop(Some(Box::new(act)))
    }
}

impl Drop for AtDrop {
    fn drop(&mut self) {
        if let Some(act) = self.0.take() {
            act();
        }
    }
}

impl std::fmt::Debug for AtDrop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AtDrop").field(&self.0.is_some()).finish()
    }
}

/// Calls `call`; if it does not return, the hang is reported as `what`.
pub fn within_watchdog<R>(what: &str, call: impl FnOnce() -> R) -> R {
    let _waiting = watchdog::during(what);
    call()
}
