//! One case in a process of its own: both ends.
//!
//! ```text
//!  parent                                child
//!  current_exe, CONFORMANCE_CASE ──────▶ inside(): watchdog, case, checks after it
//!  reads stdout  ◀──── "conformance:<word> pass"
//!  waits, or kills a little after the limit
//!  classify(status, what it said)
//! ```
//!
//! The verdict is a line, not an exit code: a runtime that ends the process with 0 has not passed. The
//! line carries a word that the parent made up, so a runtime that prints verdicts has not passed either.

use std::any::Any;
use std::env;
use std::io::{self, BufRead, BufReader, Read};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::aftermath::Before;
use crate::rig::Rig;
use crate::toolbox::Random;
use crate::{Harness, clauses, twist, watchdog};

/// In the environment of a child: the case it runs.
pub(super) const CASE: &str = "CONFORMANCE_CASE";
const SEED: &str = "CONFORMANCE_SEED";
const LIMIT: &str = "CONFORMANCE_WATCHDOG_MS";
const EFFORT: &str = "CONFORMANCE_EFFORT";
/// How much longer than its limit a child gets to speak for itself.
const GRACE: Duration = Duration::from_secs(5);
/// How long the parent waits for the rest of what a child that ended had written.
const DRAIN: Duration = Duration::from_secs(2);
/// How much of what a child wrote is kept.
const KEPT_MAX: usize = 64 * 1024;

/// What is the same for all cases of a run.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) limit: Duration,
    pub(super) effort: f64,
    pub(super) capture: bool,
}

/// A case that was run.
#[derive(Debug, Default)]
pub(super) struct Ran {
    pub(super) end: End,
    /// Clauses that failed beside the one that was asked, and how.
    pub(super) also: Vec<(String, String)>,
    pub(super) witness: Vec<(String, u64, u64)>,
    /// What the threads did at a hang.
    pub(super) threads: String,
    pub(super) fired: u64,
    /// What else it wrote, if that was captured.
    pub(super) output: String,
    pub(super) wall: Duration,
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq)]
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
    /// It held, and showed nothing.
    Inconclusive(String),
    /// It could not be set up, or not be started.
    Broken(String),
}

impl Default for End {
    fn default() -> End {
        End::Exit(0)
    }
}

// ── in the parent ───────────────────────────────────────────────────────────────────────────────

/// Runs `case` in a child.
pub(super) fn run(case: &str, seed: u64, limits: &Limits) -> Ran {
    let begun = Instant::now();
    let ran = try_run(case, seed, limits);
    let mut ran = ran.unwrap_or_else(|error| Ran {
        end: End::Broken(format!("no child could be started: {error}")),
        ..Ran::default()
    });
    ran.wall = begun.elapsed();
    ran
}

fn try_run(case: &str, seed: u64, limits: &Limits) -> io::Result<Ran> {
    let word = a_word();
    let mut child = Command::new(env::current_exe()?)
        .env(CASE, case)
        .env(SEED, seed.to_string())
        .env(LIMIT, limits.limit.as_millis().to_string())
        .env(EFFORT, limits.effort.to_string())
        .env(watchdog::WORD, &word)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(if limits.capture { Stdio::piped() } else { Stdio::inherit() })
        .spawn()?;
    let mark = format!("{}{word} ", watchdog::MARK);
    let stdout = child.stdout.take().map(|pipe| read(pipe, mark.clone(), !limits.capture));
    let stderr = child.stderr.take().map(|pipe| read(pipe, mark, false));
    let status = wait(&mut child, limits.limit + GRACE)?;
    let mut ran = Ran::default();
    let mut verdict = None;
    for line in stdout.into_iter().flat_map(rest) {
        match line {
            Line::Said(said) => hear(&mut ran, &mut verdict, &said),
            Line::Wrote(text) => ran.output.push_str(&text),
        }
    }
    for line in stderr.into_iter().flat_map(rest) {
        if let Line::Wrote(text) = line {
            ran.output.push_str(&text);
        }
    }
    ran.end = classify(status, verdict);
    Ok(ran)
}

/// A word that a child cannot guess: not a secret, only unlikely to be printed by accident.
fn a_word() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = now.map_or(0, |now| now.as_nanos() as u64);
    format!("{:08x}", Random::new(nanos ^ u64::from(std::process::id())).below(1 << 32))
}

/// Waits for `child`; kills it at the end of `limit`, and answers `None` then.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_micros(500);
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
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// A line of a child.
enum Line {
    /// For us.
    Said(String),
    /// Anything else.
    Wrote(String),
}

