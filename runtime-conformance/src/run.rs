//! The parent: chooses cases, runs each in a child, two at a time, and reports.
//!
//! ```text
//!  args ── plan: cases × flavours ──▶ schedule: children ──▶ judge: Outcome ──▶ report, as they come
//!                  │                                                               │
//!                  └── skip, untested: outcomes without a child ───────────────────┘
//! ```

mod args;
mod child;
mod judge;
mod schedule;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use args::Args;
use child::Limits;

use crate::case::{Case, Evidence};
use crate::contract::{self, Level};
use crate::expectations::Expectations;
use crate::json::Value;
use crate::outcome::Outcome;
use crate::report::{Files, Header, Page, Screen};
use crate::verdict::{Verdict, exit_code};
use crate::{Cap, Flavour, Harness, clauses, rig, watchdog};

/// Where reports go if the command line does not say it: into a directory of the runtime's name there.
const OUT: &str = "CONFORMANCE_OUT";

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
        Ok(args) if !args.merge.is_empty() => merge(&args),
        Ok(args) => {
            match catch_unwind(AssertUnwindSafe(|| run(&harness, &completed(args, &harness)))) {
                Ok(code) => code,
                Err(_) => {
                    eprintln!("the harness panicked, see above; what was written so far is kept");
                    ExitCode::from(BROKEN)
                }
            }
        }
        Err(wrong) => usage(&wrong),
    }
}

fn usage(why: &str) -> ExitCode {
    eprintln!("{why} (`--help` lists what can be asked)");
    ExitCode::from(BROKEN)
}

/// What the command line leaves open, from the environment and the package that is tested.
fn completed(args: Args, harness: &dyn Harness) -> Args {
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| ".".into());
    args.or_else(env::var_os(OUT).map(PathBuf::from), harness.name(), Path::new(&package))
}

/// What is known to fail has this part of the time before it counts as hung, unless it takes time to be
/// tried often: then it could have been mended, and nobody would hear of it.
const HURRY: u32 = 10;

