//! `cargo xtask conformance`: the suite over the runtimes of this repository; `cargo xtask mutants`:
//! the suite's own tests.
//!
//! ```text
//!  conformance --runtime R …   cargo test -p <package of R> --test conformance -- …
//!  conformance --all           all of them, then one of them again with --merge
//!  mutants …                   the crate of mutants, built with --cfg runtime_mutants
//! ```
//!
//! A runtime's known failures are in `conformance.toml` beside its manifest.

use std::path::Path;
use std::process::ExitCode;

use crate::Outcome;
use crate::line::Line;
use crate::shell::Shell;

/// A runtime that is under the suite. To add one: a line here.
struct Subject {
    name: &'static str,
    package: &'static str,
    place: &'static str,
}

const SUBJECTS: [Subject; 5] = [
    Subject { name: "default", package: "runtime-default", place: "runtime-default" },
    Subject { name: "tokio", package: "runtime-tokio", place: "runtimes/tokio" },
    Subject { name: "smol", package: "runtime-smol", place: "runtimes/smol" },
    Subject { name: "humboldt", package: "humboldt", place: "examples/humboldt" },
    Subject { name: "toy", package: "toy", place: "examples/toy" },
];

const EXPECTATIONS: &str = "conformance.toml";

/// What was asked, apart from what is passed on.
#[derive(Debug, Default, PartialEq)]
struct Asked {
    runtimes: Vec<String>,
    all: bool,
    out: Option<String>,
    rest: Vec<String>,
}

fn parse(arguments: &[&str]) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let mut arguments = arguments.iter();
    while let Some(&argument) = arguments.next() {
        let mut value = || {
            let value = arguments.next().map(|value| (*value).to_owned());
            value.ok_or_else(|| format!("`{argument}` needs a value"))
        };
        match argument {
            "--all" => asked.all = true,
            "--runtime" => asked.runtimes.push(value()?),
            "--out" => asked.out = Some(value()?),
            _ => asked.rest.push(argument.to_owned()),
        }
    }
    if asked.runtimes.is_empty() && !asked.all {
        let names: Vec<_> = SUBJECTS.iter().map(|subject| subject.name).collect();
        return Err(format!("name a runtime: --all, or --runtime {}", names.join("|")));
    }
    Ok(asked)
}

/// The suite over one runtime, or over all that there are.
pub(crate) fn run(arguments: &[&str]) -> Outcome {
    let asked = parse(arguments)?;
    let mut shell = Shell::new();
    let subjects = chosen(&asked, &shell.root)?;
    let merging = asked.all || subjects.len() > 1;
    let mut worst = 0;
    let mut parts = Vec::new();
    for subject in &subjects {
        let out = asked.out.as_ref().map(|out| match merging {
            true => shell.root.join(out).join(subject.name),
            false => shell.root.join(out),
        });
        let line = suite(subject, &shell.root).words("--test conformance --");
        let line = out.iter().fold(line, |line, out| line.arg("--out").arg(out));
        let line = with_expectations(line, subject, &shell.root);
        let line = asked.rest.iter().fold(line, |line, argument| line.arg(argument));
        worst = worst.max(shell.code_of(line)?);
        parts.extend(out);
    }
    if let (true, Some(out), Some(first)) = (merging, &asked.out, subjects.first()) {
        let line = suite(first, &shell.root).words("--test conformance -- --out");
        let line = line.arg(shell.root.join(out));
        let line = parts.iter().fold(line, |line, part| line.arg("--merge").arg(part));
        worst = worst.max(shell.code_of(line)?);
    }
    Ok(ExitCode::from(worst))
}

fn suite(subject: &Subject, _: &Path) -> Line {
    Line::cargo().words("test --quiet -p").arg(subject.package)
}

fn with_expectations(line: Line, subject: &Subject, root: &Path) -> Line {
    let known = root.join(subject.place).join(EXPECTATIONS);
    if known.exists() { line.arg("--expectations").arg(known) } else { line }
}

/// The runtimes that are named, or all that the tree has.
fn chosen(asked: &Asked, root: &Path) -> Result<Vec<&'static Subject>, String> {
    let is_there = |subject: &&Subject| root.join(subject.place).join("Cargo.toml").exists();
    if asked.all {
        return Ok(SUBJECTS.iter().filter(is_there).collect());
    }
    let named = |name: &String| {
        let found = SUBJECTS.iter().find(|subject| subject.name == name);
        found.ok_or_else(|| format!("there is no runtime `{name}`"))
    };
    asked.runtimes.iter().map(named).collect()
}

/// The mutants. All arguments and the exit code pass through.
pub(crate) fn mutants(arguments: &[&str]) -> Outcome {
    let mut shell = Shell::new();
    let target = shell.target.join("mutants");
    let line = Line::cargo().words("run --quiet -p runtime-conformance-mutants --target-dir");
    let line = line.arg(target).env("RUSTFLAGS", "--cfg runtime_mutants").arg("--");
    shell.become_line(arguments.iter().fold(line, |line, argument| line.arg(argument)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_is_taken_and_the_rest_passed_on() {
        let asked = parse(&["--runtime", "toy", "--quick", "--out", "o", "WAKE-*"]).unwrap();
        assert_eq!((asked.runtimes, asked.out), (vec!["toy".to_owned()], Some("o".to_owned())));
        assert_eq!(asked.rest, ["--quick", "WAKE-*"]);
        assert!(parse(&["WAKE-*"]).unwrap_err().contains("name a runtime"));
        assert!(parse(&["--runtime"]).is_err());
    }

    #[test]
    fn a_runtime_that_is_not_there_is_left_out_of_all() {
        let all = Asked { all: true, ..Asked::default() };
        let root = crate::workspace::root();
        let found = chosen(&all, &root).unwrap();
        assert!(found.iter().any(|subject| subject.name == "toy"));
        let typo = Asked { runtimes: vec!["todefault".into()], ..Asked::default() };
        assert!(chosen(&typo, &root).is_err());
    }
}
