//! The small rules of the tree: layers, sizes, leftovers.
//!
//! A rule is a function from the tree to sentences. Each sentence names the
//! place, then *why* there is such a rule, then how to *fix* it: a rule that
//! cannot say this does not belong here.

use crate::tokens::{self, Lines};
use crate::tree::{Source, Tree};
use crate::workspace::Package;

/// Lines a file may have.
const LINES_MAX: usize = 700;

/// Packages that promise to be small: their place, and the lines of code they may have. As `audit`
/// counts them, without prose and tests.
const SMALL: [(&str, usize); 1] = [("examples/humboldt/", 300)];

/// Which packages of this workspace a package may build on.
struct Layer {
    /// The package's place; `*` at the end stands for one directory.
    place: &'static str,
    below: &'static [&'static str],
    /// In addition, for its tests and examples.
    in_tests: &'static [&'static str],
}

const RUNTIMES: &[&str] = &[
    "runtime-default",
    "runtime-tokio",
    "runtime-smol",
    "runtime-conformance",
    "runtime-conformance-proactor",
    "toy",
];

/// From bottom to top: a package stands only on packages that stand above it in this table.
const LAYERS: &[Layer] = &[
    Layer { place: "xtask/", below: &[], in_tests: &[] },
    Layer { place: "runtime-macros-core/", below: &[], in_tests: &[] },
    Layer { place: "runtime-macros/", below: &["runtime-macros-core"], in_tests: &[] },
    Layer { place: "runtime-hooks/", below: &[], in_tests: &[] },
    Layer {
        place: "runtime-traits/",
        below: &["runtime-hooks", "runtime-macros"],
        in_tests: RUNTIMES,
    },
    Layer { place: "integration/", below: &["runtime-traits"], in_tests: RUNTIMES },
    Layer { place: "runtime-conformance/waker/", below: &[], in_tests: &[] },
    Layer { place: "runtime-conformance/proactor/", below: &["runtime-hooks"], in_tests: &[] },
    Layer {
        place: "runtime-conformance/",
        below: &["runtime-traits", "runtime-conformance-waker"],
        in_tests: RUNTIMES,
    },
    Layer { place: "bridges/*", below: &["runtime-traits"], in_tests: RUNTIMES },
    Layer {
        place: "runtime-default/",
        below: &["runtime-hooks", "runtime-traits", "runtime-macros"],
        in_tests: &["runtime-conformance"],
    },
    Layer {
        place: "runtimes/*",
        below: &["runtime-hooks", "runtime-traits", "runtime-macros"],
        in_tests: &["runtime-conformance"],
    },
];

/// Places whose packages are programs: they may use everything.
const PROGRAMS: [&str; 3] = ["examples/", "benches/", "runtime-conformance/mutants/"];

/// Runtimes that others wrote: `runtimes/*` and `bridges/*` wrap them, programs choose them.
const FOREIGN_RUNTIMES: [&str; 12] = [
    "tokio",
    "smol",
    "async-std",
    "async-executor",
    "async-global-executor",
    "async-io",
    "monoio",
    "compio",
    "glommio",
    "tokio-uring",
    "embassy-executor",
    "futures-executor",
];

pub(crate) fn findings(tree: &Tree) -> Vec<String> {
    let ours: Vec<&str> = tree.packages.iter().map(|package| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in &tree.packages {
        findings.extend(layer_broken(package, &ours));
        findings.extend(runtime_chosen(package));
    }
    for source in &tree.sources {
        findings.extend(too_long(source));
        findings.extend(leftovers(source));
    }
    findings.extend(SMALL.iter().filter_map(|&(place, max)| too_large(tree, place, max)));
    findings
}

fn matches(place: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(parent) => place.strip_prefix(parent).is_some_and(|rest| !rest.is_empty()),
        None => place == pattern,
    }
}

fn is_program(package: &Package) -> bool {
    PROGRAMS.iter().any(|program| package.place.starts_with(program))
}

/// Dependencies on packages of this workspace that the table does not allow.
fn layer_broken(package: &Package, ours: &[&str]) -> Vec<String> {
    if is_program(package) {
        return Vec::new();
    }
    let Some(layer) = LAYERS.iter().find(|layer| matches(&package.place, layer.place)) else {
        return vec![say_no_layer(package)];
    };
    let internal =
        package.dependencies.iter().filter(|dependency| ours.contains(&dependency.name.as_str()));
    let broken = internal.filter(|dependency| {
        let name = dependency.name.as_str();
        !(layer.below.contains(&name) || dependency.dev && layer.in_tests.contains(&name))
    });
    broken.map(|dependency| say_layer(package, &dependency.name, layer)).collect()
}

