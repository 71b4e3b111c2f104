//! `cargo xtask profiles`: which runtime reaches which profile, in the README.
//!
//! ```text
//!  tests/conformance.rs of each runtime ──▶ conformance.json ──▶ rows ──▶ README.md, between two markers
//!                                                                  └────▶ --check: are these the rows there?
//! ```
//!
//! Nothing in the tables changes from run to run: clauses are counted, not seconds. One number can be
//! luck, that of SHOULDs, because what a busy machine hides is *inconclusive*; so `--check` takes a
//! README that counts such a clause as passed.
//!
//! Not here: what a profile asks for (the suite), and running it (`conformance`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::Outcome;
use crate::conformance::SUBJECTS;
use crate::json::Value;
use crate::workspace;

const PAGE: &str = "README.md";
const BEGIN: &str = "<!-- profiles:begin -->";
const END: &str = "<!-- profiles:end -->";
/// Where `cargo xtask conformance --all` is told to write.
const REPORTS: &str = "target/conformance";

/// Whose missing capabilities are listed, and why it cannot have them.
const LISTED: &str = "runtime-default";
const WHY: [(&str, &str); 3] = [
    ("mt", "one thread polls"),
    ("simtime", "its clock is the machine's; `toy` has a virtual one"),
    ("own", "it waits for readiness: no buffer is ever the system's"),
];

pub(crate) const HELP: &str = "\
usage: cargo xtask profiles [--check] [DIR]

Writes the tables of the section Conformance of README.md from DIR/<package>/conformance.json
(default: target/conformance, where `cargo xtask conformance --all --out target/conformance` puts
them).

  --check   changes nothing; exit code 1 if the README says something else
";

pub(crate) fn run(arguments: &[&str]) -> Outcome {
    let (check, place) = match arguments {
        ["--help" | "-h"] => {
            print!("{HELP}");
            return Ok(ExitCode::SUCCESS);
        }
        ["--check", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let place = match place {
        [] => REPORTS,
        [place] if !place.starts_with('-') => place,
        _ => return Err(format!("`{}` is not understood\n\n{HELP}", arguments.join(" "))),
    };
    let place = workspace::root().join(place);
    if check {
        compare(&place)?
    } else {
        write(&place)?
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the README says what the reports in `place` say.
///
/// # Errors
///
/// Where they differ, and what to do.
pub(crate) fn compare(place: &Path) -> Result<(), String> {
    let tables = tables(&read(place)?)?;
    let page = page()?;
    let (_, there, _) = cut(&page)?;
    let differing = differences(there, &tables);
    if differing.is_empty() {
        println!("{PAGE} says what {} runtimes reach", SUBJECTS.len());
        return Ok(());
    }
    differing.iter().for_each(|line| println!("{line}"));
    Err(format!(
        "{PAGE} differs from this run; if the run is right: cargo xtask conformance --all --out \
         {REPORTS} && cargo xtask profiles"
    ))
}

fn write(place: &Path) -> Result<(), String> {
    let tables = tables(&read(place)?)?;
    let page = page()?;
    let (before, _, after) = cut(&page)?;
    let lines: Vec<&str> = tables.iter().map(|line| line.forms[0].as_str()).collect();
    let text = format!("{before}{BEGIN}\n{}\n{END}{after}", lines.join("\n"));
    fs::write(workspace::root().join(PAGE), text).map_err(|error| format!("{PAGE}: {error}"))?;
    let unclear = tables.iter().filter(|line| line.forms.len() > 1).count();
    if unclear > 0 {
        println!("{unclear} rows have a SHOULD that is inconclusive: a quieter machine tells more");
    }
    Ok(())
}

fn page() -> Result<String, String> {
    fs::read_to_string(workspace::root().join(PAGE)).map_err(|error| format!("{PAGE}: {error}"))
}

/// What stands before, between and after the markers.
fn cut(page: &str) -> Result<(&str, &str, &str), String> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (there, after) = rest.split_once(END)?;
        Some((before, there.trim_matches('\n'), after))
    });
    parts.ok_or_else(|| format!("{PAGE} has no `{BEGIN}` … `{END}`"))
}

/// The report of each runtime.
fn read(place: &Path) -> Result<Vec<Value>, String> {
    let report = |package| read_one(place.join(package).join("conformance.json"));
    SUBJECTS.iter().map(|subject| report(subject.package)).collect()
}

fn read_one(file: PathBuf) -> Result<Value, String> {
    let text = fs::read_to_string(&file).map_err(|error| error.to_string());
    let value = text.and_then(|text| Value::parse(&text));
    value.map_err(|wrong| {
        format!("{}: {wrong}; `cargo xtask conformance --all --out DIR` writes it", file.display())
    })
}

// ── tables ──────────────────────────────────────────────────────────────────────────────────────

/// A line of the tables, as it is written; and the other forms in which it is as true.
#[derive(Debug, PartialEq)]
struct Row {
    forms: Vec<String>,
}

impl Row {
    fn only(text: impl Into<String>) -> Row {
        Row { forms: vec![text.into()] }
    }
}

/// Both tables.
fn tables(files: &[Value]) -> Result<Vec<Row>, String> {
    let mut rows = vec![
        Row::only("| runtime | flavour | profile | MUST | SHOULD | skipped | expectations |"),
        Row::only("|---|---|---|---|---|---|---|"),
    ];
    for subject in &SUBJECTS {
        let run = run_of(files, subject.package)?;
        for (flavour, sums) in run.get("flavours").fields() {
            let profile = run.get("profiles").get(flavour).text();
            rows.push(row(subject.package, flavour, profile, sums));
        }
    }
    rows.push(Row::only(""));
    rows.push(Row::only(format!("| {LISTED} has no | as | so it skips | because |")));
    rows.push(Row::only("|---|---|---|---|"));
    rows.extend(lacks(run_of(files, LISTED)?)?.into_iter().map(Row::only));
    Ok(rows)
}

fn run_of<'a>(files: &'a [Value], runtime: &str) -> Result<&'a Value, String> {
    let mut runs = files.iter().flat_map(|file| file.get("runs").items());
    let run = runs.find(|run| run.get("header").get("runtime").text() == runtime);
    let run = run.ok_or_else(|| format!("there is no run of {runtime} in the reports"))?;
    match run.get("flavours").fields() {
        [] => Err(format!("the report of {runtime} has no sums: an older suite wrote it")),
        _ => Ok(run),
    }
}

