//! The repository's own commands: `cargo xtask <command>`.
//!
//! Each command is one file; what they share is below them:
//!
//! ```text
//!  test  platforms  msrv  sanitize  bench  conformance     audit  clauses  profiles  std_surface
//!    └───────┴───────┴───────┴────────┴─────────┘              └──────┴────────┴──────────┘
//!            ▼                                                        ▼
//!  shell    runs steps, times them, adds up          tidy       rules of the tree
//!  system   packages of the operating system         tree       sources and manifests
//!  line     what to type, what to start              tokens     code without strings
//!  tally    results of tests                         workspace  the manifests
//!                                                    json       the suite's reports
//! ```
//!
//! `test` runs `audit`, `clauses`, `profiles --check` and `std-surface --check` as steps of its own.
//!
//! There is no dependency, so that the first command of a fresh clone starts
//! in seconds. Not here: anything a program or a library needs at run time.

#![forbid(unsafe_code)]

mod audit;
mod bench;
mod clauses;
mod conformance;
/// The suite's own reader, as text: xtask depends on no crate.
#[allow(dead_code, unreachable_pub, reason = "the suite uses more of it, and publishes it")]
#[path = "../../runtime-conformance/src/json.rs"]
mod json;
mod line;
mod msrv;
mod platform_gaps;
mod platforms;
mod profiles;
mod sanitize;
mod shell;
mod std_surface;
mod system;
mod tally;
mod test;
mod tidy;
mod tokens;
mod tree;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask <command>

  test [step…]             every check and every test; the last line is the sum
                           steps: system fmt clippy crates doc tests force-poll
                           profiles std-surface models side clauses mutants audit (all of
                           them when none is named)
  audit                    counts code, prose and unsafe; checks the rules of the tree
  platforms                type-checks the crates for the platforms they promise
  msrv                     checks the crates with the oldest compiler they promise
  sanitize [asan|tsan]     the tests under AddressSanitizer and ThreadSanitizer
  bench [--quick] [name]   runs the benchmarks; `bench distridata`: the data store beside redis
  conformance --runtime default|tokio|smol|humboldt|toy | --all
              [--flavour F] [--quick] [--out DIR] [CLAUSE..]
                           the conformance suite; its exit code (`… -- --help` of a
                           runtime's tests/conformance.rs has all options)
  profiles [--check] [DIR] the README's table of who reaches what, from the reports in DIR
  std-surface [--check]    what of std there is: docs/std-surface.md, from std's documentation
  clauses                  clauses.md = tests = documentation = mutants?
  mutants [--full] [MUTANT..]
                           the suite's own tests: broken runtimes
";

/// What a command ends with: an exit code, or the reason why it could not begin.
type Outcome = Result<ExitCode, String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    dispatch(&arguments).unwrap_or_else(|reason| {
        eprintln!("error: {reason}");
        ExitCode::FAILURE
    })
}

fn dispatch(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["test", steps @ ..] => test::run(steps),
        ["audit"] => audit::run(),
        ["platforms"] => platforms::run(),
        ["msrv"] => msrv::run(),
        ["sanitize", kinds @ ..] => sanitize::run(kinds),
        ["bench", rest @ ..] => bench::run(rest),
        ["conformance", rest @ ..] => conformance::run(rest),
        ["profiles", rest @ ..] => profiles::run(rest),
        ["std-surface", rest @ ..] => std_surface::run(rest),
        ["clauses", rest @ ..] => clauses::run(rest),
        ["mutants", rest @ ..] => conformance::mutants(rest),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(not_understood(&words)),
    }
}

/// The answer to a command line that makes no sense.
fn not_understood(words: &[&str]) -> String {
    format!("`{}` is not a command\n\n{USAGE}", words.join(" "))
}
