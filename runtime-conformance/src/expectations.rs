//! Failures that are known: `conformance.toml` of a runtime.
//!
//! ```toml
//! [[expect]]
//! clause = "PROC-6"                        # or one part of a clause: "PROC-6/burst"
//! flavour = "*"
//! verdict = "fail"
//! reason = "the host reports one exit per signal"
//! issue = "https://…"
//! expires = "2027-03-01"
//! reproduction = "reproductions/proc_6.rs"
//! ```
//!
//! An entry excuses one case, named as on the command line, never a group, and never turns the claim
//! "conformant" on: what else the clause asks still has to hold. It is allowed
//! only with a reproduction of at most twenty lines that uses the upstream runtime alone: so nobody
//! excuses what an adapter could mend. An entry that expired, or whose clause passes, makes the run
//! fail by itself: it says something that is no longer true.
//!
//! Of TOML this reads tables `[[expect]]`, comments, and `key = "text"`: nothing else is needed here.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::case::Case;
use crate::verdict::Verdict;
use crate::{clauses, contract};

/// Lines a reproduction may have.
const LINES_MAX: usize = 20;
const KEYS: [&str; 7] =
    ["clause", "flavour", "verdict", "reason", "issue", "expires", "reproduction"];

/// One entry.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Expectation {
    pub(crate) clause: String,
    pub(crate) flavour: String,
    pub(crate) verdict: String,
    pub(crate) reason: String,
    pub(crate) issue: String,
    pub(crate) expires: String,
    pub(crate) reproduction: String,
    line: usize,
}

/// The file, checked.
#[derive(Debug, Default)]
pub(crate) struct Expectations {
    pub(crate) entries: Vec<Expectation>,
    /// Sentences about entries that expired.
    pub(crate) expired: Vec<String>,
}

impl Expectations {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// Sentences for people, one for each entry that is wrong.
    pub(crate) fn read(path: &Path) -> Result<Expectations, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("expectations {}: {error}", path.display()))?;
        let place = path.parent().unwrap_or(Path::new("."));
        check(parse(&text), place, &today())
            .map_err(|wrong| format!("expectations {}: {wrong}", path.display()))
    }

    /// Whether something is expected of this clause, or this part of it, on this flavour.
    pub(crate) fn has(&self, (clause, part): (&str, &str), flavour: &str) -> bool {
        self.entries.iter().any(|entry| entry.is_about(clause, part, flavour))
    }

    /// The verdict on `clause`, or on a part of it, given what is expected of that on this flavour.
    pub(crate) fn apply(
        &self,
        (clause, part): (&str, &str),
        flavour: &str,
        verdict: Verdict,
    ) -> Verdict {
        if !self.has((clause, part), flavour) {
            return verdict;
        }
        match verdict {
            Verdict::Fail | Verdict::FlakyFail => Verdict::KnownFail,
            Verdict::Pass => Verdict::UnexpectedPass,
            other => other,
        }
    }
}

impl Expectation {
    fn is_about(&self, clause: &str, part: &str, flavour: &str) -> bool {
        let (its_clause, its_part) = self.clause.split_once('/').unwrap_or((&self.clause, ""));
        // What is seen after a case has a part that no entry can name.
        let is_it = its_part == part || (its_part.is_empty() && part.starts_with("after "));
        its_clause == clause && is_it && (self.flavour == "*" || self.flavour == flavour)
    }

    fn set(&mut self, key: &str, value: String) {
        match key {
            "clause" => self.clause = value,
            "flavour" => self.flavour = value,
            "verdict" => self.verdict = value,
            "reason" => self.reason = value,
            "issue" => self.issue = value,
            "expires" => self.expires = value,
            _ => self.reproduction = value,
        }
    }
}

