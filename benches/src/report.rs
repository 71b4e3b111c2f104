//! Tables for people, lines of JSON for programs.

use std::fmt::{Display, Write as _};
use std::fs;
use std::path::Path;

use crate::facts::Facts;
use crate::gate::Verdict;
use crate::results::Results;
use crate::stats::Spread;
use crate::subject::Subject;
use crate::workload::Kind;

/// Where the last run is kept. Not in the history: figures that are to stay go into `rfcs/`.
const RECORD: &str = "record/latest.jsonl";

/// How much tokio may differ from itself before a run says little about differences of this size.
const NOISE_MAX: f64 = 0.05;

/// The table of one workload.
pub(crate) fn table(results: &Results, workload: Kind) -> String {
    let [main, side] = workload.figures();
    let mut text = format!("\n{}\n", workload.name());
    let head = ["subject", main, "min–max", "× tokio", "min–max", "× native", "min–max", side];
    line(&mut text, head.map(String::from));
    for subject in Subject::ALL {
        let Some(spread) = results.spread(workload, subject) else { continue };
        let to_tokio = results.ratio(workload, subject, Subject::Tokio);
        let to_native =
            subject.native().and_then(|native| results.ratio(workload, subject, native));
        let [tokio, tokio_spread] = ratio(to_tokio);
        let [native, native_spread] = ratio(to_native);
        let side = results.side(workload, subject).map_or(String::new(), |s| digits(s.median));
        let [value, values] = [digits(spread.median), range(&spread)];
        let name = subject.name().into();
        line(&mut text, [name, value, values, tokio, tokio_spread, native, native_spread, side]);
    }
    text
}

fn line(text: &mut String, [name, value, values, t, ts, n, ns, side]: [String; 8]) {
    let _ = writeln!(
        text,
        "  {name:<16} {value:>9} {values:>16} {t:>8} {ts:>12} {n:>9} {ns:>12} {side:>13}"
    );
}

fn ratio(spread: Option<Spread>) -> [String; 2] {
    let spread = spread.map(|s| [format!("{:.2}", s.median), format!("{:.2}–{:.2}", s.min, s.max)]);
    spread.unwrap_or_default()
}

fn range(spread: &Spread) -> String {
    format!("{}–{}", digits(spread.min), digits(spread.max))
}

/// Three digits, or all before the point.
fn digits(value: f64) -> String {
    match value {
        small if small < 10.0 => format!("{small:.2}"),
        medium if medium < 100.0 => format!("{medium:.1}"),
        large => format!("{large:.0}"),
    }
}

/// The gates, one a line.
pub(crate) fn gates(verdicts: &[Verdict]) -> String {
    let mut text = String::from("\ngates: the median of the ratios, round by round\n");
    for verdict in verdicts {
        let (gate, ratio) = (&verdict.gate, &verdict.ratio);
        let (word, close) = words(verdict);
        let _ = writeln!(
            text,
            "  {word} {:<12} {:<16} {:.2} × {:<6} (limit {:.2}; {:.2}–{:.2}){close}",
            gate.workload.name(),
            gate.subject.name(),
            ratio.median,
            gate.to.name(),
            gate.limit,
            ratio.min,
            ratio.max,
        );
    }
    text
}

/// A warning for each workload in which tokio differs from itself.
pub(crate) fn noise(results: &Results) -> String {
    let mut text = String::new();
    for workload in Kind::ALL {
        let Some(ratio) = results.ratio(workload, Subject::Control, Subject::Tokio) else {
            continue;
        };
        if (ratio.median - 1.0).abs() > NOISE_MAX {
            let (name, ratio) = (workload.name(), ratio.median);
            let _ = writeln!(text, "\nnot a quiet machine: {name}: tokio takes {ratio:.2} × tokio");
        }
    }
    text
}

fn words(verdict: &Verdict) -> (&'static str, &'static str) {
    let word = if verdict.passes() { "PASS" } else { "FAIL" };
    (word, if verdict.is_close() { ", rounds disagree" } else { "" })
}

/// Writes the record, next to this program's sources.
pub(crate) fn record(
    facts: &Facts,
    results: &Results,
    verdicts: &[Verdict],
) -> std::io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORD);
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    fs::write(path, json_lines(facts, results, verdicts))
}

fn json_lines(facts: &Facts, results: &Results, verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    let facts: Vec<_> = facts.0.iter().map(|(name, value)| (*name, string(value))).collect();
    object(&mut text, &facts);
    for measured in results.all() {
        let [main, side] = measured.workload.figures();
        let fields = [
            ("round", number(measured.round)),
            ("workload", string(measured.workload.name())),
            ("subject", string(measured.subject.name())),
            (main, number(measured.sample.main)),
            (side, number(measured.sample.side)),
        ];
        object(&mut text, &fields);
    }
    for verdict in verdicts {
        let fields = [
            ("gate", string(verdict.gate.workload.name())),
            ("subject", string(verdict.gate.subject.name())),
            ("to", string(verdict.gate.to.name())),
            ("limit", number(verdict.gate.limit)),
            ("ratio", number(verdict.ratio.median)),
            ("min", number(verdict.ratio.min)),
            ("max", number(verdict.ratio.max)),
            ("passes", number(verdict.passes())),
        ];
        object(&mut text, &fields);
    }
    text
}

fn object(text: &mut String, fields: &[(&str, String)]) {
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}:{value}", string(name))).collect();
    let _ = writeln!(text, "{{{}}}", fields.join(","));
}

fn number(value: impl Display) -> String {
    value.to_string()
}

fn string(value: &str) -> String {
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {}
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted() {
        assert_eq!(string("a \"b\" \\\n"), r#""a \"b\" \\""#);
    }

    #[test]
    fn an_object_is_one_line() {
        let mut text = String::new();
        object(&mut text, &[("round", number(1)), ("workload", string("x"))]);
        assert_eq!(text, "{\"round\":1,\"workload\":\"x\"}\n");
    }
}
