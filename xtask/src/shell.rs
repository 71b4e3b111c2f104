//! Runs command lines one after the other and remembers how each went.
//!
//! Every step prints the line that a person would type, then its output, then
//! its time. A step that fails does not stop the ones after it: one run shows
//! all that is wrong. [`Shell::finish`] repeats the steps with their times and
//! ends with the sum of all tests as the last line of the output.
//!
//! Output of test programs is quoted with `| `, so that the last line is the
//! only one of its form.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::line::Line;
use crate::tally::{Heard, Tally};

/// One step as it went.
struct Record {
    title: String,
    time: Duration,
    passed: bool,
}

/// The steps so far and where they ran.
pub(crate) struct Shell {
    /// The repository's root; every command runs here.
    pub(crate) root: PathBuf,
    /// The target directory of ordinary builds; special ones have theirs below it.
    pub(crate) target: PathBuf,
    tally: Tally,
    /// The lines of single tests that failed or did not run.
    trouble: Vec<String>,
    records: Vec<Record>,
}

impl Shell {
    pub(crate) fn new() -> Shell {
        let root = crate::workspace::root();
        let target = std::env::var_os("CARGO_TARGET_DIR").map(std::path::absolute);
        let target = target.and_then(Result::ok).unwrap_or_else(|| root.join("target"));
        Shell { root, target, tally: Tally::default(), trouble: Vec::new(), records: Vec::new() }
    }

    /// Runs a line that either succeeds or fails as a whole.
    pub(crate) fn run(&mut self, line: Line) -> bool {
        let title = line.shown(&self.root);
        let mut command = line.command(&self.root, &self.target);
        self.step(title, || outcome(command.status()))
    }

    /// Runs a line whose output tells how many tests passed, failed and were skipped.
    pub(crate) fn run_tests(&mut self, line: Line) -> bool {
        let title = line.shown(&self.root);
        let mut command = line.limited_command(&self.root, &self.target);
        let heard = Mutex::new(Heard::default());
        let mut ran = Ok(());
        let passed = self.timed(title, || {
            ran = outcome(listen(&mut command, &heard));
            let tally = lock(&heard).tally();
            if ran.is_ok() && !tally.is_green() { Err(tally.to_string()) } else { ran.clone() }
        });
        let mut tally = lock(&heard).tally();
        if ran.is_err() && tally.failed == 0 {
            tally += Tally::FAILURE; // it was not a test that failed
        }
        self.tally += tally;
        self.trouble.append(&mut lock(&heard).trouble);
        passed
    }

    /// Runs one step that need not be another program. What it answers is why it failed.
    pub(crate) fn step(
        &mut self,
        title: String,
        body: impl FnOnce() -> Result<(), String>,
    ) -> bool {
        let passed = self.timed(title, body);
        if !passed {
            self.tally += Tally::FAILURE;
        }
        passed
    }

    fn timed(&mut self, title: String, body: impl FnOnce() -> Result<(), String>) -> bool {
        println!("\n$ {title}");
        let start = Instant::now();
        let outcome = body();
        let time = start.elapsed();
        let passed = outcome.is_ok();
        match outcome {
            Ok(()) => println!("  ok, {}", seconds(time)),
            Err(reason) => println!("  FAILED, {}: {reason}", seconds(time)),
        }
        self.records.push(Record { title, time, passed });
        passed
    }

    /// The standard output of a short command that asks something.
    pub(crate) fn ask(&self, line: Line) -> Result<String, String> {
        let title = line.shown(&self.root);
        let output = line.command(&self.root, &self.target).stderr(Stdio::null()).output();
        match output {
            Ok(output) if output.status.success() => {
                Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
            }
            Ok(output) => Err(format!("`{title}` ended with {}", output.status)),
            Err(error) => Err(format!("`{title}` did not start: {error}")),
        }
    }

    /// Prints all steps with their times.
    pub(crate) fn print_times(&self) {
        println!();
        for record in &self.records {
            let verdict = if record.passed { "ok" } else { "FAILED" };
            println!("{:>9}  {verdict:6}  {}", seconds(record.time), record.title);
        }
        let total = self.records.iter().map(|record| record.time).sum();
        println!("{:>9}  in all", seconds(total));
    }

    /// Prints the times, the tests that did not pass and, last, the sum of all tests.
    pub(crate) fn finish(&self) -> ExitCode {
        self.print_times();
        self.trouble.iter().for_each(|line| println!("{line}"));
        println!("{}", self.tally);
        if self.tally.is_green() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Runs a line and passes its exit code on.
    pub(crate) fn become_line(&mut self, line: Line) -> crate::Outcome {
        self.code_of(line).map(ExitCode::from)
    }

    /// Runs a line; the answer is its exit code.
    pub(crate) fn code_of(&mut self, line: Line) -> Result<u8, String> {
        println!("$ {}", line.shown(&self.root));
        let status =
            line.command(&self.root, &self.target).status().map_err(|error| error.to_string())?;
        Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn outcome(status: std::io::Result<ExitStatus>) -> Result<(), String> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) if status.code() == Some(124) => Err("did not end in time".into()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(format!("did not start: {error}")),
    }
}

/// Runs a command, repeats its two outputs and takes notice of their lines.
fn listen(command: &mut Command, heard: &Mutex<Heard>) -> std::io::Result<ExitStatus> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(|| repeat(errors, |line| eprintln!("{line}"), heard));
        repeat(output, |line| println!("| {line}"), heard)
    })?;
    child.wait()
}

fn repeat(
    output: Option<impl Read>,
    print: impl Fn(&str),
    heard: &Mutex<Heard>,
) -> std::io::Result<()> {
    let Some(output) = output else { return Ok(()) };
    for_each_line(output, |line| {
        print(line);
        lock(heard).line(line);
    })
}

/// A panic of the other thread leaves whole lines behind.
fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lines of any bytes: a test may print what is not UTF-8.
fn for_each_line(output: impl Read, mut each: impl FnMut(&str)) -> std::io::Result<()> {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        each(String::from_utf8_lossy(&line).trim_end_matches('\n'));
        line.clear();
    }
    Ok(())
}

/// Writes a shell script that can be run.
pub(crate) fn write_script(path: &Path, body: &str) -> Result<(), String> {
    let text = format!("#!/bin/sh\n{body}\n");
    let directory = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(path, text))
        .and_then(|()| make_executable(path))
        .map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_that_is_not_text_is_still_read_line_by_line() {
        let mut lines = Vec::new();
        for_each_line(&b"a\xff\nb"[..], |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, ["a\u{fffd}", "b"]);
    }
}
