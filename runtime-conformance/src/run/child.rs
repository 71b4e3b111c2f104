//! One case in a process of its own: both ends.
//!
//! ```text
//!  parent                                child
//!  current_exe, CONFORMANCE_CASE ──────▶ inside(): watchdog, clause
//!  reads stdout  ◀──── "conformance-verdict: …"
//!  waits, or kills a little after the limit
//!  classify(status, verdict line)
//! ```
//!
//! The verdict is a line, not an exit code: a runtime that ends the process with 0 has not passed.

use std::env;
use std::io::{self, BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::case::Case;
use crate::clauses::ALL;
use crate::{Harness, watchdog};

/// In the environment of a child: the case it runs.
pub(super) const CASE: &str = "CONFORMANCE_CASE";
const SEED: &str = "CONFORMANCE_SEED";
const LIMIT: &str = "CONFORMANCE_WATCHDOG_MS";
/// How much longer than its limit a child gets to speak for itself.
const GRACE: Duration = Duration::from_secs(5);
/// How long the parent waits for the rest of what a child that ended had written.
const DRAIN: Duration = Duration::from_secs(2);
/// How much of what a child wrote is shown.
const SHOWN_MAX: u64 = 64 * 1024;

/// What is the same for all cases of a run.
pub(super) struct Limits {
    pub(super) limit: Duration,
    pub(super) seed: u64,
    pub(super) capture: bool,
}

/// A case that was run.
pub(super) struct Ran {
    pub(super) end: End,
    /// What it wrote, if that was captured.
    pub(super) output: String,
}

/// How a child ended.
#[derive(Debug, PartialEq)]
pub(super) enum End {
    /// The clause holds.
    Pass,
    /// It does not, and says why.
    Assertion(String),
    /// Something else panicked.
    Panic(String),
    /// It was ended by this signal.
    Signal(i32),
    /// Nothing came until the watchdog; this was waited for.
    Hang(String),
    /// It ended without a verdict.
    Exit(i32),
}

// ── in the parent ───────────────────────────────────────────────────────────────────────────────

/// Runs `case` in a child.
///
/// # Errors
///
/// The child could not be started.
pub(super) fn run(case: &str, limits: &Limits) -> io::Result<Ran> {
    let mut child = Command::new(env::current_exe()?)
        .env(CASE, case)
        .env(SEED, limits.seed.to_string())
        .env(LIMIT, limits.limit.as_millis().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(if limits.capture { Stdio::piped() } else { Stdio::inherit() })
        .spawn()?;
    let stdout = child.stdout.take().map(|pipe| read(BufReader::new(pipe), !limits.capture));
    let stderr = child.stderr.take().map(|pipe| read(BufReader::new(pipe), false));
    let status = wait(&mut child, limits.limit + GRACE)?;
    let stdout = stdout.map(rest).unwrap_or_default();
    let (verdict, mut output) = split(&stdout);
    output.push_str(&stderr.map(rest).unwrap_or_default());
    Ok(Ran { end: classify(status, verdict), output })
}

/// Waits for `child`; kills it at the end of `limit`, and answers `None` then.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Reads `pipe` to its end on a thread, so that the child never waits for us.
fn read(mut pipe: impl BufRead + Send + 'static, echo: bool) -> Receiver<String> {
    let (lines, received) = channel();
    thread::spawn(move || {
        let mut line = Vec::new();
        while pipe.by_ref().take(SHOWN_MAX).read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            if echo && !text.starts_with(watchdog::MARK) {
                print!("{text}");
            }
            if lines.send(text).is_err() {
                return;
            }
            line.clear();
        }
    });
    received
}

/// What `read` got. A grandchild may hold the pipe open for ever, so this does not wait for its end.
fn rest(lines: Receiver<String>) -> String {
    let end = Instant::now() + DRAIN;
    let next = || lines.recv_timeout(end.saturating_duration_since(Instant::now())).ok();
    std::iter::from_fn(next).collect()
}

/// The last verdict in what a child wrote, and the text without verdicts.
fn split(stdout: &str) -> (Option<&str>, String) {
    let verdict = stdout.lines().filter_map(|line| line.strip_prefix(watchdog::MARK)).next_back();
    let others = stdout.lines().filter(|line| !line.starts_with(watchdog::MARK));
    let mut output: String = others.flat_map(|line| [line, "\n"]).collect();
    if output.trim().is_empty() {
        output.clear();
    }
    (verdict, output)
}

/// From the status (`None`: killed by us) and the verdict line to how it ended.
fn classify(status: Option<ExitStatus>, verdict: Option<&str>) -> End {
    let (word, text) = verdict.and_then(|line| line.split_once(' ')).unwrap_or_default();
    let text = text.to_owned();
    let Some(status) = status else {
        return End::Hang(if text.is_empty() { "it did not end".to_owned() } else { text });
    };
    match word {
        "hang" => End::Hang(text),
        "fail" => End::Assertion(text),
        "panic" => End::Panic(text),
        "pass" if status.success() => End::Pass,
        _ => signal(status).map_or_else(|| End::Exit(status.code().unwrap_or(-1)), End::Signal),
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

// ── in the child ────────────────────────────────────────────────────────────────────────────────

/// Runs the case of this name here and says the verdict.
pub(super) fn inside(harness: &dyn Harness, name: &str) -> ExitCode {
    let (clause, flavour) = name.split_once('@').unwrap_or((name, ""));
    let clause = ALL.iter().find(|c| c.name() == clause);
    let flavour = harness.flavours().iter().find(|f| f.to_string() == flavour);
    let (Some(clause), Some(&flavour)) = (clause, flavour) else {
        return super::broken(&format!("{CASE}: there is no case `{name}`"));
    };
    let limit = setting(LIMIT).map_or(watchdog::LIMIT, Duration::from_millis);
    watchdog::start(limit);
    let case = Case { harness, flavour, seed: setting(SEED).unwrap_or_default() };
    match catch_unwind(AssertUnwindSafe(|| (clause.run)(&case))) {
        Ok(()) => {
            watchdog::speak("pass", "");
            ExitCode::SUCCESS
        }
        Err(payload) => {
            let text = message(&*payload);
            let own = text.starts_with(clause.id) || text.starts_with("CAP-");
            watchdog::speak(if own { "fail" } else { "panic" }, &text);
            ExitCode::FAILURE
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// The text of an ordinary panic.
fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a payload that is no text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_the_last_line_with_the_mark() {
        let stdout = "hello\n\nconformance-verdict: hang the gate\nbye\n";
        assert_eq!(split(stdout), (Some("hang the gate"), "hello\n\nbye\n".to_owned()));
        assert_eq!(split("\nconformance-verdict: pass \n"), (Some("pass "), String::new()));
    }

    #[test]
    fn a_child_that_was_killed_hung() {
        assert_eq!(classify(None, None), End::Hang("it did not end".to_owned()));
    }

    #[cfg(unix)]
    #[test]
    fn a_pass_needs_both_the_word_and_the_status() {
        use std::os::unix::process::ExitStatusExt;
        let exit = |code: i32| Some(ExitStatus::from_raw(code << 8));
        assert_eq!(classify(exit(0), Some("pass ")), End::Pass);
        assert_eq!(classify(exit(0), None), End::Exit(0));
        assert_eq!(classify(exit(3), Some("pass ")), End::Exit(3));
        assert_eq!(classify(Some(ExitStatus::from_raw(6)), Some("pass ")), End::Signal(6));
        assert_eq!(classify(exit(1), Some("fail X-1: y")), End::Assertion("X-1: y".to_owned()));
    }
}
