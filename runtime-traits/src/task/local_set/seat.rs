//! Who listens to the queue of a set (L1 of `inside`).

use core::task::Waker;

use super::inside::Inside;

/// A listener's place, given up when dropped.
pub(super) struct Seat<'a> {
    pub(super) inside: &'a Inside,
    pub(super) number: u64,
}

impl Seat<'_> {
    /// Listens for jobs; `false`: there is one (L1).
    pub(super) fn take(&self, waker: &Waker) -> bool {
        let listener = (self.number, waker.clone());
        let refused = self.inside.with(|queue| match queue.jobs.is_empty() {
            true => {
                queue.listeners.push(listener);
                None
            }
            false => Some(listener),
        });
        refused.is_none()
    }

    pub(super) fn leave(&self) {
        let gone = self.inside.with(|queue| {
            let place = queue.listeners.iter().position(|(number, _)| *number == self.number)?;
            Some(queue.listeners.swap_remove(place))
        });
        drop(gone); // a waker is foreign code (L2)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}
