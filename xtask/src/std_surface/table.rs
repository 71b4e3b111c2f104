//! What is said of each function of std: list, twins and answers, laid beside each other.
//!
//! ```text
//!  1.95.0.txt   name  since  [deprecated; where]            written by the command
//!  answers.txt  pattern  does not wait: reason              by hand
//!               pattern  none, because reason
//!  open.txt     pattern                                     by hand; empty at the end
//!  twins        (name, use)                                 compiled by integration/tests/std_surface
//! ```
//!
//! A pattern is a name; a name with one `{a, b}` in it, for each of them; or a beginning and `*`. An
//! indented line continues the one above; a `#` by itself begins a comment.
//!
//! # Rules
//!
//! - **L1** Each name of the list has one twin, or one answer, or is open.
//! - **L2** Each twin and each name of an answer is in the list.
//! - **L3** Each pattern of `open.txt` has an open name: what is there no longer counts as open.
//!
//! Text in, text out: the command and the test that compiles the twins both include this file. Not here:
//! where the texts come from (`std_surface`, `html`, `twins`).

/// A function or method of std, as its page describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its path below `std`.
    pub(crate) name: String,
    /// The version that made it stable: `1.89`.
    pub(crate) since: String,
    /// `deprecated`, and where it is available if its path does not say so.
    pub(crate) note: String,
}

/// A use of ours that stands in for a function of std.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Twin {
    pub(crate) name: String,
    /// The code; empty where only the name counts.
    pub(crate) code: String,
}

/// What stands beside a name of std.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Here, under this use.
    Twin(String),
    /// std's own is as good in a task, for this reason.
    Waitless(String),
    /// There is none, for this reason.
    Missing(String),
    /// Nobody has said yet.
    Open,
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) entry: Entry,
    pub(crate) verdict: Verdict,
}

// ── the list ────────────────────────────────────────────────────────────────────────────────────

/// The list as it is checked in.
pub(crate) fn list_text(version: &str, list: &[Entry]) -> String {
    let width = list.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    let lines = list.iter().map(|Entry { name, since, note }| {
        format!("{name:width$}  {since:5} {note}").trim_end().to_owned() + "\n"
    });
    let head = format!(
        "# The stable functions and methods of std {version}, since when, and what else their pages say.\n\
         # Written by `cargo xtask std-surface` from the installed documentation.\n"
    );
    head + &lines.collect::<String>()
}

/// Reads what [`list_text`] wrote.
pub(crate) fn list(text: &str) -> Result<Vec<Entry>, String> {
    let entries = lines(text).into_iter().map(|(number, line)| {
        let mut words = line.splitn(2, ' ');
        let name = words.next().unwrap_or_default();
        let mut rest = words.next().unwrap_or_default().trim_start().splitn(2, ' ');
        let since = rest.next().unwrap_or_default();
        let note = rest.next().unwrap_or_default().trim_start();
        match since.is_empty() {
            true => Err(format!("line {number} of the list: `{line}` has no version")),
            false => Ok(Entry { name: name.into(), since: since.into(), note: note.into() }),
        }
    });
    entries.collect()
}

// ── patterns ────────────────────────────────────────────────────────────────────────────────────

/// A pattern and the line that it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    line: usize,
    text: String,
}

impl Pattern {
    /// The names that it stands for, each once or as a beginning with `*`.
    fn parts(&self) -> Vec<String> {
        let Some((before, rest)) = self.text.split_once('{') else {
            return vec![self.text.clone()];
        };
        let (inside, after) = rest.split_once('}').unwrap_or((rest, ""));
        inside.split(',').map(|part| format!("{before}{}{after}", part.trim())).collect()
    }

    /// Where in the list its names are.
    ///
    /// # Errors
    ///
    /// Its parts that the list does not have.
    fn places(&self, list: &[Entry]) -> Result<Vec<usize>, Vec<String>> {
        let (mut places, mut unknown) = (Vec::new(), Vec::new());
        for part in self.parts() {
            let known = places.len();
            let all = list.iter().enumerate();
            places.extend(all.filter(|(_, entry)| is(&part, &entry.name)).map(|(at, _)| at));
            if places.len() == known {
                unknown.push(part);
            }
        }
        if unknown.is_empty() { Ok(places) } else { Err(unknown) }
    }
}

