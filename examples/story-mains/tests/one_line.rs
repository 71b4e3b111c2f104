//! An application changes its runtime by one line, and libraries do not notice.

#![forbid(unsafe_code)]

use std::process::Command;

#[test]
fn the_two_mains_differ_in_the_attribute_and_nowhere_else() {
    let default = include_str!("../src/bin/on_default.rs").lines();
    let tokio = include_str!("../src/bin/on_tokio.rs").lines();
    assert_eq!(default.clone().count(), tokio.clone().count());
    let differing: Vec<_> = default.zip(tokio).filter(|(one, other)| one != other).collect();
    assert_eq!(differing, [("#[runtime_default::main]", "#[runtime_tokio::main]")]);
}

#[test]
fn both_run_and_each_is_on_its_own_runtime() {
    let on_default = run(env!("CARGO_BIN_EXE_on_default"));
    assert!(on_default.contains(" hello, says") && on_default.contains("default"), "{on_default}");
    let on_tokio = run(env!("CARGO_BIN_EXE_on_tokio"));
    assert!(on_tokio.contains(" hello, says") && on_tokio.contains("tokio"), "{on_tokio}");
}

#[test]
fn the_library_depends_on_no_runtime() {
    let tree = cargo(&["tree", "-e", "normal", "-p", "library-only", "--prefix", "none"]);
    assert!(tree.contains("runtime-traits "), "is this the tree? {tree}");
    let runtimes = ["tokio", "smol", "async-", "runtime-default", "runtime-tokio", "runtime-smol"];
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
