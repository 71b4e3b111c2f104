//! Runs the program: five beats come.

#![forbid(unsafe_code)]

use std::process::Command;

#[test]
fn a_descriptor_of_its_own_is_awaited() {
    let output = Command::new(env!("CARGO_BIN_EXE_custom-source")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(cfg!(not(target_os = "linux")) || text.contains("5 beats"), "{text}");
}
