//! What people read.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use super::child::{End, Limits};
use super::{Chosen, Verdict, case_name};
use crate::clauses::{Clause, Evidence};
use crate::{Flavour, Harness};

/// A clause failed.
const FAILED: u8 = 1;

/// Counts and prints verdicts as they come.
#[derive(Default)]
pub(super) struct Report {
    passed: usize,
    failed: usize,
    skipped: usize,
    broken: usize,
}

impl Report {
    pub(super) fn new(runtime: &str) -> Report {
        eprintln!("runtime-conformance {} on {runtime}", env!("CARGO_PKG_VERSION"));
        Report::default()
    }

    /// Prints the line of a case.
    pub(super) fn add(
        &mut self,
        clause: &Clause,
        flavour: Flavour,
        limits: &Limits,
        verdict: Verdict,
    ) {
        *self.count(&verdict) += 1;
        let name = case_name(clause, flavour);
        match &verdict {
            Verdict::Ran(ran) if ran.end == End::Pass => println!("pass    {name}"),
            Verdict::Ran(ran) => {
                let repeat = repeat(clause, flavour, limits);
                println!("FAIL    {name}: {} [repeat: {repeat}]", ran.end);
                show(&name, &ran.output);
            }
            Verdict::Skip(missing) => println!("skip    {name}: no {missing}, as declared"),
            Verdict::Broken(error) => {
                println!("BROKEN  {name}: no child could be started: {error}")
            }
        }
    }

    fn count(&mut self, verdict: &Verdict) -> &mut usize {
        match verdict {
            verdict if verdict.passed() => &mut self.passed,
            Verdict::Ran(_) => &mut self.failed,
            Verdict::Skip(_) => &mut self.skipped,
            Verdict::Broken(_) => &mut self.broken,
        }
    }

    /// Prints the sums. What is broken has not passed.
    pub(super) fn finish(self) -> ExitCode {
        let failed = self.failed + self.broken;
        println!("{} passed, {failed} failed, {} skipped", self.passed, self.skipped);
        ExitCode::from(match self {
            _ if self.failed > 0 => FAILED,
            _ if self.broken > 0 => super::BROKEN,
            _ => 0,
        })
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Pass => f.write_str("pass"),
            End::Assertion(text) => f.write_str(text),
            End::Panic(text) => write!(f, "panic: {text}"),
            End::Signal(number) => write!(f, "signal {number}"),
            End::Hang(what) => write!(f, "hang: {what}"),
            End::Exit(code) => write!(f, "exit code {code} without a verdict"),
        }
    }
}

/// The command that runs this case again.
fn repeat(clause: &Clause, flavour: Flavour, limits: &Limits) -> String {
    let name = clause.name();
    let seed = match clause.evidence {
        Evidence::Stochastic => format!(" --seed {:#x}", limits.seed),
        Evidence::Deterministic => String::new(),
    };
    format!("{} {name} --flavour {flavour}{seed}", this_test())
}

/// How this executable is run: by cargo if it was, else by its path.
fn this_test() -> String {
    let exe = env::current_exe().unwrap_or_default();
    let Ok(package) = env::var("CARGO_PKG_NAME") else { return exe.display().to_string() };
    format!("cargo test -p {package} --test {} --", target_name(&exe))
}

/// The name of a cargo target: its file's without the hash.
fn target_name(exe: &Path) -> String {
    let stem = exe.file_stem().unwrap_or_default().to_string_lossy();
    stem.rsplit_once('-').map_or(&*stem, |(name, _hash)| name).to_owned()
}

/// What a case that failed had written.
fn show(name: &str, output: &str) {
    for line in output.lines().filter(|line| !line.trim().is_empty()) {
        eprintln!("        {name}| {line}");
    }
}

/// Prints the cases without running them; `terse` as tools expect it.
pub(super) fn list(harness: &dyn Harness, cases: &[Chosen], terse: bool) {
    for &(clause, flavour) in cases {
        let name = case_name(clause, flavour);
        if terse {
            println!("{name}: test");
            continue;
        }
        let absent = harness.absent(flavour);
        let needs = clause.needs.iter().find(|need| absent.contains(need));
        let skip = needs.map(|need| format!(" (skip: no {need})")).unwrap_or_default();
        println!("{name}  {}  {}  {}{skip}", clause.level, clause.evidence, clause.sentence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_its_file_without_the_hash() {
        assert_eq!(target_name(Path::new("/t/debug/deps/conformance-0a1b2c")), "conformance");
        assert_eq!(target_name(Path::new("conformance")), "conformance");
    }
}