fn say_no_layer(package: &Package) -> String {
    format!(
        "{}Cargo.toml: the package has no place among the layers\n  \
         why: dependencies point down only, and nobody has said what is below it\n  \
         fix: add it to LAYERS in xtask/src/tidy.rs and to the drawing in ARCHITECTURE.md",
        package.place
    )
}

fn say_layer(package: &Package, name: &str, layer: &Layer) -> String {
    format!(
        "{}Cargo.toml: depends on `{name}`, which is not below it (below: {:?}, in tests also: {:?})\n  \
         why: dependencies point down only; runtimes are strangers to each other and libraries to all of them\n  \
         fix: move what is needed down a layer, or take it as an argument;\n       \
         if the layers themselves are wrong, change LAYERS in xtask/src/tidy.rs and say why",
        package.place, layer.below, layer.in_tests
    )
}

/// Dependencies on runtimes of others where no runtime is chosen or wrapped.
fn runtime_chosen(package: &Package) -> Vec<String> {
    let may = is_program(package)
        || matches(&package.place, "runtimes/*")
        || matches(&package.place, "bridges/*");
    let named = package.dependencies.iter().filter(|dependency| {
        !may && !dependency.dev && FOREIGN_RUNTIMES.contains(&dependency.name.as_str())
    });
    named.map(|dependency| say_runtime(package, &dependency.name)).collect()
}

fn say_runtime(package: &Package, name: &str) -> String {
    format!(
        "{}Cargo.toml: depends on the runtime `{name}`\n  \
         why: the program chooses the runtime; a library that names one chooses for it\n  \
         fix: use the hooks, or move this to runtimes/, bridges/, or a dev-dependency",
        package.place
    )
}

fn too_long(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    (lines > LINES_MAX).then(|| {
        format!(
            "{}: {lines} lines, more than {LINES_MAX}\n  \
             why: a reader holds one idea per file, and this one is likely two\n  \
             fix: find the second idea and give it a file with an introduction of its own",
            source.path
        )
    })
}

/// A package with more code than it promises.
fn too_large(tree: &Tree, place: &str, max: usize) -> Option<String> {
    let sources = tree.sources.iter().filter(|source| source.path.starts_with(place));
    let counts = sources.map(|source| tokens::lines(&source.text, &source.shipped));
    let code: usize = counts.map(|Lines { code, .. }| code).sum();
    (code > max).then(|| {
        format!(
            "{place}: {code} lines of code, more than {max}\n  \
             why: it shows how little a team has to write for a runtime of its own\n  \
             fix: say it shorter, or move what other runtimes need too into a part"
        )
    })
}

/// What was left for later and must not be shipped.
struct Leftover {
    /// As it stands in code.
    text: &'static str,
    why: &'static str,
    fix: &'static str,
    /// True if the tests inside a source file may not have it either.
    in_tests: bool,
}

const LEFTOVERS: [Leftover; 4] = [
    Leftover {
        text: "todo!(",
        why: "it panics in the program of somebody who did nothing wrong",
        fix: "write it, or answer with an error that says what is missing",
        in_tests: false,
    },
    Leftover {
        text: "unimplemented!(",
        why: "a missing capability is a typed answer, never a panic",
        fix: "answer `None` or an error of kind `Unsupported`",
        in_tests: false,
    },
    Leftover {
        text: "#[ignore",
        why: "a test that does not run proves nothing, and the test command fails on skipped tests",
        fix: "repair it, or delete it and mark its clause as untested",
        in_tests: true,
    },
    Leftover {
        text: "dbg!(",
        why: "it prints into the output of other people's programs",
        fix: "remove it",
        in_tests: true,
    },
];

fn leftovers(source: &Source) -> Vec<String> {
    LEFTOVERS.iter().flat_map(|leftover| leftover_lines(source, leftover)).collect()
}

fn leftover_lines(source: &Source, leftover: &Leftover) -> Vec<String> {
    if source.for_tests {
        return Vec::new(); // the test command itself sees what is skipped there
    }
    let text = if leftover.in_tests { &source.masked } else { &source.shipped };
    let lines = text.lines().enumerate().filter(|(_, line)| has(line, leftover.text));
    lines.map(|(index, _)| say_leftover(source, index + 1, leftover)).collect()
}

/// True if the line has this text, and not as the end of a longer word.
fn has(line: &str, text: &str) -> bool {
    line.match_indices(text).any(|(at, _)| {
        text.starts_with('#') || !line[..at].chars().next_back().is_some_and(tokens::is_word)
    })
}

