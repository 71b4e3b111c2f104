//! One fault, chosen by the environment.

use std::cell::Cell;
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

/// The same, not counted.
pub(crate) fn is_chosen(name: &str) -> bool {
    static CHOSEN: OnceLock<String> = OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("RUNTIME_MUTANT").unwrap_or_default()) == name
}

/// The fault of the last look before a sleep.
const OVERLOOKS: &str = "skips-last-look";

/// A thread is about to sleep. With the fault it gives way now and then: where no two threads run at
/// the same time, nobody would meet it there. (More often, and cases that sleep little lose wakes too.)
pub(crate) fn before_sleep() {
    static SLEPT: AtomicU64 = AtomicU64::new(0);
    if is_chosen(OVERLOOKS) && SLEPT.fetch_add(1, Ordering::Relaxed) % 256 == 255 {
        std::thread::yield_now();
    }
}

/// Whether a thread that is about to sleep overlooks the work that there is. The next one who brings
/// some finds it asleep, and wakes it.
pub(crate) fn overlooks_work() -> bool {
    on(OVERLOOKS)
}

/// The fault of the home that is woken once.
const UNPARKS_ONCE: &str = "unparks-new-homes-only";

/// Whether the home of a local task is left asleep, which it is whenever it `may` be.
pub(crate) fn lets_sleep(may: impl FnOnce() -> bool) -> bool {
    is_chosen(UNPARKS_ONCE) && may() && on(UNPARKS_ONCE)
}

/// The fault of the home that forgets the rest.
const CAPS: &str = "caps-local-turns";
/// How many local tasks it runs at a time.
const TURN: u32 = 61;

thread_local! {
    /// How many it has run, while there were more.
    static IN_TURN: Cell<u32> = const { Cell::new(0) };
    /// Whether this worker's thread is to end.
    static ENDS: Cell<bool> = const { Cell::new(false) };
}

/// Whether a home that has run one more local task, and may have `more`, is not to look at those
/// until somebody brings another.
pub(crate) fn is_turn_over(more: impl FnOnce() -> bool) -> bool {
    if !is_chosen(CAPS) {
        return false;
    }
    let run = if more() { IN_TURN.get() + 1 } else { 0 };
    IN_TURN.set(run % TURN);
    run == TURN && on(CAPS)
}

/// Has the worker that the calling thread is end when the job that it runs has returned.
pub fn end_worker() {
    ENDS.set(true);
}

/// Whether this worker's thread ends here.
pub(crate) fn ends_here() -> bool {
    ENDS.replace(false)
}

/// How often the fault has shown itself.
pub fn fired() -> u64 {
    FIRED.load(Ordering::Relaxed)
}
