//! Does docs/platform-gaps.md speak of every arm that libraries have for a platform?
//!
//! What an arm lacks, a machine cannot tell. So the rule is about files: one that asks for a platform is
//! named on the page, in a table or among those without a gap, and what is named there exists.

use crate::tree::{Source, Tree};

/// Where libraries are; examples and tests may be for one platform.
const LIBRARIES: [&str; 5] = [
    "runtime-traits/src/",
    "runtime-hooks/src/",
    "runtime-default/src/",
    "runtimes/tokio/src/",
    "runtimes/smol/src/",
];

/// The one whose paths are short on the page.
const SHORT: &str = LIBRARIES[0];

/// What a `cfg` has in it that asks for a platform.
const PLATFORMS: [&str; 4] = ["unix", "windows", "target_os", "target_vendor"];

pub(crate) fn findings(tree: &Tree) -> Vec<String> {
    let arms = tree.sources.iter().filter(|source| has_arms(source));
    let unnamed = arms.filter(|source| !named(&tree.gaps).any(|path| path == source.path));
    let unnamed = unnamed.map(|source| {
        format!(
            "{}: an arm for a platform that docs/platform-gaps.md does not name\n  \
             why: users learn there what does not work where\n  \
             fix: name the file in one of its tables, or under \"Arms without a gap\"",
            source.path
        )
    });
    let exists = |path: &str| tree.sources.iter().any(|source| source.path == path);
    let gone = named(&tree.gaps).filter(|path| !exists(path)).map(|path| {
        format!(
            "docs/platform-gaps.md: names {path}, which is not there\n  \
             why: a gap that nobody can find is not believed\n  \
             fix: name the file where it is now, or take the row out"
        )
    });
    unnamed.chain(gone).collect()
}

/// Whether a file of a library asks for a platform, outside of its tests.
fn has_arms(source: &Source) -> bool {
    let asks = |line: &str| {
        line.contains("cfg") && PLATFORMS.iter().any(|platform| line.contains(platform))
    };
    LIBRARIES.iter().any(|place| source.path.starts_with(place)) && source.shipped.lines().any(asks)
}

/// The files in backticks, relative to the root.
fn named(page: &str) -> impl Iterator<Item = String> {
    let quoted = page.split('`').skip(1).step_by(2).filter(|text| text.ends_with(".rs"));
    quoted.map(|path| match LIBRARIES.iter().any(|place| path.starts_with(place)) {
        true => path.to_owned(),
        false => format!("{SHORT}{path}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARM: &str = "#[cfg(windows)]\nmod arm;\n";

    fn found(sources: &[(&str, &str)], page: &str) -> Vec<String> {
        let sources = sources.iter().map(|(path, text)| Source::new(path, text)).collect();
        let (packages, architecture) = (Vec::new(), String::new());
        findings(&Tree { packages, sources, architecture, gaps: page.into() })
    }

    #[test]
    fn an_arm_that_nobody_names_is_found() {
        let sources = [("runtime-traits/src/fs.rs", ARM), ("runtime-default/src/sys.rs", ARM)];
        assert_eq!(found(&sources, "").len(), 2);
        assert_eq!(found(&sources, "`fs.rs`, `runtime-default/src/sys.rs`"), [""; 0]);
    }

    #[test]
    fn tests_comments_and_other_cfgs_are_no_arms() {
        let text = "// cfg(unix)\n#[cfg(loom)]\nmod a;\n#[cfg(test)]\nmod t {\n#[cfg(unix)]\nfn f() {}\n}\n";
        assert_eq!(
            found(&[("runtime-traits/src/fs.rs", text), ("xtask/src/a.rs", ARM)], ""),
            [""; 0]
        );
    }

    #[test]
    fn a_file_that_is_gone_is_found() {
        let found = found(&[], "`fs/lock.rs`");
        assert!(found[0].starts_with("docs/platform-gaps.md: names runtime-traits/src/fs/lock.rs"));
    }
}
