//! What came of one case on one flavour: a line of every report.

use crate::contract::Level;
use crate::json::Value;
use crate::verdict::Verdict;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    /// `TASK-1`.
    pub(crate) clause: String,
    /// Which part of it, or which case showed it (`after WAKE-2`); or nothing.
    pub(crate) part: String,
    /// `multi2`.
    pub(crate) flavour: String,
    /// MUST or SHOULD.
    pub(crate) level: Level,
    /// 1 to 3.
    pub(crate) severity: u8,
    /// *deterministic*, *stochastic*, or *untested*.
    pub(crate) evidence: String,
    /// The judgement.
    pub(crate) verdict: Verdict,
    /// How often it ran, and how often it failed.
    pub(crate) attempts: u64,
    /// See above.
    pub(crate) failed: u64,
    /// What it began with.
    pub(crate) seed: u64,
    /// How long it took; not in what is compared.
    pub(crate) wall_ms: u64,
    /// How the child ended: `ok`, `assertion`, `panic`, `signal 6`, `hang`, `exit 3`, or nothing.
    pub(crate) end: String,
    /// What its threads did when it hung.
    pub(crate) threads: String,
    /// Name, what was met, what was needed.
    pub(crate) witness: Vec<(String, u64, u64)>,
    /// What the case asks.
    pub(crate) expected: String,
    /// What it saw, or why it was not run.
    pub(crate) observed: String,
    /// The command that repeats it.
    pub(crate) repro: String,
    /// How often a fault of the suite's own fired.
    pub(crate) fired: u64,
}

impl Outcome {
    /// `WAKE-2/two-wakers@multi2`.
    pub(crate) fn name(&self) -> String {
        let slash = if self.part.is_empty() { "" } else { "/" };
        format!("{}{slash}{}@{}", self.clause, self.part, self.flavour)
    }

    /// For reports: what differs between two runs of the same thing only in `volatile` ones.
    pub(crate) fn to_json(&self, volatile: bool) -> Value {
        let mut fields = vec![
            ("clause", self.clause.as_str().into()),
            ("part", self.part.as_str().into()),
            ("flavour", self.flavour.as_str().into()),
            ("level", self.level.to_string().into()),
            ("sev", format!("S{}", self.severity).into()),
            ("kind", self.evidence.as_str().into()),
            ("verdict", self.verdict.word().into()),
            ("attempts", self.attempts.into()),
            ("failed", self.failed.into()),
            ("seed", format!("{:#x}", self.seed).into()),
            ("end", self.end.as_str().into()),
            ("expected", self.expected.as_str().into()),
            ("observed", self.observed.as_str().into()),
            ("repro", self.repro.as_str().into()),
        ];
        if volatile {
            let witness = |(name, met, needed): &(String, u64, u64)| {
                Value::List(vec![name.as_str().into(), (*met).into(), (*needed).into()])
            };
            fields.push(("wall_ms", self.wall_ms.into()));
            fields.push(("threads", self.threads.as_str().into()));
            fields.push(("witness", Value::list(self.witness.iter().map(witness))));
            fields.push(("fired", self.fired.into()));
        }
        let named = |(name, value): (&str, Value)| (name.to_owned(), value);
        Value::Object(fields.into_iter().map(named).collect())
    }

    /// Reads what [`to_json`](Outcome::to_json) wrote.
    ///
    /// # Errors
    ///
    /// What is not understood.
    pub(crate) fn from_json(value: &Value) -> Result<Outcome, String> {
        let text = |name| value.get(name).text().to_owned();
        let number = |name| value.get(name).number() as u64;
        let verdict = Verdict::named(value.get("verdict").text());
        let witness = |item: &Value| {
            let [name, met, needed] = item.items() else { return None };
            Some((name.text().to_owned(), met.number() as u64, needed.number() as u64))
        };
        Ok(Outcome {
            clause: text("clause"),
            part: text("part"),
            flavour: text("flavour"),
            level: if text("level") == "MUST" { Level::Must } else { Level::Should },
            severity: text("sev").trim_start_matches('S').parse().unwrap_or(3),
            evidence: text("kind"),
            verdict: verdict.ok_or_else(|| format!("no verdict: `{}`", text("verdict")))?,
            attempts: number("attempts"),
            failed: number("failed"),
            seed: u64::from_str_radix(text("seed").trim_start_matches("0x"), 16).unwrap_or(0),
            wall_ms: number("wall_ms"),
            end: text("end"),
            threads: text("threads"),
            witness: value.get("witness").items().iter().filter_map(witness).collect(),
            expected: text("expected"),
            observed: text("observed"),
            repro: text("repro"),
            fired: number("fired"),
        })
    }
}

/// For tests of reports: a line with this verdict.
#[cfg(test)]
pub(crate) fn sample(clause: &str, flavour: &str, verdict: Verdict) -> Outcome {
    Outcome {
        clause: clause.into(),
        part: String::new(),
        flavour: flavour.into(),
        level: Level::Must,
        severity: 1,
        evidence: "deterministic".into(),
        verdict,
        attempts: 1,
        failed: u64::from(verdict.is_failure()),
        seed: 0x5eed12,
        wall_ms: 3,
        end: "ok".into(),
        threads: String::new(),
        witness: vec![("parks".into(), 120, 100)],
        expected: "it holds".into(),
        observed: "it <did> not & \"so\"".into(),
        repro: format!("cargo test --test conformance -- {clause} --flavour {flavour}"),
        fired: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back() {
        let line = sample("WAKE-2", "multi2", Verdict::Fail);
        let text = line.to_json(true).to_string();
        assert_eq!(Outcome::from_json(&Value::parse(&text).unwrap()), Ok(line));
    }

    #[test]
    fn a_stable_line_has_no_times() {
        let text = sample("WAKE-2", "multi2", Verdict::Pass).to_json(false).to_string();
        assert!(!text.contains("wall_ms") && !text.contains("parks"), "{text}");
    }
}
