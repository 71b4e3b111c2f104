//! A line that is an eventfd.

use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};

use crate::hooks::Source;
use crate::io;

/// One descriptor, both ends.
pub(super) struct Line(Source);

impl Line {
    pub(super) fn new() -> io::Result<Line> {
        Ok(Line(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    pub(super) fn source(&self) -> &Source {
        &self.0
    }

    /// Called in a signal handler. A full one is readable already.
    pub(super) fn ring(&self) {
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Empties it; `WouldBlock` if it was empty.
    pub(super) fn hush(&self) -> io::Result<()> {
        let mut count = [0; 8];
        rustix::io::read(&self.0, &mut count)?;
        Ok(())
    }
}
