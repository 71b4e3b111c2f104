//! What a run was made of: the head of every report.

use std::fs;
use std::process::Command;
use std::thread;

use crate::json::Value;
use crate::{Cap, Harness, rig};

/// The record that `cargo xtask mutants --full` writes.
const RECORD: &str = include_str!("../../record/mutants.json");

/// The head of a report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    pub(crate) suite: String,
    /// What is known about the suite's own worth.
    pub(crate) detection: String,
    pub(crate) runtime: String,
    pub(crate) version: String,
    /// Each flavour with the capabilities that it has.
    pub(crate) flavours: Vec<(String, Vec<Cap>)>,
    pub(crate) decisions: Vec<(String, String)>,
    pub(crate) machine: Vec<(String, String)>,
}

impl Header {
    pub(crate) fn new(harness: &dyn Harness, effort: f64, calibration: f64) -> Header {
        let flavour = |flavour: &crate::Flavour| {
            let caps = Cap::ALL.iter().copied().filter(|cap| rig::has(harness, *flavour, *cap));
            (flavour.to_string(), caps.collect())
        };
        let decision = |(what, how): (&'static str, String)| (what.to_owned(), how);
        Header {
            suite: env!("CARGO_PKG_VERSION").into(),
            detection: detection(&Value::parse(RECORD).unwrap_or(Value::Null)),
            runtime: harness.name().into(),
            version: harness.version().into(),
            flavours: harness.flavours().iter().map(flavour).collect(),
            decisions: harness.decisions().list().into_iter().map(decision).collect(),
            machine: machine(effort, calibration),
        }
    }

    /// The first line of every report.
    pub(crate) fn title(&self) -> String {
        format!("runtime-conformance {} ({})", self.suite, self.detection)
    }

    pub(crate) fn to_json(&self) -> Value {
        let pairs = |pairs: &[(String, String)]| {
            let pair = |(name, text): &(String, String)| (name.clone(), text.as_str().into());
            Value::Object(pairs.iter().map(pair).collect())
        };
        let flavour = |(name, caps): &(String, Vec<Cap>)| {
            (name.clone(), Value::list(caps.iter().map(|cap| cap.name())))
        };
        Value::object([
            ("suite", self.suite.as_str().into()),
            ("detection", self.detection.as_str().into()),
            ("runtime", self.runtime.as_str().into()),
            ("version", self.version.as_str().into()),
            ("flavours", Value::Object(self.flavours.iter().map(flavour).collect())),
            ("decisions", pairs(&self.decisions)),
            ("machine", pairs(&self.machine)),
        ])
    }

    pub(crate) fn from_json(value: &Value) -> Header {
        let text = |name| value.get(name).text().to_owned();
        let pairs = |name| {
            let fields = value.get(name).fields().iter();
            fields.map(|(name, value)| (name.clone(), value.text().to_owned())).collect()
        };
        let flavour = |(name, caps): &(String, Value)| {
            let caps = caps.items().iter().filter_map(|cap| Cap::named(cap.text()));
            (name.clone(), caps.collect())
        };
        Header {
            suite: text("suite"),
            detection: text("detection"),
            runtime: text("runtime"),
            version: text("version"),
            flavours: value.get("flavours").fields().iter().map(flavour).collect(),
            decisions: pairs("decisions"),
            machine: pairs("machine"),
        }
    }
}

/// What the record says, in a few words.
fn detection(record: &Value) -> String {
    let mutants = record.get("mutants").items();
    if mutants.is_empty() {
        return "its own detection rate is not recorded".into();
    }
    let is = |value: &Value, field: &str| *value.get(field) == Value::Bool(true);
    let killed = mutants.iter().filter(|mutant| is(mutant, "killed")).count();
    let exercised = mutants.iter().filter(|mutant| is(mutant, "exercised")).count();
    let variants = record.get("variants").items();
    let alarms: f64 = variants.iter().map(|variant| variant.get("alarms").number()).sum();
    format!(
        "detects {killed}/{exercised} mutants, {alarms} false alarms on {} variants",
        variants.len()
    )
}

fn machine(effort: f64, calibration: f64) -> Vec<(String, String)> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cpus = thread::available_parallelism().map_or(0, usize::from);
    let pairs = [
        ("os", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
        ("kernel", kernel.trim().to_owned()),
        ("libc", libc().to_owned()),
        ("cpus", cpus.to_string()),
        ("rustc", rustc()),
        ("calibration", format!("{calibration:.1}")),
        ("effort", format!("{effort:.2}")),
    ];
    pairs.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

fn libc() -> &'static str {
    match () {
        () if cfg!(target_env = "gnu") => "gnu",
        () if cfg!(target_env = "musl") => "musl",
        () if cfg!(target_env = "msvc") => "msvc",
        () => "other",
    }
}

/// The compiler that is there now, which is most likely the one that made this.
fn rustc() -> String {
    let asked = Command::new("rustc").arg("--version").output();
    let said = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.ok().filter(|said| !said.is_empty()).unwrap_or_else(|| "unknown".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_summed() {
        let record = r#"{"mutants": [{"killed": true, "exercised": true},
            {"killed": false, "exercised": true}, {"killed": false, "exercised": false}],
            "variants": [{"alarms": 1}, {"alarms": 0}]}"#;
        let said = detection(&Value::parse(record).unwrap());
        assert_eq!(said, "detects 1/2 mutants, 1 false alarms on 2 variants");
        assert!(detection(&Value::Null).contains("not recorded"));
    }

    /// How often a variant, and the runtime under each load, has to have run.
    const RUNS: f64 = 20.0;

    /// What the first line of every report claims is about the clauses of today. `cargo xtask mutants
    /// --full --record runtime-conformance/record/mutants.json` makes it so.
    #[test]
    fn the_record_covers_todays_clauses() {
        let record = Value::parse(RECORD).unwrap();
        let covered: Vec<&str> = record.get("clauses").items().iter().map(Value::text).collect();
        let cases = crate::clauses::cases().filter(|case| !case.id.starts_with("CAP-"));
        let missing: Vec<_> =
            cases.map(|case| case.id).filter(|id| !covered.contains(id)).collect();
        assert!(missing.is_empty(), "not in record/mutants.json: {missing:?}");
        assert_eq!(record.get("wrong").number(), 0.0, "{}", record.get("summary").text());
        for kind in ["variants", "reference"] {
            let all = record.get(kind).items();
            let few = all.iter().find(|one| one.get("runs").number() < RUNS);
            assert!(!all.is_empty() && few.is_none(), "{kind}: too few runs: {few:?}");
        }
    }
}
