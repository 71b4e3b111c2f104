//! `cargo xtask clauses`: is every clause that is promised also tested, written down where it binds,
//! and guarded by a mutant?
//!
//! | from | is read |
//! |---|---|
//! | `runtime-conformance/clauses.md` | the table: id, level, tier |
//! | `runtime-conformance/src/clauses/**.rs` | tests (`Case::new("ID"`) and reasons (`Untested::new("ID"`) |
//! | `runtime-traits/src`, `runtime-hooks/src` | `**ID** (must)`, `**ID** (should)` |
//! | `runtime-conformance/mutants/src/mutants/*.rs` | `.breaks(&["ID"…])`, `IMPOSSIBLE`, the mutants' ids |
//! | `runtime-conformance/record/mutants.json` | which mutants were failed by which clause, and by no foreign one |
//!
//! The suite reads `clauses.md` itself, so table and suite agree by construction; what is compared here
//! is everything that people write beside it. Sources are read as text: a clause that is spoken of in
//! another form than those above is not seen, and the command says that it is missing.
//!
//! What is asked of a clause of tier A: all of it. Of one of tier B: a test, or a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::Outcome;
use crate::json::Value;
use crate::workspace;

/// One row of the table.
#[derive(Debug, Clone, PartialEq)]
struct Clause {
    id: String,
    level: String,
    tier: String,
}

impl Clause {
    fn is_due(&self) -> bool {
        self.level != "withdrawn"
    }
}

/// What was read.
#[derive(Debug, Default)]
struct Read {
    clauses: Vec<Clause>,
    tested: BTreeSet<String>,
    untested: BTreeSet<String>,
    /// Id and level as documentation has them.
    documented: BTreeSet<(String, String)>,
    broken: BTreeSet<String>,
    impossible: BTreeSet<String>,
    mutants: BTreeSet<String>,
    /// The mutants of the record, each with the clauses that it failed; none if something foreign failed.
    recorded: BTreeMap<String, Vec<String>>,
}

const HELP: &str = "\
usage: cargo xtask clauses

Is every clause of runtime-conformance/clauses.md tested, written down on the trait it binds, and
guarded by a mutant? Prints what is missing; exit code 1 if something is.
";

pub(crate) fn run(arguments: &[&str]) -> Outcome {
    match arguments {
        [] => report().map(|()| ExitCode::SUCCESS),
        ["--help" | "-h"] => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(format!("`{}` is not understood\n\n{HELP}", arguments.join(" "))),
    }
}

/// Prints what is missing, and the sums.
///
/// # Errors
///
/// If something is.
pub(crate) fn report() -> Result<(), String> {
    let read = read(&workspace::root())?;
    let findings = findings(&read);
    findings.iter().for_each(|finding| println!("{finding}"));
    let due = read.clauses.iter().filter(|clause| clause.is_due()).count();
    println!(
        "{} clauses, {due} due; {} tested, {} untested with a reason, {} guarded by mutants; {} missing",
        read.clauses.len(),
        read.tested.len(),
        read.untested.len(),
        read.broken.len(),
        findings.len()
    );
    if findings.is_empty() { Ok(()) } else { Err(format!("{} missing", findings.len())) }
}

fn read(root: &Path) -> Result<Read, String> {
    let suite = root.join("runtime-conformance");
    let page = fs::read_to_string(suite.join("clauses.md")).map_err(|error| error.to_string())?;
    let mut read = Read { clauses: rows(&page), ..Read::default() };
    for text in sources(&suite.join("src/clauses")) {
        read.tested.extend(calls(&text, "Case::new("));
        read.untested.extend(calls(&text, "Untested::new("));
    }
    for place in ["runtime-traits/src", "runtime-hooks/src"] {
        sources(&root.join(place)).iter().for_each(|text| read.documented.extend(documented(text)));
    }
    for text in sources(&suite.join("mutants/src/mutants")) {
        read.broken.extend(lists(&text, ".breaks(&["));
        read.impossible.extend(impossible(&text));
        read.mutants.extend(
            ["Mutant::twist(", "Mutant::switch("].iter().flat_map(|call| named(&text, call)),
        );
    }
    let record = fs::read_to_string(suite.join("record/mutants.json"));
    read.recorded = recorded(&record.map_err(|error| format!("the record: {error}"))?)?;
    Ok(read)
}

/// Sentences about what is missing or wrong, in the order of the table.
fn findings(read: &Read) -> Vec<String> {
    let mut findings = Vec::new();
    for clause in &read.clauses {
        findings.extend(missing(clause, read));
    }
    let known = |id: &str| read.clauses.iter().any(|clause| clause.id == id);
    let documented = read.documented.iter().map(|(id, _)| id);
    let all = [&read.tested, &read.untested, &read.broken, &read.impossible];
    let used: BTreeSet<&String> = all.into_iter().flatten().chain(documented).collect();
    let unknown = used.into_iter().filter(|id| !known(id));
    findings.extend(unknown.map(|id| format!("{id}  is not in clauses.md, and is spoken of")));
    let unrecorded = read.mutants.iter().filter(|id| !read.recorded.contains_key(*id));
    findings.extend(
        unrecorded
            .map(|id| format!("{id}  is not in the record: cargo xtask mutants --full --onto")),
    );
    findings
}

