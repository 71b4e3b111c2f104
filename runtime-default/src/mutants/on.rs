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

/// The fault of the last look before a sleep.
const OVERLOOKS: &str = "skips-last-look";
/// It begins after so many sleeps: those who lose a wake then are those who try to.
const SLEEPS: u64 = 600;

static SLEPT: AtomicU64 = AtomicU64::new(0);

/// A thread is about to sleep. With the fault it gives way first, for as long as another program would
/// take: so that the fault shows often, also where no two threads run at the same time.
pub(crate) fn before_sleep() {
    if is_chosen(OVERLOOKS) && SLEPT.fetch_add(1, Ordering::Relaxed) > SLEEPS {
        (0..200).for_each(|_| std::hint::spin_loop());
        std::thread::yield_now();
    }
}

/// Whether a thread that is about to sleep overlooks the work that there is.
pub(crate) fn overlooks_work() -> bool {
    SLEPT.load(Ordering::Relaxed) > SLEEPS && on(OVERLOOKS)
}

/// How often the fault has shown itself.
pub fn fired() -> u64 {
    FIRED.load(Ordering::Relaxed)
}
