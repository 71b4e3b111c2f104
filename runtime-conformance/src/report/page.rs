//! One run of one runtime, and what can be asked of it.

use crate::contract::{self, Level};
use crate::json::Value;
use crate::outcome::Outcome;
use crate::profile;
use crate::report::Header;
use crate::verdict::{Verdict, worst};

/// The version of the file's form.
const SCHEMA: u64 = 1;

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    pub(crate) header: Header,
    pub(crate) outcomes: Vec<Outcome>,
}

/// How the clauses of one group and level came out, each with its worst verdict.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) known: usize,
    pub(crate) skipped: usize,
    pub(crate) untested: usize,
    pub(crate) inconclusive: usize,
    pub(crate) broken: usize,
}

impl Totals {
    /// How many have been judged.
    pub(crate) fn judged(&self) -> usize {
        self.passed + self.failed + self.known + self.inconclusive + self.broken
    }

    fn add(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Pass | Verdict::UnexpectedPass => &mut self.passed,
            Verdict::Fail | Verdict::FlakyFail => &mut self.failed,
            Verdict::KnownFail => &mut self.known,
            Verdict::Skip => &mut self.skipped,
            Verdict::Untested => &mut self.untested,
            Verdict::Inconclusive => &mut self.inconclusive,
            Verdict::Broken => &mut self.broken,
        } += 1;
    }
}

impl Page {
    /// In the order of the contract, whatever the order in which they came.
    pub(crate) fn sorted(mut self) -> Page {
        let flavours: Vec<_> = self.header.flavours.iter().map(|(name, _)| name.clone()).collect();
        let place = |outcome: &Outcome| {
            let groups = contract::groups();
            let group = contract::clause(&outcome.clause).map_or("", |clause| clause.group());
            let number = contract::clause(&outcome.clause).map_or(0, |clause| clause.number());
            let flavour = flavours.iter().position(|name| *name == outcome.flavour);
            let group_place = groups.iter().position(|known| *known == group);
            (group_place, number, outcome.clause.clone(), outcome.part.clone(), flavour)
        };
        self.outcomes.sort_by_cached_key(place);
        self
    }

    /// The ids of all clauses that this run says something about, in order.
    pub(crate) fn clauses(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = Vec::new();
        for outcome in &self.outcomes {
            if !ids.contains(&outcome.clause.as_str()) {
                ids.push(&outcome.clause);
            }
        }
        ids
    }

    /// A clause's verdict on a flavour; `None` if it was not asked.
    pub(crate) fn verdict(&self, clause: &str, flavour: &str) -> Option<Verdict> {
        self.worst_where(|about| about.clause == clause && about.flavour == flavour)
    }

    /// The verdict on those parts of a clause that are of one level; `None` if there are none.
    fn verdict_of_level(&self, clause: &str, level: Level) -> Option<Verdict> {
        self.worst_where(|about| about.clause == clause && about.level == level)
    }

    fn worst_where(&self, fits: impl Fn(&Outcome) -> bool) -> Option<Verdict> {
        let mut about = self.outcomes.iter().filter(|outcome| fits(outcome)).peekable();
        about.peek()?;
        Some(worst(about.map(|outcome| outcome.verdict)))
    }

    /// A clause's verdict on the worst flavour.
    pub(crate) fn worst_of(&self, clause: &str) -> Verdict {
        let flavours = self.header.flavours.iter();
        worst(flavours.filter_map(|(flavour, _)| self.verdict(clause, flavour)))
    }

    /// The sums of one level, of one group or of all. A clause with parts of both counts in both.
    pub(crate) fn totals(&self, group: Option<&str>, level: Level) -> Totals {
        let mut totals = Totals::default();
        for id in self.clauses() {
            let clause = contract::clause(id);
            let fits =
                clause.is_some_and(|clause| group.is_none_or(|group| clause.group() == group));
            if fits {
                self.verdict_of_level(id, level)
                    .into_iter()
                    .for_each(|verdict| totals.add(verdict));
            }
        }
        totals
    }

