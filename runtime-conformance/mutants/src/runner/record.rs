//! The record: what all units say together, and what an older record has said before them.
//!
//! A run of everything takes hours, and a clause more makes the record incomplete. So a record can be
//! *extended* ([`Base`]): what is new is judged beside all that was there, and the rest stands as it was
//! recorded. Asked again are
//!
//! | | of a mutant that the base has | of any other | of variants and runtimes |
//! |---|---|---|---|
//! | clauses that the base has | – | yes | – |
//! | clauses that it lacks | yes | yes | yes |
//!
//! A mutant whose file has changed since counts as one that the base has not. A record says which commits
//! it was made at, and which clauses each of them lacked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use runtime_conformance::json::Value;

/// How many runs of a mutant that is found by chance may miss it.
const MISSES: usize = 1;

/// What was found, by the name of the unit: its kind, of what, and which run.
pub(super) type Lines = BTreeMap<String, Value>;

/// An older record, which stands for what it has judged.
pub(super) struct Base {
    /// Where it was made.
    pub(super) commit: String,
    /// Clauses of today that it has not judged.
    pub(super) lacks: Vec<String>,
    record: Value,
    /// The mutants that are as they were.
    same: BTreeSet<String>,
}

impl Base {
    /// Reads the record there; `is_same` says whether a mutant is the one that it has judged at a commit.
    ///
    /// # Errors
    ///
    /// The text for people: there is no such record, or it has something wrong.
    pub(super) fn read(
        path: &Path,
        clauses: impl Iterator<Item = &'static str>,
        is_same: impl Fn(&str, &str) -> bool,
    ) -> Result<Base, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let base = Base::new(Value::parse(&text)?, clauses, is_same);
        match base.record.get("wrong") {
            Value::Number(wrong) if *wrong == 0.0 => Ok(base),
            _ => Err("it has something wrong, on which nothing can stand".into()),
        }
    }

    fn new(
        record: Value,
        clauses: impl Iterator<Item = &'static str>,
        is_same: impl Fn(&str, &str) -> bool,
    ) -> Base {
        let commit = record.get("commit").text().to_owned();
        let judged = texts(record.get("clauses"));
        let lacks: BTreeSet<&str> = clauses.filter(|id| !judged.contains(*id)).collect();
        let ids = record.get("mutants").items().iter().map(|mutant| mutant.get("id").text());
        let same = ids.filter(|id| is_same(&commit, id)).map(str::to_owned).collect();
        let lacks = lacks.into_iter().map(str::to_owned).collect();
        Base { commit, lacks, record, same }
    }

    /// Whether it stands for this mutant.
    pub(super) fn has(&self, id: &str) -> bool {
        self.same.contains(id)
    }

    /// What it says of all that it stands for of a kind, by id.
    fn lines(&self, kind: &str) -> BTreeMap<String, Value> {
        let id = |line: &Value| line.get("id").text().to_owned();
        let lines = self.record.get(kind).items().iter().map(|line| (id(line), line.clone()));
        lines.filter(|(id, _)| kind != "mutants" || self.has(id)).collect()
    }

    /// The commits before this one, and what each lacked.
    fn history(&self) -> Value {
        let mut history = self.record.get("onto").items().to_vec();
        history.push(Value::object([
            ("commit", self.commit.as_str().into()),
            ("lacked", Value::list(self.lacks.iter().map(String::as_str))),
        ]));
        Value::List(history)
    }
}

/// What is said of a mutant whose base is `then`, if `now` is of the clauses that the base lacks.
fn extended_mutant(then: &Value, now: &Value) -> Value {
    let unhurt = now.get("foreign").number() == 0.0 && is(now, "sound");
    let right = is(then, "right") && unhurt;
    with(then, [("foreign", now.get("foreign").clone()), ("right", right.into())])
}

/// The same of what must not raise an alarm. It has run as often as the part that ran least.
fn extended_right(then: &Value, now: &Value) -> Value {
    let both = |field| (then.get(field).number(), now.get(field).number());
    let sum = |field| Value::Number(both(field).0 + both(field).1);
    let runs = Value::Number(both("runs").0.min(both("runs").1));
    let right = is(then, "right") && is(now, "right");
    let (alarms, unclear) = (sum("alarms"), sum("unclear"));
    with(then, [("runs", runs), ("alarms", alarms), ("unclear", unclear), ("right", right.into())])
}

