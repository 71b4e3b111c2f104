//! One fault, chosen by the environment.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static FIRED: AtomicU64 = AtomicU64::new(0);

/// Whether this process has the fault of this name. Asked where the fault would show, so that the
/// answers *yes* are counted.
#[allow(dead_code, reason = "used where there are faults")]
pub(crate) fn on(name: &str) -> bool {
    let is_chosen = is_chosen(name);
    FIRED.fetch_add(u64::from(is_chosen), Ordering::Relaxed);
    is_chosen
}

fn is_chosen(name: &str) -> bool {
    static CHOSEN: OnceLock<String> = OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("RUNTIME_MUTANT").unwrap_or_default()) == name
}

/// Holds a thread with the fault of this name up for a few microseconds, as another program might: it
/// then shows more often. Not counted.
pub(crate) fn dawdle(name: &str) {
    let spins = if is_chosen(name) { 200 } else { 0 };
    (0..spins).for_each(|_| std::hint::spin_loop());
}

/// How often the fault has shown itself.
pub fn fired() -> u64 {
    FIRED.load(Ordering::Relaxed)
}
