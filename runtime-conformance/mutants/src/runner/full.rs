//! `--full`: every clause on every mutant, and every run of what is right. It takes hours and resumes.
//!
//! The work is a list of *units*, each a run of the suite. What a unit found is one line in a file below
//! the target directory, with what was judged: the git trees of [`JUDGED`] and of the files of the
//! mutant's group. A unit that has a line for today's is not run again, whatever else was committed
//! since. When all have, the lines are summed up into the record.
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

use runtime_conformance::json::Value;

use crate::mutant::{Detection, Mutant, Over};
use crate::mutants;
use crate::runner::args::Args;
use crate::runner::load::Load;
use crate::runner::suite::Suite;
use crate::runner::{cases_for, side_by_side, watchdog};
use crate::subject;

/// How many runs of a mutant that is found by chance.
const CHANCES: usize = 20;
/// How many of them may miss.
const MISSES: usize = 1;
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

    /// Which file has the mutant: `join` has `M-JOIN-2`.
    fn group(&self) -> String {
        let wrong_one = self.mutant.filter(|_| self.is_wrong_one());
        let group = wrong_one.and_then(|mutant| mutant.id.split('-').nth(1));
        group.unwrap_or("benign").to_lowercase()
    }
}

pub(super) fn main(args: &Args) -> ExitCode {
    let commit = commit();
    let codes = codes();
    let code = |unit: &Unit| codes.get(&unit.group()).and_then(Option::as_deref);
    let state = state_file();
    let units = units(args);
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
    let record = record(&commit, &all);
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

fn units(args: &Args) -> Vec<Unit> {
    let mut units = Vec::new();
    for mutant in mutants::all().filter(|mutant| args.is_named(mutant)) {
        let (rounds, cases) = match mutant.detection {
            _ if mutant.is_benign() => (args.rounds, Vec::new()),
            Detection::Prob => (CHANCES, cases_for(mutant)),
            _ => (1, Vec::new()),
        };
        let kind = if mutant.is_benign() { "variant" } else { "mutant" };
        units.extend((0..rounds).map(|round| Unit {
            name: format!("{kind} {} {round}", mutant.id),
            round,
            mutant: Some(mutant),
            over: args.over(mutant),
            load: Load::Quiet,
            cases: cases.clone(),
        }));
    }
    if args.names_some() {
        return units;
    }
    let flavours = subject::runtime(REFERENCE).map(|harness| harness.flavours().to_vec());
    let flavours: Vec<&'static str> =
        flavours.into_iter().flatten().map(|flavour| &*flavour.to_string().leak()).collect();
    for load in Load::ALL {
        // Each round is another flavour's.
        units.extend(flavours.iter().cycle().take(args.rounds).enumerate().map(
            |(round, &flavour)| Unit {
                name: format!("reference {REFERENCE}/{} {round} {flavour}", load.word()),
                round,
                mutant: None,
                over: Over { runtime: REFERENCE, flavour },
                load,
                cases: Vec::new(),
            },
        ));
    }
    units
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

// ── the record ──────────────────────────────────────────────────────────────────────────────────

/// What all units say together.
fn record(commit: &str, all: &BTreeMap<String, Value>) -> Value {
    let lines = |kind: &str| -> BTreeMap<String, Vec<&Value>> {
        let mut groups: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
        for (name, line) in all {
            let mut words = name.split(' ');
            if words.next() == Some(kind) {
                groups.entry(words.next().unwrap_or_default().to_owned()).or_default().push(line);
            }
        }
        groups
    };
    let mutants: Vec<Value> =
        lines("mutant").iter().map(|(id, runs)| of_mutant(id, runs)).collect();
    let variants: Vec<Value> =
        lines("variant").iter().map(|(id, runs)| of_right(id, runs)).collect();
    let reference: Vec<Value> =
        lines("reference").iter().map(|(id, runs)| of_right(id, runs)).collect();
    let count = |list: &[Value], field: &str| {
        list.iter().filter(|one| *one.get(field) == Value::Bool(true)).count()
    };
    let wrong = mutants.len() + variants.len() + reference.len()
        - count(&mutants, "right")
        - count(&variants, "right")
        - count(&reference, "right");
    let summary = format!(
        "{} of {} mutants killed, {} right; {} of {} variants and {} of {} references without alarm",
        count(&mutants, "killed"),
        mutants.len(),
        count(&mutants, "right"),
        count(&variants, "right"),
        variants.len(),
        count(&reference, "right"),
        reference.len(),
    );
    let mut clauses: Vec<String> = all
        .values()
        .flat_map(|line| line.get("clauses").items().iter().map(|id| id.text().to_owned()))
        .collect();
    clauses.sort();
    clauses.dedup();
    Value::object([
        ("schema", 1_u64.into()),
        ("commit", commit.into()),
        ("summary", summary.into()),
        ("wrong", wrong.into()),
        ("clauses", Value::list(clauses)),
        ("mutants", Value::List(mutants)),
        ("variants", Value::List(variants)),
        ("reference", Value::List(reference)),
    ])
}

fn of_mutant(id: &str, runs: &[&Value]) -> Value {
    let by = |run: &&&Value| !run.get("by").items().is_empty();
    let named = runs.iter().filter(by).count();
    let mut clauses: Vec<&str> =
        runs.iter().flat_map(|run| run.get("by").items()).map(Value::text).collect();
    clauses.sort_unstable();
    clauses.dedup();
    let foreign = runs.iter().map(|run| run.get("foreign").items().len()).sum::<usize>();
    let enough = if runs.len() > 1 { runs.len() - MISSES } else { 1 };
    let sound = runs.iter().all(|run| *run.get("fault") == Value::Null);
    let exercised = runs.iter().any(|run| *run.get("exercised") == Value::Bool(true));
    Value::object([
        ("id", id.into()),
        ("killed", (named >= enough).into()),
        ("exercised", exercised.into()),
        ("runs", runs.len().into()),
        ("noticed", named.into()),
        ("by", Value::list(clauses)),
        ("foreign", foreign.into()),
        ("right", (named >= enough && exercised && foreign == 0 && sound).into()),
    ])
}

fn of_right(id: &str, runs: &[&Value]) -> Value {
    let alarms = runs.iter().map(|run| run.get("foreign").items().len()).sum::<usize>();
    let unclear = runs.iter().map(|run| run.get("unclear").items().len()).sum::<usize>();
    let sound =
        runs.iter().all(|run| *run.get("fault") == Value::Null && run.get("passed").number() > 0.0);
    Value::object([
        ("id", id.into()),
        ("runs", runs.len().into()),
        ("alarms", alarms.into()),
        ("unclear", unclear.into()),
        ("right", (alarms == 0 && sound && !(id.ends_with("/quiet") && unclear > 0)).into()),
    ])
}

// ── the state ───────────────────────────────────────────────────────────────────────────────────

/// Beside this program, hence below the target directory.
fn state_file() -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_default();
    exe.parent().unwrap_or(Path::new(".")).join("mutants-full.jsonl")
}

/// What is known about these units already, of the code as it is.
fn read_state<'a>(
    state: &Path,
    units: &[Unit],
    code: impl Fn(&Unit) -> Option<&'a str>,
) -> BTreeMap<String, Value> {
    let text = fs::read_to_string(state).unwrap_or_default();
    let lines = text.lines().filter_map(|line| Value::parse(line).ok());
    let todays = lines.filter(|line| {
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

    fn line(by: &[&str], foreign: &[&str]) -> Value {
        Value::object([
            ("by", Value::list(by.iter().copied())),
            ("foreign", Value::list(foreign.iter().copied())),
            ("unclear", Value::List(Vec::new())),
            ("exercised", true.into()),
            ("passed", 3_u64.into()),
            ("clauses", Value::list(["TASK-1"])),
            ("fault", Value::Null),
        ])
    }

    fn right(value: &Value) -> bool {
        *value.get("right") == Value::Bool(true)
    }

    #[test]
    fn a_mutant_of_chance_may_be_missed_once() {
        let (hit, miss) = (line(&["TASK-1"], &[]), line(&[], &[]));
        let runs = |misses: usize| -> Vec<&Value> {
            (0..20).map(|run| if run < misses { &miss } else { &hit }).collect()
        };
        assert!(right(&of_mutant("M", &runs(1))));
        assert!(!right(&of_mutant("M", &runs(2))));
        assert!(right(&of_mutant("M", &[&hit])));
        assert!(!right(&of_mutant("M", &[&miss])));
        assert!(!right(&of_mutant("M", &[&line(&["TASK-1"], &["WAKE-1 : x"])])));
    }

    #[test]
    fn what_is_right_raises_no_alarm_in_any_run() {
        let (quiet, alarm) = (line(&[], &[]), line(&[], &["WAKE-1 : x"]));
        assert!(right(&of_right("E-1", &[&quiet, &quiet])));
        assert!(!right(&of_right("E-1", &[&quiet, &alarm])));
        let none = Value::object([("fault", "it did not start".into())]);
        assert!(!right(&of_right("E-1", &[&none])));
    }

    #[test]
    fn units_are_summed_by_kind_and_name() {
        let all = BTreeMap::from([
            ("mutant M-1 0".to_owned(), line(&["TASK-1"], &[])),
            ("variant E-1 0".to_owned(), line(&[], &[])),
            ("variant E-1 1".to_owned(), line(&[], &[])),
            ("reference default/multi2/hogs 0".to_owned(), line(&[], &["X"])),
        ]);
        let record = record("abc", &all);
        assert_eq!(record.get("variants").items()[0].get("runs").number(), 2.0);
        assert_eq!(record.get("wrong").number(), 1.0);
        assert_eq!(record.get("clauses").items(), [Value::from("TASK-1")]);
    }
}
