//! A test in a process of its own: for limits and signals, which belong to the process.
#![allow(dead_code, unreachable_pub, reason = "each test program uses some of it")]

use std::env;
use std::process::Command;
use std::thread;

const CHILD: &str = "INTEGRATION_CHILD";

/// Runs `test` in a process of its own: the test that calls this, once more.
pub fn in_a_child(test: impl FnOnce()) {
    in_a_shells_child(":", test);
}

/// As [`in_a_child`], after a shell has run `first` in that process.
pub fn in_a_shells_child(first: &str, test: impl FnOnce()) {
    let name = thread::current().name().unwrap_or_default().to_owned();
    if env::var_os(CHILD).is_some() {
        return test();
    }
    // With one test at a time the harness uses its own thread, which has another name.
    assert!(name.contains("::"), "run with --test-threads=2 or more");
    let mut child = Command::new("sh");
    child.args(["-c", &format!("{first}; exec \"$0\" \"$@\"")]).arg(env::current_exe().unwrap());
    child.args([&name, "--exact", "--nocapture", "--test-threads=2"]).env(CHILD, "1");
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{text}\n{errors}", output.status);
    assert!(text.contains("1 passed"), "{name} did not run itself: {text}");
}
