//! The run: rounds in which every subject has its turn, each turn in a process of its own.
//!
//! ```text
//!   round 1   spawn_many: A B C   yield_many: A B C   …
//!   round 2   spawn_many: B C A   yield_many: B C A   …
//! ```
//!
//! Subjects that are compared run within seconds of each other, so a busy neighbour meets all of a
//! round or shows as spread; and none is always the first after a pause.

use std::io::{IsTerminal, stderr};
use std::process::{Command, Stdio, exit};
use std::thread;
use std::time::Duration;

use crate::results::{Measured, Results};
use crate::subject::Subject;
use crate::workload::{Kind, Sample};

/// The first argument of the role.
pub(crate) const ROLE: &str = "--measure";

/// Two threads poll tasks, whatever the machine has.
pub(crate) const WORKERS: usize = 2;

/// A measurement takes seconds. One that takes this long hangs.
const WATCHDOG: Duration = Duration::from_secs(120);

pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) workloads: Vec<Kind>,
}

impl Plan {
    /// Measures everything. The first error ends it: a round with a hole compares nothing.
    pub(crate) fn carry_out(&self) -> Result<Results, String> {
        let mut results = Results::default();
        for round in 0..self.rounds {
            for &workload in &self.workloads {
                self.show_progress(round, workload);
                for subject in turn(workload, round) {
                    let sample = in_a_process(workload, subject, workload.size(self.quick))?;
                    results.add(Measured { round, workload, subject, sample });
                }
            }
        }
        if stderr().is_terminal() {
            eprintln!();
        }
        Ok(results)
    }

    fn show_progress(&self, round: usize, workload: Kind) {
        if stderr().is_terminal() {
            eprint!("\rround {}/{}: {:<12}", round + 1, self.rounds, workload.name());
        }
    }
}

/// The subjects of this workload, another one first in each round.
fn turn(workload: Kind, round: usize) -> Vec<Subject> {
    let mut subjects: Vec<_> =
        Subject::ALL.into_iter().filter(|&subject| workload.has(subject)).collect();
    let first = round % subjects.len();
    subjects.rotate_left(first);
    subjects
}

fn in_a_process(workload: Kind, subject: Subject, size: usize) -> Result<Sample, String> {
    let what = || format!("{} on {}", workload.name(), subject.name());
    let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
    command.args(arguments(workload, subject, WORKERS, size));
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{}: {error}", what()))?;
    if !output.status.success() {
        return Err(format!("{}: {}", what(), output.status));
    }
    String::from_utf8_lossy(&output.stdout).parse().map_err(|error| format!("{}: {error}", what()))
}

/// What makes a process [`measure`].
pub(crate) fn arguments(
    workload: Kind,
    subject: Subject,
    workers: usize,
    size: usize,
) -> [String; 5] {
    let (workload, subject) = (workload.name().into(), subject.name().into());
    [ROLE.into(), workload, subject, workers.to_string(), size.to_string()]
}

/// The process of one measurement: prints it.
pub(crate) fn measure(arguments: &[&str]) -> Result<(), String> {
    let wrong = || format!("{ROLE} workload subject workers size, not {arguments:?}");
    let &[workload, subject, workers, size] = arguments else { return Err(wrong()) };
    let workload = Kind::named(workload).ok_or_else(wrong)?;
    let subject = Subject::named(subject).ok_or_else(wrong)?;
    let (workers, size) = workers.parse().ok().zip(size.parse().ok()).ok_or_else(wrong)?;
    thread::spawn(|| {
        thread::sleep(WATCHDOG);
        eprintln!("no end after {WATCHDOG:?}");
        exit(3);
    });
    println!("{}", workload.measure(subject, workers, size));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_is_first_once() {
        let rounds = turn(Kind::SpawnMany, 0).len();
        let firsts: Vec<_> = (0..rounds).map(|round| turn(Kind::SpawnMany, round)[0]).collect();
        for subject in turn(Kind::SpawnMany, 0) {
            assert_eq!(firsts.iter().filter(|first| **first == subject).count(), 1);
        }
    }
}
