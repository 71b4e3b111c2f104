//! `cargo xtask std-surface`: what of std there is here.
//!
//! ```text
//!  installed rust-docs ──html──▶ docs/std-surface/1.95.0.txt ─┐
//!  by hand                       docs/std-surface/answers.txt ├─table─▶ page ──▶ docs/std-surface.md
//!  integration/tests/std_surface/   ──twins──▶ (compiled) ─┘  └──▶ findings
//!  by hand                       docs/std-surface/open.txt
//! ```
//!
//! The list is checked in, so only a new version of std needs the documentation; `--check` reads neither
//! it nor the compiler, and is a step of `cargo xtask test`.
//!
//! Not here: whether a twin compiles (the test does that, and lays the same table).

mod html;
mod page;
mod table;
mod twins;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::table::{Row, Verdict};
use crate::Outcome;
use crate::line::Line;
use crate::shell::Shell;
use crate::workspace;

/// The modules whose functions are listed.
const MODULES: [&str; 9] = [
    "fs",
    "net",
    "process",
    "io",
    "time",
    "thread",
    "os::unix::net",
    "os::unix::fs",
    "os::unix::process",
];

const PLACE: &str = "docs/std-surface";
const PAGE: &str = "docs/std-surface.md";

/// The exit code where the documentation of std is not installed.
const NO_DOCS: u8 = 4;

const HELP: &str = "\
usage: cargo xtask std-surface [--check]

Lists the stable functions and methods of std from its installed documentation, lays twins and answers
beside them, and writes docs/std-surface/VERSION.txt and docs/std-surface.md. Exit code 1 if a function
has no answer, or two; 4 if the documentation is not installed: rustup component add rust-docs

  --check   changes nothing and needs no documentation: is the page that of list, answers and twins?
";

pub(crate) fn run(arguments: &[&str]) -> Outcome {
    match arguments {
        ["--help" | "-h"] => print!("{HELP}"),
        ["--check"] => check()?,
        [] => {
            let Some(docs) = docs()? else { return Ok(ExitCode::from(NO_DOCS)) };
            write(&workspace::root(), &docs)?;
        }
        _ => return Err(format!("`{}` is not understood\n\n{HELP}", arguments.join(" "))),
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the page is that of list, answers and twins.
///
/// # Errors
///
/// What is missing or differs, and what to do.
pub(crate) fn check() -> Result<(), String> {
    let root = workspace::root();
    let surface = Surface::read(&root)?;
    let known = fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    let differing = known != surface.page;
    if differing {
        println!("{PAGE} is not that of {PLACE} and the twins: cargo xtask std-surface");
    }
    surface.report(usize::from(differing))
}

fn write(root: &Path, docs: &Path) -> Result<(), String> {
    let version = html::version(docs)?;
    let mut list = Vec::new();
    for module in MODULES {
        list.extend(html::module(docs, module)?);
    }
    let place = root.join(PLACE).join(format!("{version}.txt"));
    let former: Vec<PathBuf> = lists(root)?.into_iter().filter(|path| *path != place).collect();
    put(&place, &table::list_text(&version, &list))?;
    for path in former {
        println!("{} goes: there is one list", path.display());
        fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let surface = Surface::read(root)?;
    put(&root.join(PAGE), &surface.page)?;
    surface.report(0)
}

fn put(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The documentation of std of the compiler at hand; `None`, and a word about it, if there is none.
fn docs() -> Result<Option<PathBuf>, String> {
    let sysroot = Shell::new().ask(Line::new("rustc").words("--print sysroot"))?;
    let docs = Path::new(&sysroot).join("share/doc/rust/html/std");
    if docs.join("index.html").exists() {
        return Ok(Some(docs));
    }
    eprintln!(
        "the documentation of std is not installed: there is no {}\n\
         install it with `rustup component add rust-docs`, then run this again; \
         `cargo xtask std-surface --check` needs none",
        docs.display()
    );
    Ok(None)
}

/// The checked-in lists: one, but for the moment in which a new one is written.
fn lists(root: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(root.join(PLACE)).map_err(|error| format!("{PLACE}: {error}"))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let is_list = |path: &PathBuf| version(path).starts_with(|c: char| c.is_ascii_digit());
    Ok(paths.filter(is_list).collect())
}

/// `1.95.0`, of `…/1.95.0.txt`.
fn version(list: &Path) -> &str {
    let name = list.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_suffix(".txt").unwrap_or_default()
}

/// Everything that is checked in, laid beside each other.
struct Surface {
    version: String,
    rows: Vec<Row>,
    findings: Vec<String>,
    page: String,
}

impl Surface {
    fn read(root: &Path) -> Result<Surface, String> {
        let text = |path: &Path| {
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let lists = lists(root)?;
        let [list] = lists.as_slice() else {
            return Err(format!("{PLACE} has {} lists of std and not one", lists.len()));
        };
        let place = root.join(PLACE);
        let answers = table::answers(&text(&place.join("answers.txt"))?)?;
        let open = table::open(&text(&place.join("open.txt"))?);
        let entries = table::list(&text(list)?)?;
        let (rows, findings) = table::table(&entries, &twins::read(root)?, &answers, &open);
        let msrv = msrv(&text(&root.join("Cargo.toml"))?)?;
        let page = page::page(version(list), &msrv, &MODULES, &rows);
        Ok(Surface { version: version(list).into(), rows, findings, page })
    }

    /// Prints findings and sums; `more` is what else is wrong.
    fn report(&self, more: usize) -> Result<(), String> {
        self.findings.iter().for_each(|finding| println!("{finding}"));
        let count =
            |is: fn(&Verdict) -> bool| self.rows.iter().filter(|row| is(&row.verdict)).count();
        println!(
            "std {}: {} functions; {} twins, {} do not wait, {} have none, {} open; {} wrong",
            self.version,
            self.rows.len(),
            count(|verdict| matches!(verdict, Verdict::Twin(_))),
            count(|verdict| matches!(verdict, Verdict::Waitless(_))),
            count(|verdict| matches!(verdict, Verdict::Missing(_))),
            count(|verdict| matches!(verdict, Verdict::Open)),
            self.findings.len() + more
        );
        match self.findings.len() + more {
            0 => Ok(()),
            wrong => Err(format!("{wrong} wrong in what is said of std")),
        }
    }
}

/// The oldest compiler that the workspace promises.
fn msrv(manifest: &str) -> Result<String, String> {
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \""));
    let version = line.and_then(|rest| rest.strip_suffix('"'));
    version.map(str::to_owned).ok_or_else(|| "Cargo.toml has no `rust-version = \"…\"`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_make_no_sense_are_refused() {
        assert!(run(&["--chek"]).unwrap_err().contains("not understood"));
    }

    #[test]
    fn the_version_of_a_list_is_its_name() {
        assert_eq!(version(Path::new("a/1.95.0.txt")), "1.95.0");
        assert_eq!(version(Path::new("a/1.95.0.md")), "");
        assert_eq!(msrv("[x]\nrust-version = \"1.85\"\n"), Ok("1.85".into()));
        assert!(msrv("").is_err());
    }

    /// A reader that misses a module would be believed otherwise.
    #[test]
    fn the_checked_in_list_has_all_modules() {
        let lists = lists(&workspace::root()).unwrap();
        let list = table::list(&fs::read_to_string(&lists[0]).unwrap()).unwrap();
        for module in MODULES {
            let of = list.iter().filter(|entry| entry.name.starts_with(&format!("{module}::")));
            assert!(of.count() > 5, "{module}");
        }
    }
}
