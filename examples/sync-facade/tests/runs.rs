//! Runs the program: four callers, one refused.

#![forbid(unsafe_code)]

use std::process::Command;

#[test]
fn it_works_wherever_a_thread_may_wait() {
    let output = Command::new(env!("CARGO_BIN_EXE_sync-facade")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    let answers = text.lines().filter(|line| line.ends_with(": 42")).count();
    assert!(answers == 3 && text.contains("a task: this cannot be done here"), "{text}");
}
