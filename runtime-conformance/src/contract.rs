//! The contract: every clause, as `clauses.md` has it.
//!
//! The page is compiled in and read here, so there is one table and not two: a clause that is on the
//! page is in the suite with the same level and tier, and no other way exists to add one.

use std::fmt;
use std::sync::OnceLock;

use crate::Cap;

/// The page.
const PAGE: &str = include_str!("../clauses.md");

/// A numbered promise.
#[derive(Debug, PartialEq)]
pub(crate) struct Clause {
    /// `TASK-1`; never reused.
    pub(crate) id: &'static str,
    /// How binding it is.
    pub(crate) level: Level,
    /// When it is asked for.
    pub(crate) tier: Tier,
    /// The promise.
    pub(crate) rule: &'static str,
    /// Why there is such a promise.
    pub(crate) rationale: &'static str,
    /// What a runtime must have for it to be asked.
    pub(crate) needs: Vec<Cap>,
    /// How bad its failure is: 1 is worst.
    pub(crate) severity: u8,
}

/// How binding a clause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// A runtime that breaks it does not conform.
    Must,
    /// Quality.
    Should,
    /// No longer asked; the id stays taken.
    Withdrawn,
}

/// When a clause is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// From 0.1 on.
    A,
    /// Later.
    B,
}

impl Clause {
    /// `TASK`.
    pub(crate) fn group(&self) -> &'static str {
        self.id.split_once('-').map_or(self.id, |(group, _)| group)
    }

    /// Its number within the group, for sorting.
    pub(crate) fn number(&self) -> u32 {
        self.id.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or_default()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Must => "MUST",
            Level::Should => "SHOULD",
            Level::Withdrawn => "withdrawn",
        })
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tier::A => "A",
            Tier::B => "B",
        })
    }
}

/// All clauses, in the order of the page.
pub(crate) fn clauses() -> &'static [Clause] {
    static CLAUSES: OnceLock<Vec<Clause>> = OnceLock::new();
    CLAUSES.get_or_init(|| read(PAGE).unwrap_or_else(|wrong| panic!("clauses.md: {wrong}")))
}

/// The clause of this id; also those that are not on the page, one for each capability.
pub(crate) fn clause(id: &str) -> Option<&'static Clause> {
    clauses().iter().chain(declarations()).find(|clause| clause.id == id)
}

/// That what is declared is there: `CAP-time`, and so on. Not on the page, because they are not the
/// contract's but the suite's: nobody shall pass by declaring nothing, nor by declaring too much.
pub(crate) fn declarations() -> &'static [Clause] {
    static DECLARATIONS: OnceLock<Vec<Clause>> = OnceLock::new();
    let declaration = |&cap: &Cap| Clause {
        id: format!("CAP-{cap}").leak(),
        level: Level::Must,
        tier: Tier::A,
        rule: format!("What declares `{cap}` has it: the smallest use of it works.").leak(),
        rationale: "A verdict is worth what was asked.",
        needs: vec![cap],
        severity: 2,
    };
    DECLARATIONS.get_or_init(|| Cap::ALL.iter().map(declaration).collect())
}

/// The groups, in the order of the page.
pub(crate) fn groups() -> Vec<&'static str> {
    let mut groups: Vec<&str> = clauses().iter().map(Clause::group).collect();
    groups.dedup();
    groups
}

/// Every row of the page that starts with an id.
fn read(page: &'static str) -> Result<Vec<Clause>, String> {
    let rows = page.lines().filter(|line| is_row(line));
    rows.map(|row| read_row(row).ok_or_else(|| format!("cannot read the row `{row}`"))).collect()
}

/// `| TASK-1 | …`, but not the list of what a runtime may do.
fn is_row(line: &str) -> bool {
    let Some((first, _)) = line.strip_prefix("| ").and_then(|rest| rest.split_once(" |")) else {
        return false;
    };
    let Some((group, number)) = first.split_once('-') else { return false };
    group != "MAY"
        && !group.is_empty()
        && group.chars().all(|c| c.is_ascii_uppercase())
        && number.chars().all(|c| c.is_ascii_digit())
}

fn read_row(row: &'static str) -> Option<Clause> {
    let cells: Vec<&str> = row.trim().trim_matches('|').split(" | ").map(str::trim).collect();
    let &[id, level, tier, rule, rationale, _how, needs, severity] = cells.as_slice() else {
        return None;
    };
    Some(Clause {
        id,
        level: match level {
            "MUST" => Level::Must,
            "SHOULD" => Level::Should,
            "withdrawn" => Level::Withdrawn,
            _ => return None,
        },
        tier: match tier {
            "A" => Tier::A,
            "B" => Tier::B,
            _ => return None,
        },
        rule,
        rationale,
        needs: needs.split(',').map(|need| Cap::named(need.trim())).collect::<Option<_>>()?,
        severity: severity.strip_prefix('S')?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_understood() {
        assert_eq!(clauses().len(), 160);
        assert_eq!(groups().len(), 22);
        let should = clauses().iter().filter(|clause| clause.level == Level::Should).count();
        assert_eq!(should, 10);
        assert_eq!(clause("WAKE-10").unwrap().number(), 10);
        assert_eq!(clause("IO-1").unwrap().needs, [Cap::Io, Cap::Tcp]);
    }

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<_> = clauses().iter().map(|clause| clause.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), clauses().len());
    }

    #[test]
    fn a_row_that_is_wrong_is_said_and_not_skipped() {
        assert!(read("| TASK-1 | MIGHT | A | r | w | h | core | S1 |").is_err());
        assert!(read("| TASK-1 | MUST | A | r | w | h | magic | S1 |").is_err());
        assert!(read("| TASK-1 | MUST | A | too few |").is_err());
        assert_eq!(read("| MAY-1 | anything |\n| Id | A runtime may |"), Ok(Vec::new()));
    }
}
