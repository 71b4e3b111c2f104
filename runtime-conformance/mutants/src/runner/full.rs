//! `--full`: every clause on every mutant, and every run of what is right. It takes hours and resumes.
//!
//! The work is a list of *units*, each a run of the suite. What a unit found is one line in a file below
//! the target directory, with what was judged: the git trees of [`JUDGED`] and of the files of the
//! mutant's group. A unit that has a line for today's is not run again, whatever else was committed
//! since. When all have, the lines are summed up into the record (`record`).
//!
//! | unit | cases | right if |
//! |---|---|---|
//! | a mutant | all; of one that is found by chance its own, 20 times | killed by the clause named, nothing foreign (19 of 20) |
//! | a benign variant, 20 times | all | nothing fails |
//! | a runtime as it is, 20 times under each load, its flavours in turn | all | nothing fails, nothing flaky |

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use runtime_conformance::clauses;
use runtime_conformance::json::Value;

use crate::mutant::{Detection, Mutant, Over};
use crate::mutants;
use crate::runner::args::Args;
use crate::runner::load::Load;
use crate::runner::record::{Base, Lines, record};
use crate::runner::suite::Suite;
use crate::runner::{cases_for, side_by_side, watchdog};
use crate::subject;

/// How many runs of a mutant that is found by chance.
const CHANCES: usize = 20;
/// Runtimes that run as they are.
const REFERENCE: &str = "default";

/// One run of the suite.
#[derive(Clone)]
struct Unit {
    name: String,
    round: usize,
    mutant: Option<&'static Mutant>,
    over: Over,
    load: Load,
    cases: Vec<String>,
}

impl Unit {
    fn is_wrong_one(&self) -> bool {
        self.mutant.is_some_and(|mutant| !mutant.is_benign())
    }

    /// Whether it repeats a run of a mutant that is found by chance.
    fn is_again(&self) -> bool {
        self.is_wrong_one() && self.round > 0
    }

    /// Which file has the mutant.
    fn group(&self) -> String {
        group(self.mutant.map_or("", |mutant| mutant.id))
    }
}

/// Which file has the mutant: `join` has `M-JOIN-2`, `benign` all the variants.
fn group(id: &str) -> String {
    let group = id.strip_prefix("M-").and_then(|id| id.split('-').next());
    group.unwrap_or("benign").to_lowercase()
}

pub(super) fn main(args: &Args) -> ExitCode {
    let commit = commit();
    let codes = codes();
    let code = |unit: &Unit| codes.get(&unit.group()).and_then(Option::as_deref);
    let state = state_file();
    let base = match base(args) {
        Ok(base) => base,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(4);
        }
    };
    let units = units(args, base.as_ref());
    let done = read_state(&state, &units, code);
    let left: Vec<Unit> =
        units.iter().filter(|unit| !done.contains_key(&unit.name)).cloned().collect();
    println!(
        "{} units, {} done at {commit}; the state is in {}",
        units.len(),
        done.len(),
        state.display()
    );
    let mut all = done;
    for (units, jobs) in stages(left, args.jobs) {
        side_by_side(
            units,
            jobs,
            |unit| (unit.name.clone(), run(&unit, &commit, code(&unit))),
            |(name, line)| {
                println!("{name}: {}", brief(&line));
                if let Err(error) = append(&state, &line) {
                    eprintln!("{}: {error}", state.display());
                }
                all.insert(name, line);
            },
        );
    }
    let record = record(&commit, &all, base.as_ref());
    let wrong = record.get("wrong").number();
    println!("{}", record.get("summary").text());
    if let Some(path) = &args.record {
        if let Err(error) = fs::write(path, record.pretty()) {
            eprintln!("{}: {error}", path.display());
            return ExitCode::from(4);
        }
    }
    ExitCode::from(u8::from(wrong > 0.0))
}

/// The record that is to be extended, if there is one.
fn base(args: &Args) -> Result<Option<Base>, String> {
    let Some(path) = &args.onto else { return Ok(None) };
    let base = Base::read(path, clauses::tested(), is_same);
    base.map(Some).map_err(|wrong| format!("{}: {wrong}", path.display()))
}

fn units(args: &Args, base: Option<&Base>) -> Vec<Unit> {
    let mutants = mutants::all().filter(|mutant| args.is_named(mutant));
    let mut units: Vec<Unit> = mutants.flat_map(|mutant| mutant_units(mutant, args)).collect();
    if !args.names_some() {
        units.extend(reference_units(args));
    }
    let Some(base) = base else { return units };
    let stands = |unit: &Unit| unit.mutant.is_none_or(|m| m.is_benign() || base.has(m.id));
    // An old mutant has been found, by chance or not, and runs once only.
    units.retain(|unit| !stands(unit) || (!base.lacks.is_empty() && !unit.is_again()));
    for unit in units.iter_mut().filter(|unit| stands(unit)) {
        unit.name = format!("{} since {:.8}", unit.name, base.commit);
        unit.cases.clone_from(&base.lacks);
    }
    units
}