/// Reads `pipe` to its end on a thread, so that the child never waits for us. Of what is not for us
/// only the beginning is kept: a child may print for ever.
fn read(pipe: impl Read + Send + 'static, mark: String, echo: bool) -> Receiver<Line> {
    let (lines, received) = channel();
    let mut pipe = BufReader::new(pipe);
    thread::spawn(move || {
        let (mut line, mut kept) = (Vec::new(), 0);
        let longest = KEPT_MAX as u64;
        while pipe.by_ref().take(longest).read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            let line_for = match text.strip_prefix(&mark) {
                Some(said) => Some(Line::Said(said.trim_end().to_owned())),
                None if echo => {
                    print!("{text}");
                    None
                }
                None if kept + text.len() > KEPT_MAX || text.trim().is_empty() => None,
                None => {
                    kept += text.len();
                    Some(Line::Wrote(text))
                }
            };
            if line_for.is_some_and(|line| lines.send(line).is_err()) {
                return;
            }
            line.clear();
        }
    });
    received
}

/// What `read` got. A grandchild may hold the pipe open for ever, so this does not wait for its end.
fn rest(lines: Receiver<Line>) -> impl Iterator<Item = Line> {
    let end = Instant::now() + DRAIN;
    std::iter::from_fn(move || {
        lines.recv_timeout(end.saturating_duration_since(Instant::now())).ok()
    })
}

/// Takes notice of one thing that a child said. The last verdict counts: a hang after a pass is one.
fn hear(ran: &mut Ran, verdict: &mut Option<(String, String)>, said: &str) {
    let (what, text) = said.split_once(' ').unwrap_or((said, ""));
    let mut words = text.rsplitn(3, ' ');
    match what {
        "fired" => ran.fired = text.parse().unwrap_or_default(),
        "threads" => ran.threads = text.to_owned(),
        "also" => {
            let (clause, how) = text.split_once(": ").unwrap_or((text, ""));
            ran.also.push((clause.to_owned(), how.to_owned()));
        }
        "witness" => {
            let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
            let (needed, met) = (number(), number());
            ran.witness.push((words.next().unwrap_or_default().to_owned(), met, needed));
        }
        _ => *verdict = Some((what.to_owned(), text.to_owned())),
    }
}

/// From the status (`None`: killed by us) and what it said to how it ended.
fn classify(status: Option<ExitStatus>, verdict: Option<(String, String)>) -> End {
    let (word, text) = verdict.unwrap_or_default();
    match (word.as_str(), status) {
        ("hang", _) => End::Hang(text),
        ("fail", _) => End::Assertion(text),
        ("panic", _) => End::Panic(text),
        ("broken", _) => End::Broken(text),
        ("pass", Some(status)) if status.success() => End::Pass,
        ("inconclusive", Some(status)) if status.success() => End::Inconclusive(text),
        (_, None) => End::Hang("the process to end".to_owned()),
        (_, Some(status)) => {
            signal(status).map_or_else(|| End::Exit(status.code().unwrap_or(-1)), End::Signal)
        }
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
    let (case, flavour) = name.split_once('@').unwrap_or((name, ""));
    let case = clauses::cases().find(|known| known.name() == case);
    let flavour = harness.flavours().iter().find(|f| f.to_string() == flavour);
    let (Some(case), Some(&flavour)) = (case, flavour) else {
        return super::usage(&format!("{CASE}: there is no case `{name}`"));
    };
    twist::also_count(harness.fired());
    watchdog::start(setting(LIMIT).map_or(watchdog::LIMIT, Duration::from_millis));
    let effort = env::var(EFFORT).ok().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let rig = Rig::new(harness, flavour, setting(SEED).unwrap_or_default(), effort);
    own_failures_end_the_process(case.id);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let before = Before::of(&rig);
        (case.run)(&rig);
        before
    }));
    match outcome {
        Ok(before) => say_held(before, rig),
        Err(payload) => watchdog::end("panic", &message(&*payload)),
    }
}

/// A panic whose text starts with the clause's id is the verdict, on whichever thread it happens:
/// also in a task, where it is contained, and while others wait for what will not come.
fn own_failures_end_the_process(id: &'static str) {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let text = message(info.payload());
        if let Some(own) = own_failure(id, &text) {
            watchdog::end("fail", own);
        }
        default(info);
    }));
}