fn parse(text: &str) -> Result<Vec<Expectation>, String> {
    let mut entries: Vec<Expectation> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let number = index + 1;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line == "[[expect]]" {
            entries.push(Expectation { line: number, ..Expectation::default() });
            continue;
        }
        let entry = line.split_once('=').map(|(key, value)| (key.trim(), quoted(value.trim())));
        match (entry, entries.last_mut()) {
            (Some((key, Some(value))), Some(last)) if KEYS.contains(&key) => last.set(key, value),
            (Some((key, Some(_))), Some(_)) => {
                return Err(format!("line {number}: `{key}` is none of {}", KEYS.join(", ")));
            }
            _ => {
                return Err(format!("line {number}: expected `[[expect]]` or `key = \"text\"`"));
            }
        }
    }
    Ok(entries)
}

/// The text in quotes, a comment after it left out.
fn quoted(value: &str) -> Option<String> {
    let (text, rest) = value.strip_prefix('"')?.split_once('"')?;
    let rest = rest.trim();
    (rest.is_empty() || rest.starts_with('#')).then(|| text.to_owned())
}

fn check(
    entries: Result<Vec<Expectation>, String>,
    place: &Path,
    today: &str,
) -> Result<Expectations, String> {
    let entries = entries?;
    let wrong: Vec<String> = entries.iter().filter_map(|entry| fault(entry, place)).collect();
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    let old = entries.iter().filter(|entry| entry.expires.as_str() <= today);
    let say = |entry: &Expectation| format!("{} expired on {}", entry.clause, entry.expires);
    let expired = old.map(say).collect();
    Ok(Expectations { entries, expired })
}

/// What is wrong with an entry, if anything is.
fn fault(entry: &Expectation, place: &Path) -> Option<String> {
    let wrong = if let Some(wrong) = name_fault(&entry.clause) {
        wrong
    } else if entry.flavour.is_empty() || entry.reason.is_empty() || entry.issue.is_empty() {
        "`flavour`, `reason` and `issue` must not be empty".to_owned()
    } else if !["fail", "flaky-fail"].contains(&entry.verdict.as_str()) {
        format!("verdict `{}` is neither `fail` nor `flaky-fail`", entry.verdict)
    } else if !is_date(&entry.expires) {
        format!("expires `{}` is no date like 2027-03-01", entry.expires)
    } else {
        reproduction_fault(&entry.reproduction, place)?
    };
    Some(format!("line {}: {wrong}", entry.line))
}

/// What is wrong with the name of a case, if anything is.
fn name_fault(name: &str) -> Option<String> {
    let clause = name.split('/').next().unwrap_or_default();
    if contract::clause(clause).is_none() {
        return Some(format!("there is no clause `{clause}`"));
    }
    let cases: Vec<_> = clauses::cases().filter(|case| case.id == clause).map(Case::name).collect();
    let is_there = cases.iter().any(|case| case == name) || (cases.is_empty() && clause == name);
    (!is_there).then(|| format!("`{name}` is none of {}", cases.join(", ")))
}

fn reproduction_fault(reproduction: &str, place: &Path) -> Option<String> {
    let path = place.join(reproduction);
    match std::fs::read_to_string(&path) {
        Ok(text) if text.lines().count() <= LINES_MAX => None,
        Ok(text) => {
            let lines = text.lines().count();
            Some(format!("reproduction {reproduction} has {lines} lines, more than {LINES_MAX}"))
        }
        Err(error) => Some(format!("reproduction `{reproduction}`: {error}")),
    }
}

fn is_date(text: &str) -> bool {
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    let parts: Vec<_> = text.split('-').collect();
    matches!(parts.as_slice(), [y, m, d] if y.len() == 4 && m.len() == 2 && d.len() == 2
        && digits(y) && digits(m) && digits(d))
}

/// The date in UTC.
fn today() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    date_of(now / 86_400)
}

