//! What became of a mutant.

use std::fmt;
use std::time::Duration;

use runtime_conformance::json::Value;

use crate::mutant::{Mutant, Over};
use crate::runner::suite::Report;

/// A case that failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub(super) clause: String,
    pub(super) part: String,
    pub(super) observed: String,
    pub(super) end: String,
}

/// A mutant after its run.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) id: &'static str,
    over: Over,
    /// Clauses that noticed and were meant to.
    named: Vec<String>,
    /// Clauses that noticed and neither were meant to nor may.
    foreign: Vec<Failure>,
    /// Clauses that may notice and did.
    tolerated: Vec<String>,
    exercised: bool,
    benign: bool,
    passed: usize,
    unclear: Vec<String>,
    to_kill: Duration,
    /// Which try this was, from 1.
    attempt: usize,
    fault: Option<String>,
}

impl Judged {
    pub(super) fn new(mutant: &Mutant, over: Over, report: Report) -> Judged {
        let is_in = |list: &[&str], clause: &str| list.contains(&clause);
        let (mut named, mut tolerated, mut foreign) = (Vec::new(), Vec::new(), Vec::new());
        for failure in &report.failures {
            match failure.clause.as_str() {
                clause if is_in(mutant.breaks, clause) => named.push(clause.to_owned()),
                clause if is_in(mutant.tolerates, clause) => tolerated.push(clause.to_owned()),
                _ => foreign.push(failure.clone()),
            }
        }
        named.dedup();
        tolerated.dedup();
        Judged {
            id: mutant.id,
            over,
            exercised: report.fired > 0,
            benign: mutant.is_benign(),
            passed: report.passed,
            unclear: report.unclear,
            to_kill: report.to_kill,
            attempt: 1,
            fault: report.fault,
            named,
            foreign,
            tolerated,
        }
    }

    /// The same, as what this try came to.
    pub(super) fn on(self, attempt: usize) -> Judged {
        Judged { attempt, ..self }
    }

    /// A switch in a build that has none.
    pub(super) fn not_built(mutant: &Mutant, over: Over) -> Judged {
        let fault = "it needs a build with `--cfg runtime_mutants`: cargo xtask mutants".to_owned();
        Judged::new(mutant, over, Report { fault: Some(fault), ..Report::default() })
    }

    /// Whether something noticed.
    pub(super) fn is_killed(&self) -> bool {
        !self.named.is_empty() || !self.tolerated.is_empty() || !self.foreign.is_empty()
    }

    /// Whether the clause that is meant to notice did.
    pub(super) fn is_named(&self) -> bool {
        !self.named.is_empty()
    }

    /// Whether the suite did what it should.
    pub(super) fn is_right(&self) -> bool {
        let noticed = match self.benign {
            true => !self.is_killed() && self.passed > 0,
            false => self.is_named() && self.exercised,
        };
        noticed && self.foreign.is_empty() && self.fault.is_none()
    }

    fn word(&self) -> &'static str {
        match () {
            () if self.fault.is_some() => "BROKEN",
            () if self.is_right() && self.benign => "passed",
            () if self.is_right() => "killed",
            () if self.benign => "ALARM",
            () if !self.exercised => "UNUSED",
            () if !self.foreign.is_empty() => "FOREIGN",
            () if self.is_killed() => "MISSED",
            () => "SURVIVED",
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let foreign = self.foreign.iter().map(|failure| failure.clause.as_str());
        Value::object([
            ("id", self.id.into()),
            ("over", format!("{}/{}", self.over.runtime, self.over.flavour).into()),
            ("killed", self.is_killed().into()),
            ("exercised", self.exercised.into()),
            ("by", Value::list(self.named.iter().map(String::as_str))),
            ("tolerated", Value::list(self.tolerated.iter().map(String::as_str))),
            ("foreign", Value::list(foreign)),
            ("attempt", self.attempt.into()),
            ("to_kill_ms", (self.to_kill.as_millis() as u64).into()),
            ("fault", self.fault.as_deref().map_or(Value::Null, Value::from)),
        ])
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Over { runtime, flavour } = self.over;
        write!(f, "{:<8} {:<14} {runtime}/{flavour}", self.word(), self.id)?;
        if self.is_killed() {
            write!(f, "  by {}", self.named.join(", "))?;
            write!(f, " in {:.1} s", self.to_kill.as_secs_f64())?;
        }
        if self.attempt > 1 {
            write!(f, "  on try {}", self.attempt)?;
        }
        if !self.tolerated.is_empty() {
            write!(f, "  also {}", self.tolerated.join(", "))?;
        }
        if !self.unclear.is_empty() {
            write!(f, "  unclear: {}", self.unclear.join(", "))?;
        }
        for Failure { clause, part, observed, end } in &self.foreign {
            write!(f, "\n         {clause} {part} ({end}): {observed}")?;
        }
        self.fault.iter().try_for_each(|fault| write!(f, "\n         {fault}"))
    }
}

/// The sum of a run.
pub(super) fn summary(judged: &[Judged]) -> String {
    let count = |asked: fn(&Judged) -> bool| judged.iter().filter(|one| asked(one)).count();
    let killed = count(|one| !one.benign && one.is_killed());
    let exercised = count(|one| !one.benign && one.exercised);
    let named = count(|one| !one.benign && one.is_named());
    let attribution = 100.0 * named as f64 / killed.max(1) as f64;
    let mut times: Vec<Duration> =
        judged.iter().filter(|one| one.is_killed()).map(|one| one.to_kill).collect();
    times.sort();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    let wrong = count(|one| !one.is_right());
    format!(
        "{killed}/{exercised} exercised mutants killed, {attribution:.0} % by the clause named, \
         {:.1} s to kill in the middle; {wrong} wrong",
        middle.as_secs_f64()
    )
}
