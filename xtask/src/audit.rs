//! `cargo xtask audit`: how much there is to read, where unsafe code lives, and
//! whether the tree keeps its rules.
//!
//! Unsafe code may stand only in the modules that ARCHITECTURE.md names, in a
//! block that opens with the line ```` ```unsafe-modules ````: one path per line,
//! relative to the root; a path that ends with `/` means all files below it.
//! A package without such a module forbids unsafe code, so that the compiler
//! says the same. Tests and benchmarks are exempt.
//!
//! Not here: the rules about layers, sizes and leftovers (`tidy`), and about platforms
//! (`platform_gaps`).

use std::process::ExitCode;

use crate::Outcome;
use crate::platform_gaps;
use crate::tidy;
use crate::tokens::{self, Lines};
use crate::tree::{Source, Tree};
use crate::workspace::{self, Package};

pub(crate) fn run() -> Outcome {
    report().map(|()| ExitCode::SUCCESS)
}

/// Prints the table and every broken rule; the error is how many there are.
pub(crate) fn report() -> Result<(), String> {
    let tree = Tree::read(&workspace::root())?;
    print_table(&tree);
    let findings = findings(&tree);
    for finding in &findings {
        println!("\n{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(format!("the tree breaks its rules in {count} place(s)")),
    }
}

fn findings(tree: &Tree) -> Vec<String> {
    let mut findings = unsafe_outside(tree);
    findings.extend(forbid_missing(tree));
    findings.extend(tidy::findings(tree));
    findings.extend(platform_gaps::findings(tree));
    findings
}

/// What there is in some sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    shipped: Lines,
    tests: Lines,
    blocks: usize,
    functions: usize,
    implementations: usize,
}

impl Count {
    fn add(&mut self, source: &Source) {
        let all = tokens::lines(&source.text, &source.masked);
        let shipped = tokens::lines(&source.text, &source.shipped);
        // Test modules are blank in `shipped`: what was code in them is the difference.
        self.shipped.code += shipped.code;
        self.tests.code += all.code - shipped.code;
        let prose = if source.for_tests { &mut self.tests } else { &mut self.shipped };
        prose.prose += all.prose;
        for (_, kind) in unsafe_uses(&source.shipped) {
            match kind {
                Unsafe::Block => self.blocks += 1,
                Unsafe::Function => self.functions += 1,
                Unsafe::Implementation => self.implementations += 1,
            }
        }
    }

    fn row(&self, name: &str) -> String {
        let prose = 100 * self.shipped.prose / (self.shipped.code + self.shipped.prose).max(1);
        format!(
            "{name:<24} {:>6} {:>6} {prose:>6}% {:>6} {:>9} {:>9} {:>11}",
            self.shipped.code,
            self.shipped.prose,
            self.tests.code,
            self.blocks,
            self.functions,
            self.implementations
        )
    }
}

fn print_table(tree: &Tree) {
    println!(
        "{:<24} {:>6} {:>6} {:>7} {:>6} {:>9} {:>9} {:>11}",
        "package", "code", "prose", "prose", "tests", "unsafe {}", "unsafe fn", "unsafe impl"
    );
    let mut total = Count::default();
    for package in &tree.packages {
        let mut count = Count::default();
        for source in tree.sources_of(package) {
            count.add(source);
            total.add(source);
        }
        println!("{}", count.row(&package.name));
    }
    println!("{}", total.row("in all"));
}

/// The ways to write unsafe code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unsafe {
    Block,
    /// Also `unsafe extern` blocks and `unsafe trait`: duties for others.
    Function,
    /// Also `#[unsafe(no_mangle)]`: promises to the compiler.
    Implementation,
}

/// Every use of `unsafe` with its line. The type `unsafe fn()` is none.
fn unsafe_uses(masked: &str) -> impl Iterator<Item = (usize, Unsafe)> {
    let uses = tokens::words(masked).filter(|&(_, word, _)| word == "unsafe");
    uses.filter_map(|(line, _, after)| Some((line, kind_of(after.trim_start())?)))
}

fn kind_of(after: &str) -> Option<Unsafe> {
    match after.split_once(|c| !tokens::is_word(c)) {
        Some(("impl", _)) => Some(Unsafe::Implementation),
        Some(("fn", rest)) if rest.trim_start().starts_with('(') => None,
        Some(("fn", _)) if after.starts_with("fn(") => None,
        Some(("fn" | "trait", _)) => Some(Unsafe::Function),
        Some(("extern", rest)) => extern_kind(rest),
        Some(("", _)) if after.starts_with('(') => Some(Unsafe::Implementation),
        _ => Some(Unsafe::Block),
    }
}

/// `extern "C" fn(…)` is a type; `extern "C" fn f(…)` and `extern "C" {` are not.
fn extern_kind(rest: &str) -> Option<Unsafe> {
    let after_abi = rest.trim_start_matches(['"', ' ']);
    let is_type =
        after_abi.strip_prefix("fn").is_some_and(|rest| rest.trim_start().starts_with('('));
    (!is_type).then_some(Unsafe::Function)
}

/// The paths in the block of ARCHITECTURE.md.
fn unsafe_modules(architecture: &str) -> Vec<&str> {
    let lines = architecture.lines().skip_while(|line| line.trim() != "```unsafe-modules");
    let block = lines.skip(1).take_while(|line| !line.trim_start().starts_with("```"));
    block.map(str::trim).filter(|line| !line.is_empty()).collect()
}

