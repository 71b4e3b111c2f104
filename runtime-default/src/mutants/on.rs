//! One fault, chosen by the environment.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static FIRED: AtomicU64 = AtomicU64::new(0);

/// Whether this process has the fault of this name. Asked where the fault would show, so that the
/// answers *yes* are counted.
#[allow(dead_code, reason = "used where there are faults")]
pub(crate) fn on(name: &str) -> bool {
    static CHOSEN: OnceLock<String> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var("RUNTIME_MUTANT").unwrap_or_default());
    let is_chosen = chosen == name;
    FIRED.fetch_add(u64::from(is_chosen), Ordering::Relaxed);
    is_chosen
}

/// How often the fault has shown itself.
pub fn fired() -> u64 {
    FIRED.load(Ordering::Relaxed)
}
