//! `docs/std-surface.md`: the table for people.
//!
//! For each module of std: its twins with their uses, what needs none, what has none, what is open. What
//! has one reason stands in one row.

use super::table::{Entry, Row, Verdict};

/// The page of a table; `msrv` is the oldest compiler that we promise.
pub(crate) fn page(version: &str, msrv: &str, modules: &[&str], rows: &[Row]) -> String {
    let mut page = head(version, msrv);
    page +=
        "\n| module | functions | twins | do not wait | none | open |\n|---|---|---|---|---|---|\n";
    for module in modules {
        page += &sums(&format!("[`std::{module}`](#{})", anchor(module)), &of(rows, module));
    }
    page += &sums("in all", &rows.iter().collect::<Vec<_>>());
    for module in modules {
        page += &section(module, &of(rows, module), msrv);
    }
    page
}

fn head(version: &str, msrv: &str) -> String {
    format!(
        "# The std surface\n\n\
         What of std {version} there is here: every stable function and method of the modules below, and one \
         answer to each.\n\n\
         - A **twin** does the same and is awaited where std's blocks. Each use in these tables is compiled \
         by `integration/tests/std_surface`; it shows how the twin is written, so only what stands \
         behind the arguments.\n\
         - What **does not wait** is used from std as it is: it neither blocks a thread nor has to know of a \
         runtime.\n\
         - Where there is **none**, the reason says what to do.\n\n\
         The list is of std {version}; † marks what is younger in std than Rust {msrv}, the oldest \
         compiler that these crates promise. A twin needs no younger one.\n\n\
         Written by `cargo xtask std-surface` from the list and the answers in `docs/std-surface/` and the \
         twins; `cargo xtask test` checks that it is theirs.\n"
    )
}

/// `std::os::unix::net`, as an anchor of the page.
fn anchor(module: &str) -> String {
    format!("std{}", module.replace(':', ""))
}

/// The rows of a module, without those of modules below it: none of the list has one.
fn of<'a>(rows: &'a [Row], module: &str) -> Vec<&'a Row> {
    let is_of =
        |row: &&Row| row.entry.name.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"));
    rows.iter().filter(is_of).collect()
}

fn sums(name: &str, rows: &[&Row]) -> String {
    let count = |is: fn(&Verdict) -> bool| rows.iter().filter(|row| is(&row.verdict)).count();
    format!(
        "| {name} | {} | {} | {} | {} | {} |\n",
        rows.len(),
        count(|verdict| matches!(verdict, Verdict::Twin(_))),
        count(|verdict| matches!(verdict, Verdict::Waitless(_))),
        count(|verdict| matches!(verdict, Verdict::Missing(_))),
        count(|verdict| matches!(verdict, Verdict::Open)),
    )
}

fn section(module: &str, rows: &[&Row], msrv: &str) -> String {
    let names = Names { module, msrv };
    let twins = rows.iter().filter_map(|row| match &row.verdict {
        Verdict::Twin(code) => Some(format!(
            "| {} | {} | `{}` |\n",
            names.one(&row.entry),
            row.entry.since,
            code.replace('|', "\\|")
        )),
        _ => None,
    });
    let twins: String = twins.collect();
    let waitless = grouped(rows, names, |verdict| match verdict {
        Verdict::Waitless(reason) => Some(reason),
        _ => None,
    });
    let missing = grouped(rows, names, |verdict| match verdict {
        Verdict::Missing(reason) => Some(reason),
        _ => None,
    });
    let open = rows.iter().filter(|row| row.verdict == Verdict::Open);
    let open: Vec<&Entry> = open.map(|row| &row.entry).collect();
    let mut text = format!("\n## std::{module}\n");
    text += &part("| twin of | since | here |\n|---|---|---|\n", &twins);
    text += &part("| does not wait | because |\n|---|---|\n", &waitless);
    text += &part("| none | because |\n|---|---|\n", &missing);
    text += &part("Open: ", &names.all(&open));
    text.trim_end().to_owned() + "\n"
}

/// A table with its head, or nothing.
fn part(head: &str, body: &str) -> String {
    if body.is_empty() { String::new() } else { format!("\n{head}{}\n", body.trim_end()) }
}

