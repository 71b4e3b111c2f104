//! Instructions in user space, by `valgrind --tool=callgrind`: slow, and the same on every machine
//! and every day.
//!
//! Each subject has one worker, so that nobody searches for work while others have it. The process
//! runs twice, with few batches and with more; the difference is free of start and end.

use std::process::Command;

use crate::run;
use crate::subject::Subject;
use crate::workload::Kind;

const FEW: usize = 1;
const MORE: usize = 4;

/// Prints instructions per operation for those workloads that have many in a batch.
pub(crate) fn count(workloads: &[Kind]) -> Result<(), String> {
    for &workload in workloads {
        let Some(operations) = workload.operations() else { continue };
        println!("\n{}: instructions in user space, one worker", workload.name());
        let asked = |s: &Subject| *s != Subject::Control && workload.has(*s);
        for subject in Subject::ALL.into_iter().filter(asked) {
            let [few, more] = [run(workload, subject, FEW)?, run(workload, subject, MORE)?];
            let each = (more - few) as f64 / ((MORE - FEW) * operations) as f64;
            println!("  {:<16} {each:>9.0}", subject.name());
        }
    }
    Ok(())
}

/// All instructions of one process.
fn run(workload: Kind, subject: Subject, size: usize) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(run::arguments(workload, subject, 1, size))
        .output()
        .map_err(|error| format!("valgrind cannot be started ({error}): install it"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let counted = said.lines().find_map(collected).filter(|_| output.status.success());
    counted.ok_or_else(|| format!("{} on {}: {said}", workload.name(), subject.name()))
}

/// The number in a line such as `==7== Collected : 1234`.
fn collected(line: &str) -> Option<u64> {
    line.split_once("Collected :")?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found() {
        assert_eq!(collected("==7== Collected : 1234"), Some(1234));
        assert_eq!(collected("==7== Events    : Ir"), None);
    }
}
