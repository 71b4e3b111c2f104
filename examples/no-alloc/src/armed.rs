//! An allocator that ends the process once it is armed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[global_allocator]
pub(crate) static ARMED: Armed = Armed(AtomicBool::new(false));

/// The system's allocator until [`arm`](Armed::arm), nothing afterwards.
pub(crate) struct Armed(AtomicBool);

impl Armed {
    /// From here on, allocating aborts. (`std` itself allocates before `main`.)
    pub(crate) fn arm(&self) {
        self.0.store(true, Relaxed);
    }
}

// SAFETY: it is the system's allocator, or does not return.
unsafe impl GlobalAlloc for Armed {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.0.load(Relaxed) {
            let _ = rustix::io::write(rustix::stdio::stderr(), b"an allocation: abort\n");
            std::process::abort();
        }
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on; every block came from `System`.
        unsafe { System.dealloc(block, layout) };
    }
}
