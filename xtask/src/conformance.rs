//! `cargo xtask conformance`: the suite over the runtimes of this repository; `cargo xtask mutants`:
//! the suite's own tests.
//!
//! ```text
//!  conformance --runtime R …   cargo test -p <package of R> --test conformance -- …
//!  conformance --all           all of them, then one of them again with --merge
//!  mutants …                   the crate of mutants, built with --cfg runtime_mutants
//! ```
//!
//! Each runtime's reports go into a directory of the name of its package. A wrong command line ends
//! with 4, as the suite's own do.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::Outcome;
use crate::line::Line;
use crate::shell::Shell;

/// A runtime that is under the suite. To add one: a line here.
pub(crate) struct Subject {
    name: &'static str,
    /// Also what its harness says, and so the name of its reports' directory.
    pub(crate) package: &'static str,
    place: &'static str,
}

pub(crate) const SUBJECTS: [Subject; 5] = [
    Subject { name: "default", package: "runtime-default", place: "runtime-default" },
    Subject { name: "tokio", package: "runtime-tokio", place: "runtimes/tokio" },
    Subject { name: "smol", package: "runtime-smol", place: "runtimes/smol" },
    Subject { name: "humboldt", package: "humboldt", place: "examples/humboldt" },
    Subject { name: "toy", package: "toy", place: "examples/toy" },
];

/// The exit code of a command line that makes no sense.
const USAGE: u8 = 4;

const HELP: &str = "\
usage: cargo xtask conformance --runtime R | --all [--out DIR] [options] [CASE..]

  --runtime R          default, tokio, smol, humboldt or toy; may be given more than once
  --all                all of them
  --out DIR            write the reports there; of several runtimes: DIR/<package>, and joined in DIR

Everything else is passed on to the suite:

";

/// The suite's own text, and that of the mutants: read, so that help needs no build.
const SUITE_HELP: &str = include_str!("../../runtime-conformance/src/run/help.txt");
const MUTANTS_HELP: &str = include_str!("../../runtime-conformance/mutants/src/runner/help.txt");

/// What was asked, apart from what is passed on.
#[derive(Debug, Default, PartialEq)]
struct Asked {
    help: bool,
    runtimes: Vec<String>,
    all: bool,
    out: Option<PathBuf>,
    rest: Vec<String>,
}

fn parse(arguments: &[&str], root: &Path) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let mut arguments = arguments.iter();
    while let Some(&argument) = arguments.next() {
        let (option, inline) = match argument.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value)),
            _ => (argument, None),
        };
        let mut value = || {
            let value = inline.or_else(|| arguments.next().copied());
            value
                .filter(|value| !value.is_empty())
                .ok_or_else(|| format!("`{option}` needs a value"))
        };
        match option {
            "--help" | "-h" => asked.help = true,
            "--all" => asked.all = true,
            "--runtime" => asked.runtimes.push(value()?.to_owned()),
            "--out" => asked.out = Some(root.join(value()?)),
            _ => asked.rest.push(argument.to_owned()),
        }
    }
    match &asked.out {
        Some(out) if out.is_file() => {
            Err(format!("`--out` needs a directory, and `{}` is a file", out.display()))
        }
        _ if asked.runtimes.is_empty() && !asked.all && !asked.help => {
            Err(format!("name a runtime: --all, or --runtime {}", names("|")))
        }
        _ => Ok(asked),
    }
}

fn names(between: &str) -> String {
    SUBJECTS.each_ref().map(|subject| subject.name).join(between)
}

/// The suite over one runtime, or over all that there are.
pub(crate) fn run(arguments: &[&str]) -> Outcome {
    let mut shell = Shell::new();
    let asked = parse(arguments, &shell.root);
    let asked = asked.and_then(|asked| Ok((chosen(&asked, &shell.root)?, asked)));
    match asked {
        Ok((_, Asked { help: true, .. })) => {
            print!("{HELP}{SUITE_HELP}");
            Ok(ExitCode::SUCCESS)
        }
        Ok((subjects, asked)) => run_over(&mut shell, &subjects, &asked),
        Err(wrong) => {
            eprintln!("error: {wrong}");
            Ok(ExitCode::from(USAGE))
        }
    }
}

fn run_over(shell: &mut Shell, subjects: &[&Subject], asked: &Asked) -> Outcome {
    let merging = asked.all || subjects.len() > 1;
    asked.out.iter().for_each(|out| forget(out));
    let mut worst = 0;
    for subject in subjects {
        let out = asked.out.as_ref().map(|out| match merging {
            true => out.join(subject.package),
            false => out.clone(),
        });
        let line = suite(subject);
        let line = out.iter().fold(line, |line, out| line.arg("--out").arg(out));
        let line = asked.rest.iter().fold(line, |line, argument| line.arg(argument));
        worst = worse(worst, shell.code_of(line)?);
    }
    if let (true, Some(out)) = (merging, &asked.out) {
        worst = worse(worst, shell.code_of(joined(subjects, out))?);
    }
    Ok(ExitCode::from(worst))
}

/// The exit code of two runs: what failed hides what could not be told, and no other way round.
fn worse(one: u8, other: u8) -> u8 {
    let grave = [1, 4, 5, 3, 2];
    let place = |code: u8| grave.iter().position(|known| *known == code);
    match [one, other] {
        [0, code] | [code, 0] => code,
        codes => codes.into_iter().min_by_key(|code| place(*code)).unwrap_or_default(),
    }
}