fn mutant_units(mutant: &'static Mutant, args: &Args) -> Vec<Unit> {
    let (rounds, cases) = match mutant.detection {
        _ if mutant.is_benign() => (args.rounds, Vec::new()),
        Detection::Prob => (CHANCES, cases_for(mutant)),
        _ => (1, Vec::new()),
    };
    let kind = if mutant.is_benign() { "variant" } else { "mutant" };
    let unit = |round| Unit {
        name: format!("{kind} {} {round}", mutant.id),
        round,
        mutant: Some(mutant),
        over: args.over(mutant),
        load: Load::Quiet,
        cases: cases.clone(),
    };
    (0..rounds).map(unit).collect()
}

fn reference_units(args: &Args) -> Vec<Unit> {
    let flavours = subject::runtime(REFERENCE).map(|harness| harness.flavours().to_vec());
    let flavours: Vec<&'static str> =
        flavours.into_iter().flatten().map(|flavour| &*flavour.to_string().leak()).collect();
    let units = |load: Load| {
        // Each round is another flavour's.
        flavours.iter().cycle().take(args.rounds).enumerate().map(move |(round, &flavour)| Unit {
            name: format!("reference {REFERENCE}/{} {round} {flavour}", load.word()),
            round,
            mutant: None,
            over: Over { runtime: REFERENCE, flavour },
            load,
            cases: Vec::new(),
        })
    };
    Load::ALL.into_iter().flat_map(units).collect()
}

/// What runs beside each other, and how many at a time: the mutants first, then round by round, so that
/// whatever was reached when somebody stops it is of everything. Noise is measured alone: two at a time
/// would be noise to each other.
fn stages(units: Vec<Unit>, jobs: usize) -> Vec<(Vec<Unit>, usize)> {
    let mut stages: BTreeMap<(usize, bool), Vec<Unit>> = BTreeMap::new();
    for unit in units {
        let round = if unit.is_wrong_one() { 0 } else { 1 + unit.round };
        stages.entry((round, unit.mutant.is_none())).or_default().push(unit);
    }
    let jobs = |alone: bool| if alone { 1 } else { jobs };
    stages.into_iter().map(|((_, alone), units)| (units, jobs(alone))).collect()
}

/// Runs a unit; what it found, as a line for the state.
fn run(unit: &Unit, commit: &str, code: Option<&str>) -> Value {
    let is_wrong_one = unit.is_wrong_one();
    let suite = Suite {
        mutant: unit.mutant,
        over: unit.over,
        watchdog: watchdog(is_wrong_one),
        budget: if is_wrong_one { 20.0 } else { 60.0 },
        once: is_wrong_one,
        load: unit.load,
    };
    let report = suite.run(&unit.cases);
    let of = |list: &'static [&'static str]| {
        let failed = report.failures.iter().map(|failure| failure.clause.as_str());
        let mut ids: Vec<&str> = failed.filter(|clause| list.contains(clause)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let (breaks, tolerates) = unit.mutant.map_or((&[][..], &[][..]), |m| (m.breaks, m.tolerates));
    let (by, tolerated) = (of(breaks), of(tolerates));
    let is_foreign = |clause: &str| !by.contains(&clause) && !tolerated.contains(&clause);
    let foreign = report.failures.iter().filter(|failure| is_foreign(&failure.clause));
    let foreign: Vec<String> = foreign
        .map(|failure| format!("{} {}: {}", failure.clause, failure.part, failure.observed))
        .collect();
    Value::object([
        ("unit", unit.name.as_str().into()),
        ("commit", commit.into()),
        ("code", code.map_or(Value::Null, Value::from)),
        ("by", Value::list(by)),
        ("tolerated", Value::list(tolerated)),
        ("foreign", Value::list(foreign)),
        ("unclear", Value::list(report.unclear.iter().map(String::as_str))),
        ("exercised", (report.fired > 0).into()),
        ("passed", report.passed.into()),
        ("to_kill_ms", (report.to_kill.as_millis() as u64).into()),
        ("wall_ms", (report.wall.as_millis() as u64).into()),
        ("clauses", Value::list(report.clauses.iter().map(String::as_str))),
        ("fault", report.fault.as_deref().map_or(Value::Null, Value::from)),
    ])
}

fn brief(line: &Value) -> String {
    let list =
        |name: &str| line.get(name).items().iter().map(Value::text).collect::<Vec<_>>().join(", ");
    let part =
        |name: &str, text: String| if text.is_empty() { text } else { format!("{name} {text}; ") };
    let seconds = line.get("wall_ms").number() / 1000.0;
    let fault = line.get("fault").text().to_owned();
    format!(
        "{}{}{}{}{}{seconds:.1} s",
        part("by", list("by")),
        part("also", list("tolerated")),
        part("FOREIGN", list("foreign")),
        part("unclear", list("unclear")),
        part("FAULT", fault)
    )
}

// ── the state ───────────────────────────────────────────────────────────────────────────────────

/// Beside this program, hence below the target directory.
fn state_file() -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_default();
    exe.parent().unwrap_or(Path::new(".")).join("mutants-full.jsonl")
}

