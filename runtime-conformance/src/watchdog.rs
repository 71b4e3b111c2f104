//! Ends a case that hangs, and says what it was waiting for.
//!
//! The parent gives each child a limit. Inside the child a thread of this module waits for it and
//! then speaks for the thread that cannot; if not even that thread runs (the process is stopped), the
//! parent kills the child a little later. There is no other upper bound on time in the suite.

use std::io::Write;
use std::process;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What a case is allowed on a machine where a thread hop takes [`HOP`].
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// A generous hop between two threads of an idle machine.
const HOP: Duration = Duration::from_micros(50);
const HOPS: u32 = 100;
/// The status of a child that gave up, for people; the parent goes by the verdict line.
const HANG: i32 = 124;

static DEADLINE: OnceLock<Instant> = OnceLock::new();
static WAITING_FOR: Mutex<String> = Mutex::new(String::new());

/// Starts the watchdog of this process.
pub(crate) fn start(limit: Duration) {
    let deadline = *DEADLINE.get_or_init(|| Instant::now() + limit);
    thread::spawn(move || {
        thread::sleep(deadline.saturating_duration_since(Instant::now()));
        give_up(&WAITING_FOR.lock().unwrap_or_else(PoisonError::into_inner));
    });
}

/// When waiting has to end; in a process without a watchdog, [`LIMIT`] after the first question.
pub(crate) fn deadline() -> Instant {
    *DEADLINE.get_or_init(|| Instant::now() + LIMIT)
}

/// Notes what the case waits for from now on, for the verdict of a hang.
pub(crate) fn waiting_for(what: &str) {
    *WAITING_FOR.lock().unwrap_or_else(PoisonError::into_inner) = what.to_owned();
}

/// Says that `what` did not come, and ends the process.
///
/// No panic: whoever waits may stand in a poll or a destructor, where a panic is contained and the
/// case would go on.
pub(crate) fn give_up(what: &str) -> ! {
    speak("hang", what);
    process::exit(HANG);
}

/// What a line with a verdict starts with.
pub(crate) const MARK: &str = "conformance-verdict: ";

/// Writes a verdict where the parent reads it, on a line of its own.
pub(crate) fn speak(verdict: &str, text: &str) {
    let text = text.replace('\n', "\u{21b5}");
    let mut out = std::io::stdout().lock();
    // Nobody is left to tell if this fails; the parent then sees a child without a verdict.
    let _ = writeln!(out, "\n{MARK}{verdict} {text}").and_then(|()| out.flush());
}

/// How much slower than expected this machine is just now: 1 to 10.
pub(crate) fn calibration() -> f64 {
    let (ping, pinged) = std::sync::mpsc::sync_channel::<()>(0);
    let (pong, ponged) = std::sync::mpsc::sync_channel::<()>(0);
    let echo = thread::spawn(move || pinged.iter().try_for_each(|()| pong.send(())));
    let start = Instant::now();
    for _ in 0..HOPS {
        let _ = ping.send(());
        let _ = ponged.recv();
    }
    let took = start.elapsed();
    drop(ping);
    let _ = echo.join();
    (took.as_secs_f64() / (HOP * 2 * HOPS).as_secs_f64()).clamp(1.0, 10.0)
}
