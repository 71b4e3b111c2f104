//! One run of one runtime, and what can be asked of it.

use std::collections::{HashMap, HashSet};

use crate::case::Case;
use crate::contract::{self, Level};
use crate::json::Value;
use crate::outcome::Outcome;
use crate::profile::{self, Known, Standing};
use crate::report::Header;
use crate::verdict::{Verdict, worst};
use crate::{Cap, Flavour, clauses};

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

    /// The same on one flavour.
    fn verdict_on(&self, flavour: &str, clause: &str, level: Level) -> Option<Verdict> {
        self.worst_where(|about| {
            about.clause == clause && about.level == level && about.flavour == flavour
        })
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

    /// The sums of one level, of one group or of the whole contract; declarations are not among them. A
    /// clause with parts of both levels counts in both.
    pub(crate) fn totals(&self, group: Option<&str>, level: Level) -> Totals {
        let mut totals = Totals::default();
        for id in self.clauses() {
            let mut contract = contract::clauses().iter();
            let fits = contract
                .any(|clause| clause.id == id && group.is_none_or(|group| clause.group() == group));
            if fits {
                self.verdict_of_level(id, level)
                    .into_iter()
                    .for_each(|verdict| totals.add(verdict));
            }
        }
        totals
    }

    /// The sums of one level on one flavour.
    fn totals_on(&self, flavour: &str, level: Level) -> Totals {
        let mut totals = Totals::default();
        for id in self.clauses() {
            let mut contract = contract::clauses().iter();
            if contract.any(|clause| clause.id == id) {
                self.verdict_on(flavour, id, level).iter().for_each(|v| totals.add(*v));
            }
        }
        totals
    }

    /// How far a flavour has come.
    pub(crate) fn standing(&self, flavour: &str) -> Standing {
        let known = self.header.flavours.iter().find(|(name, _)| name == flavour);
        let Some((_, caps)) = known else { return Standing::default() };
        let about = self.outcomes.iter().filter(|outcome| outcome.flavour == flavour);
        let met: HashSet<(&str, &str)> =
            about.map(|outcome| (outcome.clause.as_str(), outcome.part.as_str())).collect();
        let verdicts: HashMap<&str, Verdict> = self
            .clauses()
            .into_iter()
            .filter_map(|id| Some((id, self.verdict_on(flavour, id, Level::Must)?)))
            .collect();
        let makes_sense =
            |case: &&Case| Flavour::named(flavour).is_none_or(|flavour| case.is_for(flavour));
        profile::standing(
            |cap| caps.contains(&cap),
            |clause, profile| {
                let mut cases = clauses::cases().filter(|case| case.id == clause.id).peekable();
                if cases.peek().is_none() {
                    let reason = clauses::untested().any(|untested| untested.id == clause.id);
                    return Known::NoTest { reason };
                }
                let mut due = cases.filter(makes_sense).filter(|case| profile.can(case.wants()));
                match verdicts.get(clause.id) {
                    Some(verdict) if due.all(|case| met.contains(&(case.id, case.part))) => {
                        Known::Run(*verdict)
                    }
                    _ => Known::NotRun,
                }
            },
        )
    }

    /// The flavours that this run says something about, in order.
    pub(crate) fn flavours(&self) -> impl Iterator<Item = &str> {
        let met = |flavour: &&str| self.outcomes.iter().any(|outcome| outcome.flavour == *flavour);
        self.header.flavours.iter().map(|(name, _)| name.as_str()).filter(met)
    }

    /// The largest profile that any flavour reaches.
    pub(crate) fn profile(&self) -> &'static str {
        let size =
            |title: &str| profile::PROFILES.iter().position(|profile| profile.title == title);
        let reached = self.flavours().filter_map(|name| self.standing(name).profile);
        reached.max_by_key(|title| size(title)).unwrap_or("none")
    }

    /// Whether a MUST did not hold or could not be judged, be it the contract's or a declaration.
    pub(crate) fn is_spoilt(&self) -> bool {
        self.outcomes.iter().any(|outcome| {
            let bad = outcome.verdict.is_failure()
                || matches!(outcome.verdict, Verdict::Inconclusive | Verdict::Broken);
            outcome.level == Level::Must && bad
        })
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
            ("runs", Value::List(pages.iter().map(|page| page.to_json(false)).collect())),
        ])
    }

    /// One run of the file; with what is `volatile`, as [`Outcome::to_json`].
    pub(crate) fn to_json(&self, volatile: bool) -> Value {
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
        let case = |outcome: &Outcome| outcome.to_json(volatile);
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
        let names = || self.header.flavours.iter().map(|(name, _)| name);
        let profiles =
            names().map(|name| (name.clone(), self.standing(name).to_string().as_str().into()));
        let sums = names().map(|name| (name.clone(), self.sums_of(name)));
        let untested =
            self.clauses().into_iter().filter(|id| self.worst_of(id) == Verdict::Untested);
        Value::object([
            ("header", self.header.to_json()),
            ("profiles", Value::Object(profiles.collect())),
            ("flavours", Value::Object(sums.collect())),
            ("must", totals(Level::Must)),
            ("should", totals(Level::Should)),
            ("untested", Value::list(untested)),
            ("clauses", Value::list(self.clauses().iter().map(clause))),
            ("cases", Value::list(self.outcomes.iter().map(case))),
        ])
    }

    /// Adds what only the events of the same run have (`conformance.jsonl`): the file is without it.
    pub(crate) fn recall(&mut self, events: &str) {
        let told: Vec<Outcome> = events
            .lines()
            .filter_map(|line| Outcome::from_json(&Value::parse(line).ok()?).ok())
            .collect();
        for outcome in &mut self.outcomes {
            let same = |other: &&Outcome| other.name() == outcome.name();
            if let Some(event) = told.iter().find(same) {
                outcome.threads.clone_from(&event.threads);
                outcome.witness.clone_from(&event.witness);
                outcome.wall_ms = event.wall_ms;
                outcome.fired = event.fired;
            }
        }
    }

    /// What came of one flavour, in numbers of clauses; `skipped` has cases, by what they lack.
    fn sums_of(&self, flavour: &str) -> Value {
        let level = |level| {
            let totals = self.totals_on(flavour, level);
            Value::object([
                ("passed", totals.passed.into()),
                ("asked", totals.judged().into()),
                ("inconclusive", totals.inconclusive.into()),
                ("skipped", totals.skipped.into()),
                ("untested", totals.untested.into()),
            ])
        };
        let about = || self.outcomes.iter().filter(|outcome| outcome.flavour == flavour);
        let excused = about().filter(|outcome| {
            matches!(outcome.verdict, Verdict::KnownFail | Verdict::UnexpectedPass)
        });
        let mut skipped: Vec<(String, Value)> = Vec::new();
        for outcome in about().filter(|outcome| outcome.verdict == Verdict::Skip) {
            let Some(lack) = self.lack(outcome) else { continue };
            let slash = if outcome.part.is_empty() { "" } else { "/" };
            let case = format!("{}{slash}{}", outcome.clause, outcome.part);
            match skipped.iter_mut().find(|(name, _)| name == lack.name()) {
                Some((_, Value::List(cases))) => cases.push(case.as_str().into()),
                _ => skipped.push((lack.name().to_owned(), Value::list([case.as_str()]))),
            }
        }
        Value::object([
            ("must", level(Level::Must)),
            ("should", level(Level::Should)),
            ("expectations", excused.count().into()),
            ("skipped", Value::Object(skipped)),
        ])
    }

    /// The first capability that a skipped case wants and its flavour has not.
    fn lack(&self, outcome: &Outcome) -> Option<Cap> {
        let (_, caps) = self.header.flavours.iter().find(|(name, _)| *name == outcome.flavour)?;
        let mut cases = clauses::cases();
        let case = cases.find(|case| (case.id, case.part) == (&outcome.clause, &outcome.part))?;
        case.wants().iter().copied().find(|want| !caps.contains(want))
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

    /// A run of everything, in which all holds but what `change` makes of it.
    fn whole(change: impl Fn(&mut Outcome)) -> Page {
        let mut page = sample();
        let line = |case: &Case| {
            let mut line = crate::outcome::sample(case.id, "multi2", Verdict::Pass);
            line.part = case.part.into();
            line.level = case.clause().level;
            change(&mut line);
            line
        };
        page.outcomes = clauses::cases().map(line).collect();
        page.sorted()
    }

    #[test]
    fn a_flavour_reaches_what_was_run_and_holds() {
        assert_eq!(whole(|_| {}).standing("multi2").profile, Some("core"));
        assert_eq!(whole(|_| {}).standing("current").profile, None);
        assert_eq!(whole(|_| {}).profile(), "core");
        let failing = whole(|line| {
            if line.clause == "TASK-2" {
                line.verdict = Verdict::Fail;
            }
        });
        assert_eq!(failing.standing("multi2").in_full(), "none: TASK-2 is fail");
        assert_eq!(failing.totals(Some("TASK"), Level::Must).failed, 1);
        assert_eq!(sample().totals(None, Level::Must).untested, 1);
    }

    #[test]
    fn a_false_declaration_spoils_the_run_and_is_no_clause_of_the_contract() {
        let boasting = whole(|line| {
            if line.clause == "CAP-core" {
                line.verdict = Verdict::Fail;
            }
        });
        assert!(boasting.is_spoilt() && !whole(|_| {}).is_spoilt());
        assert_eq!(boasting.standing("multi2").in_full(), "none: CAP-core is fail");
        let must = boasting.totals(None, Level::Must);
        assert_eq!(
            (must.failed, must.judged()),
            (0, whole(|_| {}).totals(None, Level::Must).passed)
        );
    }

    #[test]
    fn a_run_with_a_filter_reaches_nothing() {
        let mut page = whole(|_| {});
        page.outcomes.retain(|outcome| outcome.clause.starts_with("TASK-"));
        assert_eq!(page.standing("multi2").profile, None);
        // One part that is missing is enough.
        let mut page = whole(|_| {});
        let has_parts = |case: &&Case| !case.part.is_empty() && case.wants() == [Cap::Core];
        let part = clauses::cases().find(has_parts).unwrap();
        page.outcomes.retain(|outcome| (&*outcome.clause, &*outcome.part) != (part.id, part.part));
        let said = page.standing("multi2").in_full();
        assert_eq!(said, format!("none: {} was not run", part.id));
    }

    #[test]
    fn the_sums_of_a_flavour_say_what_was_skipped_for_want_of_what() {
        let page = whole(|line| match line.clause.as_str() {
            "TASK-1" => line.verdict = Verdict::KnownFail,
            "TASK-3" => line.verdict = Verdict::Skip,
            _ => {}
        });
        let sums = page.sums_of("multi2");
        assert_eq!(sums.get("skipped").get("mt").items(), ["TASK-3".into()]);
        assert_eq!(sums.get("must").get("skipped").number(), 1.0);
        assert_eq!(sums.get("expectations").number(), 1.0);
        assert_eq!(page.standing("multi2").to_string(), "core except TASK-1");
    }

    #[test]
    fn what_the_file_leaves_out_is_recalled_from_the_events() {
        let mut page = sample();
        page.outcomes[0].threads = "conformance waits".into();
        let events: Vec<_> =
            page.outcomes.iter().map(|one| one.to_json(true).to_string()).collect();
        let file = Page::file(std::slice::from_ref(&page));
        let mut read = Page::all(&file).unwrap().remove(0);
        assert!(read.outcomes[0].threads.is_empty() && read.outcomes[0].witness.is_empty());
        read.recall(&format!("{{\"v\":1,\"ev\":\"start\"}}\n{}\nhalf a li", events.join("\n")));
        assert_eq!(read, page);
    }

    #[test]
    fn parts_of_one_clause_count_for_their_own_level() {
        let mut page = sample();
        let failed = page.outcomes.iter_mut().find(|o| o.verdict == Verdict::Fail);
        failed.expect("the sample has one").level = Level::Should;
        assert_eq!(page.totals(Some("TASK"), Level::Must).failed, 0);
        assert_eq!(page.totals(Some("TASK"), Level::Should).failed, 1);
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