/// What is known about these units already, of the code as it is.
fn read_state<'a>(state: &Path, units: &[Unit], code: impl Fn(&Unit) -> Option<&'a str>) -> Lines {
    let text = fs::read_to_string(state).unwrap_or_default();
    let lines = text.lines().filter_map(|line| Value::parse(line).ok());
    // A suite that did not run to its end has found nothing.
    let whole = lines.filter(|line| *line.get("fault") == Value::Null);
    let todays = whole.filter(|line| {
        let unit = units.iter().find(|unit| unit.name == line.get("unit").text());
        unit.and_then(&code).is_some_and(|code| line.get("code").text() == code)
    });
    todays.map(|line| (line.get("unit").text().to_owned(), line)).collect()
}

fn append(state: &Path, line: &Value) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(state)?;
    file.write_all(format!("{line}\n").as_bytes())
}

/// What every verdict of this runner depends on.
const JUDGED: [&str; 12] = [
    "Cargo.lock",
    "runtime-conformance/src",
    "runtime-conformance/clauses.md",
    "runtime-conformance/waker",
    "runtime-conformance/proactor",
    "runtime-hooks/src",
    "runtime-traits/src",
    "runtime-default",
    "examples/toy",
    "runtime-conformance/mutants/src/decorate.rs",
    "runtime-conformance/mutants/src/erased.rs",
    "runtime-conformance/mutants/src/subject.rs",
];
/// And it depends on the group's file here, and its directory.
const MUTANTS: &str = "runtime-conformance/mutants/src/mutants";

/// Names the code of each group.
fn codes() -> BTreeMap<String, Option<String>> {
    let Some(tree) =
        git(&["ls-tree", "--full-tree", "--name-only", "HEAD", &format!("{MUTANTS}/")])
    else {
        return BTreeMap::new();
    };
    let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for place in tree.lines() {
        let name = place.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        places.entry(name.to_owned()).or_default().push(place);
    }
    places.into_iter().map(|(group, places)| (group, code(&places))).collect()
}

/// Whether the group of a mutant is the same as at a commit.
fn is_same(commit: &str, id: &str) -> bool {
    let group = group(id);
    let files = |commit: &str| -> Option<String> {
        let place = format!("{MUTANTS}/{group}");
        let list = ["ls-tree", "-r", "--full-tree", "--name-only", commit, "--"];
        let names = git(&[&list[..], &[&format!("{place}.rs"), &place]].concat())?;
        let file = |name| git(&["show", &format!("{commit}:{name}")]);
        names.lines().map(file).collect()
    };
    let then = files(commit).map(|text| substance(&text));
    then.is_some() && then == files("HEAD").map(|text| substance(&text))
}

/// What a mutant is made of: without comments, layout, and what else it may hurt, which is about others.
fn substance(text: &str) -> String {
    let code = |line: &str| line.split("// ").next().unwrap_or_default().trim().to_owned();
    let text: String = text.lines().map(code).filter(|l| !l.starts_with("//")).collect();
    let mut parts = text.split(".tolerates(");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| part.split_once("])").map_or(part, |(_, rest)| rest));
    let text = rest.fold(first, |text, rest| text + rest);
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The commit that is checked out.
fn commit() -> String {
    git(&["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".into())
}

/// Names what is judged; `None` if it is not committed, and so cannot be told from what comes next.
fn code(besides: &[&str]) -> Option<String> {
    let places = [&JUDGED[..], besides].concat();
    let root = git(&["rev-parse", "--show-toplevel"])?;
    let changes =
        git(&[&["-C", root.as_str(), "status", "--porcelain", "--"], &places[..]].concat())?;
    let trees: Vec<String> = places.iter().map(|place| format!("HEAD:{place}")).collect();
    let trees: Vec<&str> = trees.iter().map(String::as_str).collect();
    let trees = git(&[&["rev-parse"], &trees[..]].concat())?;
    changes.is_empty().then(|| trees.split_whitespace().map(|tree| &tree[..8]).collect())
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mutant_may_hurt_is_not_what_it_is() {
        let old =
            "twist(\"M-1\", || A)\n    .breaks(&[\"X-1\"])\n    .tolerates(&[\"X-2\"]), // why\n";
        let new =
            "// Why.\ntwist(\"M-1\", || A).breaks(&[\"X-1\"]).tolerates(&[\n\"X-2\",\n\"X-3\"]),\n";
        assert_eq!(substance(old), substance(new));
        assert_eq!(substance(old), r#"twist("M-1",||A).breaks(&["X-1"]),"#);
        assert_ne!(substance(old), substance(&old.replace("|| A", "|| B")));
    }
}