fn row(runtime: &str, flavour: &str, profile: &str, sums: &Value) -> Row {
    let (must, should) = (sums.get("must"), sums.get("should"));
    let number = |of: &Value, name: &str| of.get(name).number() as u64;
    let skipped = number(must, "skipped") + number(should, "skipped");
    let form = |lucky: u64| {
        format!(
            "| {runtime} | {flavour} | {profile} | {}/{} | {}/{} | {skipped} | {} |",
            number(must, "passed"),
            number(must, "asked"),
            number(should, "passed") + lucky,
            number(should, "asked"),
            number(sums, "expectations"),
        )
    };
    Row { forms: (0..=number(should, "inconclusive")).map(form).collect() }
}

/// One line for each capability that some flavour lacks and a case wants.
fn lacks(run: &Value) -> Result<Vec<String>, String> {
    let flavours = run.get("flavours").fields();
    let mut seen: Vec<(&str, Vec<&str>, &Value)> = Vec::new();
    for (flavour, sums) in flavours {
        for (lack, cases) in sums.get("skipped").fields() {
            match seen.iter_mut().find(|(known, _, of)| known == lack && *of == cases) {
                Some((_, flavours, _)) => flavours.push(flavour),
                None => seen.push((lack, vec![flavour], cases)),
            }
        }
    }
    let line = |(lack, of, cases): (&str, Vec<&str>, &Value)| {
        let why = WHY.iter().find(|(known, _)| *known == lack).map(|(_, why)| *why);
        let why = why.ok_or_else(|| {
            format!("{LISTED} skips for want of `{lack}`: say why in WHY of xtask/src/profiles.rs")
        })?;
        let of = if of.len() == flavours.len() { "any flavour".into() } else { of.join(", ") };
        let cases: Vec<&str> = cases.items().iter().map(Value::text).collect();
        Ok(format!("| `{lack}` | {of} | {} | {why} |", cases.join(", ")))
    };
    seen.into_iter().map(line).collect()
}