/// Whether a clause noticed a mutant that nothing foreign noticed.
fn has_noticed(read: &Read, id: &String) -> bool {
    read.recorded.values().any(|by| by.contains(id))
}

fn missing(clause: &Clause, read: &Read) -> Vec<String> {
    let Clause { id, level, tier } = clause;
    let mut missing = Vec::new();
    let (tested, excused) = (read.tested.contains(id), read.untested.contains(id));
    if tested && excused {
        missing.push(format!("{id}  has both a test and a reason why it has none"));
    }
    let said: Vec<&str> =
        read.documented.iter().filter(|(known, _)| known == id).map(|(_, l)| l.as_str()).collect();
    for said in said.iter().filter(|said| !said.eq_ignore_ascii_case(level)) {
        missing.push(format!("{id}  is {level} in clauses.md and ({said}) in the documentation"));
    }
    if !clause.is_due() {
        return missing;
    }
    if !tested && !excused {
        missing.push(format!("{id}  ({tier}) has neither a test nor a reason why it has none"));
    }
    if tier == "A" && said.is_empty() {
        missing.push(format!(
            "{id}  ({tier}) stands on no trait or type: **{id}** ({})",
            level.to_lowercase()
        ));
    }
    if tier == "A" && !read.broken.contains(id) && !read.impossible.contains(id) {
        missing.push(format!("{id}  ({tier}) is broken by no mutant, and no reason says why"));
    } else if tier == "A" && read.broken.contains(id) && !has_noticed(read, id) {
        missing.push(format!(
            "{id}  ({tier}) has noticed no mutant that nothing foreign noticed, in the record"
        ));
    }
    missing
}

// ── reading ─────────────────────────────────────────────────────────────────────────────────────

fn rows(page: &str) -> Vec<Clause> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (id, level, tier) = (cells.next()?, cells.next()?, cells.next()?);
        let is_id = is_id(id) && ["MUST", "SHOULD", "withdrawn"].contains(&level);
        is_id.then(|| Clause { id: id.into(), level: level.into(), tier: tier.into() })
    };
    page.lines().filter_map(row).collect()
}

/// `TASK-1`.
fn is_id(text: &str) -> bool {
    text.split_once('-').is_some_and(|(group, number)| {
        group.len() > 1
            && group.chars().all(|c| c.is_ascii_uppercase())
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit())
    })
}

/// The ids that are the first argument of `call`.
fn calls(text: &str, call: &str) -> Vec<String> {
    named(text, call).into_iter().filter(|id| is_id(id)).collect()
}

/// The texts that are the first argument of `call`.
fn named(text: &str, call: &str) -> Vec<String> {
    let arguments = text.split(call).skip(1);
    let texts = arguments.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
    texts.map(str::to_owned).collect()
}

/// What each mutant and variant of the record failed.
fn recorded(text: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    let record = Value::parse(text).map_err(|wrong| format!("the record: {wrong}"))?;
    let all = ["mutants", "variants"].map(|kind| record.get(kind).items());
    let entry = |one: &Value| {
        let by = one.get("by").items().iter().map(|id| id.text().to_owned());
        let is_right = *one.get("right") == Value::Bool(true);
        (one.get("id").text().to_owned(), by.filter(|_| is_right).collect())
    };
    Ok(all.into_iter().flatten().map(entry).collect())
}

/// The ids in the lists that begin with `open`.
fn lists(text: &str, open: &str) -> Vec<String> {
    let lists = text.split(open).skip(1).filter_map(|rest| rest.split(']').next());
    let quoted = lists.flat_map(|list| list.split('"').skip(1).step_by(2));
    quoted.filter(|id| is_id(id)).map(str::to_owned).collect()
}

/// The first of each pair in the table `IMPOSSIBLE`.
fn impossible(text: &str) -> Vec<String> {
    let Some((_, table)) = text.split_once("IMPOSSIBLE: &[Impossible] =") else {
        return Vec::new();
    };
    let table = table.split("];").next().unwrap_or_default();
    calls(table, "(")
}

/// `**TASK-1** (must)` in comments.
fn documented(text: &str) -> Vec<(String, String)> {
    let parts = text.split("**").collect::<Vec<_>>();
    let pairs = parts.windows(2).filter(|pair| is_id(pair[0]));
    let level = |after: &str| {
        let word = after.trim_start().strip_prefix('(')?.split(')').next()?;
        ["must", "should"].contains(&word).then(|| word.to_owned())
    };
    pairs.filter_map(|pair| Some((pair[0].to_owned(), level(pair[1])?))).collect()
}

