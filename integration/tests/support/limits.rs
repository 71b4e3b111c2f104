//! The limit of open files. It belongs to the process, so each test runs itself again as a child,
//! alone.
#![allow(unreachable_pub, reason = "two test programs use it")]

use std::env;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::process::Command;
use std::thread;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const CHILD: &str = "INTEGRATION_CHILD";

/// Runs `test` in a process of its own: the test that calls this, once more.
pub fn in_a_child(test: impl FnOnce()) {
    let name = thread::current().name().unwrap_or_default().to_owned();
    if env::var_os(CHILD).is_some() {
        return test();
    }
    // With one test at a time the harness uses its own thread, which has another name.
    assert!(name.contains("::"), "run with --test-threads=2 or more");
    let mut child = Command::new(env::current_exe().unwrap());
    child.args([&name, "--exact", "--nocapture", "--test-threads=2"]).env(CHILD, "1");
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{text}\n{errors}", output.status);
    assert!(text.contains("1 passed"), "{name} did not run itself: {text}");
}

/// All descriptors that there are, until dropped.
pub struct Exhausted {
    _held: Vec<File>,
    former: Rlimit,
}

impl Exhausted {
    pub fn new() -> Exhausted {
        let first = File::open("/dev/null").unwrap();
        let former = getrlimit(Resource::Nofile);
        let highest = first.as_raw_fd() as u64 + 8;
        setrlimit(Resource::Nofile, Rlimit { current: Some(highest), ..former }).unwrap();
        let mut held = vec![first];
        loop {
            match File::open("/dev/null") {
                Ok(file) => held.push(file),
                Err(error) => {
                    assert!(is_limit(&error), "{error}");
                    return Exhausted { _held: held, former };
                }
            }
        }
    }
}

impl Drop for Exhausted {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.former).unwrap();
    }
}

pub fn is_limit(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::MFILE)
}
