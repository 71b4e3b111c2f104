//! The parent: chooses cases, runs each in a child, reports.

mod args;
mod child;
mod report;

use std::env;
use std::process::ExitCode;

use args::Args;
use child::{End, Limits};
use report::Report;

use crate::clauses::{ALL, Clause};
use crate::{Flavour, Harness, watchdog};

/// Wrong usage, or a case could not be started.
const BROKEN: u8 = 4;

/// Runs the suite, as the arguments of this process say, and reports on standard output.
///
/// Meant to be all that the `main` of a test with `harness = false` does. It starts this executable
/// again for each case, with `CONFORMANCE_CASE` in the environment, and answers to that variable
/// itself; so whatever `main` does before happens in each child too.
///
/// `cargo test --test conformance -- --help` lists the arguments. Those that `cargo test` passes to
/// every test (`--nocapture`, `--test-threads`, …) are accepted.
pub fn main(harness: impl Harness) -> ExitCode {
    if let Ok(case) = env::var(child::CASE) {
        return child::inside(&harness, &case);
    }
    match Args::parse(env::args().skip(1)) {
        Ok(args) if args.help => {
            print!("{}", args::HELP);
            ExitCode::SUCCESS
        }
        Ok(args) => run(&harness, &args),
        Err(usage) => broken(&usage),
    }
}

fn broken(why: &str) -> ExitCode {
    eprintln!("{why}\n{}", args::HELP);
    ExitCode::from(BROKEN)
}

/// A clause on a flavour, not run yet.
type Chosen = (&'static Clause, Flavour);

fn run(harness: &dyn Harness, args: &Args) -> ExitCode {
    let cases = choose(harness, args);
    if cases.is_empty() {
        if let Some(typo) = args.looks_like_a_clause() {
            return broken(&format!("no case matches `{typo}`; `--list` shows what there is"));
        }
    }
    if args.list {
        report::list(harness, &cases, args.terse);
        return ExitCode::SUCCESS;
    }
    let limit = args.watchdog.unwrap_or_else(|| watchdog::LIMIT.mul_f64(watchdog::calibration()));
    let limits = Limits { limit, seed: args.seed, capture: !args.nocapture };
    let mut report = Report::new(harness.name());
    for (clause, flavour) in cases {
        report.add(clause, flavour, &limits, verdict(harness, clause, flavour, &limits));
    }
    report.finish()
}

/// Clauses × flavours, less what the arguments leave out.
fn choose(harness: &dyn Harness, args: &Args) -> Vec<Chosen> {
    let flavours = || harness.flavours().iter().copied();
    let all = ALL.iter().flat_map(|clause| flavours().map(move |flavour| (clause, flavour)));
    all.filter(|(clause, flavour)| args.choose(clause, &flavour.to_string())).collect()
}

/// What came of one case.
enum Verdict {
    /// Not run: the capability is declared absent.
    Skip(runtime_traits::Capability),
    /// Run.
    Ran(child::Ran),
    /// Could not be run.
    Broken(std::io::Error),
}

fn verdict(harness: &dyn Harness, clause: &Clause, flavour: Flavour, limits: &Limits) -> Verdict {
    let absent = harness.absent(flavour);
    if let Some(missing) = clause.needs.iter().find(|need| absent.contains(need)) {
        return Verdict::Skip(*missing);
    }
    match child::run(&case_name(clause, flavour), limits) {
        Ok(ran) => Verdict::Ran(ran),
        Err(error) => Verdict::Broken(error),
    }
}

/// `TASK-1@multi2`.
fn case_name(clause: &Clause, flavour: Flavour) -> String {
    format!("{}@{flavour}", clause.name())
}

impl Verdict {
    /// Whether a child ran and its clause held.
    fn passed(&self) -> bool {
        matches!(self, Verdict::Ran(child::Ran { end: End::Pass, .. }))
    }
}
