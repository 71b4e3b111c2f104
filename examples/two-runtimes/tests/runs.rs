//! Runs the program: it asserts by itself who is current where.

#![forbid(unsafe_code)]

use std::process::Command;

#[test]
fn each_runtime_is_current_where_its_code_runs() {
    let output = Command::new(env!("CARGO_BIN_EXE_two-runtimes")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.lines().count() > 10, "{text}");
}