/// A case on a flavour, not run yet.
type Chosen = (&'static Case, Flavour);

fn run(harness: &dyn Harness, args: &Args) -> ExitCode {
    let chosen = choose(harness, args);
    if chosen.is_empty() {
        if let Some(typo) = args.looks_like_a_clause() {
            return usage(&format!("no case matches `{typo}`; `--list` shows what there is"));
        }
    }
    if args.list {
        list(harness, &chosen, args.terse);
        return ExitCode::SUCCESS;
    }
    let expectations = match &args.expectations {
        None => Expectations::default(),
        Some(path) => match Expectations::read(path) {
            Ok(expectations) => expectations,
            Err(wrong) => {
                eprintln!("{wrong}");
                return ExitCode::from(BROKEN);
            }
        },
    };
    let calibration = watchdog::calibration();
    let limit = args.watchdog.unwrap_or_else(|| watchdog::LIMIT.mul_f64(calibration));
    let limits = |(case, flavour): Chosen| Limits {
        limit: match args.watchdog.is_none() && is_hopeless(&expectations, case, flavour) {
            true => limit / HURRY,
            false => limit,
        },
        effort: args.effort,
        capture: !args.nocapture,
    };
    let header = Header::new(harness, args.effort, calibration);
    let mut files = Files::open(args.out.as_deref(), &header);
    let mut screen = Screen::new(&header, chosen.len());
    let mut outcomes = without_a_child(harness, args, &chosen);
    outcomes.iter().for_each(|outcome| files.event(outcome));
    let to_run: Vec<Chosen> =
        chosen.into_iter().filter(|chosen| missing(harness, *chosen).is_none()).collect();
    schedule::run(
        to_run,
        args.jobs,
        |(case, flavour)| judge::judge(case, flavour, args, &limits((case, flavour))),
        |judged| {
            for (mut outcome, output) in judged {
                let case = (outcome.clause.as_str(), outcome.part.as_str());
                outcome.verdict = expectations.apply(case, &outcome.flavour, outcome.verdict);
                files.event(&outcome);
                screen.add(&outcome, &output);
                outcomes.push(outcome);
            }
        },
    );
    finish(Page { header, outcomes }, &expectations, args, files, screen)
}

/// Whether it is known to fail, and quick if it does not.
fn is_hopeless(expectations: &Expectations, case: &Case, flavour: Flavour) -> bool {
    case.evidence == Evidence::Deterministic
        && expectations.has((case.id, case.part), &flavour.to_string())
}

/// Closes the reports and says what all of it means.
fn finish(
    page: Page,
    expectations: &Expectations,
    args: &Args,
    mut files: Files,
    screen: Screen,
) -> ExitCode {
    let page = page.sorted();
    let levels = page.outcomes.iter().map(|outcome| (outcome.level, outcome.verdict));
    let code = exit_code(levels, !expectations.expired.is_empty(), args.strict);
    screen.finish(&page, expectations, code, args.strict);
    files.close(std::slice::from_ref(&page), code);
    for fault in files.faults() {
        eprintln!("{fault}");
    }
    ExitCode::from(if code == 0 && !files.faults().is_empty() { BROKEN } else { code })
}

/// Joins the results of several runs into one set of reports.
fn merge(args: &Args) -> ExitCode {
    let Some(out) = args.out.as_deref() else { return usage("`--merge` needs `--out`") };
    let read = |dir: &PathBuf| {
        let path = dir.join("conformance.json");
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        let pages = text.and_then(|text| Value::parse(&text)).and_then(|json| Page::all(&json));
        let mut pages = pages.map_err(|wrong| format!("{}: {wrong}", path.display()))?;
        // Events are of one run, those of the directory. Without them the page has less to show.
        if let ([page], Ok(events)) =
            (&mut pages[..], std::fs::read_to_string(dir.join("conformance.jsonl")))
        {
            page.recall(&events);
        }
        Ok(pages)
    };
    let pages: Result<Vec<Vec<Page>>, String> = args.merge.iter().map(read).collect();
    let pages: Vec<Page> = match pages {
        Ok(pages) => pages.into_iter().flatten().collect(),
        Err(wrong) => return usage(&wrong),
    };
    let mut files = Files::over(out);
    files.close(&pages, 0);
    files.faults().iter().for_each(|fault| eprintln!("{fault}"));
    println!("{} runs joined in {}", pages.len(), out.display());
    ExitCode::from(if files.faults().is_empty() { 0 } else { BROKEN })
}

/// Cases × flavours, less what the arguments leave out and what a harness does not declare.
fn choose(harness: &dyn Harness, args: &Args) -> Vec<Chosen> {
    let flavours = || harness.flavours().iter().copied();
    let all = clauses::cases().flat_map(|case| flavours().map(move |flavour| (case, flavour)));
    let asked = all
        .filter(|(case, flavour)| case.is_for(*flavour) && args.choose(case, &flavour.to_string()));
    asked
        .filter(|chosen| !(is_declaration(chosen.0) && missing(harness, *chosen).is_some()))
        .collect()
}

/// Whether a case asks only whether a declaration is true: then it is not asked of who makes none.
fn is_declaration(case: &Case) -> bool {
    case.id.starts_with("CAP-")
}

/// What a case needs and the flavour does not declare.
fn missing(harness: &dyn Harness, (case, flavour): Chosen) -> Option<Cap> {
    case.wants().iter().copied().find(|need| !rig::has(harness, flavour, *need))
}

/// Outcomes of what is not run: the capability is not declared, or there is no test.
fn without_a_child(harness: &dyn Harness, args: &Args, chosen: &[Chosen]) -> Vec<Outcome> {
    let skip = |chosen: &Chosen| {
        let lack = missing(harness, *chosen)?;
        let (case, flavour) = *chosen;
        let why = format!("needs {lack}, which is not declared");
        Some(judge::not_run(case, flavour, args.seed, Verdict::Skip, why))
    };
    let skipped = chosen.iter().filter_map(skip);
    let flavours = harness.flavours();
    let untested = contract::clauses().iter().filter(|clause| {
        clause.level != Level::Withdrawn && clauses::cases().all(|case| case.id != clause.id)
    });
    let untested = untested.flat_map(|clause| {
        let known = clauses::untested().find(|untested| untested.id == clause.id);
        let why = known.map_or("no test is written yet", |untested| untested.why);
        let asked = flavours
            .iter()
            .filter(|flavour| args.choose_name(clause.id, clause.id, &flavour.to_string()));
        asked.map(move |flavour| judge::untested(clause, *flavour, why))
    });
    let untested: Vec<_> = if args.is_full() { untested.collect() } else { Vec::new() };
    skipped.chain(untested).collect()
}

/// `TASK-1@multi2`.
fn case_name(case: &Case, flavour: Flavour) -> String {
    format!("{}@{flavour}", case.name())
}

/// Prints the cases without running them; `terse` as tools expect it.
fn list(harness: &dyn Harness, cases: &[Chosen], terse: bool) {
    for &(case, flavour) in cases {
        let name = case_name(case, flavour);
        if terse {
            println!("{name}: test");
            continue;
        }
        let skip = missing(harness, (case, flavour));
        let skip = skip.map(|need| format!("  (skip: no {need})")).unwrap_or_default();
        let needs: Vec<_> = case.wants().iter().map(|need| need.name()).collect();
        let (level, needs) = (case.level(), needs.join(","));
        println!("{name}  {level}  {needs}  {}  {}{skip}", case.evidence.word(), case.question());
    }
    if !terse {
        for untested in clauses::untested() {
            println!("{}  untested: {}", untested.id, untested.why);
        }
    }
}

/// The command that runs a case again.
fn repeat(case: &Case, flavour: Flavour, seed: u64) -> String {
    format!("{} '{}' --flavour {flavour} --seed {seed:#x}", this_test(), case.name())
}

/// How this executable is run: by cargo if it was, else by its path.
fn this_test() -> String {
    let mutant = env::var("CONFORMANCE_MUTANT");
    let mutant = mutant.map(|id| format!("CONFORMANCE_MUTANT={id} ")).unwrap_or_default();
    let exe = env::current_exe().unwrap_or_default();
    let in_cargo = exe.parent().is_some_and(|place| place.ends_with("deps"));
    match env::var("CARGO_PKG_NAME") {
        Ok(package) if in_cargo => {
            format!("{mutant}cargo test -p {package} --test {} --", target_name(&exe))
        }
        _ => format!("{mutant}{}", exe.display()),
    }
}

/// The name of a cargo target: its file's without the hash.
fn target_name(exe: &Path) -> String {
    let stem = exe.file_stem().unwrap_or_default().to_string_lossy();
    stem.rsplit_once('-').map_or(&*stem, |(name, _hash)| name).to_owned()
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