/// The text from the clause's id on, if that is where it begins; also behind what `assert_eq` puts
/// before it.
fn own_failure<'a>(id: &str, text: &'a str) -> Option<&'a str> {
    let begins = |text: &str| text.strip_prefix(id).is_some_and(|rest| rest.starts_with(": "));
    let behind = text.strip_prefix("assertion `").and_then(|rest| rest.split_once("` failed: "));
    [Some(text), behind.map(|(_, text)| text)].into_iter().flatten().find(|text| begins(text))
}

/// The case held: looks at what it left behind, then says so.
fn say_held(before: Before, rig: Rig<'_>) -> ExitCode {
    let notes = rig.into_notes();
    for (name, met, needed) in &notes.witnesses {
        watchdog::speak("witness", &format!("{name} {met} {needed}"));
    }
    before.compare();
    watchdog::speak("fired", &twist::times_fired().to_string());
    let vacuous = notes.witnesses.iter().find(|(_, met, needed)| met < needed);
    let vacuous = vacuous.map(|(name, met, needed)| format!("{name}: {met}, needed {needed}"));
    match notes.inconclusive.or(vacuous) {
        Some(why) => watchdog::speak("inconclusive", &why),
        None => watchdog::speak("pass", ""),
    }
    ExitCode::SUCCESS
}

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// The text of an ordinary panic.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a payload that is no text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(lines: &[&str]) -> (Ran, Option<(String, String)>) {
        let (mut ran, mut verdict) = (Ran::default(), None);
        lines.iter().for_each(|line| hear(&mut ran, &mut verdict, line));
        (ran, verdict)
    }

    #[test]
    fn a_failure_is_the_clauses_own_if_it_begins_with_its_id() {
        let own = |text| own_failure("TASK-1", text);
        assert_eq!(own("TASK-1: no"), Some("TASK-1: no"));
        assert_eq!(own("assertion `left == right` failed: TASK-1: no"), Some("TASK-1: no"));
        assert_eq!(own("TASK-10: no"), None);
        assert_eq!(own("somebody said TASK-1: no"), None);
    }

    #[test]
    fn what_a_child_says_is_sorted() {
        let said = ["witness both outcomes 3 1", "also LEAK-1: two probes", "fired 7", "pass"];
        let (ran, verdict) = heard(&said);
        assert_eq!(ran.witness, [("both outcomes".to_owned(), 3, 1)]);
        assert_eq!(ran.also, [("LEAK-1".to_owned(), "two probes".to_owned())]);
        assert_eq!((ran.fired, verdict), (7, Some(("pass".to_owned(), String::new()))));
    }

    #[test]
    fn only_lines_with_the_word_are_for_us_and_endless_output_is_cut() {
        let garbage = "conformance:00000000 pass \n\u{fffd}\u{1}\n".repeat(10_000);
        let stream = format!("{garbage}\nconformance:cafe fail X-1: y\n");
        let lines: Vec<_> =
            read(io::Cursor::new(stream), "conformance:cafe ".into(), false).into_iter().collect();
        let said: Vec<_> = lines
            .iter()
            .filter(|line| matches!(line, Line::Said(s) if s == "fail X-1: y"))
            .collect();
        let wrote = |line: &Line| if let Line::Wrote(text) = line { text.len() } else { 0 };
        assert_eq!(said.len(), 1);
        assert!(lines.iter().map(wrote).sum::<usize>() <= KEPT_MAX);
    }

    #[test]
    fn a_child_that_was_killed_hung_unless_it_had_said_otherwise() {
        let said = |word: &str| Some((word.to_owned(), "x".to_owned()));
        assert_eq!(classify(None, None), End::Hang("the process to end".to_owned()));
        assert_eq!(classify(None, said("pass")), End::Hang("the process to end".to_owned()));
        assert_eq!(classify(None, said("fail")), End::Assertion("x".to_owned()));
    }

    #[cfg(unix)]
    #[test]
    fn a_pass_needs_both_the_word_and_the_status() {
        use std::os::unix::process::ExitStatusExt;
        let exit = |code: i32| Some(ExitStatus::from_raw(code << 8));
        let pass = || Some(("pass".to_owned(), String::new()));
        assert_eq!(classify(exit(0), pass()), End::Pass);
        assert_eq!(classify(exit(0), None), End::Exit(0));
        assert_eq!(classify(exit(3), pass()), End::Exit(3));
        assert_eq!(classify(Some(ExitStatus::from_raw(6)), pass()), End::Signal(6));
    }
}
