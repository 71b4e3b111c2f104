//! Child processes, on every runtime.
//!
//! The promise: each child's end reaches whoever waits for it, no child disturbs another, and none
//! stays as a zombie.
#![cfg(target_os = "linux")]

#[path = "../support/alone.rs"]
mod alone;
#[path = "../support/mod.rs"]
mod support;

mod dropped;
mod exits;
mod hook;
mod inherits;
mod limits;
mod pipes;

use runtime_traits::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use runtime_traits::task::yield_now;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// A shell that runs `script`.
fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// A child that lives until its input ends.
fn cat() -> Command {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    command
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32).unwrap()
}

/// Blocks until the child has exited, and leaves it a zombie.
fn until_exited(pid: Pid) {
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
}

/// Whether it is there still, be it as a zombie.
fn is_child(pid: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    waitid(WaitId::Pid(pid), look).is_ok()
}

/// Waits until nothing is left of it.
async fn until_reaped(pid: Pid) {
    while is_child(pid) {
        yield_now().await;
    }
}

/// All of them may go to other threads.
const _: fn() = || {
    fn goes<T: Send + Sync>() {}
    goes::<(Command, Child, ChildStdin, ChildStdout, ChildStderr)>();
};