/// The lines that are not as true as those of the run, as a diff.
fn differences(there: &str, tables: &[Row]) -> Vec<String> {
    let mut differing = Vec::new();
    let there: Vec<&str> = there.lines().collect();
    for at in 0..there.len().max(tables.len()) {
        let (old, new) = (there.get(at), tables.get(at));
        if new.is_some_and(|row| row.forms.iter().any(|form| Some(&form.as_str()) == old)) {
            continue;
        }
        differing.extend(old.map(|old| format!("- {old}")));
        differing.extend(new.map(|new| format!("+ {}", new.forms[0])));
    }
    differing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(runtime: &str, unclear: u64) -> String {
        format!(
            r#"{{"header": {{"runtime": "{runtime}"}}, "profiles": {{"multi1": "net", "lent": "core except TASK-1"}},
            "flavours": {{
              "multi1": {{"must": {{"passed": 9, "asked": 9, "skipped": 2}}, "expectations": 0,
                "should": {{"passed": 3, "asked": 4, "inconclusive": {unclear}, "skipped": 1}},
                "skipped": {{"mt": ["TASK-3", "FAIR-5"], "own": ["IO-10/dropped"]}}}},
              "lent": {{"must": {{"passed": 8, "asked": 9}}, "should": {{}}, "expectations": 1,
                "skipped": {{"own": ["IO-10/dropped"]}}}}}}}}"#
        )
    }

    fn files(unclear: u64) -> Vec<Value> {
        let file = |run| Value::parse(&format!("{{\"runs\": [{run}]}}")).unwrap();
        SUBJECTS.iter().map(|subject| file(run(subject.package, unclear))).collect()
    }

    fn text(tables: &[Row]) -> String {
        tables.iter().map(|row| row.forms[0].clone() + "\n").collect()
    }

    #[test]
    fn each_flavour_has_a_row_and_each_lack_a_reason() {
        let text = text(&tables(&files(0)).unwrap());
        assert!(text.contains("| runtime-smol | multi1 | net | 9/9 | 3/4 | 3 | 0 |"), "{text}");
        assert!(text.contains("| toy | lent | core except TASK-1 | 8/9 | 0/0 | 0 | 1 |"), "{text}");
        assert!(text.contains("| `mt` | multi1 | TASK-3, FAIR-5 | one thread polls |"), "{text}");
        assert!(text.contains("| `own` | any flavour | IO-10/dropped | "), "{text}");
    }

    #[test]
    fn what_differs_is_said_with_both_sides() {
        let tables = tables(&files(0)).unwrap();
        let same = text(&tables);
        assert_eq!(differences(same.trim_matches('\n'), &tables), [""; 0]);
        let old = same.replace("| toy | lent | core except TASK-1 |", "| toy | lent | core |");
        let differing = differences(old.trim_matches('\n'), &tables);
        assert_eq!(differing.len(), 2);
        assert!(differing[0].starts_with("- | toy | lent | core | 8/9"), "{differing:?}");
        assert!(differing[1].starts_with("+ | toy | lent | core except"), "{differing:?}");
        assert_eq!(differences("", &tables).len(), tables.len());
    }

    #[test]
    fn a_should_that_noise_hid_is_no_difference_and_one_that_failed_is() {
        let written = text(&tables(&files(0)).unwrap()).replace("| 3/4 |", "| 4/4 |");
        let written = written.trim_matches('\n');
        assert_eq!(differences(written, &tables(&files(1)).unwrap()), [""; 0]);
        assert!(!differences(written, &tables(&files(0)).unwrap()).is_empty());
    }

    #[test]
    fn reports_that_do_not_have_it_all_are_refused() {
        let wrong = |json: &str| tables(&[Value::parse(json).unwrap()]).unwrap_err();
        assert_eq!(wrong("{}"), "there is no run of runtime-default in the reports");
        let old = r#"{"runs": [{"header": {"runtime": "runtime-default"}}]}"#;
        assert!(wrong(old).contains("an older suite"));
        let lacks = lacks(&Value::parse(&run("x", 0).replace("\"mt\"", "\"magic\"")).unwrap());
        assert!(lacks.unwrap_err().contains("for want of `magic`: say why"));
    }

    #[test]
    fn only_what_is_between_the_markers_is_ours() {
        let page = format!("a\n{BEGIN}\nold\n{END}\nb");
        assert_eq!(cut(&page), Ok(("a\n", "old", "\nb")));
        assert!(cut("nothing").is_err());
        assert!(cut(&super::page().unwrap()).is_ok(), "the README has lost its markers");
    }

    #[test]
    fn arguments_that_make_no_sense_are_refused() {
        assert!(super::run(&["--chek"]).unwrap_err().contains("not understood"));
        assert!(super::run(&["a", "b"]).is_err());
        assert!(super::run(&["--check", "/nowhere"]).unwrap_err().contains("/nowhere"));
    }
}
