//! The packages of the repository, as their manifests describe them.
//!
//! Reads the part of TOML that manifests here are written in: tables, keys, and
//! arrays of strings over one or more lines. A manifest in another style is not
//! misread silently: its package has no name, and [`packages`] says so.

use std::fs;
use std::path::{Path, PathBuf};

/// Directories with workspaces of their own: members of none of our builds.
pub(crate) const SIDE: [&str; 2] = ["benches", "bridges"];

/// One `Cargo.toml` with a `[package]` table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Where it is, relative to the root, with `/` at the end.
    pub(crate) place: String,
    pub(crate) dependencies: Vec<Dependency>,
    /// The features in the order of the manifest, `default` too if there is one.
    pub(crate) features: Vec<String>,
    /// What `default` turns on.
    pub(crate) default: Vec<String>,
}

/// One line below `[dependencies]` and its relatives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The package's own name, also where the manifest renames it.
    pub(crate) name: String,
    /// Only for tests, examples and benchmarks.
    pub(crate) dev: bool,
}

impl Package {
    /// True for members of the main workspace.
    pub(crate) fn is_member(&self) -> bool {
        !SIDE.iter().any(|side| self.place.starts_with(side))
    }
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

/// All packages at most two directories below the root, ordered by place.
pub(crate) fn packages(root: &Path) -> Result<Vec<Package>, String> {
    let mut packages = Vec::new();
    for directory in directories(root) {
        packages.extend(package(root, &directory)?);
        for below in directories(&directory) {
            packages.extend(package(root, &below)?);
        }
    }
    packages.sort_by(|a, b| a.place.cmp(&b.place));
    Ok(packages)
}

/// The package in this directory; `None` if there is none.
fn package(root: &Path, directory: &Path) -> Result<Option<Package>, String> {
    let path = directory.join("Cargo.toml");
    let Ok(manifest) = fs::read_to_string(&path) else { return Ok(None) };
    if !manifest.lines().any(|line| line.trim() == "[package]") {
        return Ok(None);
    }
    let mut package = parse(&manifest);
    if package.name.is_empty() {
        return Err(format!("{}: write `name = \"…\"` on a line below [package]", path.display()));
    }
    package.place = format!("{}/", relative(root, directory));
    Ok(Some(package))
}

/// Directories below `directory` that can hold what we wrote.
pub(crate) fn directories(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| is_ours(path)).collect();
    found.sort();
    found
}

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.is_dir() && !path.is_symlink() && name != "target" && !name.starts_with('.')
}

/// The path below the root, with `/` between its parts.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.to_string_lossy().replace('\\', "/")
}

fn parse(manifest: &str) -> Package {
    let mut package = Package::default();
    let mut table = String::new();
    for entry in entries(manifest) {
        if let Some(name) = entry.strip_prefix('[') {
            table = name.trim_end_matches(']').to_owned();
            package.dependencies.extend(dependency_table(&table));
        } else if let Some((key, value)) = entry.split_once('=') {
            read_entry(&mut package, &table, key.trim(), value.trim());
        }
    }
    package
}

fn read_entry(package: &mut Package, table: &str, key: &str, value: &str) {
    match table {
        "package" if key == "name" => package.name = strings(value).remove(0),
        "features" => {
            package.features.push(key.to_owned());
            if key == "default" {
                package.default = strings(value);
            }
        }
        _ => {
            if let Some(dev) = dependencies_table(table) {
                package.dependencies.push(Dependency { name: true_name(key, value), dev });
            }
        }
    }
}

/// Table headers and `key = value` entries, each on one line and without comments.
fn entries(manifest: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    let mut open = 0;
    for line in manifest.lines().map(without_comment) {
        if open > 0 {
            entries.last_mut().unwrap_or(&mut String::new()).push_str(line);
        } else if !line.is_empty() {
            entries.push(line.to_owned());
        }
        open += balance(line);
    }
    entries
}

/// How many brackets and braces of this line stay open.
fn balance(line: &str) -> i32 {
    let one = |c| match c {
        '[' | '{' => 1,
        ']' | '}' => -1,
        _ => 0,
    };
    line.chars().map(one).sum()
}

fn without_comment(line: &str) -> &str {
    let mut in_string = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' | '\'' => in_string = !in_string,
            '#' if !in_string => return line[..at].trim(),
            _ => {}
        }
    }
    line.trim()
}

/// `Some(dev)` for `dependencies`, `dev-dependencies`, `build-dependencies`, also of a target.
fn dependencies_table(table: &str) -> Option<bool> {
    let last = if table.starts_with("target.") { table.rsplit('.').next()? } else { table };
    match last {
        "dependencies" | "build-dependencies" => Some(false),
        "dev-dependencies" => Some(true),
        _ => None,
    }
}

/// The dependency of a table of its own, `[dependencies.name]`.
fn dependency_table(table: &str) -> Option<Dependency> {
    let (parent, name) = table.rsplit_once('.')?;
    let dev = dependencies_table(parent)?;
    Some(Dependency { name: name.to_owned(), dev })
}

/// `a` of `a.workspace`, and `b` of `a = { package = "b" }`.
fn true_name(key: &str, value: &str) -> String {
    let renamed =
        value.split_once("package =").and_then(|(_, rest)| strings(rest).into_iter().next());
    let plain = key.split('.').next().unwrap_or(key).trim_matches('"');
    renamed.unwrap_or_else(|| plain.to_owned())
}

/// The contents of all quotes; one empty string if there is none.
fn strings(value: &str) -> Vec<String> {
    let found: Vec<String> = value.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    if found.is_empty() && !value.starts_with('[') { vec![String::new()] } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r##"
[package]
name = "sample" # a comment
version.workspace = true

[features]
default = [
    "std", # "not-this"
    "net",
]
std = []
net = ["std", "dep:rustix"]

[dependencies]
plain = "1"
dotted.workspace = true
renamed = { package = "true-name", version = "1" }

[dependencies.long]
version = "1"

[target.'cfg(any(unix, target_os = "wasi"))'.dependencies]
rustix = { version = "1", features = [
    "event",
] }

[dev-dependencies]
toy = { path = "../toy" }
"##;

    fn names(package: &Package, dev: bool) -> Vec<&str> {
        let wanted = package.dependencies.iter().filter(|dependency| dependency.dev == dev);
        wanted.map(|dependency| dependency.name.as_str()).collect()
    }

    #[test]
    fn dependencies_are_found_in_every_notation() {
        let package = parse(MANIFEST);
        assert_eq!(names(&package, false), ["plain", "dotted", "true-name", "long", "rustix"]);
        assert_eq!(names(&package, true), ["toy"]);
    }

    #[test]
    fn features_keep_their_order() {
        let package = parse(MANIFEST);
        assert_eq!(package.name, "sample");
        assert_eq!(package.features, ["default", "std", "net"]);
        assert_eq!(package.default, ["std", "net"]);
    }

    #[test]
    fn the_repository_itself_is_understood() {
        let packages = packages(&root()).unwrap();
        let xtask = packages.iter().find(|package| package.name == "xtask").unwrap();
        assert_eq!(xtask.place, "xtask/");
        assert_eq!(xtask.dependencies, []);
        assert!(packages.iter().any(|package| package.place == "runtimes/tokio/"));
    }
}