/// The line that joins the reports of these runtimes, which are below `out`.
fn joined(subjects: &[&Subject], out: &Path) -> Line {
    let smallest = SUBJECTS.last().expect("there are subjects");
    let line = suite(smallest).arg("--out").arg(out);
    subjects.iter().fold(line, |line, subject| line.arg("--merge").arg(out.join(subject.package)))
}

/// For the tests of the workspace: where each runtime's reports go.
pub(crate) fn reports(target: &Path) -> PathBuf {
    target.join("conformance")
}

/// Forgets the reports of an earlier run, so that nobody takes them for those of the next.
pub(crate) fn forget(out: &Path) {
    let of_each = SUBJECTS.iter().map(|subject| out.join(subject.package));
    for place in of_each.chain([out.to_owned()]) {
        // What is not there need not go; what cannot go cannot be written over either, which is said.
        for kind in ["json", "md", "html"] {
            let _ = std::fs::remove_file(place.join(format!("conformance.{kind}")));
        }
    }
}

fn suite(subject: &Subject) -> Line {
    Line::cargo().words("test --quiet -p").arg(subject.package).words("--test conformance --")
}

/// The runtimes that are named, or all that the tree has.
fn chosen(asked: &Asked, root: &Path) -> Result<Vec<&'static Subject>, String> {
    let is_there = |subject: &&Subject| root.join(subject.place).join("Cargo.toml").exists();
    if asked.all {
        return Ok(SUBJECTS.iter().filter(is_there).collect());
    }
    let named = |name: &String| {
        let found = SUBJECTS.iter().find(|subject| subject.name == name);
        found.ok_or_else(|| format!("there is no runtime `{name}`: {}", names(", ")))
    };
    asked.runtimes.iter().map(named).collect()
}

/// The mutants. All arguments and the exit code pass through.
pub(crate) fn mutants(arguments: &[&str]) -> Outcome {
    if arguments.iter().any(|argument| ["--help", "-h"].contains(argument)) {
        print!("{MUTANTS_HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let mut shell = Shell::new();
    let line = mutants_line("run", &shell.target).arg("--");
    shell.become_line(arguments.iter().fold(line, |line, argument| line.arg(argument)))
}

/// `cargo build` or `cargo run` of the mutants.
pub(crate) fn mutants_line(command: &str, target: &Path) -> Line {
    let line = Line::cargo().arg(command).words("--quiet -p runtime-conformance-mutants");
    let line = line.arg("--target-dir").arg(target.join("mutants"));
    line.env("RUSTFLAGS", "--cfg runtime_mutants")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Asked, String> {
        parse(arguments, &crate::workspace::root())
    }

    #[test]
    fn what_failed_hides_what_could_not_be_told() {
        assert_eq!(
            [worse(0, 0), worse(0, 3), worse(3, 1), worse(1, 5), worse(2, 3)],
            [0, 3, 1, 1, 3]
        );
        assert_eq!(worse(101, 0), 101, "a crash of the suite itself");
    }

    #[test]
    fn what_is_ours_is_taken_and_the_rest_passed_on() {
        let asked =
            parsed(&["--runtime", "toy", "--quick", "--out=o", "WAKE-*", "--seed=1"]).unwrap();
        assert_eq!(asked.runtimes, ["toy"]);
        assert_eq!(asked.out, Some(crate::workspace::root().join("o")));
        assert_eq!(asked.rest, ["--quick", "WAKE-*", "--seed=1"]);
    }

    #[test]
    fn a_wrong_line_is_said_in_one_line() {
        let wrong = |arguments: &[&str]| {
            let asked =
                parsed(arguments).and_then(|a| chosen(&a, &crate::workspace::root()).map(drop));
            asked.unwrap_err()
        };
        assert!(
            wrong(&["WAKE-*"]).starts_with("name a runtime: --all, or --runtime default|tokio|")
        );
        assert_eq!(wrong(&["--runtime"]), "`--runtime` needs a value");
        assert_eq!(wrong(&["--all", "--out", ""]), "`--out` needs a value");
        assert!(wrong(&["--all", "--out", "Cargo.toml"]).ends_with("Cargo.toml` is a file"));
        assert!(wrong(&["--runtime", "todefault"]).contains("`todefault`: default, tokio, smol"));
        assert!(parsed(&["--help"]).unwrap().help);
    }

    #[test]
    fn reports_of_all_are_joined_from_where_the_harnesses_write_them() {
        let line = joined(&SUBJECTS.each_ref(), &reports(Path::new("/t")));
        let shown = line.shown(Path::new("/r"));
        assert!(
            shown.contains("-p toy --test conformance -- --out /t/conformance --merge "),
            "{shown}"
        );
        assert_eq!(shown.matches("--merge").count(), SUBJECTS.len());
        assert!(shown.contains("--merge /t/conformance/runtime-tokio"), "{shown}");
    }

    #[test]
    fn a_runtime_that_is_not_there_is_left_out_of_all() {
        let all = Asked { all: true, ..Asked::default() };
        let found = chosen(&all, &crate::workspace::root()).unwrap();
        assert!(found.iter().any(|subject| subject.name == "toy"));
    }
}