    /// The profile that a flavour reaches.
    pub(crate) fn profile_of(&self, flavour: &str) -> Option<&'static str> {
        let (_, caps) = self.header.flavours.iter().find(|(name, _)| name == flavour)?;
        profile::reached(
            |cap| caps.contains(&cap),
            |profile| {
                let fails = |id: &&str| {
                    let clause = contract::clause(id);
                    let verdict = self.worst_where(|about| {
                        about.clause == **id
                            && about.flavour == flavour
                            && about.level == Level::Must
                    });
                    clause.is_some_and(|clause| {
                        clause.needs.iter().all(|need| profile.contains(need))
                    }) && verdict.is_some_and(|v| v.is_failure() || v == Verdict::KnownFail)
                };
                self.clauses().iter().any(fails)
            },
        )
    }

    /// The largest profile that any flavour reaches.
    pub(crate) fn profile(&self) -> &'static str {
        let size =
            |title: &str| profile::PROFILES.iter().position(|profile| profile.title == title);
        let reached = self.header.flavours.iter().filter_map(|(name, _)| self.profile_of(name));
        reached.max_by_key(|title| size(title)).unwrap_or("none")
    }

    /// Everything that failed, or could not be judged.
    pub(crate) fn trouble(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| {
            !matches!(outcome.verdict, Verdict::Pass | Verdict::Skip | Verdict::Untested)
        })
    }

    /// The file `conformance.json` for these runs.
    pub(crate) fn file(pages: &[Page]) -> Value {
        Value::object([
            ("schema", SCHEMA.into()),
            ("runs", Value::List(pages.iter().map(Page::to_json).collect())),
        ])
    }

    fn to_json(&self) -> Value {
        let clause = |id: &&str| {
            let flavours = self.header.flavours.iter();
            let verdicts = flavours.filter_map(|(flavour, _)| {
                Some((flavour.clone(), self.verdict(id, flavour)?.word().into()))
            });
            Value::object([
                ("clause", (*id).into()),
                ("worst", self.worst_of(id).word().into()),
                ("flavours", Value::Object(verdicts.collect())),
            ])
        };
        let totals = |level| {
            let of = |group: Option<&str>| {
                let totals = self.totals(group, level);
                Value::list([totals.passed, totals.judged(), totals.skipped, totals.untested])
            };
            let groups = contract::groups().into_iter();
            let mut fields: Vec<_> =
                groups.map(|group| (group.to_owned(), of(Some(group)))).collect();
            fields.push(("all".to_owned(), of(None)));
            Value::Object(fields)
        };
        let profiles = self.header.flavours.iter().map(|(flavour, _)| {
            (flavour.clone(), self.profile_of(flavour).unwrap_or("none").into())
        });
        let untested =
            self.clauses().into_iter().filter(|id| self.worst_of(id) == Verdict::Untested);
        Value::object([
            ("header", self.header.to_json()),
            ("profiles", Value::Object(profiles.collect())),
            ("must", totals(Level::Must)),
            ("should", totals(Level::Should)),
            ("untested", Value::list(untested)),
            ("clauses", Value::list(self.clauses().iter().map(clause))),
            ("cases", Value::list(self.outcomes.iter().map(|outcome| outcome.to_json(false)))),
        ])
    }

    /// Reads the runs of a file.
    ///
    /// # Errors
    ///
    /// What is not understood.
    pub(crate) fn all(file: &Value) -> Result<Vec<Page>, String> {
        if file.get("schema").number() as u64 != SCHEMA {
            return Err(format!("its schema is not {SCHEMA}"));
        }
        let page = |run: &Value| {
            let outcomes: Result<_, _> =
                run.get("cases").items().iter().map(Outcome::from_json).collect();
            Ok(Page { header: Header::from_json(run.get("header")), outcomes: outcomes? })
        };
        file.get("runs").items().iter().map(page).collect()
    }
}

/// For tests: a run of two flavours.
#[cfg(test)]
pub(crate) fn sample() -> Page {
    use crate::Cap;
    use crate::outcome::sample as line;
    let core = || vec![Cap::Core, Cap::Unwind, Cap::Iso];
    let header = Header {
        suite: "0.1.0".into(),
        detection: "detects 1/1 mutants".into(),
        runtime: "sample".into(),
        version: "0.1".into(),
        flavours: vec![("multi2".into(), core()), ("current".into(), core())],
        decisions: vec![("D3".into(), "works".into())],
        machine: vec![("os".into(), "linux".into())],
    };
    let outcomes = vec![
        line("WAKE-2", "current", Verdict::Pass),
        line("TASK-2", "multi2", Verdict::Pass),
        line("TASK-10", "current", Verdict::Skip),
        line("TASK-2", "current", Verdict::Fail),
        line("TIME-1", "current", Verdict::Untested),
    ];
    Page { header, outcomes }.sorted()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_stand_in_the_order_of_the_contract() {
        let page = sample();
        let known = |id: &&str| contract::clause(id).is_some();
        let ids: Vec<_> = page.clauses().into_iter().filter(known).collect();
        assert_eq!(ids, ["TASK-2", "WAKE-2", "TIME-1"]);
        assert_eq!(page.outcomes.iter().filter(|o| o.clause == "TASK-2").count(), 2);
    }

    #[test]
    fn a_flavour_reaches_what_it_does_not_fail() {
        let page = sample();
        assert_eq!(page.profile_of("multi2"), Some("core"));
        assert_eq!(page.profile_of("current"), None);
        assert_eq!(page.profile(), "core");
        assert_eq!(page.totals(Some("TASK"), Level::Must).failed, 1);
        assert_eq!(page.totals(None, Level::Must).untested, 1);
    }

    #[test]
    fn parts_of_one_clause_count_for_their_own_level() {
        let mut page = sample();
        let failed = page.outcomes.iter_mut().find(|o| o.verdict == Verdict::Fail);
        failed.expect("the sample has one").level = Level::Should;
        assert_eq!(page.totals(Some("TASK"), Level::Must).failed, 0);
        assert_eq!(page.totals(Some("TASK"), Level::Should).failed, 1);
        assert_eq!(page.profile_of("current"), Some("core"));
    }

    #[test]
    fn a_file_is_read_back_and_the_same_again() {
        let pages = [sample()];
        let text = Page::file(&pages).pretty();
        let read = Page::all(&Value::parse(&text).unwrap()).unwrap();
        assert_eq!(Page::file(&read).pretty(), text);
        assert!(Page::all(&Value::parse("{\"schema\": 9}").unwrap()).is_err());
    }
}
