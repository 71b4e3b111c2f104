//! A descriptor that becomes readable when a signal arrives.
//!
//! ```text
//!  kernel ─ signal ─▶ signal-hook-registry's handler ─▶ our action ─ write ─▶ line ─▶ reactor
//!                        │ (one table per process)       one per bell     one per bell
//!                        └─▶ everybody else's actions, and the handler that stood before
//! ```
//!
//! Nothing is shared between bells, so what becomes of one is nothing to the others.
//!
//! # Invariants
//!
//! - **B1** The action makes system calls that are allowed in a signal handler, and nothing else: no
//!   lock, no memory taken or given back, no panic. The registry keeps `errno`.
//! - **B2** The action ends before the line does: it owns a share of it, which the registry drops
//!   outside of any handler. So it never writes to a descriptor that is another's by then, nor to one
//!   that nobody reads.
//! - **B3** A process that was forked off has the same descriptors and the same handler. So the action
//!   looks whether it is in the process that made it.
//!
//! Not here: who waits for the line (`watch`, and the children of `process`).

use core::ffi::c_int;
use std::process;
use std::sync::Arc;

use signal_hook_registry::{FORBIDDEN, SigId, register, unregister};

use crate::hooks::Source;
use crate::io;

#[cfg(all(target_os = "linux", not(runtime_force_poll)))]
#[path = "bell/eventfd.rs"]
mod line;
#[cfg(not(all(target_os = "linux", not(runtime_force_poll))))]
#[path = "bell/pair.rs"]
mod line;

use line::Line;

/// Rings when a signal arrives, until it is dropped.
pub(crate) struct Bell {
    line: Arc<Line>,
    action: SigId,
}

impl Bell {
    /// Rings for the signal of this number, from now on.
    pub(crate) fn new(signal: i32) -> io::Result<Bell> {
        if FORBIDDEN.contains(&signal) {
            let text = "this signal cannot be listened for: the kernel ends or stops the process, or \
                        its cause would come again when a handler returned";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let line = Arc::new(Line::new()?);
        let action = on_signal(signal, line.clone())?;
        Ok(Bell { line, action })
    }

    /// What becomes readable. It is in non-blocking mode.
    pub(crate) fn source(&self) -> &Source {
        self.line.source()
    }

    /// Makes it quiet, if it was rung since the last time; else `WouldBlock`.
    pub(crate) fn hush(&self) -> io::Result<()> {
        self.line.hush()
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        unregister(self.action);
    }
}

/// Has `line` rung at each signal.
fn on_signal(signal: c_int, line: Arc<Line>) -> io::Result<SigId> {
    let process = process::id();
    let action = move || {
        // In a forked process this is somebody else's line (B3).
        if process::id() == process {
            line.ring();
        }
    };
    // SAFETY: the action calls `getpid` and `write`, both async-signal-safe, and reads memory that
    // does not change. It takes no lock and no memory, and it cannot panic: both calls answer plain
    // numbers, and the result of the second is dropped, which is no work (B1).
    unsafe { register(signal, action) }
}