/// The text of every source below a directory.
fn sources(directory: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    let mut places: Vec<PathBuf> = vec![directory.to_owned()];
    while let Some(place) = places.pop() {
        for entry in fs::read_dir(&place).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.extension() {
                Some(extension) if extension == "rs" => {
                    texts.push(fs::read_to_string(&path).unwrap_or_default());
                }
                _ if path.is_dir() => places.push(path),
                _ => {}
            }
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn complete() -> Read {
        let page = "| TASK-1 | MUST | A | r | w | h | core | S1 |\n| TASK-8 | SHOULD | B | r |\n\
                    | TASK-7 | withdrawn | A | r |\n| MAY-1 | anything |";
        Read {
            clauses: rows(page),
            tested: set(&["TASK-1"]),
            untested: set(&["TASK-8"]),
            documented: [("TASK-1".to_owned(), "must".to_owned())].into(),
            broken: set(&["TASK-1"]),
            impossible: BTreeSet::new(),
            mutants: set(&["M-TASK-1"]),
            recorded: [("M-TASK-1".to_owned(), vec!["TASK-1".to_owned()])].into(),
        }
    }

    #[test]
    fn what_is_complete_has_no_findings() {
        assert_eq!(complete().clauses.len(), 3);
        assert_eq!(findings(&complete()), [""; 0]);
    }

    #[test]
    fn each_lack_is_said_once() {
        let lack = |change: fn(&mut Read), says: &str| {
            let mut read = complete();
            change(&mut read);
            let findings = findings(&read);
            assert_eq!(findings.len(), 1, "{says}: {findings:#?}");
            assert!(findings[0].contains(says), "{findings:?}");
        };
        lack(|read| read.tested.clear(), "TASK-1  (A) has neither a test");
        lack(|read| read.untested.clear(), "TASK-8  (B) has neither a test");
        lack(|read| read.documented.clear(), "stands on no trait or type: **TASK-1** (must)");
        lack(|read| read.broken.clear(), "is broken by no mutant");
        lack(|read| _ = read.mutants.insert("M-TASK-9".into()), "M-TASK-9  is not in the record");
        lack(
            |read| read.recorded.values_mut().for_each(Vec::clear),
            "TASK-1  (A) has noticed no mutant that nothing foreign",
        );
        lack(|read| _ = read.untested.insert("TASK-1".into()), "has both a test and a reason");
        lack(|read| _ = read.tested.insert("TASK-9".into()), "TASK-9  is not in clauses.md");
        lack(
            |read| _ = read.documented.insert(("TASK-8".into(), "must".into())),
            "is SHOULD in clauses.md and (must)",
        );
    }

    #[test]
    fn help_is_given_and_what_is_not_understood_is_refused() {
        assert!(run(&["--help"]).is_ok());
        assert!(run(&["--hlep"]).unwrap_err().starts_with("`--hlep` is not understood"));
    }

    #[test]
    fn a_mutant_that_something_foreign_noticed_shows_nothing() {
        let record = r#"{"commit": "abc", "mutants": [{"id": "M-1", "by": ["TASK-1"], "right": true},
            {"id": "M-2", "by": ["TASK-2"], "right": false}], "variants": [{"id": "E-1"}]}"#;
        let recorded = recorded(record).unwrap();
        assert_eq!(recorded["M-1"], ["TASK-1"]);
        assert!(recorded["M-2"].is_empty() && recorded["E-1"].is_empty());
    }

    #[test]
    fn ids_are_found_in_every_form() {
        let tests = "Case::new(\"TASK-1\", f).part(\"x\", \"TASK-2?\"),\n    Case::new(\n        \"TASK-3\",";
        assert_eq!(calls(tests, "Case::new("), ["TASK-1", "TASK-3"]);
        let docs = "/// - **TIME-1** (must) Never.\n/// see **TIME-2**, and **bold** (must)\n\
                    /// - **FAIR-4**\n///   (should) Some.";
        let found = documented(&docs.replace("\n///   (", " ("));
        assert_eq!(found, [("TIME-1".into(), "must".into()), ("FAIR-4".into(), "should".into())]);
        let mutants = ".breaks(&[\"JOIN-1\", \"JOIN-6\"])\n.tolerates(&[\"LEAK-1\"])
            const IMPOSSIBLE: &[Impossible] = &[(\"CTX-7\", \"no (safe) code\")];\nf(\"CTX-8\")";
        assert_eq!(lists(mutants, ".breaks(&["), ["JOIN-1", "JOIN-6"]);
        assert_eq!(impossible(mutants), ["CTX-7"]);
    }

    #[test]
    fn the_page_of_the_repository_is_read() {
        let read = read(&workspace::root()).unwrap();
        assert_eq!(read.clauses.len(), 160);
        assert!(read.tested.contains("TASK-1") && read.broken.contains("TASK-1"));
    }
}
