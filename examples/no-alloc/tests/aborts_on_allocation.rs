//! Runs the program: an allocation would have aborted it.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::process::Command;

#[test]
fn a_task_a_sleep_and_a_pipe_need_no_heap() {
    let output = Command::new(env!("CARGO_BIN_EXE_no-alloc")).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {errors}", output.status);
    assert_eq!(output.stdout, b"one, two and three are 6, without a heap\n", "{errors}");
}