/// A row for each reason, with the names that it holds for.
fn grouped<'a>(
    rows: &[&'a Row],
    names: Names<'_>,
    reason: impl Fn(&'a Verdict) -> Option<&'a String>,
) -> String {
    let mut groups: Vec<(&String, Vec<&Entry>)> = Vec::new();
    for (row, reason) in rows.iter().filter_map(|row| Some((row, reason(&row.verdict)?))) {
        match groups.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, entries)) => entries.push(&row.entry),
            None => groups.push((reason, vec![&row.entry])),
        }
    }
    let line = |(reason, entries): &(&String, Vec<&Entry>)| {
        format!("| {} | {} |\n", names.all(entries), reason.replace('|', "\\|"))
    };
    groups.iter().map(line).collect()
}

/// How names are written in the section of a module.
#[derive(Clone, Copy)]
struct Names<'a> {
    module: &'a str,
    msrv: &'a str,
}

impl Names<'_> {
    /// Type and method; a function has no type.
    fn parts<'e>(&self, entry: &'e Entry) -> (&'e str, &'e str) {
        let name = entry.name.strip_prefix(self.module).unwrap_or(&entry.name);
        let name = name.trim_start_matches("::");
        name.rsplit_once("::").unwrap_or(("", name))
    }

    fn dagger(&self, entry: &Entry) -> &'static str {
        if is_younger(&entry.since, self.msrv) { " †" } else { "" }
    }

    /// `File::lock`.
    fn one(&self, entry: &Entry) -> String {
        let dagger = self.dagger(entry);
        match self.parts(entry) {
            ("", name) => format!("`{name}`{dagger}"),
            (of, name) => format!("`{of}::{name}`{dagger}"),
        }
    }

    /// `File`: `lock`, `unlock`; `copy`.
    fn all(&self, entries: &[&Entry]) -> String {
        let mut text = String::new();
        let mut before = None;
        for entry in entries {
            let (of, name) = self.parts(entry);
            text += match before {
                None => "",
                Some(before) if before == of => ", ",
                Some(_) => "; ",
            };
            if before != Some(of) && !of.is_empty() {
                text += &format!("`{of}`: ");
            }
            text += &format!("`{name}`{}", self.dagger(entry));
            before = Some(of);
        }
        text
    }
}

/// True if `since` comes after `msrv`, both as `1.85` or `1.85.1`.
pub(crate) fn is_younger(since: &str, msrv: &str) -> bool {
    let numbers = |version: &str| {
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        [(); 3].map(|()| parts.next().unwrap_or(0))
    };
    numbers(since) > numbers(msrv)
}

#[cfg(test)]
mod std_surface_page {
    use super::*;

    fn row(name: &str, since: &str, verdict: Verdict) -> Row {
        Row {
            entry: Entry { name: name.into(), since: since.into(), note: String::new() },
            verdict,
        }
    }

    fn rows() -> Vec<Row> {
        let number = || Verdict::Waitless("a number".into());
        vec![
            row("fs::File::lock", "1.89", Verdict::Twin("f.lock(1 | 2).await".into())),
            row("fs::Metadata::len", "1.0", number()),
            row("fs::Metadata::size", "1.86", number()),
            row("fs::exists", "1.81", number()),
            row("fs::soft_link", "1.0", Verdict::Missing("std deprecates it".into())),
            row("os::unix::fs::chown", "1.73", Verdict::Open),
        ]
    }

    #[test]
    fn each_module_has_its_tables() {
        let page = page("1.95.0", "1.85", &["fs", "os::unix::fs"], &rows());
        for line in [
            "| [`std::fs`](#stdfs) | 5 | 1 | 3 | 1 | 0 |\n",
            "| [`std::os::unix::fs`](#stdosunixfs) | 1 | 0 | 0 | 0 | 1 |\n",
            "| in all | 6 | 1 | 3 | 1 | 1 |\n",
            "| `File::lock` † | 1.89 | `f.lock(1 \\| 2).await` |\n",
            "| `Metadata`: `len`, `size` †; `exists` | a number |\n",
            "| `soft_link` | std deprecates it |\n",
            "\nOpen: `chown`\n",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
        assert!(!page.contains("\n\n\n"), "{page}");
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_younger("1.86", "1.85"));
        assert!(is_younger("1.85.1", "1.85"));
        assert!(!is_younger("1.85", "1.85"));
        assert!(!is_younger("1.9", "1.85"));
    }
}
