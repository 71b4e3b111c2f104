//! Nodes as child processes, and what talks to them.
//!
//! ```text
//!   Launch ──start──▶ Node ◀──ask── Client (RESP, blocking, nothing of the program's own)
//!                      ▲
//!      Relay ──────────┘  an address that outlives a node
//! ```
//!
//! - **T1** Every node listens at port 0 and says where; every test has a directory of its own.
//! - **T2** Nothing is ordered by sleeping: [`until`] asks again and again. Its only upper bound is
//!   the watchdog, and that means *hang*.
//! - **T3** A node is killed, and a directory removed, when its owner is dropped, also by a panic.
#![allow(dead_code, reason = "each test program uses some of it")]

mod client;
mod node;
mod relay;
mod tools;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use client::{Client, request};
pub(crate) use node::{Launch, Node, PROGRAM, agree, runtimes};
pub(crate) use relay::Relay;
pub(crate) use tools::{
    Benchmark, Running, announced_lines, raise_descriptor_limit, redis_cli, redis_cli_fed,
    resident_kib,
};

/// After this long without an end something hangs.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(240);

/// How long to rest before asking again.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks until there is an answer; what it hears instead is part of the message if it never comes.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(state) if start.elapsed() > WATCHDOG => panic!("hangs: {what}; last seen: {state}"),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// As [`until`], for something that is true or not.
pub(crate) fn until_true(what: &str, mut look: impl FnMut() -> bool) {
    until(what, || if look() { Ok(()) } else { Err("it is not so".to_owned()) });
}

/// A directory that goes away.
pub(crate) struct TestDir(PathBuf);

impl TestDir {
    pub(crate) fn new() -> TestDir {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name =
            format!("distridata-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        TestDir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