fn is_named(path: &str, modules: &[&str]) -> bool {
    modules
        .iter()
        .any(|module| path == *module || module.ends_with('/') && path.starts_with(module))
}

fn unsafe_outside(tree: &Tree) -> Vec<String> {
    let modules = unsafe_modules(&tree.architecture);
    let outside = tree.sources.iter().filter(|source| !is_named(&source.path, &modules));
    outside.filter_map(say_outside).collect()
}

/// One sentence per file, however often it uses `unsafe`.
fn say_outside(source: &Source) -> Option<String> {
    let lines: Vec<usize> = unsafe_uses(&source.shipped).map(|(line, _)| line).collect();
    let first = lines.first()?;
    Some(format!(
        "{}:{first}: unsafe code outside the modules that ARCHITECTURE.md names (lines {lines:?})\n  \
         why: whoever audits this workspace reads those modules and no others\n  \
         fix: do it in safe code or in one of them; if neither will do, name this file in the\n       \
         `unsafe-modules` block of ARCHITECTURE.md and say there which invariant it keeps",
        source.path
    ))
}

/// Packages that have no unsafe module and do not forbid unsafe code.
fn forbid_missing(tree: &Tree) -> Vec<String> {
    let modules = unsafe_modules(&tree.architecture);
    let owners: Vec<_> = modules.iter().filter_map(|module| tree.owner_of(module)).collect();
    let safe = |package: &&Package| !owners.contains(package);
    let roots = tree.packages.iter().filter(safe).flat_map(|package| {
        tree.sources_of(package)
            .filter(|source| !source.for_tests && is_root(&source.path[package.place.len()..]))
    });
    roots.filter(|source| !forbids(source)).map(say_forbid).collect()
}

fn is_root(path: &str) -> bool {
    path == "src/lib.rs" || path == "src/main.rs"
}

fn forbids(source: &Source) -> bool {
    source.masked.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]")
}

fn say_forbid(source: &Source) -> String {
    format!(
        "{}:1: `#![forbid(unsafe_code)]` is missing\n  \
         why: this package has no module for unsafe code, and the compiler should say so too\n  \
         fix: write the attribute below the introduction of the file",
        source.path
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(sources: &[(&str, &str)]) -> Tree {
        Tree {
            packages: vec![
                Package { name: "low".into(), place: "low/".into(), ..Package::default() },
                Package { name: "high".into(), place: "high/".into(), ..Package::default() },
            ],
            sources: sources.iter().map(|(path, text)| Source::new(path, text)).collect(),
            architecture: "# A\n```unsafe-modules\nlow/src/sys/\nlow/src/cell.rs\n```\nhigh/src/\n"
                .into(),
            gaps: String::new(),
        }
    }

    #[test]
    fn every_form_of_unsafe_is_told_apart() {
        let source = "unsafe { } unsafe fn f() {} unsafe impl Send for T {} unsafe trait U {}
            unsafe extern \"C\" { } unsafe extern \"C\" fn g() {} #[unsafe(no_mangle)]
            type F = unsafe fn(u8); type G = unsafe extern \"C\" fn(u8); pub(crate) unsafe fn h() {}";
        let count =
            |kind| unsafe_uses(&tokens::mask(source)).filter(|&(_, found)| found == kind).count();
        assert_eq!(count(Unsafe::Block), 1);
        assert_eq!(count(Unsafe::Function), 5);
        assert_eq!(count(Unsafe::Implementation), 2);
    }

    #[test]
    fn unsafe_code_stays_in_the_named_modules() {
        let code = "//! W.\n\nfn f() { unsafe { g() } }";
        let tree = tree(&[
            ("low/src/sys/epoll.rs", code),
            ("low/src/cell.rs", code),
            ("low/src/cell/more.rs", code),
            ("low/tests/all.rs", code),
            ("high/src/inner.rs", code),
        ]);
        let findings = unsafe_outside(&tree);
        assert_eq!(findings.len(), 2, "{findings:#?}");
        assert!(findings[0].starts_with("low/src/cell/more.rs:3:"));
        assert!(findings[1].starts_with("high/src/inner.rs:3:"));
    }

    #[test]
    fn a_package_without_unsafe_modules_forbids_unsafe_code() {
        let tree = tree(&[
            ("low/src/lib.rs", "//! Has modules for it."),
            ("high/src/lib.rs", "//! `#![forbid(unsafe_code)]` is only mentioned."),
            ("high/src/main.rs", "//! Does.\n#![forbid(unsafe_code)]\n"),
            ("high/src/inner.rs", "//! Is no root."),
        ]);
        let findings = forbid_missing(&tree);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert!(findings[0].starts_with("high/src/lib.rs:1:"));
    }

    #[test]
    fn code_prose_and_tests_are_counted_apart() {
        let mut count = Count::default();
        count.add(&Source::new(
            "low/src/a.rs",
            "//! P.\nfn f() {}\n#[cfg(test)]\nmod t {\n// p\n}\n",
        ));
        count.add(&Source::new("low/tests/b.rs", "//! P.\nfn f() {}\n"));
        assert_eq!(count.shipped, Lines { code: 1, prose: 2 });
        assert_eq!(count.tests, Lines { code: 4, prose: 1 });
    }

    /// The rules hold for this repository; what is printed says how to repair it.
    #[test]
    fn the_tree_keeps_its_rules() {
        let findings = findings(&Tree::read(&workspace::root()).unwrap());
        assert!(findings.is_empty(), "\n{}", findings.join("\n\n"));
    }
}