fn is(value: &Value, field: &str) -> bool {
    *value.get(field) == Value::Bool(true)
}

/// The same object with other values in some fields.
fn with<const N: usize>(object: &Value, fields: [(&str, Value); N]) -> Value {
    let other = |name: &str| fields.iter().find(|(field, _)| *field == name);
    let field = |(name, value): &(String, Value)| {
        (name.clone(), other(name).map_or(value, |(_, value)| value).clone())
    };
    Value::Object(object.fields().iter().map(field).collect())
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.items().iter().map(|item| item.text().to_owned()).collect()
}

/// What all units say together.
pub(super) fn record(commit: &str, all: &Lines, base: Option<&Base>) -> Value {
    let lines = |kind| base.map(|base| base.lines(kind)).unwrap_or_default();
    let mutants = merged(lines("mutants"), runs(all, "mutant"), of_mutant, extended_mutant);
    let variant = |id: &str, runs: &[&Value]| of_right(id, runs, base.is_none());
    let variants = merged(lines("variants"), runs(all, "variant"), variant, extended_right);
    let reference = |id: &str, runs: &[&Value]| of_right(id, runs, false);
    let references = merged(lines("reference"), runs(all, "reference"), reference, extended_right);
    let right = |list: &[Value]| list.iter().filter(|one| is(one, "right")).count();
    let kinds = [&mutants, &variants, &references];
    let wrong: usize = kinds.iter().map(|list| list.len() - right(list)).sum();
    let summary = format!(
        "{} of {} mutants killed, {} right; {} of {} variants and {} of {} references without alarm",
        mutants.iter().filter(|one| is(one, "killed")).count(),
        mutants.len(),
        right(&mutants),
        right(&variants),
        variants.len(),
        right(&references),
        references.len(),
    );
    let mut clauses: BTreeSet<String> =
        all.values().flat_map(|line| texts(line.get("clauses"))).collect();
    clauses.extend(base.into_iter().flat_map(|base| texts(base.record.get("clauses"))));
    Value::object([
        ("schema", 1_u64.into()),
        ("commit", commit.into()),
        ("onto", base.map_or(Value::List(Vec::new()), Base::history)),
        ("summary", summary.into()),
        ("wrong", wrong.into()),
        ("clauses", Value::list(clauses.iter().map(String::as_str))),
        ("mutants", Value::List(mutants)),
        ("variants", Value::List(variants)),
        ("reference", Value::List(references)),
    ])
}

/// The runs of a kind of unit, by id.
fn runs<'a>(all: &'a Lines, kind: &str) -> BTreeMap<String, Vec<&'a Value>> {
    let mut runs: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for (name, line) in all {
        let mut words = name.split(' ');
        if words.next() == Some(kind) {
            runs.entry(words.next().unwrap_or_default().to_owned()).or_default().push(line);
        }
    }
    runs
}

/// What the base says, what the runs say, and where there are both, what both say.
fn merged(
    mut base: BTreeMap<String, Value>,
    runs: BTreeMap<String, Vec<&Value>>,
    sum: impl Fn(&str, &[&Value]) -> Value,
    extended: fn(&Value, &Value) -> Value,
) -> Vec<Value> {
    for (id, runs) in runs {
        let now = sum(&id, &runs);
        let both = base.get(&id).map(|then| extended(then, &now));
        base.insert(id, both.unwrap_or(now));
    }
    base.into_values().collect()
}

fn of_mutant(id: &str, runs: &[&Value]) -> Value {
    let by = |run: &&&Value| !run.get("by").items().is_empty();
    let named = runs.iter().filter(by).count();
    let clauses: BTreeSet<String> = runs.iter().flat_map(|run| texts(run.get("by"))).collect();
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
        ("by", Value::list(clauses.iter().map(String::as_str))),
        ("foreign", foreign.into()),
        ("sound", sound.into()),
        ("right", (named >= enough && exercised && foreign == 0 && sound).into()),
    ])
}

