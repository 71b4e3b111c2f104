//! Ends a case that hangs, and says what it was waiting for.
//!
//! The parent gives each child a limit. Inside the child a thread of this module waits for it and
//! then speaks for the threads that cannot; if not even that thread runs (the process is stopped),
//! the parent kills the child a little later. There is no other upper bound on time in the suite.
//!
//! It is also the way in which a child speaks: a line that starts with a mark and a word that only
//! this run knows, so that whatever else the runtime prints is not taken for a verdict.

use std::env;
use std::io::Write;
use std::process;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::toolbox::kernel;
use crate::twist;

/// What a case is allowed on a machine where a thread hop takes [`HOP`].
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// A generous hop between two threads of an idle machine.
const HOP: Duration = Duration::from_micros(50);
const HOPS: u32 = 50;
/// A generous start and end of a small process.
const START: Duration = Duration::from_millis(20);
/// The status of a child that ended itself, for people; the parent goes by what it said.
const ENDED: i32 = 124;

/// In the environment of a child: the word of this run.
pub(crate) const WORD: &str = "CONFORMANCE_WORD";
/// What a line to the parent starts with.
pub(crate) const MARK: &str = "conformance:";

static DEADLINE: OnceLock<Instant> = OnceLock::new();
/// Who waits for what, the latest last.
static WAITING: Mutex<Vec<(u64, String)>> = Mutex::new(Vec::new());

/// Starts the watchdog of this process.
pub(crate) fn start(limit: Duration) {
    let deadline = *DEADLINE.get_or_init(|| Instant::now() + limit);
    let wait = move || {
        thread::sleep(deadline.saturating_duration_since(Instant::now()));
        hang(None);
    };
    let started = thread::Builder::new().name("watchdog".into()).spawn(wait);
    started.expect("a case needs a second thread");
}

/// When waiting has to end; in a process without a watchdog, [`LIMIT`] after the first question.
pub(crate) fn deadline() -> Instant {
    *DEADLINE.get_or_init(|| Instant::now() + LIMIT)
}

/// Notes what is waited for until the answer is dropped, for the verdict of a hang.
pub(crate) fn during(what: &str) -> Waiting {
    let mut waiting = waiting();
    let id = waiting.last().map_or(1, |(id, _)| id + 1);
    waiting.push((id, what.to_owned()));
    Waiting(id)
}

/// What [`during`] answers.
#[must_use = "what is waited for is forgotten with this"]
pub(crate) struct Waiting(u64);

impl Drop for Waiting {
    fn drop(&mut self) {
        if !thread::panicking() {
            waiting().retain(|(id, _)| *id != self.0);
        }
    }
}

/// Notes what the case waits for from now on, where nothing more special is said.
pub(crate) fn waiting_for(what: &str) {
    let mut waiting = waiting();
    waiting.retain(|(id, _)| *id != 0);
    waiting.insert(0, (0, what.to_owned()));
}

fn waiting() -> MutexGuard<'static, Vec<(u64, String)>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that `what` did not come, and ends the process.
///
/// No panic: whoever waits may stand in a poll or a destructor, where a panic is contained and the
/// case would go on.
pub(crate) fn give_up(what: &str) -> ! {
    hang(Some(what))
}

fn hang(what: Option<&str>) -> ! {
    let noted: Vec<String> = waiting().iter().rev().map(|(_, what)| what.clone()).collect();
    let noted = match noted.len() {
        0 | 1 => noted,
        more => noted[..more - 1].to_vec(), // the oldest says nothing if there are newer ones
    };
    let text = what.map_or_else(|| noted.join(" · "), str::to_owned);
    speak("threads", &kernel::thread_states().join(", "));
    end("hang", &text)
}

/// Says a verdict and ends the process, wherever this is called. The first one to come wins.
pub(crate) fn end(verdict: &str, text: &str) -> ! {
    static FIRST: Mutex<()> = Mutex::new(());
    let first = FIRST.lock();
    speak("fired", &twist::times_fired().to_string());
    speak(verdict, text);
    // `first` is held until the process is gone: nobody else gets to speak.
    let _first = first;
    process::exit(ENDED);
}

/// Writes a line for the parent.
pub(crate) fn speak(what: &str, text: &str) {
    let word = env::var(WORD).unwrap_or_default();
    let text = text.replace('\n', "\u{21b5}");
    let mut out = std::io::stdout().lock();
    // Nobody is left to tell if this fails; the parent then sees a child without a verdict.
    let _ = writeln!(out, "\n{MARK}{word} {what} {text}").and_then(|()| out.flush());
}

/// How much slower than expected this machine is just now: 1 to 10. The middle of three looks: what
/// lasts a moment is not the machine.
pub fn calibration() -> f64 {
    let mut looks = [(); 3].map(|()| {
        let hops = hops().as_secs_f64() / (HOP * 2 * HOPS).as_secs_f64();
        let start = a_process().as_secs_f64() / START.as_secs_f64();
        hops.max(start)
    });
    looks.sort_by(f64::total_cmp);
    looks[1].clamp(1.0, 10.0)
}

fn hops() -> Duration {
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
    took
}

fn a_process() -> Duration {
    let start = Instant::now();
    let _ = process::Command::new("true").stdin(process::Stdio::null()).status();
    start.elapsed()
}
