//! Runs the program: it joins what it spawned.

#![forbid(unsafe_code)]

use std::process::Command;

#[test]
fn it_greets() {
    let output = Command::new(env!("CARGO_BIN_EXE_hello")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.ends_with("hello at last\n"), "{text}");
}
