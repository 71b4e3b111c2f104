//! The repository as plain data: its packages and their Rust sources.
//!
//! Read once; the rules in `audit` and `tidy` are functions of it and can be
//! tested on a tree that was written down by hand.

use std::fs;
use std::path::Path;

use crate::tokens;
use crate::workspace::{self, Package};

/// All there is to judge.
pub(crate) struct Tree {
    pub(crate) packages: Vec<Package>,
    /// Ordered by path.
    pub(crate) sources: Vec<Source>,
    /// The text of ARCHITECTURE.md, empty if there is none.
    pub(crate) architecture: String,
    /// The text of docs/platform-gaps.md, empty if there is none.
    pub(crate) gaps: String,
}

/// One `.rs` file.
pub(crate) struct Source {
    /// Relative to the root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Without comments and the contents of strings.
    pub(crate) masked: String,
    /// As `masked`, without what is compiled for tests only.
    pub(crate) shipped: String,
    /// True if the whole file is compiled for tests only.
    pub(crate) for_tests: bool,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Source {
        let masked = tokens::mask(text);
        let for_tests = is_for_tests(path);
        let shipped = if for_tests { String::new() } else { tokens::without_tests(&masked) };
        Source { path: path.into(), text: text.into(), masked, shipped, for_tests }
    }
}

impl Tree {
    pub(crate) fn read(root: &Path) -> Result<Tree, String> {
        let packages = workspace::packages(root)?;
        let mut sources = Vec::new();
        for directory in workspace::directories(root) {
            read_sources(root, &directory, &mut sources)?;
        }
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        let page = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        let (architecture, gaps) = (page("ARCHITECTURE.md"), page("docs/platform-gaps.md"));
        Ok(Tree { packages, sources, architecture, gaps })
    }

    /// The sources of one package, without those of packages inside it.
    pub(crate) fn sources_of<'a>(
        &'a self,
        package: &'a Package,
    ) -> impl Iterator<Item = &'a Source> {
        self.sources.iter().filter(|source| self.owner_of(&source.path) == Some(package))
    }

    /// The innermost package that a path is in.
    pub(crate) fn owner_of(&self, path: &str) -> Option<&Package> {
        let around = self.packages.iter().filter(|package| path.starts_with(&package.place));
        around.max_by_key(|package| package.place.len())
    }
}

/// `tests/` and `benches/` on any level, and the files of modules for tests.
fn is_for_tests(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    path.split('/').any(|part| part == "tests" || part == "benches")
        || ["tests.rs", "testing.rs"].contains(&file)
        || file.ends_with("_tests.rs")
}

fn read_sources(root: &Path, directory: &Path, sources: &mut Vec<Source>) -> Result<(), String> {
    for below in workspace::directories(directory) {
        read_sources(root, &below, sources)?;
    }
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            sources.push(Source::new(&workspace::relative(root, &path), &text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_not_shipped() {
        for path in [
            "a/tests/b.rs",
            "a/tests/ui/b.rs",
            "a/src/b/tests.rs",
            "a/src/b_tests.rs",
            "a/src/testing.rs",
            "benches/src/main.rs",
        ] {
            assert_eq!(Source::new(path, "fn f() {}").shipped, "", "{path}");
        }
        assert_eq!(Source::new("a/src/b.rs", "fn f() {}").shipped, "fn f() {}");
    }
}
