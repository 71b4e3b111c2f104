//! The suite, as a child of the runner.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use runtime_conformance::json::Value;

use crate::mutant::{Make, Mutant, Over};
use crate::runner::judged::{Failure, Judged};
use crate::runner::load::Load;
use crate::subject::{MUTANT, RUNTIME, SWITCH};

/// Where the runtimes are that have known failures.
const RUNTIMES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../runtimes");

/// One way to run the suite.
pub(super) struct Suite {
    /// `None`: the runtime as it is.
    pub(super) mutant: Option<&'static Mutant>,
    pub(super) over: Over,
    pub(super) watchdog: Duration,
    pub(super) budget: f64,
    /// No second look at stochastic failures.
    pub(super) once: bool,
    pub(super) load: Load,
}

/// What the suite said.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) failures: Vec<Failure>,
    /// Cases that could not be judged.
    pub(super) unclear: Vec<String>,
    pub(super) passed: usize,
    /// Every clause that was asked.
    pub(super) clauses: BTreeSet<String>,
    pub(super) fired: u64,
    /// Until the first failure.
    pub(super) to_kill: Duration,
    pub(super) wall: Duration,
    /// Why there is no report.
    pub(super) fault: Option<String>,
}

impl Suite {
    /// Runs these cases; all if there are none.
    pub(super) fn run(&self, cases: &[String]) -> Report {
        let begun = Instant::now();
        let out = a_directory();
        let mut report = self
            .start(&out, cases)
            .unwrap_or_else(|fault| Report { fault: Some(fault), ..Report::default() });
        report.wall = begun.elapsed();
        let _ = fs::remove_dir_all(&out); // what stays is in a temporary directory
        report
    }

    fn start(&self, out: &PathBuf, cases: &[String]) -> Result<Report, String> {
        let mut command = self.command(out);
        let status = self.load.run(command.args(cases));
        let status = status.map_err(|error| format!("the suite did not start: {error}"))?;
        let events = fs::read_to_string(out.join("conformance.jsonl"));
        let events = events.map_err(|error| format!("{status}, and no events: {error}"))?;
        let mut report = Report::default();
        let mut spent = Duration::ZERO;
        for line in events.lines() {
            let event = Value::parse(line).map_err(|wrong| format!("an event: {wrong}"))?;
            if event.get("ev").text() == "result" {
                report.take(&event, &mut spent);
            }
        }
        match events.lines().last().is_some_and(|last| last.contains("\"ev\":\"end\"")) {
            true => Ok(report),
            false => Err(format!("the suite ended half-way: {status}")),
        }
    }

    fn command(&self, out: &PathBuf) -> Command {
        let mut command = self.load.command();
        command.env(RUNTIME, self.over.runtime).env(MUTANT, "none");
        if let Some(mutant) = self.mutant {
            command.env(MUTANT, mutant.id);
            if let Make::Switch(name) = mutant.make {
                command.env(SWITCH, name);
            }
        }
        let seconds = self.watchdog.as_secs_f64().to_string();
        let budget = self.budget.to_string();
        command.args(["--jobs", "1", "--watchdog", &seconds, "--budget", &budget]);
        command.args(["--flavour", self.over.flavour]).arg("--out").arg(out);
        // What the runtime beneath is known for is not the mutant's.
        let known = Path::new(RUNTIMES).join(self.over.runtime).join("conformance.toml");
        if known.exists() {
            command.arg("--expectations").arg(known);
        }
        if self.once {
            command.arg("--once");
        }
        command
    }
}

/// A new directory for one run.
fn a_directory() -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    env::temp_dir().join(format!("conformance-mutants-{}-{number}", std::process::id()))
}

impl Report {
    fn take(&mut self, event: &Value, spent: &mut Duration) {
        let clause = event.get("clause").text().to_owned();
        self.fired += event.get("fired").number() as u64;
        *spent += Duration::from_millis(event.get("wall_ms").number() as u64);
        if !matches!(event.get("verdict").text(), "skip" | "untested") {
            self.clauses.insert(clause.clone());
        }
        match event.get("verdict").text() {
            "fail" | "flaky-fail" => {
                if self.failures.is_empty() {
                    self.to_kill = *spent;
                }
                let part = event.get("part").text().to_owned();
                let observed = event.get("observed").text().to_owned();
                let end = event.get("end").text().to_owned();
                self.failures.push(Failure { clause, part, observed, end });
            }
            "pass" => self.passed += 1,
            "inconclusive" | "broken" => self.unclear.push(clause),
            _ => {}
        }
    }

    /// What this says about the suite.
    pub(super) fn judge(self, mutant: &Mutant, over: Over) -> Judged {
        Judged::new(mutant, over, self)
    }
}
