//! BLOCKING-6: `unblock` tries to start a thread in a loop, for ever, if none can be started.
//! Fails when upstream is mended.
use std::{env, process::Command, thread, time::Duration};

const STACK: &str = "RUST_MIN_STACK";

fn main() {
    if env::var_os(STACK).is_some() {
        return smol::unblock(|| ()).detach(); // returns if upstream is mended
    }
    // In a process where no thread can be started, because their stacks would be too large.
    let mut child = Command::new(env::current_exe().unwrap());
    let mut child = child.env(STACK, (1_u64 << 60).to_string()).spawn().unwrap();
    thread::sleep(Duration::from_secs(3));
    let returned = child.try_wait().unwrap();
    let _ = child.kill();
    child.wait().unwrap();
    assert!(returned.is_none(), "mended: take BLOCKING-6 out of conformance.toml");
}