fn is(part: &str, name: &str) -> bool {
    part.strip_suffix('*').map_or(part == name, |beginning| name.starts_with(beginning))
}

/// An answer by hand: whom it is about, and the verdict.
pub(crate) type Answer = (Pattern, Verdict);

/// Reads `answers.txt`.
pub(crate) fn answers(text: &str) -> Result<Vec<Answer>, String> {
    let answers = lines(text).into_iter().map(|(line, text)| {
        let answer = |between: &str| {
            let (names, reason) = text.split_once(between)?;
            let (names, reason) = (names.trim().to_owned(), reason.trim().to_owned());
            (!names.is_empty() && !reason.is_empty()).then_some((names, reason))
        };
        let waitless = answer(" does not wait:").map(|(of, why)| (of, Verdict::Waitless(why)));
        let missing = || answer(" none, because").map(|(of, why)| (of, Verdict::Missing(why)));
        match waitless.or_else(missing) {
            Some((text, verdict)) => Ok((Pattern { line, text }, verdict)),
            None => Err(format!(
                "answers.txt:{line}: `{text}` is neither `NAMES  does not wait: REASON` nor \
                 `NAMES  none, because REASON`"
            )),
        }
    });
    answers.collect()
}

/// Reads `open.txt`.
pub(crate) fn open(text: &str) -> Vec<Pattern> {
    lines(text).into_iter().map(|(line, text)| Pattern { line, text }).collect()
}

/// Lines with their numbers, without comments, continued ones joined.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let code = if line.starts_with('#') { "" } else { until_comment(line) };
        match lines.last_mut() {
            _ if code.trim().is_empty() => {}
            Some((_, above)) if code.starts_with(' ') => *above += &format!(" {}", code.trim()),
            _ => lines.push((at + 1, code.trim().to_owned())),
        }
    }
    lines
}

/// What stands before ` # `, which a reason that cites `rust#1` has not.
fn until_comment(line: &str) -> &str {
    line.split(" # ").next().unwrap_or_default().trim_end()
}

// ── the table ───────────────────────────────────────────────────────────────────────────────────

/// The whole table, and what breaks its rules.
pub(crate) fn table(
    list: &[Entry],
    twins: &[Twin],
    answers: &[Answer],
    open: &[Pattern],
) -> (Vec<Row>, Vec<String>) {
    let mut rows: Vec<Row> =
        list.iter().map(|entry| Row { entry: entry.clone(), verdict: Verdict::Open }).collect();
    let mut findings = Vec::new();
    for Twin { name, code } in twins {
        match list.iter().position(|entry| entry.name == *name) {
            Some(at) => give(&mut rows[at], Verdict::Twin(code.clone()), "a twin", &mut findings),
            None => findings.push(format!("the twin `{name}` is not in the list")),
        }
    }
    for (pattern, verdict) in answers {
        let by = format!("answers.txt:{}", pattern.line);
        match pattern.places(list) {
            Ok(places) => places
                .into_iter()
                .for_each(|at| give(&mut rows[at], verdict.clone(), &by, &mut findings)),
            Err(unknown) => findings
                .extend(unknown.iter().map(|name| format!("{by}: `{name}` is not in the list"))),
        }
    }
    findings.extend(not_open(&rows, list, open));
    findings.extend(gaps(&rows, open));
    (rows, findings)
}

fn give(row: &mut Row, verdict: Verdict, by: &str, findings: &mut Vec<String>) {
    match row.verdict {
        Verdict::Open => row.verdict = verdict,
        _ => findings.push(format!("`{}` has an answer, and another by {by}", row.entry.name)),
    }
}

/// Patterns of `open.txt` of which nothing is open.
fn not_open(rows: &[Row], list: &[Entry], open: &[Pattern]) -> Vec<String> {
    let is_open = |at: &usize| rows[*at].verdict == Verdict::Open;
    let stale = open.iter().filter(|pattern| {
        let places = pattern.places(list).unwrap_or_default();
        !places.iter().any(is_open)
    });
    let say = |Pattern { line, text }: &Pattern| {
        format!("open.txt:{line}: nothing of `{text}` is open: remove the line")
    };
    stale.map(say).collect()
}