/// The date that is so many days after 1970-01-01.
fn date_of(days: u64) -> String {
    let is_leap = |y: u64| y % 4 == 0 && y % 100 != 0 || y % 400 == 0;
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < days {
            break;
        }
        left -= days;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"
# why
[[expect]]
clause = "TASK-1" # a comment
flavour = "*"
verdict = "fail"
reason = "tasks = gone"
issue = "https://example.invalid/1"
expires = "2999-01-01"
reproduction = "Cargo.toml"
"#;

    fn checked(text: &str, today: &str) -> Result<Expectations, String> {
        check(parse(text), Path::new(env!("CARGO_MANIFEST_DIR")), today)
    }

    fn with(key: &str, value: &str) -> Result<Expectations, String> {
        let line = ENTRY.lines().find(|line| line.starts_with(key)).unwrap();
        checked(&ENTRY.replace(line, &format!("{key} = \"{value}\"")), "2026-01-01")
    }

    #[test]
    fn an_entry_excuses_its_clause_on_its_flavour() {
        let all = checked(&ENTRY.replace("Cargo.toml", "src/toolbox.rs"), "2026-01-01");
        assert!(all.unwrap_err().contains("lines, more than 20"));
        let one = with("reproduction", "tests/short.txt").unwrap_err();
        assert!(one.contains("tests/short.txt"), "{one}");
    }

    #[test]
    fn verdicts_are_those_of_the_table() {
        let entry = parse(ENTRY).unwrap();
        let known = Expectations { entries: entry, expired: Vec::new() };
        let apply = |clause, verdict| known.apply((clause, ""), "multi2", verdict);
        assert_eq!(apply("TASK-1", Verdict::Fail), Verdict::KnownFail);
        assert_eq!(apply("TASK-1", Verdict::FlakyFail), Verdict::KnownFail);
        assert_eq!(apply("TASK-1", Verdict::Pass), Verdict::UnexpectedPass);
        assert_eq!(apply("TASK-1", Verdict::Broken), Verdict::Broken);
        assert_eq!(apply("TASK-2", Verdict::Fail), Verdict::Fail);
    }

    #[test]
    fn an_entry_for_a_part_excuses_no_other() {
        let entries = parse(&ENTRY.replace("TASK-1", "BLOCKON-5/blocks")).unwrap();
        let known = Expectations { entries, expired: Vec::new() };
        let apply = |part, verdict| known.apply(("BLOCKON-5", part), "current", verdict);
        assert_eq!(apply("blocks", Verdict::Fail), Verdict::KnownFail);
        assert_eq!(apply("blocks", Verdict::Pass), Verdict::UnexpectedPass);
        assert_eq!(apply("returns", Verdict::Fail), Verdict::Fail);
        assert_eq!(apply("returns", Verdict::Pass), Verdict::Pass);
        assert_eq!(apply("after WAKE-2@current", Verdict::Fail), Verdict::Fail);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        assert!(with("clause", "TASK-99").unwrap_err().starts_with("line 3: there is no clause"));
        assert!(with("clause", "TASK-*").unwrap_err().contains("there is no clause `TASK-*`"));
        let no_part = with("clause", "BLOCKON-5/block").unwrap_err();
        assert!(no_part.contains("none of BLOCKON-5/returns, "), "{no_part}");
        assert!(with("verdict", "pass").unwrap_err().contains("neither `fail`"));
        assert!(with("expires", "soon").unwrap_err().contains("no date"));
        assert!(with("reason", "").unwrap_err().contains("must not be empty"));
        assert!(parse("clause = \"A\"").unwrap_err().starts_with("line 1"));
        assert!(parse("[[expect]]\nclause: A").unwrap_err().starts_with("line 2"));
        assert!(parse("[[expect]]\ncolour = \"red\"").unwrap_err().contains("`colour` is none of"));
    }

    #[test]
    fn dates_are_right() {
        assert_eq!(date_of(0), "1970-01-01");
        assert_eq!(date_of(11_016), "2000-02-29");
        assert_eq!(date_of(20_819), "2027-01-01");
        assert!(is_date(&today()));
    }
}