fn of_right(id: &str, runs: &[&Value], must_fire: bool) -> Value {
    let alarms = runs.iter().map(|run| run.get("foreign").items().len()).sum::<usize>();
    let unclear = runs.iter().map(|run| run.get("unclear").items().len()).sum::<usize>();
    let is_clear = unclear == 0 || !id.ends_with("/quiet");
    let sound = runs.iter().all(|run| {
        let exercised = !must_fire || *run.get("exercised") == Value::Bool(true);
        *run.get("fault") == Value::Null && run.get("passed").number() > 0.0 && exercised
    });
    Value::object([
        ("id", id.into()),
        ("runs", runs.len().into()),
        ("alarms", alarms.into()),
        ("unclear", unclear.into()),
        ("right", (alarms == 0 && sound && is_clear).into()),
    ])
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
        assert!(right(&of_right("E-1", &[&quiet, &quiet], true)));
        assert!(!right(&of_right("E-1", &[&quiet, &alarm], true)));
        let none = Value::object([("fault", "it did not start".into())]);
        assert!(!right(&of_right("E-1", &[&none], true)));
    }

    #[test]
    fn a_variant_that_was_never_unusual_shows_nothing() {
        let asleep = Value::object([
            ("exercised", false.into()),
            ("passed", 3_u64.into()),
            ("fault", Value::Null),
        ]);
        assert!(!right(&of_right("E-1", &[&asleep], true)));
        assert!(right(&of_right("default/quiet", &[&asleep], false)));
    }

    #[test]
    fn units_are_summed_by_kind_and_name() {
        let all = BTreeMap::from([
            ("mutant M-1 0".to_owned(), line(&["TASK-1"], &[])),
            ("variant E-1 0".to_owned(), line(&[], &[])),
            ("variant E-1 1".to_owned(), line(&[], &[])),
            ("reference default/multi2/hogs 0".to_owned(), line(&[], &["X"])),
        ]);
        let record = record("abc", &all, None);
        assert_eq!(record.get("variants").items()[0].get("runs").number(), 2.0);
        assert_eq!(record.get("wrong").number(), 1.0);
        assert_eq!(record.get("clauses").items(), [Value::from("TASK-1")]);
    }

    fn an_older_record() -> Base {
        let record = r#"{"commit": "abc", "wrong": 0, "clauses": ["TASK-1"],
            "mutants": [{"id": "M-1", "by": ["TASK-1"], "foreign": 0, "right": true},
                        {"id": "M-2", "by": ["TASK-1"], "foreign": 0, "right": true}],
            "variants": [{"id": "E-1", "runs": 20, "alarms": 0, "unclear": 0, "right": true}]}"#;
        let clauses = ["TASK-1", "FS-1", "FS-1"].into_iter();
        Base::new(Value::parse(record).unwrap(), clauses, |_, id| id == "M-1")
    }

    #[test]
    fn an_older_record_stands_for_what_did_not_change() {
        let base = an_older_record();
        assert_eq!(base.lacks, ["FS-1"]);
        assert!(base.has("M-1") && !base.has("M-2") && !base.has("M-3"));
        let all = BTreeMap::from([
            ("mutant M-1 0 since abc".to_owned(), line(&[], &[])),
            ("mutant M-2 0".to_owned(), line(&["TASK-1"], &[])),
            ("variant E-1 0 since abc".to_owned(), line(&[], &[])),
        ]);
        let record = record("def", &all, Some(&base));
        assert_eq!(record.get("wrong").number(), 0.0);
        assert_eq!(record.get("mutants").items().len(), 2);
        assert_eq!(record.get("mutants").items()[0].get("by").items(), [Value::from("TASK-1")]);
        assert_eq!(record.get("variants").items()[0].get("runs").number(), 1.0);
        assert_eq!(record.get("onto").items()[0].get("commit").text(), "abc");
    }

    #[test]
    fn what_is_new_can_make_an_older_record_wrong() {
        let base = an_older_record();
        let mut all = Lines::from([("mutant M-1 0 since abc".into(), line(&[], &["FS-1 : x"]))]);
        assert_eq!(record("def", &all, Some(&base)).get("wrong").number(), 1.0);
        all.insert("variant E-1 0 since abc".into(), line(&[], &["FS-1 : x"]));
        let record = record("def", &all, Some(&base));
        assert_eq!(record.get("wrong").number(), 2.0);
        assert_eq!(record.get("variants").items()[0].get("alarms").number(), 1.0);
    }
}
