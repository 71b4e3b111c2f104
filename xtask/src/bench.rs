//! `cargo xtask bench`: runs the benchmarks, a workspace of their own in `benches/`.
//!
//! They are apart so that what we compare with (other runtimes, plotting) is
//! in nobody's dependency graph. All arguments and the exit code pass through.

use crate::Outcome;
use crate::line::Line;
use crate::shell::Shell;

const MANIFEST: &str = "benches/Cargo.toml";

pub(crate) fn run(arguments: &[&str]) -> Outcome {
    let mut shell = Shell::new();
    if !shell.root.join(MANIFEST).exists() {
        return Err(format!("{MANIFEST} does not exist, so there is nothing to measure"));
    }
    let line = Line::cargo().words("run --release --manifest-path").arg(MANIFEST).arg("--");
    shell.become_line(arguments.iter().fold(line, |line, argument| line.arg(argument)))
}
