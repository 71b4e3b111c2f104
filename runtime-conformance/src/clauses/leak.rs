//! Leaks.
//!
//! LEAK-1 and LEAK-3 are also looked at after every case of the suite, whatever it was about. The cases
//! here make what leaks most easily: cycles, things that outlive their runtime, and operations that
//! were given up.

mod cycles;
pub(super) mod growth;
mod operations;
mod sockets;

use std::thread;
use std::time::Duration;

use crate::Cap;
use crate::case::{Case, Untested};
use crate::toolbox::{WakerLab, within_watchdog};

pub(crate) const CASES: &[Case] = &[
    Case::new("LEAK-1", cycles::leak_1_cycles_end_with_the_runtime)
        .part("cycles", "are tasks dropped that own their own waker, handle or runtime?"),
    Case::new("LEAK-1", cycles::leak_1_what_outlives_the_runtime_is_released).part(
        "late",
        "is everything released that is dropped after the end, or was given up before?",
    ),
    Case::new("LEAK-2", operations::leak_2_tasks_and_timers_keep_no_waker),
    Case::new("LEAK-2", operations::leak_2_sockets_keep_no_waker)
        .part("sockets", "does a socket let go of the waker of an operation that ended?")
        .needs(&[Cap::Fd, Cap::Tcp, Cap::Udp]),
    Case::new("LEAK-3", sockets::leak_3_descriptors_come_and_go).needs(&[Cap::Fd, Cap::Tcp]),
    Case::new("LEAK-4", growth::leak_4_memory_and_threads_are_flat),
];

pub(crate) const UNTESTED: &[Untested] = &[];

/// Blocks until nobody holds a waker of `lab`: threads that were told to end may take a moment.
fn wait_until_released(lab: &WakerLab, what: &str) {
    within_watchdog(what, || {
        while lab.alive() > 0 {
            thread::sleep(Duration::from_micros(200)); // orders nothing: the count does
        }
    });
}
