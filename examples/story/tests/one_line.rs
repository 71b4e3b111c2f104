//! An application changes its runtime by one line, and libraries do not notice.

#![forbid(unsafe_code)]

use std::process::Command;

const ON_DEFAULT: &str = include_str!("../src/bin/on_default.rs");

#[test]
fn the_mains_differ_in_the_attribute_and_nowhere_else() {
    let default = "#[runtime_default::main]";
    let on_humboldt = include_str!("../src/bin/on_humboldt.rs");
    assert_eq!(differing(ON_DEFAULT, on_humboldt), [(default, "#[humboldt::main]")]);
    let on_tokio = include_str!("../src/bin/on_tokio.rs");
    assert_eq!(differing(ON_DEFAULT, on_tokio), [(default, "#[runtime_tokio::main]")]);
}

/// The lines that are not the same.
fn differing<'a>(one: &'a str, other: &'a str) -> Vec<(&'a str, &'a str)> {
    assert_eq!(one.lines().count(), other.lines().count());
    one.lines().zip(other.lines()).filter(|(one, other)| one != other).collect()
}

#[test]
fn all_run_and_each_is_on_its_own_runtime() {
    for (program, runtime) in [
        (env!("CARGO_BIN_EXE_on_default"), "default"),
        (env!("CARGO_BIN_EXE_on_humboldt"), "humboldt"),
        (env!("CARGO_BIN_EXE_on_tokio"), "tokio"),
    ] {
        let output = run(program);
        let end = format!(" hello, says the server on runtime `{runtime}`\n");
        assert!(output.ends_with(&end), "{output}");
    }
}

#[test]
fn the_library_depends_on_no_runtime() {
    let tree = cargo(&["tree", "-e", "normal", "-p", "library-only", "--prefix", "none"]);
    assert!(tree.contains("runtime-traits "), "is this the tree? {tree}");
    let runtimes =
        ["tokio", "smol", "async-", "runtime-default", "runtime-tokio", "runtime-smol", "humboldt"];
    let found: Vec<_> =
        tree.lines().filter(|line| runtimes.iter().any(|name| line.starts_with(name))).collect();
    assert!(found.is_empty(), "a library must not depend on a runtime: {found:?}");
}

fn run(program: &str) -> String {
    let output = Command::new(program).output().unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(args)
        .arg("--offline") // the lock file is complete: the test itself was built with it
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