fn say_leftover(source: &Source, line: usize, leftover: &Leftover) -> String {
    let Leftover { text, why, fix, .. } = leftover;
    format!("{}:{line}: `{text}` is left\n  why: {why}\n  fix: {fix}", source.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(place: &str, dependencies: &[(&str, bool)]) -> Package {
        let dependency = |&(name, dev): &(&str, bool)| Dependency { name: name.into(), dev };
        Package {
            name: place.trim_end_matches('/').replace('/', "-"),
            place: place.into(),
            dependencies: dependencies.iter().map(dependency).collect(),
            ..Package::default()
        }
    }

    const OURS: [&str; 4] =
        ["runtime-hooks", "runtime-traits", "runtime-default", "runtime-conformance"];

    #[test]
    fn layers_point_down() {
        let down = package("runtime-traits/", &[("runtime-hooks", false), ("futures-core", false)]);
        let up = package("runtime-hooks/", &[("runtime-traits", false)]);
        let across = package("runtimes/tokio/", &[("runtime-default", false)]);
        assert_eq!(layer_broken(&down, &OURS), [""; 0]);
        assert_eq!(layer_broken(&up, &OURS).len(), 1);
        assert_eq!(layer_broken(&across, &OURS).len(), 1);
    }

    #[test]
    fn tests_may_use_the_conformance_suite_and_programs_everything() {
        let tested = package("runtimes/tokio/", &[("runtime-conformance", true)]);
        let linked = package("runtimes/tokio/", &[("runtime-conformance", false)]);
        let program = package("examples/hello/", &[("runtime-default", false), ("tokio", false)]);
        assert_eq!(layer_broken(&tested, &OURS), [""; 0]);
        assert_eq!(layer_broken(&linked, &OURS).len(), 1);
        assert_eq!(layer_broken(&program, &OURS), [""; 0]);
        assert_eq!(runtime_chosen(&program), [""; 0]);
    }

    #[test]
    fn a_package_without_a_layer_is_found() {
        assert_eq!(layer_broken(&package("surprise/", &[]), &OURS).len(), 1);
        assert_eq!(layer_broken(&package("runtimes/new/", &[]), &OURS), [""; 0]);
    }

    #[test]
    fn libraries_name_no_runtime() {
        assert_eq!(runtime_chosen(&package("runtime-traits/", &[("tokio", false)])).len(), 1);
        assert_eq!(runtime_chosen(&package("runtime-traits/", &[("tokio", true)])), [""; 0]);
        assert_eq!(runtime_chosen(&package("runtimes/tokio/", &[("tokio", false)])), [""; 0]);
    }

    #[test]
    fn leftovers_are_found_in_code_and_nowhere_else() {
        let text = "// todo!()\nlet s = \"dbg!(1)\";\nmy_todo!();\ntodo!();\n";
        let found = leftovers(&Source::new("a/src/lib.rs", text));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("a/src/lib.rs:4: `todo!(`"));
    }

    #[test]
    fn tests_may_leave_things_out_but_not_themselves() {
        let text = "#[cfg(test)]\nmod t {\n#[test]\n#[ignore]\nfn f() { unimplemented!() }\n}\n";
        let found = leftovers(&Source::new("a/src/lib.rs", text));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("a/src/lib.rs:4: `#[ignore`"));
        assert!(leftovers(&Source::new("a/tests/all.rs", text)).is_empty());
    }

    #[test]
    fn code_that_outgrows_its_promise_is_found_and_prose_and_tests_are_free() {
        let text = "//! Prose.\nfn a() {}\n\n#[cfg(test)]\nmod t {}\nfn b() {}\n";
        let sources = [("small/src/a.rs", text), ("small/tests/b.rs", text), ("c.rs", text)];
        let sources = sources.iter().map(|(path, text)| Source::new(path, text)).collect();
        let (architecture, gaps) = (String::new(), String::new());
        let tree = Tree { packages: Vec::new(), sources, architecture, gaps };
        assert_eq!(too_large(&tree, "small/", 2), None);
        let found = too_large(&tree, "small/", 1).unwrap();
        assert!(found.starts_with("small/: 2 lines of code, more than 1"), "{found}");
    }

    #[test]
    fn long_files_are_found() {
        assert!(too_long(&Source::new("a.rs", &"x\n".repeat(LINES_MAX))).is_none());
        assert!(too_long(&Source::new("a.rs", &"x\n".repeat(LINES_MAX + 1))).is_some());
    }
}
