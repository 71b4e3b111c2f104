//! What does the interface cost, and how does our runtime compare with the peers?
//!
//! ```text
//! cargo xtask bench [--quick] [--rounds N] [--instructions] [filter]
//! ```
//!
//! `filter` is a part of a workload's name, or `distridata` for the data store (`store`). The exit code is 1 if a gate fails. Every measurement is
//! written to `record/latest.jsonl`.
//!
//! # Method
//!
//! - All subjects run **in one run, in turn** (`run`), each measurement in a process of its own. What
//!   is compared are **ratios within a round**; the median of these is quoted, with the spread.
//! - tokio runs twice in each round. Its ratio to itself is the noise: smaller differences say
//!   nothing.
//! - Subjects have two workers. The workload is written once for each interface (`api`), runs in a
//!   task, and uses nothing of the runtime's but tasks, wakers and sockets (`workload`).
//! - Two figures for each: the one that is compared, and one beside it, mostly the processor time of
//!   the whole process. Where two workers share the work, wall time is half of that at best.
//! - A verdict that all rounds share is worth more than one they do not; the report says which it is.
//! - `--instructions` counts what one worker executes in user space instead, under callgrind: it
//!   repeats to a fraction of a per cent and sees neither caches nor the kernel.
//!
//! # Floors
//!
//! | workload | asks for | floor |
//! |---|---|---|
//! | `spawn_many` | start and end of a task, 10,000 at a time | 21 ns |
//! | `yield_many` | one turn through the queue | 5 ns for one worker |
//! | `remote_wake` | from a thread to an idle runtime and back | 3.9 µs (futex), 8.3 µs (epoll) |
//! | `tcp_echo` | a request of 64 bytes on one of 64 connections | 5.9 s of processor time per 1M |
//! | `spawn_local` | start and end of a task that stays on its thread, 10,000 at a time | 5 ns and an allocation |
//! | `unblock_burst` | one of 10,000 closures that block for nothing | 50 ns: a queue and a lock |
//! | `file_read` | a MiB of a file that is in the cache | 86 µs: `pread` |
//! | `children` | a child that ends at once, ten at a time | `fork` and `exec` |
//!
//! Each was measured apart, by the least code that does the work, on two cores of 2024; they say how
//! far there is to go, not what passes.

use std::process::ExitCode;

mod api;
mod client;
mod facts;
mod gate;
mod instructions;
mod report;
mod results;
mod run;
mod stats;
mod store;
mod subject;
mod workload;

use facts::Facts;
use run::Plan;
use workload::Kind;

const USAGE: &str = "cargo xtask bench [--quick] [--rounds N] [--instructions] [filter]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [client::ROLE, address, requests] => as_client(address, requests),
        [run::ROLE, ref rest @ ..] => run::measure(rest).map(|()| true),
        _ => Wish::read(&arguments).and_then(|wish| wish.fulfil()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn as_client(address: &str, requests: &str) -> Result<bool, String> {
    let requests = requests.parse().map_err(|error| format!("`{requests}`: {error}"))?;
    client::run(address, requests);
    Ok(true)
}

/// What the command line asks for.
#[derive(Debug, Default, PartialEq)]
struct Wish<'a> {
    quick: bool,
    rounds: Option<usize>,
    instructions: bool,
    filter: &'a str,
}

impl<'a> Wish<'a> {
    fn read(arguments: &[&'a str]) -> Result<Wish<'a>, String> {
        let mut wish = Wish::default();
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            match argument {
                "--quick" => wish.quick = true,
                "--instructions" => wish.instructions = true,
                "--rounds" => {
                    let number = rest.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                    wish.rounds = Some(number.ok_or_else(|| format!("how many rounds? {USAGE}"))?);
                }
                name if !name.starts_with('-') && wish.filter.is_empty() => wish.filter = name,
                other => return Err(format!("`{other}` is not understood: {USAGE}")),
            }
        }
        Ok(wish)
    }

    fn workloads(&self) -> Result<Vec<Kind>, String> {
        let mut workloads = Kind::ALL.to_vec();
        workloads.retain(|workload| workload.name().contains(self.filter));
        if workloads.is_empty() {
            let names = Kind::ALL.map(Kind::name).join(", ");
            return Err(format!("no workload has `{}` in its name: {names}", self.filter));
        }
        Ok(workloads)
    }

    /// `false`: a gate fails.
    fn fulfil(&self) -> Result<bool, String> {
        if self.filter == store::NAME {
            print!("{}", Facts::now());
            let requests = if self.quick { 100_000 } else { 500_000 };
            return store::run(self.rounds.unwrap_or(if self.quick { 3 } else { 7 }), requests);
        }
        let workloads = self.workloads()?;
        let facts = Facts::now();
        print!("{facts}");
        if self.instructions {
            return instructions::count(&workloads).map(|()| true);
        }
        let rounds = self.rounds.unwrap_or(if self.quick { 3 } else { 11 });
        let results = Plan { rounds, quick: self.quick, workloads }.carry_out()?;
        for workload in self.workloads()? {
            print!("{}", report::table(&results, workload));
        }
        let verdicts = gate::verdicts(&results);
        print!("{}{}", report::gates(&verdicts), report::noise(&results));
        report::record(&facts, &results, &verdicts).map_err(|error| error.to_string())?;
        Ok(verdicts.iter().all(gate::Verdict::passes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_read() {
        let wish = Wish::read(&["--quick", "--rounds", "5", "echo"]).unwrap();
        assert_eq!(
            wish,
            Wish { quick: true, rounds: Some(5), instructions: false, filter: "echo" }
        );
        assert_eq!(wish.workloads().unwrap(), [Kind::TcpEcho]);
        assert!(Wish::read(&["--rounds"]).is_err());
        assert!(Wish::read(&["--fast"]).is_err());
        assert!(Wish::read(&["nothing"]).unwrap().workloads().is_err());
    }
}