/// Names without an answer that are not known to be open.
fn gaps(rows: &[Row], open: &[Pattern]) -> Vec<String> {
    let known =
        |name: &str| open.iter().any(|pattern| pattern.parts().iter().any(|part| is(part, name)));
    let gaps = rows.iter().filter(|row| row.verdict == Verdict::Open && !known(&row.entry.name));
    let say = |row: &Row| {
        format!(
            "`{}` has no answer: write a twin in integration/tests/std_surface, or a line in \
             docs/std-surface/answers.txt",
            row.entry.name
        )
    };
    gaps.map(say).collect()
}

#[cfg(test)]
mod std_surface_table {
    use super::*;

    const LIST: &str = "# std\nfs::File::lock  1.89\nfs::File::len   1.0   deprecated\n\
                        time::Instant::now  1.8\nfs::chroot  1.56  deprecated; Unix and non-Fuchsia\n";

    fn twin(name: &str) -> Twin {
        Twin { name: name.into(), code: "code".into() }
    }

    fn judged(twins: &[&str], answers: &str, open: &str) -> (Vec<Row>, Vec<String>) {
        let twins: Vec<Twin> = twins.iter().map(|name| twin(name)).collect();
        let answers = super::answers(answers).unwrap();
        table(&list(LIST).unwrap(), &twins, &answers, &super::open(open))
    }

    fn findings(twins: &[&str], answers: &str, open: &str) -> Vec<String> {
        judged(twins, answers, open).1
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let read = list(LIST).unwrap();
        assert_eq!(read[0].name, "fs::File::lock");
        assert_eq!(read[3].note, "deprecated; Unix and non-Fuchsia");
        assert_eq!(list(&list_text("1.95.0", &read)), Ok(read));
        assert!(list("fs::File::lock").unwrap_err().contains("has no version"));
    }

    #[test]
    fn every_name_has_one_answer() {
        let answers = "fs::{File::len, chroot}  does not wait: it\n  is a number # really\n";
        let (rows, wrong) = judged(&["fs::File::lock", "time::Instant::now"], answers, "");
        assert_eq!(wrong, [""; 0]);
        assert_eq!(rows[0].verdict, Verdict::Twin("code".into()));
        assert_eq!(rows[1].verdict, Verdict::Waitless("it is a number".into()));
        assert_eq!(rows[3].verdict, rows[1].verdict);
    }

    #[test]
    fn gaps_doubles_and_strangers_are_found() {
        let rest = "fs::*  none, because x\n";
        let gap = findings(&[], rest, "");
        assert!(gap[0].starts_with("`time::Instant::now` has no answer"), "{gap:?}");
        let double = findings(&["time::Instant::now", "fs::chroot"], rest, "");
        assert_eq!(double, ["`fs::chroot` has an answer, and another by answers.txt:1"]);
        let twice = findings(&["time::Instant::now", "time::Instant::now"], rest, "");
        assert_eq!(twice, ["`time::Instant::now` has an answer, and another by a twin"]);
        let stranger = findings(&["time::now"], rest, "time::*");
        assert_eq!(stranger, ["the twin `time::now` is not in the list"]);
        let rest = "fs::*  none, because x\nfs::{Fil, F*}::x  does not wait: y\n";
        let strangers = findings(&["time::Instant::now"], rest, "");
        assert_eq!(strangers[0], "answers.txt:2: `fs::Fil::x` is not in the list");
        assert_eq!(strangers.len(), 2);
    }

    #[test]
    fn what_is_open_is_no_gap_and_what_is_there_is_not_open() {
        let all = ["fs::File::lock", "fs::File::len", "fs::chroot"];
        assert_eq!(findings(&all[..2], "", "fs::*\ntime::*"), [""; 0]);
        let stale = findings(&all, "", "# to do\nfs::*\ntime::*");
        assert_eq!(stale, ["open.txt:2: nothing of `fs::*` is open: remove the line"]);
    }

    #[test]
    fn an_answer_needs_a_reason() {
        for text in ["fs::x", "fs::x  does not wait:", "fs::x  none", " none, because y"] {
            assert!(answers(text).unwrap_err().contains("answers.txt:1"), "{text}");
        }
    }
}
